import HedgerowCore

/// The rows of a file one after the other, whatever the file is: delimited text, or an array.
protocol FieldRows: AnyObject {
  /// What messages call the file.
  var name: String { get }
  /// 0 for a file of text without rows.
  var columnCount: Int { get }
  /// Rows read so far.
  var rowCount: Int { get }
  /// The row that was read last, for messages.
  var place: String { get }
  /// The line of that row, or its number from 1.
  var line: Int { get }

  /// Goes to the next row; false behind the last.
  func next() throws -> Bool
  /// A field of the row as text; empty where it is null.
  func withField<Result>(
    _ column: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result
  /// A field as an integer; nil where it is none.
  func integer(_ column: Int) -> Int?
  /// A field as a number; nil where it is none, or none that float64 holds exactly.
  func number(_ column: Int) -> Double?
}

extension FieldRows {
  func wrong(_ message: String) -> HedgerowError {
    HedgerowError(.badData, message, at: place)
  }

  /// A field as the number of something of which there are `count`, from `first`.
  func index(_ column: Int, of what: String, count: Int, from first: Int = 0) throws -> Int {
    guard let index = integer(column), index >= first, index - first < count else {
      let field = try withField(column) { String(decoding: $0.prefix(40), as: UTF8.self) }
      throw wrong(
        "has '\(field)' where the number of \(what) belongs: there are \(count), from \(first)")
    }
    return index
  }

  /// A field as a count.
  func count(_ column: Int, of what: String) throws -> Int {
    // Any sum of some is still a number.
    guard let count = integer(column), (0...1 << 48).contains(count) else {
      let field = try withField(column) { String(decoding: $0.prefix(40), as: UTF8.self) }
      throw wrong("has '\(field)' where a count of \(what) belongs")
    }
    return count
  }

  /// Goes over the rows that are left, so that they are counted.
  func countAll() throws -> Int {
    while try next() {}
    return rowCount
  }
}

/// Files whose rows belong to those of one table, side by side: each gives it some columns.
final class SideBySide {
  enum Form {
    /// A column for each; of an array of its kind, NaN as null.
    case scalars
    /// A column for each, whole numbers without a point, NaN as null.
    case labels
    /// One column: a vector of float32.
    case vector
    /// One column: a scalar where there is one number in each row, else a vector.
    case value
  }
  private struct Part {
    var rows: any FieldRows
    var form: Form
    /// Of an array's elements.
    var kind: PropertyKind?
  }

  private var parts: [Part] = []
  private var names: NameTable
  private(set) var columns: [GraphImport.Column] = []

  /// - Parameter reserved: names that no column gets.
  init(reserved: [String]) { names = NameTable(reserved: reserved) }

  /// Columns that one file may give, and files that are open at a time.
  private static let columnLimit = 4096
  private static let fileLimit = 256

  /// Adds a file. Its columns are called `name`, or where there are several, `name_0` and so on.
  func add(_ rows: any FieldRows, as name: String, _ form: Form) throws {
    guard parts.count < Self.fileLimit else {
      throw HedgerowError(
        .badData, "is one of more than \(Self.fileLimit) files of one type: put columns together",
        at: rows.name)
    }
    let count = rows.columnCount
    let form = form != .value ? form : count == 1 ? .scalars : .vector
    let kind = (rows as? ArrayRows)?.element
    parts.append(Part(rows: rows, form: form, kind: kind))
    switch form {
    case .vector:
      // What has no rows has no columns either.
      if count > 0 {
        columns.append(.init(names.name(for: name), .vector(element: .float32, width: count)))
      }
    case .scalars, .labels, .value:
      guard count <= Self.columnLimit else {
        throw HedgerowError(
          .badData, "has \(count) columns: at most \(Self.columnLimit) are read", at: rows.name)
      }
      for index in 0..<count {
        let name = names.name(for: count == 1 ? name : "\(name)_\(index)")
        columns.append(.init(name, form == .labels ? nil : kind))
      }
    }
  }

  /// Appends the next row of each file.
  ///
  /// - Parameter what: each of these has a row.
  func append(to table: TableSpool.Table, of what: String) throws {
    for part in parts {
      guard try part.rows.next() else {
        throw HedgerowError(
          .badData,
          "has \(part.rows.rowCount) rows, fewer than there are \(what): each needs its row",
          at: part.rows.name)
      }
      switch part.form {
      case .vector: try appendVector(part.rows, to: table)
      case .scalars, .value:
        for column in 0..<part.rows.columnCount {
          try part.rows.withField(column) { field in
            let isNull = field.isEmpty || part.kind != nil && Self.isNaN(field)
            table.append(isNull ? nil : field)
          }
        }
      case .labels:
        for column in 0..<part.rows.columnCount {
          try part.rows.withField(column) { table.append(Self.label($0)) }
        }
      }
    }
  }

  private var vector: [UInt8] = []

  private func appendVector(_ rows: any FieldRows, to table: TableSpool.Table) throws {
    vector.removeAll(keepingCapacity: true)
    for column in 0..<rows.columnCount {
      if column > 0 { vector.append(UInt8(ascii: ";")) }
      try rows.withField(column) { field in
        guard !field.isEmpty else {
          throw rows.wrong("has nothing in column \(column + 1), where a feature belongs")
        }
        vector.append(contentsOf: field)
      }
    }
    vector.withUnsafeBytes { table.append($0) }
  }

  private static func isNaN(_ field: UnsafeRawBufferPointer) -> Bool {
    field.count == 3 && String(decoding: field, as: UTF8.self).lowercased() == "nan"
  }

  /// A label without `.0` behind it, since classes are written as floats where one is missing.
  private static func label(_ field: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    if field.isEmpty || isNaN(field) { return nil }
    guard field.count > 2, field.suffix(2).elementsEqual(".0".utf8),
      field.dropLast(2).allSatisfy({ $0 == UInt8(ascii: "-") || ($0 >= 48 && $0 <= 57) })
    else { return field }
    return UnsafeRawBufferPointer(rebasing: field.dropLast(2))
  }

  /// That no file has more rows than were read.
  func finish(_ count: Int, of what: String) throws {
    for part in parts where try part.rows.next() {
      throw HedgerowError(
        .badData, "has \(try part.rows.countAll()) rows, but there are \(count) \(what)",
        at: part.rows.name)
    }
  }
}
