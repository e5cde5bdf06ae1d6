import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Auto-regressive moving average filters: x' = the mean over K stacks of X_T, where X_0 = x and
/// X_t = activation(P X_(t-1) W_t + x V_t + b_t).
///
/// P is a ``Propagation`` without self-loops; all steps of a stack but the first may share weights. Shapes: x
/// [sources, width], weights [edges], result [targets, output width]. Parameters as in PyTorch Geometric:
/// `init_weight` [K, width, output width], `weight` [T - 1, K, output width, output width], `root_weight` [T, K,
/// width, output width], `bias` [T, K, 1, output width].
///
/// Source: Bianchi et al., Graph Neural Networks with Convolutional ARMA Filters, TPAMI 2021.
public struct ARMAConv: MultiHopConvolution {
  public struct Options: Sendable {
    /// K
    public var stackCount = 1
    /// T, at least 1.
    public var hopCount = 1
    /// Let all steps share V and b, and all but the first W.
    public var sharedWeights = false
    public var activation = Activation.relu
    /// Rate of dropout of x before V, in training.
    public var dropout = 0.0
    /// Learn b.
    public var bias = true

    public init() {}
  }

  let weight: Parameter
  let firstWeight: Parameter
  let rootWeight: Parameter
  let bias: Parameter?
  private let options: Options

  public static let pathNames = ["firstWeight": "init_weight", "rootWeight": "root_weight"]

  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    require(
      options.hopCount >= 1 && options.stackCount >= 1,
      "no \(options.stackCount) stacks of \(options.hopCount) steps")
    let (stacks, steps) = (options.stackCount, options.sharedWeights ? 1 : options.hopCount)
    func glorot(_ shape: [Int]) -> Parameter {
      let bound = (6 / Float(max(1, shape.suffix(2).reduce(0, +)))).squareRoot()
      return Parameter(shape: shape, from: .uniform(bound: bound))
    }
    weight = glorot([max(1, steps - 1), stacks, outputWidth, outputWidth])
    firstWeight = glorot([stacks, width, outputWidth])
    rootWeight = glorot([steps, stacks, width, outputWidth])
    bias =
      options.bias
      ? Parameter(shape: [steps, stacks, 1, outputWidth], from: .constant(0)) : nil
    self.options = options
  }

  public var hopCount: Int { options.hopCount }

  public func propagation(along block: Block, weights: Tensor?) -> Propagation {
    Propagation(block, weights: weights)
  }

  public func terms(_ x: Tensor, by hops: [Propagation]) -> AffineSum<Float> {
    let stacks = (0..<options.stackCount).map { stack in
      var z = x
      for (step, hop) in hops.enumerated() {
        let own = options.sharedWeights ? 0 : step
        let root = dropout(x.prefix(rows: hop.block.targetCount), rate: options.dropout)
        let weight =
          step == 0
          ? part(firstWeight, [stack])
          : part(weight, [options.sharedWeights ? 0 : step - 1, stack])
        var sum =
          hop.terms(z, weight: weight.transposed())
          + AffineSum(root, weight: part(rootWeight, [own, stack]).transposed())
        if let bias { sum.add(bias: part(bias, [own, stack, 0])) }
        z = sum.evaluated(activation: options.activation)
      }
      return z
    }
    return AffineSum(mean(stacked(stacks), along: 0))
  }

  /// What stands at a place of the first axes.
  private func part(_ parameter: Parameter, _ place: [Int]) -> Tensor {
    place.reduce(parameter.value) { $0.sliced($1..<$1 + 1, along: 0).squeezed(0) }
  }
}
