import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Pathfinder discovery: x_t' = b + sum over the edges (s, t) of w_st W x_s / sqrt(d_s d_t), where
/// w = sigmoid(a network of the edge's features).
///
/// d is as of ``Propagation``; without features all w are 1. Shapes: x [sources, width], edges [edges, edge
/// width], result [targets, output width]. Parameters as in PyTorch Geometric: `lin.weight`, `mlp.0`, `mlp.2`,
/// `bias`.
///
/// Source: Rozemberczki et al., Pathfinder Discovery Networks for Neural Message Passing, WWW 2021.
public struct PDNConv: EdgeFeaturedConvolution {
  public struct Options: Sendable {
    /// Width of the edges' features.
    public var edgeWidth: Int
    /// Of the network that makes weights of them.
    public var hiddenWidth: Int
    /// Give each target an edge of weight 1 from itself where it has none; only when normalized.
    public var selfLoops = true
    /// Divide by sqrt(d_s d_t).
    public var normalization = Propagation.Normalization.symmetric
    /// Learn b.
    public var bias = true

    public init(edgeWidth: Int, hiddenWidth: Int) {
      self.edgeWidth = edgeWidth
      self.hiddenWidth = hiddenWidth
    }
  }

  let linear: Linear
  let network: Sequential
  let bias: Parameter?
  private let options: Options

  public static let pathNames = ["linear": "lin", "network": "mlp"]

  public init(_ width: Int, _ outputWidth: Int, options: Options) {
    linear = Linear(width, outputWidth, bias: .absent, from: .glorot)
    network = Sequential(
      Linear(options.edgeWidth, options.hiddenWidth), Activation.relu,
      Linear(options.hiddenWidth, 1), Activation.sigmoid)
    bias = .bias(outputWidth, when: options.bias)
    self.options = options
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, edges: Tensor?
  ) -> AffineSum<Float> {
    let hasLoops = options.selfLoops && options.normalization == .symmetric
    let propagation = Propagation(
      block, weights: edges.map { network($0).squeezed(1) }, selfLoopWeight: hasLoops ? 1 : nil,
      normalization: options.normalization)
    return propagation.terms(source, weight: linear.weight.value).adding(bias: bias)
  }
}
