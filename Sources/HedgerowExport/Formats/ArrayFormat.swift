import HedgerowCore
import HedgerowStore

/// NumPy arrays: for each node type a table of keys and whatever ingest has no array for, its vectors
/// and numbers as arrays in the table's order; for each edge type the numbers of its ends, and of its
/// numeric columns.
struct ArrayFormat {
  private let graph: ExportedGraph
  private let output: OutputDirectory

  init(_ graph: ExportedGraph, _ output: OutputDirectory) {
    self.graph = graph
    self.output = output
  }

  func write() throws -> ImportCommand {
    var command = ImportCommand()
    let tables = CSVFormat(graph, output, arrays: .npy)
    for nodes in graph.nodes {
      try tables.write(nodes, &command)
      if nodes.keys.headerKind == "int64" { try writeKeys(nodes) }
      for column in nodes.schema.properties {
        // Those are arrays already.
        if try VectorArray(column, of: nodes, in: graph) != nil { continue }
        try write(column, named: ["nodes", nodes.type.name, column.name]) { body in
          let rows = try graph.rows(of: nodes, columns: [column])
          while try rows.advance() {
            for row in rows.ids.indices { try body(rows.columns, row) }
          }
        }
      }
    }
    for edges in graph.edges {
      try writeEnds(edges)
      for column in edges.schema.properties {
        try write(column, named: ["edges"] + edges.type.parts + [column.name]) { body in
          let rows = try graph.rows(of: edges, columns: [column], arcs: .both)
          while try rows.advance() {
            for row in 0..<rows.count { try body(rows.columns, row) }
          }
        }
      }
    }
    if !graph.edges.isEmpty {
      graph.note(
        "ingest reads the nodes back, not the edges, which are pairs of the numbers that nodes have in "
          + "their tables, from 0, both arcs of undirected ones")
    }
    if graph.edges.contains(where: { $0.schema.properties.contains { NPYForm($0.kind) == nil } }) {
      graph.note("no array holds texts, bytes and categories of edges")
    }
    return command
  }

  private func writeKeys(_ nodes: ExportedGraph.Nodes) throws {
    try output.write(output.name(["nodes", nodes.type.name, "id"], ".npy")) { file in
      let array = try NPYWriter("<i8", width: nil, to: file)
      let rows = try graph.rows(of: nodes, columns: [])
      while try rows.advance() {
        for id in rows.ids { try array.append(nodes.keys.integer(of: id).littleEndian) }
      }
      try array.finish(nodes.count)
    }
  }

  private func writeEnds(_ edges: ExportedGraph.Edges) throws {
    try output.write(output.name(["edges"] + edges.type.parts, ".npy")) { file in
      let array = try NPYWriter("<i8", width: 2, to: file)
      let rows = try graph.rows(of: edges, columns: [], arcs: .both)
      var count = 0
      while try rows.advance() {
        for row in 0..<rows.count {
          try array.append(Int64(edges.source.selection.rank(of: rows.sources[row])).littleEndian)
          try array.append(Int64(edges.target.selection.rank(of: rows.targets[row])).littleEndian)
        }
        count += rows.count
      }
      try array.finish(count)
    }
  }

  /// Writes a column of numbers, if it is one: null is NaN among floats; else zero, and a second array
  /// says which values are there.
  private func write(
    _ column: PropertySchema, named parts: [String],
    _ visit: (_ body: (ColumnBlock, Int) throws -> Void) throws -> Void
  ) throws {
    guard let form = NPYForm(column.kind) else { return }
    let isVector = column.kind.element != column.kind
    var count = 0
    var nullCount = 0
    try output.write(output.name(parts, ".npy")) { file in
      let array = try NPYWriter(
        form.name, width: isVector ? column.kind.width : nil, to: file)
      try visit { block, row in
        try form.append(block, row, column.kind.width, to: array)
        count += 1
        if block.isNull(0, row) { nullCount += 1 }
      }
      try array.finish(count)
    }
    guard nullCount > 0, !form.isFloat else { return }
    try output.write(output.name(parts + ["valid"], ".npy")) { file in
      let array = try NPYWriter("|b1", width: nil, to: file)
      try visit { block, row in try file.append(byte: block.isNull(0, row) ? 0 : 1) }
      try array.finish(count)
    }
  }
}

/// How NumPy has a column's elements: as the store does, but bfloat16 and codes with a scale, which it
/// does not know, as float32.
struct NPYForm {
  let name: String
  private let isWidened: Bool
  private let form: ValueForm

  var isFloat: Bool { name.hasPrefix("<f") }

  init?(_ kind: PropertyKind) {
    guard let form = ValueForm(kind) else { return nil }
    self.form = form
    var isWidened = false
    switch form {
    case .bool: name = "|b1"
    case .int8: name = "|i1"
    case .int16: name = "<i2"
    case .int32: name = "<i4"
    case .int64: name = "<i8"
    case .uint8: name = "|u1"
    case .half: name = "<f2"
    case .float: name = "<f4"
    case .double: name = "<f8"
    case .bfloat, .scaled:
      name = "<f4"
      isWidened = true
    case .category: return nil
    }
    self.isWidened = isWidened
  }

  /// The value of a block's only column.
  func append(_ block: ColumnBlock, _ row: Int, _ width: Int, to array: NPYWriter) throws {
    if block.isNull(0, row) {
      for _ in 0..<width { try appendNull(to: array) }
      return
    }
    let bytes = block.bytes(0, row)
    guard isWidened else { return try array.file.append(bytes) }
    for index in 0..<width {
      if case .float(let number) = form.value(at: bytes.baseAddress! + index * form.byteWidth) {
        try array.append(number.bitPattern.littleEndian)
      }
    }
  }

  private func appendNull(to array: NPYWriter) throws {
    switch name {
    case "<f2": try array.append(Float16.nan)
    case "<f4": try array.append(Float.nan)
    case "<f8": try array.append(Double.nan)
    default: for _ in 0..<form.byteWidth { try array.file.append(byte: 0) }
    }
  }
}

/// A vector column that ingest reads back from an array as it is.
struct VectorArray {
  /// What `--features` says of the elements.
  let importedKind: String
  private let column: PropertySchema
  private let nodes: ExportedGraph.Nodes
  private let graph: ExportedGraph
  private let form: NPYForm

  /// `nil` for a column that does not come back the same: of elements that ingest has no array of, or
  /// with null, NaN or an infinity. That is looked up in the column, some rows at a time.
  init?(_ column: PropertySchema, of nodes: ExportedGraph.Nodes, in graph: ExportedGraph) throws {
    guard case .vector(let element, let width) = column.kind, let form = NPYForm(column.kind),
      // The option takes what follows the last point for the column.
      !column.name.contains(".")
    else { return nil }
    switch element {
    case .float32, .float16, .uint8, .int8: importedKind = ""
    case .bfloat16, .scaledInt8: importedKind = ":\(element)"
    default: return nil
    }
    self.column = column
    self.nodes = nodes
    self.graph = graph
    self.form = form
    guard nodes.count > 0 else { return nil }
    let rows = try graph.rows(of: nodes, columns: [column])
    let isFloat = form.isFloat
    var isWhole = true
    while try rows.advance() {
      for row in rows.ids.indices {
        guard !rows.columns.isNull(0, row) else { return nil }
        guard isFloat else { continue }
        try rows.columns.withValue(0, row) { value in
          guard case .vector(let vector) = value else { return }
          for index in 0..<width where !(vector[index].number ?? 0).isFinite { isWhole = false }
        }
        guard isWhole else { return nil }
      }
    }
  }

  func write(to name: String, in output: OutputDirectory) throws {
    try output.write(name) { file in
      let array = try NPYWriter(form.name, width: column.kind.width, to: file)
      let rows = try graph.rows(of: nodes, columns: [column])
      while try rows.advance() {
        for row in rows.ids.indices {
          try form.append(rows.columns, row, column.kind.width, to: array)
        }
      }
      try array.finish(nodes.count)
    }
  }
}
