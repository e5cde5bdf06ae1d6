import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Frequency adaptive convolution: x_t' = epsilon x_0t + sum over the sources s of t, t itself included, of
/// tanh(l . x_s + r . x_t) x_s / sqrt(d_s d_t), x_0 being the network's first features.
///
/// Without normalization edges have weights in the place of 1 / sqrt(d_s d_t). Shapes: x [sources, width], x_0
/// [targets, width], result [targets, width]. Parameters as in PyTorch Geometric: `att_l.weight` and
/// `att_r.weight` [1, width].
///
/// Source: Bo et al., Beyond Low-frequency Information in Graph Convolutional Networks, AAAI 2021.
public struct FAConv: InitialResidualConvolution {
  public struct Options: Sendable {
    /// How much the first features count.
    public var epsilon: Float = 0.1
    /// Rate of dropout of attention, in training.
    public var dropout = 0.0
    /// Give each target an edge from itself where it has none.
    public var selfLoops = true
    /// Divide by sqrt(d_s d_t); without, edges need weights and there are no self-loops.
    public var normalization = Propagation.Normalization.symmetric

    public init() {}
  }

  let ofSource: Linear
  let ofTarget: Linear
  private let options: Options

  public static let pathNames = ["ofSource": "att_l", "ofTarget": "att_r"]

  public init(_ width: Int, options: Options = .init()) {
    ofSource = Linear(width, 1, bias: .absent)
    ofTarget = Linear(width, 1, bias: .absent)
    self.options = options
  }

  public func terms(
    source: Tensor, initial: Tensor, along block: Block, weights: Tensor?
  ) -> AffineSum<Float> {
    require(
      (weights == nil) == (options.normalization == .symmetric),
      "edges have weights when they are not normalized, and only then")
    let hasLoops = options.selfLoops && options.normalization == .symmetric
    let propagation = Propagation(
      block, weights: weights, selfLoopWeight: hasLoops ? 1 : nil,
      normalization: options.normalization)
    let looped = propagation.block
    let scores = edgeSum(
      ofSource(source), ofTarget(source.prefix(rows: looped.targetCount)), along: looped)
    let attention = dropout(tanh(scores).squeezed(1), rate: options.dropout)
    let sum = aggregate(
      source, scaledBy: attention * propagation.weights, along: looped, by: .sum)
    return AffineSum(sum) + AffineSum(options.epsilon * initial)
  }
}
