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
  /// Members of sets.
  case sets(NodeType)

  /// What a row's keys are called.
  var keys: [String] {
    switch self {
    case .nodes, .sets: ["id"]
    case .edges: ["source", "target"]
    }
  }
}

/// The files of one format of one type.
struct TableFiles {
  var owner: TableOwner
  /// Where they are, and what messages call them.
  var files: [(path: String, name: String)]
  /// Names that the caller gives the columns, as in a header; an empty one leaves one out.
  var columns: [String]?
  /// The columns that are keys, where the caller chose them.
  var keys: [String]?
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
        for (place, table) in zip(places, tables.nodes) { nodes[place] = table }
      }
      for type in edgeTypes {
        let places = edges.indices.filter {
          edges[$0].type == type && format.isKnown(edges[$0].path)
        }
        let tables = try readTables(
          format, .edges(type), places.map { (edges[$0].path, edges[$0].layout) },
          columns: edgeColumns[type], areAll: false, makeImport(), in: scratch, budget: budget)
        for (place, table) in zip(places, tables.edges) { edges[place] = table }
      }
    }
  }

  private mutating func readTables(
    _ format: any TableFormat.Type, _ owner: TableOwner,
    _ named: [(path: String, layout: FileLayout)], columns: [String]?, areAll: Bool,
    _ graph: GraphImport, in scratch: String, budget: MemoryBudget
  ) throws -> IngestOptions {
    var tables = IngestOptions()
    guard !named.isEmpty else { return tables }
    for file in named where file.layout.skipsRowsWithoutKey {
      throw HedgerowError(
        .usage, "has a membership: that is for delimited text, so give it as edges", at: file.path)
    }
    let files = TableFiles(
      owner: owner, files: try named.map { try localCopy(of: $0.path, in: scratch) },
      columns: named[0].layout.columns ?? columns, keys: try Self.keys(of: named), areAll: areAll,
      arrays: Set(features.filter { .nodes($0.type) == owner }.map(\.column)))
    try format.read(files, into: graph, budget: budget)
    try graph.finish(into: &tables)
    // What else is chosen of the columns holds for the tables.
    for (index, file) in named.enumerated() {
      var choice = file.layout.choice
      (choice.key, choice.source, choice.target) = ([], [], [])
      if tables.nodes.indices.contains(index) { tables.nodes[index].layout.choice = choice }
      if tables.edges.indices.contains(index) { tables.edges[index].layout.choice = choice }
    }
    features += tables.features
    return tables
  }

  /// The columns that are keys, where somebody chose them, the same for all files of a type.
  private static func keys(of files: [(path: String, layout: FileLayout)]) throws -> [String]? {
    func chosen(_ file: (path: String, layout: FileLayout)) throws -> [String]? {
      let choice = file.layout.choice
      let parts = choice.key.isEmpty ? [choice.source, choice.target] : [choice.key]
      if parts.allSatisfy(\.isEmpty) { return nil }
      guard parts.allSatisfy({ $0.count == 1 }) else {
        throw HedgerowError(
          .usage, "has one column for each key: keys of several are for delimited text",
          at: file.path)
      }
      return parts.map { $0[0] }
    }
    let first = try chosen(files[0])
    for file in files where try chosen(file) != first {
      throw HedgerowError(
        .usage, "has other columns for keys than \(files[0].path): give both the same names",
        at: file.path)
    }
    return first
  }
}
