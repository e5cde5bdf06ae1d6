public import HedgerowLoader

/// What training came to.
public struct TrainingReport: Sendable {
  /// Epochs that were run, those before a resumption included.
  public var epochs = 0
  /// The epoch, from 1, whose weights were kept.
  public var bestEpoch = 0
  /// Mean training loss of the last epoch.
  public var loss = 0.0
  /// By set: `valid` and `test`, where they exist.
  public var metrics: [(set: String, metrics: ClassificationMetrics)] = []
  public var steps = 0
  public var seconds = Seconds()

  /// Where the time went. `sample`, `read` and `gather` passed on the loader's threads, while
  /// others computed.
  public struct Seconds: Sendable {
    public var total = 0.0
    public var stages = StageSeconds()
    public var compute = 0.0
    /// Waiting for the next batch.
    public var wait = 0.0
  }
}
