import HedgerowColumnar
import HedgerowCore
import HedgerowMapped

/// What Kuzu's `EXPORT DATABASE 'folder'` writes (https://docs.kuzudb.com/migrate/): the tables' definitions
/// in `schema.cypher`, and a file of each table, CSV or Parquet, which `copy.cypher` names.
///
/// A node table is a node type with its primary key as keys, a relationship table an edge type for each
/// pair of node tables that it joins.
final class KuzuFolder {
  /// What is done with a field before it is one of a table.
  private enum Conversion { case none, list, blob }
  private struct Column {
    var column: GraphImport.Column
    var conversion: Conversion
  }

  private let folder: DatasetFolder
  private let graph: GraphImport
  private let schema: KuzuSchema
  private let budget: MemoryBudget
  private var nodeNames = NameTable()
  private var relationNames = NameTable(areRelations: true)
  private var vector: [UInt8] = []

  static func isKnown(_ folder: DatasetFolder) -> Bool {
    folder.has("schema.cypher") && folder.has("copy.cypher")
  }

  static func read(
    _ folder: DatasetFolder, into graph: GraphImport, budget: MemoryBudget
  ) throws {
    guard isKnown(folder) else { throw folder.missing("schema.cypher or copy.cypher") }
    try KuzuFolder(folder, into: graph, budget: budget).read()
  }

  private init(
    _ folder: DatasetFolder, into graph: GraphImport, budget: MemoryBudget
  ) throws {
    self.folder = folder
    self.graph = graph
    self.budget = budget
    schema = try KuzuSchema(folder)
  }

  private func read() throws {
    for table in schema.nodes {
      let copies = schema.copies.filter { $0.table == table.name }
      for copy in copies { try readNodes(table, copy, isAll: copies.count == 1) }
      if copies.isEmpty { _ = try makeTable(table, table.columns, from: folder.path).table }
    }
    for copy in schema.copies where !schema.nodes.contains(where: { $0.name == copy.table }) {
      try readEdges(copy)
    }
  }

  private func type(_ table: String) -> NodeType { NodeType(nodeNames.name(for: table)) }

  // MARK: Files

  /// How a database is written so that everything of it can be read.
  private static let asCSV = "EXPORT DATABASE 'folder' (format=\"csv\", header=true)"

  /// Files are those of the folder, wherever it was when it was written.
  private func path(of copy: KuzuSchema.Copy) throws -> String {
    let name = FileSystem.name(of: copy.file)
    guard folder.has(name) else {
      throw folder.missing("'\(name.prefix(60))', which copy.cypher names")
    }
    return folder.path(name)
  }

  private func check(width: Int, of place: String, is expected: Int) throws {
    guard width == expected else {
      throw HedgerowError(
        .badData, "has \(width) columns, but copy.cypher and schema.cypher name \(expected)",
        at: place)
    }
  }

  /// Reads a file of columns, which say by themselves of what kinds they are.
  ///
  /// - Parameter names: of all columns, as in a header.
  private func readParquet(
    _ copy: KuzuSchema.Copy, _ owner: TableOwner, names: [String], isAll: Bool
  ) throws {
    let path = try path(of: copy)
    let columns = try ColumnarFormat.parquet.open(path, called: path, budget: budget).columns
    try check(width: columns.count, of: path, is: names.count)
    for column in columns {
      guard case .refused(let message) = column.content else { continue }
      throw HedgerowError(
        .badData,
        "column '\(column.name.prefix(60))' \(message); it is text where it is written with "
          + Self.asCSV, at: path)
    }
    let table = TableFiles(
      owner: owner, files: [(path, path)], columns: names, keys: nil, areAll: isAll, arrays: [])
    try ColumnarTable.read(table, into: graph, budget: budget)
  }

  /// The rows of a file of text, which must have `width` columns.
  private func rows(_ copy: KuzuSchema.Copy, width: Int) throws -> DelimitedRows {
    let path = try path(of: copy)
    func refuse(_ message: String) -> HedgerowError { HedgerowError(.badData, message, at: path) }
    guard copy.file.hasSuffix(".csv") else {
      throw refuse("is neither CSV nor Parquet: write it with \(Self.asCSV)")
    }
    for option in ["quote", "escape"] {
      guard let value = copy.options[option], value != "\"" else { continue }
      throw refuse(
        "has the \(option) character \(value): quotes that are doubled inside of quotes are read")
    }
    let delimiter = copy.options["delim"] ?? copy.options["delimiter"] ?? ","
    guard let byte = delimiter.utf8.first, delimiter.utf8.count == 1, byte < 128,
      ![0, 10, 13, 34].contains(byte)
    else { throw refuse("has no character of ASCII for a delimiter") }
    let hasHeader = copy.options["header"]?.lowercased() == "true"
    let rows = try DelimitedRows(
      path, called: path, delimiter: byte, header: hasHeader ? .present : .absent, into: graph)
    if rows.columnCount > 0 { try check(width: rows.columnCount, of: "\(path):1", is: width) }
    return rows
  }

  /// The columns of a file by those of its table.
  private func columns(
    _ names: [String]?, of table: [KuzuSchema.Column], at place: String
  ) throws -> [KuzuSchema.Column] {
    guard let names else { return table }
    return try names.map { name in
      guard let column = table.first(where: { $0.name == name }) else {
        throw HedgerowError(
          .badData,
          "names the column '\(name.prefix(60))' of '\(place)', which schema.cypher does not",
          at: folder.path("copy.cypher"))
      }
      return column
    }
  }

  // MARK: Nodes

  private func makeTable(
    _ table: KuzuSchema.NodeTable, _ columns: [KuzuSchema.Column], from name: String
  ) throws -> (table: TableSpool.Table, columns: [Column]) {
    var names = NameTable(reserved: ["id"])
    let key = table.columns.first { $0.name == table.key }!
    let made = columns.filter { $0.name != table.key }.map { Self.column($0, &names) }
    let rows = try graph.makeTable(
      type(table.name), key: Self.key(key.type), made.map(\.column), from: name)
    return (rows, made)
  }

  private func readNodes(
    _ table: KuzuSchema.NodeTable, _ copy: KuzuSchema.Copy, isAll: Bool
  ) throws {
    let listed = try columns(copy.columns, of: table.columns, at: table.name)
    guard let key = listed.firstIndex(where: { $0.name == table.key }) else {
      throw HedgerowError(
        .badData,
        "does not name the key '\(table.key)' of '\(table.name)', without which nobody knows "
          + "the ends of edges", at: folder.path("copy.cypher"))
    }
    if copy.isParquet {
      var names = NameTable(reserved: ["id"])
      let header = listed.map { $0.name == table.key ? "id" : Self.header($0, &names) }
      return try readParquet(copy, .nodes(type(table.name)), names: header, isAll: isAll)
    }
    let rows = try rows(copy, width: listed.count)
    let (spooled, made) = try makeTable(table, listed, from: rows.name)
    let places = listed.indices.filter { $0 != key }
    while try rows.next() {
      rows.withText(key) { spooled.append($0) }
      for (column, place) in zip(made, places) { try append(rows, place, column, to: spooled) }
      try spooled.endRow(line: rows.line)
    }
  }

  // MARK: Edges

  /// The table and the ends that a file is of: by its options, or by its name where a table has several.
  private func rel(
    _ copy: KuzuSchema.Copy
  ) throws -> (table: KuzuSchema.RelTable, from: String, to: String) {
    for table in schema.rels {
      for ends in table.ends {
        let isNamed =
          table.name == copy.table
          && (table.ends.count == 1
            || copy.options["from"] == ends.from && copy.options["to"] == ends.to)
        if isNamed || copy.table == "\(table.name)_\(ends.from)_\(ends.to)" {
          return (table, ends.from, ends.to)
        }
      }
    }
    throw HedgerowError(
      .badData,
      "names the table '\(copy.table.prefix(60))', which schema.cypher does not, or not with "
        + "these ends", at: folder.path("copy.cypher"))
  }

  private func readEdges(_ copy: KuzuSchema.Copy) throws {
    let (table, from, to) = try rel(copy)
    let listed = try columns(copy.columns, of: table.columns, at: table.name)
    let type = EdgeType(type(from), relationNames.name(for: table.name), type(to))
    var names = NameTable(reserved: ["source", "target"])
    if copy.isParquet {
      let header = ["source", "target"] + listed.map { Self.header($0, &names) }
      return try readParquet(copy, .edges(type), names: header, isAll: false)
    }
    let rows = try rows(copy, width: 2 + listed.count)
    let made = listed.map { Self.column($0, &names) }
    let spooled = try graph.makeTable(type, made.map(\.column), from: rows.name)
    while try rows.next() {
      for end in 0..<2 { rows.withText(end) { spooled.append($0) } }
      for (place, column) in made.enumerated() {
        try append(rows, 2 + place, column, to: spooled)
      }
      try spooled.endRow(line: rows.line)
    }
  }

  // MARK: Values

  private static func key(_ type: String) -> String {
    switch type {
    case "UUID": "id:uuid"
    case _ where type.contains("INT") || type == "SERIAL": "id"
    default: "id:string"
    }
  }

  private static let kinds: [String: PropertyKind] = [
    "BOOL": .bool, "BOOLEAN": .bool, "SERIAL": .int64, "INT64": .int64, "INT32": .int32,
    "INT16": .int16, "INT8": .int8, "UINT8": .uint8, "UINT16": .int32, "UINT32": .int64,
    "DOUBLE": .float64, "FLOAT": .float32, "DECIMAL": .float64, "BLOB": .bytes, "BYTEA": .bytes,
  ]

  private static func column(_ column: KuzuSchema.Column, _ names: inout NameTable) -> Column {
    let name = names.name(for: column.name)
    if let kind = kinds[column.type] {
      return Column(
        column: .init(name, kind, isKept: true), conversion: kind == .bytes ? .blob : .none)
    }
    // Whole numbers beyond int64 are exact as text only.
    if ["UINT64", "INT128"].contains(column.type) {
      return Column(column: .init(name), conversion: .none)
    }
    if let open = column.type.firstIndex(of: "["),
      let element = kinds[String(column.type[..<open])], element.isNumeric
    {
      let inside = column.type[open...]
      if inside == "[]" {
        return Column(column: .init(name, element, isList: true), conversion: .list)
      }
      if let width = Int(inside.dropFirst().dropLast()), (1...1 << 16).contains(width) {
        return Column(
          column: .init(name, .vector(element: element, width: width), isKept: true),
          conversion: .list)
      }
    }
    return Column(column: .init(name, isText: true), conversion: .none)
  }

  /// As in the header of a file of columns: of vectors with their width, which no row may tell.
  private static func header(_ column: KuzuSchema.Column, _ names: inout NameTable) -> String {
    let column = Self.column(column, &names).column
    if case .vector? = column.kind { return column.spelled }
    return column.name
  }

  private func append(
    _ rows: DelimitedRows, _ place: Int, _ column: Column, to table: TableSpool.Table
  ) throws {
    try rows.withText(place) { field in
      guard let field else { return table.append(nil as UnsafeRawBufferPointer?) }
      switch column.conversion {
      case .none:
        // Nothing is no number: only texts are empty.
        table.append(field.isEmpty && !column.column.isText ? nil : field)
      case .list:
        guard field.first == UInt8(ascii: "["), field.last == UInt8(ascii: "]") else {
          throw rows.wrong("has no list in column \(place + 1)")
        }
        vector.removeAll(keepingCapacity: true)
        for byte in field.dropFirst().dropLast() {
          vector.append(byte == UInt8(ascii: ",") ? UInt8(ascii: ";") : byte)
        }
        vector.withUnsafeBytes { table.append(list: $0.isEmpty ? nil : $0) }
      case .blob:
        try Self.bytes(field, rows).withUnsafeBytes { table.append($0) }
      }
    }
  }

  /// Bytes as texts of bytes have them here: Kuzu writes those that are no letters as `\xHH`.
  private static func bytes(
    _ field: UnsafeRawBufferPointer, _ rows: DelimitedRows
  ) throws -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    var text = Array("0x".utf8)
    var place = 0
    while place < field.count {
      if field[place] == UInt8(ascii: "\\") {
        guard place + 4 <= field.count, field[place + 1] == UInt8(ascii: "x"),
          UInt8(String(decoding: field[place + 2..<place + 4], as: UTF8.self), radix: 16) != nil
        else { throw rows.wrong("has a backslash in bytes that is not '\\xHH'") }
        text += field[place + 2..<place + 4]
        place += 4
      } else {
        text += [digits[Int(field[place] >> 4)], digits[Int(field[place] & 15)]]
        place += 1
      }
    }
    return text
  }
}
