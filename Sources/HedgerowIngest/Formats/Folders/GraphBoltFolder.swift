import HedgerowCore
import HedgerowMapped

/// Data sets of DGL's GraphBolt (`OnDiskDataset`,
/// https://docs.dgl.ai/stochastic_training/ondisk-dataset-specification.html), which `metadata.yaml` lists.
///
/// A node's key is its number within its type, from 0. Features become columns, of several numbers
/// vectors. Seeds that are nodes become the sets `train`, `valid` and `test`, and their labels the column
/// `label`; seeds that are edges become edge types of their own, as `user:likes_train:item`.
final class GraphBoltFolder {
  private struct Nodes {
    var type: NodeType
    var count: Int
    /// Of the files that speak of its nodes.
    var byteCount = 0
    /// Files are opened when their rows are read.
    var columns: [(name: String, form: SideBySide.Form, open: () throws -> any FieldRows)] = []
    /// Where the count stands.
    var number: YAMLNode
  }
  private struct Edges {
    var type: EdgeType
    var ends: RowSource
    /// Each row is an edge, also where there are two.
    var areSeeds = false
    var columns: [(name: String, source: RowSource)] = []
  }

  private let folder: DatasetFolder
  private let graph: GraphImport
  private var nodes: [Nodes] = []
  private var edges: [Edges] = []
  /// What the file calls types.
  private var nodeTypes: [String: NodeType] = [:]
  private var edgeTypes: [String: EdgeType] = [:]
  private var nodeNames = NameTable()
  private var relationNames = NameTable(areRelations: true)

  static func isKnown(_ folder: DatasetFolder) -> Bool { folder.has("metadata.yaml") }

  static func read(_ folder: DatasetFolder, into graph: GraphImport) throws {
    guard isKnown(folder) else { throw folder.missing("metadata.yaml") }
    let reader = GraphBoltFolder(folder, into: graph)
    let meta = try YAMLNode(path: folder.path("metadata.yaml"))
    try reader.readGraph(meta)
    for node in (meta["graph"]?["feature_data"]?.list ?? []) + (meta["feature_data"]?.list ?? []) {
      try reader.readFeature(node)
    }
    try reader.checkCounts()
    try reader.readTasks(meta["tasks"]?.list ?? [])
    try reader.finish()
  }

  private init(_ folder: DatasetFolder, into graph: GraphImport) {
    self.folder = folder
    self.graph = graph
  }

  // MARK: metadata.yaml

  private func readGraph(_ meta: YAMLNode) throws {
    guard let part = meta["graph"] else {
      throw meta.wrong("has no 'graph': what GraphBolt has preprocessed is not read")
    }
    for node in part["nodes"]?.list ?? [] {
      let name = try node["type"]?.text(of: "a node type") ?? ""
      guard let number = node["num"] else { throw node.wrong("lacks 'num'") }
      let count = try number.integer(of: "a count of nodes")
      let type = NodeType(nodeNames.name(for: name.isEmpty ? "node" : name))
      guard nodeTypes.updateValue(type, forKey: name) == nil else {
        throw node.wrong("lists the node type '\(name)' again")
      }
      nodes.append(Nodes(type: type, count: count, number: number))
    }
    for node in part["edges"]?.list ?? [] {
      let name = try node["type"]?.text(of: "an edge type") ?? ""
      let type = try edgeType(name, suffix: "", at: node)
      guard edgeTypes.updateValue(type, forKey: name) == nil else {
        throw node.wrong("lists the edge type '\(name)' again")
      }
      edges.append(Edges(type: type, ends: try source(node)))
    }
  }

  private func edgeType(_ name: String, suffix: String, at node: YAMLNode) throws -> EdgeType {
    let parts = name.isEmpty ? ["", "edge", ""] : name.split(separator: ":").map { String($0) }
    guard parts.count == 3, let source = nodeTypes[parts[0]], let target = nodeTypes[parts[2]]
    else {
      throw node.wrong("has the edge type '\(name.prefix(60))', whose ends are no node types")
    }
    return EdgeType(source, relationNames.name(for: parts[1] + suffix), target)
  }

  /// The file that an entry names.
  private func source(_ node: YAMLNode) throws -> RowSource {
    guard let path = try node["path"]?.text(of: "a path") else { throw node.wrong("lacks 'path'") }
    switch try node["format"]?.text(of: "a format") ?? "" {
    case "numpy": return .array(path: folder.path(path))
    case "csv": return .text(path: folder.path(path))
    case let format:
      throw node.wrong(
        "has the format '\(format.prefix(40))': numpy is read, and csv for edges, not what is pickled"
      )
    }
  }

  private func place<Part>(
    _ node: YAMLNode, in parts: [Part], _ isIt: (Part, String) -> Bool
  ) throws -> Int {
    let name = try node["type"]?.text(of: "a type") ?? ""
    guard let place = parts.firstIndex(where: { isIt($0, name) }) else {
      throw node.wrong("names the type '\(name.prefix(60))', which the graph does not have")
    }
    return place
  }

  private func readFeature(_ node: YAMLNode) throws {
    guard let name = try node["name"]?.text(of: "a name") else { throw node.wrong("lacks 'name'") }
    switch try node["domain"]?.text(of: "a domain") ?? "" {
    case "node":
      let place = try place(node, in: nodes) { $0.type == nodeTypes[$1] }
      guard case .array(let path) = try source(node) else {
        throw node.wrong("has features that are no array of NumPy")
      }
      let file = try NPYFile(path: path)
      nodes[place].byteCount += try FileSystem.byteCount(of: path)
      if let width = file.columnCount, width > 1 {
        graph.features.append(.init(nodes[place].type, TextLayout.cleanName(name), path))
      } else {
        let graph = graph
        nodes[place].columns.append(
          (
            name, name == "label" ? .labels : .value,
            { try RowSource.array(path: path).rows(into: graph) }
          ))
      }
    case "edge":
      let place = try place(node, in: edges) { $0.type == edgeTypes[$1] }
      edges[place].columns.append((name, try source(node)))
    case let domain:
      throw node.wrong("has the domain '\(domain.prefix(40))': node and edge are read")
    }
  }

  /// That there is something to say of so many nodes.
  private func checkCounts() throws {
    for part in nodes {
      let edges = edges.filter { [$0.type.source, $0.type.target].contains(part.type) }
      let byteCount = try edges.reduce(part.byteCount) { try $0 + $1.ends.byteCount() }
      if let fault = NumberedNodes.fault(part.count, .bytes(byteCount)) {
        throw part.number.wrong(fault)
      }
    }
  }

  // MARK: Tasks

  private static let parts = [
    ("train_set", "train"), ("validation_set", "valid"), ("test_set", "test"),
  ]

  private func readTasks(_ tasks: [YAMLNode]) throws {
    for (number, task) in tasks.enumerated() {
      let name = try task["name"]?.text(of: "a name") ?? "task_\(number)"
      let prefix = tasks.count == 1 ? "" : TextLayout.cleanName(name) + "_"
      var labels: [NodeType: LabelColumn] = [:]
      for (key, part) in Self.parts {
        for node in task[key]?.list ?? [] {
          try readSet(node, named: prefix + part, label: prefix + "label", &labels)
        }
      }
      for (place, part) in nodes.enumerated() {
        // Labels of all nodes, where there are some, are more than those of seeds.
        guard let column = labels[part.type],
          !part.columns.contains(where: { $0.name == prefix + "label" })
        else { continue }
        nodes[place].columns.append((prefix + "label", .labels, { column.rows() }))
      }
    }
  }

  private func readSet(
    _ node: YAMLNode, named set: String, label: String, _ labels: inout [NodeType: LabelColumn]
  ) throws {
    var files: [String: RowSource] = [:]
    for data in node["data"]?.list ?? [] {
      files[try data["name"]?.text(of: "a name") ?? ""] = try source(data)
    }
    guard let seeds = files["seeds"] ?? files["seed_nodes"] ?? files["node_pairs"] else {
      throw node.wrong("has no seeds")
    }
    let type = try node["type"]?.text(of: "a type") ?? ""
    let rows = try seeds.rows(into: graph)
    if rows.columnCount == 2 {
      guard type.isEmpty || type.contains(":") else {
        throw node.wrong("has pairs for seeds of the type '\(type.prefix(60))'")
      }
      return try readEdgeSeeds(node, type, seeds, files["labels"], set: set)
    }
    guard let nodeType = nodeTypes[type], let part = nodes.first(where: { $0.type == nodeType })
    else { throw node.wrong("has seeds of '\(type.prefix(60))', which is no node type") }
    guard rows.columnCount <= 1 else {
      throw HedgerowError(
        .badData, "has rows of \(rows.columnCount) numbers: seeds are nodes or pairs", at: rows.name
      )
    }
    let given = try files["labels"]?.rows(into: graph)
    if let given, labels[nodeType] == nil {
      labels[nodeType] = try LabelColumn(
        count: part.count, like: given, scratch: graph.scratch)
    }
    let table = try graph.makeSetTable(nodeType, from: rows.name)
    table.append(nil as String?)
    table.append(set)
    try table.endRow()
    while try rows.next() {
      let key = try rows.index(0, of: "a node", count: part.count)
      table.append(key)
      table.append(set)
      try table.endRow()
      if let given {
        guard try given.next() else { throw Self.shorter(given, than: rows) }
        try labels[nodeType]!.set(key, to: given)
      }
    }
    if let given, try given.next() { throw Self.shorter(rows, than: given) }
  }

  private func readEdgeSeeds(
    _ node: YAMLNode, _ name: String, _ seeds: RowSource, _ labels: RowSource?, set: String
  ) throws {
    let type = try edgeType(name, suffix: "_" + set, at: node)
    var part = Edges(type: type, ends: seeds, areSeeds: true)
    if let labels { part.columns.append(("label", labels)) }
    edges.append(part)
  }

  private static func shorter(
    _ rows: any FieldRows, than others: any FieldRows
  ) -> HedgerowError {
    HedgerowError(
      .badData, "has \(rows.rowCount) rows, fewer than \(others.name)", at: rows.name)
  }

  // MARK: Tables

  private func finish() throws {
    for part in nodes {
      let columns = SideBySide(
        reserved: ["id"] + graph.features.filter { $0.type == part.type }.map(\.column))
      for (name, form, open) in part.columns { try columns.add(open(), as: name, form) }
      let table = try graph.makeTable(part.type, columns.columns, from: folder.path)
      for key in 0..<part.count {
        table.append(key)
        try columns.append(to: table, of: "nodes of '\(part.type)'")
        try table.endRow()
        if key % (1 << 16) == 0 { try graph.note(folder.path, key, of: part.count) }
      }
      try columns.finish(part.count, of: "nodes of '\(part.type)'")
    }
    for part in edges {
      let columns = SideBySide(reserved: ["source", "target"])
      for (name, source) in part.columns {
        try columns.add(source.rows(into: graph), as: name, name == "label" ? .labels : .value)
      }
      let ends = try part.areSeeds ? part.ends.rows(into: graph) : part.ends.pairs(into: graph)
      let counts = [part.type.source, part.type.target].map { type in
        nodes.first { $0.type == type }!.count
      }
      let table = try graph.makeTable(part.type, columns.columns, from: ends.name)
      while try ends.next() {
        for end in 0..<2 { table.append(try ends.index(end, of: "a node", count: counts[end])) }
        try columns.append(to: table, of: "edges")
        try table.endRow(line: ends.line)
      }
      try columns.finish(ends.rowCount, of: "edges")
    }
  }
}
