public import HedgerowTensor

/// y = x W^T + b.
///
/// Shapes: x [rows, in], W [out, in], b [out], y [rows, out].
public struct Linear: Module {
  public let weight: Parameter
  public let bias: Parameter?

  /// Whether a vector is learned that is added to every row.
  public enum Bias: Sendable {
    case learned
    case absent
  }

  /// What the weights begin from.
  public enum Initialization: Sendable {
    /// Uniform in plus or minus 1 / sqrt(in), as in PyTorch.
    case fanIn
    /// Uniform in plus or minus sqrt(6 / (in + out)): Glorot and Bengio, AISTATS 2010.
    case glorot
  }

  public init(
    _ inputWidth: Int, _ outputWidth: Int, bias: Bias = .learned,
    from initialization: Initialization = .fanIn
  ) {
    let fanIn = inputWidth > 0 ? 1 / Float(inputWidth).squareRoot() : 0
    let bound =
      initialization == .fanIn ? fanIn : (6 / Float(max(1, inputWidth + outputWidth))).squareRoot()
    weight = Parameter(shape: [outputWidth, inputWidth], from: .uniform(bound: bound))
    self.bias =
      bias == .learned ? Parameter(shape: [outputWidth], from: .uniform(bound: fanIn)) : nil
  }

  public var inputWidth: Int { weight.shape[1] }
  public var outputWidth: Int { weight.shape[0] }

  public func callAsFunction(_ x: Tensor) -> Tensor { terms(x).evaluated() }

  /// The same, not computed yet: to be added to other terms, or followed by an activation.
  public func terms(_ x: Tensor) -> AffineSum<Float> {
    AffineSum(x, weight: weight.value, bias: bias?.value)
  }
}
