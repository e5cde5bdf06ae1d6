import CHedgerowZlib
import Glibc
import HedgerowCore
import HedgerowMapped

/// A zip archive (PKWARE's APPNOTE.TXT), as NumPy's `.npz` files are: members that are stored or
/// deflated, of any size.
///
/// Members are found by the directory at the end, which knows their sizes, whether or not they were
/// known when the members were written. Memory: the directory, and two fixed buffers.
final class ZipArchive {
  struct Member {
    var name: String
    var byteCount: Int
    fileprivate(set) var compressedByteCount: Int
    fileprivate var isDeflated: Bool
    fileprivate var checksum: UInt32
    fileprivate var headerOffset: Int
  }

  /// What messages call the file.
  let name: String
  private(set) var members: [Member] = []
  private let descriptor: Int32
  private let fileByteCount: Int

  /// More than anybody puts into one archive of arrays.
  private static let memberLimit = 1 << 16
  private static let bufferByteCount = 1 << 18
  /// What deflate makes of a byte at most.
  private static let largestRatio = 1032

  init(_ path: String, called name: String) throws {
    self.name = name
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileSystem.failure("open", name) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw HedgerowError(.noInput, "is no regular file", at: name)
    }
    fileByteCount = Int(status.st_size)
    // From here on, all properties have their values: `deinit` closes the file if this throws.
    try readDirectory()
  }

  deinit { close(descriptor) }

  private func refuse(_ message: String) -> HedgerowError {
    HedgerowError(.badData, message, at: name)
  }

  private var isNoArchive: HedgerowError { refuse("is no zip archive, or is cut short") }

  // MARK: Bytes

  private func bytes(at offset: Int, count: Int) throws -> [UInt8] {
    guard offset >= 0, count >= 0, count <= fileByteCount, offset <= fileByteCount - count else {
      throw isNoArchive
    }
    return try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      try fill(UnsafeMutableRawBufferPointer(buffer), from: offset)
      filled = count
    }
  }

  private func fill(_ buffer: UnsafeMutableRawBufferPointer, from offset: Int) throws {
    var done = 0
    while done < buffer.count {
      let count = pread(
        descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        throw HedgerowError(
          .io,
          "cannot be read: \(count == 0 ? "it became shorter" : String(cString: strerror(errno)))",
          at: name)
      }
      done += count
    }
  }

  /// A number of 2, 4 or 8 bytes; one beyond Int is as far beyond the file as any.
  private static func number(_ bytes: [UInt8], _ offset: Int, _ width: Int) -> Int {
    let value = (0..<width).reduce(UInt64(0)) {
      $0 | UInt64(bytes[offset + $1]) << (8 * UInt64($1))
    }
    return Int(clamping: value)
  }

  // MARK: Directory

  private struct Directory {
    var count: Int
    var byteCount: Int
    var offset: Int
  }

  private func findDirectory() throws -> Directory {
    // The record at the very end may be followed by a comment.
    let tail = min(fileByteCount, 22 + 65_535)
    let start = fileByteCount - tail
    let bytes = try bytes(at: start, count: tail)
    let found = stride(from: tail - 22, through: 0, by: -1).first {
      bytes[$0...].starts(with: [0x50, 0x4B, 5, 6])
        && $0 + 22 + Self.number(bytes, $0 + 20, 2) == tail
    }
    guard let found else { throw isNoArchive }
    let directory = Directory(
      count: Self.number(bytes, found + 10, 2), byteCount: Self.number(bytes, found + 12, 4),
      offset: Self.number(bytes, found + 16, 4))
    let isLarge =
      directory.count == 0xFFFF || directory.byteCount == 0xFFFF_FFFF
      || directory.offset == 0xFFFF_FFFF
    guard isLarge, start + found >= 20 else { return directory }
    let locator = try self.bytes(at: start + found - 20, count: 20)
    guard locator.starts(with: [0x50, 0x4B, 6, 7]) else { return directory }
    let record = try self.bytes(at: Self.number(locator, 8, 8), count: 56)
    guard record.starts(with: [0x50, 0x4B, 6, 6]) else { throw isNoArchive }
    return Directory(
      count: Self.number(record, 32, 8), byteCount: Self.number(record, 40, 8),
      offset: Self.number(record, 48, 8))
  }

  private func readDirectory() throws {
    let directory = try findDirectory()
    guard directory.count <= Self.memberLimit else {
      throw refuse("has \(directory.count) members: at most \(Self.memberLimit) are read")
    }
    // Names and what else a member may have, at their longest.
    guard directory.byteCount <= directory.count * (46 + 3 * 65_535) else { throw isNoArchive }
    let bytes = try bytes(at: directory.offset, count: directory.byteCount)
    var position = 0
    var names: Set<String> = []
    for _ in 0..<directory.count {
      guard position + 46 <= bytes.count, bytes[position...].starts(with: [0x50, 0x4B, 1, 2])
      else { throw isNoArchive }
      let lengths = (0..<3).map { Self.number(bytes, position + 28 + 2 * $0, 2) }
      let end = position + 46 + lengths.reduce(0, +)
      guard end <= bytes.count else { throw isNoArchive }
      let nameEnd = position + 46 + lengths[0]
      let member = try member(
        bytes, position, name: String(decoding: bytes[position + 46..<nameEnd], as: UTF8.self),
        extra: nameEnd..<nameEnd + lengths[1])
      guard names.insert(member.name).inserted else {
        throw refuse("lists the member '\(member.name.prefix(60))' twice")
      }
      members.append(member)
      position = end
    }
  }

  private func member(
    _ bytes: [UInt8], _ position: Int, name: String, extra: Range<Int>
  ) throws -> Member {
    func place(_ message: String) -> HedgerowError {
      HedgerowError(.badData, message, at: "\(self.name):\(name.prefix(60))")
    }
    var sizes = [24, 20, 42].map { Self.number(bytes, position + $0, 4) }
    // What does not fit into four bytes stands in eight, in this order.
    var field = extra.lowerBound
    while field + 4 <= extra.upperBound {
      let end = field + 4 + Self.number(bytes, field + 2, 2)
      guard end <= extra.upperBound else { break }
      if Self.number(bytes, field, 2) == 1 {
        var next = field + 4
        for index in sizes.indices where sizes[index] == 0xFFFF_FFFF && next + 8 <= end {
          sizes[index] = Self.number(bytes, next, 8)
          next += 8
        }
      }
      field = end
    }
    guard bytes[position + 8] & 1 == 0 else { throw place("is encrypted") }
    let method = Self.number(bytes, position + 10, 2)
    guard method == 0 || method == 8 else {
      throw place("is compressed by method \(method): stored and deflated members are read")
    }
    guard
      method == 0
        ? sizes[0] == sizes[1] : sizes[0] / Self.largestRatio <= sizes[1], sizes[1] <= fileByteCount
    else { throw place("claims \(sizes[0]) bytes, which its \(sizes[1]) do not hold") }
    return Member(
      name: name, byteCount: sizes[0], compressedByteCount: sizes[1], isDeflated: method == 8,
      checksum: UInt32(Self.number(bytes, position + 16, 4)), headerOffset: sizes[2])
  }

  // MARK: Members

  /// Writes a member to a new file.
  ///
  /// - Parameter progress: called with the bytes written so far; may throw to stop.
  /// - Throws: `badData` when it is damaged.
  func extract(_ member: Member, to path: String, progress: (Int) throws -> Void) throws {
    let place = "\(name):\(member.name)"
    let header = try bytes(at: member.headerOffset, count: 30)
    guard header.starts(with: [0x50, 0x4B, 3, 4]) else { throw isNoArchive }
    let start =
      member.headerOffset + 30 + Self.number(header, 26, 2) + Self.number(header, 28, 2)
    guard start <= fileByteCount - member.compressedByteCount else { throw isNoArchive }
    let output = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard output >= 0 else { throw FileSystem.failure("create", path) }
    defer { close(output) }
    var written = 0
    var checksum = crc32(0, nil, 0)
    func write(_ bytes: UnsafeRawBufferPointer) throws {
      guard bytes.count <= member.byteCount - written else {
        throw HedgerowError(.badData, "is longer than the archive says", at: place)
      }
      checksum = crc32(
        checksum, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt32(bytes.count))
      try FileSystem.write(bytes, to: output, at: path)
      written += bytes.count
      try progress(written)
    }
    let inflater = member.isDeflated ? try Inflater(called: place) : nil
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Self.bufferByteCount, alignment: 16)
    defer { buffer.deallocate() }
    var done = 0
    while done < member.compressedByteCount {
      let part = UnsafeMutableRawBufferPointer(
        rebasing: buffer[..<min(buffer.count, member.compressedByteCount - done)])
      try fill(part, from: start + done)
      done += part.count
      if let inflater { try inflater.inflate(part, write) } else { try write(.init(part)) }
    }
    guard inflater?.hasEnded != false, written == member.byteCount,
      UInt32(checksum) == member.checksum
    else { throw HedgerowError(.badData, "is damaged: make the archive again", at: place) }
  }
}

/// Undoes deflate without any header.
private final class Inflater {
  private let place: String
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
  private(set) var hasEnded = false

  init(called place: String) throws {
    self.place = place
    stream.initialize(to: z_stream())
    guard inflateInit2_(stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw HedgerowError(.io, "zlib cannot be started", at: place) }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
    output.deallocate()
  }

  /// Hands on what the next bytes make.
  func inflate(
    _ input: UnsafeMutableRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    stream.pointee.next_in = input.baseAddress!.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_in = UInt32(input.count)
    while !hasEnded {
      stream.pointee.next_out = output.baseAddress!.assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_out = UInt32(output.count)
      let status = CHedgerowZlib.inflate(stream, Z_NO_FLUSH)
      guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
        throw HedgerowError(.badData, "is damaged: make the archive again", at: place)
      }
      hasEnded = status == Z_STREAM_END
      let count = output.count - Int(stream.pointee.avail_out)
      if count > 0 { try body(UnsafeRawBufferPointer(rebasing: output[..<count])) }
      if stream.pointee.avail_out > 0 { break }
    }
  }
}
