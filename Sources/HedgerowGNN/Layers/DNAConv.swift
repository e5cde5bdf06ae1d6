import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// Dynamic neighborhood aggregation: each edge attends, from its target's last layer, to all layers so far of its
/// source; x_t' = sum over the edges (s, t), self-loops included, of w_st / sqrt(d_s d_t) times
/// attention(x_t,last, x_s). Its softmax has room to attend to nothing, as if one score more were 0.
///
/// d is as of ``Propagation``. Shapes: x [sources, layers, width], weights [edges], result [targets, width]. The
/// linear maps may be of groups, each of a stretch of the width. Parameters as in PyTorch Geometric:
/// `multi_head.lin_q`, `.lin_k`, `.lin_v`, weights [groups, width / groups, width / groups].
///
/// Source: Fey, Just Jump: Dynamic Neighborhood Aggregation in Graph Neural Networks, 2019.
public struct DNAConv: Module {
  public struct Options: Sendable {
    public var heads = 1
    /// Of the linear maps.
    public var groups = 1
    /// Rate of dropout of attention, in training.
    public var dropout = 0.0
    /// Divide by sqrt(d_s d_t); without, there are no self-loops.
    public var normalization = Propagation.Normalization.symmetric
    /// Give each target an edge from itself where it has none.
    public var selfLoops = true
    /// Learn biases of the linear maps.
    public var bias = true

    public init() {}
  }

  let heads: Heads
  private let options: Options

  public static let pathNames = ["heads": "multi_head"]

  struct Heads: Module {
    let query: GroupedLinear
    let key: GroupedLinear
    let value: GroupedLinear

    static let pathNames = ["query": "lin_q", "key": "lin_k", "value": "lin_v"]
  }

  /// Traps when heads and groups do not both divide the width, and one the other.
  public init(_ width: Int, options: Options = .init()) {
    let (least, most) = (min(options.heads, options.groups), max(options.heads, options.groups))
    require(
      least >= 1 && width.isMultiple(of: options.heads) && width.isMultiple(of: options.groups)
        && most.isMultiple(of: least),
      "\(options.heads) heads and \(options.groups) groups do not share width \(width)")
    func linear() -> GroupedLinear {
      GroupedLinear(width, groups: options.groups, bias: Linear.Bias(options.bias))
    }
    heads = Heads(query: linear(), key: linear(), value: linear())
    self.options = options
  }

  /// - Parameter weights: of the block's entries; ones where they are `nil`.
  public func callAsFunction(_ x: Tensor, _ block: Block, weights: Tensor? = nil) -> Tensor {
    require(
      x.shape.count == 3 && x.shape[0] == block.sourceCount,
      "features of shape \(x.shape) for a block of \(block.sourceCount) sources")
    let (layers, width) = (x.shape[1], x.shape[2])
    let hasLoops = options.selfLoops && options.normalization == .symmetric
    let propagation = Propagation(
      block, weights: weights, selfLoopWeight: hasLoops ? 1 : nil,
      normalization: options.normalization)
    let looped = propagation.block
    func layer(_ x: Tensor, _ index: Int) -> Tensor {
      x.sliced(index..<index + 1, along: 1).squeezed(1)
    }
    let last = layer(x, layers - 1).prefix(rows: block.targetCount)
    let queries = heads.query(last) / Float(width / options.heads).squareRoot()
    let rows = x.reshaped(to: [x.shape[0] * layers, width])
    let (keys, values) = (
      heads.key(rows).reshaped(to: x.shape), heads.value(rows).reshaped(to: x.shape)
    )
    let scores = (0..<layers).map {
      edgeDot(layer(keys, $0), queries, heads: options.heads, along: looped)
    }
    let room = Tensor.zeros([looped.edgeCount, options.heads])
    let shares = dropout(softmax(stacked(scores + [room]), along: 0), rate: options.dropout)
    func share(_ index: Int) -> Tensor { shares.sliced(index..<index + 1, along: 0).squeezed(0) }
    let edgeWeights = propagation.weights.reshaped(to: [looped.edgeCount, 1])
    let sums = (0..<layers).map { index in
      aggregate(
        layer(values, index), scaledBy: share(index) * edgeWeights, along: looped, by: .sum)
    }
    return sums.dropFirst().reduce(sums[0], +)
  }
}

/// A linear map of each of equal stretches by itself.
///
/// Shapes: x [rows, width], result the same, `weight` [groups, width / groups, width / groups], `bias` [width].
struct GroupedLinear: Module {
  let weight: Parameter
  let bias: Parameter?

  init(_ width: Int, groups: Int, bias: Linear.Bias) {
    let part = width / groups
    let bound = 1 / Float(max(1, part)).squareRoot()
    weight = Parameter(shape: [groups, part, part], from: .uniform(bound: bound))
    self.bias = bias == .learned ? Parameter(shape: [width], from: .uniform(bound: bound)) : nil
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let y = groupedMatmul(x, weight.value.unsqueezed(0), by: [0, UInt32(x.rowCount)])
    return bias.map { y + $0.value } ?? y
  }
}
