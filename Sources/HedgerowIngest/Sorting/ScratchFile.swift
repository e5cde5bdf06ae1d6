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
    var template = Array("\(directory)/scratch-XXXXXX".utf8CString)
    descriptor = mkostemp(&template, O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.failure("cannot make a file", directory) }
    unlink(&template)
    buffer = .allocate(byteCount: bufferByteCount, alignment: 4096)
  }

  deinit {
    close(descriptor)
    buffer.deallocate()
  }

  private static func failure(_ what: String, _ directory: String) -> HedgerowError {
    let cause = String(cString: strerror(errno))
    let advice = errno == ENOSPC ? ": make room on the disk" : ""
    return HedgerowError(.io, "\(what) for intermediate data: \(cause)\(advice)", at: directory)
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
      guard count > 0 else { throw Self.failure("cannot write", directory) }
      done += count
      startWriteback(upTo: offset + done)
    }
  }

  /// Starts writing the newest window and waits for the one before it, so that at most two windows
  /// are dirty.
  private func startWriteback(upTo end: Int) {
    guard end - startedWriteback >= Self.window else { return }
    let previous = max(0, startedWriteback - Self.window)
    sync_file_range(
      descriptor, off_t(startedWriteback), off_t(end - startedWriteback),
      UInt32(SYNC_FILE_RANGE_WRITE))
    sync_file_range(
      descriptor, off_t(previous), off_t(startedWriteback - previous),
      UInt32(SYNC_FILE_RANGE_WAIT_BEFORE))
    startedWriteback = end
  }

  /// Fills the buffer with the bytes at `offset`.
  ///
  /// - Precondition: they have been appended and flushed.
  package func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    precondition(
      offset >= 0 && offset + buffer.count <= byteCount - bufferedByteCount,
      "\(buffer.count) bytes at \(offset) are not among \(byteCount)")
    var done = 0
    while done < buffer.count {
      let count = pread(
        descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw Self.failure("cannot read", directory) }
      done += count
    }
  }
}
