import CHedgerowZstd
import Glibc
import HedgerowCore

/// A buffer of a record batch, read from its beginning to its end: as it is in the file, or decompressed
/// on the way, so that its length costs no memory.
final class ArrowBuffer {
  private static let windowByteCount = 1 << 16
  /// What every level up to 19 needs.
  private static let maximumWindowBits: Int32 = 23

  /// Bytes that are still to be read, by the file's word.
  private(set) var left: Int
  private let file: FileBytes
  private var rest: Range<Int>
  private var stream: OpaquePointer?
  private var frame: LZ4Frame?
  private var window: [UInt8] = []
  private var used = 0
  /// Of bits, the byte that is not read to its end.
  private var byte: UInt8 = 0
  private var bitsLeft = 0

  /// - Parameter codec: unless it is none, the buffer begins with its length, and is compressed unless
  ///   that is -1.
  init(_ file: FileBytes, _ range: Range<Int>, _ codec: PageCodec) throws {
    self.file = file
    rest = range
    left = range.count
    guard codec != .none, !range.isEmpty else { return }
    guard range.count >= 8 else { throw PageFault("has a compressed buffer without its length") }
    let head = try file.bytes(at: range.lowerBound, count: 8)
    let length = head.reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) }
    rest = (range.lowerBound + 8)..<range.upperBound
    if length == -1 {
      left = rest.count
      return
    }
    guard length >= 0, codec.canHold(Int(length), in: rest.count) else {
      throw PageFault("has a buffer whose sizes do not fit each other")
    }
    left = Int(length)
    if codec == .lz4 {
      frame = try LZ4Frame(file, rest, length: left)
      return
    }
    stream = ZSTD_createDStream()
    guard stream != nil else { throw PageFault("needs zstd, which cannot be started") }
    ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, Self.maximumWindowBits)
  }

  /// Where in the file what is left begins, if it is not compressed.
  var start: Int? { isPlain ? rest.lowerBound : nil }

  private var isPlain: Bool { stream == nil && frame == nil }

  deinit { ZSTD_freeDStream(stream) }

  /// The next bytes, which must be there.
  func read(into out: UnsafeMutableRawBufferPointer) throws {
    guard out.count <= left else { throw PageFault("has a buffer that is too short") }
    left -= out.count
    var done = 0
    while done < out.count {
      if let frame {
        done += try frame.read(into: UnsafeMutableRawBufferPointer(rebasing: out[done...]))
        continue
      }
      if used == window.count, stream == nil, out.count - done >= Self.windowByteCount {
        try file.read(
          at: rest.lowerBound, into: UnsafeMutableRawBufferPointer(rebasing: out[done...]))
        rest = (rest.lowerBound + out.count - done)..<rest.upperBound
        return
      }
      if used == window.count { try refill() }
      if let stream {
        done += try decompress(stream, into: UnsafeMutableRawBufferPointer(rebasing: out[done...]))
      } else {
        let count = min(out.count - done, window.count - used)
        window.withUnsafeBytes {
          _ = memcpy(out.baseAddress! + done, $0.baseAddress! + used, count)
        }
        used += count
        done += count
      }
    }
  }

  private func refill() throws {
    let count = min(Self.windowByteCount, rest.count)
    // What is left in the decoder may come out without any more.
    guard count > 0 || stream != nil else { throw PageFault("has a buffer that is too short") }
    window = try file.bytes(at: rest.lowerBound, count: count)
    rest = (rest.lowerBound + count)..<rest.upperBound
    used = 0
  }

  private func decompress(
    _ stream: OpaquePointer, into out: UnsafeMutableRawBufferPointer
  ) throws -> Int {
    var output = ZSTD_outBuffer(dst: out.baseAddress, size: out.count, pos: 0)
    let before = used
    let result = window.withUnsafeBytes {
      var input = ZSTD_inBuffer(src: $0.baseAddress, size: $0.count, pos: used)
      defer { used = input.pos }
      return ZSTD_decompressStream(stream, &output, &input)
    }
    guard ZSTD_isError(result) == 0 else { throw PageFault("has damaged zstd data") }
    guard output.pos > 0 || used > before else {
      throw PageFault("has a compressed buffer that ends too early")
    }
    return output.pos
  }

  func skip(_ count: Int) throws {
    guard count <= left else { throw PageFault("has a buffer that is too short") }
    if isPlain {
      let buffered = min(count, window.count - used)
      used += buffered
      rest = (rest.lowerBound + count - buffered)..<rest.upperBound
      left -= count
      return
    }
    var part = [UInt8](repeating: 0, count: min(count, Self.windowByteCount))
    var done = 0
    while done < count {
      try part.withUnsafeMutableBytes {
        try read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<min($0.count, count - done)]))
      }
      done += min(part.count, count - done)
    }
  }

  // MARK: Bits

  /// Appends the next bits as flags.
  func read(bits count: Int, into flags: inout [Bool]) throws {
    for _ in 0..<count {
      if bitsLeft == 0 {
        try withUnsafeMutableBytes(of: &byte) { try read(into: $0) }
        bitsLeft = 8
      }
      flags.append(byte & 1 == 1)
      byte >>= 1
      bitsLeft -= 1
    }
  }

  func skip(bits count: Int) throws {
    var ignored: [Bool] = []
    let head = min(count, bitsLeft)
    try read(bits: head, into: &ignored)
    try skip((count - head) / 8)
    try read(bits: (count - head) % 8, into: &ignored)
  }
}
