import HedgerowCore
import HedgerowGraph
import HedgerowLoader
import HedgerowRoaring
import HedgerowSampling
import HedgerowStore
import HedgerowTestSupport
import Testing

private typealias G = ReferenceGraph

@Suite struct LinkLoaderTests {
  private func fold(_ batch: LinkBatch, into digest: inout BatchDigest) {
    batch.subgraph.fold(into: &digest)
    digest.fold(batch.edges)
    for pairs in [batch.links.positives, batch.links.negatives] {
      digest.fold(pairs.sources)
      digest.fold(pairs.targets)
    }
    for tensor in batch.features.values {
      tensor.withUnsafeBufferPointer { digest.fold(UnsafeRawBufferPointer($0)) }
    }
  }

  private func digest(
    _ graph: some Topology & FeatureSource, threads: Int, depth: Int?, from first: Int = 0
  ) async throws -> [BatchDigest] {
    var options = LoaderOptions()
    options.threads = threads
    options.prefetchDepth = depth
    var links = LinkOptions()
    links.negatives.count = 2
    links.negatives.distribution = .byDegree
    let loader = LinkLoader(
      graph, edges: .edges(G.rates), fanouts: [4, 3], batchSize: 300, seed: 9, options: options,
      links: links)
    var digests: [BatchDigest] = []
    for try await batch in loader.epoch(2, from: first) {
      var digest = BatchDigest()
      fold(batch, into: &digest)
      digests.append(digest)
    }
    return digests
  }

  @Test func theSameBatchesForAnyThreadsDepthHomeAndBeginning() async throws {
    let reference = G(seed: printedSeed())
    let directory = TemporaryDirectory()
    let store = try reference.makeStore(at: directory("s"))
    let memory = try await digest(reference.memoryGraph, threads: 1, depth: 1)
    #expect(memory.count == 14 && Set(memory).count == 14)
    for threads in [2, 5] {
      #expect(try await digest(store.snapshot(), threads: threads, depth: nil) == memory)
    }
    let rest = try await digest(reference.memoryGraph, threads: 3, depth: 9, from: 8)
    #expect(rest == Array(memory.dropFirst(8)))
  }

  /// Nothing leaks over an epoch, and every edge is asked for once.
  @Test(arguments: [SamplingOptions.Trees.merged, .disjoint])
  func anEpochAsksForEveryEdgeOnceAndLeaksNothing(trees: SamplingOptions.Trees) async throws {
    let graph = G(seed: printedSeed()).memoryGraph
    for type in [G.rates, G.follows] {
      var options = LoaderOptions()
      options.sampling.trees = trees
      let loader = LinkLoader(
        graph, edges: .edges(type), fanouts: [5, 5], batchSize: 333, seed: 4, options: options)
      let sampler = try loader.sampler()
      var audit = LinkAudit()
      var asked: [UInt64] = []
      for try await batch in loader.epoch(0) {
        try audit.add(batch.links, of: sampler)
        asked += batch.edges
      }
      #expect(audit.violationCount == 0, "\(audit)")
      #expect(audit.negativeCount > 3900)
      #expect(asked.sorted() == (0..<UInt64(graph.count(of: type))).map { $0 })
      #expect(asked != asked.sorted())
    }
  }

  @Test func timesOfSeedEdgesBoundWhatTheySee() async throws {
    var random = RandomStream(seed: printedSeed())
    var audit = LinkAudit()
    typealias T = TimedLinks
    for _ in 0..<20 {
      let graph = T.graph(&random)
      var options = LoaderOptions()
      options.sampling.trees = .disjoint
      options.sampling.edgeIDs = .present
      options.sampling.time = TemporalConstraint(edges: [:])
      options.sampling.time!.boundary = .before
      let loader = LinkLoader(
        graph, edges: .edges(T.type), fanouts: [4, 4], batchSize: 30, options: options)
      let sampler = try loader.sampler()
      for try await batch in loader.epoch(0) {
        try audit.add(batch.links, of: sampler)
        #expect(
          batch.links.times
            == (try graph.integers(
              of: "at", of: .edges(T.type), at: batch.edges.span, null: .max)))
      }
    }
    #expect(audit.violationCount == 0, "\(audit)")
    #expect(audit.positiveCount == 20 * 150)
  }

  /// Edges chosen by what a column says, with the values that they have.
  @Test func partsOfAColumnAreSeeds() async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var random = try RandomStore(at: directory("s"), seed: seed)
    for step in 0..<4 {
      try random.change(700)
      if step == 1 { try random.store.compact() }
      let graph = try random.store.snapshot()
      let list = random.model.edges[RandomStore.rates]!
      let order = random.model.outOrder(RandomStore.rates)
      let wanted = order.indices.filter { list[order[$0]].values["kind"] == .text("c3") }
      var links = LinkOptions()
      links.values = "stars"
      let loader = LinkLoader(
        graph, edges: .edges(RandomStore.rates, in: "c3", of: "kind"), fanouts: [2], batchSize: 7,
        links: links)
      var values: [UInt64: Float] = [:]
      for try await batch in loader.epoch(1) {
        for (edge, value) in zip(batch.edges, batch.values) { values[edge] = value }
      }
      #expect(values.keys.sorted() == wanted.map { UInt64($0) })
      for (edge, value) in values {
        switch list[order[Int(edge)]].values["stars"] {
        case .int(let stars)?: #expect(value == Float(stars))
        default: #expect(value.isNaN)
        }
      }
      let others = try graph.edges(
        of: RandomStore.rates, where: !(.column("kind") == "c3") && .column("stars") > 0)
      #expect(
        Array(others)
          == order.indices.filter { place in
            guard case .int(let stars)? = list[order[place]].values["stars"] else { return false }
            return stars > 0 && list[order[place]].values["kind"] != .text("c3")
          }.map { UInt32($0) })
    }
  }

  @Test func whatDoesNotFitIsSaid() async throws {
    let graph = G(seed: 1).memoryGraph
    func message(
      _ edges: SeedEdges, _ change: (inout LoaderOptions, inout LinkOptions) -> Void = { _, _ in }
    ) -> String {
      var (options, links) = (LoaderOptions(), LinkOptions())
      change(&options, &links)
      let loader = LinkLoader(
        graph, edges: edges, fanouts: [1], batchSize: 4, options: options, links: links)
      do {
        _ = try loader.batch(0, epoch: 0)
        return ""
      } catch { return "\(error)" }
    }
    #expect(message(.edges(G.rates)) == "")
    #expect(message(.edges(EdgeType("a", "b", "c"))).contains("no edge type 'a:b:c'"))
    #expect(message(.edges(G.rates, in: "train")).contains("no column 'split' of edge type"))
    #expect(message(.edges(G.rates)) { $1.times = "at" }.contains("no constraint by time"))
    #expect(
      message(.edges(G.follows)) { options, _ in
        options.sampling.trees = .disjoint
        options.sampling.time = TemporalConstraint(nodes: [G.user: .timeless, G.item: .timeless])
      }.contains("declares no time column"))
    #expect(message(.edges(G.rates)) { $1.negatives.count = -1 }.contains("-1 negatives"))
  }
}

/// Edges within one type that carry their time.
private enum TimedLinks {
  static let type = EdgeType("user", "sends", "user")

  static func graph(_ random: inout RandomStream) -> MemoryGraph {
    func draw(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
    var graph = MemoryGraph()
    graph[type.source].count = 30
    graph[type] = MemoryGraph.Edges(
      EdgeList(
        sources: (0..<150).map { _ in UInt32(draw(30)) },
        targets: (0..<150).map { _ in UInt32(min(draw(30), draw(30))) }),
      columns: ["at": .integers((0..<150).map { _ in Int64(draw(25)) })], time: "at")
    return graph
  }
}
