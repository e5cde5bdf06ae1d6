import HedgerowCore
import HedgerowGraph
import HedgerowSampling
import HedgerowStore
import HedgerowTestSupport
import Testing

private typealias G = ReferenceGraph

@Suite struct LayerSamplerTests {
  private static let importances = [
    LayerSampler<MemoryGraph>.Importance.frontier, .graph,
  ]

  /// Weighted sums over what was sampled are, on average, sums over all neighbors; what is an edge is one.
  @Test(arguments: importances)
  func sumsOverNeighborsAreRightOnAverage(
    importance: LayerSampler<MemoryGraph>.Importance
  ) throws {
    let seed = printedSeed()
    let reference = G(seed: seed, edgeCount: 1500)
    let graph = reference.memoryGraph
    let sampler = LayerSampler(graph, drawsPerHop: [40], importance: importance, seed: seed)
    let seeds: [UInt32] = [3, 4, 5, 6, 7, 8, 9, 10]
    let relation = graph.schema.relations().first { $0.name == G.rates }!
    func value(_ node: UInt32) -> Double { 1 + Double(node % 13) }
    let exact = try seeds.map {
      try graph.neighbors(of: NodeID($0), along: relation).reduce(0) { $0 + value($1) }
    }
    let count = 4000
    var sums = [Double](repeating: 0, count: seeds.count)
    var squares = sums
    let workspace = SamplingWorkspace()
    for batch in 0..<count {
      let sample = try sampler.sample(
        seeds: seeds, of: G.item, epoch: 0, batch: batch, workspace: workspace)
      let edges = sample.edges.first { $0.relation == relation }!
      let users = sample.nodes[G.user]
      #expect(users.count <= 40)
      for row in seeds.indices {
        let entries = Int(edges.offsets[row])..<Int(edges.offsets[row + 1])
        if batch < 5 {
          let neighbors = try graph.neighbors(of: NodeID(seeds[row]), along: relation)
          #expect(entries.allSatisfy { neighbors.contains(users[Int(edges.sources[$0])]) })
        }
        let sum = entries.reduce(0.0) {
          $0 + Double(edges.weights[$1]) * value(users[Int(edges.sources[$1])])
        }
        sums[row] += sum
        squares[row] += sum * sum
      }
    }
    for row in seeds.indices {
      let mean = sums[row] / Double(count)
      let variance = squares[row] / Double(count) - mean * mean
      let z = (mean - exact[row]) / (variance / Double(count)).squareRoot()
      #expect(exact[row] == 0 ? mean == 0 : abs(z) < 5, "\(mean), not \(exact[row])")
    }
  }

  @Test func fewEntriesAreTakenAllWithWeightOne() throws {
    let graph = G(seed: printedSeed(), edgeCount: 300).memoryGraph
    let sampler = LayerSampler(graph, drawsPerHop: [10_000, 10_000])
    let sample = try sampler.sample(
      seeds: [1, 2, 3], of: G.item, epoch: 0, batch: 0, workspace: SamplingWorkspace())
    let all = try NeighborSampler(graph, fanouts: [-1, -1]).sample(
      seeds: [1, 2, 3], of: G.item, epoch: 0, batch: 0, workspace: SamplingWorkspace())
    #expect(sample.nodes == all.nodes && sample.knownCounts == all.knownCounts)
    for (edges, expected) in zip(sample.edges, all.edges) {
      #expect(edges.sources == expected.sources && edges.offsets == expected.offsets)
      #expect(edges.weights == [Float](repeating: 1, count: edges.sources.count))
    }
  }

  @Test(arguments: importances)
  func aStoreAndAGraphInMemoryGiveTheSameSamples(
    importance: LayerSampler<MemoryGraph>.Importance
  ) throws {
    let seed = printedSeed()
    let reference = G(seed: seed)
    let directory = TemporaryDirectory()
    func digest<T: Topology>(_ graph: T) throws -> BatchDigest {
      var sampler = LayerSampler(
        graph, drawsPerHop: [60, 30], importance: importance == .graph ? .graph : .frontier,
        seed: seed)
      sampler.edgeIDs = .present
      var digest = BatchDigest()
      for batch in 0..<3 {
        try sampler.sample(
          seeds: [3, 1, 30, 40], of: G.item, epoch: 0, batch: batch,
          workspace: SamplingWorkspace()
        ).fold(into: &digest)
      }
      return digest
    }
    let memory = try digest(reference.memoryGraph)
    #expect(try digest(reference.makeStore(at: directory("s")).snapshot()) == memory)
  }
}
