public import HedgerowCore

/// What a run may use.
public struct TrainingResources: Sendable {
  public var budget: MemoryBudget
  public var threads: Int
  /// Called now and then; throws to stop.
  public var checkInterruption: @Sendable () throws -> Void

  public init(
    budget: MemoryBudget, threads: Int = ProcessResources.processorCount,
    checkInterruption: @escaping @Sendable () throws -> Void = {}
  ) {
    self.budget = budget
    self.threads = threads
    self.checkInterruption = checkInterruption
  }
}
