import HedgerowCore

/// The keys of each edge's ends, tab-separated and without a header: a file for each edge type.
/// Undirected edges are written once. Nodes without edges, and all columns, are not in it.
struct EdgeListFormat {
  private let graph: ExportedGraph
  private let output: OutputDirectory

  init(_ graph: ExportedGraph, _ output: OutputDirectory) {
    self.graph = graph
    self.output = output
  }

  func write() throws -> ImportCommand? {
    guard !graph.edges.isEmpty else {
      throw HedgerowError(.usage, "there are no edges to list: choose another --format or --type")
    }
    var command = ImportCommand()
    let tab: UInt8 = 9
    for edges in graph.edges {
      let name = output.name(edges.type.parts, ".tsv")
      try output.write(name) { file in
        let rows = try graph.rows(of: edges, columns: [], arcs: .fromSmaller)
        while try rows.advance() {
          for row in 0..<rows.count {
            try file.append(keyOf: rows.sources[row], edges.source.keys, delimiter: tab)
            try file.append(byte: tab)
            try file.append(keyOf: rows.targets[row], edges.target.keys, delimiter: tab)
            try file.append(byte: 10)
            file.rowCount += 1
          }
        }
      }
      command.add("--edges", "\(edges.type)=", file: name)
      let kinds = [edges.source, edges.target].map(\.keys.headerKind)
      command.add("--columns", "\(edges.type)=source:\(kinds[0]),target:\(kinds[1])")
      if edges.schema.isUndirected { command.add("--undirected-type", "\(edges.type)") }
    }
    command.add("--delimiter", "tab")
    command.add("--comment", "none")
    graph.note("edge lists hold no columns, no sets and no nodes without edges")
    return command
  }
}
