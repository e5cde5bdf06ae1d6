import HedgerowCore
import HedgerowRoaring
import HedgerowStore

/// A data set of DGL's GraphBolt (`OnDiskDataset`,
/// https://docs.dgl.ai/stochastic_training/ondisk-dataset-specification.html): `metadata.yaml`, and arrays
/// of edges, of numeric columns and of the sets `train`, `valid` and `test`.
///
/// Nodes are numbers from 0, in the order in which they are written; both arcs of undirected edges are
/// there. Null is NaN, for which integers become float64.
struct GraphBoltFormat {
  private let graph: ExportedGraph
  private let output: OutputDirectory

  init(_ graph: ExportedGraph, _ output: OutputDirectory) {
    self.graph = graph
    self.output = output
  }

  func write() throws -> ImportCommand {
    var command = ImportCommand()
    command.add("", file: ".")
    var nodes = ""
    var edges = ""
    var features = ""
    for part in graph.nodes {
      nodes += "    - {type: \"\(part.type)\", num: \(part.count)}\n"
      for column in part.schema.properties {
        guard let file = try write(column, of: part) else { continue }
        features += Self.feature("node", "\(part.type)", column.name, file)
      }
    }
    for part in graph.edges {
      let file = output.name(["edges"] + part.type.parts, ".npy")
      try writeEnds(part, to: file)
      edges += "    - {type: \"\(part.type)\", format: numpy, path: \"\(file)\"}\n"
      for column in part.schema.properties {
        guard let file = try write(column, of: part) else { continue }
        features += Self.feature("edge", "\(part.type)", column.name, file)
      }
      if part.schema.isUndirected { command.add("--undirected-type", "\(part.type)") }
    }
    let tasks = try writeSets()
    try output.write("metadata.yaml") { file in
      try file.append("dataset_name: hedgerow\ngraph:\n  nodes:\n\(nodes)")
      try file.append(edges.isEmpty ? "  edges: []\n" : "  edges:\n\(edges)")
      try file.append(features.isEmpty ? "feature_data: []\n" : "feature_data:\n\(features)")
      try file.append(tasks)
    }
    graph.note(
      "GraphBolt knows nodes by their numbers, not by keys; it holds no texts, bytes and categories, no "
        + "times and weights but as columns of edges, and of sets train, valid and test")
    return command
  }

  private static func feature(
    _ domain: String, _ type: String, _ name: String, _ file: String
  ) -> String {
    "- {domain: \(domain), type: \"\(type)\", name: \"\(name)\", format: numpy, path: \"\(file)\"}\n"
  }

  // MARK: Columns

  private func write(_ column: PropertySchema, of nodes: ExportedGraph.Nodes) throws -> String? {
    try write(column, named: ["nodes", nodes.type.name, column.name]) { body in
      let rows = try graph.rows(of: nodes, columns: [column])
      while try rows.advance() {
        for row in rows.ids.indices { try body(rows.columns, row) }
      }
    }
  }

  private func write(_ column: PropertySchema, of edges: ExportedGraph.Edges) throws -> String? {
    try write(column, named: ["edges"] + edges.type.parts + [column.name]) { body in
      let rows = try graph.rows(of: edges, columns: [column], arcs: .both)
      while try rows.advance() {
        for row in 0..<rows.count { try body(rows.columns, row) }
      }
    }
  }

  /// Writes a column of numbers, if it is one.
  private func write(
    _ column: PropertySchema, named parts: [String],
    _ visit: (_ body: (ColumnBlock, Int) throws -> Void) throws -> Void
  ) throws -> String? {
    guard let form = NPYForm(column.kind) else { return nil }
    var hasNull = false
    if !form.isFloat { try visit { block, row in hasNull = hasNull || block.isNull(0, row) } }
    let isVector = column.kind.element != column.kind
    // A vector of integers has no place for null.
    if hasNull && isVector {
      graph.note("column '\(column.name)' has vectors of integers and null, which no array holds")
      return nil
    }
    let name = output.name(parts, ".npy")
    try output.write(name) { file in
      let array = try NPYWriter(
        hasNull ? "<f8" : form.name, width: isVector ? column.kind.width : nil, to: file)
      var count = 0
      try visit { block, row in
        if hasNull {
          try block.withValue(0, row) { try array.append(Self.double($0).bitPattern.littleEndian) }
        } else {
          try form.append(block, row, column.kind.width, to: array)
        }
        count += 1
      }
      try array.finish(count)
    }
    return name
  }

  private static func double(_ value: ExportedValue) -> Double {
    if case .bool(let flag) = value { return flag ? 1 : 0 }
    return value.number ?? .nan
  }

  // MARK: Edges

  /// All sources, then all targets.
  private func writeEnds(_ edges: ExportedGraph.Edges, to name: String) throws {
    try output.write(name) { file in
      let array = try NPYWriter("<i8", width: 0, to: file)
      var count = 0
      for end in 0..<2 {
        let rows = try graph.rows(of: edges, columns: [], arcs: .both)
        while try rows.advance() {
          for row in 0..<rows.count {
            let rank =
              end == 0
              ? edges.source.selection.rank(of: rows.sources[row])
              : edges.target.selection.rank(of: rows.targets[row])
            try array.append(Int64(rank).littleEndian)
          }
          if end == 0 { count += rows.count }
        }
      }
      try array.finish(rows: 2, width: count)
      file.rowCount = count
    }
  }

  // MARK: Sets

  private static let parts = [
    ("train", "train_set"), ("valid", "validation_set"), ("test", "test_set"),
  ]

  /// The tasks: one, of the three sets, with labels where there is a numeric column of that name.
  private func writeSets() throws -> String {
    var task = ""
    for (name, key) in Self.parts {
      var entries = ""
      for nodes in graph.nodes {
        guard let members = try graph.sets(of: nodes).first(where: { $0.name == name })?.members
        else { continue }
        entries += "    - type: \"\(nodes.type)\"\n      data:\n"
        let seeds = output.name(["set", nodes.type.name, name], ".npy")
        try writeSeeds(members, of: nodes, to: seeds)
        entries += "      - {name: seeds, format: numpy, path: \"\(seeds)\"}\n"
        guard let label = nodes.schema.property("label"), label.kind.element == label.kind,
          let form = NPYForm(label.kind)
        else { continue }
        let labels = output.name(["set", nodes.type.name, name, "labels"], ".npy")
        if try writeLabels(label, form, members, of: nodes, to: labels) {
          entries += "      - {name: labels, format: numpy, path: \"\(labels)\"}\n"
        }
      }
      if !entries.isEmpty { task += "  \(key):\n\(entries)" }
    }
    return task.isEmpty ? "tasks: []\n" : "tasks:\n- name: node_classification\n\(task)"
  }

  private func writeSeeds(
    _ members: RoaringBitmap, of nodes: ExportedGraph.Nodes, to name: String
  ) throws {
    try output.write(name) { file in
      let array = try NPYWriter("<i8", width: nil, to: file)
      var count = 0
      for id in members where nodes.selection.contains(id) {
        try array.append(Int64(nodes.selection.rank(of: id)).littleEndian)
        count += 1
      }
      try array.finish(count)
    }
  }

  /// - Returns: false where a member has none; nothing is written then.
  private func writeLabels(
    _ label: PropertySchema, _ form: NPYForm, _ members: RoaringBitmap,
    of nodes: ExportedGraph.Nodes, to name: String
  ) throws -> Bool {
    func visit(_ body: (ColumnBlock, Int) throws -> Void) throws {
      let rows = try graph.rows(of: nodes, columns: [label])
      while try rows.advance() {
        for (row, id) in rows.ids.enumerated() where members.contains(id) {
          try body(rows.columns, row)
        }
      }
    }
    var hasNull = false
    try visit { block, row in hasNull = hasNull || block.isNull(0, row) }
    if hasNull { return false }
    try output.write(name) { file in
      let array = try NPYWriter(form.name, width: nil, to: file)
      var count = 0
      try visit { block, row in
        try form.append(block, row, 1, to: array)
        count += 1
      }
      try array.finish(count)
    }
    return true
  }
}
