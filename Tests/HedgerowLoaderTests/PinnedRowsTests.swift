import HedgerowCore
import HedgerowGraph
import HedgerowLoader
import HedgerowMapped
import HedgerowSampling
import HedgerowStore
import HedgerowTensor
import HedgerowTestSupport
import Testing

private typealias G = ReferenceGraph

@Suite struct PinnedRowsTests {
  private func loader<Graph>(
    _ graph: Graph, threads: Int = 2
  ) -> NeighborLoader<Graph> {
    var options = LoaderOptions()
    options.threads = threads
    return NeighborLoader(
      graph, seeds: .nodes(G.item, in: "train"), fanouts: [4, 3], batchSize: 16, seed: 9,
      options: options)
  }

  private func content<Graph>(
    _ loader: NeighborLoader<Graph>
  ) async throws -> (digest: String, rows: RowCounts) {
    var digest = BatchDigest()
    var rows = RowCounts()
    for try await batch in loader.epoch(1) {
      rows += batch.rows
      batch.subgraph.fold(into: &digest)
      for features in batch.features.values {
        features.withUnsafeBufferPointer { digest.fold(UnsafeRawBufferPointer($0)) }
      }
    }
    return ("\(digest)", rows)
  }

  @Test func rowsAreTheSameHoweverTheyAreRead() throws {
    let directory = TemporaryDirectory()
    let seed = printedSeed()
    var random = RandomStream(seed: seed)
    var store = try RandomStore(at: directory("s"), seed: seed)
    for changes in [0, 10] {
      for _ in 0..<changes { try store.change(30) }
      let graph = try store.store.snapshot()
      for node in graph.schema.nodes {
        for property in node.properties {
          guard let layout = graph.layout(of: property.name, of: node.type) else { continue }
          let count = UInt64(graph.count(of: node.type))
          guard count > 0 else { continue }
          let nodes = (0..<3000).map { _ in UInt32(random.next(below: count)) }
          for nodes in [nodes.sorted(), nodes, []] {
            let size = nodes.count * layout.byteCount
            func rows(
              _ read: (UnsafeMutableRawBufferPointer) throws -> Void
            ) rethrows -> [UInt8] {
              try [UInt8](unsafeUninitializedCapacity: size) { bytes, initialized in
                try read(
                  UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(bytes)[..<size]))
                initialized = size
              }
            }
            let copied = try rows {
              try graph.copy(nodes.span, of: node.type, column: property.name, into: $0)
            }
            #expect(
              try rows {
                try graph.read(nodes.span, of: node.type, column: property.name, into: $0)
              } == copied, "\(node.type).\(property.name)")
            #expect(
              try rows {
                try graph.readThroughMemory(
                  nodes.span, of: node.type, column: property.name, into: $0)
              } == copied, "\(node.type).\(property.name)")
          }
        }
      }
    }
  }

  @Test func batchesAreTheSameBitsHoweverManyRowsArePinned() async throws {
    let reference = G(seed: printedSeed())
    let directory = TemporaryDirectory()
    let graph = try reference.makeStore(at: directory("s")).snapshot()
    let plain = try await content(loader(graph))
    #expect(plain.rows.pinned == 0 && plain.rows.read > 0)
    let probabilities = try loader(graph).inclusionProbabilities()
    let rowBytes = try #require(graph.layout(of: "x", of: G.item)).byteCount
    var hits = -1
    for rowCount in [0, 1, 7, 40, 100_000] {
      let limit = BitRanks.byteCount(bound: graph.count(of: G.item)) + rowCount * rowBytes
      for threads in [1, 3] {
        let pinned = try loader(graph, threads: threads).pinningRows(
          by: probabilities, byteLimit: limit, batchCount: 1_000_000)
        let rows = try #require(pinned.options.pinnedRows)
        #expect(rows.count <= rowCount && rows.byteCount == rows.count * rowBytes)
        if rowCount == 100_000 { #expect(rows.count > 0) }
        if (1...40).contains(rowCount) { #expect(rows.count == rowCount) }
        let found = try await content(pinned)
        #expect(found.digest == plain.digest)
        #expect(found.rows.pinned + found.rows.read == plain.rows.read)
        #expect(found.rows.pinned >= hits)
        hits = found.rows.pinned
      }
    }
    // All that can be reached is pinned: nothing is read.
    #expect(hits == plain.rows.read)
  }

  @Test func theLikeliestRowsArePinnedAndOnlyThoseThatBatchesNeed() throws {
    let graph = G(seed: printedSeed()).memoryGraph
    let probabilities = try loader(graph).inclusionProbabilities()
    let few = try loader(graph).pinningRows(
      by: probabilities, byteLimit: 1 << 30, batchCount: 1
    ).options.pinnedRows!
    let all = try loader(graph).pinningRows(
      by: probabilities, byteLimit: 1 << 30, batchCount: 1_000_000
    ).options.pinnedRows!
    // One batch needs a row again only when it is certain to need it.
    #expect(few.count < all.count)
    let odds = probabilities.nodes[G.item]
    #expect(all.count == odds.count { $0 > 0 })
    // As likely as the best that a sorted array holds, as far as probabilities are told apart.
    for count in [1, 10, 50, 200] {
      let estimate = try loader(graph).readingEstimate(
        by: probabilities,
        pinnedByteLimit: BitRanks.byteCount(bound: odds.count) + 4 * G.width * count,
        epochCount: 1_000_000)
      let best = odds.sorted(by: >).prefix(count).reduce(0) { $0 + Double($1) }
      let share = best / odds.reduce(0) { $0 + Double($1) }
      #expect(abs(estimate.pinnedShare - share) <= 0.01 * share, "\(count) rows")
    }
  }

  @Test func changedRowsArePinnedAsTheyAreNow() async throws {
    let directory = TemporaryDirectory()
    let plain = try loaderOfChangedStore(in: directory, seed: printedSeed())
    let graph = plain.graph
    let pinned = try plain.pinningRows(
      by: plain.inclusionProbabilities(), byteLimit: 1 << 20, batchCount: 1 << 30)
    #expect(pinned.options.pinnedRows!.count > 0)
    #expect(try await content(plain).digest == content(pinned).digest)
    // As the columns keep them.
    let nodes = (0..<UInt32(graph.count(of: RandomStore.item))).map { $0 }
    let layout = try #require(graph.layout(of: "x", of: RandomStore.item))
    var bytes = [UInt8](repeating: 1, count: nodes.count * layout.byteCount)
    try bytes.withUnsafeMutableBytes {
      try graph.copy(nodes.span, of: RandomStore.item, column: "x", into: $0)
    }
    var widened = [Float](repeating: -1, count: nodes.count * layout.width)
    var gathered = widened
    bytes.withUnsafeBytes { bytes in
      widened.withUnsafeMutableBufferPointer { out in
        nodes.withUnsafeBufferPointer {
          layout.widen(bytes, slots: $0, into: out.baseAddress!, at: $0.baseAddress!)
        }
      }
    }
    try gathered.withUnsafeMutableBufferPointer {
      try graph.gather(nodes.span, of: RandomStore.item, column: "x", into: $0)
    }
    #expect(widened == gathered && !widened.isEmpty)
  }

  @Test func theCallersErrorStopsIt() throws {
    let graph = G(seed: printedSeed()).memoryGraph
    let loader = loader(graph)
    let probabilities = try loader.inclusionProbabilities()
    #expect(throws: HedgerowError.self) {
      _ = try loader.pinningRows(
        by: probabilities, byteLimit: 1 << 20, batchCount: 1000,
        checkInterruption: { throw HedgerowError(.interrupted, "stop") })
    }
  }
}
