import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// Attention by vectors, column by column: x_t' = sum over the sources s of t, t itself included, of a_st (W x_s +
/// d_st), where d_st = h(p_t - p_s) and a_st is the softmax over s of g(W_1 x_t - W_2 x_s + d_st).
///
/// Shapes: as of ``PointConvolution``; h [edges, dimensions] to [edges, output], g [edges, output] to the same.
/// Names: `pos_nn` for h, `attn_nn` for g, `lin` for W, `lin_dst` and `lin_src` for W_1 and W_2.
///
/// Source: Zhao et al., Point Transformer, ICCV 2021.
public struct PointTransformerConv: PointConvolution {
  public struct Options: Sendable {
    /// h; a linear layer of three dimensions when it is `nil`.
    public var positionNetwork: (any Layer)?
    /// g; nothing when it is `nil`.
    public var attentionNetwork: (any Layer)?
    /// Give each target one edge from itself.
    public var selfLoops = true

    public init() {}
  }

  let positionNetwork: any Layer
  let attentionNetwork: (any Layer)?
  let values: Linear
  let keys: Linear
  let queries: Linear
  let selfLoops: Bool
  public static let pathNames = [
    "positionNetwork": "pos_nn", "attentionNetwork": "attn_nn", "values": "lin",
    "keys": "lin_src", "queries": "lin_dst",
  ]

  /// For sources and targets of two widths.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to outputWidth: Int,
    options: Options = .init()
  ) {
    positionNetwork = options.positionNetwork ?? Linear(3, outputWidth)
    attentionNetwork = options.attentionNetwork
    values = Linear(sourceWidth, outputWidth, bias: .absent)
    keys = Linear(sourceWidth, outputWidth, bias: .absent)
    queries = Linear(targetWidth, outputWidth, bias: .absent)
    selfLoops = options.selfLoops
  }

  /// For sources and targets of one width.
  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    self.init(source: width, target: width, to: outputWidth, options: options)
  }

  public func callAsFunction(
    source: Tensor?, target: Tensor?, positions: (source: Tensor, target: Tensor), _ block: Block
  ) -> Tensor {
    guard let source, let target else { fatalError("a point transformer needs features") }
    let block = selfLoops ? block.withOneSelfLoop() : block
    let offsets = EdgeNetwork(positionNetwork)(
      source: .init(-positions.source, columns: 0), target: .init(positions.target, columns: 0),
      width: positions.source.width, along: block)
    let scores = edgeSum(-keys(source), queries(target), along: block) + offsets
    let shares = edgeSoftmax(attentionNetwork?(scores) ?? scores, along: block)
    let messages = shares * (values(source).gathered(alongSourcesOf: block) + offsets)
    return segmentSum(messages, by: block.usedOffsets)
  }
}
