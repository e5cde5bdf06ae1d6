import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Attention of transformers along edges: x_t' = W_skip x_t + sum over the sources s of t of
/// a_st (W_value x_s + W_edge e_st), where a_st = softmax over s of
/// (W_query x_t) . (W_key x_s + W_edge e_st) / sqrt(head width), for each head apart.
///
/// With a gate, m_t being the sum, x_t' = g W_skip x_t + (1 - g) m_t, where
/// g = sigmoid(w . [m_t, W_skip x_t, m_t - W_skip x_t]).
///
/// Shapes: source [sources, source width], target [targets, target width], edges [edges, edge width], result
/// [targets, heads x head width], or [targets, head width] when heads are averaged. Parameters as in PyTorch
/// Geometric: `lin_key`, `lin_query`, `lin_value`, `lin_skip`, `lin_edge.weight`, `lin_beta.weight`.
///
/// Source: Shi et al., Masked Label Prediction: Unified Message Passing Model for Semi-Supervised
/// Classification, IJCAI 2021.
public struct TransformerConv: EdgeFeaturedConvolution, NeighborConvolution {
  /// What becomes of a target's own features.
  public enum Root: Sendable {
    /// Nothing.
    case absent
    case added
    /// A gate weighs them against what the neighbors sent.
    case gated
  }

  public struct Options: Sendable {
    public var heads = 1
    /// What becomes of the heads' results.
    public var heading = HeadCombination.concatenated
    public var root = Root.added
    /// Rate of dropout of attention, in training.
    public var dropout = 0.0
    /// Width of the edges' features, where they have any.
    public var edgeWidth: Int?
    /// Learn biases of keys, queries, values and the target's own features.
    public var bias = true

    public init() {}
  }

  let key: Linear
  let query: Linear
  let value: Linear
  let edge: Linear?
  /// There, as in PyTorch Geometric, even when it is not used.
  let skip: Linear
  let gate: Linear?
  private let heads: AttentionHeads
  let options: Options

  public static let pathNames = [
    "key": "lin_key", "query": "lin_query", "value": "lin_value", "edge": "lin_edge",
    "skip": "lin_skip", "gate": "lin_beta",
  ]

  /// For sources and targets of two widths.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to headWidth: Int,
    options: Options = .init()
  ) {
    let heads = AttentionHeads(
      options.heads, width: headWidth, combination: options.heading, dropout: options.dropout)
    let bias = Linear.Bias(options.bias)
    key = Linear(sourceWidth, heads.totalWidth, bias: bias)
    query = Linear(targetWidth, heads.totalWidth, bias: bias)
    value = Linear(sourceWidth, heads.totalWidth, bias: bias)
    edge = options.edgeWidth.map { Linear($0, heads.totalWidth, bias: .absent) }
    skip = Linear(targetWidth, heads.outputWidth, bias: bias)
    gate = options.root == .gated ? Linear(3 * heads.outputWidth, 1, bias: .absent) : nil
    self.heads = heads
    self.options = options
  }

  /// For sources and targets of one width.
  public init(_ width: Int, _ headWidth: Int, options: Options = .init()) {
    self.init(source: width, target: width, to: headWidth, options: options)
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, edges: Tensor?
  ) -> AffineSum<Float> {
    checkEdges(edges, width: options.edgeWidth, of: block)
    let neighbors = attention(source, target, along: block, edges: edges)
    guard let gate else {
      return options.root == .absent
        ? AffineSum(neighbors) : AffineSum(neighbors) + skip.terms(target)
    }
    let own = skip(target)
    // w . [m, x, m - x] is (w1 + w3) . m + (w2 - w3) . x.
    let weights = gate.weight.value.split(every: heads.outputWidth, along: 1)
    let logits =
      matmul(neighbors, (weights[0] + weights[2]).transposed())
      + matmul(own, (weights[1] - weights[2]).transposed())
    return AffineSum(neighbors + sigmoid(logits) * (own - neighbors))
  }

  public func neighborTerms(
    source: Tensor, target: Tensor, along block: Block
  ) -> AffineSum<Float> {
    AffineSum(attention(source, target, along: block, edges: nil))
  }

  private func attention(
    _ source: Tensor, _ target: Tensor, along block: Block, edges: Tensor?
  ) -> Tensor {
    let (keys, queries, values) = (key(source), query(target), value(source))
    let ofEdges = edges.map { edge!($0) }
    var scores = edgeDot(keys, queries, heads: heads.count, along: block)
    if let ofEdges {
      scores =
        scores
        + edgeDot(ofEdges, queries, heads: heads.count, over: block.entryRows) {
          block.transposedEntryRows
        }
    }
    let shares = heads.shares(of: scores / Float(heads.width).squareRoot(), along: block)
    var sums = aggregate(values, scaledBy: shares, along: block, by: .sum)
    if let ofEdges {
      sums =
        sums
        + segmentSum(ofEdges, over: block.entryRows, weights: shares) {
          block.transposedEntryRows
        }
    }
    return heads.combined(sums)
  }
}
