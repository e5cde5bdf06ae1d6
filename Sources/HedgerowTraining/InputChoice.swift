import HedgerowCore
import HedgerowStore

/// Which columns of the node types that a model reaches become its inputs.
struct InputChoice {
  let graph: Snapshot
  let options: TrainingOptions
  /// A column that is no input: what is to be learned.
  var target: (type: NodeType, column: String)?
  let resources: TrainingResources

  private func isTarget(_ type: NodeType, _ column: String) -> Bool {
    target.map { $0.type == type && $0.column == column } ?? false
  }

  /// Each reached type's features, or an embedding where it has none.
  func inputs(of types: [NodeType]) throws -> [ModelSpecification.Input] {
    for type in options.encodings?.keys ?? [] where graph.schema.node(type) == nil {
      throw HedgerowError(.usage, "no node type '\(type)' to encode columns of")
    }
    if let chosen = options.inputs {
      for (type, columns) in chosen {
        for column in columns {
          guard graph.width(of: column, of: type) != nil else {
            throw HedgerowError(.usage, "'\(type).\(column)' is no column of numbers")
          }
          guard !isTarget(type, column) else {
            throw HedgerowError(.usage, "the target '\(type).\(column)' cannot be an input")
          }
        }
      }
    }
    return try graph.schema.nodes.filter { types.contains($0.type) }.map { node in
      let position = options.positions?[optional: node.type]
      var columns =
        if let inputs = options.inputs {
          inputs[optional: node.type] ?? []
        } else if case .vector? = node.property("x")?.kind {
          ["x"]
        } else {
          [String]()
        }
      let isScaled = try isScaled(columns.filter { $0 != position }, of: node.type)
      if let position { columns = [position] + columns.filter { $0 != position } }
      let encoders = try encoders(of: node.type)
      let width = columns.reduce(encoders.reduce(0) { $0 + $1.width }) {
        $0 + (graph.width(of: $1, of: node.type) ?? 0)
      }
      var input = ModelSpecification.Input(
        type: node.type.name, columns: columns,
        width: columns.isEmpty && encoders.isEmpty ? options.hiddenWidth : width,
        count: graph.count(of: node.type), isScaled: isScaled,
        isScaledBySum: options.inputScaling.isOfSum ? true : nil,
        encoders: encoders.isEmpty ? nil : encoders)
      input.dimensions = position.flatMap { graph.width(of: $0, of: node.type) }
      return input
    }
  }

  /// Fitted on the training set.
  private func encoders(of type: NodeType) throws -> [ColumnEncoder] {
    try (options.encodings?[optional: type] ?? []).map { encoding in
      guard !isTarget(type, encoding.column) else {
        throw HedgerowError(.usage, "the target '\(type).\(encoding.column)' cannot be an input")
      }
      return try ColumnEncoder(
        encoding, of: type, in: graph, fittedOn: TrainingNodes(of: type, in: graph),
        checkInterruption: resources.checkInterruption)
    }
  }

  /// Whether the rows of a type are to be divided by their length, or sum.
  private func isScaled(_ columns: [String], of type: NodeType) throws -> Bool {
    guard !columns.isEmpty, options.inputScaling.isAutomatic else {
      return !columns.isEmpty && options.inputScaling != .none
    }
    // Nodes spread evenly over the type.
    let count = graph.count(of: type)
    let nodes = (0..<min(count, 1024)).map { UInt32($0 * count / min(count, 1024)) }
    for column in columns {
      let width = graph.width(of: column, of: type) ?? 0
      var rows = [Float](repeating: 0, count: nodes.count * width)
      try rows.withUnsafeMutableBufferPointer {
        try graph.gather(nodes.span, of: type, column: column, into: $0)
      }
      if rows.contains(where: { $0 < 0 }) { return false }
    }
    return true
  }
}
