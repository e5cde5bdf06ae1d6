import HedgerowCore
import HedgerowGraph
import HedgerowTensor

/// What heads or layers of attention say together of an edge.
public enum AttentionReduction: Sendable { case mean, max }

/// The attention that a model's layers pay to each entry of the block, of their heads and then of all layers together.
///
/// Layers that pay attention to neighbors: GAT, GATv2, SuperGAT, Transformer and General, between nodes of the one block that
/// the model is given; traps when one attends along another. Self-loops that a layer adds are left out.
/// What the prediction is of does not count. As `AttentionExplainer` of PyTorch Geometric.
public func attentionExplanation(
  of prediction: ExplainedPrediction, heads: AttentionReduction = .max,
  layers: AttentionReduction = .max
) -> Explanation {
  let count = prediction.block.edgeCount
  let records = AttentionRecord.of {
    _ = prediction.model(prediction.x, prediction.block, prediction.weights)
  }
  require(!records.isEmpty, "the model has no layer of attention")
  let all = records.map { block, shares -> Tensor in
    let width = shares.width
    let numbers = shares.scalars
    var ofEntries = [Float](repeating: 0, count: count)
    require(
      block.targetCount == prediction.block.targetCount
        && (!block.edges.isEmpty || block.edgeCount == count),
      "attention along another block, of \(block.edgeCount) edges and not \(count)")
    for entry in 0..<block.edgeCount {
      let edge = block.edges.isEmpty ? UInt32(entry) : block.edges[entry]
      if edge == Block.noEdge { continue }
      require(edge < count, "attention along another block, with an edge \(edge) of \(count)")
      ofEntries[Int(edge)] = heads.combined(numbers[entry * width..<(entry + 1) * width])
    }
    return Tensor(ofEntries)
  }
  let numbers = all.map(\.scalars)
  return Explanation(
    edges: Tensor(
      (0..<count).map { edge in layers.combined(numbers.map { $0[edge] }[...]) }))
}

extension AttentionReduction {
  fileprivate func combined(_ numbers: ArraySlice<Float>) -> Float {
    switch self {
    case .max: numbers.max() ?? 0
    case .mean: numbers.isEmpty ? 0 : numbers.reduce(0, +) / Float(numbers.count)
    }
  }
}

/// The attention of layers that run meanwhile.
///
/// `@unchecked Sendable`: whoever asks for a record runs the model and reads the record after it, on one thread.
final class AttentionRecord: @unchecked Sendable {
  @TaskLocal private static var current: AttentionRecord?
  private var records: [(block: Block, shares: Tensor)] = []

  static var isActive: Bool { current != nil }

  static func note(_ shares: Tensor, along block: Block) {
    current?.records.append((block, shares.detached))
  }

  /// The attention of the layers that `body` runs, in their order.
  static func of(_ body: () -> Void) -> [(block: Block, shares: Tensor)] {
    let record = AttentionRecord()
    $current.withValue(record, operation: body)
    return record.records
  }
}
