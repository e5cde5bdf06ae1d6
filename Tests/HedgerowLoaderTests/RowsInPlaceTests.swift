import HedgerowCore
import HedgerowGraph
import HedgerowLoader
import HedgerowStore
import HedgerowTestSupport
import Testing

@testable import HedgerowTensor

private typealias G = ReferenceGraph

/// Batches whose rows stay in the store, against batches that have copies.
@Suite struct RowsInPlaceTests {
  private func batches(
    _ graph: Snapshot, _ columns: [String], inPlace: Bool
  ) async throws -> [Tensor] {
    var options = LoaderOptions()
    options.inputs = [G.item: columns]
    options.leavesRowsInPlace = inPlace
    let loader = NeighborLoader(
      graph, seeds: .nodes(G.item, in: "train"), fanouts: [4, 3], batchSize: 16, seed: 9,
      options: options)
    var features: [Tensor] = []
    for try await batch in loader.epoch(0) { features.append(batch.features[G.item]) }
    return features
  }

  /// Drawn rows of a kind, some of them null.
  private func set(
    _ name: String, _ kind: PropertyKind, of store: GraphStore, seed: UInt64
  ) throws {
    try store.setColumn(PropertySchema(name, kind), of: G.item) { node in
      var stream = RandomStream(seed: seed &+ UInt64(node.rawValue))
      if stream.next(below: 5) == 0 { return nil }
      return .vector((0..<kind.width).map { _ in Float(Int(stream.next(below: 200)) - 100) / 8 })
    }
  }

  @Test func rowsAreTheSameInPlaceAndCopied() async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let store = try G(seed: seed).makeStore(at: directory("s"))
    store.compactsAutomatically = false
    let kinds: [(String, PropertyKind, staysInPlace: Bool)] = [
      ("single", .vector(element: .float32, width: 7), true),
      ("half", .vector(element: .float16, width: 5), true),
      ("brain", .vector(element: .bfloat16, width: 33), true),
      ("double", .vector(element: .float64, width: 2), false),
    ]
    for (name, kind, _) in kinds { try set(name, kind, of: store, seed: seed) }
    let graph = try store.snapshot()
    for (name, _, staysInPlace) in kinds {
      let copies = try await batches(graph, [name], inPlace: false)
      let rows = try await batches(graph, [name], inPlace: true)
      #expect(copies.count > 1 && copies.allSatisfy { $0.array.isContiguous })
      #expect(rows.allSatisfy { $0.array.isContiguous != staysInPlace }, "\(name)")
      #expect(rows.map(\.array) == copies.map(\.array), "\(name)")
    }
    let pairs = try await batches(graph, ["single", "half"], inPlace: true)
    #expect(pairs.allSatisfy { $0.array.isContiguous }, "columns side by side are copied")

    // What changed lies elsewhere; who holds the snapshot before still sees its rows.
    let before = try await batches(graph, ["single"], inPlace: true)
    try store.write { (txn) throws in
      for node in 0..<UInt32(graph.count(of: G.item)) where node % 3 == 0 {
        try txn.set(
          "single", of: G.item, NodeID(node), to: .vector([Float](repeating: 1, count: 7)))
      }
    }
    let changed = try store.snapshot()
    let rows = try await batches(changed, ["single"], inPlace: true)
    let copies = try await batches(changed, ["single"], inPlace: false)
    #expect(rows.map(\.array) == copies.map(\.array))
    let copiesBefore = try await batches(graph, ["single"], inPlace: false)
    #expect(before.map(\.array) == copiesBefore.map(\.array))
    #expect(rows.map(\.array) != before.map(\.array))
  }

  @Test func rowsStayWhereTheyAreWhenTheStoreIsGone() async throws {
    let directory = TemporaryDirectory()
    var store: GraphStore? = try G(seed: 3).makeStore(at: directory("s"))
    var graph: Snapshot? = try store!.snapshot()
    let rows = try await batches(graph!, ["x"], inPlace: true)
    let copies = try await batches(graph!, ["x"], inPlace: false)
    graph = nil
    store = nil
    #expect(rows.contains { !$0.array.isContiguous })
    #expect(rows.map(\.array) == copies.map(\.array))
  }
}
