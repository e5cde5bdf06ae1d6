import Glibc
import HedgerowCore
import HedgerowMapped

/// Bytes put aside in an unnamed scratch file until their section's turn comes.
///
/// Holds one buffer of 256 KiB. The file has no name from the start, so nothing is left behind.
final class Spool {
  private let directory: String
  private var descriptor: Int32 = -1
  private var buffer: [UInt8] = []
  private(set) var byteCount = 0

  init(in directory: String) { self.directory = directory }
  deinit { if descriptor >= 0 { close(descriptor) } }

  func append(_ bytes: UnsafeRawBufferPointer) throws {
    buffer.append(contentsOf: bytes)
    byteCount += bytes.count
    if buffer.count >= 256 << 10 { try flush() }
  }

  func append<T: BitwiseCopyable>(_ value: T) throws {
    try withUnsafeBytes(of: value) { try append($0) }
  }

  private func flush() throws {
    if descriptor < 0 {
      let path = "\(directory)/spool-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
      descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw FileSystem.failure("create", path) }
      unlink(path)
    }
    try buffer.withUnsafeBytes { try FileSystem.write($0, to: descriptor, at: directory) }
    buffer.removeAll(keepingCapacity: true)
  }

  /// Calls `body` with the bytes in order, some at a time (a multiple of 8 but for the last), and
  /// starts anew.
  func drain(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    if descriptor >= 0 {
      try flush()
      lseek(descriptor, 0, SEEK_SET)
      var chunk = [UInt8](repeating: 0, count: 256 << 10)
      var left = byteCount
      while left > 0 {
        let wanted = min(left, chunk.count)
        try chunk.withUnsafeMutableBytes { bytes in
          var done = 0
          while done < wanted {
            let count = read(descriptor, bytes.baseAddress! + done, wanted - done)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw FileSystem.failure("read a scratch file in", directory) }
            done += count
          }
          try body(UnsafeRawBufferPointer(rebasing: bytes[..<wanted]))
        }
        left -= wanted
      }
      lseek(descriptor, 0, SEEK_SET)
      guard ftruncate(descriptor, 0) == 0 else {
        throw FileSystem.failure("truncate a scratch file in", directory)
      }
    } else {
      try buffer.withUnsafeBytes(body)
      buffer.removeAll(keepingCapacity: true)
    }
    byteCount = 0
  }
}
