import CHedgerowSystem

/// Says, as long as it is kept, which file a piece of memory is mapped from, so that a program which
/// loses the file under its feet can name it: ``LostMappings``.
package final class MappedFileNote: Sendable {
  private let start: UInt
  private let byteCount: Int

  package init(_ bytes: UnsafeRawBufferPointer, path: String) {
    start = UInt(bitPattern: bytes.baseAddress)
    byteCount = bytes.count
    hr_note_mapping(bytes.baseAddress, byteCount, path)
  }

  deinit { hr_forget_mapping(UnsafeRawPointer(bitPattern: start), byteCount) }
}

/// What becomes of a program when a file that it has mapped is cut short, or the disk below fails.
///
/// The kernel answers a touch of such a page with SIGBUS. A library must leave that signal to the
/// program that it is in.
public enum LostMappings {
  /// Ends the process from now on with a status and one line on standard error, which names the file.
  public static func endProcess(status: Int32, prefix: String) {
    hr_exit_on_lost_mapping(prefix, status)
  }
}
