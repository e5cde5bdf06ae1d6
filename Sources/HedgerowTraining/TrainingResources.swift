public import HedgerowCore
public import HedgerowLoader

/// What a run may use.
public struct TrainingResources: Sendable {
  public var budget: MemoryBudget
  public var threads: Int
  /// Called now and then; throws to stop.
  public var checkInterruption: @Sendable () throws -> Void
  /// Most bytes of features to keep in memory of what does not fit there; `nil` for what the budget leaves.
  public var pinnedByteLimit: Int?
  /// Whether rows that are not kept in memory are packed into the order of batches.
  public var packing = Packing.automatic
  /// Where they are packed; `nil` beside the store.
  public var scratchDirectory: String?
  /// Where stages are written down.
  public var trace: Trace?

  public init(
    budget: MemoryBudget, threads: Int = ProcessResources.processorCount,
    checkInterruption: @escaping @Sendable () throws -> Void = {}
  ) {
    self.budget = budget
    self.threads = threads
    self.checkInterruption = checkInterruption
  }
}
