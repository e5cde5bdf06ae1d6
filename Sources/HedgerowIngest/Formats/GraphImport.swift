import HedgerowCore
import HedgerowMapped

/// What the reader of a format fills: tables of nodes and edges, and options that go with them.
final class GraphImport {
  /// A column of a table, of a kind that the format tells or that is found over its values.
  struct Column: Hashable {
    var name: String
    var kind: PropertyKind?
    init(_ name: String, _ kind: PropertyKind? = nil) {
      self.name = name
      self.kind = kind
    }
  }

  private struct Entry {
    var nodes: NodeType?
    var edges: EdgeType?
    var columns: [Column]
    var table: TableSpool.Table
  }

  let scratch: String
  private let spool: TableSpool
  private var entries: [Entry] = []
  private let progress: (IngestProgress) -> Void
  private let isCancelled: () -> Bool
  /// Edge types that the format says are undirected, and columns with a meaning.
  var undirected: Set<EdgeType> = []
  /// And edge types that list no edge twice.
  var distinct: Set<EdgeType> = []
  var times: [IngestOptions.EdgeColumn] = []
  var weights: [IngestOptions.EdgeColumn] = []
  var splits: [IngestOptions.NodeColumn] = []
  var features: [IngestOptions.FeatureFile] = []

  init(
    scratch: String, progress: @escaping (IngestProgress) -> Void,
    isCancelled: @escaping () -> Bool
  ) {
    self.scratch = scratch
    self.progress = progress
    self.isCancelled = isCancelled
    spool = TableSpool(in: scratch)
  }

  /// A table of nodes: in each row the key, then a field for each column.
  func makeTable(_ type: NodeType, _ columns: [Column] = []) throws -> TableSpool.Table {
    try Identifier.check(type.name, as: "node type")
    let table = spool.makeTable(columnCount: 1 + columns.count)
    entries.append(Entry(nodes: type, columns: columns, table: table))
    return table
  }

  /// A table of edges: in each row the keys of source and target, then a field for each column.
  func makeTable(_ type: EdgeType, _ columns: [Column] = []) throws -> TableSpool.Table {
    for name in [type.source.name, type.target.name] {
      try Identifier.check(name, as: "node type")
    }
    try Identifier.check(type.relation, as: "relation")
    let table = spool.makeTable(columnCount: 2 + columns.count)
    entries.append(Entry(edges: type, columns: columns, table: table))
    return table
  }

  /// Says how far a file was read; throws when the caller wants no more.
  func note(_ reader: LineReader) throws {
    if isCancelled() { throw HedgerowError(.interrupted, "interrupted; nothing was changed") }
    progress(
      IngestProgress(
        phase: .convert, subject: reader.name, done: reader.position, total: reader.total))
  }

  /// Puts the tables among the files of an ingest.
  func finish(into options: inout IngestOptions, from name: String) throws {
    try spool.finish()
    for entry in entries {
      var layout = IngestOptions.FileLayout()
      layout.delimiter = UInt8(ascii: ",")
      layout.header = .absent
      layout.comment = 0
      let names = entry.columns.map { column in
        column.kind.map { "\(column.name):\($0)" } ?? column.name
      }
      if let type = entry.nodes {
        layout.columns = ["id"] + names
        layout.name = "\(name) (nodes of type '\(type)')"
        var file = IngestOptions.NodeFile(type, entry.table.path)
        file.layout = layout
        options.nodes.append(file)
      } else if let type = entry.edges {
        layout.columns = ["source", "target"] + names
        layout.name = "\(name) (edges of type '\(type)')"
        var file = IngestOptions.EdgeFile(type, entry.table.path)
        file.layout = layout
        options.edges.append(file)
      }
    }
    options.undirected.formUnion(undirected)
    options.distinctTypes.formUnion(distinct)
    options.times += times
    options.weights += weights
    options.splits += splits
    options.features += features
  }
}

/// Names that types and columns may have, made of any texts: characters that no name may have become
/// `_`, and texts that would have the same name are told apart by numbers.
struct NameTable {
  private let areRelations: Bool
  private var names: [String: String] = [:]
  private var taken: Set<String> = []

  init(areRelations: Bool) { self.areRelations = areRelations }

  /// - Parameter spoken: the part of the text that the name is made of; all of it unless given.
  mutating func name(for text: String, spoken: String? = nil) -> String {
    if let known = names[text] { return known }
    var base = TextLayout.cleanName(spoken ?? text)
    if base.isEmpty { base = "_" }
    // That is how backward readings are called.
    if areRelations && base.hasPrefix("rev_") { base = "_" + base }
    var name = base
    var number = 2
    while !taken.insert(name.lowercased()).inserted {
      name = "\(base.prefix(58))_\(number)"
      number += 1
    }
    names[text] = name
    return name
  }
}
