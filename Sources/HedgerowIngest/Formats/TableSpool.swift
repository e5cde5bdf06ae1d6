import Glibc
import HedgerowCore
import HedgerowMapped

/// Delimited files in a scratch directory that the reader of another format writes: a table for each
/// type. They are read like any others afterwards, so that memory stays bounded whatever the format.
final class TableSpool {
  /// A table's rows as they are written.
  final class Table {
    let path: String
    fileprivate let columnCount: Int
    fileprivate(set) var rowCount = 0
    fileprivate var bytes: [UInt8] = []
    private var fieldCount = 0
    private unowned let spool: TableSpool

    fileprivate init(_ path: String, columnCount: Int, spool: TableSpool) {
      self.path = path
      self.columnCount = columnCount
      self.spool = spool
    }

    /// The next field of the row: null where it is nil.
    func append(_ field: UnsafeRawBufferPointer?) {
      if fieldCount > 0 { bytes.append(UInt8(ascii: ",")) }
      fieldCount += 1
      guard let field else { return }
      let isPlain =
        field.count > 0
        && field.allSatisfy {
          $0 > 32 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: ",")
        }
      if isPlain {
        bytes.append(contentsOf: field)
      } else {
        bytes.append(UInt8(ascii: "\""))
        for byte in field {
          if byte == UInt8(ascii: "\"") { bytes.append(byte) }
          bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
      }
    }

    func append(_ field: String?) {
      guard var field else { return append(nil as UnsafeRawBufferPointer?) }
      field.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    func append(_ number: Int) { append("\(number)") }

    /// Ends the row; fields that were not given are null.
    func endRow() throws {
      require(fieldCount <= columnCount, "\(fieldCount) fields of \(columnCount)")
      while fieldCount < columnCount { append(nil as UnsafeRawBufferPointer?) }
      // A row of one null would be a blank line.
      if columnCount == 1, bytes.last == nil || bytes.last == 10 { bytes += [34, 34] }
      bytes.append(10)
      fieldCount = 0
      rowCount += 1
      if bytes.count >= 1 << 16 { try flush() }
      try spool.rowEnded()
    }

    fileprivate func flush() throws {
      guard !bytes.isEmpty else { return }
      let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw FileSystem.failure("create", path) }
      defer { close(descriptor) }
      var done = 0
      while done < bytes.count {
        let part = bytes.withUnsafeBytes {
          write(descriptor, $0.baseAddress! + done, $0.count - done)
        }
        if part < 0 && errno == EINTR { continue }
        guard part > 0 else { throw FileSystem.failure("write", path) }
        done += part
      }
      bytes.removeAll(keepingCapacity: true)
    }
  }

  private let directory: String
  private var tables: [Table] = []
  private var rowCount = 0
  /// What is buffered over all tables at most, however many there are.
  private static let bufferByteCount = 4 << 20

  init(in directory: String) { self.directory = directory }

  func makeTable(columnCount: Int) -> Table {
    let name = "table-\(tables.count)-\(UInt64.random(in: 0...UInt64.max)).csv"
    let table = Table("\(directory)/\(name)", columnCount: columnCount, spool: self)
    tables.append(table)
    return table
  }

  private func rowEnded() throws {
    rowCount += 1
    guard rowCount % 1024 == 0 else { return }
    if tables.reduce(0, { $0 + $1.bytes.count }) > Self.bufferByteCount {
      for table in tables {
        try table.flush()
        table.bytes = []
      }
    }
  }

  /// Writes what is buffered.
  func finish() throws {
    for table in tables {
      if table.rowCount == 0 { table.bytes = [] }
      try table.flush()
      if table.rowCount == 0, !FileSystem.exists(table.path) {
        let descriptor = open(table.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileSystem.failure("create", table.path) }
        close(descriptor)
      }
      table.bytes = []
    }
  }
}
