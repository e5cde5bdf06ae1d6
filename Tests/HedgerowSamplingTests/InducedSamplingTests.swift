import HedgerowCore
import HedgerowGraph
import HedgerowSampling
import HedgerowTestSupport
import Testing

private typealias G = TemporalTestGraph

@Suite struct InducedSamplingTests {
  /// Every edge between two nodes of a tree, and no other: also where time cuts.
  @Test func anInducedSubgraphHasAllEdgesThatAreSeen() throws {
    var random = RandomStream(seed: printedSeed())
    for _ in 0..<testCount("HEDGEROW_GRAPHS", otherwise: 200) {
      let reference = G(&random)
      var options = SamplingOptions()
      options.edges = .induced(layers: 3)
      options.edgeIDs = .present
      options.trees = random.next(below: 2) == 0 ? .disjoint : .merged
      let isTemporal = options.trees == .disjoint && random.next(below: 2) == 0
      if isTemporal {
        options.time = TemporalConstraint(edges: [(G.user, "likes", G.user): .column("at")])
      }
      let sampler = try NeighborSampler(
        reference.graph, fanouts: [2, 1], options: options, seed: random.next())
      let nodes = (0..<UInt32(reference.counts[G.user])).shuffled(using: &random).prefix(2)
      let times = nodes.map { _ in Int64(random.next(below: 22)) }
      let sample = try sampler.sample(
        SamplingSeeds(Array(nodes), of: G.user, times: isTemporal ? times : nil), epoch: 0,
        batch: 0, workspace: SamplingWorkspace())
      #expect(sample.hopCount == 3 && sample.blocks.count == 3)
      #expect(sample.blocks[2].targetCounts[G.user] == nodes.count)
      #expect(sample.blocks[0].targetCounts[G.user] == sample.nodes[G.user].count)
      for edges in sample.edges {
        let relation = edges.relation
        let list = reference.edges[relation.stored]
        let (sources, targets) = (sample.nodes[relation.source], sample.nodes[relation.target])
        func tree(_ type: NodeType, _ node: Int) -> UInt32 {
          options.trees == .disjoint ? sample.trees[type][node] : 0
        }
        #expect(edges.offsets.count == targets.count + 1)
        for row in targets.indices {
          let expected = reference.row(targets[row], along: relation).flatMap { edge in
            sources.indices.filter { source in
              sources[source] == reference.neighbor(edge, along: relation)
                && tree(relation.source, source) == tree(relation.target, row)
                && (!isTemporal || list[edge].time <= times[Int(tree(relation.target, row))])
            }.map { [edge, $0] }
          }
          let found = (edges.offsets[row]..<edges.offsets[row + 1]).map {
            [Int(edges.ids[Int($0)]), Int(edges.sources[Int($0)])]
          }
          #expect(found == expected)
        }
      }
    }
    var options = SamplingOptions()
    options.edges = .induced(layers: 0)
    #expect(throws: HedgerowError.self) {
      try NeighborSampler(G(&random).graph, fanouts: [2], options: options)
    }
  }

  /// A hub whose row goes by in several parts.
  @Test func aHubsRowIsFoundWhole() throws {
    let degree = 150_000
    var graph = MemoryGraph()
    let node: NodeType = "node"
    graph[EdgeType(node, "edge", node)].edges = EdgeList(
      sources: (0..<UInt32(degree)).map { $0 + 1 }, targets: Array(repeating: 0, count: degree))
    var options = SamplingOptions()
    options.edges = .induced(layers: 1)
    let sampler = try NeighborSampler(graph, fanouts: [3], options: options)
    let seeds = [UInt32(0)] + stride(from: 1, through: UInt32(degree), by: 100)
    let sample = try sampler.sample(
      seeds: seeds, of: node, epoch: 0, batch: 0, workspace: SamplingWorkspace())
    // Forward to the hub, and backward from it.
    let found = sample.nodes[node].filter { $0 > 0 }.count
    #expect(sample.edges[0].sources.count == found)
    #expect(sample.edges[1].sources.count == found)
    #expect(sample.edges[1].sources.allSatisfy { $0 == 0 })
  }
}

@Suite struct BudgetSamplerTests {
  @Test func aSampleHasTheBudgetOfEachTypeAndAllEdges() throws {
    let seed = printedSeed()
    let reference = ReferenceGraph(seed: seed)
    typealias R = ReferenceGraph
    let sampler = BudgetSampler(reference.memoryGraph, nodesPerHop: [20, 30], seed: seed)
    let sample = try sampler.sample(
      seeds: [3, 7, 8], of: R.item, epoch: 0, batch: 0, workspace: SamplingWorkspace())
    #expect(sample.nodes[R.item].count <= 3 + 20 + 30)
    #expect(sample.nodes[R.user].count == 20 + 30)
    #expect(Array(sample.nodes[R.item].prefix(3)) == [3, 7, 8])
    for (_, nodes) in sample.nodes { #expect(Set(nodes).count == nodes.count) }
    for edges in sample.edges {
      let list = reference.edges[edges.relation.stored]
      let forward = edges.relation.direction == .forward
      let from = Set(sample.nodes[edges.relation.source])
      let to = Set(sample.nodes[edges.relation.target])
      let expected = zip(list.sources, list.targets).filter { source, target in
        forward
          ? from.contains(source) && to.contains(target)
          : from.contains(target) && to.contains(source)
      }.count
      #expect(edges.sources.count == expected)
    }
    var digests = (BatchDigest(), BatchDigest())
    try sampler.sample(
      seeds: [3, 7, 8], of: R.item, epoch: 0, batch: 0, workspace: SamplingWorkspace()
    ).fold(into: &digests.0)
    sample.fold(into: &digests.1)
    #expect(digests.0 == digests.1)
    #expect(throws: HedgerowError.self) {
      try sampler.sample(
        SamplingSeeds([3], of: R.item, times: [1]), epoch: 0, batch: 0,
        workspace: SamplingWorkspace())
    }
  }

  /// Nodes to which 1, 2, 3 and 4 seeds lead, each by its only edge.
  @Test func nodesAreDrawnBySquaredShares() throws {
    let seed = printedSeed()
    let node: NodeType = "node"
    var graph = MemoryGraph()
    graph[EdgeType(node, "edge", node)].edges = EdgeList(
      sources: [10, 11, 11, 12, 12, 12, 13, 13, 13, 13], targets: (0..<10).map { $0 })
    let sampler = BudgetSampler(
      graph, nodesPerHop: [1], relations: [graph.schema.relations()[0]], seed: seed)
    var counts = [Int](repeating: 0, count: 4)
    let workspace = SamplingWorkspace()
    for batch in 0..<20_000 {
      let sample = try sampler.sample(
        seeds: (0..<10).map { $0 }, of: node, epoch: 0, batch: batch, workspace: workspace)
      #expect(sample.nodes[node].count == 11)
      counts[Int(sample.nodes[node][10]) - 10] += 1
    }
    let statistic = zip(counts, [1.0, 4, 9, 16]).reduce(0) { sum, pair in
      let expected = pair.1 / 30 * 20_000
      return sum + (Double(pair.0) - expected) * (Double(pair.0) - expected) / expected
    }
    let p = chiSquareProbability(statistic, degreesOfFreedom: 3)
    print("p = \(p)")
    #expect(p > 1e-6 && p < 1 - 1e-6)
  }
}
