import HedgerowTraining
import Testing

@Suite struct MetricsTests {
  /// Three classes, counted by hand; the fourth occurs nowhere and does not count.
  @Test func accuracyAndMacroF1AreTheTextbooks() {
    var metrics = ClassificationMetrics(classCount: 4)
    metrics.add(predictions: [0, 0, 1], labels: [0, 1, 1], loss: 1)
    metrics.add(predictions: [2, 2, 0], labels: [2, 0, -1], loss: 4)
    #expect(metrics.count == 5)
    #expect(metrics.accuracy == 0.6)
    // F1: class 0: 2 * 1 / (2 + 2); class 1: 2 * 1 / (1 + 2); class 2: 2 * 1 / (2 + 1).
    let scores: [Double] = [0.5, 2.0 / 3, 2.0 / 3]
    let mean = scores.reduce(0, +) / 3
    #expect(abs(metrics.macroF1 - mean) < 1e-12)
    #expect(metrics.majorityShare == 0.4)
    let loss: Double = (3 * 1 + 2 * 4) / 5
    #expect(metrics.loss == loss)
  }

  @Test func nothingSeenIsNothingReached() {
    let metrics = ClassificationMetrics(classCount: 3)
    #expect(metrics.accuracy == 0 && metrics.macroF1 == 0 && metrics.majorityShare == 0)
  }
}
