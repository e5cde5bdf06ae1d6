import CHedgerowSystem
import Glibc
import HedgerowCore

extension FileSystem {
  private static let copiedByteCount = 16 << 20

  /// Copies a file to a new one and makes it durable. Blocks are shared where the file system can, so
  /// that the copy costs nothing until one of the two changes; it is never a second name of the file.
  ///
  /// - Parameter progress: called with the bytes copied since the last call; may throw to stop.
  /// - Returns: the copy's length.
  /// - Throws: `io`, and what there is of the copy stays.
  @discardableResult
  public static func copyFile(
    _ path: String, to copy: String, progress: (Int) throws -> Void = { _ in }
  ) throws -> Int {
    let from = open(path, O_RDONLY | O_CLOEXEC)
    guard from >= 0 else { throw failure("open", path) }
    defer { close(from) }
    let to = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard to >= 0 else { throw failure("create", copy) }
    defer { close(to) }
    var total = 0
    if hr_share_blocks(from, to) == 0 {
      total = try byteCount(of: copy)
      try progress(total)
    } else {
      while true {
        let copied = hr_copy_bytes(from, to, copiedByteCount)
        // Which of the two failed nobody knows; a full disk is the copy's.
        guard copied >= 0 else { throw failure("write", copy, code: Int32(-copied)) }
        if copied == 0 { break }
        // Little by little, so that the sync at the end is short.
        hr_start_writeback(to, Int64(total), copied)
        total += Int(copied)
        try progress(Int(copied))
      }
    }
    guard fsync(to) == 0 else { throw failure("write", copy) }
    return total
  }

  /// A path without links and dots, or `nil` when there is nothing.
  public static func resolved(_ path: String) -> String? {
    guard let found = realpath(path, nil) else { return nil }
    defer { free(found) }
    return String(cString: found)
  }
}
