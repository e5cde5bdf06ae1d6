import HedgerowCore
import HedgerowGraph
import HedgerowLoader
import HedgerowMapped
import HedgerowRoaring
import HedgerowSampling
import HedgerowStore
import HedgerowTensor
import HedgerowTestSupport
import Synchronization
import Testing

private typealias G = ReferenceGraph

@Suite struct NeighborLoaderTests {
  private func digest(
    _ graph: some Topology & FeatureSource, threads: Int, depth: Int?, limit: Int = 1 << 30,
    from first: Int = 0
  ) async throws -> String {
    var options = LoaderOptions()
    options.threads = threads
    options.prefetchDepth = depth
    options.prefetchByteLimit = limit
    let loader = NeighborLoader(
      graph, seeds: .nodes(G.item, in: "train"), fanouts: [4, 3], batchSize: 16, seed: 9,
      options: options)
    var digest = BatchDigest()
    var expected = first
    for try await batch in loader.epoch(2, from: first) {
      #expect(batch.index == expected)
      expected += 1
      batch.subgraph.fold(into: &digest)
      batch.features[G.item].withUnsafeBufferPointer { digest.fold(UnsafeRawBufferPointer($0)) }
    }
    #expect(expected == (try loader.batchCount()))
    return "\(digest)"
  }

  @Test func theSameBatchesForAnyThreadsDepthAndHome() async throws {
    let reference = G(seed: printedSeed())
    let directory = TemporaryDirectory()
    let store = try reference.makeStore(at: directory("s"))
    let memory = try await digest(reference.memoryGraph, threads: 1, depth: 1)
    for threads in [1, 2, 4, 7] {
      #expect(try await digest(store.snapshot(), threads: threads, depth: nil) == memory)
      #expect(
        try await digest(reference.memoryGraph, threads: threads, depth: 50, limit: 1) == memory)
    }
    for name in try FileSystem.names(in: directory("s/segments")) {
      FileSystem.dropCache(of: directory("s/segments/\(name)"))
    }
    let cold = try GraphStore.open(at: directory("s"), .readOnly).snapshot()
    #expect(try await digest(cold, threads: 2, depth: 3) == memory)
  }

  @Test func batchesAreTheSameWhereFeaturesAreNotRead() async throws {
    let graph = G(seed: printedSeed()).memoryGraph
    var options = LoaderOptions()
    let loader = NeighborLoader(
      graph, seeds: .nodes(G.item, in: "train"), fanouts: [4, 3], batchSize: 16, options: options)
    options.readsFeatures = false
    let blank = NeighborLoader(
      graph, seeds: .nodes(G.item, in: "train"), fanouts: [4, 3], batchSize: 16, options: options)
    let (one, other) = (try loader.batch(1, epoch: 2), try blank.batch(1, epoch: 2))
    #expect(one.subgraph.nodes[G.item] == other.subgraph.nodes[G.item])
    #expect(one.features[G.item].shape == other.features[G.item].shape)
    #expect(other.features[G.item].scalars.allSatisfy { $0 == 1 } && other.rows.read == 0)
    #expect(one.features[G.item].scalars != other.features[G.item].scalars)
  }

  @Test(arguments: [1, 3, 100]) func asManyBatchesAreMadeAheadAsMayBe(depth: Int) async throws {
    let graph = G(seed: printedSeed()).memoryGraph
    var options = LoaderOptions()
    options.threads = 2
    options.prefetchDepth = depth
    let made = Mutex(0)
    let loader = NeighborLoader(
      graph, seeds: .nodes(G.item, in: "train"), fanouts: [2], batchSize: 5, options: options
    ).transformed { batch in
      made.withLock { $0 += 1 }
      return batch.index
    }
    let count = try loader.batchCount()
    #expect(count > 4)
    var batches = loader.epoch(0).makeAsyncIterator()
    for taken in 1...count {
      #expect(try await batches.next() == taken - 1)
      await batches.filled()
      #expect(made.withLock { $0 } == min(count, taken + depth))
    }
    #expect(try await batches.next() == nil)
    await batches.filled()
  }

  @Test func anEpochCanBeginAtAnyBatch() async throws {
    let graph = G(seed: printedSeed()).memoryGraph
    let loader = NeighborLoader(
      graph, seeds: .nodes(G.item, in: "train"), fanouts: [2], batchSize: 50, seed: 1)
    var all: [[UInt32]] = []
    for try await batch in loader.epoch(0) { all.append(batch.subgraph.nodes[G.item]) }
    var tail: [[UInt32]] = []
    for try await batch in loader.epoch(0, from: 3) { tail.append(batch.subgraph.nodes[G.item]) }
    #expect(tail == Array(all.dropFirst(3)))
    #expect(try loader.batch(4, epoch: 0).subgraph.nodes[G.item] == all[4])
  }

  /// Samplers that have more to say than fanouts: their batches are what they sample, with the rest.
  @Test func anySamplerMakesBatches() async throws {
    let reference = G(seed: printedSeed())
    let graph = reference.memoryGraph
    let samplers: [any SubgraphSampler] = [
      LayerSampler(graph, drawsPerHop: [30, 20], seed: 4),
      LayerSampler(graph, drawsPerHop: [30, 20], importance: .graph, seed: 4),
      BudgetSampler(graph, nodesPerHop: [12, 8], seed: 4),
      PageRankSampler(graph, nodesPerSeed: 6, layers: 2, tolerance: 0.01),
    ]
    var digests: Set<BatchDigest> = []
    for sampler in samplers {
      func batches(threads: Int, from first: Int = 0) async throws -> [BatchDigest] {
        var options = LoaderOptions()
        options.threads = threads
        options.keys = .all
        let loader = NeighborLoader(
          graph, seeds: .nodes(G.item, in: "train"), sampler: sampler, batchSize: 40, seed: 9,
          options: options)
        var digests: [BatchDigest] = []
        for try await batch in loader.epoch(2, from: first) {
          let nodes = batch.subgraph.nodes[G.item]
          let expected = try sampler.sample(
            seeds: Array(nodes.prefix(batch.seedCount)), of: G.item, epoch: 2, batch: batch.index,
            workspace: SamplingWorkspace())
          var (found, wanted) = (BatchDigest(), BatchDigest())
          batch.subgraph.fold(into: &found)
          expected.fold(into: &wanted)
          #expect(found == wanted)
          #expect(
            batch.features[G.item].scalars
              == nodes.flatMap {
                reference.features[Int($0) * G.width..<(Int($0) + 1) * G.width]
              })
          #expect(batch.keys[G.item].count == nodes.count && batch.blocks.count == 2)
          digests.append(found)
        }
        return digests
      }
      let all = try await batches(threads: 1)
      #expect(all.count > 3)
      #expect(try await batches(threads: 2) == all)
      #expect(try await batches(threads: 2, from: 2) == Array(all.dropFirst(2)))
      digests.formUnion(all)
    }
    #expect(digests.count % samplers.count == 0 && digests.count > 3 * samplers.count)
    let loader = NeighborLoader(
      graph, seeds: .nodes(G.item), sampler: samplers[0], batchSize: 40)
    #expect(throws: HedgerowError.self) { try loader.inclusionProbabilities() }
  }

  @Test func seedsOfFewAndOfManyMembersComeByRank() async throws {
    var graph = MemoryGraph()
    graph[G.item].count = 100_000
    graph[EdgeType(G.item, "to", G.item)].edges = EdgeList(sources: [], targets: [])
    for members: [UInt32] in [
      [5, 70_000, 99_999], (0..<100_000).filter { $0 % 3 == 1 || $0 > 90_000 }, [],
    ] {
      var options = LoaderOptions()
      options.order = .ascending
      let loader = NeighborLoader(
        graph, seeds: .nodes(G.item, RoaringBitmap(members)), fanouts: [1], batchSize: 7000,
        options: options)
      var found: [UInt32] = []
      for try await batch in loader.epoch(0) { found += batch.subgraph.nodes[G.item] }
      #expect(found == members)
    }
  }

  @Test func seedsAreThoseOfAFilter() async throws {
    let reference = G(seed: printedSeed())
    let directory = TemporaryDirectory()
    let graph = try reference.makeStore(at: directory("s")).snapshot()
    func seeds(_ graph: some Topology & FeatureSource, _ seeds: Seeds) async throws -> [UInt32] {
      let loader = NeighborLoader(graph, seeds: seeds, fanouts: [1], batchSize: 33)
      var found: [UInt32] = []
      for epoch in 0..<2 {
        found = []
        for try await batch in loader.epoch(epoch) {
          found += batch.subgraph.nodes[G.item].prefix(batch.seedCount)
        }
      }
      return found.sorted()
    }
    let odd = (0..<UInt32(reference.counts[G.item])).filter { $0 % 2 == 1 }
    let filter = Filter.column("parity") == "odd"
    #expect(try await seeds(graph, .nodes(G.item, where: filter)) == odd)
    #expect(
      try await seeds(graph, .nodes(G.item, in: "train", where: filter))
        == odd.filter(reference.train.contains))
    #expect(try await seeds(graph, .nodes(G.item, RoaringBitmap(odd))) == odd)
    await #expect(throws: HedgerowError.self) {
      try await seeds(graph, .nodes(G.item, where: .column("none") == 1))
    }
    // In memory labels are integers and a feature of width 1 is a number.
    var memory = reference.memoryGraph
    let count = reference.counts[G.item]
    memory[G.item].labels["label"] = (0..<count).map { Int32($0 % 4) - 1 }
    memory[G.item].features["one"] = FeatureMatrix(
      width: 1, values: (0..<count).map { Float($0) / 2 })
    let both = try await seeds(
      memory, .nodes(G.item, where: .column("label") != 2 && .column("one") < 10))
    #expect(both == (0..<20).filter { $0 % 4 == 1 || $0 % 4 == 2 })
    #expect(
      try await seeds(memory, .nodes(G.item, where: .column("label").isNull)).count == count / 4)
  }

  @Test func anEpochVisitsEverySeedOnceInAnOrderOfItsOwn() async throws {
    let reference = G(seed: printedSeed())
    let loader = NeighborLoader(
      reference.memoryGraph, seeds: .nodes(G.item, in: "train"), fanouts: [1], batchSize: 33)
    var orders: [[UInt32]] = []
    for epoch in 0..<2 {
      var seen: [UInt32] = []
      for try await batch in loader.epoch(epoch) {
        seen += batch.subgraph.nodes[G.item].prefix(batch.seedCount)
      }
      #expect(seen.sorted() == reference.train)
      orders.append(seen)
    }
    #expect(orders[0] != orders[1])
    #expect(orders[0] != reference.train)
  }

  @Test func featuresAndLabelsBelongToTheirNodes() async throws {
    let reference = G(seed: printedSeed())
    let directory = TemporaryDirectory()
    var options = LoaderOptions()
    options.labels = "parity"
    let loader = NeighborLoader(
      try reference.makeStore(at: directory("s")).snapshot(), seeds: .nodes(G.item),
      fanouts: [3, 3], batchSize: 64, options: options)
    for try await batch in loader.epoch(0) {
      let nodes = batch.subgraph.nodes[G.item]
      #expect(batch.features[G.item].shape == [nodes.count, G.width])
      #expect(
        batch.features[G.item].scalars
          == nodes.flatMap { reference.features[Int($0) * G.width..<(Int($0) + 1) * G.width] })
      #expect(batch.labels == nodes.prefix(batch.seedCount).map { Int32($0 % 2) })
    }
  }

  @Test func aLoopThatStopsEarlyOrIsCancelledLeavesNoThreadBehind() async throws {
    let graph = G(seed: printedSeed()).memoryGraph
    let loader = NeighborLoader(graph, seeds: .nodes(G.item), fanouts: [5, 5], batchSize: 4)
    for _ in 0..<20 {
      for try await batch in loader.epoch(0) where batch.index == 3 { break }
      let task = Task {
        var count = 0
        for try await _ in loader.epoch(0) { count += 1 }
        return count
      }
      task.cancel()
      _ = try? await task.value
    }
  }

  @Test func whatIsNotThereIsSaid() async throws {
    let graph = G(seed: 1).memoryGraph
    func message(_ seeds: Seeds, inputs: PerNode<[String]>? = nil) async -> String {
      var options = LoaderOptions()
      options.inputs = inputs
      let loader = NeighborLoader(
        graph, seeds: seeds, fanouts: [1], batchSize: 4, options: options)
      do {
        for try await _ in loader.epoch(0) {}
        return ""
      } catch { return "\(error)" }
    }
    #expect(await message(.nodes("movie")).contains("no node type 'movie'"))
    #expect(await message(.nodes(G.item, in: "test")).contains("no set named 'test'"))
    #expect(await message(.nodes(G.item), inputs: [G.item: ["y"]]).contains("item.y"))
  }
}
