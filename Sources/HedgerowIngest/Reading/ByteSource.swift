import Glibc
import HedgerowCore

/// The bytes of an input file, decompressed when it begins like a gzip or zstd file.
///
/// Reads go forward only and never hold more than fixed buffers. Concatenated gzip members or zstd
/// frames follow one another as their tools have it; a file that ends inside one is an error.
package final class ByteSource {
  /// What messages call the file.
  package let name: String
  /// The size of the file as it is on disk.
  package let fileByteCount: Int
  /// Bytes of the file used so far.
  package private(set) var filePosition = 0

  private let descriptor: Int32
  /// Where it ends for its reader.
  private var limit = Int.max
  private var decoder: (any Decoder)?

  /// - Parameter name: what messages call the file; its path unless given.
  /// - Parameter stretch: what is read of a file that is not compressed.
  /// - Throws: `noInput` when there is no such file, `badData` for other compressions.
  package convenience init(path: String, called name: String? = nil) throws {
    try self.init(path: path, called: name, stretch: nil)
  }

  init(path: String, called name: String? = nil, stretch: FileStretch?) throws {
    let name = name ?? path
    self.name = name
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let cause = String(cString: strerror(errno))
      throw HedgerowError(.noInput, "cannot be opened: \(cause)", at: name)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw HedgerowError(.noInput, "is no regular file", at: name)
    }
    fileByteCount = Int(status.st_size)
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
    // From here on, all properties have their values: `deinit` closes the file if this throws.
    try detectCompression()
    guard let stretch else { return }
    guard decoder == nil else {
      throw HedgerowError(
        .badData, "is compressed, and only plain text can be read as it grows", at: name)
    }
    limit = stretch.end
    filePosition = stretch.start
    guard lseek(descriptor, off_t(stretch.start), SEEK_SET) >= 0 else {
      throw HedgerowError(.io, "cannot be read: \(String(cString: strerror(errno)))", at: name)
    }
  }

  deinit { close(descriptor) }

  private static let foreign: [([UInt8], String)] = [
    ([0xFD, 0x37, 0x7A, 0x58], "xz"), ([0x42, 0x5A, 0x68], "bzip2"),
    ([0x50, 0x4B, 0x03, 0x04], "zip"),
  ]

  private func detectCompression() throws {
    var magic = [UInt8](repeating: 0, count: 4)
    let count = pread(descriptor, &magic, 4, 0)
    guard count > 0 else { return }
    let start = magic[..<count]
    for (bytes, format) in Self.foreign where start.starts(with: bytes) {
      throw HedgerowError(
        .badData, "is compressed with \(format): decompress it first, or use gzip or zstd", at: name
      )
    }
    for (magic, format) in [("PAR1", "a Parquet"), ("ARRO", "an Arrow")]
    where start.elementsEqual(magic.utf8) {
      throw HedgerowError(
        .badData, "is \(format) file, which is read from a file only, with --nodes or --edges",
        at: name)
    }
    if start.starts(with: [0x1F, 0x8B]) { decoder = try GzipDecoder(name: name) }
    // Frames that say nothing may come first.
    let isSkippable =
      count == 4 && magic[0] & 0xF0 == 0x50 && magic[1...].elementsEqual([0x2A, 0x4D, 0x18])
    if isSkippable || start.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
      decoder = try ZstdDecoder(name: name)
    }
  }

  /// Fills the buffer as far as the input goes; fewer bytes than asked for means that it has ended.
  package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    guard let decoder else { return try readFile(into: buffer) }
    return try decoder.read(into: buffer) { try self.readFile(into: $0) }
  }

  private func readFile(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var done = 0
    while done < buffer.count {
      let wanted = min(buffer.count - done, limit - filePosition - done)
      let count = Glibc.read(descriptor, buffer.baseAddress! + done, wanted)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else {
        throw HedgerowError(.io, "cannot be read: \(String(cString: strerror(errno)))", at: name)
      }
      if count == 0 { break }
      done += count
    }
    filePosition += done
    return done
  }
}

extension StringProtocol where SubSequence == Substring {
  /// A file's name without what says that it is compressed.
  var withoutCompression: Substring {
    for suffix in [".gz", ".zst"] where hasSuffix(suffix) { return dropLast(suffix.count) }
    return self[...]
  }
}
