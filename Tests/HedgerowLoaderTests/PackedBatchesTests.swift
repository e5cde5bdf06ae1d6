import HedgerowCore
import HedgerowGraph
import HedgerowMapped
import HedgerowSampling
import HedgerowStore
import HedgerowTensor
import HedgerowTestSupport
import Testing

@testable import HedgerowLoader

private typealias G = ReferenceGraph

@Suite struct PackedBatchesTests {
  /// Pins rows of so many bytes, of columns of these types.
  private func pinned<Graph>(
    _ loader: NeighborLoader<Graph>, _ byteCount: Int, of types: [NodeType] = [G.item]
  ) throws -> NeighborLoader<Graph> {
    let ranks = types.reduce(0) {
      $0 + BitRanks.byteCount(bound: loader.graph.count(of: $1))
    }
    return try loader.pinningRows(
      by: loader.inclusionProbabilities(), byteLimit: ranks + byteCount, batchCount: 1 << 30)
  }

  private func digest<Graph>(
    _ loader: NeighborLoader<Graph>, epoch: Int, from first: Int = 0
  ) async throws -> String {
    var digest = BatchDigest()
    for try await batch in loader.epoch(epoch, from: first) {
      batch.subgraph.fold(into: &digest)
      for features in batch.features.values {
        features.withUnsafeBufferPointer { digest.fold(UnsafeRawBufferPointer($0)) }
      }
    }
    return "\(digest)"
  }

  @Test func batchesAreTheSameBitsHoweverTheirRowsAreRead() async throws {
    let reference = G(seed: printedSeed())
    let directory = TemporaryDirectory()
    let graph = try reference.makeStore(at: directory("s")).snapshot()
    func loader(threads: Int) -> NeighborLoader<Snapshot> {
      var options = LoaderOptions()
      options.threads = threads
      return NeighborLoader(
        graph, seeds: .nodes(G.item, in: "train"), fanouts: [4, 3], batchSize: 16, seed: 9,
        options: options)
    }
    let plain = loader(threads: 2)
    var expected: [String] = []
    for epoch in 0..<6 { expected.append(try await digest(plain, epoch: epoch)) }
    let tail = try await digest(plain, epoch: 3, from: 2)
    // Buffers of a single row, and some rows listed at a time; and of many.
    for (threads, rowCount, byteLimit) in [(1, 0, 1 << 22), (3, 5, 1 << 11), (3, 40, 1 << 22)] {
      let packed = try await pinned(loader(threads: threads), rowCount * 4 * G.width).packing(
        epochs: 2..<5, from: 1, in: directory.path, byteLimit: byteLimit, when: .always)
      let rows = try #require(packed.options.packed)
      #expect(rows.epochs == 2..<5 && rows.byteCount > 0)
      for epoch in 0..<6 {
        #expect(try await digest(packed, epoch: epoch) == expected[epoch])
      }
      try checkFiles(of: packed, against: plain)
      // Rows that are pinned anew are not those beside which others were packed.
      let anew = try pinned(packed, 12 * G.width)
      #expect(anew.options.packed == nil)
      #expect(try await digest(anew, epoch: 3) == expected[3])
      // Batches may be read again, and from the middle.
      #expect(try await digest(packed, epoch: 3, from: 2) == tail)
    }
    #expect(try FileSystem.names(in: directory.path) == ["s"])
  }

  /// What is packed is what batches are made of, and nothing else is there.
  private func checkFiles(
    of packed: NeighborLoader<Snapshot>, against plain: NeighborLoader<Snapshot>
  ) throws {
    let files = try #require(packed.options.packed)
    let column = try #require(packed.options.pinnedRows?.columns.first)
    for (epoch, batch) in [(2, 1), (3, 0), (4, 2)] {
      let expected = try plain.batch(batch, epoch: epoch)
      let subgraph = try #require(try files.subgraph(epoch: epoch, batch: batch))
      #expect(subgraph.nodes[G.item] == expected.subgraph.nodes[G.item])
      let split = column.split(subgraph.nodes[G.item])
      #expect(!split.otherNodes.isEmpty)
      var rows = [Float](repeating: -1, count: subgraph.nodes[G.item].count * column.layout.width)
      let isThere = try rows.withUnsafeMutableBufferPointer {
        try files.read(
          column, epoch: epoch, batch: batch, places: split.otherPlaces, into: $0.baseAddress!)
      }
      #expect(isThere)
      let width = column.layout.width
      for place in split.otherPlaces.map({ Int($0) }) {
        let row = expected.features[G.item].gathered(rows: [UInt32(place)]).scalars
        #expect(rows[place * width..<(place + 1) * width].elementsEqual(row))
      }
    }
    for (epoch, batch) in [(1, 0), (2, 0), (5, 0)] {
      #expect(try files.subgraph(epoch: epoch, batch: batch) == nil)
    }
  }

  @Test func columnsOfSeveralTypesAndChangesSinceArePacked() async throws {
    let directory = TemporaryDirectory()
    let plain = try loaderOfChangedStore(in: directory, seed: printedSeed())
    let packed = try await pinned(
      plain, 40, of: [RandomStore.item, RandomStore.user]
    ).packing(
      epochs: 0..<2, in: directory.path, byteLimit: 1 << 20, when: .always)
    #expect(packed.options.packed?.epochs == 0..<2)
    for epoch in 0..<2 {
      #expect(try await digest(packed, epoch: epoch) == digest(plain, epoch: epoch))
    }
  }

  @Test func subgraphsOfEveryFormArePacked() async throws {
    let reference = G(seed: printedSeed())
    let directory = TemporaryDirectory()
    let graph = try reference.makeStore(at: directory("s")).snapshot()
    func changed(_ change: (inout SamplingOptions) -> Void) -> SamplingOptions {
      var options = SamplingOptions()
      change(&options)
      return options
    }
    for sampling in [
      changed { $0.trees = .disjoint }, changed { $0.edgeIDs = .present },
      changed { ($0.trees, $0.edges) = (.disjoint, .induced(layers: 3)) },
      changed { $0.edges = .bidirectional(layers: 2) }, changed { $0.replacement = .with },
    ] {
      var options = LoaderOptions()
      options.sampling = sampling
      let plain = NeighborLoader(
        graph, seeds: .nodes(G.item, in: "train"), fanouts: [4, 3], batchSize: 16, seed: 9,
        options: options)
      let packed = try await pinned(plain, 20 * G.width).packing(
        epochs: 0..<2, in: directory.path, byteLimit: 1 << 20, when: .always)
      #expect(packed.options.packed?.epochs == 0..<2)
      for epoch in 0..<2 {
        #expect(try await digest(packed, epoch: epoch) == digest(plain, epoch: epoch))
      }
      let (one, other) = (try packed.batch(1, epoch: 1), try plain.batch(1, epoch: 1))
      #expect(one.subgraph.seedType == other.subgraph.seedType)
      #expect(one.subgraph.hopCount == other.subgraph.hopCount)
      for (type, known) in other.subgraph.knownCounts {
        #expect(one.subgraph.knownCounts[type] == known)
      }
      #expect(one.subgraph.trees.keys == other.subgraph.trees.keys)
    }
  }

  @Test func epochsArePackedByEightAtMost() async throws {
    let graph = G(seed: printedSeed()).memoryGraph
    let directory = TemporaryDirectory()
    let plain = NeighborLoader(
      graph, seeds: .nodes(G.item, in: "train"), fanouts: [4, 3], batchSize: 16, seed: 9)
    // In little memory all batches' nodes are read time and again: only where it is asked for.
    func isListed(in byteLimit: Int) -> Bool {
      PackedBatches.listsCheaply(
        rows: 1000, rowBytes: 1000 * 1024, nodeBytes: 4 * 2000, byteLimit: byteLimit)
    }
    #expect(isListed(in: 1 << 20) && isListed(in: 800) && !isListed(in: 600) && !isListed(in: 0))
    for (epochs, byteLimit) in [(1, 64), (3, 1024), (20, 1 << 20)] {
      let packed = try await pinned(plain, 0).packing(
        epochs: 0..<epochs, in: directory.path, byteLimit: byteLimit, when: .always)
      #expect(packed.options.packed?.epochs == 0..<min(8, epochs))
      for epoch in [0, 7] {
        #expect(try await digest(packed, epoch: epoch) == digest(plain, epoch: epoch))
      }
    }
  }

  @Test func withoutReasonOrPlaceNothingIsPacked() async throws {
    let graph = G(seed: printedSeed()).memoryGraph
    let directory = TemporaryDirectory()
    let plain = NeighborLoader(
      graph, seeds: .nodes(G.item, in: "train"), fanouts: [4, 3], batchSize: 16, seed: 9)
    let loader = try pinned(plain, 12 * G.width)
    func rows(
      _ loader: NeighborLoader<MemoryGraph>, in place: String, _ packing: Packing
    ) async throws -> PackedBatches? {
      try await loader.packing(
        epochs: 0..<2, in: place, byteLimit: 1 << 20, when: packing
      ).options.packed
    }
    #expect(try await rows(loader, in: directory.path, .never) == nil)
    // Nothing is pinned, and so nothing is beside it.
    #expect(try await rows(plain, in: directory.path, .always) == nil)
    #expect(try await rows(loader, in: directory("none"), .automatic) == nil)
    await #expect(throws: HedgerowError.self) {
      _ = try await rows(loader, in: directory("none"), .always)
    }
    await #expect(throws: HedgerowError.self) {
      _ = try await loader.packing(
        epochs: 0..<2, in: directory.path, byteLimit: 1 << 20, when: .always,
        checkInterruption: { throw HedgerowError(.interrupted, "stop") })
    }
  }
}
