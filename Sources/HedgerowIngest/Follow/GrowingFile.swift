import CHedgerowKernels
import Glibc
import HedgerowCore
import HedgerowMapped
import Synchronization

/// Part of a file: what is to be read of it.
struct FileStretch: Sendable {
  var start: Int
  var end: Int
  /// The number of the line that begins at `start`.
  var firstLine: Int
}

/// A file that others write to, looked at from time to time.
struct GrowingFile {
  let path: String
  /// What messages call it.
  let name: String
  private let inode: UInt

  init(_ path: String, called name: String) throws {
    self.path = path
    self.name = name
    inode = UInt(try Self.status(path, name).st_ino)
  }

  private static func status(_ path: String, _ name: String) throws -> stat {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw HedgerowError(
        .noInput, "cannot be followed: \(String(cString: strerror(errno)))", at: name)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw HedgerowError(.noInput, "is no regular file, which alone can be followed", at: name)
    }
    return status
  }

  /// Its size now.
  ///
  /// - Throws: `io` when it is another file by now, or has lost lines in front of `place`.
  func byteCount(atLeast place: Int) throws -> Int {
    let status = try Self.status(path, name)
    guard UInt(status.st_ino) == inode else {
      throw HedgerowError(.io, "was replaced by another file while it was followed", at: name)
    }
    guard Int(status.st_size) >= place else {
      throw HedgerowError(
        .io, "was cut to \(status.st_size) bytes, \(place) of which had been read", at: name)
    }
    return Int(status.st_size)
  }

  /// The lines in front of a place, which must begin one.
  func lineCount(before place: Int) throws -> Int { try lineCount(in: 0..<place) }

  func lineCount(in rows: FileStretch) throws -> Int { try lineCount(in: rows.start..<rows.end) }

  private func lineCount(in range: Range<Int>) throws -> Int {
    var count = 0
    try read(range) { bytes in
      count += hr_count_byte(bytes.baseAddress!, bytes.count, UInt8(ascii: "\n"))
      return bytes.count
    }
    return count
  }

  /// The whole rows from `place` on.
  ///
  /// - Parameter isOver: nothing will come behind the last line, even if it has no end.
  func rows(
    from place: Int, firstLine: Int, delimiter: UInt8, comment: UInt8, isOver: Bool
  ) throws -> FileStretch {
    let size = try byteCount(atLeast: place)
    var stretch = FileStretch(start: place, end: place, firstLine: firstLine)
    try read(place..<size) { bytes in
      let end = hr_last_row_end(bytes.baseAddress!, 0, bytes.count, delimiter, comment)
      stretch.end += end
      return end
    }
    if isOver { stretch.end = size }
    return stretch
  }

  /// Hands out a range of the file in blocks; one begins behind what was taken of that before it.
  private func read(
    _ range: Range<Int>, _ take: (UnsafeBufferPointer<UInt8>) -> Int
  ) throws {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw FileSystem.failure("open", name) }
    defer { close(file) }
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var place = range.lowerBound
    while place < range.upperBound {
      var filled = 0
      while filled < buffer.count, place + filled < range.upperBound {
        let wanted = min(buffer.count - filled, range.upperBound - place - filled)
        let count = buffer.withUnsafeMutableBytes {
          pread(file, $0.baseAddress! + filled, wanted, off_t(place + filled))
        }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw FileSystem.failure("read", name) }
        filled += count
      }
      let taken = buffer.withUnsafeBufferPointer {
        take(UnsafeBufferPointer(rebasing: $0[..<filled]))
      }
      place += taken
      if taken > 0 { continue }
      if place + filled == range.upperBound { return }
      guard buffer.count <= TextChunk.longestRow else {
        throw HedgerowError(
          .badData,
          "has a line longer than \(ByteSize.format(TextChunk.longestRow)): is a quote missing?",
          at: name)
      }
      buffer = [UInt8](repeating: 0, count: 2 * buffer.count)
    }
  }
}

/// An input that can be read only once, copied to a file that grows with it.
///
/// What has been read of the file gives its place on the disk back.
final class SpooledInput: Sendable {
  let path: String
  private let descriptor: Int32
  private let copy: Int32
  private let state = Mutex(State())

  private struct State {
    var hasEnded = false
    var failure: HedgerowError?
  }

  /// What a layout is told from stays.
  private static let keptByteCount = 1 << 20

  init(_ descriptor: Int32, called name: String, in directory: String) throws {
    self.descriptor = descriptor
    path = "\(directory)/input"
    copy = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard copy >= 0 else { throw FileSystem.failure("create", path) }
    // It keeps this object for as long as the input lasts.
    _ = Thread.start { self.run(name) }
  }

  deinit { close(copy) }

  /// Whether all of the input is in the file.
  func hasEnded() throws -> Bool {
    try state.withLock {
      if let failure = $0.failure { throw failure }
      return $0.hasEnded
    }
  }

  private func run(_ name: String) {
    defer { if descriptor != STDIN_FILENO { close(descriptor) } }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      do {
        guard count >= 0 else { throw FileSystem.failure("read", name) }
        if count == 0 { return state.withLock { $0.hasEnded = true } }
        try buffer.withUnsafeBytes {
          try FileSystem.write(UnsafeRawBufferPointer(rebasing: $0[..<count]), to: copy, at: path)
        }
      } catch {
        let failure = error as? HedgerowError ?? HedgerowError(.io, "\(error)", at: name)
        return state.withLock { $0.failure = failure }
      }
    }
  }

  /// Lets go of what is in front of a place. Where the file system cannot, it stays until the end.
  func release(upTo place: Int) {
    guard place > Self.keptByteCount else { return }
    FileSystem.releaseSpace(Self.keptByteCount..<place, of: copy)
  }
}
