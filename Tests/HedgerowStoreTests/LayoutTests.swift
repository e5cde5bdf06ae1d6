import Glibc
import HedgerowCore
import HedgerowGraph
import HedgerowLoader
import HedgerowMapped
import HedgerowTestSupport
import Testing

@testable import HedgerowStore

private typealias G = ReferenceGraph

/// How a graph is cut into files and laid out in them must never show.
@Suite struct LayoutTests {
  private func digest(_ graph: some Topology & FeatureSource) async throws -> String {
    let loader = NeighborLoader(
      graph, seeds: .nodes(G.item, in: "train"), fanouts: [4, 3], batchSize: 50, seed: 3)
    var digest = BatchDigest()
    for try await batch in loader.epoch(0) {
      batch.subgraph.fold(into: &digest)
      batch.features[G.item].withUnsafeBufferPointer { digest.fold(UnsafeRawBufferPointer($0)) }
    }
    return "\(digest)"
  }

  @Test func rangesOfAnySizeGiveTheSameBatches() async throws {
    let seed = printedSeed()
    let reference = G(seed: seed)
    let directory = TemporaryDirectory()
    let expected = try await digest(reference.memoryGraph)
    var counts: Set<Int> = []
    for bits in 6...10 {
      let store = try reference.makeStore(at: directory("s\(bits)"), rangeBits: bits)
      #expect(try await digest(store.snapshot()) == expected, "2^\(bits) rows a range")
      #expect(try StoreVerifier.verify(store).isClean)
      counts.insert(try FileSystem.names(in: directory("s\(bits)/segments")).count)
    }
    #expect(counts.count > 3, "the files differ: \(counts)")
    #expect(try await digest(G(seed: seed + 1).memoryGraph) != expected)
  }

  /// Writes one edge type of two node types from a list, the out order first, `batch` edges at a
  /// time, with a text, a category and a vector for each edge.
  private func makeStore(
    at path: String, rows: (Int, Int), edges: EdgeList, rangeBits: Int, batch: Int,
    hasColumns: Bool
  ) throws -> GraphStore {
    let store = try GraphStore.create(at: path, rangeBits: rangeBits)
    let build = try store.beginBuild()
    let type = EdgeType("a", "to", "b")
    try build.declare(NodeSchema("a"), count: rows.0)
    try build.declare(NodeSchema("b"), count: rows.1)
    try build.keyWriter(of: "a", .identity).finish()
    try build.keyWriter(of: "b", .identity).finish()
    try build.declare(
      EdgeSchema(
        type,
        properties: hasColumns
          ? [
            PropertySchema("text", .string), PropertySchema("kind", .categorical),
            PropertySchema("v", .vector(element: .int16, width: 3)),
          ] : []))
    let order = edges.sources.indices.sorted {
      (edges.sources[$0], edges.targets[$0], $0) < (edges.sources[$1], edges.targets[$1], $1)
    }
    let out = try build.adjacencyWriter(of: type, .out)
    let text = hasColumns ? try build.columnWriter(of: type, "text") : nil
    let kind = hasColumns ? try build.columnWriter(of: type, "kind") : nil
    let vector = hasColumns ? try build.columnWriter(of: type, "v") : nil
    for start in stride(from: 0, to: order.count, by: batch) {
      let part = Array(order[start..<min(order.count, start + batch)])
      let sources = part.map { edges.sources[$0] }
      let targets = part.map { edges.targets[$0] }
      try sources.withUnsafeBufferPointer { rows in
        try targets.withUnsafeBufferPointer { try out.append(rows: rows, neighbors: $0) }
      }
      for edge in part {
        guard let value = Self.text(edge) else {
          try text?.append(text: nil)
          continue
        }
        try Array(value.utf8).withUnsafeBytes { try text?.append(text: $0) }
      }
      let codes = part.map { UInt32($0 % 3) }
      try codes.withUnsafeBytes { try kind?.append(fixed: $0, count: part.count) }
      let vectors = part.flatMap { Self.vector($0) ?? [0, 0, 0] }
      let valid = part.map { Self.vector($0) != nil }
      try vectors.withUnsafeBytes { bytes in
        try valid.withUnsafeBufferPointer {
          try vector?.append(fixed: bytes, count: part.count, isValid: $0)
        }
      }
    }
    try out.finish()
    try text?.finish()
    try kind?.finish(categories: ["x", "y", "z"])
    try vector?.finish()
    let into = try build.adjacencyWriter(of: type, .in, storesPositions: hasColumns)
    let places = order.indices.sorted { a, b in
      (edges.targets[order[a]], edges.sources[order[a]], a)
        < (edges.targets[order[b]], edges.sources[order[b]], b)
    }
    for start in stride(from: 0, to: places.count, by: batch) {
      let part = places[start..<min(places.count, start + batch)]
      let targets = part.map { edges.targets[order[$0]] }
      let sources = part.map { edges.sources[order[$0]] }
      let positions = part.map { UInt64($0) }
      try targets.withUnsafeBufferPointer { rows in
        try sources.withUnsafeBufferPointer { neighbors in
          try positions.withUnsafeBufferPointer {
            try into.append(rows: rows, neighbors: neighbors, positions: hasColumns ? $0 : nil)
          }
        }
      }
    }
    try into.finish()
    try build.publish()
    return store
  }

  private static func text(_ edge: Int) -> String? {
    edge % 5 == 0 ? nil : String(repeating: "e", count: edge % 7) + "\(edge)"
  }
  private static func vector(_ edge: Int) -> [Int16]? {
    edge % 4 == 0 ? nil : [Int16(edge % 300), -Int16(edge % 77), Int16(truncatingIfNeeded: edge)]
  }

  private func draw(_ count: Int, _ rows: (Int, Int), _ seed: UInt64) -> EdgeList {
    var random = RandomStream(seed: seed)
    return EdgeList(
      sources: (0..<count).map { _ in UInt32(random.next(below: UInt64(rows.0))) },
      targets: (0..<count).map { _ in UInt32(random.next(below: UInt64(rows.1))) })
  }

  private func rows(_ edges: EdgeList, _ relation: Relation, count: Int) -> [[UInt32]] {
    var rows = [[UInt32]](repeating: [], count: count)
    for (source, target) in zip(edges.sources, edges.targets) {
      if relation.direction == .forward {
        rows[Int(target)].append(source)
      } else {
        rows[Int(source)].append(target)
      }
    }
    return rows.map { $0.sorted() }
  }

  @Test func aRangeWithFewRowsListsThem() throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let size = (20_000, 9_000)
    // Some ranges of 4,096 rows get a few edges, one gets many, others none.
    var edges = draw(60, size, seed)
    let dense = draw(6000, (3000, 4000), seed + 1)
    edges.sources = edges.sources.map { $0 % 4096 + ($0 % 2 == 0 ? 4096 : 12_288) }
    edges.sources += dense.sources
    edges.targets += dense.targets
    let store = try makeStore(
      at: directory("s"), rows: size, edges: edges, rangeBits: 12, batch: 1000, hasColumns: false)
    let snapshot = try store.snapshot()
    for relation in snapshot.schema.relations() {
      let expected = rows(edges, relation, count: snapshot.count(of: relation.target))
      for row in expected.indices {
        #expect(
          try snapshot.neighbors(of: NodeID(UInt32(row)), along: relation) == expected[row])
      }
    }
    #expect(try StoreVerifier.verify(store).isClean)
    let edge = try #require(snapshot.state.catalog.edges.first)
    let out = try snapshot.adjacency(edge, .out).base.segments
    let isListed = out.map { segment in segment.map { $0.attributes[3] == 1 } }
    #expect(isListed == [false, true, nil, true, nil])
    // That is what it is for: 4 bytes for each of 4,096 rows are saved.
    let bits = NumberPacker.bitCount(below: snapshot.count(of: edge.type.target))
    for relation in snapshot.schema.relations() {
      let bits = NumberPacker.bitCount(below: snapshot.count(of: relation.source))
      let index: AdjacencyIndex = relation.source == edge.type.target ? .out : .in
      let segments = try snapshot.adjacency(edge, index).base.segments.compactMap { $0 }
      #expect(segments.allSatisfy { $0.features == SegmentFeatures.packedNeighbors })
      #expect(
        snapshot.neighborByteCount(along: relation)
          == segments.reduce(0) { $0 + NumberPacker.byteCount(Int($1.attributes[1]), bits: bits)! })
    }
    #expect(out[1]!.byteCount + 2 * 4096 < out[0]!.byteCount - bits * 6000 / 8)
    // What is read to find rows: an offset of 4 bytes each, 8 bytes for 64 of them, and listed ones' numbers.
    for relation in snapshot.schema.relations() {
      let rows = rows(edges, relation, count: snapshot.count(of: relation.target))
      var expected = 0
      for first in stride(from: 0, to: rows.count, by: 4096) {
        let range = rows[first..<min(rows.count, first + 4096)]
        let filled = range.count { !$0.isEmpty }
        if filled == 0 { continue }
        let isListed = filled < range.count / 8
        let entries = isListed ? filled : range.count
        expected += 4 * (entries + 1) + 8 * (entries / 64 + 1) + (isListed ? 4 * filled : 0)
      }
      #expect(snapshot.extentByteCount(along: relation) == expected, "\(relation.name)")
    }
  }

  @Test(arguments: [1, 97, 5000])
  func columnsOfEdgesFollowTheRangesOfTheOutOrder(batch: Int) throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let size = (400, 150)
    // Range 2 of 64 rows has no edge at all.
    var edges = draw(3000, size, seed)
    edges.sources = edges.sources.map { (128..<192).contains($0) ? $0 - 64 : $0 }
    let store = try makeStore(
      at: directory("s"), rows: size, edges: edges, rangeBits: 6, batch: batch, hasColumns: true)
    let snapshot = try store.snapshot()
    let type = EdgeType("a", "to", "b")
    let order = edges.sources.indices.sorted {
      (edges.sources[$0], edges.targets[$0], $0) < (edges.sources[$1], edges.targets[$1], $1)
    }
    for (place, edge) in order.enumerated() {
      func value(_ column: String) throws -> PropertyValue? {
        try snapshot.value(of: column, of: type, at: UInt64(place))
      }
      #expect(try value("text") == Self.text(edge).map { .text($0) })
      #expect(try value("kind") == .text(["x", "y", "z"][edge % 3]))
      #expect(try value("v") == Self.vector(edge).map { .vector($0.map { Float($0) }) })
    }
    // Every entry of the in side knows its edge.
    let record = try #require(snapshot.state.catalog.edge(type))
    let into = try snapshot.adjacency(record, .in)
    let targets = (0..<UInt32(size.1)).map { $0 }
    var extents = [Extent](repeating: Extent(start: 0, count: 0), count: targets.count)
    do {
      var span = extents.mutableSpan
      try into.index.extents(of: targets.span, into: &span)
    }
    var seen: Set<Int> = []
    for (target, extent) in zip(targets, extents) {
      for entry in 0..<UInt64(extent.count) {
        let position = try #require(try into.base.position(at: extent.start + entry))
        let addresses = [extent.start + entry]
        var source: [UInt32] = [0]
        do {
          var span = source.mutableSpan
          try into.index.read(addresses.span, into: &span)
        }
        let edge = order[Int(position)]
        #expect(edges.sources[edge] == source[0] && edges.targets[edge] == target)
        seen.insert(edge)
      }
    }
    #expect(seen.count == 3000)
    #expect(try StoreVerifier.verify(store).isClean)
    let names = try FileSystem.names(in: directory("s/segments"))
    #expect(names.filter { $0.hasPrefix("edge-column-0-0-") }.count == 6)
  }

  @Test func rowsOfFeaturesAreNeverWiderThanAnEighthMoreThanTheyMust() {
    for bytes in 1...20_000 {
      let stride = ColumnLayout.stride(rowByteCount: bytes)
      #expect(stride >= bytes && Double(stride) <= Double(bytes) * 8 / 7)
      if stride == bytes { continue }
      // Padded rows straddle no page that they need not.
      #expect(stride < 4096 ? 4096 % stride == 0 : stride % 4096 == 0)
    }
  }

  /// Widths on both sides of every border between packed and padded rows, in two ranges, with nulls.
  @Test func featuresOfAnyWidthComeBack() throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let count = 70
    let kinds: [PropertyKind] =
      [65, 111, 112, 113, 127, 128, 129, 250, 1000, 3583, 3584, 4000, 4096, 4097, 5000]
      .map { .vector(element: .uint8, width: $0) }
      + [33, 60, 64, 65, 500, 1023, 2047, 2049, 2500].map {
        .vector(element: .float16, width: $0)
      } + [17, 30, 32, 250, 1025].map { .vector(element: .float32, width: $0) }
      + [.vector(element: .int8, width: 5), .vector(element: .float64, width: 9), .int16, .float16]
    let store = try GraphStore.create(at: directory("s"), rangeBits: 6)
    let build = try store.beginBuild()
    try build.declare(
      NodeSchema(
        "n", properties: kinds.indices.map { PropertySchema("c\($0)", kinds[$0]) }), count: count)
    try build.keyWriter(of: "n", .identity).finish()
    // The bytes of a row decide its values, whatever the kind; null rows are zeros.
    func isNull(_ row: Int, _ column: Int) -> Bool { column % 2 == 0 && row % 9 == 4 }
    func bytes(_ row: Int, _ column: Int) -> [UInt8] {
      if isNull(row, column) { return [UInt8](repeating: 0, count: kinds[column].byteWidth) }
      var random = RandomStream(seed: seed).derive(UInt64(row), UInt64(column))
      var bytes = (0..<kinds[column].byteWidth).map { _ in UInt8(random.next(below: 256)) }
      // No exponent of all ones: NaN has many faces.
      if kinds[column].element != .uint8 {
        for at in bytes.indices { bytes[at] &= 0xBB }
      }
      return bytes
    }
    for column in kinds.indices {
      let writer = try build.columnWriter(of: "n", "c\(column)")
      for start in stride(from: 0, to: count, by: 31) {
        let rows = Array(start..<min(count, start + 31))
        let data = rows.flatMap { bytes($0, column) }
        let valid = rows.map { !isNull($0, column) }
        try data.withUnsafeBytes { data in
          try valid.withUnsafeBufferPointer {
            try writer.append(
              fixed: data, count: rows.count, isValid: column % 2 == 0 ? $0 : nil)
          }
        }
      }
      try writer.finish()
    }
    try build.publish()
    let snapshot = try store.snapshot()
    let nodes = (0..<UInt32(count)).reversed() + [63, 64, 4]
    for (column, kind) in kinds.enumerated() {
      func values(_ row: Int) -> [Float] {
        bytes(row, column).withUnsafeBytes { raw in
          (0..<kind.width).map { index in
            func load<T: BitwiseCopyable>(_ type: T.Type) -> T {
              raw.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.size, as: T.self)
            }
            return switch kind.element {
            case .uint8: Float(load(UInt8.self))
            case .int8: Float(load(Int8.self))
            case .int16: Float(load(Int16.self))
            case .float16: Float(load(Float16.self))
            case .float32: load(Float.self)
            default: Float(load(Double.self))
            }
          }
        }
      }
      var rows = [Float](repeating: .nan, count: nodes.count * kind.width)
      try rows.withUnsafeMutableBufferPointer {
        try snapshot.gather(nodes.span, of: "n", column: "c\(column)", into: $0)
      }
      #expect(rows == nodes.flatMap { values(Int($0)) }, "\(kind)")
      for row in [0, 4, 31, 63, 64, 69] {
        let value = try snapshot.value(of: "c\(column)", of: "n", at: NodeID(UInt32(row)))
        if isNull(row, column) {
          #expect(value == nil)
        } else if kind.width > 1 {
          #expect(value == .vector(values(row)), "\(kind) at \(row)")
        }
      }
    }
    #expect(try StoreVerifier.verify(store).isClean)
  }
}
