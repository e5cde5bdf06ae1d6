public import HedgerowLoader

/// What training came to.
public struct TrainingReport: Sendable {
  /// Epochs that were run, those before a resumption included.
  public var epochs = 0
  /// The epoch, from 1, whose weights were kept.
  public var bestEpoch = 0
  /// Mean training loss of the last epoch.
  public var loss = 0.0
  /// The epochs of this run, in order; of one that it went on with in the middle, what was left of it.
  public var history: [Epoch] = []
  /// By set: `valid` and `test`, where they exist.
  public var metrics: [(set: String, metrics: ClassificationMetrics)] = []
  public var steps = 0
  public var seconds = Seconds()
  /// Where rows of features came from, in training.
  public var rows = RowCounts()
  /// Bytes of features that were kept in memory.
  public var pinnedByteCount = 0
  /// Bytes of features that were packed into the order of batches, over the whole run.
  public var packedByteCount = 0
  /// Bytes that this process read from storage.
  public var storageByteCount = 0
  /// The most private memory that it had behind a step or an evaluation, in bytes.
  public var peakPrivateByteCount = 0

  public init() {}

  /// One epoch of a run.
  public struct Epoch: Hashable, Sendable {
    /// From 1.
    public var number: Int
    /// Mean training loss.
    public var loss: Double
    /// On the validation set, what tells the best epoch: accuracy, or a measure of links; `nil` where there is no such
    /// set.
    public var score: Double?
    /// Of computing and waiting for batches.
    public var seconds: Double
  }

  /// Where the time went: ``total`` is what the main thread's stages add up to.
  public struct Seconds: Sendable {
    public var total = 0.0
    /// What comes before the first epoch: reading what is learned from, looking for the rows to keep in memory.
    public var prepare = 0.0
    /// Packing the other rows.
    public var pack = 0.0
    public var compute = 0.0
    /// Waiting for the next batch.
    public var wait = 0.0
    /// Metrics on the validation and test sets.
    public var evaluate = 0.0
    /// Writing checkpoints.
    public var save = 0.0
    /// What is none of these.
    public var rest: Double { total - prepare - pack - compute - wait - evaluate - save }
    /// On the loader's threads, while others computed.
    public var stages = StageSeconds()
    /// Seconds of the loader's threads in which they had nothing to make: they were ahead.
    public var idle = 0.0
  }
}
