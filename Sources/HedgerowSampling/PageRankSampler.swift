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

  /// A node of a type, by the type's place among those that are reached.
  private struct Place: Hashable, Comparable {
    var type: Int
    var node: UInt32

    static func < (a: Place, b: Place) -> Bool { (a.type, a.node) < (b.type, b.node) }
  }

  /// The walk of one seed.
  private struct Walk {
    var rank: [Place: Double] = [:]
    /// What is still to be passed on.
    var rest: [Place: Double]
    var active: [Place]

    init(from seed: Place) {
      rest = [seed: 1]
      active = [seed]
    }
  }

  /// The nodes of largest rank of some nodes, the seed first, with their ranks: what a sample takes.
  public func ranks(
    from seeds: [UInt32], of type: NodeType
  ) throws -> [[(type: NodeType, node: UInt32, rank: Double)]] {
    let types = reachedTypes([type])
    let places = seeds.map { Place(type: types.firstIndex(of: type)!, node: $0) }
    return try walks(from: places, types).enumerated().map { index, walk in
      top(walk, places[index]).map { (types[$0.type], $0.node, walk.rank[$0] ?? 0) }
    }
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
    let places = seeds.nodes.flatMap { type, nodes in
      nodes.map { Place(type: types.firstIndex(of: type)!, node: $0) }
    }
    for (tree, walk) in try walks(from: places, types).enumerated() {
      var found = [[UInt32]](repeating: [], count: types.count)
      for place in top(walk, places[tree]) { found[place.type].append(place.node) }
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

  private func top(_ walk: Walk, _ seed: Place) -> [Place] {
    let others = walk.rank.filter { $0.key != seed }.sorted {
      ($1.value, $0.key) < ($0.value, $1.key)
    }
    return [seed] + others.prefix(nodeCount - 1).map(\.key)
  }

  /// Pushes of all walks side by side, in rounds.
  private func walks(from seeds: [Place], _ types: [NodeType]) throws -> [Walk] {
    var walks = seeds.map { Walk(from: $0) }
    while true {
      let active = Set(walks.flatMap(\.active)).sorted()
      if active.isEmpty { return walks }
      let rows = try rows(active, types)
      for walk in walks.indices {
        // What is passed on in a round counts from the next one on: the order of pushes is no matter
        // but for rounding, and that is fixed.
        let pushed = walks[walk].active.sorted().compactMap { place -> (Place, Double)? in
          guard let rest = walks[walk].rest[place] else { return nil }
          guard let row = rows[place], !row.neighbors.isEmpty else {
            // Nowhere to go on to, or too far: it stays.
            if rows[place]?.degree == 0 {
              walks[walk].rank[place, default: 0] += rest
              walks[walk].rest[place] = nil
            }
            return nil
          }
          guard rest >= tolerance * Double(row.degree) else { return nil }
          walks[walk].rest[place] = nil
          return (place, rest)
        }
        var touched: Set<Place> = []
        for (place, rest) in pushed {
          walks[walk].rank[place, default: 0] += returning * rest
          let share = (1 - returning) * rest / Double(rows[place]!.degree)
          for neighbor in rows[place]!.neighbors {
            walks[walk].rest[neighbor, default: 0] += share
            touched.insert(neighbor)
          }
        }
        walks[walk].active = touched.filter { walks[walk].rest[$0]! >= tolerance }
      }
    }
  }

  /// The entries of nodes along all relations; none are read of a node that has too many to be pushed.
  private func rows(
    _ places: [Place], _ types: [NodeType]
  ) throws -> [Place: (degree: Int, neighbors: [Place])] {
    var rows: [Place: (degree: Int, neighbors: [Place])] = [:]
    for place in places { rows[place] = (0, []) }
    var parts: [(relation: Relation, nodes: [UInt32], extents: [Extent], type: Int)] = []
    for relation in relations {
      guard let type = types.firstIndex(of: relation.target) else { continue }
      let nodes = places.filter { $0.type == type }.map(\.node)
      if nodes.isEmpty { continue }
      let extents = try graph.extents(of: nodes.span, along: relation)
      parts.append((relation, nodes, extents, type))
      for (node, extent) in zip(nodes, extents) {
        rows[Place(type: type, node: node)]!.degree += Int(extent.count)
      }
    }
    for part in parts {
      let source = types.firstIndex(of: part.relation.source)!
      var addresses: [UInt64] = []
      var owners: [Place] = []
      for (node, extent) in zip(part.nodes, part.extents) {
        let place = Place(type: part.type, node: node)
        guard tolerance * Double(rows[place]!.degree) <= 1 else { continue }
        addresses.append(contentsOf: extent.start..<extent.start + UInt64(extent.count))
        owners.append(contentsOf: repeatElement(place, count: Int(extent.count)))
      }
      let found = try graph.neighbors(at: addresses.span, along: part.relation)
      for (owner, neighbor) in zip(owners, found) {
        rows[owner]!.neighbors.append(Place(type: source, node: neighbor))
      }
    }
    return rows
  }
}
