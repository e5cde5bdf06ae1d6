public import HedgerowCore
public import HedgerowGraph
public import HedgerowSampling

/// Mini-batches of pairs of nodes that need be no edges of the graph, in the neighborhood of their nodes: to tell how
/// likely links are that the graph does not have.
///
/// Batches are as those of a ``LinkLoader`` without negatives, in the order of the pairs.
public struct PairLoader<Graph: Topology & FeatureSource>: BatchLoader {
  public let graph: Graph
  public let type: EdgeType
  public let fanouts: Fanouts
  public let seed: UInt64
  public let options: LoaderOptions
  private let reverseTypes: [EdgeType]
  private let count: Int
  private let pairs: @Sendable (Int) throws -> LinkSample.Pairs

  /// - Parameters:
  ///   - type: the edge type that pairs would be of.
  ///   - reverseTypes: see ``LinkOptions/reverseTypes``.
  ///   - batchCount: of an epoch.
  ///   - pairs: those of a batch, one at least: a pure function of its number, called from several threads at once.
  public init(
    _ graph: Graph, of type: EdgeType, fanouts: Fanouts, seed: UInt64 = 0,
    options: LoaderOptions = LoaderOptions(), reverseTypes: [EdgeType] = [], batchCount: Int,
    pairs: @escaping @Sendable (_ batch: Int) throws -> LinkSample.Pairs
  ) {
    self.graph = graph
    self.type = type
    self.fanouts = fanouts
    self.seed = seed
    self.options = options
    self.reverseTypes = reverseTypes
    count = batchCount
    self.pairs = pairs
  }

  public func plan(epoch: Int) throws -> EpochPlan<LinkBatch> {
    var negatives = NegativeSampling()
    negatives.count = 0
    var sampler = try LinkSampler(
      NeighborSampler(
        graph, fanouts: fanouts, relations: options.relations, options: options.sampling, seed: seed
      ),
      edges: type, negatives: negatives, seed: seed)
    sampler.reverseTypes = reverseTypes
    let (made, inputs) = (sampler, try BatchInputs(graph, options))
    return EpochPlan(
      batchCount: count, byteCount: { $0.byteCount },
      make: { index, workspace in
        var work = BatchWork(epoch: epoch, batch: index, trace: options.trace)
        let pairs = try self.pairs(index)
        let links = try work.measure(.sample) {
          try made.sample(pairs, epoch: epoch, batch: index, workspace: workspace)
        }
        let features = try inputs.rows(
          of: links.subgraph.nodes, in: "\(pairs.count) pairs", &work)
        return LinkBatch(
          epoch: epoch, index: index, edges: [], links: links, features: features, values: [],
          keys: try inputs.keys(of: links.subgraph),
          randomness: .training(seed: seed, epoch: epoch, batch: index), seconds: work.seconds,
          rows: work.rows)
      })
  }
}
