import CHedgerowKernels
public import HedgerowCore
public import HedgerowGraph

/// Samples so many nodes of each type a hop, those more often that more of the sample leads to: HGT's
/// sampler, by which types with few nodes are as well represented as those with many.
///
/// Each sampled node gives every neighbor along a relation a share of 1 / (neighbors looked at); a
/// hop draws nodes of each type without replacement, in proportion to the square of what they were
/// given since the beginning (Hu et al., Heterogeneous graph transformer, WWW 2020, algorithms 1 and
/// 2). At most `nodesPerHop` neighbors of a node along a relation are looked at, chosen uniformly. The
/// sample has all edges between its nodes.
///
/// Time O(sampled nodes x nodes a hop) and what the edges between them take.
public struct BudgetSampler<Graph: Topology>: SubgraphSampler {
  public let graph: Graph
  /// Nodes of each type to draw at each hop.
  public let nodesPerHop: [Int]
  public let relations: [Relation]
  public var edgeIDs = SamplingOptions.EdgeIDs.absent
  private let stream: RandomStream

  /// - Parameter relations: every relation of the schema by default, backward readings included.
  public init(_ graph: Graph, nodesPerHop: [Int], relations: [Relation]? = nil, seed: UInt64 = 0) {
    require(
      !nodesPerHop.isEmpty && nodesPerHop.allSatisfy { $0 >= 1 },
      "a hop draws 1 node of a type or more: \(nodesPerHop)")
    self.graph = graph
    self.nodesPerHop = nodesPerHop
    self.relations = relations ?? graph.schema.relations()
    stream = RandomStream(seed: seed).derive("budget sampling")
  }

  /// What nodes of one type that are not sampled yet were given.
  private struct Budget {
    /// In the order in which they were met first.
    var nodes: [UInt32] = []
    var shares: [Double] = []
    var places: [UInt32: Int] = [:]

    mutating func add(_ share: Double, to node: UInt32) {
      if let place = places[node] {
        shares[place] += share
      } else {
        places[node] = nodes.count
        nodes.append(node)
        shares.append(share)
      }
    }
  }

  public func sample(
    _ seeds: SamplingSeeds, epoch: Int, batch: Int, workspace: SamplingWorkspace
  ) throws -> SampledSubgraph {
    guard seeds.times == nil, seeds.excluded.isEmpty, let seedType = seeds.nodes.keys.first else {
      throw HedgerowError(
        .usage, "a budget sampler takes seeds without times, and leaves out no edges")
    }
    let stream = stream.derive(UInt64(epoch), UInt64(batch))
    let neighbors = NeighborSampler(
      graph, fanouts: Fanouts(nodesPerHop), relations: relations)
    let types = neighbors.involvedTypes(Set(seeds.nodes.keys))
    var induced = InducedSubgraph(
      graph: graph, types: types, relations: relations, workspace: workspace)
    try induced.begin(with: seeds.nodes)
    var frontiers = workspace.tables.prefix(types.count).map { 0..<$0.count }
    var budgets = [Budget](repeating: Budget(), count: types.count)
    for (hop, count) in nodesPerHop.enumerated() {
      let hopStream = stream.derive(UInt64(hop))
      for (index, relation) in relations.enumerated() {
        guard let target = types.firstIndex(of: relation.target),
          let source = types.firstIndex(of: relation.source), !frontiers[target].isEmpty
        else { continue }
        try give(
          along: relation, workspace.tables[target].known.array(frontiers[target]), limit: count,
          hopStream.derive(relation.name.description).key, workspace.tables[source],
          to: &budgets[source], workspace.picks[index], workspace)
      }
      for (index, type) in types.enumerated() {
        let table = workspace.tables[index]
        let first = table.count
        let drawn = draw(count, of: &budgets[index], hopStream.derive(type.name).key, workspace)
        drawn.withUnsafeBufferPointer { table.number($0, into: nil) }
        frontiers[index] = first..<table.count
      }
    }
    return try induced.finish(
      seedType: seedType, layers: nodesPerHop.count, edgeIDs: edgeIDs)
  }

  /// Gives neighbors of the rows their shares.
  private func give(
    along relation: Relation, _ rows: [UInt32], limit: Int, _ key: UInt64, _ known: NodeTable,
    to budget: inout Budget, _ picks: SamplingWorkspace.Picks, _ workspace: SamplingWorkspace
  ) throws {
    let extents = workspace.extents.reserve(rows.count)
    graph.prefetch(rows: rows.span, along: relation)
    var extentSpan = UnsafeMutableBufferPointer(start: extents, count: rows.count).mutableSpan
    try graph.extents(of: rows.span, along: relation, into: &extentSpan)
    try rows.withUnsafeBufferPointer { ids in
      try Choice(
        graph: graph, plan: nil, relation: relation, options: SamplingOptions(), fanout: limit,
        rows: FrontierRows(ids: ids, trees: nil, excluded: [:]), extents: extents, shared: nil,
        key: key, hubs: HubWeights(), workspace: workspace
      ).run(into: picks)
    }
    guard picks.count > 0 else { return }
    let addresses = picks.addresses.elements(0..<picks.count)
    let neighbors = try graph.neighbors(at: addresses.span, along: relation)
    let numbers = workspace.neighbors.reserve(picks.count)
    neighbors.withUnsafeBufferPointer { known.find($0, into: numbers) }
    var entry = 0
    for degree in picks.degrees.elements(0..<rows.count) {
      for _ in 0..<degree {
        if numbers[entry] == .max { budget.add(1 / Double(degree), to: neighbors[entry]) }
        entry += 1
      }
    }
  }

  /// Takes nodes out of a budget, in the order in which they were met.
  private func draw(
    _ count: Int, of budget: inout Budget, _ key: UInt64, _ workspace: SamplingWorkspace
  ) -> [UInt32] {
    let candidates = budget.nodes.count
    guard candidates > 0 else { return [] }
    let ranks = workspace.scan.ranks.reserve(candidates)
    let places = workspace.scan.addresses.reserve(candidates)
    for place in 0..<candidates { places[place] = UInt64(place) }
    withUnsafePointer(to: (key, key)) { keys in
      keys.withMemoryRebound(to: UInt64.self, capacity: 2) {
        hr_hash_nodes($0, 0, 1, budget.nodes, candidates, ranks)
      }
    }
    hr_weighted_ranks(budget.shares.map { $0 * $0 }, candidates, ranks)
    let heap = workspace.scan.heap.reserve(count)
    let kept = hr_keep_least(heap, 0, count, ranks, places, candidates)
    let chosen = workspace.scan.drawn.reserve(max(1, kept))
    hr_sorted_addresses(heap, kept, chosen)
    let taken = (0..<kept).map { Int(chosen[$0]) }
    let drawn = taken.map { budget.nodes[$0] }
    var rest = Budget()
    let isTaken = Set(taken)
    for place in 0..<candidates where !isTaken.contains(place) {
      rest.add(budget.shares[place], to: budget.nodes[place])
    }
    budget = rest
    return drawn
  }
}
