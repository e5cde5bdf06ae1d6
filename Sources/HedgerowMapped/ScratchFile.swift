import CHedgerowSystem
import Glibc
import HedgerowCore

/// A file without a name for intermediate data: appended to, then read at any place.
///
/// Pages are handed to the disk while the writing goes on, so that a control group with little
/// memory never fills with dirty pages; when the file is let go, nothing stays behind.
package final class ScratchFile: @unchecked Sendable {
  package private(set) var byteCount = 0

  private let descriptor: Int32
  private let directory: String
  private let buffer: UnsafeMutableRawBufferPointer
  private var bufferedByteCount = 0
  private var startedWriteback = 0
  private static let window = 8 << 20

  /// - Parameter bufferByteCount: collected before it is written; the file's share of memory.
  package init(in directory: String, bufferByteCount: Int = 1 << 20) throws {
    self.directory = directory
    let path = "\(directory)/scratch-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileSystem.failure("create", path) }
    unlink(path)
    buffer = .allocate(byteCount: bufferByteCount, alignment: 4096)
  }

  deinit {
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
