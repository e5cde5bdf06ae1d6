public import HedgerowCore
public import HedgerowGraph
public import HedgerowSampling

/// Subgraphs as GraphSAINT draws them, with the weights that make up for nodes and edges that come more
/// often than others.
///
/// ```swift
/// let sampler = SAINTSampler(graph, .walks(roots: 2000, of: "paper", length: 2), seed: 7)
/// let loader = SAINTLoader(sampler, batchesPerEpoch: 30, layers: 3,
///   normalization: try SAINTNormalization(sampler))
/// for try await batch in loader.epoch(0) {
///   batch.weights["paper"]                   // of the loss of each node
///   batch.subgraph.edges[0].weights          // of each message
/// }
/// ```
/// Each layer of a batch is the whole of its subgraph.
public struct SAINTLoader<Graph: Topology & FeatureSource>: BatchLoader {
  public let sampler: SAINTSampler<Graph>
  public let batchesPerEpoch: Int
  public let layerCount: Int
  public let normalization: SAINTNormalization?
  public let target: NodeType?
  public let seed: UInt64
  public let options: LoaderOptions

  /// - Parameters:
  ///   - layers: of the model that takes the batches.
  ///   - normalization: without one, batches have no weights.
  ///   - target: the type whose labels `options.labels` is a column of; the first of the schema unless
  ///     given. Its nodes are the seeds of a batch.
  public init(
    _ sampler: SAINTSampler<Graph>, batchesPerEpoch: Int, layers: Int,
    normalization: SAINTNormalization? = nil, target: NodeType? = nil, seed: UInt64 = 0,
    options: LoaderOptions = LoaderOptions()
  ) {
    require(batchesPerEpoch > 0 && layers > 0, "\(batchesPerEpoch) batches for \(layers) layers")
    self.sampler = sampler
    self.batchesPerEpoch = batchesPerEpoch
    layerCount = layers
    self.normalization = normalization
    self.target = target
    self.seed = seed
    var options = options
    // Weights are those of edges.
    if normalization != nil { options.sampling.edgeIDs = .present }
    self.options = options
  }

  public func plan(epoch: Int) throws -> EpochPlan<Batch> {
    let types = try sampler.graph.types(beginningWith: target)
    let batches = try InducedBatches(
      sampler.graph, layers: layerCount, seed: seed, epoch: epoch, options)
    let (sampler, normalization) = (sampler, normalization)
    return EpochPlan(
      batchCount: batchesPerEpoch, byteCount: { $0.byteCount },
      make: { index, workspace in
        let drawn = try sampler.nodes(epoch: epoch, batch: index)
        var nodes = PerNode<[UInt32]>()
        for type in types { nodes[type] = drawn[type] }
        var batch = try batches.batch(index, of: nodes, workspace: workspace) {
          normalization?.weigh(&$0)
        }
        if let normalization {
          for type in types {
            batch.weights[type] = normalization.lossWeights(of: nodes[type], type)
          }
        }
        return batch
      })
  }
}
