import HedgerowCore
import HedgerowStore

/// Statements of RDF, one a line: what type a node has, its values as typed literals, and its edges.
/// A node is `urn:hedgerow:TYPE:KEY`, a column `urn:hedgerow:column/NAME`, a relation
/// `urn:hedgerow:relation/NAME`. Statements have no columns and are there once, so columns of edges
/// are lost, and parallel edges are one; of undirected edges both arcs are written.
struct NTriplesFormat {
  private let graph: ExportedGraph
  private let output: OutputDirectory
  private static let rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
  private static let xsd = "http://www.w3.org/2001/XMLSchema#"

  init(_ graph: ExportedGraph, _ output: OutputDirectory) {
    self.graph = graph
    self.output = output
  }

  func write() throws -> ImportCommand {
    let name = output.name(["graph"], ".nt")
    try output.write(name) { file in
      for nodes in graph.nodes { try write(nodes, to: file) }
      for edges in graph.edges { try write(edges, to: file) }
    }
    graph.note("N-Triples hold no columns of edges, no sets, and not which edges are undirected")
    graph.note("ingest reads statements: nodes as resources, values as literals")
    var command = ImportCommand()
    command.add("", "", file: name)
    return command
  }

  private func write(_ nodes: ExportedGraph.Nodes, to file: OutputFile) throws {
    let rows = try graph.rows(of: nodes)
    let types = nodes.schema.properties.map { Self.datatype($0.kind) }
    while try rows.advance() {
      for (row, id) in rows.ids.enumerated() {
        try appendNode(id, nodes, to: file)
        try file.append(" <\(Self.rdf)type> <urn:hedgerow:type/\(nodes.type)> .\n")
        file.rowCount += 1
        for (column, property) in nodes.schema.properties.enumerated() {
          try rows.columns.withValue(column, row) { value in
            if case .null = value { return }
            try appendNode(id, nodes, to: file)
            try file.append(" <urn:hedgerow:column/\(property.name)> \"")
            try append(literal: value, to: file)
            try file.append(types[column].isEmpty ? "\" .\n" : "\"^^<\(types[column])> .\n")
            file.rowCount += 1
          }
        }
      }
    }
  }

  private func write(_ edges: ExportedGraph.Edges, to file: OutputFile) throws {
    let rows = try graph.rows(of: edges, columns: [], arcs: .both)
    var last: (UInt32, UInt32)?
    var parallelCount = 0
    while try rows.advance() {
      for row in 0..<rows.count {
        let ends = (rows.sources[row], rows.targets[row])
        if let last, last == ends {
          parallelCount += 1
          continue
        }
        last = ends
        try appendNode(ends.0, edges.source, to: file)
        try file.append(" <urn:hedgerow:relation/\(edges.type.relation)> ")
        try appendNode(ends.1, edges.target, to: file)
        try file.append(" .\n")
        file.rowCount += 1
      }
    }
    if parallelCount > 0 {
      graph.note("\(parallelCount) parallel edges of \(edges.type) are said by one statement each")
    }
  }

  private func appendNode(
    _ id: UInt32, _ nodes: ExportedGraph.Nodes, to file: OutputFile
  ) throws {
    try file.append("<urn:hedgerow:\(nodes.type):")
    try nodes.keys.withKey(of: id) { key in
      for byte in key {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
          UInt8(ascii: "_"), UInt8(ascii: "~"):
          try file.append(byte: byte)
        default:
          try file.append(byte: UInt8(ascii: "%"))
          try file.appendHexadecimal(byte, isUpper: true)
        }
      }
    }
    try file.append(">")
  }

  /// The datatype of a kind's literals; none for texts.
  private static func datatype(_ kind: PropertyKind) -> String {
    switch kind {
    case .bool: xsd + "boolean"
    case .int8: xsd + "byte"
    case .int16: xsd + "short"
    case .int32: xsd + "int"
    case .int64: xsd + "long"
    case .uint8: xsd + "unsignedByte"
    case .float16, .bfloat16, .float32, .scaledInt8: xsd + "float"
    case .float64: xsd + "double"
    case .bytes: xsd + "hexBinary"
    case .string, .categorical: ""
    // Ticks of the unit.
    case .timestamp(let unit): "urn:hedgerow:kind/timestamp-\(unit.rawValue)"
    case .vector: "urn:hedgerow:kind/vector"
    }
  }

  private func append(literal value: ExportedValue, to file: OutputFile) throws {
    switch value {
    case .text(let text):
      for byte in text {
        switch byte {
        case UInt8(ascii: "\""): try file.append("\\\"")
        case UInt8(ascii: "\\"): try file.append("\\\\")
        case 10: try file.append("\\n")
        case 13: try file.append("\\r")
        case 9: try file.append("\\t")
        case 0..<32, 127:
          try file.append("\\u00")
          try file.appendHexadecimal(byte, isUpper: true)
        default: try file.append(byte: byte)
        }
      }
    case .bytes(let bytes):
      for byte in bytes { try file.appendHexadecimal(byte, isUpper: true) }
    case .half, .float, .double:
      guard let number = value.number, !number.isFinite else { return try file.append(value) }
      try file.append(number.isNaN ? "NaN" : number < 0 ? "-INF" : "INF")
    default: try file.append(value)
    }
  }
}
