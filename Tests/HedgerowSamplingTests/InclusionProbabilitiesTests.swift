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
    var observed = ObservedBatches(graph, batchesPerEpoch: 1)
    var counts = [Int](repeating: 0, count: 6)
    for batch in 0..<600 {
      let sample = try sampler.sample(
        seeds: [0], of: G.item, epoch: 0, batch: batch, workspace: workspace)
      for node in sample.nodes[G.item] { counts[Int(node)] += 1 }
      observed.add(sample)
    }
    let probabilities = observed.probabilities()
    #expect(observed.batchCount == 600 && counts[0] == 600)
    for (share, count) in zip(probabilities.nodes[G.item], counts) {
      #expect(abs(share - Float(count) / 600) < 1e-6)
    }
    #expect(probabilities.nodes[G.item][1...3].allSatisfy { abs($0 - 1 / 3) < 0.1 })
    // Neighbors of the seed alone are drawn.
    #expect(probabilities.expanded[G.item][0] == 1)
    #expect(probabilities.expanded[G.item].dropFirst().allSatisfy { $0 == 0 })
    #expect(probabilities.knownCounts[G.item] == [1, 2])
    #expect(probabilities.edgeCounts.values.map { $0 } == [[1]])
    #expect(probabilities.certain[G.item].count == 1)
  }

  @Test func seedsAreCertainAndRareNodesAreEquallyLikely() throws {
    // Twelve nodes in six pairs: a batch of one seed holds its neighbor too.
    var graph = MemoryGraph()
    graph[G.item].count = 12
    let type = EdgeType(G.item, "to", G.item)
    graph[type].edges = EdgeList(
      sources: (0..<12).map { $0 }, targets: (0..<12).map { UInt32($0 ^ 1) })
    let sampler = NeighborSampler(
      graph, fanouts: [-1], relations: [Relation(type, .forward, index: 0)], seed: 1)
    func probabilities(
      _ batches: [[UInt32]], of batchesPerEpoch: Int, repeatsSeeds: Bool = false,
      areAll: Bool = false
    ) throws -> (shares: [Float], certain: [UInt32]) {
      var observed = ObservedBatches(
        graph, batchesPerEpoch: batchesPerEpoch, repeatsSeeds: repeatsSeeds)
      for (number, seeds) in batches.enumerated() {
        observed.add(
          try sampler.sample(
            seeds: seeds, of: G.item, epoch: 0, batch: number, workspace: SamplingWorkspace()))
      }
      let found = observed.probabilities(areAll: areAll)
      var certain: [UInt32] = []
      found.certain[G.item].forEachPart(of: 100) { certain += $0 }
      return (found.nodes[G.item], certain)
    }
    func isClose(_ a: [Float], _ b: [Float]) -> Bool {
      a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) < 1e-6 }
    }
    // Seeds 0, 2, 4 and 0, 6, 8 of an epoch each: 1, 3, 5, 7 and 9 are found, 1 twice. Once or never: four of 11.
    let epochs = try probabilities([[0, 2, 4], [0, 6, 8]], of: 1)
    #expect(epochs.certain == [0, 2, 4, 6, 8])
    let rare: Float = 4 / 11 / 2
    #expect(
      isClose(epochs.shares, [1, 1, 1, rare, 1, rare, 1, rare, 1, rare, rare, rare]),
      "\(epochs.shares)")
    // One epoch of two batches: seeds are in half of them, and found besides.
    let half = try probabilities([[0, 2], [4, 6]], of: 2)
    #expect(half.certain == [0, 2, 4, 6])
    let found: Float = 4 / 12 / 2
    #expect(isClose(Array(half.shares[0...1]), [1 - 0.5 * (1 - found), found]), "\(half.shares)")
    // The same batches in each epoch: nothing else comes, and what came is certain.
    let all = try probabilities([[0, 2], [4, 6]], of: 2, areAll: true)
    #expect(all.certain == [0, 1, 2, 3, 4, 5, 6, 7])
    #expect(isClose(all.shares, [Float](repeating: 0.5, count: 8) + [0, 0, 0, 0]))
    // One of two batches that divide all nodes: the others are certain.
    let part = try probabilities([[0, 1, 2, 3, 4, 5]], of: 2)
    #expect(part.certain.count == 12 && isClose(part.shares, [Float](repeating: 0.5, count: 12)))
    // One of two that do not: the other has two more of eleven.
    let some = try probabilities([[0, 2]], of: 2)
    #expect(some.certain == [0, 2])
    // Nobody is certain where seeds come again.
    #expect(try probabilities([[0, 2], [0, 4]], of: 2, repeatsSeeds: true).certain == [])
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
