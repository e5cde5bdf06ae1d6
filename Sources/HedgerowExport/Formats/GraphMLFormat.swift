import HedgerowCore
import HedgerowStore

/// One GraphML document. A node's id is `TYPE:KEY`; `labels` and `key` are data of every node, `label`
/// of every edge, as Neo4j's APOC names them. Where all edges are undirected the graph is, and has each
/// once; else it is directed and has both arcs, since readers do not take a mixture. Vectors and bytes
/// are strings; characters that XML has no way to write become U+FFFD.
struct GraphMLFormat {
  private let graph: ExportedGraph
  private let output: OutputDirectory
  private let isUndirected: Bool

  init(_ graph: ExportedGraph, _ output: OutputDirectory) {
    self.graph = graph
    self.output = output
    isUndirected = !graph.edges.isEmpty && graph.edges.allSatisfy(\.schema.isUndirected)
  }

  func write() throws -> ImportCommand? {
    try output.write(output.name(["graph"], ".graphml")) { file in
      try file.append(
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <graphml xmlns="http://graphml.graphdrawing.org/xmlns">
        <key id="labels" for="node" attr.name="labels" attr.type="string"/>
        <key id="key" for="node" attr.name="key" attr.type="string"/>
        <key id="label" for="edge" attr.name="label" attr.type="string"/>

        """)
      for (index, nodes) in graph.nodes.enumerated() {
        try appendKeys("node", "n\(index)", nodes.schema.properties, to: file)
      }
      for (index, edges) in graph.edges.enumerated() {
        try appendKeys("edge", "e\(index)", edges.schema.properties, to: file)
      }
      try file.append(
        "<graph id=\"G\" edgedefault=\"\(isUndirected ? "undirected" : "directed")\">\n")
      for (index, nodes) in graph.nodes.enumerated() { try write(nodes, "n\(index)", to: file) }
      for (index, edges) in graph.edges.enumerated() { try write(edges, "e\(index)", to: file) }
      try file.append("</graph>\n</graphml>\n")
    }
    graph.note(
      "GraphML holds no sets, no kinds of columns but boolean, int, long, float, double and string, "
        + "and not which edges are undirected, unless all are, or which columns are times and weights"
    )
    return nil
  }

  /// What columns may not be called: our own data, and what TinkerPop and we take for labels.
  private static let reserved: [String: Set<String>] = [
    "node": ["labels", "labelV", "key"], "edge": ["label", "labelE"],
  ]

  private func appendKeys(
    _ owner: String, _ prefix: String, _ properties: [PropertySchema], to file: OutputFile
  ) throws {
    let reserved = Self.reserved[owner] ?? []
    let taken = reserved.union(properties.map(\.name))
    for (index, property) in properties.enumerated() {
      var name = property.name
      if reserved.contains(name) {
        name = (2...).lazy.map { "\(property.name)-\($0)" }.first { !taken.contains($0) } ?? name
        graph.note("the column '\(property.name)' of \(owner)s is called '\(name)' in GraphML")
      }
      let type =
        switch property.kind {
        case .bool: "boolean"
        case .int8, .int16, .int32, .uint8: "int"
        case .int64, .timestamp: "long"
        case .float16, .bfloat16, .float32, .scaledInt8: "float"
        case .float64: "double"
        case .string, .categorical, .bytes, .vector: "string"
        }
      try file.append(
        "<key id=\"\(prefix)_\(index)\" for=\"\(owner)\" attr.name=\"\(name)\" "
          + "attr.type=\"\(type)\"/>\n")
    }
  }

  private func write(
    _ nodes: ExportedGraph.Nodes, _ prefix: String, to file: OutputFile
  ) throws {
    let rows = try graph.rows(of: nodes)
    while try rows.advance() {
      for (row, id) in rows.ids.enumerated() {
        try file.append("<node id=\"")
        try appendID(id, nodes, to: file)
        try file.append(
          "\" labels=\":\(nodes.type)\"><data key=\"labels\">:\(nodes.type)</data><data key=\"key\">"
        )
        try nodes.keys.withKey(of: id) { try append(xml: $0, to: file) }
        try file.append("</data>")
        try appendData(rows.columns, row, prefix, to: file)
        try file.append("</node>\n")
        file.rowCount += 1
      }
    }
  }

  private func write(
    _ edges: ExportedGraph.Edges, _ prefix: String, to file: OutputFile
  ) throws {
    let rows = try graph.rows(of: edges, arcs: isUndirected ? .fromSmaller : .both)
    let relation = edges.type.relation
    while try rows.advance() {
      for row in 0..<rows.count {
        try file.append("<edge source=\"")
        try appendID(rows.sources[row], edges.source, to: file)
        try file.append("\" target=\"")
        try appendID(rows.targets[row], edges.target, to: file)
        try file.append("\" label=\"\(relation)\"><data key=\"label\">\(relation)</data>")
        try appendData(rows.columns, row, prefix, to: file)
        try file.append("</edge>\n")
        file.rowCount += 1
      }
    }
  }

  private func appendID(
    _ id: UInt32, _ nodes: ExportedGraph.Nodes, to file: OutputFile
  ) throws {
    try file.append("\(nodes.type):")
    try nodes.keys.withKey(of: id) { try append(xml: $0, to: file) }
  }

  private func appendData(
    _ block: ColumnBlock, _ row: Int, _ prefix: String, to file: OutputFile
  ) throws {
    for column in block.schema.indices {
      try block.withValue(column, row) { value in
        if case .null = value { return }
        try file.append("<data key=\"\(prefix)_\(column)\">")
        switch value {
        case .text(let text): try append(xml: text, to: file)
        case .half, .float, .double:
          if let number = value.number, !number.isFinite {
            try file.append(number.isNaN ? "NaN" : number < 0 ? "-INF" : "INF")
          } else {
            try file.append(value)
          }
        default: try file.append(value)
        }
        try file.append("</data>")
      }
    }
  }

  private func append(xml text: UnsafeRawBufferPointer, to file: OutputFile) throws {
    for (place, byte) in text.enumerated() {
      switch byte {
      case UInt8(ascii: "<"): try file.append("&lt;")
      case UInt8(ascii: ">"): try file.append("&gt;")
      case UInt8(ascii: "&"): try file.append("&amp;")
      case UInt8(ascii: "\""): try file.append("&quot;")
      // As they are, a reader would make spaces or line feeds of them.
      case 9, 10, 13:
        try file.append("&#")
        try file.append(Int64(byte))
        try file.append(";")
      case 0..<32:
        try file.append("\u{FFFD}")
        graph.note("control characters, which XML cannot write, are U+FFFD")
      // The last byte of U+FFFE and U+FFFF, which is another in U+FFFD.
      case 0xBE...0xBF:
        let isNone = place >= 2 && text[place - 1] == 0xBF && text[place - 2] == 0xEF
        try file.append(byte: isNone ? 0xBD : byte)
      default: try file.append(byte: byte)
      }
    }
  }
}
