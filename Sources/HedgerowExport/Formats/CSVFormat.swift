import HedgerowCore
import HedgerowStore

/// Comma-separated tables with typed headers, from which ingest makes an equal graph: a file for each
/// type, and one of each type's sets. Undirected edges are written once.
struct CSVFormat {
  private let graph: ExportedGraph
  private let output: OutputDirectory
  private let arrays: ExportOptions.Vectors
  private static let comma = UInt8(ascii: ",")
  /// The longest row that ingest reads.
  private static let longestRow = 16 << 20

  init(_ graph: ExportedGraph, _ output: OutputDirectory, arrays: ExportOptions.Vectors) {
    self.graph = graph
    self.output = output
    self.arrays = arrays
  }

  func write() throws -> ImportCommand {
    var command = ImportCommand()
    for nodes in graph.nodes { try write(nodes, &command) }
    for edges in graph.edges { try write(edges, &command) }
    return command
  }

  // MARK: Nodes

  /// The table of a node type, its arrays and its sets.
  func write(_ nodes: ExportedGraph.Nodes, _ command: inout ImportCommand) throws {
    let type = nodes.type
    var columns: [PropertySchema] = []
    for column in nodes.schema.properties {
      let array =
        arrays == .npy ? try VectorArray(column, of: nodes, in: graph) : nil
      guard let array else {
        columns.append(column)
        continue
      }
      let name = output.name(["nodes", type.name, column.name], ".npy")
      try array.write(to: name, in: output)
      command.add("--features", "\(type).\(column.name)\(array.importedKind)=", file: name)
    }
    let name = output.name(["nodes", type.name], ".csv")
    try output.write(name) { file in
      try file.append("id:\(nodes.keys.headerKind)")
      try appendHeader(columns, to: file)
      let rows = try graph.rows(of: nodes, columns: columns)
      while try rows.advance() {
        for (row, id) in rows.ids.enumerated() {
          let start = file.byteCount
          try file.append(keyOf: id, nodes.keys, delimiter: Self.comma)
          try endRow(rows.columns, row, columns.count, in: file, from: start)
        }
      }
    }
    command.add("--nodes", "\(type)=", file: name)
    try writeSets(nodes, &command)
  }

  private func appendHeader(_ columns: [PropertySchema], to file: OutputFile) throws {
    for column in columns { try file.append(",\(column.name):\(column.kind)") }
    try file.append("\n")
  }

  private func endRow(
    _ block: ColumnBlock, _ row: Int, _ columnCount: Int, in file: OutputFile, from start: Int
  ) throws {
    for column in 0..<columnCount {
      try file.append(byte: Self.comma)
      try block.withValue(column, row) { try file.append(field: $0, delimiter: Self.comma) }
    }
    try file.append(byte: 10)
    file.rowCount += 1
    if file.byteCount - start > Self.longestRow {
      graph.note("\(file.name) has rows of more than 16 MiB, which ingest does not read")
    }
  }

  func writeSets(_ nodes: ExportedGraph.Nodes, _ command: inout ImportCommand) throws {
    let sets = try graph.sets(of: nodes)
    guard !sets.isEmpty else { return }
    let name = output.name(["sets", nodes.type.name], ".csv")
    try output.write(name) { file in
      try file.append("id:\(nodes.keys.headerKind),set\n")
      for (set, members) in sets {
        // A set without members is there, too.
        try file.append(",\(set)\n")
        for start in stride(from: 0, to: members.count, by: 4096) {
          try graph.checkCancelled()
          for id in members.values(in: start..<min(members.count, start + 4096))
          where nodes.selection.contains(id) {
            try file.append(keyOf: id, nodes.keys, delimiter: Self.comma)
            try file.append(",\(set)\n")
            file.rowCount += 1
          }
        }
      }
    }
    command.add("--sets", "\(nodes.type)=", file: name)
  }

  // MARK: Edges

  private func write(_ edges: ExportedGraph.Edges, _ command: inout ImportCommand) throws {
    let type = edges.type
    let columns = edges.schema.properties
    let name = output.name(["edges"] + type.parts, ".csv")
    try output.write(name) { file in
      try file.append(
        "source:\(edges.source.keys.headerKind),target:\(edges.target.keys.headerKind)")
      try appendHeader(columns, to: file)
      let rows = try graph.rows(of: edges, arcs: .fromSmaller)
      while try rows.advance() {
        for row in 0..<rows.count {
          let start = file.byteCount
          try file.append(keyOf: rows.sources[row], edges.source.keys, delimiter: Self.comma)
          try file.append(byte: Self.comma)
          try file.append(keyOf: rows.targets[row], edges.target.keys, delimiter: Self.comma)
          try endRow(rows.columns, row, columns.count, in: file, from: start)
        }
      }
    }
    command.add("--edges", "\(type)=", file: name)
    addMeaning(of: edges, to: &command)
  }

  /// Which columns of edges have a meaning, and whether they are undirected.
  func addMeaning(of edges: ExportedGraph.Edges, to command: inout ImportCommand) {
    let type = edges.type
    if edges.schema.isUndirected { command.add("--undirected-type", "\(type)") }
    if let time = edges.schema.timeColumn {
      command.add("--time", "\(type).\(time)")
      if edges.schema.property(time)?.kind == .int64 {
        graph.note("\(type).\(time) is int64, and timestamp[s] once it is read back")
      }
    }
    if let weight = edges.schema.weightColumn { command.add("--weight", "\(type).\(weight)") }
  }
}
