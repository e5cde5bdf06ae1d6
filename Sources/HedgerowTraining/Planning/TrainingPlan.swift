public import HedgerowLoader
import HedgerowSampling

/// What a training would take, before it runs.
///
/// Sizes of batches and what is read follow from the probability that a batch needs each node; memory
/// and time of a step are measured on some steps of a model that is thrown away, over features that are not
/// read.
public struct TrainingPlan: Sendable {
  public var batchesPerEpoch = 0
  /// Nodes that a batch is expected to hold.
  public var nodesPerBatch = 0.0
  /// Edges that a batch is expected to draw.
  public var edgesPerBatch = 0.0
  public var reading = ReadingEstimate()
  /// Private memory of the run, the rows that are kept included.
  public var privateByteCount = 0
  /// Bytes from the device over all epochs, when nothing is in memory before.
  public var storageByteCount = 0
  /// Seconds of an epoch after the first, without its evaluation.
  public var secondsPerEpoch = 0.0
  /// Steps that were taken to measure.
  public var trialSteps = 0

  init(batchesPerEpoch: Int, _ probabilities: InclusionProbabilities) {
    self.batchesPerEpoch = batchesPerEpoch
    nodesPerBatch = probabilities.knownCounts.values.reduce(0) { $0 + ($1.last ?? 0) }
    edgesPerBatch = probabilities.edgeCounts.values.reduce(0) { $0 + $1.reduce(0, +) }
  }

  /// - Parameter epochs: of the training.
  mutating func finish(
    _ reading: ReadingEstimate, secondsPerBatch: Double, trialSteps: Int, epochs: Int
  ) {
    self.reading = reading
    self.trialSteps = trialSteps
    storageByteCount = Int(
      min(
        0x1p62,
        Double(reading.firstEpochByteCount)
          + Double(epochs - 1) * Double(reading.laterEpochByteCount)))
    // What is read and what is computed go on beside each other.
    secondsPerEpoch = max(secondsPerBatch * Double(batchesPerEpoch), reading.laterEpochSeconds)
  }
}
