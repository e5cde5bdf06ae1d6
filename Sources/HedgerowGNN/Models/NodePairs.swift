public import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Pairs of nodes: links that are there, links that are not, or steps of walks.
public struct NodePairs: Sendable, Equatable {
  public var sources: [UInt32]
  public var targets: [UInt32]

  /// Traps when they are not as many.
  public init(sources: [UInt32], targets: [UInt32]) {
    require(
      sources.count == targets.count, "\(sources.count) sources for \(targets.count) targets")
    (self.sources, self.targets) = (sources, targets)
  }

  /// The ends of a block's edges, in the order of its entries.
  public init(edgesOf block: Block) {
    let targets = (0..<block.targetCount).flatMap { target in
      repeatElement(
        UInt32(target), count: Int(block.offsets[target + 1] - block.offsets[target]))
    }
    self.init(sources: Array(block.sources[..<block.edgeCount]), targets: targets)
  }

  public var count: Int { sources.count }

  /// Pairs of two nodes that no edge of the block joins, drawn one by one; fewer than `count` where `100 count` draws
  /// found no more.
  ///
  /// For blocks of whole graphs. Expected time O(edges + count) where edges are few beside pairs.
  public static func withoutEdge(
    in block: Block, count: Int, from stream: RandomStream
  ) -> NodePairs {
    let nodes = UInt64(block.sourceCount)
    func number(_ source: UInt32, _ target: UInt32) -> UInt64 {
      UInt64(target) * nodes + UInt64(source)
    }
    let edges = NodePairs(edgesOf: block)
    let taken = Set(zip(edges.sources, edges.targets).map(number))
    var (stream, found) = (stream, NodePairs(sources: [], targets: []))
    for _ in 0..<(nodes < 2 ? 0 : 100 * count) where found.count < count {
      let source = UInt32(stream.next(below: nodes))
      let target = UInt32(stream.next(below: nodes))
      if source == target || taken.contains(number(source, target)) { continue }
      found.sources.append(source)
      found.targets.append(target)
    }
    return found
  }
}

/// The product of the rows of both nodes of each pair. Shapes: x [nodes, width], result [pairs].
public func innerProducts(_ x: Tensor, _ pairs: NodePairs) -> Tensor {
  sum(x.gathered(rows: pairs.sources) * x.gathered(rows: pairs.targets), along: 1)
}

/// The mean of -log sigmoid(s) over the scores of what is true, and of -log(1 - sigmoid(s)) over those of what is
/// not, added; of no scores it is 0.
///
/// Shapes: [true ones] and [false ones], result [].
public func contrastiveLoss(_ scores: Tensor, against falseScores: Tensor) -> Tensor {
  func mean(_ scores: Tensor) -> Tensor {
    scores.count == 0 ? Tensor(0) : HedgerowTensor.mean(logSigmoid(scores))
  }
  return -(mean(scores) + mean(-falseScores))
}
