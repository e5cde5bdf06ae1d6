public import HedgerowCore
public import HedgerowGraph
import HedgerowSampling

/// Parts of a graph, drawn anew each epoch: each node of each type is in one of them, with all edges
/// to other nodes of its part.
///
/// ```swift
/// let loader = RandomNodeLoader(graph, parts: 20, layers: 3, seed: 7)
/// ```
/// Each layer of a batch is the whole of its subgraph. No array of the nodes is made.
public struct RandomNodeLoader<Graph: Topology & FeatureSource>: BatchLoader {
  public let graph: Graph
  public let partCount: Int
  public let layerCount: Int
  public let target: NodeType?
  public let seed: UInt64
  public let options: LoaderOptions

  /// - Parameters:
  ///   - layers: of the model that takes the batches.
  ///   - target: the type whose labels `options.labels` is a column of; the first of the schema unless
  ///     given. Its nodes are the seeds of a batch.
  public init(
    _ graph: Graph, parts: Int, layers: Int, target: NodeType? = nil, seed: UInt64 = 0,
    options: LoaderOptions = LoaderOptions()
  ) {
    require(parts > 0 && layers > 0, "\(parts) parts for \(layers) layers")
    self.graph = graph
    partCount = parts
    layerCount = layers
    self.target = target
    self.seed = seed
    self.options = options
  }

  public func plan(epoch: Int) throws -> EpochPlan<Batch> {
    let types = try graph.types(beginningWith: target)
    let stream = RandomStream(seed: seed).derive("random parts").derive(UInt64(epoch))
    let isShuffled = options.order == .shuffled
    let members = try types.map { type in
      let seeds = try Seeds.nodes(type).resolved(in: graph)
      return TypeMembers(
        type: type, seeds: seeds,
        order: isShuffled
          ? ShuffledRange(count: seeds.count, stream: stream.derive(type.name)) : nil)
    }
    try GraphPartition.check(partCount: partCount, of: members.reduce(0) { $0 + $1.seeds.count })
    let batches = try InducedBatches(
      graph, layers: layerCount, seed: seed, epoch: epoch, options)
    let partCount = partCount
    return EpochPlan(
      batchCount: partCount, byteCount: { $0.byteCount },
      make: { index, workspace in
        var nodes = PerNode<[UInt32]>()
        for members in members { nodes[members.type] = members.part(index, of: partCount) }
        return try batches.batch(index, of: nodes, workspace: workspace)
      })
  }

  /// The nodes of one type in the order of an epoch.
  private struct TypeMembers: Sendable {
    let type: NodeType
    let seeds: ResolvedSeeds
    let order: ShuffledRange?

    /// Parts differ by one node at most.
    func part(_ index: Int, of count: Int) -> [UInt32] {
      (index * seeds.count / count..<(index + 1) * seeds.count / count).map {
        seeds.node(atRank: order?[$0] ?? $0)
      }
    }
  }
}
