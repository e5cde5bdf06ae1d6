import HedgerowCore
import HedgerowGraph
import HedgerowTensor

/// The feature columns that the batches of a loader have, checked once.
struct BatchInputs<Graph: Topology & FeatureSource>: Sendable {
  let graph: Graph
  let columns: [(type: NodeType, name: String, width: Int)]
  let options: LoaderOptions
  private let reader: FeatureReader<Graph>

  /// - Throws: `usage` for a column that is not there or holds no numbers.
  init(_ graph: Graph, _ options: LoaderOptions) throws {
    self.graph = graph
    self.options = options
    columns = try Self.columns(of: graph, options)
    reader = FeatureReader(graph, options)
  }

  static func columns(
    of graph: Graph, _ options: LoaderOptions
  ) throws -> [(type: NodeType, name: String, width: Int)] {
    var chosen: [(NodeType, String)] = []
    if let inputs = options.inputs {
      chosen = zip(inputs.keys, inputs.values).flatMap { type, columns in
        columns.map { (type, $0) }
      }
    } else {
      for node in graph.schema.nodes {
        if let property = node.property("x"), case .vector = property.kind {
          chosen.append((node.type, "x"))
        }
      }
    }
    return try chosen.map { type, column in
      guard let width = graph.width(of: column, of: type) else {
        throw HedgerowError(.usage, "'\(type).\(column)' is no column of numbers")
      }
      return (type, column, width)
    }
  }

  /// The rows of nodes, read ahead and copied.
  ///
  /// - Parameter contents: what the batch is made of, for messages: "1024 seeds".
  /// - Throws: `usage` when they are more than a batch may hold.
  func rows(
    of nodes: PerNode<[UInt32]>, in contents: @autoclosure () -> String, _ work: inout BatchWork
  ) throws -> PerNode<Tensor> {
    let present = nodes.keys.map { type in
      (type: type, columns: columns.filter { $0.type == type }.map { ($0.name, $0.width) })
    }.filter { !$0.columns.isEmpty }
    let byteCount = present.reduce(0) { sum, entry in
      sum + entry.columns.reduce(0) { $0 + 4 * $1.1 * nodes[entry.type].count }
    }
    guard byteCount <= options.batchByteLimit else {
      let (needed, limit) = ByteSize.format(byteCount, over: options.batchByteLimit)
      throw HedgerowError(
        .usage,
        "a batch of \(contents()) needs \(needed) of features where \(limit) can be had: lower "
          + "--batch-size or --fanouts, or raise --memory")
    }
    work.measure(.read) {
      for (type, columns) in present { reader.prefetch(columns, nodes[type], type) }
    }
    var features = PerNode<Tensor>()
    for (type, columns) in present {
      features[type] = try reader.rows(of: columns, nodes[type], type, &work)
    }
    return features
  }

  /// The labels of seeds; none unless a column was asked for.
  func labels(
    of seeds: [UInt32], _ type: NodeType, _ work: inout BatchWork
  ) throws -> [Int32] {
    guard let column = options.labels else { return [] }
    return try work.measure(.gather) {
      try graph.labels(seeds.span, of: type, column: column)
    }
  }

  /// The external keys of a batch's nodes, as far as they were asked for.
  func keys(of subgraph: SampledSubgraph) throws -> PerNode<[String]> {
    var keys = PerNode<[String]>()
    guard options.keys != .absent else { return keys }
    for (type, nodes) in subgraph.nodes {
      let asked = options.keys == .all ? nodes.count : subgraph.knownCounts[type][0]
      keys[type] = try graph.keys(nodes.span.extracting(0..<asked), of: type)
    }
    return keys
  }
}
