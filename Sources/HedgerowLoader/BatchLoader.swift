import HedgerowCore
public import HedgerowSampling

/// Makes the batches of epochs, ahead of use on threads of its own.
///
/// ```swift
/// for try await batch in loader.epoch(3) { ... }
/// for try await batch in loader.epoch(3, from: 117) { ... }    // as if it had never stopped
/// ```
/// Batch i of epoch e is a pure function of the graph, the options and (seed, e, i): the same bits
/// for any number of threads or depth of prefetch, and at once available without the ones before
/// it. So (e, i) is all the state of a loader that a run has to keep to go on. Options that do not fit
/// the graph are an error of the first batch.
public protocol BatchLoader<Batch>: Sendable {
  associatedtype Batch: Sendable

  var options: LoaderOptions { get }

  /// What is looked up once an epoch.
  ///
  /// - Throws: `usage` for options that do not fit the graph.
  func plan(epoch: Int) throws -> EpochPlan<Batch>
}

extension BatchLoader {
  /// Batches in an epoch; the last may be smaller.
  public func batchCount(epoch: Int = 0) throws -> Int { try plan(epoch: epoch).batchCount }

  /// The batches of an epoch from `firstBatch` on.
  public func epoch(_ epoch: Int, from firstBatch: Int = 0) -> Epoch<Batch> {
    Epoch(options: options, firstBatch: firstBatch) { try plan(epoch: epoch) }
  }

  /// One batch, made here and now.
  public func batch(_ index: Int, epoch: Int) throws -> Batch {
    try plan(epoch: epoch).batch(index, workspace: SamplingWorkspace())
  }

  /// The same batches, each changed by `transform` on the thread that made it.
  ///
  /// ```swift
  /// let loader = NeighborLoader(...).transformed { batch in
  ///   Example(batch, positions: encode(batch.subgraph))
  /// }
  /// ```
  /// - Parameter transform: a pure function of the batch, called from several threads at once.
  public func transformed<Output: Sendable>(
    _ transform: @escaping @Sendable (Batch) throws -> Output
  ) -> TransformedLoader<Self, Output> {
    TransformedLoader(base: self, transform: transform)
  }
}

/// What all batches of one epoch have in common.
public struct EpochPlan<Batch: Sendable>: Sendable {
  public let batchCount: Int
  private let make: @Sendable (Int, SamplingWorkspace) throws -> Made

  /// A batch, and the memory that it holds.
  struct Made: Sendable {
    var batch: Batch
    var byteCount: Int
  }

  /// - Parameters:
  ///   - byteCount: the memory that a batch holds.
  ///   - make: makes one of `0..<batchCount`: a pure function of its number, called from several
  ///     threads at once, each with a workspace of its own.
  public init(
    batchCount: Int, byteCount: @escaping @Sendable (Batch) -> Int,
    make: @escaping @Sendable (_ index: Int, _ workspace: SamplingWorkspace) throws -> Batch
  ) {
    self.init(batchCount: batchCount) { index, workspace in
      let batch = try make(index, workspace)
      return Made(batch: batch, byteCount: byteCount(batch))
    }
  }

  init(
    batchCount: Int, made make: @escaping @Sendable (Int, SamplingWorkspace) throws -> Made
  ) {
    self.batchCount = batchCount
    self.make = make
  }

  /// One batch. Traps outside `0..<batchCount`.
  public func batch(_ index: Int, workspace: SamplingWorkspace) throws -> Batch {
    try made(index, workspace).batch
  }

  func made(_ index: Int, _ workspace: SamplingWorkspace) throws -> Made {
    require(index >= 0 && index < batchCount, "batch \(index) of \(batchCount)")
    return try make(index, workspace)
  }
}

/// The batches of one epoch, in order.
public struct Epoch<Batch: Sendable>: AsyncSequence, Sendable {
  public typealias Element = Batch
  let options: LoaderOptions
  let firstBatch: Int
  let plan: @Sendable () throws -> EpochPlan<Batch>

  public func makeAsyncIterator() -> Iterator { Iterator(self) }

  /// Starts the threads at the first call of ``next()`` and stops them when it goes away.
  public struct Iterator: AsyncIteratorProtocol {
    private let epoch: Epoch
    private var prefetch: OrderedPrefetch<EpochPlan<Batch>.Made>?

    init(_ epoch: Epoch) { self.epoch = epoch }

    public mutating func next() async throws -> Batch? {
      if prefetch == nil {
        let plan = try epoch.plan()
        let options = epoch.options
        prefetch = OrderedPrefetch(
          Swift.min(epoch.firstBatch, plan.batchCount)..<plan.batchCount,
          threads: options.threads, depth: options.prefetchDepth ?? options.threads + 1,
          byteLimit: options.prefetchByteLimit, byteCount: { $0.byteCount },
          makeWorker: {
            let loan = SamplingWorkspace.Loan()
            return { try plan.made($0, loan.workspace) }
          })
      }
      return try await prefetch!.next()?.batch
    }

    /// Waits until as many batches are made ahead as may be: for a look at what they take.
    public func filled() async { await prefetch?.filled() }
  }
}

/// A loader whose batches are changed as they are made; see ``BatchLoader/transformed(_:)``.
public struct TransformedLoader<Base: BatchLoader, Output: Sendable>: BatchLoader {
  let base: Base
  let transform: @Sendable (Base.Batch) throws -> Output

  public var options: LoaderOptions { base.options }

  public func plan(epoch: Int) throws -> EpochPlan<Output> {
    let plan = try base.plan(epoch: epoch)
    let transform = transform
    return EpochPlan(batchCount: plan.batchCount) { index, workspace in
      let made = try plan.made(index, workspace)
      return .init(batch: try transform(made.batch), byteCount: made.byteCount)
    }
  }
}
