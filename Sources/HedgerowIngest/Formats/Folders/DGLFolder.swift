import HedgerowCore

/// Data sets of DGL's `CSVDataset` (https://docs.dgl.ai/guide/data-loadcsv.html): tables with headers,
/// which `meta.yaml` names, of one graph or of many.
///
/// Ids are keys; of many graphs `GRAPH/NODE`, and each graph is a node of the type `graph`, with `:in:`
/// from its nodes. Columns keep their names: texts that list numbers are vectors, and `train_mask` of
/// nodes or graphs is the set `train`.
final class DGLFolder {
  private struct Table {
    var path: String
    var name: String { path }
    var graphField: String
  }
  private struct Nodes {
    var table: Table
    var type: NodeType
    var idField: String
  }
  private struct Edges {
    var table: Table
    var type: EdgeType
    var endFields: [String]
  }

  private let folder: DatasetFolder
  private let graph: GraphImport
  private var separator = UInt8(ascii: ",")
  private var nodes: [Nodes] = []
  private var edges: [Edges] = []
  private var graphs: Table?
  private var hasGraphs = false
  private var nodeNames = NameTable(reserved: ["graph"])
  private var relationNames = NameTable(areRelations: true)

  static func isKnown(_ folder: DatasetFolder) -> Bool { folder.has("meta.yaml") }

  static func read(_ folder: DatasetFolder, into graph: GraphImport) throws {
    guard isKnown(folder) else { throw folder.missing("meta.yaml") }
    let reader = DGLFolder(folder, into: graph)
    try reader.readMeta(YAMLNode(path: folder.path("meta.yaml")))
    try reader.read()
  }

  private init(_ folder: DatasetFolder, into graph: GraphImport) {
    self.folder = folder
    self.graph = graph
  }

  // MARK: meta.yaml

  private func readMeta(_ meta: YAMLNode) throws {
    if let version = try meta["version"]?.text(of: "the version"), version != "1.0.0" {
      throw meta.wrong("has version '\(version.prefix(40))': 1.0.0 is read")
    }
    if let node = meta["separator"] {
      let text = try node.text(of: "the separator")
      guard let byte = text.utf8.first, text.utf8.count == 1, byte < 128,
        ![0, 10, 13, 34].contains(byte)
      else { throw node.wrong("has no character of ASCII for a separator") }
      separator = byte
    }
    for node in meta["node_data"]?.list ?? [] {
      let type = try node["ntype"]?.text(of: "a node type") ?? "_V"
      nodes.append(
        Nodes(
          table: try table(node), type: nodeType(type), idField: try field("node_id", of: node)))
    }
    for node in meta["edge_data"]?.list ?? [] {
      let names = try node["etype"]?.list.map { try $0.text(of: "a type") } ?? ["_V", "_E", "_V"]
      guard names.count == 3 else {
        throw node.wrong("has no source, relation and target for its etype")
      }
      let relation = names[1] == "_E" ? "edge" : names[1]
      edges.append(
        Edges(
          table: try table(node),
          type: EdgeType(
            nodeType(names[0]), relationNames.name(for: relation), nodeType(names[2])),
          endFields: [try field("src_id", of: node), try field("dst_id", of: node)]))
    }
    for edge in edges {
      for end in [edge.type.source, edge.type.target]
      where !nodes.contains(where: { $0.type == end }) {
        throw meta.wrong("has edges \(edge.type), but no node_data of type '\(end)'")
      }
    }
    if let node = meta["graph_data"] { graphs = try table(node) }
  }

  private func table(_ node: YAMLNode) throws -> Table {
    guard let file = try node["file_name"]?.text(of: "a file") else {
      throw node.wrong("names no file_name")
    }
    return Table(path: folder.path(file), graphField: try field("graph_id", of: node))
  }

  /// What a column is called: `src_id`, unless `src_id_field` says otherwise.
  private func field(_ name: String, of node: YAMLNode) throws -> String {
    try node["\(name)_field"]?.text(of: "the name of a column") ?? name
  }

  private func nodeType(_ name: String) -> NodeType {
    NodeType(nodeNames.name(for: name == "_V" ? "node" : name))
  }

  // MARK: Tables

  private func rows(_ table: Table) throws -> DelimitedRows {
    try DelimitedRows(
      table.path, called: table.path, delimiter: separator, header: .present, into: graph)
  }

  private func read() throws {
    let tables = nodes.map(\.table) + edges.map(\.table)
    hasGraphs =
      try graphs != nil || tables.contains { try rows($0).header.contains($0.graphField) }
    for part in nodes {
      try read(part.table, keys: [part.idField], as: .nodes(part.type))
    }
    for part in edges { try read(part.table, keys: part.endFields, as: .edges(part.type)) }
    if let graphs { try read(graphs, keys: [graphs.graphField], as: .graphs) }
  }

  private enum Owner {
    case nodes(NodeType)
    case edges(EdgeType)
    case graphs
  }

  private func read(_ table: Table, keys: [String], as owner: Owner) throws {
    let isEdges = if case .edges = owner { true } else { false }
    let header = try rows(table).header
    let keyColumns = try keys.map { key in
      guard let column = header.firstIndex(of: key) else {
        throw HedgerowError(.badData, "has no column '\(key)'", at: "\(table.name):1")
      }
      return column
    }
    var graphColumn = hasGraphs ? header.firstIndex(of: table.graphField) : nil
    if case .graphs = owner { graphColumn = nil }
    let columns = DGLColumns(
      header, without: keyColumns + (header.firstIndex(of: table.graphField).map { [$0] } ?? []),
      reserved: isEdges ? ["source", "target"] : ["id"], hasSets: !isEdges)
    let first = try rows(table)
    while try first.next() { try columns.note(first) }

    let spooled: TableSpool.Table
    var membership: TableSpool.Table?
    var type: NodeType = "graph"
    switch owner {
    case .nodes(let nodes):
      type = nodes
      spooled = try graph.makeTable(nodes, columns.columns, from: table.name)
      if hasGraphs {
        membership = try graph.makeTable(EdgeType(nodes, "in", "graph"), from: table.name)
      }
    case .edges(let edges):
      spooled = try graph.makeTable(edges, columns.columns, from: table.name)
    case .graphs: spooled = try graph.makeTable("graph", columns.columns, from: table.name)
    }
    let sets = columns.sets.isEmpty ? nil : try graph.makeSetTable(type, from: table.name)
    let second = try rows(table)
    var key: [UInt8] = []
    while try second.next() {
      let member = try self.member(second, graphColumn)
      for column in keyColumns {
        if case .graphs = owner {
          key.removeAll(keepingCapacity: true)
        } else if hasGraphs {
          key = member + [UInt8(ascii: "/")]
        } else {
          key.removeAll(keepingCapacity: true)
        }
        try second.withField(column) { field in
          guard !field.isEmpty else { throw second.wrong("has no '\(header[column])'") }
          key += field
        }
        key.withUnsafeBytes { spooled.append($0) }
      }
      columns.append(second, to: spooled)
      try spooled.endRow(line: second.line)
      if let membership {
        key.withUnsafeBytes { membership.append($0) }
        member.withUnsafeBytes { membership.append($0) }
        try membership.endRow(line: second.line)
      }
      if let sets {
        try columns.forEachSet(of: second) { name in
          key.withUnsafeBytes { sets.append($0) }
          sets.append(name)
          try sets.endRow(line: second.line)
        }
      }
    }
  }

  /// The graph that a row is of: 0 where the table does not say.
  private func member(_ rows: DelimitedRows, _ column: Int?) throws -> [UInt8] {
    guard let column else { return [UInt8(ascii: "0")] }
    let id = try rows.withField(column) { [UInt8]($0) }
    guard !id.isEmpty, !id.contains(UInt8(ascii: "/")) else {
      throw rows.wrong("has a graph's id that is empty or has a '/'")
    }
    return id
  }
}
