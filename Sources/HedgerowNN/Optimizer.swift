public import HedgerowTensor

/// Changes a model's parameters along gradients.
public protocol Optimizer: Sendable {
  /// One step. Parameters without a gradient stay as they are.
  ///
  /// Nobody may read the parameters meanwhile.
  mutating func update(_ model: some Module, along gradients: Gradients)
}
