import Glibc
import HedgerowCore

/// Which line of another file each line of a table was made of: eight bytes for each, in a file.
enum LineMap {
  /// The line that a table's line, from 1, was made of.
  static func line(_ line: Int, in path: String) -> Int? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var number: UInt64 = 0
    guard pread(descriptor, &number, 8, off_t(8 * (line - 1))) == 8 else { return nil }
    return Int(UInt64(littleEndian: number))
  }
}
