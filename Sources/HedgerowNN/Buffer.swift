import HedgerowCore
public import HedgerowTensor

/// Numbers that a module keeps beside its parameters and that no gradient changes: running statistics.
///
/// They are saved and loaded with the parameters, under their own paths.
///
/// `@unchecked Sendable`: only training and a loader of states write, and their caller sees to it that
/// nobody reads meanwhile.
public final class Buffer: @unchecked Sendable {
  public let shape: [Int]
  private let start: Float
  private var stored: Tensor

  /// Numbers that begin as `start` everywhere.
  public init(shape: [Int], startingAs start: Float) {
    self.shape = shape
    self.start = start
    stored = Tensor(repeating: start, shape: shape)
  }

  public var value: Tensor {
    get { stored }
    set {
      require(newValue.shape == shape, "a buffer of shape \(shape) cannot hold \(newValue.shape)")
      stored = newValue.detached
    }
  }

  /// What it began as.
  func reset() { stored = Tensor(repeating: start, shape: shape) }
}
