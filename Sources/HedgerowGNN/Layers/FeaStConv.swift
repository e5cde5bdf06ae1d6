public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Feature-steered convolution: x_t' = b + the mean over the sources s of t, t itself included, of the sum over
/// heads of q_h(x_s, x_t) W_h x_s, where q = softmax over heads of u_h . (x_s - x_t) + c_h.
///
/// Shapes: source and target [.., width], result [targets, output width]. Parameters as in PyTorch Geometric:
/// `lin.weight` [heads x output width, width], `u.weight` [heads, width], `c` [heads], `bias`.
///
/// Source: Verma, Boyer, Verbeek, FeaStNet: Feature-Steered Graph Convolutions for 3D Shape Analysis, CVPR 2018.
public struct FeaStConv: Convolution {
  public struct Options: Sendable {
    public var heads = 1
    /// Give each target an edge from itself where it has none.
    public var selfLoops = true
    /// Learn b.
    public var bias = true

    public init() {}
  }

  let linear: Linear
  let u: Linear
  let c: Parameter
  let bias: Parameter?
  private let options: Options
  private let outputWidth: Int

  public static let pathNames = ["linear": "lin"]

  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    linear = Linear(width, options.heads * outputWidth, bias: .absent)
    u = Linear(width, options.heads, bias: .absent)
    c = Parameter(shape: [options.heads], from: .uniform(bound: 0.1))
    bias = .bias(outputWidth, when: options.bias)
    self.options = options
    self.outputWidth = outputWidth
  }

  public func terms(source: Tensor, target: Tensor, along given: Block) -> AffineSum<Float> {
    let block = options.selfLoops ? given.addingSelfLoops() : given
    let steering = softmax(
      edgeSum(u(source), c.value - u(target), along: block), along: 1)
    let heads = aggregate(linear(source), scaledBy: steering, along: block, by: .mean)
    return AffineSum(
      sum(heads.reshaped(to: [block.targetCount, options.heads, outputWidth]), along: 1)
    ).adding(bias: bias)
  }
}
