import CHedgerowZlib
import Glibc
import HedgerowCore

/// The bytes of an input file, decompressed when it begins like a gzip file.
///
/// Reads go forward only and never hold more than a fixed buffer. Concatenated gzip members follow
/// one another as the gzip tool has it; a file that ends inside one is an error.
package final class ByteSource {
  package let path: String
  /// The size of the file as it is on disk.
  package let fileByteCount: Int
  /// Bytes of the file used so far.
  package private(set) var filePosition = 0

  private let descriptor: Int32
  private var inflater: Inflater?

  /// - Throws: `noInput` when there is no such file, `badData` for other compressions.
  package init(path: String) throws {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let cause = String(cString: strerror(errno))
      throw HedgerowError(.noInput, "cannot be opened: \(cause)", at: path)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw HedgerowError(.noInput, "is no regular file", at: path)
    }
    fileByteCount = Int(status.st_size)
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
    // From here on, all properties have their values: `deinit` closes the file if this throws.
    try detectCompression()
  }

  deinit { close(descriptor) }

  private static let foreign: [([UInt8], String)] = [
    ([0x28, 0xB5, 0x2F, 0xFD], "zstd"), ([0xFD, 0x37, 0x7A, 0x58], "xz"),
    ([0x42, 0x5A, 0x68], "bzip2"), ([0x50, 0x4B, 0x03, 0x04], "zip"),
  ]

  private func detectCompression() throws {
    var magic = [UInt8](repeating: 0, count: 4)
    let count = pread(descriptor, &magic, 4, 0)
    guard count > 0 else { return }
    let start = magic[..<count]
    for (bytes, name) in Self.foreign where start.starts(with: bytes) {
      throw HedgerowError(
        .badData, "is compressed with \(name): decompress it first, or use gzip", at: path)
    }
    if start.starts(with: [0x1F, 0x8B]) { inflater = try Inflater(path: path) }
  }

  /// Fills the buffer as far as the input goes; fewer bytes than asked for means that it has ended.
  package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    guard let inflater else { return try readFile(into: buffer) }
    return try inflater.read(into: buffer) { try self.readFile(into: $0) }
  }

  private func readFile(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var done = 0
    while done < buffer.count {
      let count = Glibc.read(descriptor, buffer.baseAddress! + done, buffer.count - done)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else {
        throw HedgerowError(.io, "cannot be read: \(String(cString: strerror(errno)))", at: path)
      }
      if count == 0 { break }
      done += count
    }
    filePosition += done
    return done
  }
}

/// A gzip decoder with its input buffer.
private final class Inflater {
  private let path: String
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
  private enum State { case insideMember, betweenMembers, ended }
  private var state = State.insideMember

  init(path: String) throws {
    self.path = path
    stream.initialize(to: z_stream())
    // 31: the largest window, with a gzip header.
    guard inflateInit2_(stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw HedgerowError(.io, "zlib cannot be started", at: path)
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
    input.deallocate()
  }

  func read(
    into buffer: UnsafeMutableRawBufferPointer,
    refill: (UnsafeMutableRawBufferPointer) throws -> Int
  ) throws -> Int {
    stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(buffer.count)
    while stream.pointee.avail_out > 0, state != .ended {
      if stream.pointee.avail_in == 0 {
        let count = try refill(input)
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = UInt32(count)
        if count == 0 {
          guard state == .betweenMembers else {
            throw HedgerowError(
              .badData, "ends inside its gzip data: the file is truncated, fetch it again",
              at: path)
          }
          state = .ended
          break
        }
      }
      if state == .betweenMembers {
        // Zero bytes may pad the end, as tapes leave them; anything else must be a member.
        if stream.pointee.next_in.pointee == 0 {
          stream.pointee.next_in += 1
          stream.pointee.avail_in -= 1
          continue
        }
        inflateReset(stream)
        state = .insideMember
      }
      switch inflate(stream, Z_NO_FLUSH) {
      case Z_OK, Z_BUF_ERROR: break
      case Z_STREAM_END: state = .betweenMembers
      default:
        let cause = stream.pointee.msg.map { String(cString: $0) } ?? "unknown"
        throw HedgerowError(
          .badData, "has damaged gzip data (\(cause)): fetch the file again", at: path)
      }
    }
    return buffer.count - Int(stream.pointee.avail_out)
  }
}
