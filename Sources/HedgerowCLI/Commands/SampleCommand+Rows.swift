import Hedgerow

extension SampleCommand {
  /// Packs the other rows of the epochs, where that pays.
  func packRows(
    of loader: inout NeighborLoader<Snapshot>, _ budget: MemoryBudget
  ) async throws {
    let byteLimit = min(budget.available / 2, 256 << 20)
    let share = try budget.reserve(byteLimit, for: "packing rows of features")
    defer { share.release() }
    loader = try await loader.packing(
      epochs: epoch..<epoch + epochs,
      in: reading.scratch ?? FileSystem.parent(of: loader.graph.path), byteLimit: byteLimit,
      when: reading.pack
    ) { try Interruption.check() }
  }

  /// Keeps rows in memory where they do not fit into the page cache, or where that is asked for.
  func pinRows(
    of loader: inout NeighborLoader<Snapshot>, batchCount: Int, _ budget: MemoryBudget
  ) throws -> MemoryBudget.Reservation? {
    guard features, reading.pin != 0 else { return nil }
    if reading.pin == nil, try !loader.exceedsPageCache(beside: budget) { return nil }
    let types = loader.graph.schema.nodes.map(\.type)
    guard InclusionProbabilities.byteCount(loader.graph, types: types) < budget.available else {
      return nil
    }
    // The rest is for batches that are made ahead, and the one in use.
    let limit =
      reading.pin ?? budget.available / 2
      - max(0, loader.indexByteCount - budget.pageCacheByteCount)
    guard limit > 0 else { return nil }
    let share = try budget.reserve(limit, for: "keeping rows of features in memory")
    loader = try loader.pinningRows(
      by: loader.inclusionProbabilities { try Interruption.check() }, byteLimit: limit,
      batchCount: batchCount
    ) { try Interruption.check() }
    return share
  }
}
