import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// The graph convolution: x_t' = b + sum over the edges (s, t), self-loops included, of
/// w_st W x_s / sqrt(d_s d_t).
///
/// d is the sum of the weights, 1 unless given, of the edges that lead to a node, its self-loop
/// included; see ``Propagation``.
///
/// Shapes: x [sources, width], result [targets, output width]. Parameters as in PyTorch Geometric:
/// `lin.weight`, `bias`.
///
/// Source: Kipf and Welling, Semi-Supervised Classification with Graph Convolutional Networks,
/// ICLR 2017.
public struct GCNConv: EdgeWeightedConvolution, NeighborConvolution {
  public struct Options: Sendable {
    /// Learn b.
    public var bias = true
    /// Give each target an edge from itself where it has none; not for relations between two types.
    public var selfLoops = true
    /// The weight of a self-loop that is added; 2 in the "improved" variant. (PyTorch Geometric 2.8 adds such
    /// of weight 2 only where edges have weights.)
    public var selfLoopWeight: Float = 1
    /// Divide by sqrt(d_s d_t).
    public var normalization = true

    public init() {}
  }

  let linear: Linear
  let bias: Parameter?
  let options: Options

  public static let pathNames = ["linear": "lin"]

  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    linear = Linear(width, outputWidth, bias: .absent, from: .glorot)
    bias = .bias(outputWidth, when: options.bias)
    self.options = options
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, weights: Tensor?
  ) -> AffineSum<Float> {
    terms(
      source: source, along: block, weights: weights,
      selfLoopWeight: options.selfLoops ? options.selfLoopWeight : nil)
  }

  public func neighborTerms(
    source: Tensor, target: Tensor, along block: Block
  ) -> AffineSum<Float> {
    terms(source: source, along: block, weights: nil, selfLoopWeight: nil)
  }

  private func terms(
    source: Tensor, along block: Block, weights: Tensor?, selfLoopWeight: Float?
  ) -> AffineSum<Float> {
    require(
      source.shape.count == 2 && source.rowCount == block.sourceCount,
      "features of shape \(source.shape) for a block of \(block.sourceCount) sources")
    let propagation = Propagation(
      block, weights: weights, selfLoopWeight: selfLoopWeight,
      normalization: options.normalization ? .symmetric : .none)
    return propagation.terms(source, weight: linear.weight.value).adding(bias: bias)
  }
}
