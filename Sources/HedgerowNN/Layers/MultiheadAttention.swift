import HedgerowCore
public import HedgerowTensor

/// Attention by several heads, each over a stretch of the width; see
/// ``scaledDotProductAttention(_:_:_:allowed:bias:dropout:)``.
///
/// Shapes: queries [rows, queries, width], keys and values [rows, keys, width], result [rows, queries, width].
/// Names are those of `torch.nn.MultiheadAttention`, whose `batch_first` is true here.
///
/// Source: Vaswani et al., Attention Is All You Need, NIPS 2017.
public struct MultiheadAttention: Module {
  /// The projections of queries, keys and values, one below the other.
  public let inputWeight: Parameter
  public let inputBias: Parameter?
  public let output: Linear
  public let heads: Int
  public let dropout: Double

  public static let pathNames = [
    "inputWeight": "in_proj_weight", "inputBias": "in_proj_bias", "output": "out_proj",
  ]

  /// Traps when the width is no multiple of the heads.
  public init(
    _ width: Int, heads: Int, dropout: Double = 0, bias: Linear.Bias = .learned
  ) {
    require(heads > 0 && width.isMultiple(of: heads), "\(heads) heads do not share width \(width)")
    self.heads = heads
    self.dropout = dropout
    let bound = (6 / Float(max(1, 4 * width))).squareRoot()
    inputWeight = Parameter(shape: [3 * width, width], from: .uniform(bound: bound))
    inputBias = bias == .learned ? Parameter(shape: [3 * width], from: .constant(0)) : nil
    output = Linear(width, width, bias: bias)
  }

  /// What may attend to what.
  public struct Masks: Sendable {
    /// Keys that are there, [rows, keys].
    public var keys: Mask?
    /// Keys that a query may attend to, [queries, keys] or [rows, heads, queries, keys].
    public var pairs: Mask?
    /// Added to the products of queries and keys, of the same shapes.
    public var bias: Tensor?

    public init() {}
  }

  /// The result, and the shares that each query takes of the keys, [rows, heads, queries, keys].
  public func attend(
    _ queries: Tensor, to keys: Tensor, _ values: Tensor, _ masks: Masks = Masks()
  ) -> (result: Tensor, shares: Tensor) {
    let width = output.inputWidth
    require(
      [queries, keys, values].allSatisfy { $0.shape.count == 3 && $0.shape[2] == width }
        && keys.shape == values.shape && queries.shape[0] == keys.shape[0],
      "attention of width \(width) over shapes \(queries.shape), \(keys.shape), \(values.shape)")
    let (q, k, v) = (project(queries, 0), project(keys, 1), project(values, 2))
    var allowed = masks.pairs
    if let present = masks.keys {
      let present = present.unsqueezed(1).unsqueezed(1)
      allowed = allowed.map { $0 .& present } ?? present
    }
    let (mixed, shares) = scaledDotProductAttention(
      q, k, v, allowed: allowed, bias: masks.bias, dropout: dropout)
    let rows = mixed.swapped(1, 2).reshaped(to: [queries.shape[0] * queries.shape[1], width])
    return (output(rows).reshaped(to: queries.shape), shares)
  }

  public func callAsFunction(
    _ queries: Tensor, _ keys: Tensor, _ values: Tensor, _ masks: Masks = Masks()
  ) -> Tensor { attend(queries, to: keys, values, masks).result }

  /// One of the three projections, [rows, heads, places, width / heads].
  private func project(_ x: Tensor, _ index: Int) -> Tensor {
    let width = output.inputWidth
    let stretch = index * width..<(index + 1) * width
    let rows = x.reshaped(to: [x.shape[0] * x.shape[1], width])
    return AffineSum(
      rows, weight: inputWeight.value.sliced(stretch, along: 0),
      bias: inputBias?.value.sliced(stretch, along: 0)
    ).evaluated()
      .reshaped(to: [x.shape[0], x.shape[1], heads, width / heads]).swapped(1, 2)
  }
}
