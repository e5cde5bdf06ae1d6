import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Residual gated convolution: x_t' = W_skip x_t + b + sum over the edges (s, t) of
/// activation(W_key [x_t, e_st] + W_query [x_s, e_st]) times W_value [x_s, e_st], element by element.
///
/// Shapes: source [sources, source width], target [targets, target width], edges [edges, edge width], result
/// [targets, output width]. Parameters as in PyTorch Geometric: `lin_key`, `lin_query`, `lin_value` with biases,
/// `lin_skip.weight`, `bias`.
///
/// Source: Bresson and Laurent, Residual Gated Graph ConvNets, 2017.
public struct ResGatedGraphConv: EdgeFeaturedConvolution {
  public struct Options: Sendable {
    /// Of the gates.
    public var activation = Activation.sigmoid
    /// Width of the edges' features, where they have any.
    public var edgeWidth: Int?
    /// Let a target's own features take part, by W_skip.
    public var rootWeight = true
    /// Learn b.
    public var bias = true

    public init() {}
  }

  let key: Linear
  let query: Linear
  let value: Linear
  let skip: Linear?
  let bias: Parameter?
  private let options: Options

  public static let pathNames = [
    "key": "lin_key", "query": "lin_query", "value": "lin_value", "skip": "lin_skip",
  ]

  /// For sources and targets of two widths.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to outputWidth: Int,
    options: Options = .init()
  ) {
    let edgeWidth = options.edgeWidth ?? 0
    key = Linear(targetWidth + edgeWidth, outputWidth)
    query = Linear(sourceWidth + edgeWidth, outputWidth)
    value = Linear(sourceWidth + edgeWidth, outputWidth)
    skip = options.rootWeight ? Linear(targetWidth, outputWidth, bias: .absent) : nil
    bias = .bias(outputWidth, when: options.bias)
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
    // What the nodes have of a product is made once for each node.
    let (keys, queries, values) = (
      SplitLinear(key, target.width), SplitLinear(query, source.width),
      SplitLinear(value, source.width)
    )
    var gates = AffineSum(edgeSum(queries.ofNodes(source), keys.ofNodes(target), along: block))
    var sent = AffineSum(values.ofNodes(source).gathered(alongSourcesOf: block))
    if let edges {
      gates = gates + keys.ofEdges(edges) + queries.ofEdges(edges)
      sent = sent + values.ofEdges(edges)
    }
    let messages = gates.evaluated(activation: options.activation) * sent.evaluated()
    return AffineSum(segmentSum(messages, by: block.usedOffsets))
      .adding(skip, of: target).adding(bias: bias)
  }
}

/// A linear map of features of nodes and of edges, one behind the other, in its two parts.
private struct SplitLinear {
  private let parts: [Tensor]
  private let bias: Tensor?

  init(_ linear: Linear, _ nodeWidth: Int) {
    parts = linear.weight.value.split(
      [nodeWidth, linear.inputWidth - nodeWidth], along: 1)
    bias = linear.bias?.value
  }

  func ofNodes(_ x: Tensor) -> Tensor { AffineSum(x, weight: parts[0], bias: bias).evaluated() }
  func ofEdges(_ edges: Tensor) -> AffineSum<Float> { AffineSum(edges, weight: parts[1]) }
}
