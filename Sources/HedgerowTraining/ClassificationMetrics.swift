/// How well classes were told apart, counted as predictions come in.
public struct ClassificationMetrics: Hashable, Sendable {
  private var hits: [Int]
  private var predicted: [Int]
  private var actual: [Int]
  /// Labelled nodes seen.
  public private(set) var count = 0
  private var lossSum = 0.0

  public init(classCount: Int) {
    hits = [Int](repeating: 0, count: classCount)
    predicted = hits
    actual = hits
  }

  /// Counts a batch; labels below 0 are left out.
  ///
  /// - Parameter loss: the mean loss over the labelled nodes of the batch.
  public mutating func add(predictions: [Int32], labels: [Int32], loss: Double = 0) {
    var labelled = 0
    for (prediction, label) in zip(predictions, labels) where label >= 0 {
      labelled += 1
      predicted[Int(prediction)] += 1
      actual[Int(label)] += 1
      if prediction == label { hits[Int(label)] += 1 }
    }
    count += labelled
    lossSum += loss * Double(labelled)
  }

  /// The share of labelled nodes whose class was found; 0 when there are none.
  public var accuracy: Double {
    count == 0 ? 0 : Double(hits.reduce(0, +)) / Double(count)
  }

  /// The mean over classes of the harmonic mean of precision and recall; classes that neither
  /// occur nor are predicted do not count (scikit-learn's `f1_score(average="macro")`).
  public var macroF1: Double {
    let scores = hits.indices.compactMap { index -> Double? in
      let all = predicted[index] + actual[index]
      return all == 0 ? nil : 2 * Double(hits[index]) / Double(all)
    }
    return scores.isEmpty ? 0 : scores.reduce(0, +) / Double(scores.count)
  }

  /// The mean loss over labelled nodes.
  public var loss: Double { count == 0 ? 0 : lossSum / Double(count) }

  /// What always answering with the class that is seen most would reach.
  public var majorityShare: Double {
    count == 0 ? 0 : Double(actual.max() ?? 0) / Double(count)
  }
}
