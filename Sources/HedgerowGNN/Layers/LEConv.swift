import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Local extrema: x_t' = W_3 x_t + b_3 + sum over the edges (s, t) of w_st (W_1 x_s + b_1 - W_2 x_t).
///
/// Shapes: source [sources, source width], target [targets, target width], weights [edges], result [targets,
/// output width]. Parameters as in PyTorch Geometric: `lin1`, `lin2.weight`, `lin3`.
///
/// Source: Ranjan, Sanyal, Talukdar, ASAP: Adaptive Structure Aware Pooling, AAAI 2020.
public struct LEConv: EdgeWeightedConvolution {
  public struct Options: Sendable {
    /// Learn b_1 and b_3.
    public var bias = true

    public init() {}
  }

  let source: Linear
  let subtracted: Linear
  let root: Linear

  public static let pathNames = ["source": "lin1", "subtracted": "lin2", "root": "lin3"]

  /// For sources and targets of two widths.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to outputWidth: Int,
    options: Options = .init()
  ) {
    source = Linear(sourceWidth, outputWidth, bias: Linear.Bias(options.bias))
    subtracted = Linear(targetWidth, outputWidth, bias: .absent)
    root = Linear(targetWidth, outputWidth, bias: Linear.Bias(options.bias))
  }

  /// For sources and targets of one width.
  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    self.init(source: width, target: width, to: outputWidth, options: options)
  }

  public func terms(
    source x: Tensor, target: Tensor, along block: Block, weights: Tensor?
  ) -> AffineSum<Float> {
    let propagation = Propagation(block, weights: weights, normalization: .none)
    // W_2 x_t counts as often as the weights of t's edges say together.
    let counts =
      weights.map { segmentSum($0, by: block.usedOffsets) }
      ?? block.degrees(ofTargets: Float.self)
    let scaled = counts.reshaped(to: [block.targetCount, 1]) * target
    return AffineSum(propagation(source(x)))
      + AffineSum(-1 * scaled, weight: subtracted.weight.value)
      + root.terms(target)
  }
}
