import HedgerowCore
import HedgerowStore

/// The values of some columns in some rows: numbers are copied a block of rows at a time, texts are
/// read when they are asked for, so that their lengths cost no memory.
final class ColumnBlock {
  private struct Column {
    var reader: ColumnReader
    var form: ValueForm?
    var width: Int
    var isVector: Bool
    var isBytes: Bool
    var categories: [String]
    var values: UnsafeMutableRawBufferPointer
    var isValid: UnsafeMutableBufferPointer<Bool>
  }

  let schema: [PropertySchema]
  private var columns: [Column] = []
  private var rows: [UInt64] = []
  /// Rows that fit.
  let rowLimit: Int
  private let share: MemoryBudget.Reservation

  /// - Parameters:
  ///   - byteCount: what the block may take; a row is held in any case.
  ///   - limit: the most rows that are asked for at a time.
  init(
    _ schema: [PropertySchema], limit: Int, byteCount: Int, budget: MemoryBudget,
    reader: (String) throws -> ColumnReader
  ) throws {
    self.schema = schema
    let rowByteCount = schema.reduce(0) {
      $0 + ($1.kind.hasVariableLength ? 0 : $1.kind.byteWidth + 1)
    }
    rowLimit = max(1, min(limit, byteCount / max(1, rowByteCount)))
    share = try budget.reserve(rowLimit * rowByteCount, for: "rows of columns")
    for property in schema {
      let reader = try reader(property.name)
      let isHeld = !property.kind.hasVariableLength
      columns.append(
        Column(
          reader: reader, form: ValueForm(property.kind), width: property.kind.width,
          isVector: property.kind.element != property.kind, isBytes: property.kind == .bytes,
          categories: property.kind == .categorical ? reader.categories : [],
          values: .allocate(
            byteCount: isHeld ? rowLimit * property.kind.byteWidth : 0, alignment: 16),
          isValid: .allocate(capacity: isHeld ? rowLimit : 0)))
    }
  }

  deinit {
    for column in columns {
      column.values.deallocate()
      column.isValid.deallocate()
    }
  }

  /// Holds other rows from now on, which rise.
  func load(_ rows: [UInt64]) throws {
    require(rows.count <= rowLimit, "\(rows.count) rows of \(rowLimit)")
    self.rows = rows
    for column in columns where column.form != nil {
      let width = column.reader.kind.byteWidth
      var start = 0
      while start < rows.count {
        var end = start + 1
        while end < rows.count, rows[end] == rows[end - 1] + 1 { end += 1 }
        try column.reader.read(
          Int(rows[start])..<Int(rows[end - 1]) + 1,
          into: UnsafeMutableRawBufferPointer(
            rebasing: column.values[start * width..<end * width]),
          isValid: UnsafeMutableBufferPointer(rebasing: column.isValid[start..<end]))
        start = end
      }
    }
  }

  /// Whether a row of a column of fixed width is null.
  func isNull(_ column: Int, _ row: Int) -> Bool { !columns[column].isValid[row] }

  /// The bytes of a row of a column of fixed width, as the store has them.
  func bytes(_ column: Int, _ row: Int) -> UnsafeRawBufferPointer {
    let width = columns[column].reader.kind.byteWidth
    return UnsafeRawBufferPointer(
      rebasing: columns[column].values[row * width..<(row + 1) * width])
  }

  /// Calls `body` with the value of a column in one of the rows, counted from 0.
  func withValue(_ column: Int, _ row: Int, _ body: (ExportedValue) throws -> Void) throws {
    let isBytes = columns[column].isBytes
    guard let form = columns[column].form else {
      let place = Int(rows[row])
      return try columns[column].reader.readTexts(place..<place + 1) { text in
        guard let text else { return try body(.null) }
        try body(isBytes ? .bytes(text) : .text(text))
      }
    }
    guard columns[column].isValid[row] else { return try body(.null) }
    let width = columns[column].width
    let start = UnsafeRawPointer(columns[column].values.baseAddress!)
    if columns[column].isVector {
      return try body(
        .vector(
          ExportedVector(
            start: start + row * width * form.byteWidth, element: form, count: width)))
    }
    let value = form.value(at: start + row * form.byteWidth)
    if case .category = form, case .integer(let code) = value {
      var text = columns[column].categories[Int(code)]
      return try text.withUTF8 { try body(.text(UnsafeRawBufferPointer($0))) }
    }
    try body(value)
  }
}
