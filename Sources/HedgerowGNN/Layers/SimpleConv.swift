import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Aggregation alone, nothing of it learned: x_t' = the aggregate over the edges (s, t) of w_st x_s.
///
/// Shapes: source and target [.., width], weights [edges], result [targets, width].
public struct SimpleConv: EdgeWeightedConvolution {
  /// What becomes of a target's own features.
  public enum Root: Sendable {
    case absent
    /// Added to the aggregate.
    case added
    /// In front of the aggregate.
    case concatenated
    /// One more source, of weight 1.
    case selfLoop
  }

  public struct Options: Sendable {
    public var aggregation: any Aggregator = Aggregation.sum
    public var root = Root.absent

    public init() {}
  }

  let aggregator: any Aggregator
  private let root: Root

  public static let pathNames = ["aggregator": "aggr_module"]

  public init(options: Options = .init()) {
    aggregator = options.aggregation
    root = options.root
  }

  public func terms(
    source: Tensor, target: Tensor, along given: Block, weights: Tensor?
  ) -> AffineSum<Float> {
    var (block, weights) = (given, weights)
    if root == .selfLoop {
      block = (weights == nil ? given : given.numberedByEntries).addingSelfLoops(.everywhere)
      if let numbers = weights {
        let places = block.edges.map { $0 == Block.noEdge ? UInt32(given.edgeCount) : $0 }
        weights = concatenated(numbers, Tensor([1])).gathered(rows: places)
      }
    }
    let aggregated =
      weights.map { aggregator(source, scaledBy: $0, along: block) }
      ?? aggregator(source, along: block)
    return switch root {
    case .absent, .selfLoop: AffineSum(aggregated)
    case .added: AffineSum(aggregated) + AffineSum(target)
    case .concatenated: AffineSum(concatenated(target, aggregated))
    }
  }
}
