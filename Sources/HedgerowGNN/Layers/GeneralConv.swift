import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// The layer of the design space of graph networks: x_t' = W_self x_t + the mean over heads of the aggregate over
/// the edges (s, t) of m_st, where m_st = W x_s + b, plus V x_t + c unless messages are directed, plus U e_st + d.
///
/// With attention m_st is weighed by the softmax over s of leakyRelu of a . m_st, or of
/// m_st . m_ts / sqrt(output width), m_ts being the message with x_s and x_t exchanged.
///
/// Shapes: source [sources, source width], target [targets, target width], edges [edges, edge width], result
/// [targets, output width]. Parameters as in PyTorch Geometric: `lin_msg`, `lin_msg_i`, `lin_self`, `lin_edge`,
/// `att_msg` [1, heads, output width], and the buffer `scaler`.
///
/// Source: You, Ying, Leskovec, Design Space for Graph Neural Networks, NeurIPS 2020.
public struct GeneralConv: EdgeFeaturedConvolution {
  /// What a message is made of, beside the edge's features.
  public enum Direction: Sendable {
    /// The source.
    case directed
    /// The source and the target.
    case bidirectional
  }

  public enum Attention: Sendable {
    case additive
    case dotProduct
  }

  public struct Options: Sendable {
    /// Width of the edges' features, where they have any.
    public var edgeWidth: Int?
    public var aggregation: any Aggregator = Aggregation.sum
    /// Pass a target's own features through W_self even where they are as wide as the result.
    public var rootWeight = true
    public var direction = Direction.directed
    public var heads = 1
    public var attention: Attention?
    /// Scale each row of the result to length 1.
    public var normalization = false
    /// Learn the biases.
    public var bias = true

    public init() {}
  }

  let ofSource: Linear
  let ofTarget: Linear?
  let root: Linear?
  let ofEdge: Linear?
  let attention: Parameter?
  let scale: Buffer?
  let aggregator: any Aggregator
  private let heads: AttentionHeads
  private let options: Options

  public static let pathNames = [
    "ofSource": "lin_msg", "ofTarget": "lin_msg_i", "root": "lin_self", "ofEdge": "lin_edge",
    "attention": "att_msg", "scale": "scaler", "aggregator": "aggr_module",
  ]

  /// For sources and targets of two widths.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to outputWidth: Int,
    options: Options = .init()
  ) {
    let heads = AttentionHeads(options.heads, width: outputWidth, combination: .averaged)
    let bias = Linear.Bias(options.bias)
    ofSource = Linear(sourceWidth, heads.totalWidth, bias: bias)
    ofTarget =
      options.direction == .directed
      ? nil : Linear(sourceWidth, heads.totalWidth, bias: bias)
    root =
      options.rootWeight || sourceWidth != targetWidth || targetWidth != outputWidth
      ? Linear(targetWidth, outputWidth, bias: bias) : nil
    ofEdge = options.edgeWidth.map { Linear($0, heads.totalWidth, bias: bias) }
    attention = options.attention == .additive ? heads.vectors() : nil
    scale =
      options.attention == .dotProduct
      ? Buffer(shape: [], startingAs: Float(outputWidth).squareRoot()) : nil
    aggregator = options.aggregation
    self.heads = heads
    self.options = options
  }

  /// For sources and targets of one width.
  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    self.init(source: width, target: width, to: outputWidth, options: options)
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, edges: Tensor?
  ) -> AffineSum<Float> {
    checkEdges(edges, width: options.edgeWidth, of: block)
    let ofEdges = edges.map { ofEdge!($0) }
    let sums: Tensor
    if ofTarget == nil && ofEdges == nil && options.attention == nil {
      sums = aggregator(ofSource(source), along: block)
    } else {
      sums = aggregatedMessages(source, target, ofEdges, along: block)
    }
    let own = root.map { $0.terms(target) } ?? AffineSum(target)
    let result = AffineSum(heads.combined(sums)) + own
    return options.normalization ? AffineSum(rowsOfLengthOne(result.evaluated())) : result
  }

  private func aggregatedMessages(
    _ source: Tensor, _ target: Tensor, _ ofEdges: Tensor?, along block: Block
  ) -> Tensor {
    let messages = self.messages(from: source, to: target, ofEdges) { x, y in
      y.map { edgeSum(x, $0, along: block) } ?? x.gathered(alongSourcesOf: block)
    }
    guard let kind = options.attention else {
      return aggregator(messages, by: block.usedOffsets)
    }
    let scores: Tensor
    switch kind {
    case .additive: scores = heads.products(messages, attention!)
    case .dotProduct:
      let back = self.messages(from: target, to: source, ofEdges) { x, y in
        y.map { edgeSum($0, x, along: block) } ?? x.gathered(alongTargetsOf: block)
      }
      let products = (messages * back).reshaped(to: [block.edgeCount, heads.count, heads.width])
      scores = sum(products, along: 2) / scale!.value.scalar
    }
    let shares = heads.shares(of: leakyRelu(scores, slope: 0.2), along: block)
    return aggregator(messages.scaled(by: shares), by: block.usedOffsets)
  }

  /// m for each edge, from what the products of nodes are at their ends.
  private func messages(
    from x: Tensor, to y: Tensor, _ ofEdges: Tensor?, _ atEnds: (Tensor, Tensor?) -> Tensor
  ) -> Tensor {
    let sum = atEnds(ofSource(x), ofTarget?(y))
    return ofEdges.map { sum + $0 } ?? sum
  }
}
