import Foundation
import HedgerowCore
import HedgerowGraph
import HedgerowLoader
import HedgerowStore
import HedgerowTensor
import HedgerowTestSupport
import Synchronization
import Testing

private typealias G = ReferenceGraph

/// Training reads one version, whatever is written beside it.
@Suite struct PinnedTrainingTests {
  /// All batches of an epoch along all relations: neighbors, features and labels.
  private func digest(_ graph: Snapshot) async throws -> [String] {
    var digests: [String] = []
    for (seeds, label) in [(Seeds.nodes(G.item, in: "train"), "parity"), (.nodes(G.user), nil)] {
      var options = LoaderOptions()
      options.labels = label
      let loader = NeighborLoader(
        graph, seeds: seeds, fanouts: [5, 4], batchSize: 64, seed: 9, options: options)
      var digest = BatchDigest()
      for try await batch in loader.epoch(1) {
        batch.subgraph.fold(into: &digest)
        batch.features[G.item].withUnsafeBufferPointer { digest.fold(UnsafeRawBufferPointer($0)) }
        digest.fold(batch.labels)
      }
      digests.append("\(digest)")
    }
    return digests
  }

  /// A store with changes of every kind beside its segments.
  private func makeStore(at path: String, seed: UInt64) throws -> GraphStore {
    let reference = G(seed: seed, users: 1500, items: 2500, edgeCount: 30_000)
    let store = try reference.makeStore(at: path, rangeBits: 9)
    store.compactsAutomatically = false
    var random = RandomStream(seed: seed).derive(1)
    func draw(_ bound: Int) -> NodeID { NodeID(UInt32(random.next(below: UInt64(bound)))) }
    try store.write { txn in
      for number in 0..<40 {
        let new = try txn.insert(
          G.item, key: "new-\(number)",
          ["x": .vector([1, 2, 3, 4, Float(number)]), "parity": .text("neither")])
        try txn.insert(new, of: G.item, into: "train")
        try txn.connect(draw(1500), G.rates, new, ["stars": 3])
      }
      for _ in 0..<3000 {
        try txn.connect(draw(1500), G.rates, draw(2500), ["stars": 5])
        try txn.connect(draw(1500), G.follows, draw(1500))
        let user = draw(1500)
        if let target = try txn.neighbors(of: user, along: G.rates).first {
          try txn.disconnect(user, G.rates, target, parallel: 0)
        }
      }
      for number in 0..<400 {
        let item = draw(2500)
        try txn.set("x", of: G.item, item, to: .vector([0, 1, 0, 1, Float(number)]))
        try txn.set("parity", of: G.item, item, to: number % 3 == 0 ? nil : .text("odd"))
      }
      for id in 0..<20 { try txn.delete(G.item, NodeID(UInt32(40 * id))) }
      for id in 0..<20 { try txn.delete(G.user, NodeID(UInt32(30 * id))) }
    }
    return store
  }

  @Test func changesBesideSegmentsSampleLikeTheirCompaction() async throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(at: directory("s"), seed: printedSeed())
    let before = try store.snapshot()
    let changed = try await digest(before)
    try store.compact()
    let after = try store.snapshot()
    #expect(after.version == before.version && after.generation > before.generation)
    #expect(try await digest(after) == changed)
    #expect(try await digest(before) == changed)
    #expect(try ContentDigest(before) == ContentDigest(after))
  }

  /// `HEDGEROW_PINNED_CHANGES` edges are added and deleted: see `tools/train-beside-writes`.
  @Test func anEpochIsThatOfAQuietCopyWhileEdgesComeAndGo() async throws {
    let count =
      ProcessInfo.processInfo.environment["HEDGEROW_PINNED_CHANGES"].flatMap { Int($0) } ?? 30_000
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let store = try makeStore(at: directory("s"), seed: seed)
    try FileManager.default.copyItem(atPath: directory("s"), toPath: directory("quiet"))
    let quiet = try GraphStore.open(at: directory("quiet"))
    try quiet.compact()
    let expected = try await digest(quiet.snapshot())

    let pinned = try store.snapshot()
    store.compactsAutomatically = true
    let writing = Writing()
    let writer = HedgerowCore.Thread.start { writing.change(store, count, seed) }
    let compactor = HedgerowCore.Thread.start { writing.compact(store) }
    var epochs = 0
    var isRight = true
    while !writing.isOver || epochs == 0 {
      let found = try await digest(pinned)
      isRight = isRight && found == expected
      epochs += 1
    }
    HedgerowCore.Thread.join(writer)
    HedgerowCore.Thread.join(compactor)
    #expect(isRight)
    #expect(try await digest(pinned) == expected)
    let failure = writing.failure
    #expect(failure == nil)
    #expect(try store.snapshot().version > pinned.version)
    let folds = try store.statistics().generation - pinned.generation
    #expect(folds > 0)
    print(
      "\(writing.changes) edges added and deleted, \(folds) compactions: \(epochs) epochs of version"
        + " \(pinned.version), all with the digest of a quiet copy: \(isRight)")
  }

  /// What goes on beside the epochs.
  private final class Writing: Sendable {
    private struct State {
      var isOver = false
      var changes = 0
      var failure: String?
    }
    private let state = Mutex(State())
    var isOver: Bool { state.withLock { $0.isOver } }
    var changes: Int { state.withLock { $0.changes } }
    var failure: String? { state.withLock { $0.failure } }

    /// Adds and deletes edges in commits of 1,000.
    func change(_ store: GraphStore, _ count: Int, _ seed: UInt64) {
      var random = RandomStream(seed: seed).derive(2)
      func draw(_ bound: Int) -> NodeID { NodeID(UInt32(random.next(below: UInt64(bound)))) }
      do {
        while changes < count {
          let made = try store.write { txn in
            var made = 0
            while made < 1000 {
              let (user, other) = (draw(1500), draw(1500))
              guard try txn.contains(user, of: G.user), try txn.contains(other, of: G.user) else {
                continue
              }
              if made % 2 == 0 {
                try txn.connect(user, G.follows, other)
                made += 1
              } else if let target = try txn.neighbors(of: user, along: G.follows).last {
                try txn.disconnect(user, G.follows, target, parallel: 0)
                made += 1
              }
            }
            return made
          }
          state.withLock { $0.changes += made }
        }
      } catch { fail(error) }
      state.withLock { $0.isOver = true }
    }

    func compact(_ store: GraphStore) {
      do {
        repeat { try store.compact(waiting: 60) } while !isOver
      } catch { fail(error) }
    }

    private func fail(_ error: any Error) { state.withLock { $0.failure = "\(error)" } }
  }
}
