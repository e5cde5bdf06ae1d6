import HedgerowCore
import HedgerowGraph
import HedgerowSampling
import HedgerowTensor

/// Makes batches of given nodes with all edges between them, the whole in each layer.
struct InducedBatches<Graph: Topology & FeatureSource>: Sendable {
  let graph: Graph
  let seed: UInt64
  let epoch: Int
  let options: LoaderOptions
  private let sampler: NeighborSampler<Graph>
  private let inputs: BatchInputs<Graph>

  /// - Throws: `usage` for options that do not fit the graph.
  init(_ graph: Graph, layers: Int, seed: UInt64, epoch: Int, _ options: LoaderOptions) throws {
    self.graph = graph
    self.seed = seed
    self.epoch = epoch
    self.options = options
    var sampling = SamplingOptions()
    sampling.edges = .induced(layers: layers)
    sampling.edgeIDs = options.sampling.edgeIDs
    sampler = try NeighborSampler(
      graph, fanouts: [], relations: options.relations, options: sampling, seed: seed)
    inputs = try BatchInputs(graph, options)
  }

  /// - Parameters:
  ///   - nodes: those of the first type are the ones whose labels are asked for.
  ///   - adjust: what else becomes of the subgraph, before anything is gathered.
  func batch(
    _ index: Int, of nodes: PerNode<[UInt32]>, workspace: SamplingWorkspace,
    adjust: (inout SampledSubgraph) throws -> Void = { _ in }
  ) throws -> Batch {
    var work = BatchWork(epoch: epoch, batch: index, trace: options.trace)
    let sampled = try work.measure(.sample) {
      var subgraph = try sampler.sample(
        SamplingSeeds(nodes), epoch: epoch, batch: index, workspace: workspace)
      try adjust(&subgraph)
      return subgraph
    }
    let count = nodes.values.reduce(0) { $0 + $1.count }
    let features = try inputs.rows(of: sampled.nodes, in: "\(count) nodes", &work)
    let labels = try inputs.labels(of: nodes[sampled.seedType], sampled.seedType, &work)
    return Batch(
      epoch: epoch, index: index, subgraph: sampled, features: features, labels: labels,
      keys: try inputs.keys(of: sampled),
      randomness: .training(seed: seed, epoch: epoch, batch: index), seconds: work.seconds,
      rows: work.rows)
  }
}

extension Topology {
  /// The node types, one of them first.
  ///
  /// - Throws: `usage` when that is not there.
  func types(beginningWith target: NodeType?) throws -> [NodeType] {
    var types = schema.nodes.map(\.type)
    guard let target else { return types }
    guard let place = types.firstIndex(of: target) else {
      throw HedgerowError(.usage, "there is no node type '\(target)' to read labels of")
    }
    types.insert(types.remove(at: place), at: 0)
    return types
  }
}
