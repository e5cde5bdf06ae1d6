import HedgerowCore
public import HedgerowTensor

/// In training, zeroes each element with a probability; see ``dropout(_:rate:)``.
public struct Dropout: Module {
  public let rate: Double

  /// Traps when the rate is not in `0..<1`.
  public init(_ rate: Double) {
    require(0 <= rate && rate < 1, "a dropout rate is in 0..<1, not \(rate)")
    self.rate = rate
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { dropout(x, rate: rate) }
}
