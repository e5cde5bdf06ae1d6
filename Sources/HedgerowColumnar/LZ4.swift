import Glibc

/// Blocks of LZ4: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
enum LZ4 {
  /// More bytes than that come out of none that go in.
  static let greatestRatio = 256

  static var damage: PageFault { PageFault("has damaged LZ4 data") }

  /// Decompresses a block behind the first `start` bytes of the output, which it may copy from.
  ///
  /// - Returns: the bytes of the output that have their values then.
  static func decompress(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, from start: Int = 0
  ) throws -> Int {
    guard let out = output.baseAddress, let bytes = input.baseAddress else { throw damage }
    var place = 0
    var filled = start
    func length(_ bits: Int) throws -> Int {
      guard bits == 15 else { return bits }
      var sum = 15
      while place < input.count {
        let byte = Int(input[place])
        place += 1
        sum += byte
        if byte < 255 { return sum }
      }
      throw damage
    }
    while place < input.count {
      let token = Int(input[place])
      place += 1
      let literalCount = try length(token >> 4)
      guard literalCount <= input.count - place, literalCount <= output.count - filled else {
        throw damage
      }
      memcpy(out + filled, bytes + place, literalCount)
      place += literalCount
      filled += literalCount
      // The last sequence ends here.
      if place == input.count { return filled }
      guard input.count - place >= 2 else { throw damage }
      let distance = Int(input[place]) | Int(input[place + 1]) << 8
      place += 2
      let count = try length(token & 15) + 4
      guard distance > 0, distance <= filled, count <= output.count - filled else { throw damage }
      if distance >= count {
        memcpy(out + filled, out + filled - distance, count)
      } else {
        // What was just written is copied again.
        for index in filled..<filled + count { output[index] = output[index - distance] }
      }
      filled += count
    }
    throw damage
  }
}

/// A frame of LZ4, read from its beginning to its end, a block at a time:
/// https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
///
/// Checksums are stepped over. Memory: a block of at most 4 MiB, and the 64 KiB before it.
final class LZ4Frame {
  private static let historyByteCount = 1 << 16

  private let file: FileBytes
  private var rest: Range<Int>
  private let blockByteCount: Int
  private let checksumByteCount: Int
  /// The end of the blocks before, which a block may copy from, and behind it a block.
  private var window: [UInt8]
  private var filled = 0
  private var used = 0

  /// - Parameter length: all that comes out of the frame.
  init(_ file: FileBytes, _ range: Range<Int>, length: Int) throws {
    guard range.count >= 7 else { throw LZ4.damage }
    let head = try file.bytes(at: range.lowerBound, count: 6)
    let flags = head[4]
    let size = Int(head[5] >> 4 & 7)
    guard head[..<4] == [0x04, 0x22, 0x4D, 0x18], flags >> 6 == 1, flags & 1 == 0, size >= 4 else {
      throw PageFault("has LZ4 data that is no frame as it is written today")
    }
    // With its length, and a byte of a checksum.
    let headByteCount = flags & 8 == 0 ? 7 : 15
    guard headByteCount <= range.count else { throw LZ4.damage }
    self.file = file
    rest = (range.lowerBound + headByteCount)..<range.upperBound
    blockByteCount = 1 << (8 + 2 * size)
    checksumByteCount = flags & 16 == 0 ? 0 : 4
    window = [UInt8](
      repeating: 0, count: Self.historyByteCount + min(blockByteCount, length))
  }

  /// Some of the next bytes.
  func read(into out: UnsafeMutableRawBufferPointer) throws -> Int {
    if used == filled { try readBlock() }
    let count = min(out.count, filled - used)
    window.withUnsafeBytes { _ = memcpy(out.baseAddress!, $0.baseAddress! + used, count) }
    used += count
    return count
  }

  private func readBlock() throws {
    guard rest.count >= 4 else { throw LZ4.damage }
    let head = try file.bytes(at: rest.lowerBound, count: 4)
      .reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    let isPlain = head >> 31 == 1
    let count = Int(head & 0x7FFF_FFFF)
    guard count > 0 else { throw PageFault("has a compressed buffer that ends too early") }
    guard count <= blockByteCount, count + checksumByteCount <= rest.count - 4 else {
      throw LZ4.damage
    }
    let block = try file.bytes(at: rest.lowerBound + 4, count: count)
    rest = (rest.lowerBound + 4 + count + checksumByteCount)..<rest.upperBound
    let kept = min(filled, Self.historyByteCount)
    let before = filled
    filled = try window.withUnsafeMutableBytes { window in
      memmove(window.baseAddress!, window.baseAddress! + before - kept, kept)
      return try block.withUnsafeBytes { block in
        guard isPlain else { return try LZ4.decompress(block, into: window, from: kept) }
        guard count <= window.count - kept else { throw LZ4.damage }
        memcpy(window.baseAddress! + kept, block.baseAddress!, count)
        return kept + count
      }
    }
    used = kept
    guard filled > used else { throw LZ4.damage }
  }
}
