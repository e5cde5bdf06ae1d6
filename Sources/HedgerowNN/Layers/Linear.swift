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
    weight = Parameter(
      shape: [outputWidth, inputWidth], from: initialization == .fanIn ? .fanIn() : .glorot)
    self.bias = bias == .learned ? Parameter(shape: [outputWidth], from: .fanIn(of: weight)) : nil
  }

  /// A layer whose input is as wide as the first that it sees, or as the state that it loads.
  public init(
    to outputWidth: Int, bias: Bias = .learned, from initialization: Initialization = .fanIn
  ) {
    self.init(-1, outputWidth, bias: bias, from: initialization)
  }

  /// -1 while it is open.
  public var inputWidth: Int { weight.shape[1] }
  public var outputWidth: Int { weight.shape[0] }

  public func callAsFunction(_ x: Tensor) -> Tensor { terms(x).evaluated() }

  /// The same, not computed yet: to be added to other terms, or followed by an activation.
  public func terms(_ x: Tensor) -> AffineSum<Float> {
    if weight.isOpen { resolve(x) }
    return AffineSum(x, weight: weight.value, bias: bias?.value)
  }

  private func resolve(_ x: Tensor) {
    weight.resolve([outputWidth, x.shape.last ?? 0])
    bias?.drawWhenPossible()
  }
}
