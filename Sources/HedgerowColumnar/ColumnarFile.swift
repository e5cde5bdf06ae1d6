import Glibc
package import HedgerowCore

/// A file of a table, column by column, of a format that says what its columns are.
package protocol ColumnarFile: AnyObject, Sendable {
  /// What messages call it.
  var name: String { get }
  var columns: [ColumnarColumn] { get }
  var rowCount: Int { get }
  /// What the writer noted about the file.
  var notes: [String: String] { get }
  /// - Parameter budget: what pages are held within.
  func makeCursor(of column: Int, budget: MemoryBudget) throws -> any ColumnCursor
}

/// The bytes of a file, at any place.
final class FileBytes: Sendable {
  let name: String
  let byteCount: Int
  private let descriptor: Int32

  init(path: String, called name: String) throws {
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
    byteCount = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// - Precondition: the bytes are within the file.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    require(offset >= 0 && buffer.count <= byteCount - offset, "\(offset) of \(byteCount)")
    var done = 0
    while done < buffer.count {
      let count = pread(
        descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        let cause = count == 0 ? "the file became shorter" : String(cString: strerror(errno))
        throw HedgerowError(.io, "cannot be read: \(cause)", at: name)
      }
      done += count
    }
  }

  func bytes(at offset: Int, count: Int) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
      filled = count
    }
  }
}

/// Room for a page, which grows within the budget.
///
/// Behind its bytes some more are zero, so that numbers of any bits can be loaded as whole words.
final class PageBuffer {
  static let padding = 16
  private(set) var bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private let budget: MemoryBudget
  private let purpose: String
  private var share: MemoryBudget.Reservation?

  init(_ purpose: String, budget: MemoryBudget) {
    self.purpose = purpose
    self.budget = budget
  }

  deinit { bytes.deallocate() }

  /// Room for so many bytes, whose content is of no meaning.
  func prepare(_ count: Int) throws -> UnsafeMutableRawBufferPointer {
    if bytes.count < count + Self.padding {
      let size = max(count + Self.padding, min(2 * bytes.count, 1 << 20))
      bytes.deallocate()
      bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
      share?.release()
      share = try budget.reserve(size, for: purpose)
      bytes = .allocate(byteCount: size, alignment: 16)
    }
    memset(bytes.baseAddress! + count, 0, Self.padding)
    return UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
  }
}
