import HedgerowCore
import HedgerowGraph
import HedgerowLoader
import HedgerowStore
import HedgerowTestSupport
import Testing

private typealias G = ReferenceGraph

/// What all loaders share.
@Suite struct LoaderTests {
  /// Is there as long as somebody holds it.
  private final class Token: Sendable {}

  /// Threads hold what makes their batches, and are joined: when it is gone, so are they, and with them
  /// the snapshot that they read.
  @Test func aLoopThatStopsHalfWayLetsGoOfAllThatItHeld() async throws {
    let graph = G(seed: printedSeed()).memoryGraph
    func run<L: BatchLoader>(_ loader: L) async throws -> Bool {
      weak var held: Token?
      do {
        let token = Token()
        held = token
        let loader = loader.transformed { batch in
          withExtendedLifetime(token) { batch }
        }
        var count = 0
        for try await _ in loader.epoch(0) {
          count += 1
          if count == 3 { break }
        }
        #expect(count == 3)
        let task = Task {
          for try await _ in loader.epoch(1) {}
        }
        task.cancel()
        _ = try? await task.value
      }
      return held == nil
    }
    var options = LoaderOptions()
    options.threads = 4
    #expect(
      try await run(
        NeighborLoader(
          graph, seeds: .nodes(G.item), fanouts: [5], batchSize: 9, options: options)))
    #expect(
      try await run(
        LinkLoader(graph, edges: .edges(G.rates), fanouts: [5], batchSize: 9, options: options)))
    #expect(try await run(RandomNodeLoader(graph, parts: 20, layers: 1, options: options)))
    let graphs = [MemoryGraph](repeating: graph, count: 20)
    #expect(try await run(GraphLoader(graphs, size: .graphs(2), layers: 1, options: options)))
  }

  @Test func theEndOfAnEpochIsKeptOrDropped() async throws {
    let graph = G(seed: printedSeed()).memoryGraph
    var options = LoaderOptions()
    let seedCount = G(seed: 0).train.count
    for end in [LoaderOptions.LastBatch.kept, .dropped] {
      options.lastBatch = end
      let loader = NeighborLoader(
        graph, seeds: .nodes(G.item, in: "train"), fanouts: [1], batchSize: 150, options: options)
      var found: [Int] = []
      for try await batch in loader.epoch(0) { found.append(batch.seedCount) }
      #expect(found == [150, 150] + (end == .kept ? [seedCount - 300] : []))
      #expect(try loader.batchCount() == found.count)
    }
  }

  @Test func batchesHaveTheKeysOfTheirNodes() async throws {
    let directory = TemporaryDirectory()
    let graph = try G(seed: printedSeed()).makeStore(at: directory("s")).snapshot()
    var options = LoaderOptions()
    for keys in [LoaderOptions.Keys.absent, .ofSeeds, .all] {
      options.keys = keys
      let loader = NeighborLoader(
        graph, seeds: .nodes(G.item), fanouts: [3], batchSize: 100, options: options)
      for try await batch in loader.epoch(0) {
        let items = batch.subgraph.nodes[G.item]
        let users = batch.subgraph.nodes[G.user]
        switch keys {
        case .absent: #expect(batch.keys.keys.isEmpty)
        case .ofSeeds:
          #expect(batch.keys[G.item] == items.prefix(batch.seedCount).map { G.key(Int($0)) })
          #expect(batch.keys[G.user].isEmpty)
        case .all:
          #expect(batch.keys[G.item] == items.map { G.key(Int($0)) })
          #expect(batch.keys[G.user] == users.map { "\($0)" })
        }
      }
    }
  }

  @Test func transformsRunOnEachBatchAndPassOnErrors() async throws {
    let graph = G(seed: printedSeed()).memoryGraph
    let loader = NeighborLoader(graph, seeds: .nodes(G.item), fanouts: [2], batchSize: 50)
    var expected: [Int] = []
    for try await batch in loader.epoch(0) { expected.append(batch.subgraph.edgeCount) }
    var found: [Int] = []
    for try await count in loader.transformed(\.subgraph.edgeCount).transformed({ $0 + 1 }).epoch(0)
    { found.append(count - 1) }
    #expect(found == expected)
    let failing = loader.transformed { batch in
      if batch.index == 2 { throw HedgerowError(.badData, "enough") }
      return batch.index
    }
    var seen: [Int] = []
    await #expect(throws: HedgerowError.self) {
      for try await index in failing.epoch(0) { seen.append(index) }
    }
    #expect(seen == [0, 1])
  }

  /// Private memory of a process that does nothing else, over 3,000 batches behind as many.
  @Test func memoryDoesNotGrowWithTheBatches() async {
    await #expect(processExitsWith: .success) {
      let graph = ReferenceGraph(seed: 1).memoryGraph
      var options = LoaderOptions()
      options.threads = 2
      let loader = NeighborLoader(
        graph, seeds: .nodes(ReferenceGraph.item), fanouts: [2], batchSize: 1, options: options)
      func run(_ epochs: Range<Int>) async throws {
        for epoch in epochs { for try await _ in loader.epoch(epoch) {} }
      }
      try await run(0..<6)
      let before = ProcessResources.privateByteCount
      try await run(6..<12)
      let growth = ProcessResources.privateByteCount - before
      precondition(growth < 256 << 10, "\(growth) bytes")
    }
  }
}
