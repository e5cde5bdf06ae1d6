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

  @Test func whatIsCertainIsCertain() throws {
    // 0 <- 1, 2, 3; 1 <- 4: of seed 0, one hop takes all three or one of three.
    var graph = MemoryGraph()
    graph[G.item].count = 6
    let type = EdgeType(G.item, "to", G.item)
    graph[type].edges = EdgeList(sources: [1, 2, 3, 4], targets: [0, 0, 0, 1])
    let relation = Relation(type, .forward, index: 0)
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
