import ArgumentParser
import Hedgerow

extension SampleCommand {
  /// What all loaders are told.
  func loaderOptions(_ schema: GraphSchema, _ budget: MemoryBudget) throws -> LoaderOptions {
    var options = LoaderOptions()
    options.threads = global.threads ?? ProcessResources.processorCount
    options.relations = schema.relations(includingReverse: !noReverse)
    options.sampling = try sampling.options(for: schema)
    choice.apply(to: &options.sampling, layers: layerCount)
    // An audit looks at these times.
    if audit && sampling.edgeTimes { options.sampling.edgeIDs = .present }
    if !features { options.inputs = PerNode() }
    options.prefetchByteLimit = budget.available / 3
    options.batchByteLimit = budget.available / 3
    options.trace = try reading.makeTrace()
    return options
  }

  func neighborLoader(
    _ graph: Snapshot, around type: NodeType, _ options: LoaderOptions
  ) throws -> NeighborLoader<Snapshot> {
    let seeds: Seeds =
      if let filter = try filter.filter {
        .nodes(
          type,
          try graph.members(of: set, of: type, where: filter) { try Interruption.check() }!)
      } else {
        .nodes(type, in: set)
      }
    let sampler = choice.subgraphs(walkLength: walkLength)?.sampler(
      of: graph, counts: fanouts, layers: layerCount, relations: options.relations,
      trees: options.sampling.trees, seed: global.seed)
    guard let sampler else {
      return NeighborLoader(
        graph, seeds: seeds, fanouts: Fanouts(fanouts), batchSize: seedsPerBatch,
        seed: global.seed, options: options)
    }
    return NeighborLoader(
      graph, seeds: seeds, sampler: sampler, batchSize: seedsPerBatch, seed: global.seed,
      options: options)
  }

  func linkLoader(
    _ graph: Snapshot, around type: EdgeType, _ options: LoaderOptions
  ) throws -> LinkLoader<Snapshot> {
    LinkLoader(
      graph, edges: seedEdges.seeds(type, in: set, where: try filter.filter),
      fanouts: Fanouts(fanouts), batchSize: seedsPerBatch, seed: global.seed, options: options,
      links: try seedEdges.options(around: type, times: sampling.seedTimes, graph.schema))
  }

  /// GraphSAINT's subgraphs: as many as are asked for, or as draw what there is to draw once.
  func saintLoader(
    _ graph: Snapshot, _ options: LoaderOptions
  ) throws -> SAINTLoader<Snapshot> {
    // Walks alone need one.
    let root = NodeType(seeds ?? "")
    guard seeds == nil || graph.schema.node(root) != nil else {
      throw HedgerowError(
        .usage, "no node type '\(root)': \(graph.schema.nodes.map(\.type.name).sorted().choices)")
    }
    let (sampler, count) = choice.draw(walkLength: walkLength).sampler(
      of: graph, from: root, relations: options.relations, seed: global.seed)
    return SAINTLoader(
      sampler, batchesPerEpoch: batches ?? count, layers: layerCount,
      normalization: try choice.normalize ? normalization(sampler) : nil, seed: global.seed,
      options: options)
  }

  private func normalization(_ sampler: SAINTSampler<Snapshot>) throws -> SAINTNormalization {
    let progress = ProgressBar("counting", total: nil, unit: .items("subgraphs"))
    defer { progress.finish() }
    return try SAINTNormalization(sampler) {
      try Interruption.check()
      progress.advance(by: 1)
    }
  }

  /// A loader of clusters, and the share of edges that lead from one to another.
  func clusterLoader(
    _ graph: Snapshot, parts: Int, _ options: LoaderOptions
  ) throws -> (loader: ClusterLoader<Snapshot>, cutShare: Double) {
    let relations = options.relations ?? graph.schema.relations()
    let progress = ProgressBar("dividing", total: nil, unit: .items("blocks of nodes"))
    defer { progress.finish() }
    func step() throws {
      try Interruption.check()
      progress.advance(by: 1)
    }
    let partition = try StreamingPartitioner().partition(
      graph, into: parts, relations: relations, checkInterruption: step)
    let cutShare = try partition.cutShare(
      of: graph, relations: relations, checkInterruption: step)
    return (
      ClusterLoader(
        graph, partition, partsPerBatch: choice.partsPerBatch ?? 1, layers: layerCount,
        seed: global.seed, options: options), cutShare
    )
  }
}
