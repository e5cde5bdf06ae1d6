import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Graph attention that learns, too, which edges are there: x_t' = b + sum over the sources s of t, t itself
/// included, of a_st W x_s, where a_st = softmax over s of leakyRelu(e_st), for each head apart.
///
/// With d_st = W x_s . W x_t, the score e_st is d_st / sqrt(head width) (``Score/scaledProduct``), or
/// (l . W x_s + r . W x_t) sigmoid(d_st) (``Score/mixed``). Self-supervision holds
/// ``edgeLogits(_:sources:targets:)``, averaged over heads, of edges and of pairs that are none against 1 and 0,
/// by `binaryCrossEntropyWithLogits`.
///
/// Shapes: x [sources, width], result [targets, heads x head width], or [targets, head width] when heads are
/// averaged. Parameters as in PyTorch Geometric: `lin.weight`, `att_l` and `att_r` [1, heads, head width], `bias`.
///
/// Source: Kim and Oh, How to Find Your Friendly Neighborhood: Graph Attention Design with Self-Supervision,
/// ICLR 2021.
public struct SuperGATConv: Convolution {
  public enum Score: Sendable {
    case mixed
    case scaledProduct
  }

  public struct Options: Sendable {
    public var heads = 1
    /// What becomes of the heads' results.
    public var heading = HeadCombination.concatenated
    public var score = Score.mixed
    /// Of the leaky relu before the softmax.
    public var negativeSlope: Float = 0.2
    /// Rate of dropout of attention, in training.
    public var dropout = 0.0
    /// Give each target an edge from itself where it has none.
    public var selfLoops = true
    /// Learn b.
    public var bias = true

    public init() {}
  }

  let linear: Linear
  let sourceAttention: Parameter?
  let targetAttention: Parameter?
  let bias: Parameter?
  private let heads: AttentionHeads
  let options: Options

  public static let pathNames = [
    "linear": "lin", "sourceAttention": "att_l", "targetAttention": "att_r",
  ]

  public init(_ width: Int, _ headWidth: Int, options: Options = .init()) {
    let heads = AttentionHeads(
      options.heads, width: headWidth, combination: options.heading, dropout: options.dropout)
    linear = Linear(width, heads.totalWidth, bias: .absent, from: .glorot)
    sourceAttention = options.score == .mixed ? heads.vectors() : nil
    targetAttention = options.score == .mixed ? heads.vectors() : nil
    bias = .bias(heads.outputWidth, when: options.bias)
    self.heads = heads
    self.options = options
  }

  public func terms(source: Tensor, target: Tensor, along given: Block) -> AffineSum<Float> {
    let block = options.selfLoops ? given.addingSelfLoops() : given
    let x = linear(source)
    let y = x.prefix(rows: block.targetCount)
    var scores = edgeDot(x, y, heads: heads.count, along: block)
    if let sourceAttention, let targetAttention {
      scores =
        edgeSum(
          heads.products(x, sourceAttention), heads.products(y, targetAttention), along: block)
        * sigmoid(scores)
    } else {
      scores = scores / Float(heads.width).squareRoot()
    }
    scores = leakyRelu(scores, slope: options.negativeSlope)
    return AffineSum(heads.attend(x, scores: scores, along: block)).adding(bias: bias)
  }

  /// How much each head takes pairs of nodes for edges: d_st, or d_st / sqrt(head width).
  ///
  /// Shapes: x [nodes, width], sources and targets [pairs], result [pairs, heads].
  public func edgeLogits(_ x: Tensor, sources: [UInt32], targets: [UInt32]) -> Tensor {
    let x = linear(x)
    let shape = [sources.count, heads.count, heads.width]
    let products = sum(
      (x.gathered(rows: sources) * x.gathered(rows: targets)).reshaped(to: shape), along: 2)
    return options.score == .mixed ? products : products / Float(heads.width).squareRoot()
  }
}
