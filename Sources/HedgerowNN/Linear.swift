public import HedgerowTensor

/// y = x W^T + b.
///
/// Shapes: x [rows, in], W [out, in], b [out], y [rows, out]. Weights and biases begin uniform in
/// plus or minus 1 / sqrt(in), as in PyTorch.
public struct Linear: Module {
  public let weight: Parameter
  public let bias: Parameter?

  /// Whether a vector is learned that is added to every row.
  public enum Bias: Sendable {
    case learned
    case absent
  }

  public init(_ inputWidth: Int, _ outputWidth: Int, bias: Bias = .learned) {
    let bound = inputWidth > 0 ? 1 / Float(inputWidth).squareRoot() : 0
    weight = Parameter(shape: [outputWidth, inputWidth], from: .uniform(bound: bound))
    self.bias =
      bias == .learned ? Parameter(shape: [outputWidth], from: .uniform(bound: bound)) : nil
  }

  public var inputWidth: Int { weight.shape[1] }
  public var outputWidth: Int { weight.shape[0] }

  public func callAsFunction(_ x: Tensor) -> Tensor { terms(x).evaluated() }

  /// The same, not computed yet: to be added to other terms, or followed by an activation.
  public func terms(_ x: Tensor) -> AffineSum<Float> {
    AffineSum(x, weight: weight.value, bias: bias?.value)
  }
}
