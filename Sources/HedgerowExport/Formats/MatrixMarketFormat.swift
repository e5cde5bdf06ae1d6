import HedgerowCore
import HedgerowStore

/// A sparse matrix in coordinates for each edge type: its weights, or a pattern. Row and column i are
/// the i-th nodes of the tables of keys that are written beside. A matrix has one entry for two nodes:
/// parallel edges become one, whose weight is their sum. Undirected types are symmetric matrices.
struct MatrixMarketFormat {
  private let graph: ExportedGraph
  private let output: OutputDirectory

  init(_ graph: ExportedGraph, _ output: OutputDirectory) {
    self.graph = graph
    self.output = output
  }

  func write() throws -> ImportCommand? {
    guard !graph.edges.isEmpty else {
      throw HedgerowError(
        .usage, "there are no edges for a matrix: choose another --format or --type")
    }
    var names: [String] = []
    for edges in graph.edges {
      let name = output.name(edges.type.parts, ".mtx")
      names.append(name)
      try output.write(name) { try write(edges, to: $0) }
    }
    for nodes in graph.nodes {
      let name = output.name(["nodes", nodes.type.name], ".csv")
      try output.write(name) { file in
        try file.append("id:\(nodes.keys.headerKind)\n")
        let rows = try graph.rows(of: nodes, columns: [])
        while try rows.advance() {
          for id in rows.ids {
            try file.append(keyOf: id, nodes.keys, delimiter: UInt8(ascii: ","))
            try file.append(byte: 10)
            file.rowCount += 1
          }
        }
      }
    }
    graph.note(
      "a matrix holds the weights of edges and none of their other columns; rows and columns are "
        + "counted from 1, in the order of the tables of keys")
    guard names.count == 1 else {
      graph.note("ingest reads one of the matrices at a time: hedgerow ingest NEW FILE.mtx")
      return nil
    }
    var command = ImportCommand()
    command.add("", "", file: names[0])
    return command
  }

  /// An entry that waits for parallel edges.
  private struct Entry {
    var source: UInt32
    var target: UInt32
    var integer: Int64 = 0
    var real = 0.0
  }

  private func write(_ edges: ExportedGraph.Edges, to file: OutputFile) throws {
    let weight = edges.schema.weightColumn.flatMap { edges.schema.property($0) }
    let field =
      switch weight?.kind {
      case nil: "pattern"
      case .int8, .int16, .int32, .int64, .uint8: "integer"
      default: "real"
      }
    let symmetry = edges.schema.isUndirected ? "symmetric" : "general"
    try file.append("%%MatrixMarket matrix coordinate \(field) \(symmetry)\n")
    try file.append("% \(edges.type)\n\(edges.source.count) \(edges.target.count) ")
    // How many entries there are is known at the end.
    let place = file.byteCount
    try file.append(Self.padded(0) + "\n")
    var pending: Entry?
    var mergedCount = 0
    func flush() throws {
      guard let entry = pending else { return }
      try file.append(Int64(edges.source.selection.rank(of: entry.source) + 1))
      try file.append(byte: UInt8(ascii: " "))
      try file.append(Int64(edges.target.selection.rank(of: entry.target) + 1))
      if weight != nil {
        try file.append(byte: UInt8(ascii: " "))
        if field == "integer" {
          try file.append(entry.integer)
        } else {
          try file.append(entry.real)
        }
      }
      try file.append(byte: 10)
      file.rowCount += 1
    }
    let rows = try graph.rows(of: edges, columns: weight.map { [$0] } ?? [], arcs: .fromGreater)
    while try rows.advance() {
      for row in 0..<rows.count {
        var entry = Entry(source: rows.sources[row], target: rows.targets[row])
        if weight != nil {
          try rows.columns.withValue(0, row) { value in
            if case .integer(let number) = value { entry.integer = number }
            entry.real = value.number ?? 0
          }
        }
        if let last = pending, last.source == entry.source, last.target == entry.target {
          let (sum, overflow) = last.integer.addingReportingOverflow(entry.integer)
          guard !overflow else {
            throw HedgerowError(
              .badData,
              "the weights of parallel edges of \(edges.type) add up to more than int64 holds")
          }
          entry.integer = sum
          entry.real += last.real
          mergedCount += 1
        } else {
          try flush()
        }
        pending = entry
      }
    }
    try flush()
    try file.replace(at: place, with: Self.padded(file.rowCount))
    if mergedCount > 0 {
      graph.note(
        "\(mergedCount) parallel edges of \(edges.type) are in the entries of others"
          + (weight == nil ? "" : ", whose weights are sums"))
    }
  }

  private static func padded(_ count: Int) -> String {
    let digits = String(count)
    return String(repeating: " ", count: 19 - digits.utf8.count) + digits
  }
}
