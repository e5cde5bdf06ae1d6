import HedgerowCore
public import HedgerowTensor

/// Each row as (x - mean) / sqrt(variance + epsilon), times a weight, plus a bias; see
/// ``layerNorm(_:weight:bias:epsilon:)``.
///
/// Shapes: x [..., shape], weight and bias of the shape. Names and defaults are those of
/// `torch.nn.LayerNorm`.
public struct LayerNorm: Layer {
  /// What is learned.
  public enum Affine: Sendable {
    case weightAndBias
    case weight
    case nothing
  }

  public let weight: Parameter?
  public let bias: Parameter?
  public let shape: [Int]
  public let epsilon: Float

  public init(_ shape: [Int], epsilon: Float = 1e-5, learning affine: Affine = .weightAndBias) {
    self.shape = shape
    self.epsilon = epsilon
    weight = affine == .nothing ? nil : Parameter(shape: shape, from: .constant(1))
    bias = affine == .weightAndBias ? Parameter(shape: shape, from: .constant(0)) : nil
  }

  public init(_ width: Int, epsilon: Float = 1e-5, learning affine: Affine = .weightAndBias) {
    self.init([width], epsilon: epsilon, learning: affine)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    require(
      Array(x.shape.suffix(shape.count)) == shape, "rows of shape \(shape), not of \(x.shape)")
    let rows = weight == nil ? x.reshaped(to: [-1, shape.reduce(1, *)]) : x
    return layerNorm(rows, weight: weight?.value, bias: bias?.value, epsilon: epsilon)
      .reshaped(to: x.shape)
  }
}
