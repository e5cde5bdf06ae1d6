import HedgerowCore
import HedgerowGraph
import HedgerowLoader
import HedgerowSampling
import HedgerowTestSupport
import Testing

/// Loaders hand on what samplers can be asked.
@Suite struct SampledByTimeTests {
  private static let user: NodeType = "user"
  private static let sends = EdgeType("user", "sends", "user")
  private static let count = 200

  private struct Drawn {
    var graph = MemoryGraph()
    var born: [Int64]
    var asked: [Int64]

    init(seed: UInt64) {
      var random = RandomStream(seed: seed)
      func draw(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
      born = (0..<count).map { _ in Int64(draw(50)) }
      asked = born.map { $0 + 5 }
      graph[user].count = count
      graph[user].columns["born"] = .integers(born)
      graph[user].columns["asked"] = .integers(asked)
      let ends = (0..<3000).map { _ in (UInt32(draw(count)), UInt32(draw(count))) }
      var edges = MemoryGraph.Edges()
      edges.edges = EdgeList(sources: ends.map(\.0), targets: ends.map(\.1))
      edges.columns["w"] = .numbers(ends.map { _ in Double(draw(4)) })
      edges.weightColumn = "w"
      graph[sends] = edges
    }
  }

  private func digest(_ graph: MemoryGraph, _ options: LoaderOptions) async throws -> String {
    let loader = NeighborLoader(
      graph, seeds: .nodes(Self.user), fanouts: [4, 3], batchSize: 16, seed: 9, options: options)
    var digest = BatchDigest()
    for try await batch in loader.epoch(1) { batch.subgraph.fold(into: &digest) }
    return "\(digest)"
  }

  @Test(arguments: [nil, "asked"]) func noSeedSeesWhatCameLater(column: String?) async throws {
    let drawn = Drawn(seed: printedSeed())
    var options = LoaderOptions()
    options.sampling.trees = .disjoint
    options.sampling.time = TemporalConstraint(nodes: [Self.user: .column("born")])
    options.sampling.time!.seedTimes = column
    let times = column == nil ? drawn.born : drawn.asked
    let loader = NeighborLoader(
      drawn.graph, seeds: .nodes(Self.user), fanouts: [4, 3], batchSize: 16, seed: 9,
      options: options)
    var (seen, later) = (0, 0)
    for try await batch in loader.epoch(0) {
      // Follow each tree from its seed: rows are the nodes in the order in which they were found.
      let nodes = batch.subgraph.nodes[Self.user]
      var seedOf = Array(nodes.indices)
      for row in nodes.indices {
        for edges in batch.subgraph.edges where row < edges.offsets.count - 1 {
          for entry in Int(edges.offsets[row])..<Int(edges.offsets[row + 1]) {
            seedOf[Int(edges.sources[entry])] = seedOf[row]
          }
        }
      }
      for (row, node) in nodes.enumerated() where row >= batch.seedCount {
        seen += 1
        let bound = times[Int(nodes[seedOf[row]])]
        #expect(seedOf[row] < batch.seedCount && drawn.born[Int(node)] <= bound)
        if drawn.born[Int(node)] > drawn.born[Int(nodes[seedOf[row]])] { later += 1 }
      }
    }
    #expect(seen > 500 && (later > 0) == (column != nil))
  }

  @Test func theSameBatchesForAnyThreads() async throws {
    let graph = Drawn(seed: printedSeed()).graph
    var digests: Set<String> = []
    for selection in [SamplingOptions.Selection.uniform, .weighted()] {
      for coupling in [SamplingOptions.Coupling.independent, .shared(batches: 2)] {
        var options = LoaderOptions()
        options.sampling.selection = selection
        options.sampling.coupling = coupling
        var same: Set<String> = []
        for threads in [1, 2, 4] {
          options.threads = threads
          same.insert(try await digest(graph, options))
        }
        #expect(same.count == 1)
        digests.formUnion(same)
      }
    }
    #expect(digests.count == 4)
  }

  @Test func whatDoesNotFitTheGraphIsAnErrorOfTheFirstBatch() async throws {
    let graph = Drawn(seed: 1).graph
    var options = LoaderOptions()
    options.sampling.selection = .weighted(column: "none")
    await #expect(throws: HedgerowError.self) { try await digest(graph, options) }
    options.sampling.selection = .uniform
    options.sampling.trees = .disjoint
    options.sampling.time = TemporalConstraint(nodes: [Self.user: .column("born")])
    _ = try await digest(graph, options)
    options.sampling.time!.seedTimes = "none"
    await #expect(throws: HedgerowError.self) { try await digest(graph, options) }
  }
}
