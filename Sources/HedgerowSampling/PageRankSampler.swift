public import HedgerowCore
public import HedgerowGraph

/// Samples the nodes that matter most to each seed by personalized PageRank, with all edges between them.
///
/// A walk that starts at the seed goes, at each step, back to it with probability `returning` and else to
/// any entry of its node's rows, towards where messages come from, along all relations alike. How often
/// it is where is approximated by pushes (Andersen, Chung and Lang, Local graph partitioning using PageRank
/// vectors, FOCS 2006): what a node holds is passed on as long as it is at least `tolerance` for each
/// of its entries. So a seed costs O(1 / (tolerance returning)) entries, however large the graph is, no row
/// of more than 1 / tolerance entries is ever read, and each value falls short by at most `tolerance` times
/// the node's entries. Nothing is random. As neighborhoods these are those of PPRGo (Bojchevski et al., KDD
/// 2020) and of ShaDow's PPR sampler (Zeng et al., NeurIPS 2021).
public struct PageRankSampler<Graph: Topology>: SubgraphSampler {
  public let graph: Graph
  /// Nodes to take for each seed, itself included, of all types together.
  public let nodeCount: Int
  /// Layers of the model, each over the whole sample.
  public let layerCount: Int
  public let returning: Double
  public let tolerance: Double
  public let relations: [Relation]
  /// Whether seeds share the nodes that several take.
  public var trees = SamplingOptions.Trees.merged
  public var edgeIDs = SamplingOptions.EdgeIDs.absent

  /// - Parameter relations: every relation of the schema by default, backward readings included.
  public init(
    _ graph: Graph, nodesPerSeed nodeCount: Int, layers: Int, returning: Double = 0.15,
    tolerance: Double = 1e-4, relations: [Relation]? = nil
  ) {
    require(nodeCount >= 1 && layers >= 1, "\(nodeCount) nodes a seed for \(layers) layers")
    require(
      returning > 0 && returning < 1 && tolerance > 0 && tolerance < 1,
      "a walk returns with probability \(returning), to a tolerance of \(tolerance)")
    self.graph = graph
    self.nodeCount = nodeCount
    layerCount = layers
    self.returning = returning
    self.tolerance = tolerance
    self.relations = relations ?? graph.schema.relations()
  }

  /// The nodes of largest rank of some nodes, the seed first, with their ranks: what a sample takes.
  public func ranks(
    from seeds: [UInt32], of type: NodeType
  ) throws -> [[(type: NodeType, node: UInt32, rank: Double)]] {
    let types = reachedTypes([type])
    let seedTypes = seeds.map { _ in UInt32(types.firstIndex(of: type)!) }
    return try PageRankWalks(self, types: types)
      .top(nodeCount, from: seeds, ofTypesAt: seedTypes)
      .map { $0.map { (types[$0.type], $0.node, $0.rank) } }
  }

  public func sample(
    _ seeds: SamplingSeeds, epoch: Int, batch: Int, workspace: SamplingWorkspace
  ) throws -> SampledSubgraph {
    guard seeds.times == nil, seeds.excluded.isEmpty, let seedType = seeds.nodes.keys.first else {
      throw HedgerowError(
        .usage, "a sampler by PageRank takes seeds without times, and leaves out no edges")
    }
    let types = reachedTypes(Set(seeds.nodes.keys))
    let isDisjoint = trees == .disjoint
    var induced = InducedSubgraph(
      graph: graph, types: types, relations: relations, hasTrees: isDisjoint,
      workspace: workspace)
    try induced.begin(with: seeds.nodes)
    let seedTypes = seeds.nodes.flatMap { type, nodes in
      nodes.map { _ in UInt32(types.firstIndex(of: type)!) }
    }
    let top = try PageRankWalks(self, types: types)
      .top(nodeCount, from: seeds.nodes.flatMap(\.1), ofTypesAt: seedTypes)
    for (tree, ranked) in top.enumerated() {
      var found = [[UInt32]](repeating: [], count: types.count)
      for place in ranked { found[place.type].append(place.node) }
      for (index, nodes) in found.enumerated() {
        induced.add(nodes, ofTypeAt: index, tree: UInt32(tree))
      }
    }
    return try induced.finish(seedType: seedType, layers: layerCount, edgeIDs: edgeIDs)
  }

  private func reachedTypes(_ seeds: Set<NodeType>) -> [NodeType] {
    var reached = seeds
    while true {
      let more = relations.filter { reached.contains($0.target) }.map(\.source)
      if reached.isSuperset(of: more) { break }
      reached.formUnion(more)
    }
    return graph.schema.nodes.map(\.type).filter(reached.contains)
  }
}
