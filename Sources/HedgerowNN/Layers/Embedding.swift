public import HedgerowTensor

/// A learned row for each of a fixed number of things, as nodes without features.
///
/// Shapes: weight [count, width]; result [ids, width]. Rows begin uniform in plus or minus
/// 1 / sqrt(width). The gradient is that of the rows taken, so that a step costs time in proportion
/// to them, not to `count`.
public struct Embedding: Module {
  public let weight: Parameter

  public init(_ count: Int, _ width: Int) {
    let bound = width > 0 ? 1 / Float(width).squareRoot() : 0
    weight = Parameter(shape: [count, width], from: .uniform(bound: bound))
  }

  /// The rows of `ids`; traps when one is not below the count.
  public func callAsFunction(_ ids: [UInt32]) -> Tensor { weight.value.gathered(rows: ids) }
}
