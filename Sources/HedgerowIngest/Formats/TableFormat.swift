import HedgerowCore

/// Files of tables that are no delimited text and know more of their columns than it does: JSON Lines, and
/// files of columns. They become tables in scratch, in the places where they were named.
protocol TableFormat {
  /// Whether a file is one, by its name or its first bytes.
  static func isKnown(_ path: String) -> Bool
  /// Makes a table of each file, in their order.
  static func read(_ files: TableFiles, into graph: GraphImport, budget: MemoryBudget) throws
}

/// What the rows of a table are.
enum TableOwner: Hashable {
  case nodes(NodeType)
  case edges(EdgeType)

  /// What a row's keys are called.
  var keys: [String] {
    switch self {
    case .nodes: ["id"]
    case .edges: ["source", "target"]
    }
  }
}

/// The files of one format of one type.
struct TableFiles {
  struct File {
    var path: String
    /// What messages call it.
    var name: String
    /// Names that the caller gives the columns, as in a header; an empty one leaves one out.
    var columns: [String]?
    /// What of the table is taken once it is there.
    var choice: IngestOptions.ColumnChoice
  }

  var owner: TableOwner
  var files: [File]
  /// Whether the type has no other files, so that arrays can hold a column of all its rows.
  var areAll: Bool
  /// Columns that come as arrays by the caller's word.
  var arrays: Set<String>
}

extension IngestOptions {
  private static var tableFormats: [any TableFormat.Type] { [JSONTable.self, ColumnarTable.self] }

  /// Puts tables in the places of files of other formats of tables, those of one type at a time.
  mutating func readTables(
    _ makeImport: () -> GraphImport, in scratch: String, budget: MemoryBudget
  ) throws {
    for format in Self.tableFormats {
      for type in nodeTypes {
        let all = nodes.indices.filter { nodes[$0].type == type }
        let places = all.filter { format.isKnown(nodes[$0].path) }
        let tables = try readTables(
          format, .nodes(type), places.map { (nodes[$0].path, nodes[$0].layout) },
          columns: nodeColumns[type], areAll: places.count == all.count, makeImport(),
          in: scratch, budget: budget)
        for (place, table) in zip(places, tables.nodes) {
          let given = nodes[place].layout
          nodes[place] = table
          nodes[place].layout.follow(given)
        }
      }
      for type in edgeTypes {
        let places = edges.indices.filter {
          edges[$0].type == type && format.isKnown(edges[$0].path)
        }
        let tables = try readTables(
          format, .edges(type), places.map { (edges[$0].path, edges[$0].layout) },
          columns: edgeColumns[type], areAll: false, makeImport(), in: scratch, budget: budget)
        for (place, table) in zip(places, tables.edges) {
          let given = edges[place].layout
          edges[place] = table
          edges[place].layout.follow(given)
        }
      }
    }
  }

  private mutating func readTables(
    _ format: any TableFormat.Type, _ owner: TableOwner,
    _ given: [(path: String, layout: FileLayout)],
    columns: [String]?, areAll: Bool, _ graph: GraphImport, in scratch: String, budget: MemoryBudget
  ) throws -> IngestOptions {
    var tables = IngestOptions()
    guard !given.isEmpty else { return tables }
    let files = TableFiles(
      owner: owner,
      files: try given.map { file in
        let (path, name) = try localCopy(of: file.path, in: scratch)
        return TableFiles.File(
          path: path, name: name, columns: file.layout.columns ?? columns,
          choice: file.layout.choice)
      }, areAll: areAll,
      arrays: Set(features.filter { .nodes($0.type) == owner }.map(\.column)))
    try format.read(files, into: graph, budget: budget)
    try graph.finish(into: &tables)
    features += tables.features
    leftOutLines += tables.leftOutLines
    leftOutMessages += tables.leftOutMessages
    return tables
  }
}

extension IngestOptions.FileLayout {
  /// What the caller said of the rows of the file that a table was made of holds for the table's.
  fileprivate mutating func follow(_ given: IngestOptions.FileLayout) {
    choice = given.choice
    // What could not be read is not there.
    let names = Set(columns?.map { String($0.prefix { $0 != ":" }) } ?? [])
    choice.without = choice.without.filter { names.contains(TextLayout.cleanName($0)) }
    skipsRowsWithoutKey = given.skipsRowsWithoutKey
  }
}

extension IngestOptions.ColumnChoice {
  /// Whether everything is taken as it is.
  var isEverything: Bool {
    key.isEmpty && source.isEmpty && target.isEmpty && kinds.isEmpty && names.isEmpty && only == nil
      && without.isEmpty && constants.isEmpty
  }
}
