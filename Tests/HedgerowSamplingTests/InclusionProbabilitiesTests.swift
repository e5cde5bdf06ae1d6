import HedgerowCore
import HedgerowGraph
import HedgerowSampling
import HedgerowTestSupport
import Testing

private typealias G = ReferenceGraph

@Suite struct InclusionProbabilitiesTests {
  private func probabilities(
    _ graph: MemoryGraph, _ seeds: [UInt32], batchSize: Int, _ fanouts: Fanouts
  ) throws -> InclusionProbabilities {
    try InclusionProbabilities(
      graph, seeds: G.item, count: seeds.count, batchSize: batchSize, fanouts: fanouts,
      relations: graph.schema.relations()
    ) { body in for seed in seeds { body(seed) } }
  }

  /// 0 <- 1, 2, 3; 1 <- 4; 5 by itself.
  private static func star() -> (MemoryGraph, Relation) {
    var graph = MemoryGraph()
    graph[G.item].count = 6
    let type = EdgeType(G.item, "to", G.item)
    graph[type].edges = EdgeList(sources: [1, 2, 3, 4], targets: [0, 0, 0, 1])
    return (graph, Relation(type, .forward, index: 0))
  }

  @Test func theyAreWhatManyBatchesShow() throws {
    let graph = G(seed: printedSeed()).memoryGraph
    let fanouts: Fanouts = [3, 2]
    let count = graph.count(of: G.item)
    let batchSize = 10
    let seeds = (0..<UInt32(count)).map { $0 }
    let expected = try probabilities(graph, seeds, batchSize: batchSize, fanouts)
    let sampler = NeighborSampler(graph, fanouts: fanouts, seed: 3)
    var random = RandomStream(seed: printedSeed())
    let workspace = SamplingWorkspace()
    let batchCount = 3000
    var frequencies = expected.nodes.mapValues { [Double](repeating: 0, count: $0.count) }
    var known = expected.knownCounts.mapValues { [Double](repeating: 0, count: $0.count) }
    var edges = 0.0
    for batch in 0..<batchCount {
      let drawn = Array(seeds.shuffled(using: &random).prefix(batchSize))
      let sample = try sampler.sample(
        seeds: drawn, of: G.item, epoch: 0, batch: batch, workspace: workspace)
      edges += Double(sample.edgeCount)
      for (type, nodes) in sample.nodes {
        for node in nodes { frequencies[type][Int(node)] += 1 }
        for (hop, count) in sample.knownCounts[type].enumerated() {
          known[type][hop] += Double(count)
        }
      }
    }
    func isClose(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 0.1 * max(a, b) + 0.05 }
    for (type, counts) in known {
      for (hop, count) in counts.enumerated() {
        let average = count / Double(batchCount)
        #expect(
          isClose(average, expected.knownCounts[type][hop]),
          "\(type) after hop \(hop): \(average) and \(expected.knownCounts[type][hop])")
      }
      // Choices are not quite independent: nodes are close, not equal.
      let errors = zip(frequencies[type], expected.nodes[type]).map {
        abs($0 / Double(batchCount) - Double($1))
      }
      #expect(errors.reduce(0, +) / Double(errors.count) < 0.03)
    }
    let drawn = expected.edgeCounts.values.reduce(0) { $0 + $1.reduce(0, +) }
    #expect(isClose(edges / Double(batchCount), drawn), "\(edges / Double(batchCount)), \(drawn)")
  }

  @Test func observedBatchesSayHowLikelyTheirNodesAre() throws {
    // One of 1, 2 and 3 is drawn: node 0 is in each batch, each neighbor in a third; 4 and 5 in none.
    let (graph, relation) = Self.star()
    let sampler = NeighborSampler(graph, fanouts: [1], relations: [relation], seed: printedSeed())
    let workspace = SamplingWorkspace()
    var observed = ObservedBatches(graph)
    var counts = [Int](repeating: 0, count: 6)
    for batch in 0..<600 {
      let sample = try sampler.sample(
        seeds: [0], of: G.item, epoch: 0, batch: batch, workspace: workspace)
      for node in sample.nodes[G.item] { counts[Int(node)] += 1 }
      observed.add(sample)
    }
    let probabilities = observed.probabilities
    #expect(observed.batchCount == 600 && counts[0] == 600)
    #expect(probabilities.nodes[G.item] == counts.map { Float($0) * (1 / 600) })
    #expect(probabilities.nodes[G.item][1...3].allSatisfy { abs($0 - 1 / 3) < 0.1 })
    // Neighbors of the seed alone are drawn.
    #expect(probabilities.expanded[G.item][0] == 1)
    #expect(probabilities.expanded[G.item].dropFirst().allSatisfy { $0 == 0 })
    #expect(probabilities.knownCounts[G.item] == [1, 2])
    #expect(probabilities.edgeCounts.values.map { $0 } == [[1]])
    let whole = observed.probabilitiesOfWhole
    #expect(whole.nodes[G.item] == [Float](repeating: 1, count: 6))
  }

  @Test func nodesOfOneBatchAloneSayHowLikelyUnseenOnesAre() throws {
    // Ten nodes without edges, of which four batches hold 0 always, and one of 1, 2, 3 and 4 each.
    var graph = MemoryGraph()
    graph[G.item].count = 10
    let type = EdgeType(G.item, "to", G.item)
    graph[type].edges = EdgeList(sources: [], targets: [])
    let sampler = NeighborSampler(graph, fanouts: [1], seed: 1)
    var observed = ObservedBatches(graph)
    for batch in 0..<4 {
      observed.add(
        try sampler.sample(
          seeds: [0, UInt32(batch + 1)], of: G.item, epoch: 0, batch: batch,
          workspace: SamplingWorkspace()))
    }
    // Four that were seen once in four batches: one a batch of the five that were not.
    #expect(
      observed.probabilities.nodes[G.item]
        == [1, 0.25, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2, 0.2])
  }

  @Test func whatIsCertainIsCertain() throws {
    // Of seed 0, one hop takes all three or one of three.
    let (graph, relation) = Self.star()
    func nodes(_ fanouts: Fanouts) throws -> [Float] {
      try InclusionProbabilities(
        graph, seeds: G.item, count: 1, batchSize: 1, fanouts: fanouts, relations: [relation]
      ) { $0(0) }.nodes[G.item]
    }
    let all = try nodes([-1])
    #expect(all[0] == 1 && all[5] == 0 && all[4] == 0)
    for node in 1...3 { #expect(abs(all[node] - 0.632) < 0.001) }
    let one = try nodes([1, 1])
    for node in 1...3 { #expect(abs(one[node] - 0.283) < 0.001) }
    #expect(abs(one[4] - (1 - 0.7534)) < 0.001)
    #expect(try nodes([0])[1] == 0)
  }

  @Test func theCallersErrorStopsIt() throws {
    let graph = G(seed: printedSeed()).memoryGraph
    #expect(throws: HedgerowError.self) {
      _ = try InclusionProbabilities(
        graph, seeds: G.item, count: 1, batchSize: 1, fanouts: [2],
        relations: graph.schema.relations(),
        checkInterruption: { throw HedgerowError(.interrupted, "stop") },
        forEachSeed: { $0(0) })
    }
  }
}
