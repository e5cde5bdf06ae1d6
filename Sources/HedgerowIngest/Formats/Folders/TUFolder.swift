import HedgerowCore

/// Collections of small graphs as TUDataset keeps them (Morris et al., TUDataset: A collection of
/// benchmark datasets for learning with graphs, 2020; https://chrsmrrs.github.io/datasets/docs/format/).
///
/// Node type `node` with the numbers of nodes as keys, from 1, and `graph` with those of graphs; edge
/// types `node:edge:node`, whose arcs are those that are listed, and `node:in:graph`. Labels become
/// `label`, attributes of nodes and edges the vector `x`, those of graphs, which are values to predict,
/// `target`.
struct TUFolder {
  private let folder: DatasetFolder
  private let prefix: String
  private let graph: GraphImport

  /// What the names of files begin with, for each collection in a folder.
  static func prefixes(in folder: DatasetFolder) throws -> [String] {
    let names = try files(in: folder).names()
    return names.filter { $0.hasSuffix("_A.txt") }.map { String($0.dropLast(6)) }
      .filter { names.contains("\($0)_graph_indicator.txt") }
  }

  /// The files are in the folder, or in `raw` in it.
  private static func files(in folder: DatasetFolder) throws -> DatasetFolder {
    try folder.names().contains { $0.hasSuffix("_A.txt") } ? folder : folder.folder("raw")
  }

  static func read(_ folder: DatasetFolder, into graph: GraphImport) throws {
    let prefixes = try prefixes(in: folder)
    guard prefixes.count == 1 else {
      throw prefixes.isEmpty
        ? folder.missing("DS_A.txt and DS_graph_indicator.txt")
        : HedgerowError(
          .badData,
          "holds \(prefixes.count) collections, '\(prefixes[0])' and '\(prefixes[1])' among them: "
            + "give each a folder", at: folder.path)
    }
    try TUFolder(folder: files(in: folder), prefix: prefixes[0], graph: graph).read()
  }

  private func rows(_ name: String) throws -> (any FieldRows)? {
    let file = "\(prefix)_\(name).txt"
    return folder.has(file) ? try RowSource.text(path: folder.path(file)).rows(into: graph) : nil
  }

  /// The files with these endings, side by side.
  private func columns(
    reserved: [String], _ files: [(ending: String, column: String, form: SideBySide.Form)]
  ) throws -> SideBySide {
    let columns = SideBySide(reserved: reserved)
    for (ending, column, form) in files {
      if let rows = try rows(ending) { try columns.add(rows, as: column, form) }
    }
    return columns
  }

  private func read() throws {
    let (nodeCount, graphCount) = try counts()
    try readGraphs(graphCount)
    try readNodes(nodeCount, graphCount)
    try readEdges(nodeCount)
  }

  /// How many nodes and graphs there are.
  private func counts() throws -> (nodes: Int, graphs: Int) {
    let indicator = try rows("graph_indicator")!
    var last = 0
    while try indicator.next() {
      guard let graph = indicator.integer(0), graph > 0 else {
        throw indicator.wrong("has no number of a graph, from 1")
      }
      last = max(last, graph)
    }
    for file in ["graph_labels", "graph_attributes"] {
      if let rows = try rows(file) { return (indicator.rowCount, try rows.countAll()) }
    }
    guard last <= indicator.rowCount else {
      throw HedgerowError(
        .badData,
        "names graph \(last), but has \(indicator.rowCount) nodes: graphs are numbered from 1",
        at: indicator.name)
    }
    return (indicator.rowCount, last)
  }

  private func readGraphs(_ count: Int) throws {
    let columns = try columns(
      reserved: ["id"],
      [("graph_labels", "label", .labels), ("graph_attributes", "target", .labels)])
    let table = try graph.makeTable("graph", columns.columns, from: folder.path)
    for key in stride(from: 1, through: count, by: 1) {
      table.append(key)
      try columns.append(to: table, of: "graphs")
      try table.endRow()
    }
    try columns.finish(count, of: "graphs")
  }

  private func readNodes(_ count: Int, _ graphCount: Int) throws {
    let indicator = try rows("graph_indicator")!
    let columns = try columns(
      reserved: ["id"], [("node_labels", "label", .labels), ("node_attributes", "x", .vector)])
    let table = try graph.makeTable("node", columns.columns, from: indicator.name)
    let membership = try graph.makeTable(EdgeType("node", "in", "graph"), from: indicator.name)
    while try indicator.next() {
      let member = try indicator.index(0, of: "a graph", count: graphCount, from: 1)
      table.append(indicator.rowCount)
      try columns.append(to: table, of: "nodes")
      try table.endRow(line: indicator.line)
      membership.append(indicator.rowCount)
      membership.append(member)
      try membership.endRow(line: indicator.line)
    }
    try columns.finish(count, of: "nodes")
  }

  private func readEdges(_ nodeCount: Int) throws {
    let ends = try RowSource.text(path: folder.path("\(prefix)_A.txt")).pairs(into: graph)
    let columns = try columns(
      reserved: ["source", "target"],
      [("edge_labels", "label", .labels), ("edge_attributes", "x", .vector)])
    let table = try graph.makeTable(
      EdgeType("node", "edge", "node"), columns.columns, from: ends.name)
    while try ends.next() {
      for end in 0..<2 {
        table.append(try ends.index(end, of: "a node", count: nodeCount, from: 1))
      }
      try columns.append(to: table, of: "edges")
      try table.endRow(line: ends.line)
    }
    try columns.finish(ends.rowCount, of: "edges")
  }
}
