import HedgerowCore

/// What becomes of the losses of single elements or rows.
public enum LossReduction: Sendable {
  /// Divided by their number, or the sum of their weights; 0 when there are none.
  case mean
  case sum
  /// The sum divided by the extent of the first axis.
  case batchMean
  /// Kept, in the shape of what they are of.
  case none

  /// Losses as this reduction leaves them.
  func callAsFunction<Scalar>(_ losses: NDTensor<Scalar>) -> NDTensor<Scalar> {
    share(of: losses.shape).map { HedgerowTensor.sum(losses) * $0 } ?? losses
  }

  /// What each of the losses counts in the result; `nil` when they are kept.
  func share<Scalar: TensorScalar>(of shape: [Int]) -> Scalar? {
    switch self {
    case .mean: 1 / Scalar(max(1, shape.reduce(1, *)))
    case .sum: 1
    case .batchMean: 1 / Scalar(max(1, shape.first ?? 1))
    case .none: nil
    }
  }
}
