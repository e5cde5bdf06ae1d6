import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowStore
import HedgerowTensor

/// What the node types that a model reads bring into it.
extension [ModelSpecification.Input] {
  /// The feature columns that are read, by type.
  var columns: PerNode<[String]> {
    var columns = PerNode<[String]>()
    for input in self where !input.columns.isEmpty { columns[NodeType(input.type)] = input.columns }
    return columns
  }

  /// As a network is made with.
  var ofNetwork: PerNode<NodeNetwork.Input> {
    var inputs = PerNode<NodeNetwork.Input>()
    for input in self {
      inputs[NodeType(input.type)] =
        input.isEmbedded
        ? .embedding(count: input.count, width: input.width) : .features(input.width)
    }
    return inputs
  }

  /// Whether they can be built: whoever wrote them, they must not end the program.
  var areSound: Bool {
    allSatisfy {
      $0.encodedWidth <= $0.width && (0...1 << 24).contains($0.width)
        && (0...1 << 32).contains($0.count) && !$0.type.isEmpty
        && ($0.encoders ?? []).allSatisfy(\.isSound)
    }
  }

  /// What the network takes in: rows of columns, divided by their length where that is asked for, and of what is
  /// encoded, side by side.
  func rows(
    _ features: PerNode<Tensor>, of nodes: PerNode<[UInt32]>, in graph: Snapshot
  ) throws -> PerNode<Tensor> {
    var result = scaled(features)
    for input in self {
      let type = NodeType(input.type)
      guard let encoders = input.encoders, let nodes = nodes[optional: type] else { continue }
      let encoded = try ColumnEncoder.rows(encoders, of: nodes, type, in: graph)
      result[type] = result[optional: type].map { concatenated($0, encoded) } ?? encoded
    }
    return result
  }

  /// Rows of the types that ask for it divided by their length, or sum.
  private func scaled(_ features: PerNode<Tensor>) -> PerNode<Tensor> {
    var scaled = features
    for input in self where input.isScaled {
      let type = NodeType(input.type)
      guard let rows = features[optional: type] else { continue }
      // Places stay as they are.
      let dimensions = input.dimensions ?? 0
      let parts =
        dimensions == 0 ? [rows] : rows.split([dimensions, rows.width - dimensions], along: 1)
      let features = parts[parts.count - 1]
      let result =
        input.isScaledBySum == true
        ? features / maximum(sum(abs(features), along: 1, keeping: .one), Tensor(1e-12))
        : rowsOfLengthOne(features)
      scaled[type] = parts.count == 1 ? result : concatenated(parts[0], result)
    }
    return scaled
  }

  /// - Parameter hasWeightsOfNodes: whether the model knows the nodes that there were, of types with features, too.
  /// - Throws: what `mismatch` makes of the first thing that a graph has not, or has otherwise.
  func check(
    schemaOf graph: Snapshot, hasWeightsOfNodes: Bool = false,
    _ mismatch: (String) -> HedgerowError
  ) throws {
    for input in self {
      let type = NodeType(input.type)
      if input.isEmbedded || hasWeightsOfNodes {
        guard graph.count(of: type) == input.count else {
          throw mismatch("'\(type)' has \(graph.count(of: type)) nodes instead of \(input.count)")
        }
      }
      if input.isEmbedded { continue }
      let widths = try input.columns.map { column in
        guard let width = graph.width(of: column, of: type) else {
          throw mismatch("'\(type).\(column)' is no column of numbers")
        }
        return width
      }
      for encoder in input.encoders ?? []
      where graph.schema.node(type)?.property(encoder.column) == nil {
        throw mismatch("there is no column '\(type).\(encoder.column)'")
      }
      let width = widths.reduce(input.encodedWidth, +)
      guard width == input.width, input.dimensions == nil || widths.first == input.dimensions else {
        throw mismatch("the inputs of '\(type)' are \(width) wide, not \(input.width)")
      }
    }
  }
}
