public import HedgerowCore
public import HedgerowGraph
public import HedgerowSampling
public import HedgerowTensor

/// How a loader of links makes batches, besides what all loaders share.
public struct LinkOptions: Sendable {
  /// Edges that are not there, to tell from those that are.
  public var negatives = NegativeSampling()
  /// Whether neighborhoods have the edges that are to be predicted.
  public var seedEdges = SeedEdgeChoice.leftOut
  /// Stored types that hold the same edges the other way round, which are left out, too. The backward
  /// reading of a type is left out anyway.
  public var reverseTypes: [EdgeType] = []
  /// The time of each seed edge, where samples respect time: a column of its type, by default the time
  /// column that the type declares.
  public var times: String?
  /// A column of numbers of the seed edges' type to read values from, as ratings.
  public var values: String?

  public init() {}
}

/// One mini-batch of links: edges, others that are not there, and the neighborhood of their nodes.
public struct LinkBatch: Sendable {
  public let epoch: Int
  /// The place in the epoch, from 0.
  public let index: Int
  /// The seed edges, by their places in the order of the type's edges.
  public let edges: [UInt64]
  /// Positives and negatives, as numbers among the subgraph's nodes.
  public let links: LinkSample
  /// Features of every node of the subgraph, by type: count x width. Types without inputs are
  /// not there.
  public let features: PerNode<Tensor>
  /// For each positive its value, NaN for none; empty when no column was asked for.
  public let values: [Float]
  /// External keys of nodes, in their order; none unless they were asked for.
  public let keys: PerNode<[String]>
  /// The source of randomness that belongs to this batch: dropout draws from it.
  public let randomness: RandomStream
  /// Seconds that making it took on its thread.
  public let seconds: StageSeconds
  /// Where its rows of features came from.
  public let rows: RowCounts

  public var subgraph: SampledSubgraph { links.subgraph }
  /// One layer a hop, the first layer first.
  public var blocks: [HeteroBlock] { subgraph.blocks }

  var byteCount: Int {
    subgraph.byteCount(with: features) + 20 * edges.count + 12 * links.negatives.count
  }
}

/// Mini-batches of edges for link prediction, with edges that are not there and the neighborhoods of
/// all their nodes, made ahead on threads of its own.
///
/// ```swift
/// var links = LinkOptions()
/// links.negatives.count = 5
/// let loader = LinkLoader(graph, edges: .edges(rates, in: "train"), fanouts: [15, 10],
///   batchSize: 1024, seed: 7, links: links)
/// for try await batch in loader.epoch(0) {
///   let (pairs, labels) = batch.links.labelled
///   ...
/// }
/// ```
/// The seed edges are left out of the neighborhoods of their batch, in both readings, and negatives are
/// no edges of the graph: see ``LinkSampler``. With a constraint by time, each end of each pair sees what
/// was there at the time of its edge.
public struct LinkLoader<Graph: Topology & FeatureSource>: BatchLoader {
  public let graph: Graph
  public let edges: SeedEdges
  public let fanouts: Fanouts
  public let batchSize: Int
  public let seed: UInt64
  public let options: LoaderOptions
  public let links: LinkOptions
  private let knownSeeds = Memo<ResolvedSeeds>()
  /// Kept, as it keeps what it has found out about long rows.
  private let knownSampler = Memo<LinkSampler<Graph>>()

  /// - Parameters:
  ///   - batchSize: edges in a batch; each brings `links.negatives.count` negatives.
  public init(
    _ graph: Graph, edges: SeedEdges, fanouts: Fanouts, batchSize: Int, seed: UInt64 = 0,
    options: LoaderOptions = LoaderOptions(), links: LinkOptions = LinkOptions()
  ) {
    require(batchSize > 0, "a batch has at least one edge, not \(batchSize)")
    self.graph = graph
    self.edges = edges
    self.fanouts = fanouts
    self.batchSize = batchSize
    self.seed = seed
    self.options = options
    self.links = links
  }

  /// What makes the loader's samples: what a ``LinkAudit`` asks for.
  ///
  /// - Throws: `usage` for options that do not fit the graph.
  public func sampler() throws -> LinkSampler<Graph> {
    try knownSampler.value {
      var sampler = try LinkSampler(
        NeighborSampler(
          graph, fanouts: fanouts, relations: options.relations, options: options.sampling,
          seed: seed),
        edges: edges.type, negatives: links.negatives, seed: seed)
      sampler.seedEdges = links.seedEdges
      sampler.reverseTypes = links.reverseTypes
      return sampler
    }
  }

  public func plan(epoch: Int) throws -> EpochPlan<LinkBatch> {
    let resolved = try knownSeeds.value { try edges.resolved(in: graph) }
    let plan = LinkPlan(
      loader: self, epoch: epoch, seeds: resolved,
      order: EpochOrder(
        count: resolved.count, batchSize: batchSize, seed: seed, epoch: epoch, options),
      sampler: try sampler(), inputs: try BatchInputs(graph, options), timeColumn: try timeColumn())
    return EpochPlan(
      batchCount: plan.order.batchCount, byteCount: { $0.byteCount }, make: plan.batch)
  }

  /// Where seed edges have their times; `nil` where samples do not respect time.
  private func timeColumn() throws -> String? {
    guard options.sampling.time != nil else {
      guard links.times == nil else {
        throw HedgerowError(.usage, "edges have times, and the sampler has no constraint by time")
      }
      return nil
    }
    guard let column = links.times ?? graph.schema.edge(edges.type)?.timeColumn else {
      throw HedgerowError(
        .usage, "edge type '\(edges.type)' declares no time column: name the seed edges' times")
    }
    return column
  }
}

/// What every batch of one epoch needs to know.
private struct LinkPlan<Graph: Topology & FeatureSource>: Sendable {
  let loader: LinkLoader<Graph>
  let epoch: Int
  let seeds: ResolvedSeeds
  let order: EpochOrder
  let sampler: LinkSampler<Graph>
  let inputs: BatchInputs<Graph>
  let timeColumn: String?

  @Sendable func batch(_ index: Int, workspace: SamplingWorkspace) throws -> LinkBatch {
    var work = BatchWork(epoch: epoch, batch: index, trace: loader.options.trace)
    let edges = order.batch(index).map(seeds.place(atRank:))
    let links = try work.measure(.sample) {
      try sampler.sample(
        edges: edges, times: timeColumn.map { try times(of: edges, in: $0) }, epoch: epoch,
        batch: index, workspace: workspace)
    }
    let features = try inputs.rows(
      of: links.subgraph.nodes, in: "\(edges.count) edges", &work)
    var values: [Float] = []
    if let column = loader.links.values {
      values = try work.measure(.gather) {
        var read = [Double](repeating: 0, count: edges.count)
        var span = read.mutableSpan
        try loader.graph.numbers(
          of: column, of: .edges(loader.edges.type), at: edges.span, into: &span)
        return read.map { Float($0) }
      }
    }
    return LinkBatch(
      epoch: epoch, index: index, edges: edges, links: links, features: features, values: values,
      keys: try inputs.keys(of: links.subgraph),
      randomness: .training(seed: loader.seed, epoch: epoch, batch: index),
      seconds: work.seconds, rows: work.rows)
  }

  private func times(of edges: [UInt64], in column: String) throws -> [Int64] {
    let type = loader.edges.type
    let times = try loader.graph.integers(of: column, of: .edges(type), at: edges.span, null: .max)
    if let place = times.firstIndex(of: .max) {
      throw HedgerowError(
        .badData, "edge \(edges[place]) of '\(type)' has no time in column '\(column)'")
    }
    return times
  }
}
