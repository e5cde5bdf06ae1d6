import HedgerowCore
import HedgerowStore

/// A JSON object a line in one file, nodes before edges, as Neo4j's APOC exports a database. Null
/// properties are left out; of undirected edges both arcs are written, since nothing could say that
/// they are.
struct JSONLinesFormat {
  private let graph: ExportedGraph
  private let output: OutputDirectory

  init(_ graph: ExportedGraph, _ output: OutputDirectory) {
    self.graph = graph
    self.output = output
  }

  func write() throws -> ImportCommand {
    let name = output.name(["graph"], ".jsonl")
    try output.write(name) { file in
      for nodes in graph.nodes { try write(nodes, to: file) }
      var number: Int64 = 0
      for edges in graph.edges { try write(edges, to: file, &number) }
    }
    graph.note(
      "JSON lines hold no sets, no kinds of columns, no types without nodes or edges, and not which "
        + "edges are undirected, times or weights")
    var command = ImportCommand()
    command.add("", "", file: name)
    return command
  }

  private func write(_ nodes: ExportedGraph.Nodes, to file: OutputFile) throws {
    let rows = try graph.rows(of: nodes)
    while try rows.advance() {
      for (row, id) in rows.ids.enumerated() {
        try file.append("{\"type\":\"node\"")
        try appendNode(id, nodes, to: file)
        try file.append(",\"properties\":")
        try append(rows.columns, row, to: file)
        try file.append("}\n")
        file.rowCount += 1
      }
    }
  }

  private func write(
    _ edges: ExportedGraph.Edges, to file: OutputFile, _ number: inout Int64
  ) throws {
    let rows = try graph.rows(of: edges, arcs: .both)
    while try rows.advance() {
      for row in 0..<rows.count {
        try file.append("{\"type\":\"relationship\",\"id\":\"")
        try file.append(number)
        try file.append("\",\"label\":\"\(edges.type.relation)\",\"properties\":")
        try append(rows.columns, row, to: file)
        for (name, id, nodes) in [
          ("start", rows.sources[row], edges.source), ("end", rows.targets[row], edges.target),
        ] {
          try file.append(",\"\(name)\":{")
          try appendNode(id, nodes, to: file, isFirst: true)
          try file.append("}")
        }
        try file.append("}\n")
        number += 1
        file.rowCount += 1
      }
    }
  }

  private func appendNode(
    _ id: UInt32, _ nodes: ExportedGraph.Nodes, to file: OutputFile, isFirst: Bool = false
  ) throws {
    try file.append(isFirst ? "\"id\":" : ",\"id\":")
    try nodes.keys.withKey(of: id) { try file.append(jsonString: $0) }
    try file.append(",\"labels\":[\"\(nodes.type)\"]")
  }

  private func append(_ block: ColumnBlock, _ row: Int, to file: OutputFile) throws {
    try file.append(byte: UInt8(ascii: "{"))
    var isFirst = true
    for (column, property) in block.schema.enumerated() {
      try block.withValue(column, row) { value in
        if case .null = value { return }
        try file.append("\(isFirst ? "" : ",")\"\(property.name)\":")
        isFirst = false
        try file.append(json: value)
      }
    }
    try file.append(byte: UInt8(ascii: "}"))
  }
}
