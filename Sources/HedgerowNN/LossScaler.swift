import CHedgerowKernels
public import HedgerowTensor

/// Multiplies losses so that gradients are within float16 on their way back, and divides the gradients again.
///
/// The factor halves when a gradient is not finite, and the step is left out; it doubles after
/// ``growthInterval`` steps in a row that were taken. Factors are powers of two, so that they change no bit of
/// a gradient that needed none. The same rule and defaults as `torch.amp.GradScaler`.
/// ```swift
/// let (loss, gradients) = withPrecision(.float16) {
///   valueWithGradients(at: model) { scaler.scaled(crossEntropy(model(x), labels)) }
/// }
/// scaler.update(model, along: gradients, with: &optimizer)
/// ```
/// Source: Micikevicius et al., Mixed Precision Training, ICLR 2018.
public struct LossScaler: Codable, Hashable, Sendable {
  /// The factor of the next loss.
  public private(set) var scale: Float
  public var growthFactor: Float = 2
  public var backoffFactor: Float = 0.5
  /// Steps in a row after which the factor grows.
  public var growthInterval = 2000
  /// Steps in a row that were taken since the factor changed.
  private var stepCount = 0

  public init(scale: Float = 65536) { self.scale = scale }

  public func scaled(_ loss: Tensor) -> Tensor { scale * loss }

  /// A step along the gradients of a scaled loss, unless one of them is not finite. Says whether it was taken.
  @discardableResult
  public mutating func update(
    _ model: some Module, along gradients: Gradients, with optimizer: inout some Optimizer
  ) -> Bool {
    let gradients = 1 / scale * gradients
    let isFinite = model.parameters.allSatisfy { parameter in
      switch gradients.gradient(of: parameter) {
      case .dense(let gradient)?: gradient.isFinite
      case .rows(let gradient)?: gradient.values.isFinite
      case nil: true
      }
    }
    guard isFinite else {
      scale *= backoffFactor
      stepCount = 0
      return false
    }
    optimizer.update(model, along: gradients)
    stepCount += 1
    if stepCount == growthInterval {
      scale *= growthFactor
      stepCount = 0
    }
    return true
  }
}

extension Tensor {
  fileprivate var isFinite: Bool {
    withUnsafeBufferPointer { hr_first_not_finite_f32($0.baseAddress!, $0.count) == $0.count }
  }
}
