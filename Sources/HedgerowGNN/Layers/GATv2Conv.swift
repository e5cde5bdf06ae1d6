import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Graph attention whose ranking of sources depends on the target: x_t' = b + sum over the sources s of t, t
/// itself included, of a_st W_l x_s, where a_st = softmax over s of
/// p . leakyRelu(W_l x_s + W_r x_t + W_e e_st), for each head apart.
///
/// Shapes: source [sources, source width], target [targets, target width], edges [edges, edge width], result
/// [targets, heads x head width], or [targets, head width] when heads are averaged. Parameters as in PyTorch
/// Geometric: `lin_l` and `lin_r` with biases, `att` [1, heads, head width], `lin_edge.weight`, `res.weight`,
/// `bias`.
///
/// Source: Brody, Alon, Yahav, How Attentive are Graph Attention Networks?, ICLR 2022.
public struct GATv2Conv: EdgeFeaturedConvolution, NeighborConvolution {
  public struct Options: Sendable {
    public var heads = 1
    /// What becomes of the heads' results.
    public var heading = HeadCombination.concatenated
    /// Of the leaky relu inside the scores.
    public var negativeSlope: Float = 0.2
    /// Rate of dropout of attention, in training.
    public var dropout = 0.0
    /// Replace the edge from each target to itself by one, or add it; not for relations between two types.
    public var selfLoops = true
    /// Width of the edges' features, where they have any.
    public var edgeWidth: Int?
    /// The features of the self-loops.
    public var selfLoopFeatures = SelfLoopFeatures.aggregated(.mean)
    /// Learn b, and biases of W_l and W_r.
    public var bias = true
    /// Let W_r be W_l.
    public var sharedWeights = false
    /// Add W x_t to the result.
    public var residual = false

    public init() {}
  }

  let fromSource: Linear
  let fromTarget: Linear
  let attention: Parameter
  let fromEdge: Linear?
  let residual: Linear?
  let bias: Parameter?
  private let heads: AttentionHeads
  let options: Options

  public static let pathNames = [
    "fromSource": "lin_l", "fromTarget": "lin_r", "attention": "att", "fromEdge": "lin_edge",
    "residual": "res",
  ]

  /// For sources and targets of two widths; traps when they differ and weights are shared.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to headWidth: Int,
    options: Options = .init()
  ) {
    require(
      !options.sharedWeights || sourceWidth == targetWidth,
      "sources of width \(sourceWidth) and targets of width \(targetWidth) cannot share weights")
    let heads = AttentionHeads(
      options.heads, width: headWidth, combination: options.heading, dropout: options.dropout)
    func linear(_ width: Int) -> Linear {
      Linear(width, heads.totalWidth, bias: Linear.Bias(options.bias), from: .glorot)
    }
    fromSource = linear(sourceWidth)
    fromTarget = options.sharedWeights ? fromSource : linear(targetWidth)
    attention = heads.vectors()
    fromEdge = options.edgeWidth.map {
      Linear($0, heads.totalWidth, bias: .absent, from: .glorot)
    }
    residual =
      options.residual
      ? Linear(targetWidth, heads.outputWidth, bias: .absent, from: .glorot) : nil
    bias = .bias(heads.outputWidth, when: options.bias)
    self.heads = heads
    self.options = options
  }

  /// For sources and targets of one width.
  public init(_ width: Int, _ headWidth: Int, options: Options = .init()) {
    self.init(source: width, target: width, to: headWidth, options: options)
  }

  public func terms(
    source: Tensor, target: Tensor, along given: Block, edges: Tensor?
  ) -> AffineSum<Float> {
    checkEdges(edges, width: options.edgeWidth, of: given)
    guard options.selfLoops else {
      return attention(source, target, along: given, edges: edges)
    }
    guard let edges else {
      return attention(source, target, along: given.addingSelfLoops(), edges: nil)
    }
    let (block, features) = given.addingSelfLoops(features: edges, options.selfLoopFeatures)
    return attention(source, target, along: block, edges: features)
  }

  public func neighborTerms(
    source: Tensor, target: Tensor, along block: Block
  ) -> AffineSum<Float> {
    attention(source, target, along: block, edges: nil)
  }

  private func attention(
    _ source: Tensor, _ target: Tensor, along block: Block, edges: Tensor?
  ) -> AffineSum<Float> {
    let x = fromSource(source)
    var ends = edgeSum(x, fromTarget(target), along: block)
    if let edges { ends = ends + fromEdge!(edges) }
    let scores = heads.products(leakyRelu(ends, slope: options.negativeSlope), attention)
    return AffineSum(heads.attend(x, scores: scores, along: block))
      .adding(residual, of: target).adding(bias: bias)
  }
}
