import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// ``GINConv`` for edges with features: x_t' = network((1 + epsilon) x_t + sum over the edges (s, t) of
/// relu(x_s + W e_st + b)).
///
/// Shapes: source and target [.., width], edges [edges, edge width], which is the features' width without W,
/// result [targets, network's width]. Parameters as in PyTorch Geometric: `nn...`, `eps` [1], `lin`.
///
/// Source: Hu et al., Strategies for Pre-training Graph Neural Networks, ICLR 2020.
public struct GINEConv: EdgeFeaturedConvolution {
  public struct Options: Sendable {
    public var epsilon = GINConv.Epsilon.fixed(0)
    /// The sum of the equation, or another aggregate of the same width.
    public var aggregation: any Aggregator = Aggregation.sum

    public init() {}
  }

  let network: any Layer
  let epsilon: EpsilonValue
  let fromEdge: Linear?
  let aggregator: any Aggregator
  private let edgeWidth: Int?

  public static let pathNames = [
    "network": "nn", "epsilon": "", "fromEdge": "lin", "aggregator": "aggr_module",
  ]

  /// For edges whose features are as wide as the nodes'.
  public init(_ network: any Layer, options: Options = .init()) {
    self.init(network, fromEdge: nil, options)
  }

  /// For edges of another width than the nodes'.
  public init(
    _ network: any Layer, width: Int, edgeWidth: Int, options: Options = .init()
  ) {
    self.init(network, fromEdge: Linear(edgeWidth, width), options)
  }

  private init(_ network: any Layer, fromEdge: Linear?, _ options: Options) {
    self.network = network
    self.fromEdge = fromEdge
    edgeWidth = fromEdge?.inputWidth
    epsilon = EpsilonValue(options.epsilon)
    aggregator = options.aggregation
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, edges: Tensor?
  ) -> AffineSum<Float> {
    checkEdges(edges, width: edgeWidth ?? source.width, of: block)
    let messages =
      (fromEdge?.terms(edges!) ?? AffineSum(edges!))
      + AffineSum(source.gathered(alongSourcesOf: block))
    let sums = aggregator(messages.evaluated(activation: .relu), by: block.usedOffsets)
    return AffineSum(network(sums + epsilon.scaled(target)))
  }
}
