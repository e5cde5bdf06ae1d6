import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Graph attention: x_t' = b + sum over the sources s of t, t itself included, of a_st W_s x_s, where
/// a_st = softmax over s of leakyRelu(p . W_s x_s + q . W_t x_t), for each head apart.
///
/// Shapes: source [sources, source width], target [targets, target width], result [targets, heads x
/// head width], or [targets, head width] when heads are averaged. Parameters as in PyTorch Geometric:
/// `lin.weight`, or `lin_src.weight` and `lin_dst.weight` between two widths; `att_src`, `att_dst`
/// [1, heads, head width]; `bias`.
///
/// Source: Velickovic et al., Graph Attention Networks, ICLR 2018.
public struct GATConv: Convolution {
  public struct Options: Sendable {
    public var heads = 1
    /// What becomes of the heads' results.
    public var heading = Heading.concatenated
    /// Of the leaky relu before the softmax.
    public var negativeSlope: Float = 0.2
    /// Rate of dropout of attention, in training.
    public var dropout = 0.0
    /// Give each target an edge from itself where it has none; `nil` does for a layer within one
    /// type, and does not for one between two.
    public var selfLoops: Bool?
    /// Learn b.
    public var bias = true

    public init() {}
  }

  public enum Heading: Sendable {
    case concatenated
    case averaged
  }

  let shared: Linear?
  let fromSource: Linear?
  let fromTarget: Linear?
  let sourceAttention: Parameter
  let targetAttention: Parameter
  let bias: Parameter?
  let options: Options

  public static let pathNames = [
    "shared": "lin", "fromSource": "lin_src", "fromTarget": "lin_dst",
    "sourceAttention": "att_src", "targetAttention": "att_dst",
  ]

  /// For sources and targets of two widths, each with a weight of its own.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to headWidth: Int,
    options: Options = .init()
  ) {
    let width = options.heads * headWidth
    self.init(
      shared: nil, fromSource: Linear(sourceWidth, width, bias: .absent, from: .glorot),
      fromTarget: Linear(targetWidth, width, bias: .absent, from: .glorot), headWidth, options)
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
      fromSource: nil, fromTarget: nil, headWidth, options)
  }

  private init(
    shared: Linear?, fromSource: Linear?, fromTarget: Linear?, _ headWidth: Int, _ options: Options
  ) {
    require(options.heads >= 1, "attention needs a head, not \(options.heads)")
    self.shared = shared
    self.fromSource = fromSource
    self.fromTarget = fromTarget
    let bound = (6 / Float(max(1, options.heads + headWidth))).squareRoot()
    sourceAttention = Parameter(
      shape: [1, options.heads, headWidth], from: .uniform(bound: bound))
    targetAttention = Parameter(
      shape: [1, options.heads, headWidth], from: .uniform(bound: bound))
    let outputWidth = options.heading == .concatenated ? options.heads * headWidth : headWidth
    bias = options.bias ? Parameter(shape: [outputWidth], from: .constant(0)) : nil
    self.options = options
  }

  public func terms(source: Tensor, target: Tensor, along block: Block) -> AffineSum<Float> {
    let block = (options.selfLoops ?? (shared != nil)) ? block.addingSelfLoops() : block
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
    let scores =
      attention(x, sourceAttention).gathered(alongSourcesOf: block)
      + attention(y, targetAttention).gathered(alongTargetsOf: block)
    let weights = dropout(
      segmentSoftmax(leakyRelu(scores, slope: options.negativeSlope), by: block.usedOffsets),
      rate: options.dropout)
    var result = aggregate(x, scaledBy: weights, along: block, by: .sum)
    if options.heading == .averaged {
      result = mean(
        result.reshaped(
          to: [block.targetCount, options.heads, sourceAttention.shape[2]]), along: 1)
    }
    var sum = AffineSum(result)
    if let bias { sum.add(bias: bias.value) }
    return sum
  }

  /// Each head's product with the attention vector: [rows, heads x width] gives [rows, heads].
  private func attention(_ x: Tensor, _ vector: Parameter) -> Tensor {
    let shape = [x.rowCount, options.heads, vector.shape[2]]
    return sum(x.reshaped(to: shape) * vector.value, along: 2)
  }
}
