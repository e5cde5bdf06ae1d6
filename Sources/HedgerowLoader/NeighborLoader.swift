import HedgerowCore
public import HedgerowGraph
public import HedgerowSampling
import HedgerowTensor

/// Mini-batches of sampled neighborhoods with their features, made ahead on threads of its own.
///
/// ```swift
/// let loader = NeighborLoader(graph, seeds: .nodes("item", in: "train"), fanouts: [15, 10],
///   batchSize: 1024, seed: 7)
/// for try await batch in loader.epoch(0) { ... }
/// ```
public struct NeighborLoader<Graph: Topology & FeatureSource>: BatchLoader {
  public let graph: Graph
  public let seeds: Seeds
  public let batchSize: Int
  public let seed: UInt64
  public internal(set) var options: LoaderOptions
  let fanouts: Fanouts
  private let knownSeeds = Memo<ResolvedSeeds>()
  /// Kept, as it keeps what it has found out about long rows.
  private let knownSampler = Memo<NeighborSampler<Graph>>()

  public init(
    _ graph: Graph, seeds: Seeds, fanouts: Fanouts, batchSize: Int, seed: UInt64 = 0,
    options: LoaderOptions = LoaderOptions()
  ) {
    require(batchSize > 0, "a batch has at least one seed, not \(batchSize)")
    self.graph = graph
    self.seeds = seeds
    self.batchSize = batchSize
    self.seed = seed
    self.options = options
    self.fanouts = fanouts
  }

  func resolvedSeeds() throws -> ResolvedSeeds {
    try knownSeeds.value { try seeds.resolved(in: graph) }
  }

  public func plan(epoch: Int) throws -> EpochPlan<Batch> {
    let plan = try neighborPlan(epoch: epoch)
    return EpochPlan(
      batchCount: plan.order.batchCount, byteCount: { $0.byteCount }, make: plan.batch)
  }

  /// Of each batch of an epoch, the nodes whose rows are not pinned, for each column, by rising node.
  func coldNodes(
    _ columns: [PinnedRows.Column], epoch: Int, from firstBatch: Int
  ) -> Epoch<[[UInt32]]> {
    Epoch(options: options, firstBatch: firstBatch) {
      let plan = try neighborPlan(epoch: epoch)
      return EpochPlan(
        batchCount: plan.order.batchCount,
        byteCount: { nodes in nodes.reduce(0) { $0 + MemoryLayout<UInt32>.size * $1.count } },
        make: { index, workspace in
          let nodes = try plan.sample(plan.seeds(of: index), index, workspace).nodes
          return columns.map { $0.split(nodes[optional: $0.type] ?? []).otherNodes }
        })
    }
  }

  private func neighborPlan(epoch: Int) throws -> NeighborPlan<Graph> {
    let resolved = try resolvedSeeds()
    return NeighborPlan(
      loader: self, epoch: epoch, seeds: resolved,
      order: EpochOrder(
        count: resolved.count, batchSize: batchSize, seed: seed, epoch: epoch, options),
      sampler: try knownSampler.value {
        try NeighborSampler(
          graph, fanouts: fanouts, relations: options.relations, options: options.sampling,
          seed: seed)
      },
      inputs: try BatchInputs(graph, options))
  }
}

/// What every batch of one epoch needs to know.
private struct NeighborPlan<Graph: Topology & FeatureSource>: Sendable {
  let loader: NeighborLoader<Graph>
  let epoch: Int
  let seeds: ResolvedSeeds
  let order: EpochOrder
  let sampler: NeighborSampler<Graph>
  let inputs: BatchInputs<Graph>

  func seeds(of index: Int) -> [UInt32] {
    seeds.nodes(of: index, order, seed: loader.seed, epoch: epoch)
  }

  func sample(
    _ seeds: [UInt32], _ index: Int, _ workspace: SamplingWorkspace
  ) throws -> SampledSubgraph {
    try sampler.sample(
      seeds: seeds, of: loader.seeds.type, epoch: epoch, batch: index, workspace: workspace)
  }

  @Sendable func batch(_ index: Int, workspace: SamplingWorkspace) throws -> Batch {
    var work = BatchWork(epoch: epoch, batch: index, trace: loader.options.trace)
    let nodes = seeds(of: index)
    let sampled = try work.measure(.sample) { try sample(nodes, index, workspace) }
    let features = try inputs.rows(of: sampled.nodes, in: "\(nodes.count) seeds", &work)
    let labels = try inputs.labels(of: nodes, loader.seeds.type, &work)
    return Batch(
      epoch: epoch, index: index, subgraph: sampled, features: features, labels: labels,
      keys: try inputs.keys(of: sampled),
      randomness: .training(seed: loader.seed, epoch: epoch, batch: index),
      seconds: work.seconds, rows: work.rows)
  }
}

extension RandomStream {
  /// The source of randomness that belongs to a batch.
  static func training(seed: UInt64, epoch: Int, batch: Int) -> RandomStream {
    RandomStream(seed: seed).derive("training").derive(UInt64(epoch), UInt64(batch))
  }
}

extension Duration {
  /// The whole duration in seconds.
  public var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
