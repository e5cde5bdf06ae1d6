import HedgerowCore
import HedgerowTraining
import Testing

@Suite struct MetricsTests {
  @Test func metricsAreThoseWorkedOutByHand() {
    var metrics = ClassificationMetrics(classCount: 4)
    metrics.add(predictions: [0, 1, 1, 1], labels: [0, 0, 1, 1], loss: 0.5)
    metrics.add(predictions: [0, 2], labels: [2, -1], loss: 3)
    #expect(metrics.count == 5, "a node without a label does not count")
    #expect(metrics.accuracy == 0.6)
    #expect(metrics.majorityShare == 0.4)
    // Class 0: 1 hit of 2 predicted and 2 there; class 1: 2 of 3 and 2; class 2: none of 0 and 1;
    // class 3 is neither predicted nor there.
    #expect(abs(metrics.macroF1 - (0.5 + 0.8 + 0) / 3) < 1e-15)
    #expect(abs(metrics.loss - (4 * 0.5 + 1 * 3) / 5) < 1e-15)
  }

  @Test func theOrderAndCutOfBatchesChangesNothing() {
    let predictions: [Int32] = [0, 2, 1, 1, 0, 2, 2]
    let labels: [Int32] = [0, 1, 1, -1, 2, 2, 0]
    var whole = ClassificationMetrics(classCount: 3)
    whole.add(predictions: predictions, labels: labels)
    var parts = ClassificationMetrics(classCount: 3)
    for index in predictions.indices.reversed() {
      parts.add(predictions: [predictions[index]], labels: [labels[index]])
    }
    #expect(whole == parts)
  }

  @Test func aClassThatTheModelDoesNotKnowIsMissed() {
    var metrics = ClassificationMetrics(classCount: 2)
    metrics.add(predictions: [0, 1, 1], labels: [0, 1, 3], loss: 0.25)
    #expect(metrics.count == 3 && metrics.accuracy == 2.0 / 3)
    #expect(abs(metrics.macroF1 - (1 + 2.0 / 3 + 0) / 3) < 1e-15)
    #expect(metrics.loss == 0.25, "nothing is known of the loss of the third")
  }

  @Test func nothingSeenIsZero() {
    var metrics = ClassificationMetrics(classCount: 2)
    metrics.add(predictions: [1], labels: [-1], loss: .nan)
    #expect(metrics.count == 0 && metrics.accuracy == 0 && metrics.macroF1 == 0)
    #expect(metrics.majorityShare == 0)
    metrics.add(predictions: [1, 0], labels: [1, 0])
    #expect(metrics.accuracy == 1 && metrics.macroF1 == 1)
  }
}
