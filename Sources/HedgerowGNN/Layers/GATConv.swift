import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Graph attention: x_t' = b + sum over the sources s of t, t itself included, of a_st W_s x_s, where
/// a_st = softmax over s of leakyRelu(p . W_s x_s + q . W_t x_t), for each head apart. Edges that have
/// features e_st add r . W_e e_st in front of leakyRelu; those of a self-loop are the mean over the other
/// edges to its node.
///
/// Shapes: source [sources, source width], target [targets, target width], result [targets, heads x
/// head width], or [targets, head width] when heads are averaged. Parameters as in PyTorch Geometric:
/// `lin.weight`, or `lin_src.weight` and `lin_dst.weight` between two widths; `att_src`, `att_dst`
/// [1, heads, head width]; `bias`; `lin_edge.weight` and `att_edge` of edges, `res.weight` of the residual.
///
/// Source: Velickovic et al., Graph Attention Networks, ICLR 2018.
public struct GATConv: EdgeFeaturedConvolution, NeighborConvolution {
  public struct Options: Sendable {
    public var heads = 1
    /// What becomes of the heads' results.
    public var heading = HeadCombination.concatenated
    /// Of the leaky relu before the softmax.
    public var negativeSlope: Float = 0.2
    /// Rate of dropout of attention, in training.
    public var dropout = 0.0
    /// Give each target an edge from itself where it has none; `nil` does for a layer within one
    /// type, and does not for one between two.
    public var selfLoops: Bool?
    /// Learn b.
    public var bias = true
    /// Width of the edges' features, where they have any.
    public var edgeWidth: Int?
    /// The features of the self-loops.
    public var selfLoopFeatures = SelfLoopFeatures.aggregated(.mean)
    /// Add W_r x_t to the result.
    public var residual = false

    public init() {}
  }

  let shared: Linear?
  let fromSource: Linear?
  let fromTarget: Linear?
  let sourceAttention: Parameter
  let targetAttention: Parameter
  let fromEdge: Linear?
  let edgeAttention: Parameter?
  let residual: Linear?
  let bias: Parameter?
  private let heads: AttentionHeads
  let options: Options

  public static let pathNames = [
    "shared": "lin", "fromSource": "lin_src", "fromTarget": "lin_dst",
    "sourceAttention": "att_src", "targetAttention": "att_dst", "fromEdge": "lin_edge",
    "edgeAttention": "att_edge", "residual": "res",
  ]

  /// For sources and targets of two widths, each with a weight of its own.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to headWidth: Int,
    options: Options = .init()
  ) {
    let width = options.heads * headWidth
    self.init(
      shared: nil, fromSource: Linear(sourceWidth, width, bias: .absent, from: .glorot),
      fromTarget: Linear(targetWidth, width, bias: .absent, from: .glorot),
      targetWidth: targetWidth, headWidth, options)
  }

  /// For sources and targets of two widths, with so many heads.
  public init(source sourceWidth: Int, target targetWidth: Int, to headWidth: Int, heads: Int) {
    var options = Options()
    options.heads = heads
    self.init(source: sourceWidth, target: targetWidth, to: headWidth, options: options)
  }

  /// For sources and targets of one type, which share a weight.
  public init(_ width: Int, _ headWidth: Int, options: Options = .init()) {
    self.init(
      shared: Linear(width, options.heads * headWidth, bias: .absent, from: .glorot),
      fromSource: nil, fromTarget: nil, targetWidth: width, headWidth, options)
  }

  private init(
    shared: Linear?, fromSource: Linear?, fromTarget: Linear?, targetWidth: Int, _ headWidth: Int,
    _ options: Options
  ) {
    let heads = AttentionHeads(
      options.heads, width: headWidth, combination: options.heading, dropout: options.dropout)
    self.shared = shared
    self.fromSource = fromSource
    self.fromTarget = fromTarget
    sourceAttention = heads.vectors()
    targetAttention = heads.vectors()
    fromEdge = options.edgeWidth.map {
      Linear($0, heads.totalWidth, bias: .absent, from: .glorot)
    }
    edgeAttention = options.edgeWidth.map { _ in heads.vectors() }
    residual =
      options.residual
      ? Linear(targetWidth, heads.outputWidth, bias: .absent, from: .glorot) : nil
    bias = .bias(heads.outputWidth, when: options.bias)
    self.heads = heads
    self.options = options
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, edges: Tensor?
  ) -> AffineSum<Float> {
    checkEdges(edges, width: options.edgeWidth, of: block)
    let (looped, features) = withSelfLoops(block, edges)
    return attention(source, target, along: looped, edges: features)
  }

  public func neighborTerms(
    source: Tensor, target: Tensor, along block: Block
  ) -> AffineSum<Float> {
    attention(source, target, along: block, edges: nil)
  }

  private func attention(
    _ source: Tensor, _ target: Tensor, along block: Block, edges: Tensor?
  ) -> AffineSum<Float> {
    let x: Tensor
    let y: Tensor
    if let shared {
      // Targets are the first of the sources.
      x = shared(source)
      y = x.prefix(rows: block.targetCount)
    } else {
      x = fromSource!(source)
      y = fromTarget!(target)
    }
    let sourceScores = heads.products(x, sourceAttention)
    let targetScores = heads.products(y, targetAttention)
    let result: Tensor
    if let edges {
      let scores =
        edgeSum(sourceScores, targetScores, along: block)
        + heads.products(fromEdge!(edges), edgeAttention!)
      result = heads.attend(
        x, scores: leakyRelu(scores, slope: options.negativeSlope), along: block)
    } else {
      result = heads.attend(
        x, sourceScores: sourceScores, targetScores: targetScores, slope: options.negativeSlope,
        along: block)
    }
    return AffineSum(result).adding(residual, of: target).adding(bias: bias)
  }

  private func withSelfLoops(_ block: Block, _ edges: Tensor?) -> (Block, Tensor?) {
    guard options.selfLoops ?? (shared != nil) else { return (block, edges) }
    guard let edges else { return (block.addingSelfLoops(), nil) }
    return block.addingSelfLoops(features: edges, options.selfLoopFeatures)
  }
}
