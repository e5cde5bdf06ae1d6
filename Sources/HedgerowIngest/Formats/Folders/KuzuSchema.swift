import HedgerowCore

/// What an export of Kuzu says of its tables: `schema.cypher` and `copy.cypher`.
struct KuzuSchema {
  struct Column {
    var name: String
    /// In capitals, as `FLOAT[3]`; of types with parameters the name only.
    var type: String
  }
  struct NodeTable {
    var name: String
    var columns: [Column] = []
    var key = ""
  }
  struct RelTable {
    var name: String
    var ends: [(from: String, to: String)] = []
    var columns: [Column] = []
  }
  /// A file of a table.
  struct Copy {
    var table: String
    /// The columns of the file, without the ends of edges; all of the table where it is nil.
    var columns: [String]?
    var file: String
    /// In small letters.
    var options: [String: String] = [:]

    var isParquet: Bool { file.hasSuffix(".parquet") }
  }

  private(set) var nodes: [NodeTable] = []
  private(set) var rels: [RelTable] = []
  private(set) var copies: [Copy] = []

  init(_ folder: DatasetFolder) throws {
    let schema = folder.path("schema.cypher")
    for statement in try CypherStatements(schema).all {
      var reader = CypherReader(statement, of: schema)
      if reader.take("CREATE", "NODE", "TABLE") {
        try readNodeTable(&reader)
      } else if reader.take("CREATE", "REL", "TABLE") {
        try readRelTable(&reader)
      }
    }
    for table in rels {
      for end in table.ends.flatMap({ [$0.from, $0.to] })
      where !nodes.contains(where: { $0.name == end }) {
        throw HedgerowError(
          .badData,
          "names the node table '\(end.prefix(60))' for '\(table.name.prefix(60))', which is not there",
          at: schema)
      }
    }
    let copy = folder.path("copy.cypher")
    for statement in try CypherStatements(copy).all {
      var reader = CypherReader(statement, of: copy)
      if reader.take("COPY") { try readCopy(&reader) }
    }
  }

  // MARK: Tables

  private mutating func readNodeTable(_ reader: inout CypherReader) throws {
    _ = reader.take("IF", "NOT", "EXISTS")
    var table = NodeTable(name: try reader.name(of: "a node table"))
    try reader.expect("(")
    repeat {
      if reader.take("PRIMARY", "KEY") {
        try reader.expect("(")
        table.key = try reader.name(of: "the primary key")
        try reader.expect(")")
        continue
      }
      let column = try Self.column(&reader)
      // Defaults, and a key that is named right here.
      let rest = reader.skipItem()
      if case .word(let word)? = rest.first, word.uppercased() == "PRIMARY" {
        table.key = column.name
      }
      table.columns.append(column)
    } while reader.take(mark: ",")
    try reader.expect(")")
    guard table.columns.contains(where: { $0.name == table.key }) else {
      throw reader.wrong("has no column for its primary key")
    }
    try checkNew(table.name, table.columns.map(\.name), reader)
    nodes.append(table)
  }

  private mutating func readRelTable(_ reader: inout CypherReader) throws {
    _ = reader.take("GROUP")
    _ = reader.take("IF", "NOT", "EXISTS")
    var table = RelTable(name: try reader.name(of: "a relationship table"))
    let multiplicities = ["MANY_MANY", "MANY_ONE", "ONE_MANY", "ONE_ONE"]
    try reader.expect("(")
    repeat {
      if reader.take("FROM") {
        let from = try reader.name(of: "a node table")
        guard reader.take("TO") else { throw reader.wrong("lacks TO behind FROM") }
        table.ends.append((from, try reader.name(of: "a node table")))
      } else if !multiplicities.contains(where: { reader.take($0) }) {
        table.columns.append(try Self.column(&reader))
        _ = reader.skipItem()
      }
    } while reader.take(mark: ",")
    try reader.expect(")")
    try checkNew(table.name, table.columns.map(\.name), reader)
    rels.append(table)
  }

  /// That no table and no column of it is there twice.
  private func checkNew(
    _ table: String, _ columns: [String], _ reader: CypherReader
  ) throws {
    guard !nodes.contains(where: { $0.name == table }), !rels.contains(where: { $0.name == table })
    else { throw reader.wrong("creates the table '\(table.prefix(60))' again") }
    try Self.checkDistinct(columns, reader)
  }

  private static func checkDistinct(_ columns: [String], _ reader: CypherReader) throws {
    var seen: Set<String> = []
    if let column = columns.first(where: { !seen.insert($0).inserted }) {
      throw reader.wrong("names the column '\(column.prefix(60))' twice")
    }
  }

  private static func column(_ reader: inout CypherReader) throws -> Column {
    let name = try reader.name(of: "a column")
    var type = try reader.name(of: "the type of column '\(name)'").uppercased()
    if reader.take(mark: "(") {
      repeat { _ = reader.skipItem() } while reader.take(mark: ",")
      try reader.expect(")")
    }
    while reader.take(mark: "[") {
      type += "["
      if case .word(let width)? = reader.peek {
        _ = reader.next()
        type += width
      }
      try reader.expect("]")
      type += "]"
    }
    return Column(name: name, type: type)
  }

  // MARK: Files

  private mutating func readCopy(_ reader: inout CypherReader) throws {
    let table = try reader.name(of: "a table")
    var columns: [String]?
    if reader.take(mark: "(") {
      var listed: [String] = []
      repeat { listed.append(try reader.name(of: "a column")) } while reader.take(mark: ",")
      try reader.expect(")")
      // Some versions list a column that no file has.
      columns = listed.filter { $0 != "_ID" }
      try Self.checkDistinct(listed, reader)
    }
    guard reader.take("FROM"), case .text(let file)? = reader.next() else {
      throw reader.wrong("names no file behind FROM")
    }
    var copy = Copy(table: table, columns: columns, file: file)
    if reader.take(mark: "(") {
      repeat {
        let option = try reader.name(of: "an option").lowercased()
        // Some versions write the name twice: the value is the last.
        switch reader.skipItem().last {
        case .word(let value), .text(let value): copy.options[option] = value
        default: throw reader.wrong("has no value for the option '\(option)'")
        }
      } while reader.take(mark: ",")
      try reader.expect(")")
    }
    copies.append(copy)
  }
}
