public import HedgerowCore
import HedgerowGraph
public import HedgerowSampling

extension NeighborLoader {
  /// Whether ``inclusionProbabilities(checkInterruption:)`` says what is read: of neighbors that are drawn, with the
  /// edges along which they are.
  public var knowsInclusion: Bool {
    if case .neighbors = sampling { options.sampling.edges == .sampled } else { false }
  }

  /// How likely each node is to be in a batch of this loader.
  ///
  /// - Parameter checkInterruption: called now and then; throws to stop.
  /// - Throws: `usage` for a loader with a sampler of your own, of which nobody knows them.
  public func inclusionProbabilities(
    checkInterruption: () throws -> Void = {}
  ) throws -> InclusionProbabilities {
    guard case .neighbors(let fanouts) = sampling else {
      throw HedgerowError(
        .usage, "how likely a node is in a batch is known of fanouts alone, not of other samplers")
    }
    let resolved = try resolvedSeeds()
    return try InclusionProbabilities(
      graph, seeds: seeds.type, count: resolved.count, batchSize: batchSize, fanouts: fanouts,
      relations: options.relations ?? graph.schema.relations(),
      repeatsSeeds: resolved.classes != nil, checkInterruption: checkInterruption,
      forEachSeed: resolved.forEach)
  }

  /// This loader with the rows of features in memory that its batches need most.
  ///
  /// Batches are the same bits. It pays where the features are larger than the memory that is left for
  /// the page cache: a page there holds rows that nobody asked for beside one that was.
  ///
  /// - Parameters:
  ///   - probabilities: those of ``inclusionProbabilities(checkInterruption:)``.
  ///   - byteLimit: of the rows.
  ///   - batchCount: batches that will be made: rows that they are not expected to need are left out.
  ///   - checkInterruption: called now and then; throws to stop.
  public func pinningRows(
    by probabilities: InclusionProbabilities, byteLimit: Int, batchCount: Int,
    checkInterruption: () throws -> Void = {}
  ) throws -> NeighborLoader {
    // What was packed lies beside other pinned rows.
    var loader = withoutPacked
    loader.options.pinnedRows = try PinnedRows(
      graph, columns: try inputColumns, by: probabilities, byteLimit: byteLimit,
      batchCount: batchCount, checkInterruption: checkInterruption)
    return loader
  }

  /// Bytes of the feature columns that batches are made from.
  public func columnByteCount() throws -> Int {
    try BatchInputs.columns(of: graph, options).reduce(0) {
      $0 + graph.count(of: $1.type) * (graph.layout(of: $1.name, of: $1.type)?.byteCount ?? 0)
    }
  }

  /// Bytes of the indices along the relations.
  public var indexByteCount: Int {
    indexByteCount(along: options.relations ?? graph.schema.relations())
  }

  /// Bytes of the indices along the relations the other way, of those that are not among the relations themselves.
  public var otherIndexByteCount: Int {
    let relations = options.relations ?? graph.schema.relations()
    return indexByteCount(along: relations.map(\.reversed).filter { !relations.contains($0) })
  }

  private func indexByteCount(along relations: [Relation]) -> Int {
    relations.reduce(0) {
      $0 + graph.neighborByteCount(along: $1) + graph.extentByteCount(along: $1)
    }
  }

  /// Whether what batches are made from does not fit into the page cache beside a run.
  public func exceedsPageCache(beside budget: MemoryBudget) throws -> Bool {
    try columnByteCount() + indexByteCount > budget.pageCacheByteCount
  }

  var inputColumns: PerNode<[String]> {
    get throws {
      let inputs = try BatchInputs.columns(of: graph, options)
      return inputs.reduce(into: PerNode<[String]>()) { columns, input in
        columns[input.type] = (columns[optional: input.type] ?? []) + [input.name]
      }
    }
  }
}
