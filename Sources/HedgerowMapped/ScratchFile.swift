import CHedgerowSystem
import Glibc
import HedgerowCore

/// A file for intermediate data: appended to, or written at places that were made room for, then read at
/// any place.
///
/// Pages are handed to the disk while the writing goes on, so that a control group with little
/// memory never fills with dirty pages. It has no name, and when it is let go, nothing stays behind;
/// one with a name is there after a kill, for ``init(reopening:in:byteCount:bufferByteCount:)``.
package final class ScratchFile: @unchecked Sendable {
  package private(set) var byteCount = 0

  /// The file's name in its directory, when it has one.
  package let name: String?
  private let descriptor: Int32
  private let directory: String
  private let buffer: UnsafeMutableRawBufferPointer
  private var bufferedByteCount = 0
  private var startedWriteback = 0
  private static let window = 8 << 20

  /// - Parameters:
  ///   - name: kept until the file is let go; a file of the name is replaced.
  ///   - bufferByteCount: collected before it is written; the file's share of memory.
  package convenience init(
    in directory: String, named name: String? = nil, bufferByteCount: Int = 1 << 20
  ) throws {
    let file = name ?? "scratch-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    let path = "\(directory)/\(file)"
    let descriptor = open(
      path, O_RDWR | O_CREAT | O_CLOEXEC | (name == nil ? O_EXCL : O_TRUNC), 0o600)
    guard descriptor >= 0 else { throw FileSystem.failure("create", path) }
    if name == nil { unlink(path) }
    self.init(descriptor, name, directory, bufferByteCount)
  }

  /// A file that a process left which was killed, as it was when it had so many bytes.
  package convenience init(
    reopening name: String, in directory: String, byteCount: Int, bufferByteCount: Int = 1 << 20
  ) throws {
    let path = "\(directory)/\(name)"
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileSystem.failure("open", path) }
    self.init(descriptor, name, directory, bufferByteCount)
    guard try FileSystem.byteCount(of: path) >= byteCount,
      ftruncate(descriptor, off_t(byteCount)) == 0
    else { throw FileSystem.failure("go on with", path) }
    self.byteCount = byteCount
    startedWriteback = byteCount
  }

  private init(_ descriptor: Int32, _ name: String?, _ directory: String, _ bufferByteCount: Int) {
    self.descriptor = descriptor
    self.name = name
    self.directory = directory
    buffer = .allocate(byteCount: bufferByteCount, alignment: 4096)
  }

  deinit {
    if let name { unlink("\(directory)/\(name)") }
    close(descriptor)
    buffer.deallocate()
  }

  package func append(_ bytes: UnsafeRawBufferPointer) throws {
    guard bytes.count > 0 else { return }
    if bufferedByteCount + bytes.count > buffer.count { try flush() }
    if bytes.count >= buffer.count {
      try write(bytes, at: byteCount)
    } else {
      memcpy(buffer.baseAddress! + bufferedByteCount, bytes.baseAddress!, bytes.count)
      bufferedByteCount += bytes.count
    }
    byteCount += bytes.count
  }

  /// Writes what is collected; call it before reading.
  package func flush() throws {
    let start = byteCount - bufferedByteCount
    try write(UnsafeRawBufferPointer(rebasing: buffer[..<bufferedByteCount]), at: start)
    bufferedByteCount = 0
  }

  private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
    var done = 0
    while done < bytes.count {
      let part = min(bytes.count - done, Self.window)
      let count = pwrite(descriptor, bytes.baseAddress! + done, part, off_t(offset + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw FileSystem.failure("write a scratch file in", directory) }
      done += count
      startWriteback(upTo: offset + done)
    }
  }

  private func startWriteback(upTo end: Int) {
    guard end - startedWriteback >= Self.window else { return }
    hr_start_writeback(descriptor, Int64(startedWriteback), Int64(end - startedWriteback))
    startedWriteback = end
  }

  /// Makes room for bytes that ``write(_:into:)`` will bring, behind all others.
  ///
  /// - Returns: where it begins.
  package func makeRoom(for count: Int) throws -> Int {
    try flush()
    let offset = byteCount
    // On the device, too, where the file system can: else it would lie there in the order of the writes.
    let code = count > 0 ? hr_make_room(descriptor, Int64(offset), Int64(count)) : 0
    guard code == 0 else {
      throw FileSystem.failure("write a scratch file in", directory, code: code)
    }
    byteCount += count
    return offset
  }

  /// Writes at a place in such room, in any order.
  package func write(_ bytes: UnsafeRawBufferPointer, into offset: Int) throws {
    require(
      offset >= 0 && offset + bytes.count <= byteCount,
      "\(bytes.count) bytes at \(offset) are not among \(byteCount)")
    startedWriteback = .max / 2
    try write(bytes, at: offset)
    hr_start_writeback(descriptor, Int64(offset), Int64(bytes.count))
  }

  /// Waits until the disk has everything, which then leaves memory.
  package func settle() throws {
    try flush()
    guard fdatasync(descriptor) == 0 else {
      throw FileSystem.failure("write a scratch file in", directory)
    }
    release(0..<byteCount)
  }

  /// Starts reading some bytes.
  package func prefetch(_ bytes: Range<Int>) {
    posix_fadvise(descriptor, off_t(bytes.lowerBound), off_t(bytes.count), POSIX_FADV_WILLNEED)
  }

  /// Gives back what memory holds of some bytes: they will not be needed again.
  package func release(_ bytes: Range<Int>) {
    posix_fadvise(descriptor, off_t(bytes.lowerBound), off_t(bytes.count), POSIX_FADV_DONTNEED)
  }

  /// Writes rows of so many bytes that begin at `offset` one after the other, or to places, past the page cache.
  ///
  /// - Parameter places: for each row which one of `out` it becomes.
  /// - Returns: whether it could be done; if not, what was written so far means nothing.
  /// - Precondition: they have been written and settled.
  package func readDirectly(
    rows count: Int, of width: Int, at offset: Int, by reader: DirectReader,
    into out: UnsafeMutableRawPointer, places: UnsafePointer<UInt32>? = nil
  ) throws -> Bool {
    try withUnsafeTemporaryAllocation(of: UInt64.self, capacity: count) { offsets in
      for row in offsets.indices {
        offsets.initializeElement(at: row, to: UInt64(offset + row * width))
      }
      return try reader.read(
        UnsafeBufferPointer(offsets), of: "/proc/self/fd/\(descriptor)", width: width, into: out,
        at: places)
    }
  }

  /// Fills the buffer with the rows of so many bytes that begin at `offset`, which the page cache does not
  /// keep.
  ///
  /// - Precondition: they have been written and settled.
  package func read(
    rowsOf width: Int, at offset: Int, by reader: DirectReader,
    into rows: UnsafeMutableRawBufferPointer
  ) throws {
    guard let start = rows.baseAddress,
      try !readDirectly(
        rows: rows.count / width, of: width, at: offset, by: reader, into: start)
    else { return }
    let bytes = offset..<offset + rows.count
    prefetch(bytes)
    try read(at: offset, into: rows)
    release(bytes)
  }

  /// Fills the buffer with the bytes at `offset`.
  ///
  /// - Precondition: they have been appended and flushed.
  package func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    require(
      offset >= 0 && offset + buffer.count <= byteCount - bufferedByteCount,
      "\(buffer.count) bytes at \(offset) are not among \(byteCount)")
    var done = 0
    while done < buffer.count {
      let count = pread(
        descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw FileSystem.failure("read a scratch file in", directory) }
      done += count
    }
  }
}
