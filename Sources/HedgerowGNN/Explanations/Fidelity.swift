import HedgerowCore
import HedgerowTensor

/// How well what an explanation says matters is what matters, for one prediction or in the mean over several.
///
/// Source: Amara et al., GraphFramEx: Towards Systematic Evaluation of Explainability Methods for Graph Neural
/// Networks, LoG 2022.
public struct Fidelity: Sendable, Equatable {
  /// The share of rows whose class changes without what matters: 1 where all that is necessary was found.
  public var positive: Double
  /// The share of rows whose class changes with nothing else than what matters: 0 where it is sufficient.
  public var negative: Double

  public init(positive: Double, negative: Double) {
    self.positive = positive
    self.negative = negative
  }

  /// Of a model with features and weights of edges multiplied by the explanation, and by one minus it.
  ///
  /// - Parameter truths: the true class of each of the prediction's rows; with them it is the share of rows of which being
  ///   right changes.
  public init(
    of explanation: Explanation, _ prediction: ExplainedPrediction, truths: [Int32]? = nil
  ) {
    require(
      truths.map { $0.count == prediction.rows.count } ?? true,
      "\(truths?.count ?? 0) classes for \(prediction.rows.count) rows")
    func classes(_ x: Tensor, _ weights: Tensor) -> [Int32] {
      ExplainedPrediction.classes(
        prediction.model(x, prediction.block, weights), prediction.rows)
    }
    let (x, weights) = (prediction.x, prediction.weights)
    let kept = classes(
      explanation.features.map { x * $0 } ?? x, explanation.edges.map { weights * $0 } ?? weights)
    let left = classes(
      explanation.features.map { x * (1 - $0) } ?? x,
      explanation.edges.map { weights * (1 - $0) } ?? weights)
    let given = truths == nil ? prediction.classes : classes(x, weights)
    func share(_ found: [Int32]) -> Double {
      let changed =
        if let truths {
          zip(zip(given, found), truths).count {
            ($0.0.0 == $0.1) != ($0.0.1 == $0.1)
          }
        } else {
          zip(prediction.classes, found).count { $0.0 != $0.1 }
        }
      return Double(changed) / Double(max(1, found.count))
    }
    self.init(positive: share(left), negative: share(kept))
  }

  /// The mean of several.
  public init(meanOf all: [Fidelity]) {
    let count = Double(max(1, all.count))
    self.init(
      positive: all.reduce(0) { $0 + $1.positive } / count,
      negative: all.reduce(0) { $0 + $1.negative } / count)
  }

  /// The weighted harmonic mean of the positive one and of one minus the negative one, 1 for the best; 0 where one of them
  /// is. Traps when the weight is not between 0 and 1.
  public func characterization(positiveWeight: Double = 0.5) -> Double {
    require((0...1).contains(positiveWeight), "a weight is not \(positiveWeight)")
    return 1 / (positiveWeight / positive + (1 - positiveWeight) / (1 - negative))
  }
}
