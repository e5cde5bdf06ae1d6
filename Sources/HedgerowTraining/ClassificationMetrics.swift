/// How well classes were told apart, counted as predictions come in.
public struct ClassificationMetrics: Hashable, Sendable {
  private var hits: [Int]
  private var predicted: [Int]
  private var actual: [Int]
  /// Labelled nodes seen.
  public private(set) var count = 0
  private var lossSum = 0.0
  private var lossCount = 0
  /// Classes that the model tells apart.
  private let classCount: Int

  public init(classCount: Int) {
    self.classCount = classCount
    hits = [Int](repeating: 0, count: classCount)
    predicted = hits
    actual = hits
  }

  /// Counts a batch; labels below 0 are left out, and those of classes that the model does not know are
  /// missed.
  ///
  /// - Parameter loss: the mean loss over the nodes of the batch that have a label of a known class.
  public mutating func add(predictions: [Int32], labels: [Int32], loss: Double = 0) {
    var (labelled, known) = (0, 0)
    for (prediction, label) in zip(predictions, labels) where label >= 0 {
      labelled += 1
      if Int(label) < classCount { known += 1 }
      while Int(label) >= actual.count {
        hits.append(0)
        predicted.append(0)
        actual.append(0)
      }
      predicted[Int(prediction)] += 1
      actual[Int(label)] += 1
      if prediction == label { hits[Int(label)] += 1 }
    }
    count += labelled
    lossCount += known
    if known > 0 { lossSum += loss * Double(known) }
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

  /// The mean loss over labelled nodes of known classes.
  public var loss: Double { lossCount == 0 ? 0 : lossSum / Double(lossCount) }

  /// What always answering with the class that is seen most would reach.
  public var majorityShare: Double {
    count == 0 ? 0 : Double(actual.max() ?? 0) / Double(count)
  }
}
