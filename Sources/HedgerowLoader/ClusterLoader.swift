public import HedgerowCore
public import HedgerowGraph
public import HedgerowSampling

/// Batches of some parts of a partition each, drawn anew each epoch, with all edges between their nodes
/// (Chiang et al., Cluster-GCN, KDD 2019).
///
/// ```swift
/// let parts = try StreamingPartitioner().partition(graph, into: 1500, relations: relations)
/// let loader = ClusterLoader(graph, parts, partsPerBatch: 20, layers: 3, seed: 7)
/// ```
/// Each layer of a batch is the whole of its subgraph.
public struct ClusterLoader<Graph: Topology & FeatureSource>: BatchLoader {
  public let graph: Graph
  public let partition: GraphPartition
  public let partsPerBatch: Int
  public let layerCount: Int
  public let target: NodeType?
  public let seed: UInt64
  public let options: LoaderOptions

  /// - Parameters:
  ///   - layers: of the model that takes the batches.
  ///   - target: the type whose labels `options.labels` is a column of; the first of the schema unless
  ///     given. Its nodes are the seeds of a batch.
  public init(
    _ graph: Graph, _ partition: GraphPartition, partsPerBatch: Int = 1, layers: Int,
    target: NodeType? = nil, seed: UInt64 = 0, options: LoaderOptions = LoaderOptions()
  ) {
    require(partsPerBatch > 0 && layers > 0, "\(partsPerBatch) parts for \(layers) layers")
    self.graph = graph
    self.partition = partition
    self.partsPerBatch = partsPerBatch
    layerCount = layers
    self.target = target
    self.seed = seed
    self.options = options
  }

  public func plan(epoch: Int) throws -> EpochPlan<Batch> {
    let types = try graph.types(beginningWith: target)
    let order = EpochOrder(
      count: partition.parts.count, batchSize: partsPerBatch, seed: seed, epoch: epoch, options)
    let batches = try InducedBatches(
      graph, layers: layerCount, seed: seed, epoch: epoch, options)
    let parts = partition.parts
    return EpochPlan(
      batchCount: order.batchCount, byteCount: { $0.byteCount },
      make: { index, workspace in
        var nodes = PerNode<[UInt32]>()
        for type in types {
          nodes[type] = order.batch(index).flatMap {
            parts[$0][optional: type].map(Array.init) ?? []
          }
        }
        return try batches.batch(index, of: nodes, workspace: workspace)
      })
  }
}
