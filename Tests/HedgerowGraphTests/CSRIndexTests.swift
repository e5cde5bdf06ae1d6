import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
import HedgerowTestSupport
import Testing

/// Arrays at addresses that stay, as an index wants them.
private final class Memory: @unchecked Sendable {
  private var blocks: [UnsafeMutableRawPointer] = []

  func copy<T: BitwiseCopyable>(_ values: [T]) -> UnsafeBufferPointer<T> {
    let memory = UnsafeMutableBufferPointer<T>.allocate(capacity: max(1, values.count))
    _ = memory.initialize(from: values)
    blocks.append(UnsafeMutableRawPointer(memory.baseAddress!))
    return UnsafeBufferPointer(rebasing: memory[..<values.count])
  }
  deinit { for block in blocks { block.deallocate() } }
}

@Suite struct CSRIndexTests {
  /// An index over plain rows, cut into ranges. `isListed` says which ranges list their rows, and `bits` how many a
  /// neighbor has there.
  private func index(
    _ rows: [[UInt32]], rangeBits: Int, neighborCount: Int, isListed: (Int) -> Bool,
    bits: (Int) -> Int = { _ in 32 },
    damage: (inout [UInt64], inout [UInt32]) -> Void = { _, _ in }
  ) -> CSRIndex {
    let memory = Memory()
    let step = 1 << rangeBits
    var ranges: [CSRIndex.Range?] = []
    for start in stride(from: 0, to: rows.count, by: step) {
      let part = Array(rows[start..<min(rows.count, start + step)])
      if part.allSatisfy(\.isEmpty) {
        ranges.append(nil)
        continue
      }
      let listed = isListed(ranges.count)
      let named = part.indices.filter { !listed || !part[$0].isEmpty }
      var bases: [UInt64] = []
      var deltas: [UInt32] = []
      var position = 0
      for place in 0...named.count {
        if place % 64 == 0 { bases.append(UInt64(position)) }
        deltas.append(UInt32(position - Int(bases.last!)))
        if place < named.count { position += part[named[place]].count }
      }
      damage(&bases, &deltas)
      let (width, neighbors) = (bits(ranges.count), memory.copy(part.flatMap { $0 }))
      if width < 32 {
        var bytes: [UInt8] = []
        var packer = NumberPacker(bits: width)
        packer.append(neighbors) { bytes += $0 }
        packer.finish { bytes += $0 }
        ranges.append(
          CSRIndex.Range(
            rowCount: part.count, listed: listed ? memory.copy(named.map { UInt32($0) }) : nil,
            bases: memory.copy(bases), deltas: memory.copy(deltas),
            packed: UnsafeRawBufferPointer(memory.copy(bytes)), bits: width,
            count: neighbors.count))
        continue
      }
      ranges.append(
        CSRIndex.Range(
          rowCount: part.count, listed: listed ? memory.copy(named.map { UInt32($0) }) : nil,
          bases: memory.copy(bases), deltas: memory.copy(deltas),
          neighbors: neighbors))
    }
    return CSRIndex(
      ranges: ranges, rangeBits: rangeBits, rowCount: rows.count, neighborCount: neighborCount,
      owners: [memory], place: { "range \($0)" })
  }

  private func extents(_ index: CSRIndex, _ rows: [UInt32]) throws -> [Extent] {
    var extents = [Extent](repeating: Extent(start: .max, count: .max), count: rows.count)
    var span = extents.mutableSpan
    try index.extents(of: rows.span, into: &span)
    return extents
  }

  private func read(_ index: CSRIndex, _ extents: [Extent]) throws -> [[UInt32]] {
    let addresses = extents.flatMap { extent in
      (0..<UInt64(extent.count)).map { extent.start + $0 }
    }
    var neighbors = [UInt32](repeating: .max, count: addresses.count)
    var span = neighbors.mutableSpan
    try index.read(addresses.span, into: &span)
    var rest = neighbors[...]
    return extents.map { extent in
      defer { rest = rest.dropFirst(Int(extent.count)) }
      return Array(rest.prefix(Int(extent.count)))
    }
  }

  private func readStretches(_ index: CSRIndex, _ extents: [Extent]) throws -> [UInt32] {
    var neighbors = [UInt32](repeating: .max, count: extents.reduce(0) { $0 + Int($1.count) })
    var span = neighbors.mutableSpan
    try index.read(extents.span, into: &span)
    return neighbors
  }

  /// Rows with a few neighbors each; every `stride`-th has any.
  private func drawRows(
    _ count: Int, every stride: Int, neighborCount: Int, _ random: inout RandomStream
  ) -> [[UInt32]] {
    (0..<count).map { row in
      row % stride != 0
        ? []
        : (0..<random.next(below: 6)).map { _ in UInt32(random.next(below: UInt64(neighborCount))) }
    }
  }

  @Test(arguments: [6, 7, 10], [1, 20]) func rowsComeBackFromAnyRange(bits: Int, every: Int) throws
  {
    var random = RandomStream(seed: printedSeed())
    // Whole ranges and a rest; one range without any entry; 64 rows exactly at a base's edge.
    for count in [1, 63, 64, 65, 128, 500] {
      var rows = drawRows(count, every: every, neighborCount: 77, &random)
      if count > 2 << bits { for row in (1 << bits)..<(2 << bits) { rows[row] = [] } }
      let index = index(
        rows, rangeBits: bits, neighborCount: 77, isListed: { $0 % 2 == 0 },
        bits: { [32, 7, 20][$0 % 3] })
      #expect(index.edgeCount == rows.reduce(0) { $0 + $1.count })
      // In any order, and rows twice.
      let order =
        rows.indices.map { UInt32($0) }.reversed()
        + (0..<40).map { _ in UInt32(random.next(below: UInt64(count))) }
      let found = try extents(index, order)
      #expect(try read(index, found) == order.map { rows[Int($0)] })
      #expect(try readStretches(index, found) == order.flatMap { rows[Int($0)] })
      for (row, extent) in zip(order, found) where extent.count > 0 {
        #expect(CSRIndex.split(extent.start).range == Int(row) >> bits)
      }
    }
  }

  @Test func fullAndListedLayoutsAreTheSameIndex() throws {
    var random = RandomStream(seed: printedSeed())
    let rows = drawRows(300, every: 3, neighborCount: 300, &random)
    let full = index(rows, rangeBits: 7, neighborCount: 300, isListed: { _ in false })
    let listed = index(rows, rangeBits: 7, neighborCount: 300, isListed: { _ in true })
    let all = (0..<UInt32(300)).map { $0 }
    let (a, b) = (try extents(full, all), try extents(listed, all))
    #expect(a.map(\.count) == b.map(\.count))
    #expect(zip(a, b).allSatisfy { $0.count == 0 || $0 == $1 })
  }

  @Test func aPatchedIndexReadsAsTheMergedRows() throws {
    var random = RandomStream(seed: printedSeed())
    let rows = drawRows(200, every: 2, neighborCount: 300, &random)
    let base = index(
      rows, rangeBits: 6, neighborCount: 300, isListed: { $0 % 2 == 0 },
      bits: { [9, 32, 31, 10][$0 % 4] })
    let all = (0..<UInt32(rows.count)).map { $0 }
    let before = try extents(base, all)
    for share: UInt64 in [1, 10, 100] {
      // Some rows get an entry at any place, and lose one.
      var merged = rows
      var changes: [CSRPatch.Row] = []
      for row in all where random.next(below: 100) < share {
        let place = Int(row)
        var change = CSRPatch.Row(row: row, base: before[place])
        if !merged[place].isEmpty {
          let gone = random.next(below: UInt64(merged[place].count))
          change.removedPlaces = [UInt32(gone)]
          merged[place].remove(at: Int(gone))
        }
        let new = Int(random.next(below: UInt64(merged[place].count + 1)))
        change.addedPlaces = [UInt32(new)]
        change.addedNeighbors = [299]
        merged[place].insert(299, at: new)
        // Short rows lie merged beside it.
        if random.next(below: 2) == 0 { change.merged = merged[place] }
        changes.append(change)
      }
      let patched = CSRIndex(
        base, patchedBy: CSRPatch(changes), rowCount: rows.count, neighborCount: 300)
      #expect(try read(patched, extents(patched, all)) == merged)
      #expect(patched.edgeCount == merged.reduce(0) { $0 + $1.count })
      // Every entry knows where it comes from.
      for (row, extent) in try zip(all, extents(patched, all)) {
        for entry in 0..<UInt64(extent.count) {
          let neighbor = merged[Int(row)][Int(entry)]
          switch patched.origin(of: extent.start + entry) {
          case .added: #expect(neighbor == 299)
          case .base(let address):
            #expect(try read(base, [Extent(start: address, count: 1)]) == [[neighbor]])
          }
        }
      }
    }
  }

  @Test func aRowThatIsNotThereEndsTheProgram() async throws {
    let index = index(
      [[1], [2, 3], []], rangeBits: 6, neighborCount: 4, isListed: { _ in false })
    #expect(try extents(index, [2]) == [Extent(start: 3, count: 0)])
    let last = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let tests = CSRIndexTests()
      let index = tests.index(
        [[1], [2, 3], []], rangeBits: 6, neighborCount: 4, isListed: { _ in false })
      _ = try tests.extents(index, [0, 1, 3])
    }
    let message = String(decoding: last?.standardErrorContent ?? [], as: UTF8.self)
    #expect(message.contains("row 3 of 3"))
    await #expect(processExitsWith: .failure) {
      let tests = CSRIndexTests()
      let index = tests.index(
        [[1], [2, 3], []], rangeBits: 6, neighborCount: 4, isListed: { _ in false })
      _ = try tests.extents(index, [.max])
    }
  }

  @Test func offsetsThatMakeNoSenseAreRefused() throws {
    let rows: [[UInt32]] = (0..<130).map { [UInt32($0)] }
    func damaged(_ damage: @escaping (inout [UInt64], inout [UInt32]) -> Void) -> CSRIndex {
      index(rows, rangeBits: 8, neighborCount: 130, isListed: { _ in false }, damage: damage)
    }
    let cases: [(row: UInt32, CSRIndex)] = [
      (10, damaged { $1[10] = 12 }),  // falls to the next
      (129, damaged { $1[130] = 3 }),  // one beyond the end
      (64, damaged { bases, _ in bases[1] = 63 + 1 << 40 }),
      (67, damaged { bases, _ in bases[1] = .max - 3 }),  // the end wraps around
      (5, damaged { $1[6] = .max }),
      (127, damaged { bases, _ in bases[2] = 0 }),
    ]
    for (row, index) in cases {
      let error = #expect(throws: HedgerowError.self) { try extents(index, [row]) }
      #expect(error?.code == .damaged && error?.place == "range 0", "row \(row)")
    }
  }

  @Test func aNeighborBeyondItsTypeIsRefused() throws {
    for bits in [6, 7] {  // several ranges, and one
      let rows: [[UInt32]] = (0..<100).map { [UInt32($0), $0 == 77 ? 100 : 99] }
      let index = index(rows, rangeBits: bits, neighborCount: 100, isListed: { _ in false })
      let all = try extents(index, (0..<77).map { $0 })
      #expect(try read(index, all) == Array(rows[..<77]))
      let error = #expect(throws: HedgerowError.self) {
        try read(index, extents(index, [3, 77, 4]))
      }
      #expect(error?.code == .damaged && error?.place == "range \(77 >> bits)")
      #expect(error?.message.contains("100") == true)
    }
  }

  @Test func sizesThatDoNotFitEndTheProgram() async {
    await #expect(processExitsWith: .failure) {
      let memory = Memory()
      _ = CSRIndex.Range(
        rowCount: 2, listed: nil, bases: memory.copy([0]), deltas: memory.copy([0, 1, 1, 1]),
        neighbors: memory.copy([0]))
    }
    await #expect(processExitsWith: .failure) {
      let memory = Memory()
      _ = CSRIndex.Range(
        rowCount: 100, listed: nil, bases: memory.copy([0]),
        deltas: memory.copy([UInt32](repeating: 0, count: 65)), neighbors: memory.copy([]))
    }
    await #expect(processExitsWith: .failure) {
      let memory = Memory()
      _ = CSRIndex.Range(
        rowCount: 100, listed: memory.copy([5, 9]), bases: memory.copy([0]),
        deltas: memory.copy([0, 1]), neighbors: memory.copy([3]))
    }
    await #expect(processExitsWith: .failure) {
      let memory = Memory()
      // Without the bytes behind the last.
      _ = CSRIndex.Range(
        rowCount: 1, listed: nil, bases: memory.copy([0]), deltas: memory.copy([0, 1]),
        packed: UnsafeRawBufferPointer(memory.copy([UInt8](repeating: 0, count: 3))), bits: 20,
        count: 1)
    }
  }
}

@Suite struct MemoryGraphTests {
  @Test func aNodeThatIsNotThereEndsTheProgram() async throws {
    let knows = EdgeType("user", "knows", "user")
    var graph = MemoryGraph()
    graph[knows].edges = EdgeList(sources: [0], targets: [1])
    graph["user"].count = 5
    // Behind the last node with edges, and there.
    #expect(try graph.neighbors(of: NodeID(4), along: graph.schema.relations()[0]) == [])
    let run = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var graph = MemoryGraph()
      graph[EdgeType("user", "knows", "user")].edges = EdgeList(sources: [0], targets: [1])
      graph["user"].count = 5
      _ = try graph.neighbors(of: NodeID(5), along: graph.schema.relations()[0])
    }
    let message = String(decoding: run?.standardErrorContent ?? [], as: UTF8.self)
    #expect(message.contains("row 5 of 5"))
  }

  private typealias G = ReferenceGraph

  @Test func rowsAreThoseOfTheEdgeListSorted() throws {
    let reference = G(seed: printedSeed())
    let graph = reference.memoryGraph
    for relation in graph.schema.relations() {
      let list = reference.edges[relation.stored]
      #expect(graph.count(of: relation.stored) == list.count)
      for row in 0..<reference.counts[relation.target] {
        let expected = zip(list.sources, list.targets).compactMap { source, target in
          relation.direction == .forward
            ? (target == row ? source : nil) : (source == row ? target : nil)
        }
        let node = NodeID(UInt32(row))
        #expect(try graph.neighbors(of: node, along: relation) == expected.sorted())
        #expect(try graph.degree(of: node, along: relation) == expected.count)
      }
    }
  }

  @Test func aTypeReachesAsFarAsItsEdgesFeaturesAndLabels() {
    var graph = MemoryGraph()
    graph[EdgeType("a", "to", "b")].edges = EdgeList(sources: [4], targets: [9])
    #expect(graph.count(of: "a") == 5 && graph.count(of: "b") == 10)
    graph["a"].labels["label"] = [1, 2, 3, 4, 5, 6, 7]
    #expect(graph.count(of: "a") == 7)
    graph["b"].features["x"] = FeatureMatrix(width: 2, values: [Float](repeating: 1, count: 24))
    #expect(graph.count(of: "b") == 12)
    graph["b"].count = 20
    #expect(graph.count(of: "b") == 20)
    #expect(graph.count(of: "c") == 0 && graph.count(of: EdgeType("b", "to", "a")) == 0)
  }

  @Test func featuresAndLabelsBeyondTheirRowsAreZerosAndNone() throws {
    var graph = MemoryGraph()
    graph["a"].count = 5
    graph["a"].features["x"] = FeatureMatrix(width: 2, values: [1, 2, 3, 4])
    graph["a"].labels["label"] = [3, -7]
    let nodes: [UInt32] = [1, 4, 0]
    var rows = [Float](repeating: .nan, count: 6)
    try rows.withUnsafeMutableBufferPointer {
      try graph.gather(nodes.span, of: "a", column: "x", into: $0)
    }
    #expect(rows == [3, 4, 0, 0, 1, 2])
    #expect(try graph.labels(nodes.span, of: "a", column: "label") == [-1, -1, 3])
    #expect(graph.width(of: "x", of: "a") == 2 && graph.width(of: "y", of: "a") == nil)
    #expect(throws: HedgerowError.self) {
      try graph.labels(nodes.span, of: "a", column: "other")
    }
  }

  @Test func setsAndSchemaAreWhatWasSet() throws {
    var graph = MemoryGraph()
    graph["a"].count = 5
    graph["a"].sets["train"] = [1, 3]
    graph["a"].features["x"] = FeatureMatrix(width: 2, values: [1, 2])
    graph[EdgeType("a", "to", "a")].isUndirected = true
    #expect(try graph.set(named: "train", of: "a") == [1, 3])
    #expect(try graph.set(named: "test", of: "a") == nil)
    #expect(graph.schema.nodes.map(\.type) == ["a"])
    #expect(
      graph.schema.nodes[0].properties
        == [PropertySchema("x", .vector(element: .float32, width: 2))])
    #expect(graph.schema.relations().count == 1, "an undirected type is not read backwards")
    graph[EdgeType("a", "to", "a")].isUndirected = false
    #expect(graph.schema.relations().map(\.direction) == [.forward, .backward])
  }
}
