public import HedgerowCore

/// Reads a column of a snapshot in the order of its rows, for whoever copies or compares it.
public struct ColumnReader: Sendable {
  let column: LayeredColumn

  public var kind: PropertyKind { column.kind }
  public var rowCount: Int { Int(column.rowCount) }
  /// The texts of a categorical column, by code.
  public var categories: [String] { column.categories }

  /// Copies values of the kind's ``PropertyKind/byteWidth``, one after the other: a category as its
  /// UInt32 code. Traps on rows that are not there, and on a column of strings or bytes.
  ///
  /// - Throws: `damaged` for a category that has no text.
  public func read(
    _ rows: Range<Int>, into values: UnsafeMutableRawBufferPointer,
    isValid: UnsafeMutableBufferPointer<Bool>
  ) throws {
    try column.copy(
      UInt64(rows.lowerBound)..<UInt64(rows.upperBound), into: values, isValid: isValid)
  }

  /// Calls `body` with each text of a column of strings or value of one of bytes, `nil` for null.
  ///
  /// - Throws: `damaged` for offsets that make no sense.
  public func readTexts(
    _ rows: Range<Int>, _ body: (UnsafeRawBufferPointer?) throws -> Void
  ) throws {
    try column.visitTexts(UInt64(rows.lowerBound)..<UInt64(rows.upperBound), body)
  }
}

extension Snapshot {
  /// Throws `usage` when there is no such column.
  public func columnReader(of type: NodeType, _ name: String) throws -> ColumnReader {
    guard let column = try nodeColumn(name, of: type) else {
      throw HedgerowError(.usage, "no column '\(type).\(name)' in \(path)")
    }
    return ColumnReader(column: column)
  }

  /// Rows are edges in out order. Throws `usage` when there is no such column.
  public func columnReader(of type: EdgeType, _ name: String) throws -> ColumnReader {
    guard let column = try edgeColumn(name, of: type) else {
      throw HedgerowError(.usage, "no column '\(type).\(name)' in \(path)")
    }
    return ColumnReader(column: column)
  }
}
