import HedgerowCore
import HedgerowGraph
import HedgerowLoader
import HedgerowTestSupport
import Testing

/// Seeds that are drawn by their class.
@Suite struct SeedClassesTests {
  private static let node: NodeType = "node"

  /// 20 nodes of class 0, 60 of class 1, 920 of class 2, and 200 without one.
  private var graph: MemoryGraph {
    var graph = MemoryGraph()
    graph[Self.node].labels["class"] = (0..<1200).map { node in
      let place = node * 7 % 1200
      return place < 20 ? 0 : place < 80 ? 1 : place < 1000 ? 2 : -1
    }
    graph[EdgeType(Self.node, "to", Self.node)].edges = EdgeList(sources: [0], targets: [1])
    return graph
  }

  private func loader(
    _ weights: ClassWeights, batchSize: Int, threads: Int = 2
  ) -> NeighborLoader<MemoryGraph> {
    var options = LoaderOptions()
    options.labels = "class"
    options.threads = threads
    return NeighborLoader(
      graph, seeds: .nodes(Self.node).weighted(by: "class", weights), fanouts: [1],
      batchSize: batchSize, seed: 7, options: options)
  }

  @Test(arguments: [
    (ClassWeights.balanced, [1.0, 1, 1]), (.given([6, 2]), [120, 120, 0]),
    (.given([0, 1, 0.5]), [0, 60, 460]),
  ])
  func classesComeAsOftenAsTheyWeigh(weights: ClassWeights, shares: [Double]) throws {
    // One seed a batch, so that draws are independent.
    let loader = loader(weights, batchSize: 1)
    var counts = [Int](repeating: 0, count: 3)
    var nodes: [UInt32: Int] = [:]
    let plans = try (0..<12).map { try loader.plan(epoch: $0) }
    let drawn = plans.reduce(0) { $0 + $1.batchCount }
    #expect(drawn == 12 * (shares[2] == 0 ? 80 : shares[0] == 0 ? 980 : 1000))
    for epoch in 0..<12 {
      for index in 0..<plans[epoch].batchCount {
        let batch = try loader.batch(index, epoch: epoch)
        counts[Int(batch.labels[0])] += 1
        nodes[batch.subgraph.nodes[Self.node][0], default: 0] += 1
      }
    }
    let total = shares.reduce(0, +)
    var statistic = 0.0
    for (count, share) in zip(counts, shares) {
      let expected = Double(drawn) * share / total
      #expect(share > 0 || count == 0)
      if share > 0 {
        statistic += (Double(count) - expected) * (Double(count) - expected) / expected
      }
    }
    let p = chiSquareProbability(
      statistic, degreesOfFreedom: shares.count { $0 > 0 } - 1)
    print("\(weights): p = \(p)")
    #expect(p > 1e-6)
  }

  @Test func aBatchHasEachSeedOnceAndIsTheSameForAnyThreads() async throws {
    var drawn: [[UInt32]] = []
    for threads in [1, 4] {
      let loader = loader(.balanced, batchSize: 300, threads: threads)
      var all: [UInt32] = []
      for try await batch in loader.epoch(1) {
        let seeds = batch.subgraph.nodes[Self.node].prefix(batch.seedCount)
        #expect(Set(seeds).count == seeds.count && seeds.count == (batch.index < 3 ? 300 : 100))
        // 300 are more than the first two classes have: the third fills up.
        if batch.index < 3 { #expect(batch.labels.count { $0 == 2 } >= 220) }
        #expect(batch.labels.allSatisfy { $0 >= 0 })
        all += seeds
      }
      drawn.append(all)
    }
    #expect(drawn[0] == drawn[1] && drawn[0].count == 1000)
  }

  @Test func weightsThatAreNoneAreRefused() {
    for weights in [[-1, 1], [.nan], [.infinity, 1]] as [[Double]] {
      #expect(throws: HedgerowError.self) {
        try loader(.given(weights), batchSize: 1).batch(0, epoch: 0)
      }
    }
  }
}
