import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
import HedgerowStore
import HedgerowTestSupport
import Testing

/// A part of a store's edges against the store's own answers, filtered one by one.
@Suite struct KeptEdgesOfStoreTests {
  /// Of types with columns, without, undirected and by time, in segments and in changes since.
  @Test(arguments: [0.05, 0.6, 1])
  func aPartOfAStoreIsWhatAFilterLeaves(share: Double) throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var made = try RandomStore(at: directory("s"), seed: seed)
    try made.change(1500)
    try made.store.compact()
    try made.change(200)
    let graph = try made.store.snapshot()
    var random = RandomStream(seed: seed).derive("kept")
    var kept = PerEdge<RoaringBitmap>()
    for edge in graph.schema.edges where edge.type != RandomStore.follows || share < 1 {
      kept[edge.type] = RoaringBitmap(
        (0..<UInt32(graph.count(of: edge.type))).filter { _ in random.nextUnit() < share })
    }
    let seen = try EdgeSubgraph(graph, keeping: kept)
    for relation in graph.schema.relations() {
      let members = kept[optional: relation.stored]?.map { UInt64($0) }
      if let members { #expect(seen.count(of: relation.stored) == members.count) }
      let numbers = members.map { members in
        Dictionary(uniqueKeysWithValues: members.enumerated().map { ($1, UInt64($0)) })
      }
      for row in 0..<UInt32(graph.count(of: relation.target)) {
        let all = try graph.entries(of: row, along: relation)
        let expected = all.compactMap { entry in
          guard let numbers else { return entry }
          return numbers[entry.edge].map { RowEntry(neighbor: entry.neighbor, edge: $0) }
        }
        #expect(try seen.entries(of: row, along: relation) == expected)
      }
      if let members {
        let ranks = members.indices.map { UInt64($0) }
        let (here, there) = try (
          seen.endpoints(of: ranks.span, relation.stored),
          graph.endpoints(of: members.span, relation.stored)
        )
        #expect(here.sources == there.sources && here.targets == there.targets)
      }
    }
  }
}
