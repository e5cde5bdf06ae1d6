import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
import HedgerowTestSupport
import Testing

@Suite struct EdgeSubgraphTests {
  private let link = EdgeType("a", "link", "b")
  private let other = EdgeType("b", "other", "b")

  private func only(_ edges: RoaringBitmap) -> PerEdge<RoaringBitmap> {
    var kept = PerEdge<RoaringBitmap>()
    kept[link] = edges
    return kept
  }

  /// A graph with parallel edges, and the one that it is when only some are there.
  private func graphs(
    time: String?, _ random: inout RandomStream
  ) -> (whole: MemoryGraph, part: MemoryGraph, kept: RoaringBitmap) {
    var list = EdgeList(sources: [], targets: [])
    var times: [Int64] = []
    for _ in 0..<300 {
      list.sources.append(UInt32(random.next(below: 20)))
      list.targets.append(UInt32(random.next(below: 15)))
      times.append(Int64(random.next(below: 9)))
    }
    // In the order of edges, so that places are those of the list.
    let order = list.sources.indices.sorted {
      (list.sources[$0], list.targets[$0], $0) < (list.sources[$1], list.targets[$1], $1)
    }
    list = EdgeList(
      sources: order.map { list.sources[$0] }, targets: order.map { list.targets[$0] })
    times = order.map { times[$0] }
    let kept = order.indices.filter { _ in random.next(below: 3) > 0 }
    func graph(_ places: [Int]) -> MemoryGraph {
      var graph = MemoryGraph()
      graph["a"].count = 25
      graph["b"].count = 15
      graph[link] = MemoryGraph.Edges(
        EdgeList(
          sources: places.map { list.sources[$0] }, targets: places.map { list.targets[$0] }),
        columns: ["at": .integers(places.map { times[$0] })], time: time)
      graph[other].edges = EdgeList(sources: [3, 4], targets: [1, 2])
      return graph
    }
    return (graph(Array(order.indices)), graph(kept), RoaringBitmap(kept.map { UInt32($0) }))
  }

  @Test(arguments: [String?.none, "at"])
  func itReadsLikeAGraphThatNeverHadTheOtherEdges(time: String?) throws {
    let seed = printedSeed()
    var random = RandomStream(seed: seed).derive("graph")
    let (whole, part, kept) = graphs(time: time, &random)
    let seen = try EdgeSubgraph(whole, keeping: only(kept))
    #expect(seen.count(of: link) == part.count(of: link) && seen.count(of: other) == 2)
    for relation in part.schema.relations() {
      for row in 0..<UInt32(part.count(of: relation.target)) {
        #expect(
          try seen.entries(of: row, along: relation) == part.entries(of: row, along: relation))
      }
    }
    let all = (0..<UInt64(part.count(of: link))).map { $0 }
    let (a, b) = (try seen.endpoints(of: all.span, link), try part.endpoints(of: all.span, link))
    #expect(a.sources == b.sources && a.targets == b.targets)
    #expect(try times(all, seen) == times(all, part))
    #expect(try linked(seen) == linked(part))
  }

  /// Rows of thousands of entries, of which few are kept or most, asked for at random addresses and one after the other.
  @Test(arguments: [2, 50, 98])
  func longRowsAreSearchedAndGoneOver(percent: UInt64) throws {
    let seed = printedSeed()
    var random = RandomStream(seed: seed).derive("graph")
    let count = 60_000
    // A third of the edges lead to one node, and a third from one.
    let ends = (0..<count).map { edge -> (UInt32, UInt32) in
      (
        edge % 3 == 0 ? 7 : UInt32(random.next(below: 900)),
        edge % 3 == 1 ? 5 : UInt32(random.next(below: 900))
      )
    }.sorted { $0 < $1 }
    let kept = (0..<count).filter { _ in random.next(below: 100) < percent }
    func graph(_ places: [Int]) -> MemoryGraph {
      var graph = MemoryGraph()
      graph["a"].count = 1000
      graph["b"].count = 900
      graph[link].edges = EdgeList(
        sources: places.map { ends[$0].0 }, targets: places.map { ends[$0].1 })
      return graph
    }
    let part = graph(kept)
    let seen = try EdgeSubgraph(
      graph(Array(0..<count)), keeping: only(RoaringBitmap(kept.map { UInt32($0) })))
    for relation in part.schema.relations() {
      let rows = (0..<UInt32(part.count(of: relation.target))).map { $0 }
      let here = try seen.extents(of: rows.span, along: relation)
      let there = try part.extents(of: rows.span, along: relation)
      #expect(here.map(\.count) == there.map(\.count))
      var entries: [(row: UInt32, place: UInt32)] = rows.flatMap { row in
        (0..<there[Int(row)].count).map { (row, $0) }
      }
      for isShuffled in [false, true] {
        if isShuffled { entries.shuffle(using: &random) }
        let own = entries.map { here[Int($0.row)].start + UInt64($0.place) }
        let others = entries.map { there[Int($0.row)].start + UInt64($0.place) }
        #expect(
          try seen.neighbors(at: own.span, along: relation)
            == part.neighbors(at: others.span, along: relation))
        let ofEntries = entries.map(\.row)
        #expect(
          try seen.edges(at: own.span, in: ofEntries.span, along: relation)
            == part.edges(at: others.span, in: ofEntries.span, along: relation))
      }
      var a = [UInt32](repeating: 0, count: entries.count)
      var b = a
      var intoA = a.mutableSpan
      try seen.read(here.span, along: relation, into: &intoA)
      var intoB = b.mutableSpan
      try part.read(there.span, along: relation, into: &intoB)
      #expect(a == b)
    }
  }

  /// Of three edges, two of which begin at the first node.
  private static func three(keeping edges: RoaringBitmap) throws -> EdgeSubgraph<MemoryGraph> {
    var graph = MemoryGraph()
    graph["a"].count = 2
    let link = EdgeType("a", "link", "a")
    graph[link].edges = EdgeList(sources: [0, 0, 1], targets: [0, 1, 1])
    var kept = PerEdge<RoaringBitmap>()
    kept[link] = edges
    return try EdgeSubgraph(graph, keeping: kept)
  }

  @Test func anAddressOfNoEntryEndsTheProgram() async {
    await #expect(processExitsWith: .failure) {
      let seen = try EdgeSubgraphTests.three(keeping: [0, 2])
      // The first row has one entry.
      let addresses: [UInt64] = [1]
      _ = try seen.neighbors(at: addresses.span, along: seen.schema.relations()[1])
    }
  }

  @Test func anEdgeBeyondTheCountEndsTheProgram() async {
    await #expect(processExitsWith: .failure) {
      _ = try EdgeSubgraphTests.three(keeping: [0, 3])
    }
  }

  @Test func anUnknownTypeIsRefused() throws {
    var random = RandomStream(seed: 1)
    let (whole, _, _) = graphs(time: nil, &random)
    var unknown = PerEdge<RoaringBitmap>()
    unknown[EdgeType("a", "nothing", "b")] = RoaringBitmap()
    #expect(throws: HedgerowError.self) { _ = try EdgeSubgraph(whole, keeping: unknown) }
  }

  private func times(_ edges: [UInt64], _ graph: some Topology) throws -> [Int64] {
    try graph.integers(of: "at", of: ColumnOwner.edges(link), at: edges.span, null: -1)
  }

  private func linked(_ graph: some Topology) throws -> [Bool] {
    let sources = (0..<400).map { UInt32($0 / 15 % 20) }
    let targets = (0..<400).map { UInt32($0 % 15) }
    return try graph.contains(link, sources: sources.span, targets: targets.span)
  }

  @Test func noneOrAllMayBeKept() throws {
    var random = RandomStream(seed: 1)
    let (whole, _, _) = graphs(time: nil, &random)
    let none = try EdgeSubgraph(whole, keeping: only(RoaringBitmap()))
    #expect(none.count(of: link) == 0)
    let relation = whole.schema.relations()[0]
    #expect(try none.neighbors(of: NodeID(3), along: relation).isEmpty)
    let all = try EdgeSubgraph(whole, keeping: only(RoaringBitmap(0..<300)))
    #expect(
      try all.neighbors(of: NodeID(3), along: relation)
        == whole.neighbors(of: NodeID(3), along: relation))
  }
}
