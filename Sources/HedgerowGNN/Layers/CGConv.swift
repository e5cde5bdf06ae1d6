import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// The layer of crystal graph networks: x_t' = x_t + the aggregate over the edges (s, t) of
/// sigmoid(W_f z + b_f) softplus(W_s z + b_s), z = [x_t, x_s, e_st].
///
/// Shapes: source [sources, source width], target and result [targets, target width], edges [edges, edge width].
/// Parameters as in PyTorch Geometric: `lin_f`, `lin_s`, and `bn` of the batch normalization.
///
/// Source: Xie and Grossman, Crystal Graph Convolutional Neural Networks, Physical Review Letters 2018.
public struct CGConv: EdgeFeaturedConvolution {
  public struct Options: Sendable {
    /// Width of the edges' features, where they have any.
    public var edgeWidth: Int?
    public var aggregation: any Aggregator = Aggregation.sum
    /// Normalize the aggregate over the batch.
    public var normalization = false
    /// Learn b_f and b_s.
    public var bias = true

    public init() {}
  }

  let gate: Linear
  let core: Linear
  let norm: BatchNorm?
  let aggregator: any Aggregator
  private let widths: [Int]
  private let edgeWidth: Int?

  public static let pathNames = [
    "gate": "lin_f", "core": "lin_s", "norm": "bn", "aggregator": "aggr_module",
  ]

  /// For sources and targets of two widths.
  public init(source sourceWidth: Int, target targetWidth: Int, options: Options = .init()) {
    edgeWidth = options.edgeWidth
    widths = [targetWidth, sourceWidth, edgeWidth ?? 0]
    gate = Linear(widths.reduce(0, +), targetWidth, bias: Linear.Bias(options.bias))
    core = Linear(widths.reduce(0, +), targetWidth, bias: Linear.Bias(options.bias))
    norm = options.normalization ? BatchNorm(targetWidth) : nil
    aggregator = options.aggregation
  }

  /// For sources and targets of one width.
  public init(_ width: Int, options: Options = .init()) {
    self.init(source: width, target: width, options: options)
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, edges: Tensor?
  ) -> AffineSum<Float> {
    checkEdges(edges, width: edgeWidth, of: block)
    func product(_ linear: Linear) -> Tensor {
      EdgeNetwork(linear)(
        source: .init(source, columns: widths[0]), target: .init(target, columns: 0),
        edge: edges.map { .init($0, columns: widths[0] + widths[1]) },
        width: linear.inputWidth, along: block)
    }
    let messages = sigmoid(product(gate)) * softplus(product(core))
    let aggregated = aggregator(messages, by: block.usedOffsets)
    return AffineSum(norm?(aggregated) ?? aggregated) + AffineSum(target)
  }
}
