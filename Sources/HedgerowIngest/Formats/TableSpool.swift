import CHedgerowKernels
import Glibc
import HedgerowCore
import HedgerowMapped

/// Delimited files in a scratch directory that the reader of another format writes: a table for each
/// type. They are read like any others afterwards, so that memory stays bounded whatever the format.
final class TableSpool {
  /// A table's rows as they are written.
  ///
  /// What changes with each field is not watched for overlapping accesses, which would take longer than
  /// the field: no closure is called while any of it is being changed.
  final class Table {
    let path: String
    fileprivate let columnCount: Int
    fileprivate(set) var rowCount = 0
    @exclusivity(unchecked) fileprivate var bytes: [UInt8] = []
    /// Whether each field was given in any row.
    @exclusivity(unchecked) private(set) var isUsed: [Bool]
    /// For each field the number of elements of its lists; -1 once they differ, or one is empty.
    private(set) var listWidths: [Int]
    @exclusivity(unchecked) private var fieldCount = 0
    @exclusivity(unchecked) private var lineCount = 0
    private var lines: [UInt64] = []
    private(set) var hasLines = false
    private unowned let spool: TableSpool

    fileprivate init(_ path: String, columnCount: Int, spool: TableSpool) {
      self.path = path
      self.columnCount = columnCount
      self.spool = spool
      isUsed = [Bool](repeating: false, count: columnCount)
      listWidths = [Int](repeating: 0, count: columnCount)
    }

    /// Where it is kept which lines of the input the rows are of.
    var linesPath: String { path + ".lines" }

    fileprivate var bufferedByteCount: Int { bytes.capacity + 8 * lines.capacity }

    private func beginField() {
      require(fieldCount < columnCount, "more than \(columnCount) fields")
      if fieldCount > 0 { bytes.append(UInt8(ascii: ",")) }
      fieldCount += 1
    }

    /// The next field of the row: null where it is nil.
    func append(_ field: UnsafeRawBufferPointer?) {
      beginField()
      guard let field else { return }
      isUsed[fieldCount - 1] = true
      if Self.needsQuotes(field) { return appendQuoted(field) }
      bytes.append(contentsOf: field)
    }

    /// Whether a field has a byte that means something in a row. All are looked at: without a way out
    /// of the loop that is many at a time.
    private static func needsQuotes(_ field: UnsafeRawBufferPointer) -> Bool {
      var marks: UInt8 = field.isEmpty ? 1 : 0
      for byte in field {
        marks |= byte <= 32 ? 1 : 0
        marks |= byte == UInt8(ascii: "\"") ? 1 : 0
        marks |= byte == UInt8(ascii: ",") ? 1 : 0
      }
      return marks != 0
    }

    private func appendQuoted(_ field: UnsafeRawBufferPointer) {
      let quote = UInt8(ascii: "\"")
      bytes.append(quote)
      var rest = field
      while let start = rest.baseAddress, let found = memchr(start, Int32(quote), rest.count) {
        let count = UnsafeRawPointer(found) - start + 1
        bytes.append(contentsOf: UnsafeRawBufferPointer(start: start, count: count))
        bytes.append(quote)
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
      bytes.append(contentsOf: rest)
      bytes.append(quote)
      if let start = field.baseAddress {
        lineCount += hr_count_byte(
          start.assumingMemoryBound(to: UInt8.self), field.count, UInt8(ascii: "\n"))
      }
    }

    /// The next field, one of elements with `;` between them.
    func append(list field: UnsafeRawBufferPointer?) {
      append(field)
      guard let field, field.count > 0 else { return }
      let separator = UInt8(ascii: ";")
      var width = 1
      var isWhole = true
      var last = separator
      for byte in field {
        if byte == separator {
          width += 1
          if last == separator { isWhole = false }
        }
        last = byte
      }
      let known = listWidths[fieldCount - 1]
      // A vector has no place for an element that is null.
      let fits = isWhole && last != separator && (known == 0 || known == width)
      listWidths[fieldCount - 1] = fits ? width : -1
    }

    func append(_ field: String?) {
      guard var field else { return append(nil as UnsafeRawBufferPointer?) }
      field.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    func append(_ number: Int) { append(integer: Int64(number)) }

    func append(integer: Int64) {
      beginField()
      isUsed[fieldCount - 1] = true
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
        var start = digits.count
        var rest = integer.magnitude
        repeat {
          start -= 1
          digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
          rest /= 10
        } while rest > 0
        if integer < 0 {
          start -= 1
          digits[start] = UInt8(ascii: "-")
        }
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[start...]))
      }
    }

    /// Ends the row; fields that were not given are null.
    ///
    /// - Parameter line: of the input that the row is of, for messages; in all rows or in none.
    func endRow(line: Int? = nil) throws {
      while fieldCount < columnCount { append(nil as UnsafeRawBufferPointer?) }
      // A row of one null would be a blank line.
      if columnCount == 1, bytes.last == nil || bytes.last == 10 { bytes += [34, 34] }
      bytes.append(10)
      if let line {
        hasLines = true
        for _ in 0...lineCount { lines.append(UInt64(line).littleEndian) }
      }
      lineCount = 0
      fieldCount = 0
      rowCount += 1
      if bytes.count >= 1 << 16 {
        try flush()
        // One long row is no reason to keep its room.
        if bytes.capacity > 1 << 18 { letGoOfBuffers() }
      }
      try spool.rowEnded()
    }

    fileprivate func flush() throws {
      try bytes.withUnsafeBytes { try TableSpool.append($0, to: path) }
      bytes.removeAll(keepingCapacity: true)
      try lines.withUnsafeBytes { try TableSpool.append($0, to: linesPath) }
      lines.removeAll(keepingCapacity: true)
    }

    fileprivate func letGoOfBuffers() {
      bytes = []
      lines = []
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
    if tables.reduce(0, { $0 + $1.bufferedByteCount }) > Self.bufferByteCount {
      for table in tables {
        try table.flush()
        table.letGoOfBuffers()
      }
    }
  }

  private static func append(_ bytes: UnsafeRawBufferPointer, to path: String) throws {
    guard !bytes.isEmpty else { return }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileSystem.failure("create", path) }
    defer { close(descriptor) }
    try FileSystem.write(bytes, to: descriptor, at: path)
  }

  /// Writes what is buffered.
  func finish() throws {
    for table in tables {
      if table.rowCount == 0 { table.letGoOfBuffers() }
      try table.flush()
      if table.rowCount == 0, !FileSystem.exists(table.path) {
        let descriptor = open(table.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileSystem.failure("create", table.path) }
        close(descriptor)
      }
      table.letGoOfBuffers()
    }
  }
}
