import HedgerowCore

/// Which files a data set of the Open Graph Benchmark has, in any of its four layouts: tables or arrays,
/// of one type of nodes or of several.
struct OGBFiles {
  struct Column {
    var name: String
    var source: RowSource
    var form: SideBySide.Form
  }
  struct Nodes {
    var type: NodeType
    /// How many nodes each graph has.
    var counts: RowSource
    var countColumn = 0
    var columns: [Column] = []
    /// An array that is a column as it is.
    var features: (NPZFile, String)?
  }
  struct Edges {
    var type: EdgeType
    var counts: RowSource
    var ends: RowSource
    var columns: [Column] = []
  }

  private(set) var nodes: [Nodes] = []
  private(set) var edges: [Edges] = []
  private(set) var graphLabel: RowSource?
  /// Node types, with what the files call them where there are several.
  private var typeNames: [(name: String?, type: NodeType)] = []
  /// What splits are of, with the names of their folders in a split.
  var splitTypes: [(folder: String?, type: NodeType)] {
    graphLabel == nil ? typeNames.map { ($0.name, $0.type) } : [(nil, Self.graphs)]
  }

  static let graphs: NodeType = "graph"
  /// Each layout has one of these.
  static let signs = [
    "edge.csv.gz", "triplet-type-list.csv.gz", "data.npz", "edge_index_dict.npz", "edge.csv",
    "triplet-type-list.csv",
  ]

  private let raw: DatasetFolder
  private let graph: GraphImport
  private var nodeNames = NameTable(reserved: [graphs.name])
  private var relationNames = NameTable(areRelations: true)

  init(in folder: DatasetFolder, _ graph: GraphImport) throws {
    raw = Self.signs.contains { folder.has("raw/" + $0) } ? folder.folder("raw") : folder
    self.graph = graph
    if let archive = try raw.archive("data", into: graph) {
      try readArchive(archive)
    } else if let archive = try raw.archive("edge_index_dict", into: graph) {
      try readArchives(archive)
    } else if let triplets = raw.table("triplet-type-list") {
      try readFolders(triplets)
    } else if let ends = raw.table("edge") {
      try readTables(ends)
    } else {
      throw folder.missing("raw/edge.csv.gz, raw/data.npz or the like")
    }
  }

  private static func column(_ name: some StringProtocol, of source: RowSource) -> Column {
    name == "feat"
      ? Column(name: "x", source: source, form: .vector)
      : Column(name: String(name), source: source, form: .value)
  }

  private static func label(_ source: RowSource) -> Column {
    Column(name: "label", source: source, form: .labels)
  }

  /// The tables in a folder whose names begin with `node_` or `node-feat`, or so with `edge`.
  private func columns(_ prefix: String, in folder: DatasetFolder) throws -> [Column] {
    var columns: [Column] = []
    if let source = folder.table("\(prefix)-feat") {
      columns.append(Self.column("feat", of: source))
    }
    for name in try folder.names() where name.hasPrefix("\(prefix)_") {
      let base = name.prefix { $0 != "." }
      guard name == base + ".csv.gz" || name == base + ".csv",
        let source = folder.table(String(base))
      else { continue }
      columns.append(Self.column(base.dropFirst(prefix.count + 1), of: source))
    }
    return columns
  }

  // MARK: One type of nodes

  private mutating func readTables(_ ends: RowSource) throws {
    guard let nodeCounts = raw.table("num-node-list") else {
      throw raw.missing("num-node-list.csv.gz")
    }
    guard let edgeCounts = raw.table("num-edge-list") else {
      throw raw.missing("num-edge-list.csv.gz")
    }
    var part = Nodes(type: "node", counts: nodeCounts)
    part.columns = try columns("node", in: raw)
    // What ogbn-proteins calls it.
    if let species = raw.table("species") {
      part.columns.append(Self.column("species", of: species))
    }
    if let label = raw.table("node-label") { part.columns.append(Self.label(label)) }
    nodes = [part]
    edges = [
      Edges(
        type: EdgeType("node", "edge", "node"), counts: edgeCounts, ends: ends,
        columns: try columns("edge", in: raw))
    ]
    graphLabel = raw.table("graph-label")
    typeNames = [(nil, "node")]
  }

  private mutating func readArchive(_ archive: NPZFile) throws {
    var part = Nodes(type: "node", counts: .member(archive, "num_nodes_list"))
    var ends = Edges(
      type: EdgeType("node", "edge", "node"), counts: .member(archive, "num_edges_list"),
      ends: .member(archive, "edge_index"))
    for name in archive.arrayNames.sorted() where name != "edge_index" {
      if name == "node_feat" {
        part.features = (archive, name)
      } else if name.hasPrefix("node_") {
        part.columns.append(Self.column(name.dropFirst(5), of: .member(archive, name)))
      } else if name.hasPrefix("edge_") {
        ends.columns.append(Self.column(name.dropFirst(5), of: .member(archive, name)))
      }
    }
    if let labels = try raw.archive("node-label", into: graph) {
      part.columns.append(Self.label(.member(labels, "node_label")))
    }
    if let labels = try raw.archive("graph-label", into: graph) {
      graphLabel = .member(labels, "graph_label")
    }
    nodes = [part]
    edges = [ends]
    typeNames = [(nil, "node")]
  }

  // MARK: Several types

  private mutating func edgeType(
    _ names: [String], at place: String
  ) throws -> EdgeType {
    guard names.count == 3 else {
      throw HedgerowError(.badData, "names no source, relation and target", at: place)
    }
    let ends = try [names[0], names[2]].map { name in
      let type = NodeType(nodeNames.name(for: name))
      guard nodes.contains(where: { $0.type == type }) else {
        throw HedgerowError(
          .badData, "names the node type '\(name.prefix(60))', which has no count of nodes",
          at: place)
      }
      return type
    }
    return EdgeType(ends[0], relationNames.name(for: names[1]), ends[1])
  }

  private static func text(_ rows: any FieldRows, _ column: Int) throws -> String {
    try rows.withField(column) { String(decoding: $0, as: UTF8.self) }
  }

  private mutating func readFolders(_ triplets: RowSource) throws {
    guard let counts = raw.table("num-node-dict", hasHeader: true),
      case .text(let path, _, _) = counts
    else { throw raw.missing("num-node-dict.csv.gz") }
    let header = try DelimitedRows(path, called: path, header: .present, into: graph).header
    try checkCount(header.count, at: path)
    for (column, name) in header.enumerated() {
      var part = Nodes(
        type: NodeType(nodeNames.name(for: name)), counts: counts, countColumn: column)
      part.columns = try columns("node", in: raw.folder("node-feat/\(name)"))
      if let label = raw.table("node-label/\(name)/node-label") {
        part.columns.append(Self.label(label))
      }
      nodes.append(part)
      typeNames.append((name, part.type))
    }
    let rows = try triplets.rows(into: graph)
    guard rows.columnCount == 3 || rows.columnCount == 0 else {
      throw HedgerowError(
        .badData, "has \(rows.columnCount) columns: source, relation and target are three",
        at: rows.name)
    }
    while try rows.next() {
      try checkCount(rows.rowCount, at: rows.name)
      let names = try (0..<3).map { try Self.text(rows, $0) }
      let type = try edgeType(names, at: rows.place)
      let inner = raw.folder("relations/\(names.joined(separator: "___"))")
      guard let ends = inner.table("edge"), let counts = inner.table("num-edge-list") else {
        throw inner.missing("edge.csv.gz or num-edge-list.csv.gz")
      }
      edges.append(
        Edges(type: type, counts: counts, ends: ends, columns: try columns("edge", in: inner)))
    }
  }

  private mutating func readArchives(_ ends: NPZFile) throws {
    guard let nodeCounts = try raw.archive("num_nodes_dict", into: graph) else {
      throw raw.missing("num_nodes_dict.npz")
    }
    guard let edgeCounts = try raw.archive("num_edges_dict", into: graph) else {
      throw raw.missing("num_edges_dict.npz")
    }
    try checkCount(nodeCounts.arrayNames.count, at: nodeCounts.name)
    try checkCount(ends.arrayNames.count, at: ends.name)
    for name in nodeCounts.arrayNames.sorted() {
      let type = NodeType(nodeNames.name(for: name))
      nodes.append(Nodes(type: type, counts: .member(nodeCounts, name)))
      typeNames.append((name, type))
    }
    let triplets = ends.arrayNames.sorted()
    for name in triplets {
      let type = try edgeType(Self.parts(name), at: ends.place(name))
      edges.append(
        Edges(type: type, counts: .member(edgeCounts, name), ends: .member(ends, name)))
    }
    for file in try raw.names() where file.hasSuffix(".npz") {
      let base = String(file.dropLast(4))
      guard base.hasPrefix("node_") || base.hasPrefix("edge_"), base != "edge_index_dict" else {
        continue
      }
      let values = try raw.archive(base, into: graph)!
      let column = base.dropFirst(5).replacing("_dict", with: "")
      for name in values.arrayNames {
        if base.hasPrefix("edge_") {
          guard let place = triplets.firstIndex(of: name) else { throw Self.unknown(values, name) }
          edges[place].columns.append(Self.column(column, of: .member(values, name)))
        } else {
          guard let place = typeNames.firstIndex(where: { $0.name == name }) else {
            throw Self.unknown(values, name)
          }
          if column == "feat" {
            nodes[place].features = (values, name)
          } else {
            nodes[place].columns.append(Self.column(column, of: .member(values, name)))
          }
        }
      }
    }
    guard let labels = try raw.archive("node-label", into: graph) else { return }
    for name in labels.arrayNames {
      guard let place = typeNames.firstIndex(where: { $0.name == name }) else {
        throw Self.unknown(labels, name)
      }
      nodes[place].columns.append(Self.label(.member(labels, name)))
    }
  }

  private static func unknown(_ archive: NPZFile, _ name: String) -> HedgerowError {
    HedgerowError(
      .badData, "is of a type that has no nodes or no edges", at: archive.place(name))
  }

  /// `head___relation___tail`
  private static func parts(_ name: String) -> [String] {
    name.split(separator: "___", omittingEmptySubsequences: false).map { String($0) }
  }

  private func checkCount(_ count: Int, at place: String) throws {
    guard count <= GraphImport.tableLimit else {
      throw HedgerowError(.badData, "has more than \(GraphImport.tableLimit) types", at: place)
    }
  }
}
