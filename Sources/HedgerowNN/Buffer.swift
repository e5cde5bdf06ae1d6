import HedgerowCore
public import HedgerowTensor

/// Numbers that a module keeps beside its parameters and that no gradient changes: running statistics.
///
/// They are saved and loaded with the parameters, under their own paths.
///
/// `@unchecked Sendable`: only training and a loader of states write, and their caller sees to it that
/// nobody reads meanwhile.
public final class Buffer: @unchecked Sendable {
  private let start: Tensor
  private var stored: Tensor

  /// Numbers that begin as `start` everywhere.
  public convenience init(shape: [Int], startingAs start: Float) {
    self.init(startingAs: Tensor(repeating: start, shape: shape))
  }

  public init(startingAs start: Tensor) {
    self.start = start.detached
    stored = self.start
  }

  public var shape: [Int] { start.shape }

  public var value: Tensor {
    get { stored }
    set {
      require(newValue.shape == shape, "a buffer of shape \(shape) cannot hold \(newValue.shape)")
      stored = newValue.detached
    }
  }

  /// The numbers, for changing in place; copied first when a tensor shares them.
  public func withUnsafeMutableBufferPointer<Result>(
    _ body: (UnsafeMutableBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    try stored.withUnsafeMutableBufferPointer(body)
  }

  /// What it began as.
  func reset() { stored = start }
}
