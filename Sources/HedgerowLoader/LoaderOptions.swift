public import HedgerowCore
public import HedgerowSampling

/// How a loader makes batches.
public struct LoaderOptions: Sendable {
  /// In what order an epoch goes through what it is made around.
  public enum Order: Sendable {
    /// A new order each epoch, drawn from the seed; no array of the seeds is made.
    case shuffled
    /// By rising id: for evaluation.
    case ascending
  }

  /// What becomes of the end of an epoch that fills no batch.
  public enum LastBatch: Sendable { case kept, dropped }

  /// Of which nodes a batch has the external keys.
  public enum Keys: Sendable { case absent, ofSeeds, all }

  public var order = Order.shuffled
  public var lastBatch = LastBatch.kept
  /// Feature columns by node type. `nil` takes every column of vectors named `x`.
  public var inputs: PerNode<[String]>?
  /// A column of the seeds' type to read labels from.
  public var labels: String?
  public var keys = Keys.absent
  /// What to sample along; `nil` is every relation with its backward reading.
  public var relations: [Relation]?
  /// Which neighbors are taken, and in what form.
  public var sampling = SamplingOptions()
  /// Threads that make batches.
  public var threads = ProcessResources.processorCount
  /// Batches made or under way ahead of the one in use; `nil` is one a thread and one more.
  public var prefetchDepth: Int?
  /// Bytes of batches held ahead of use, beyond the next one.
  public var prefetchByteLimit = 256 << 20
  /// Bytes of features that one batch may hold; a larger one is an error that says what to lower.
  public var batchByteLimit = Int.max
  /// Rows of features that are kept in memory; see ``NeighborLoader/pinningRows(by:byteLimit:batchCount:checkInterruption:)``.
  public var pinnedRows: PinnedRows?
  /// What coming batches are made of beside these; see
  /// ``NeighborLoader/packing(epochs:from:in:byteLimit:when:checkInterruption:)``.
  public internal(set) var packed: PackedBatches?
  /// Whether rows of features are read; they are ones if not: to see what batches take without a device.
  public var readsFeatures = true
  /// Whether rows of features may stay where the graph has them: for a model that sums them before anything
  /// else, which reads them there.
  public var leavesRowsInPlace = false
  /// Where the stages of batches are written down.
  public var trace: Trace?

  public init() {}
}
