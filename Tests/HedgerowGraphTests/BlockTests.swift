import HedgerowCore
import HedgerowGraph
import HedgerowTestSupport
import Testing

@Suite struct BlockTests {
  /// Edges in any order, with repeats, targets without sources and sources without targets.
  private func drawEdges(
    _ count: Int, sources: Int, targets: Int, _ random: inout RandomStream
  ) -> (sources: [UInt32], targets: [UInt32]) {
    let from = (0..<count).map { _ in UInt32(random.next(below: UInt64(sources))) }
    let to = (0..<count).map { _ in UInt32(random.next(below: UInt64(targets))) }
    return (from, to)
  }

  private func row(_ block: Block, _ row: Int) -> [UInt32] {
    Array(block.sources[Int(block.offsets[row])..<Int(block.offsets[row + 1])])
  }

  @Test func singleEdgesBecomeRowsThatKeepTheirOrder() {
    var random = RandomStream(seed: printedSeed())
    for (count, sources, targets) in [(0, 0, 0), (0, 5, 3), (1, 1, 1), (40, 7, 9), (500, 64, 20)] {
      let edges = drawEdges(count, sources: sources, targets: targets, &random)
      let block = Block(
        sources: edges.sources, targets: edges.targets, sourceCount: sources, targetCount: targets)
      #expect(block.edgeCount == count)
      #expect(block.sourceCount == sources && block.targetCount == targets)
      for target in 0..<targets {
        let expected = zip(edges.sources, edges.targets).filter { $0.1 == target }.map(\.0)
        #expect(row(block, target) == expected)
      }
    }
  }

  @Test func theTransposedListsEachSourcesTargetsRising() {
    var random = RandomStream(seed: printedSeed())
    // The last has more sources than edges: its rows are those that send something.
    for (count, sources, targets) in [(0, 4, 2), (60, 9, 30), (700, 40, 40), (60, 500, 30)] {
      let edges = drawEdges(count, sources: sources, targets: targets, &random)
      let block = Block(
        sources: edges.sources, targets: edges.targets, sourceCount: sources, targetCount: targets)
      let plain = block.transposed()
      let numbered = block.transposed(entryNumbers: .present)
      #expect(plain.entries.isEmpty && plain.targets == numbered.targets)
      #expect((plain.places != nil) == (2 * Set(edges.sources).count < sources))
      #expect(numbered.targets.count == count && Set(numbered.entries).count == count)
      let places = numbered.places ?? (0..<UInt32(sources)).map { $0 }
      #expect(places == places.sorted() && Set(places).isSuperset(of: edges.sources))
      for (row, source) in places.enumerated() {
        let entries = Int(numbered.offsets[row])..<Int(numbered.offsets[row + 1])
        let expected = zip(edges.sources, edges.targets).filter { $0.0 == source }.map(\.1)
        #expect(Array(numbered.targets[entries]) == expected.sorted())
        for entry in entries {
          let number = Int(numbered.entries[entry])
          #expect(block.sources[number] == source)
          let target = Int(numbered.targets[entry])
          #expect(block.offsets[target] <= number && number < block.offsets[target + 1])
        }
      }
    }
  }

  @Test func arraysLongerThanTheBlockAreNotLookedAtBeyondIt() {
    let block = Block(
      offsets: [0, 2, 3, 7, 900], sources: [1, 0, 2, 50, 60, 70, 80], sourceCount: 3,
      targetCount: 2)
    #expect(block.edgeCount == 3)
    let transposed = block.transposed()
    #expect(transposed.offsets == [0, 1, 2, 3] && transposed.targets == [0, 0, 1])
    #expect(block.reached == nil)
    let looped = block.addingSelfLoops(.everywhere)
    #expect(looped.offsets == [0, 3, 5] && looped.sources == [1, 0, 0, 2, 1])
  }

  @Test func targetsWithoutEdgesAreLeftOutOfTheReached() throws {
    var random = RandomStream(seed: printedSeed())
    let drawn = drawEdges(20, sources: 10, targets: 60, &random)
    let block = Block(
      sources: drawn.sources, targets: drawn.targets, sourceCount: 10, targetCount: 60)
    let reached = try #require(block.reached)
    #expect(reached.targets == Set(drawn.targets).sorted())
    for (index, target) in reached.targets.enumerated() {
      #expect(row(reached.block, index) == row(block, Int(target)))
    }
    #expect(
      Block(sources: [0, 0], targets: [0, 1], sourceCount: 1, targetCount: 2).reached == nil)
  }

  @Test func selfLoopsComeOnceWhereTheyAreMissingOrEverywhere() {
    // 1 has two loops, 2 has none.
    let block = Block(
      sources: [1, 0, 1, 2, 1], targets: [0, 0, 1, 1, 1], sourceCount: 4, targetCount: 3)
    let once = block.addingSelfLoops(.whereMissing)
    #expect((0..<3).map { row(once, $0) } == [[1, 0], [2, 1], [2]])
    #expect(once.edges == [0, 1, 3, 4, Block.noEdge], "0 is among its own, and is no new edge")
    let everywhere = block.addingSelfLoops(.everywhere)
    #expect((0..<3).map { row(everywhere, $0) } == [[1, 0, 0], [1, 2, 1, 1], [2]])
    #expect(
      everywhere.edges == [0, 1, Block.noEdge, 2, 3, 4, Block.noEdge, Block.noEdge])
  }

  @Test func oneTransposedServesAllThreads() async {
    let block = Block(
      sources: (0..<1000).map { UInt32($0 % 7) }, targets: (0..<1000).map { UInt32($0 % 13) },
      sourceCount: 7, targetCount: 13)
    let pool = ThreadPool(threadCount: 4)
    let sums = UnsafeMutablePointer<Int>.allocate(capacity: 16)
    defer { sums.deallocate() }
    // Each part has a place of its own.
    nonisolated(unsafe) let places = sums
    pool.run(parts: 16) { part in
      places[part] = block.transposed().targets.reduce(0) { $0 + Int($1) }
    }
    let expected = (0..<1000).reduce(0) { $0 + $1 % 13 }
    #expect((0..<16).allSatisfy { sums[$0] == expected })
  }

  @Test func indicesOutOfRangeEndTheProgram() async {
    await #expect(processExitsWith: .failure) {
      _ = Block(sources: [3], targets: [0], sourceCount: 3, targetCount: 1)
    }
    await #expect(processExitsWith: .failure) {
      _ = Block(sources: [0], targets: [1], sourceCount: 3, targetCount: 1)
    }
    await #expect(processExitsWith: .failure) {
      _ = Block(sources: [0, 1], targets: [0], sourceCount: 3, targetCount: 1)
    }
    await #expect(processExitsWith: .failure) {
      _ = Block(offsets: [0, 4], sources: [0, 1, 2], sourceCount: 3, targetCount: 1)
    }
    await #expect(processExitsWith: .failure) {
      _ = Block(offsets: [0, 1], sources: [0], sourceCount: 3, targetCount: 2)
    }
  }
}

@Suite struct SampledSubgraphTests {
  /// Two hops by hand: paper 0 is the seed, cited by 1 and 2, of which 2 is cited by 3 and 1; the
  /// authors are 0 of paper 0, and 1 of papers 1 and 2.
  private func sample() -> SampledSubgraph {
    let paper: NodeType = "paper"
    let author: NodeType = "author"
    var cites = SampledSubgraph.Edges(
      relation: Relation(EdgeType(paper, "cites", paper), .forward, index: 0))
    cites.offsets = [0, 2, 2, 4]
    cites.sources = [1, 2, 3, 1]
    var writes = SampledSubgraph.Edges(
      relation: Relation(EdgeType(author, "writes", paper), .forward, index: 1))
    writes.offsets = [0, 1, 2, 3]
    writes.sources = [0, 1, 1]
    return SampledSubgraph(
      seedType: paper, hopCount: 2, nodes: [paper: [70, 5, 9, 3], author: [8, 2]],
      knownCounts: [paper: [1, 3, 4], author: [0, 1, 2]], edges: [cites, writes])
  }

  @Test func blocksArePrefixesOfTheSharedArrays() throws {
    let blocks = sample().blocks
    #expect(blocks.count == 2)
    // The first layer takes all in and gives what the last needs.
    #expect(blocks[0].sourceCounts["paper"] == 4 && blocks[0].targetCounts["paper"] == 3)
    #expect(blocks[0].sourceCounts["author"] == 2 && blocks[0].targetCounts["author"] == 1)
    #expect(blocks[1].sourceCounts["paper"] == 3 && blocks[1].targetCounts["paper"] == 1)
    #expect(blocks[1].sourceCounts["author"] == 1 && blocks[1].targetCounts["author"] == 0)
    #expect(blocks[0].edgeCount == 7 && blocks[1].edgeCount == 3)
    let first = try #require(blocks[0][EdgeType("paper", "cites", "paper")])
    #expect(first.targetCount == 3 && first.sourceCount == 4 && first.edgeCount == 4)
    let last = try #require(blocks[1][EdgeType("paper", "cites", "paper")])
    #expect(last.targetCount == 1 && last.sourceCount == 3 && last.edgeCount == 2)
    #expect(last.sources == first.sources)
    let writes = try #require(blocks[1][EdgeType("author", "writes", "paper")])
    #expect(writes.targetCount == 1 && writes.sourceCount == 1 && writes.edgeCount == 1)
    #expect(blocks[0][EdgeType("paper", "rev_writes", "author")] == nil)
  }

  @Test func countsAreOverAllTypes() {
    #expect(sample().seedCount == 1)
    #expect(sample().nodeCount == 6)
    #expect(sample().edgeCount == 7)
  }

  @Test func anyChangeOfASampleChangesItsDigest() {
    func digest(_ change: (inout SampledSubgraph) -> Void) -> String {
      var changed = sample()
      change(&changed)
      var digest = BatchDigest()
      changed.fold(into: &digest)
      return "\(digest)"
    }
    let digests = [
      digest { _ in },
      digest { $0.nodes["paper"] = [70, 5, 9, 2] },
      digest { $0.nodes["paper"] = [5, 70, 9, 3] },
      digest { $0.nodes["author"] = [2, 8] },
      digest { $0.edges[0].sources.swapAt(2, 3) },
      digest { $0.edges[0].offsets = [0, 2, 3, 4] },
      digest { $0.edges.swapAt(0, 1) },
      digest { $0.edges[1].sources[2] ^= 1 },
    ]
    #expect(Set(digests).count == digests.count)
    #expect(digest { _ in } == digests[0])
  }
}

@Suite struct BatchDigestTests {
  private func digest(_ arrays: [[UInt32]]) -> String {
    var digest = BatchDigest()
    for array in arrays { digest.fold(array) }
    return "\(digest)"
  }

  @Test func everySingleBitCounts() {
    var random = RandomStream(seed: printedSeed())
    let words = (0..<37).map { _ in UInt32(truncatingIfNeeded: random.next()) }
    var seen: Set<String> = [digest([words])]
    for word in words.indices {
      for bit in 0..<32 {
        var changed = words
        changed[word] ^= 1 << UInt32(bit)
        seen.insert(digest([changed]))
      }
    }
    #expect(seen.count == 1 + 37 * 32)
  }

  @Test func orderAndBordersOfArraysCount() {
    let all: [[[UInt32]]] = [
      [], [[]], [[], []], [[0]], [[0, 0]], [[0], [0]], [[1, 2], [3]], [[1], [2, 3]], [[1, 2, 3]],
      [[3], [1, 2]], [[2, 1], [3]], [[1, 2], [], [3]],
    ]
    let digests = all.map { digest($0) }
    #expect(Set(digests).count == all.count)
    #expect(digests.allSatisfy { $0.count == 16 && $0.allSatisfy(\.isHexDigit) })
  }

  @Test func textAndItsBytesAreTheSame() {
    var text = BatchDigest()
    text.fold("author:writes:paper")
    var bytes = BatchDigest()
    bytes.fold(Array("author:writes:paper".utf8))
    #expect(text == bytes)
  }
}
