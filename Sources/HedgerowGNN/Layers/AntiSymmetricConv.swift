import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// A stable deep layer: N times x = x + epsilon activation((W - W^T - gamma I) x + convolution(x) + b).
///
/// It runs within one type, on whole graphs, or, with one step, on sampled blocks. Shapes: x [sources, width],
/// result [targets, width]. Parameters as in PyTorch Geometric: `W` [width, width], `bias`, `phi...`, and `eye`,
/// the identity.
///
/// Source: Gravina, Bacciu, Gallicchio, Anti-Symmetric DGN: a stable architecture for Deep Graph Networks, ICLR
/// 2023.
public struct AntiSymmetricConv: Convolution {
  public struct Options: Sendable {
    /// N
    public var stepCount = 1
    /// How far a step goes.
    public var epsilon: Float = 0.1
    /// How much is lost in a step.
    public var gamma: Float = 0.1
    public var activation = Activation.tanh
    /// Learn b.
    public var bias = true

    public init() {}
  }

  let weight: Parameter
  let convolution: any Convolution
  let bias: Parameter?
  let identity: Buffer
  private let options: Options

  public static let pathNames = ["weight": "W", "convolution": "phi", "identity": "eye"]

  /// - Parameter convolution: from the width to itself; ``GCNConv`` without a bias unless it is given.
  public init(
    _ width: Int, convolution: (any Convolution)? = nil, options: Options = .init()
  ) {
    weight = Parameter(shape: [width, width], from: .fanIn())
    var gcn = GCNConv.Options()
    gcn.bias = false
    self.convolution = convolution ?? GCNConv(width, width, options: gcn)
    bias = .bias(width, when: options.bias)
    identity = Buffer(
      startingAs: Tensor(shape: [width, width]) { matrix in
        matrix.initialize(repeating: 0)
        for row in 0..<width { matrix[row * width + row] = 1 }
      })
    self.options = options
  }

  public func terms(source: Tensor, target: Tensor, along block: Block) -> AffineSum<Float> {
    require(
      options.stepCount <= 1 || block.sourceCount == block.targetCount,
      "\(options.stepCount) steps need a whole graph")
    let weight = self.weight.value
    let antisymmetric = weight - weight.transposed() - options.gamma * identity.value
    var (source, target) = (source, target)
    for _ in 0..<options.stepCount {
      let sum =
        AffineSum(target, weight: antisymmetric)
        + convolution.terms(source: source, target: target, along: block)
      target =
        target
        + options.epsilon * sum.adding(bias: bias).evaluated(activation: options.activation)
      source = target
    }
    return AffineSum(target)
  }
}
