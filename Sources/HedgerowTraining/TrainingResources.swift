public import HedgerowCore
import HedgerowTensor

/// What a run may use.
public struct TrainingResources: Sendable {
  public var budget: MemoryBudget
  public var threads: Int
  /// Whether every tensor of the process is this run's: then they are held against the budget, and a
  /// batch that needs more ends the run with an error. Where others make tensors too, the budget
  /// holds for what is reserved from it: models, features, batches made ahead.
  public var ownsTensors = false
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

  /// - Throws: `usage` when tensors have held more than the budget allows.
  func checkTensors() throws {
    // The rest is for what is no tensor.
    let (peak, limit) = (BufferPool.peakLiveByteCount, budget.shareable / 16 * 15)
    guard ownsTensors, peak > limit else { return }
    throw HedgerowError(
      .usage,
      "a batch needs \(ByteSize.format(peak)) of tensors, parameters included, where --memory leaves "
        + "\(ByteSize.format(limit)): lower --batch-size, --fanouts or --hidden, or raise --memory")
  }
}
