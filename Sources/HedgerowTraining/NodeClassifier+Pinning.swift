import HedgerowCore
import HedgerowLoader
import HedgerowSampling
import HedgerowStore

extension NodeClassifier {
  /// The loader of a training with rows in memory, where what it reads does not fit into the page cache
  /// beside what the run may take; `nil` where it does, or where there is no room for rows.
  func pinningRows(
    _ loader: NeighborLoader<Snapshot>, _ epochs: Int, _ resources: TrainingResources
  ) throws -> (NeighborLoader<Snapshot>, MemoryBudget.Reservation)? {
    guard try isPinning(loader, resources) else { return nil }
    let budget = resources.budget
    guard
      InclusionProbabilities.byteCount(
        loader.graph, types: specification.inputs.map { NodeType($0.type) }) < budget.available
    else { return nil }
    let probabilities = try loader.inclusionProbabilities(
      checkInterruption: resources.checkInterruption)
    let byteLimit =
      resources.pinnedByteLimit
      ?? Self.pinnedByteLimit(loader, StepEstimate(specification, probabilities), budget)
    guard byteLimit > 0 else { return nil }
    let share = try budget.reserve(byteLimit, for: Self.pinningPurpose)
    let pinned = try loader.pinningRows(
      by: probabilities, byteLimit: byteLimit, batchCount: epochs * loader.batchCount(),
      checkInterruption: resources.checkInterruption)
    return (pinned, share)
  }

  static let pinningPurpose = "keeping rows of features in memory"

  /// Whether rows are to be kept: whether what is read does not fit into the page cache beside the run,
  /// unless the resources say so. Never where nobody knows which ones are needed most.
  func isPinning(
    _ loader: NeighborLoader<Snapshot>, _ resources: TrainingResources
  ) throws -> Bool {
    guard specification.options.knowsInclusion else { return false }
    if let limit = resources.pinnedByteLimit { return limit > 0 }
    return try loader.exceedsPageCache(beside: resources.budget)
  }

  /// What the budget leaves beside a step of training, the batches that are made ahead, and the
  /// indices, of which every batch touches pages all over; these have three quarters of it at most: a page
  /// of theirs is worth more than one of features, as their rows are looked up in every hop.
  static func pinnedByteLimit(
    _ loader: NeighborLoader<Snapshot>, _ step: StepEstimate, _ budget: MemoryBudget
  ) -> Int {
    let ahead = min(budget.available / 6, 2 * step.batchByteCount)
    // Two batches are being made and one is in use; the fixed part is what libraries keep for their
    // threads beyond the budget's overhead.
    let left =
      budget.available - ahead - 3 * step.batchByteCount - 2 * step.activationByteCount
      - budget.total / 10 - min(32 << 20, budget.total / 16)
    // Some pages that nobody asked for come along.
    let indices = loader.indexByteCount + loader.indexByteCount / 8
    return left - min(3 * left / 4, max(0, indices - budget.pageCacheByteCount))
  }
}
