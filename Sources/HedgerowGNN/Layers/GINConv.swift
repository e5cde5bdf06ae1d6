import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// The layer of graph isomorphism networks: x_t' = network((1 + epsilon) x_t + sum over the sources s of t of
/// x_s).
///
/// Shapes: source and target [.., width], result [targets, network's width]. Parameters as in PyTorch Geometric:
/// `nn...`, `eps` [1].
///
/// Source: Xu et al., How Powerful are Graph Neural Networks?, ICLR 2019.
public struct GINConv: Convolution {
  public struct Options: Sendable {
    public var epsilon = Epsilon.fixed(0)
    /// The sum of the equation, or another aggregate of the same width.
    public var aggregation: any Aggregator = Aggregation.sum

    public init() {}
  }

  /// How much a target's own features count more than a source's.
  public enum Epsilon: Sendable {
    case fixed(Float)
    case learned(from: Float)
  }

  let network: any Layer
  let epsilon: EpsilonValue
  let aggregator: any Aggregator

  public static let pathNames = [
    "network": "nn", "epsilon": "", "aggregator": "aggr_module",
  ]

  public init(_ network: any Layer, options: Options = .init()) {
    self.network = network
    epsilon = EpsilonValue(options.epsilon)
    aggregator = options.aggregation
  }

  public func terms(source: Tensor, target: Tensor, along block: Block) -> AffineSum<Float> {
    AffineSum(network(aggregator(source, along: block) + epsilon.scaled(target)))
  }
}

/// What ``GINConv`` and ``GINEConv`` keep of epsilon.
struct EpsilonValue: Module {
  private let learned: Parameter?
  private let fixed: Buffer?

  static let pathNames = ["learned": "eps", "fixed": "eps"]

  init(_ epsilon: GINConv.Epsilon) {
    switch epsilon {
    case .fixed(let value): (learned, fixed) = (nil, Buffer(shape: [1], startingAs: value))
    case .learned(let value):
      (learned, fixed) = (Parameter(shape: [1], from: .constant(value)), nil)
    }
  }

  /// (1 + epsilon) x
  func scaled(_ x: Tensor) -> Tensor {
    if let learned { return (1 + learned.value) * x }
    let value = fixed!.value.scalars[0]
    return value == 0 ? x : (1 + value) * x
  }
}
