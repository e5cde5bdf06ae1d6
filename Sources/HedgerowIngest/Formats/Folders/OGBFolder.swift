import HedgerowCore

/// Data sets as the Open Graph Benchmark keeps them (Hu et al., Open Graph Benchmark: Datasets for
/// Machine Learning on Graphs, 2020): tables or arrays in `raw`, splits in `split`.
///
/// A node's key is its number among all of its type, from 0. A data set of one type of nodes has the node
/// type `node` and the edge type `node:edge:node`; where there are several graphs, or labels of graphs,
/// each is a node of the type `graph`, with `:in:` from its nodes.
final class OGBFolder {
  private let folder: DatasetFolder
  private let graph: GraphImport
  private let files: OGBFiles
  /// Of each type, over all graphs.
  private var nodeCounts: [NodeType: Int] = [:]
  private var graphCount = 0

  static func isKnown(_ folder: DatasetFolder) -> Bool {
    OGBFiles.signs.contains { folder.has("raw/" + $0) || folder.has($0) }
  }

  static func read(_ folder: DatasetFolder, into graph: GraphImport) throws {
    try OGBFolder(folder, into: graph).read()
  }

  private init(_ folder: DatasetFolder, into graph: GraphImport) throws {
    self.folder = folder
    self.graph = graph
    files = try OGBFiles(in: folder, graph)
  }

  /// Whether graphs are nodes, too.
  private var hasGraphs: Bool { graphCount != 1 || files.graphLabel != nil }

  private func read() throws {
    try count()
    if hasGraphs { try readGraphs() }
    for part in files.nodes { try readNodes(part) }
    for part in files.edges { try readEdges(part) }
    try OGBSplits(folder.folder("split"), into: graph).read(files.splitTypes) {
      $0 == OGBFiles.graphs ? graphCount : nodeCounts[$0]!
    }
  }

  // MARK: Counts

  private func count() throws {
    var counted: String?
    for part in files.nodes {
      let rows = try part.counts.rows(into: graph)
      var total = 0
      while try rows.next() {
        total += try rows.count(part.countColumn, of: "nodes")
        guard total <= 1 << 32 else { throw rows.wrong("makes more than 2^32 nodes of a type") }
      }
      nodeCounts[part.type] = total
      if let fault = NumberedNodes.fault(total, .bytes(try byteCount(of: part))) {
        throw HedgerowError(.badData, fault, at: rows.name)
      }
      try checkGraphs(rows, &counted)
    }
    for part in files.edges {
      let rows = try part.counts.rows(into: graph)
      _ = try rows.countAll()
      try checkGraphs(rows, &counted)
    }
  }

  /// Of the files that speak of a type's nodes.
  private func byteCount(of part: OGBFiles.Nodes) throws -> Int {
    let edges = files.edges.filter { [$0.type.source, $0.type.target].contains(part.type) }
    let features = part.features.map { $0.compressedByteCount(of: $1) } ?? 0
    return try (edges.map(\.ends) + part.columns.map(\.source)).reduce(features) {
      try $0 + $1.byteCount()
    }
  }

  /// That all lists of counts have as many graphs.
  private func checkGraphs(_ rows: any FieldRows, _ counted: inout String?) throws {
    guard let other = counted else {
      graphCount = rows.rowCount
      counted = rows.name
      return
    }
    guard rows.rowCount == graphCount else {
      throw HedgerowError(
        .badData, "has \(rows.rowCount) graphs, but \(other) has \(graphCount)", at: rows.name)
    }
  }

  // MARK: Tables

  private func columns(_ sources: [OGBFiles.Column], reserved: [String]) throws -> SideBySide {
    let columns = SideBySide(reserved: reserved)
    for source in sources {
      try columns.add(source.source.rows(into: graph), as: source.name, source.form)
    }
    return columns
  }

  private func readGraphs() throws {
    let label = files.graphLabel.map { OGBFiles.Column(name: "label", source: $0, form: .labels) }
    let columns = try columns(label.map { [$0] } ?? [], reserved: ["id"])
    let table = try graph.makeTable(OGBFiles.graphs, columns.columns, from: folder.path)
    for key in 0..<graphCount {
      table.append(key)
      try columns.append(to: table, of: "graphs")
      try table.endRow()
    }
    try columns.finish(graphCount, of: "graphs")
  }

  private func readNodes(_ part: OGBFiles.Nodes) throws {
    let counts = try part.counts.rows(into: graph)
    let columns = try columns(
      part.columns, reserved: part.features == nil ? ["id"] : ["id", "x"])
    let table = try graph.makeTable(part.type, columns.columns, from: counts.name)
    let membership =
      hasGraphs
      ? try graph.makeTable(EdgeType(part.type, "in", OGBFiles.graphs), from: counts.name) : nil
    let total = nodeCounts[part.type]!
    var key = 0
    while try counts.next() {
      for _ in 0..<(counts.integer(part.countColumn) ?? 0) {
        table.append(key)
        try columns.append(to: table, of: "nodes")
        try table.endRow(line: counts.line)
        if let membership {
          membership.append(key)
          membership.append(counts.rowCount - 1)
          try membership.endRow(line: counts.line)
        }
        key += 1
        if key % (1 << 16) == 0 { try graph.note(counts.name, key, of: total) }
      }
    }
    try columns.finish(total, of: "nodes")
    if let (archive, array) = part.features {
      var file = IngestOptions.FeatureFile(part.type, "x", try archive.extract(array))
      file.name = archive.place(array)
      graph.features.append(file)
    }
  }

  private func readEdges(_ part: OGBFiles.Edges) throws {
    let counts = try part.counts.rows(into: graph)
    let ends = try part.ends.pairs(into: graph)
    // The nodes of each graph follow those of the graphs before it.
    let nodes = try [part.type.source, part.type.target].map { type in
      let nodes = files.nodes.first { $0.type == type }!
      return (rows: try nodes.counts.rows(into: graph), column: nodes.countColumn)
    }
    var first = [0, 0]
    let columns = try columns(part.columns, reserved: ["source", "target"])
    let table = try graph.makeTable(part.type, columns.columns, from: ends.name)
    while try counts.next(), try nodes[0].rows.next(), try nodes[1].rows.next() {
      let nodeCounts = nodes.map { $0.rows.integer($0.column) ?? 0 }
      let count = try counts.count(0, of: "edges")
      for index in 0..<count {
        guard try ends.next() else {
          throw HedgerowError(
            .badData,
            "says that graph \(counts.rowCount - 1) has \(count) edges, but \(ends.name) ends after "
              + "\(index) of them", at: counts.place)
        }
        for end in 0..<2 {
          table.append(
            try first[end] + ends.index(end, of: "a node of its graph", count: nodeCounts[end]))
        }
        try columns.append(to: table, of: "edges")
        try table.endRow(line: ends.line)
      }
      for end in 0..<2 { first[end] += nodeCounts[end] }
    }
    let listed = ends.rowCount
    if try ends.next() {
      throw HedgerowError(
        .badData, "has \(try ends.countAll()) edges, but \(counts.name) says \(listed)",
        at: ends.name)
    }
    try columns.finish(listed, of: "edges")
  }
}
