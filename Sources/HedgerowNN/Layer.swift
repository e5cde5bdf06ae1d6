public import HedgerowTensor

/// A module that makes one tensor of one tensor.
public protocol Layer: Module {
  func callAsFunction(_ x: Tensor) -> Tensor
}

extension Activation: Layer {}
extension Linear: Layer {}
extension Dropout: Layer {}

/// Layers one after the other, named by their places: `0.weight`.
/// ```swift
/// let model = Sequential(Linear(64, 32), Activation.relu, Linear(32, 10))
/// ```
public struct Sequential: Layer {
  public let layers: [any Layer]
  public static let pathNames = ["layers": ""]

  public init(_ layers: any Layer...) { self.layers = layers }
  public init(_ layers: [any Layer]) { self.layers = layers }

  /// A linear layer and the activation behind it are one pass.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    var (x, left) = (x, layers[...])
    while let layer = left.popFirst() {
      if let linear = layer as? Linear, let activation = left.first as? Activation {
        left.removeFirst()
        x = linear.terms(x).evaluated(activation: activation)
      } else {
        x = layer(x)
      }
    }
    return x
  }
}
