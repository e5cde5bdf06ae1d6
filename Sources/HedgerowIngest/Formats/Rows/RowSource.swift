import HedgerowCore
import HedgerowMapped

/// What rows are read of: a file of text, an array, or one in an archive.
enum RowSource {
  case text(path: String, delimiter: UInt8 = UInt8(ascii: ","), hasHeader: Bool = false)
  case array(path: String)
  case member(NPZFile, String)

  func rows(into graph: GraphImport) throws -> any FieldRows {
    switch self {
    case .text(let path, let delimiter, let hasHeader):
      return try DelimitedRows(
        path, called: path, delimiter: delimiter, header: hasHeader ? .present : .absent,
        into: graph)
    case .array(let path): return try ArrayRows(NPYFile(path: path), into: graph)
    case .member(let archive, let name): return try ArrayRows(archive.array(name), into: graph)
    }
  }

  /// Bytes on disk; 0 for a file that is not there, which is said when it is read.
  func byteCount() throws -> Int {
    switch self {
    case .text(let path, _, _), .array(let path):
      return FileSystem.exists(path) ? try FileSystem.byteCount(of: path) : 0
    case .member(let archive, let name): return archive.compressedByteCount(of: name)
    }
  }

  /// Rows of two fields: both ends of edges.
  func pairs(into graph: GraphImport) throws -> any FieldRows {
    switch self {
    case .text:
      let rows = try rows(into: graph)
      guard rows.columnCount == 2 || rows.columnCount == 0 else {
        throw HedgerowError(
          .badData, "has \(rows.columnCount) columns: edges have two", at: "\(rows.name):1")
      }
      return rows
    case .array(let path): return try ArrayRows.pairs(NPYFile(path: path), into: graph)
    case .member(let archive, let name):
      return try ArrayRows.pairs(archive.array(name), into: graph)
    }
  }
}
