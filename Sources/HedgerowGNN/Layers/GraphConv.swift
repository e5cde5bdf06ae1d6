import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// The layer of higher-order graph networks: x_t' = W_root x_t + W_rel (sum over the edges (s, t) of w_st x_s)
/// + b.
///
/// Shapes: source [sources, source width], target [targets, target width], weights [edges], result [targets,
/// output width]. Parameters as in PyTorch Geometric: `lin_rel.weight`, `lin_rel.bias`, `lin_root.weight`.
///
/// Source: Morris et al., Weisfeiler and Leman Go Neural, AAAI 2019.
public struct GraphConv: EdgeWeightedConvolution {
  public struct Options: Sendable {
    /// The sum of the equation, or another aggregate of the same width.
    public var aggregation: any Aggregator = Aggregation.sum
    /// Learn b.
    public var bias = true

    public init() {}
  }

  let neighbors: Linear
  let root: Linear
  let aggregator: any Aggregator

  public static let pathNames = [
    "neighbors": "lin_rel", "root": "lin_root", "aggregator": "aggr_module",
  ]

  /// For sources and targets of two widths.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to outputWidth: Int,
    options: Options = .init()
  ) {
    neighbors = Linear(sourceWidth, outputWidth, bias: Linear.Bias(options.bias))
    root = Linear(targetWidth, outputWidth, bias: .absent)
    aggregator = options.aggregation
  }

  /// For sources and targets of one width.
  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    self.init(source: width, target: width, to: outputWidth, options: options)
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, weights: Tensor?
  ) -> AffineSum<Float> {
    if weights == nil, let aggregation = aggregator as? Aggregation {
      return SAGEConv.terms(
        source: source, target: target, along: block, aggregation: aggregation,
        neighborWeight: neighbors.weight.value, bias: neighbors.bias?.value,
        rootWeight: root.weight.value)
    }
    let aggregated =
      weights.map { aggregator(source, scaledBy: $0, along: block) }
      ?? aggregator(source, along: block)
    return neighbors.terms(aggregated) + root.terms(target)
  }
}
