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
/// Any other sampler of seeds makes batches, too: ``LayerSampler``, ``BudgetSampler`` and
/// ``PageRankSampler``, or your own.
/// ```swift
/// let loader = NeighborLoader(graph, seeds: .nodes("item", in: "train"),
///   sampler: PageRankSampler(graph, nodesPerSeed: 32, layers: 2), batchSize: 1024, seed: 7)
/// ```
public struct NeighborLoader<Graph: Topology & FeatureSource>: BatchLoader {
  public let graph: Graph
  public let seeds: Seeds
  public let batchSize: Int
  public let seed: UInt64
  public internal(set) var options: LoaderOptions
  let sampling: Sampling
  private let knownSeeds = Memo<ResolvedSeeds>()
  /// Kept, as it keeps what it has found out about long rows.
  private let knownSampler = Memo<any SubgraphSampler>()

  /// What makes the subgraphs.
  enum Sampling: Sendable {
    case neighbors(Fanouts)
    case given(any SubgraphSampler)
  }

  public init(
    _ graph: Graph, seeds: Seeds, fanouts: Fanouts, batchSize: Int, seed: UInt64 = 0,
    options: LoaderOptions = LoaderOptions()
  ) {
    self.init(graph, seeds, .neighbors(fanouts), batchSize, seed, options)
  }

  /// Batches of a sampler of the same graph, which has its own relations and options: those of
  /// `options` are not looked at. Its rows cannot be pinned, as that asks for fanouts.
  ///
  /// - Parameter seed: of the order of seeds, and of each batch's randomness.
  public init(
    _ graph: Graph, seeds: Seeds, sampler: any SubgraphSampler, batchSize: Int, seed: UInt64 = 0,
    options: LoaderOptions = LoaderOptions()
  ) {
    self.init(graph, seeds, .given(sampler), batchSize, seed, options)
  }

  private init(
    _ graph: Graph, _ seeds: Seeds, _ sampling: Sampling, _ batchSize: Int, _ seed: UInt64,
    _ options: LoaderOptions
  ) {
    require(batchSize > 0, "a batch has at least one seed, not \(batchSize)")
    self.graph = graph
    self.seeds = seeds
    self.batchSize = batchSize
    self.seed = seed
    self.options = options
    // Those are another loader's batches.
    self.options.packed = nil
    self.sampling = sampling
  }

  func resolvedSeeds() throws -> ResolvedSeeds {
    try knownSeeds.value { try seeds.resolved(in: graph) }
  }

  public func plan(epoch: Int) throws -> EpochPlan<Batch> {
    let plan = try neighborPlan(epoch: epoch)
    return EpochPlan(
      batchCount: plan.order.batchCount, byteCount: { $0.byteCount }, make: plan.batch)
  }

  /// Of each batch of an epoch, its subgraph and, for each column, the nodes whose rows are not pinned, by rising
  /// node.
  func subgraphs(
    _ columns: [PinnedRows.Column], epoch: Int, from firstBatch: Int
  ) -> Epoch<(subgraph: SampledSubgraph, otherNodes: [[UInt32]])> {
    Epoch(options: options, firstBatch: firstBatch) {
      let plan = try neighborPlan(epoch: epoch)
      return EpochPlan(
        batchCount: plan.order.batchCount,
        byteCount: { sampled in
          sampled.subgraph.byteCount(with: [:])
            + sampled.otherNodes.reduce(0) { $0 + MemoryLayout<UInt32>.size * $1.count }
        },
        make: { index, workspace in
          let subgraph = try plan.sample(plan.seeds(of: index), index, workspace)
          return (
            subgraph,
            columns.map { $0.split(subgraph.nodes[optional: $0.type] ?? []).otherNodes }
          )
        })
    }
  }

  private func neighborPlan(epoch: Int) throws -> NeighborPlan<Graph> {
    let resolved = try resolvedSeeds()
    return NeighborPlan(
      loader: self, epoch: epoch, seeds: resolved,
      order: EpochOrder(
        count: resolved.count, batchSize: batchSize, seed: seed, epoch: epoch, options),
      sampler: try knownSampler.value(makeSampler), inputs: try BatchInputs(graph, options))
  }

  private func makeSampler() throws -> any SubgraphSampler {
    switch sampling {
    case .neighbors(let fanouts):
      try NeighborSampler(
        graph, fanouts: fanouts, relations: options.relations, options: options.sampling,
        seed: seed)
    case .given(let sampler): sampler
    }
  }
}

/// What every batch of one epoch needs to know.
private struct NeighborPlan<Graph: Topology & FeatureSource>: Sendable {
  let loader: NeighborLoader<Graph>
  let epoch: Int
  let seeds: ResolvedSeeds
  let order: EpochOrder
  let sampler: any SubgraphSampler
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
    let sampled = try work.measure(.sample) {
      try loader.options.packed?.subgraph(epoch: epoch, batch: index)
        ?? sample(nodes, index, workspace)
    }
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
