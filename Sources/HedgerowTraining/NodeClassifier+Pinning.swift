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
    let budget = resources.budget
    // What the page cache may hold beside the run.
    let cache = max(0, ProcessResources.memoryLimit - budget.total)
    if resources.pinnedByteLimit == nil,
      try loader.columnByteCount() + loader.indexByteCount <= cache
    {
      return nil
    }
    guard
      InclusionProbabilities.byteCount(
        loader.graph, types: specification.inputs.map { NodeType($0.type) }) < budget.available
    else { return nil }
    let probabilities = try loader.inclusionProbabilities(
      checkInterruption: resources.checkInterruption)
    let byteLimit =
      resources.pinnedByteLimit
      ?? Self.pinnedByteLimit(StepEstimate(specification, probabilities), budget)
      - max(0, loader.indexByteCount - cache)
    guard byteLimit > 0 else { return nil }
    let share = try budget.reserve(byteLimit, for: "keeping rows of features in memory")
    let pinned = try loader.pinningRows(
      by: probabilities, byteLimit: byteLimit, batchCount: epochs * loader.batchCount(),
      checkInterruption: resources.checkInterruption)
    return (pinned, share)
  }

  /// What the budget leaves beside the indices, of which every batch touches pages all over, a step of training and the batches that are made ahead.
  static func pinnedByteLimit(_ step: StepEstimate, _ budget: MemoryBudget) -> Int {
    let ahead = min(budget.available / 6, 2 * step.batchByteCount)
    return budget.available - ahead - 2 * step.batchByteCount - 3 * step.activationByteCount / 2
      - budget.total / 16
  }
}
