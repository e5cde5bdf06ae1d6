import CHedgerowKernels
import Foundation
import HedgerowCore
import HedgerowGraph
import HedgerowLMDB
import HedgerowMapped
import HedgerowRoaring
import HedgerowTestSupport
import Testing

@testable import HedgerowStore

/// The store of format 1 that every build must read: see `docs/testing.md`.
///
/// What stands here was not taken out of the store but is what `tools/make-golden-store` put into it,
/// except where it says so. When one of these fails, it is the build that is wrong.
@Suite struct GoldenStoreTests {
  private static let thing: NodeType = "thing"
  private static let number: NodeType = "number"
  private static let token: NodeType = "token"
  private static let dot: NodeType = "dot"
  private static let rates = EdgeType("number", "rates", "thing")
  private static let of = EdgeType("token", "of", "number")
  private static let near = EdgeType("thing", "near", "thing")
  private static let next = EdgeType("dot", "next", "dot")
  private static let rare = EdgeType("dot", "rare", "dot")
  private static let longKey = String(repeating: "long ", count: 90)

  private let directory = TemporaryDirectory()
  private let path: String

  init() throws { path = try KeptStore.unpack("format-1", in: directory) }

  private func edges(_ graph: Snapshot, _ type: EdgeType, _ index: AdjacencyIndex) throws
    -> [[UInt32]]
  {
    var cursor = try graph.edges(of: type, index)
    var rows: [UInt32] = []
    var neighbors: [UInt32] = []
    while try cursor.advance() {
      rows += cursor.rows
      neighbors += cursor.neighbors
    }
    return [rows, neighbors]
  }

  private func values(_ graph: Snapshot, _ column: String, _ type: EdgeType) throws
    -> [PropertyValue?]
  {
    try (0..<UInt64(graph.count(of: type))).map { try graph.value(of: column, of: type, at: $0) }
  }

  private func values(_ graph: Snapshot, _ column: String, _ type: NodeType) throws
    -> [PropertyValue?]
  {
    try (0..<UInt32(graph.count(of: type))).map {
      try graph.value(of: column, of: type, at: NodeID($0))
    }
  }

  // MARK: Reading

  @Test func typesAndKeys() throws {
    let graph = try GraphStore.open(at: path, .readOnly).snapshot()
    #expect(graph.version == 18 && graph.generation == 10)
    #expect(graph.schema.nodes.map(\.type) == [Self.thing, Self.number, Self.token, Self.dot])
    #expect(
      graph.schema.edges.map(\.type) == [Self.rates, Self.of, Self.near, Self.next, Self.rare])
    let rates = try #require(graph.schema.edge(Self.rates))
    #expect(rates.timeColumn == "at" && rates.weightColumn == "w" && !rates.isUndirected)
    #expect(graph.schema.edge(Self.near)?.isUndirected == true)
    #expect(
      graph.schema.node(Self.thing)?.properties.map { "\($0.name) \($0.kind)" } == [
        "part string", "b bool", "i8 int8", "i16 int16", "i32 int32", "i64 int64", "u8 uint8",
        "f16 float16", "bf16 bfloat16", "f32 float32", "f64 float64", "cat categorical", "s string",
        "raw bytes", "ts timestamp[s]", "tms timestamp[ms]", "tus timestamp[us]",
        "tns timestamp[ns]", "q int8*0.5", "x float32[3]", "vq int8[2]*0.25", "vu8 uint8[2]",
        "vf16 float16[2]", "vbf bfloat16[2]", "vf64 float64[2]", "vi8 int8[2]", "vi16 int16[2]",
        "vi32 int32[2]", "vi64 int64[2]", "guess categorical", "added int32",
      ])
    #expect(graph.schema.node(Self.number)?.properties.map(\.name) == ["value"])
    #expect(
      rates.properties.map { "\($0.name) \($0.kind)" } == [
        "stars int32", "at timestamp[ms]", "w float32", "memo string", "tag categorical",
        "added string",
      ])

    let keys: [(NodeType, KeyKind, [String], deleted: [UInt32])] = [
      (Self.thing, .string, ["a", "b", "c", "d", "E", "folded", "live", Self.longKey], [3]),
      (Self.number, .int64, ["7", "-5", "9223372036854775807", "-9223372036854775808", "-12"], []),
      (
        Self.token, .uuid,
        [
          "6f9619ff-8b86-4011-b42d-00c04fc964ff", "00000000-0000-4000-8000-000000000001",
          "ffffffff-ffff-4fff-bfff-ffffffffffff", "00000000-0000-4000-8000-0000000000ff",
        ], []
      ),
      (Self.dot, .identity, (0..<130).map { "\($0)" } + ["1000"], [129]),
    ]
    for (type, kind, keys, deleted) in keys {
      #expect(graph.keyKind(of: type) == kind && graph.count(of: type) == keys.count)
      #expect(Array(graph.deletedNodes(of: type)) == deleted)
      #expect(graph.liveCount(of: type) == keys.count - deleted.count)
      for (id, key) in keys.enumerated() {
        let id = NodeID(UInt32(id))
        #expect(try graph.key(of: id, of: type) == key)
        #expect(try graph.node(type, key: key) == (deleted.contains(id.rawValue) ? nil : id))
      }
      #expect(try graph.node(type, key: "130") == nil)
    }
  }

  @Test func valuesOfNodes() throws {
    let graph = try GraphStore.open(at: path, .readOnly).snapshot()
    // a, b, c, E, folded, live, the long key; d is deleted.
    let table: [(String, [PropertyValue?])] = [
      ("part", ["train", "train", "valid", "train", nil, nil, nil]),
      ("b", [true, false, true, nil, nil, true, nil]),
      ("i8", [-128, 127, 1, 0, nil, -1, nil]),
      ("i16", [-32768, 32767, 2, 0, nil, -2, nil]),
      ("i32", [-2_147_483_648, 2222, 3, 0, 77, -3, nil]),
      ("i64", [.int(.min), .int(.max), 4, 0, nil, -4, nil]),
      ("u8", [0, 255, 5, 0, nil, 5, nil]),
      ("f16", [0.5, -65504.0, 6.0, 0.0, nil, 0.5, nil]),
      ("bf16", [1.5, -3.0, 7.0, 0.0, nil, 2.0, nil]),
      ("f32", [0.25, .float(Double(Float(-1e30))), 8.0, 0.0, nil, 0.75, nil]),
      ("f64", [0.1, nil, 9.0, 0.0, nil, 0.2, nil]),
      ("cat", ["red", "green", "red", "blue", "green", "violet", nil]),
      ("s", ["first text", "changed", "third", nil, "folded", "lebt \u{e4}", nil]),
      (
        "raw",
        [.bytes([0, 255]), .bytes([]), .bytes([1]), .bytes([0]), nil, .bytes([1, 2, 255]), nil]
      ),
      ("ts", [0, 1_700_000_000, 1, 0, nil, 11, nil]),
      ("tms", [-1, 1_700_000_000_123, 2, 0, nil, 12, nil]),
      ("tus", [1, 1_700_000_000_123_456, 3, 0, nil, 13, nil]),
      ("tns", [1_000_000_000_000_000_001, 1_700_000_000_123_456_789, 4, 0, nil, 14, nil]),
      ("q", [-64.0, 63.5, 5.0, 0.0, nil, -1.5, nil]),
      ("x", [[1, 0, 0], [0, 1, 0], [1, 0, 0.5], [0, 1, 1], nil, [0.5, 1, 1.5], nil]),
      ("vq", [[-32, 31.75], [1, 2], [0, 0], [0, 0], nil, [0.25, -0.25], nil]),
      ("vu8", [[0, 255], [1, 2], [3, 4], [0, 0], nil, [1, 2], nil]),
      ("vf16", [[0.5, -0.5], [1, 2], [3, 4], [0, 0], nil, [0.5, 0.25], nil]),
      ("vbf", [[1.5, -1.5], [1, 2], [3, 4], [0, 0], nil, [1, 2], nil]),
      ("vf64", [[0.1, -0.1], [1, 2], [3, 4], [0, 0], nil, [3, 4], nil]),
      ("vi8", [[-128, 127], [1, 2], [3, 4], [0, 0], nil, [-1, 1], nil]),
      ("vi16", [[-32768, 32767], [1, 2], [3, 4], [0, 0], nil, [-2, 2], nil]),
      (
        "vi32",
        [[-2_147_483_648, 2_147_483_648], [1, 2], [3, 4], [0, 0], nil, [-3, 3], nil]
      ),
      (
        "vi64",
        [
          [-9_007_199_254_740_992, 9_007_199_254_740_992], [1, 2], [3, 4], [0, 0], nil, [-4, 4],
          nil,
        ]
      ),
      // Of the store: what the model predicted.
      ("guess", ["blue", "blue", "blue", "red", nil, nil, nil]),
      ("added", [42, 43, 42, 42, 42, 42, 42]),
    ]
    #expect(table.map(\.0) == graph.schema.node(Self.thing)?.properties.map(\.name))
    for (name, wanted) in table {
      var found = try values(graph, name, Self.thing)
      found.remove(at: 3)
      #expect(found == wanted, "\(name)")
    }
    // Beyond what single values say of long numbers.
    var bytes = [UInt8](repeating: 0, count: 16)
    var isValid = [false]
    for (name, low) in [
      ("vi64", [1, 0, 0, 0, 0, 0, 0xE0, 0xFF]),
      ("vf64", [0x9A, 0x99, 0x99, 0x99, 0x99, 0x99, 0xB9, 0x3F]),
    ] as [(String, [UInt8])] {
      let reader = try graph.columnReader(of: Self.thing, name)
      try bytes.withUnsafeMutableBytes { bytes in
        try isValid.withUnsafeMutableBufferPointer {
          try reader.read(0..<1, into: bytes, isValid: $0)
        }
      }
      #expect(isValid == [true] && Array(bytes.prefix(8)) == low)
    }
    #expect(try values(graph, "value", Self.number) == [70, nil, -30, 40, nil])
    #expect(try values(graph, "note", Self.token) == [nil, nil, nil, nil])
    let low = try values(graph, "low", Self.dot)
    for id in 0..<129 { #expect(low[id] == (id % 10 == 9 ? nil : .int(Int64(id % 100)))) }
    #expect(low[130] == 99)
    #expect(graph.schema.node(Self.dot)?.properties.map { "\($0.name) \($0.kind)" } == ["low int8"])
  }

  @Test func edges() throws {
    let graph = try GraphStore.open(at: path, .readOnly).snapshot()
    #expect(try edges(graph, Self.rates, .out) == [[0, 0, 0, 0, 0, 2], [0, 0, 1, 2, 5, 2]])
    // By time within a row.
    #expect(try edges(graph, Self.rates, .in) == [[0, 0, 1, 2, 2, 5], [0, 0, 0, 0, 2, 0]])
    #expect(try values(graph, "stars", Self.rates) == [3, 1, 2, 4, 4, 9])
    #expect(try values(graph, "at", Self.rates) == [1000, 9000, 2000, 100, 3500, 1500])
    #expect(try values(graph, "w", Self.rates) == [0.25, 0.5, 0.0, 2.0, nil, 0.5])
    #expect(try values(graph, "memo", Self.rates) == ["two", "new", "revised", nil, nil, "seven"])
    #expect(try values(graph, "tag", Self.rates) == ["y", "live", "x", nil, nil, "z"])
    #expect(
      try values(graph, "added", Self.rates) == ["none", "none", "none", "none", "none", "none"])
    for index in AdjacencyIndex.allCases {
      #expect(
        try edges(graph, Self.near, index)
          == [[0, 0, 0, 1, 1, 2, 2, 6, 6, 6], [1, 6, 6, 0, 2, 1, 2, 0, 0, 6]])
    }
    #expect(
      try values(graph, "weight", Self.near)
        == [0.5, 0.125, 0.25, 0.5, nil, nil, 3.0, 0.125, 0.25, nil])
    #expect(try edges(graph, Self.of, .out) == [[0, 2], [0, 0]])
    #expect(try edges(graph, Self.of, .in) == [[0, 0], [0, 2]])
    #expect(try edges(graph, Self.rare, .out) == [[5, 100, 100], [100, 5, 6]])
    #expect(try edges(graph, Self.rare, .in) == [[5, 6, 100], [100, 100, 5]])
    var ring: [[UInt32]] = (0..<131).map { $0 < 128 ? [UInt32($0 + 1)] : [] }
    ring[0] = []
    for id in 0..<20 { ring[id].append(UInt32(7 * id % 130)) }
    ring[130] = [64]
    for id in ring.indices { ring[id].sort() }
    let sources = ring.indices.flatMap { id in ring[id].map { _ in UInt32(id) } }
    #expect(try edges(graph, Self.next, .out) == [sources, ring.flatMap { $0 }])
    #expect(graph.count(of: Self.next) == 148)
    let backwards = zip(sources, ring.flatMap { $0 }).sorted { ($0.1, $0.0) < ($1.1, $1.0) }
    #expect(try edges(graph, Self.next, .in) == [backwards.map(\.1), backwards.map(\.0)])
  }

  @Test func setsIndicesAndModels() throws {
    let graph = try GraphStore.open(at: path, .readOnly).snapshot()
    #expect(graph.setNames(of: Self.thing) == ["mine", "train", "valid"])
    #expect(try graph.set(named: "train", of: Self.thing).map(Array.init) == [1, 4, 6])
    #expect(try graph.set(named: "valid", of: Self.thing).map(Array.init) == [2])
    #expect(try graph.set(named: "mine", of: Self.thing).map(Array.init) == [6])
    #expect(graph.setNames(of: Self.token) == ["empty"])
    #expect(try graph.set(named: "empty", of: Self.token)?.isEmpty == true)

    #expect(
      graph.index(of: "i32", of: Self.thing) == ColumnIndex(nodeCount: 5, valueCount: 4))
    #expect(graph.index(of: "s", of: Self.thing) == ColumnIndex(nodeCount: 5, valueCount: 3))
    #expect(graph.index(of: "cat", of: Self.thing) == nil)
    let filters: [(Filter, [UInt32])] = [
      (.column("i32") >= 3, [1, 2, 5]), (.column("i32") == -2_147_483_648, [0]),
      (.column("s") == "third", [2]), (.column("cat") == "green", [1, 5]),
      (.column("cat") == "red", [0, 2]), (.column("i64") < 0, [0, 6]),
    ]
    for (filter, wanted) in filters {
      #expect(try Array(graph.nodes(of: Self.thing, where: filter)) == wanted, "\(filter)")
    }

    #expect(try graph.modelNames() == ["first", "second"])
    let model = try #require(try graph.model(named: "first"))
    // Of the store: what training made.
    #expect(model.hash == "ffbeba65")
    #expect(try graph.model(named: "second")?.hash == "faf4fe0a")
    #expect(
      graph.provenance(of: "guess", of: Self.thing)
        == Provenance(model: "first", hash: "ffbeba65", dataVersion: 4))
    let specification = String(decoding: model.specification, as: UTF8.self)
    #expect(
      specification
        == "{\"classes\":[\"blue\",\"red\"],\"dataVersion\":3,\"hasIntegerClasses\":false,\""
        + "inputs\":[{\"columns\":[\"x\"],\"count\":5,\"isScaled\":true,\"type\":\"thing\","
        + "\"width\":3},{\"columns\":[],\"count\":4,\"isScaled\":false,\"type\":\"number\","
        + "\"width\":4},{\"columns\":[],\"count\":3,\"isScaled\":false,\"type\":\"token\","
        + "\"width\":4}],\"options\":{\"batchSize\":1024,\"dropout\":0.5,\"epochs\":3,\"fan"
        + "outs\":[2,2],\"hiddenWidth\":4,\"inputDropout\":0,\"inputScaling\":\"automatic\""
        + ",\"layerCount\":2,\"learningRate\":0.01,\"mode\":\"sampled\",\"model\":\"sage\","
        + "\"patience\":50,\"seed\":0,\"usesReverseRelations\":true,\"weightDecay\":0.0005}"
        + ",\"relations\":[\"number:rates:thing\",\"thing:rev_rates:number\",\"token:of:num"
        + "ber\",\"thing:near:thing\"],\"targetColumn\":\"cat\",\"targetType\":\"thing\"}")
  }

  @Test func whatChanged() throws {
    let store = try GraphStore.open(at: path, .readOnly)
    let (thing, number, token, dot) = (Self.thing, Self.number, Self.token, Self.dot)
    func id(_ id: UInt32) -> NodeID { NodeID(id) }
    func changes(_ version: UInt64) throws -> [Change.Kind] {
      let all = try store.changes(since: version - 1)
      return all.filter { $0.version == version }.map(\.kind)
    }
    for version in 1...8 as ClosedRange<UInt64> {
      #expect(try changes(version) == [.built(generation: version)])
    }
    #expect(
      try changes(9) == [
        .changedSchema("drop column number.gone"),
        .changedSchema("rename column number.val to value"),
        .changedSchema("add column thing.added"),
        .changedSchema("add column number:rates:thing.added"),
        .changedSchema("add column token.note"),
      ])
    #expect(
      try changes(10) == [
        .insertedNode(thing, id(5), key: "folded", again: false),
        .setProperty(thing, id(5), column: "cat", "green"),
        .setProperty(thing, id(5), column: "i32", 77),
        .setProperty(thing, id(5), column: "s", "folded"),
        .insertedEdge(Self.rates, id(0), id(5), ["at": 3500, "stars": 4]),
      ])
    #expect(
      try changes(11) == [
        .deletedEdge(Self.next, id(0), id(1), parallel: 0),
        .deletedEdge(Self.next, id(129), id(0), parallel: 0),
        .deletedEdge(Self.next, id(128), id(129), parallel: 0),
        .deletedNode(dot, id(129)),
      ])
    let values: [(String, PropertyValue)] = [
      ("b", true), ("bf16", 2), ("cat", "violet"), ("f16", 0.5), ("f32", 0.75), ("f64", 0.2),
      ("i16", -2), ("i32", -3), ("i64", -4), ("i8", -1), ("q", -1.5), ("raw", .bytes([1, 2, 255])),
      ("s", "lebt \u{e4}"), ("tms", 12), ("tns", 14), ("ts", 11), ("tus", 13), ("u8", 5),
      ("vbf", [1, 2]), ("vf16", [0.5, 0.25]), ("vf64", [3, 4]), ("vi16", [-2, 2]),
      ("vi32", [-3, 3]), ("vi64", [-4, 4]), ("vi8", [-1, 1]), ("vq", [0.25, -0.25]),
      ("vu8", [1, 2]), ("x", [0.5, 1, 1.5]),
    ]
    var inserted: [Change.Kind] = [.insertedNode(thing, id(6), key: "live", again: false)]
    inserted += values.map { .setProperty(thing, id(6), column: $0, $1) }
    inserted += [
      .insertedNode(thing, id(7), key: Self.longKey, again: false),
      .insertedNode(number, id(4), key: "-12", again: false),
      .insertedNode(token, id(3), key: "00000000-0000-4000-8000-0000000000ff", again: false),
      .insertedNode(dot, id(130), key: "1000", again: false),
      .setProperty(dot, id(130), column: "low", 99),
    ]
    #expect(try changes(12) == inserted)
    #expect(
      try changes(13) == [
        .setProperty(thing, id(1), column: "i32", 2222),
        .setProperty(thing, id(1), column: "s", "changed"),
        .setProperty(thing, id(1), column: "cat", "green"),
        .setProperty(thing, id(1), column: "f64", nil),
        .setProperty(thing, id(1), column: "added", 43),
      ])
    #expect(
      try changes(14) == [
        .insertedEdge(
          Self.rates, id(0), id(0),
          ["at": 9000, "memo": "new", "stars": 1, "tag": "live", "w": 0.5]
        ),
        .deletedEdge(Self.rates, id(0), id(0), parallel: 0),
        .setEdgeProperty(Self.rates, id(0), id(1), parallel: 0, column: "memo", "revised"),
        .setEdgeProperty(Self.rates, id(0), id(2), parallel: 0, column: "at", 100),
      ])
    #expect(
      try changes(15) == [
        .insertedEdge(Self.near, id(0), id(6), ["weight": 0.125]),
        .insertedEdge(Self.near, id(0), id(6), ["weight": 0.25]),
        .insertedEdge(Self.near, id(6), id(6), [:]),
        .insertedEdge(Self.next, id(130), id(64), [:]),
      ])
    #expect(
      try changes(16) == [
        .deletedEdge(Self.rates, id(1), id(3), parallel: 0),
        .deletedEdge(Self.near, id(3), id(0), parallel: 0),
        .removedMember(thing, id(3), set: "test"),
        .deletedNode(thing, id(3)),
        .deletedEdge(Self.rates, id(1), id(0), parallel: 0),
        .deletedEdge(Self.of, id(2), id(1), parallel: 0),
        .deletedNode(number, id(1)),
      ])
    #expect(try changes(17) == [.insertedNode(number, id(1), key: "-5", again: true)])
    #expect(
      try changes(18) == [
        .insertedMember(thing, id(6), set: "train"), .madeSet(thing, "mine"),
        .insertedMember(thing, id(6), set: "mine"), .removedMember(thing, id(0), set: "train"),
        .madeSet(token, "empty"), .droppedSet(thing, "test"),
      ])
    #expect(try store.changes(since: 18) == [])
  }

  @Test func earlierVersions() throws {
    let store = try GraphStore.open(at: path, .readOnly)
    let folded = try store.snapshot(at: 11)
    #expect(folded.count(of: Self.thing) == 6 && folded.count(of: Self.dot) == 130)
    #expect(try folded.set(named: "train", of: Self.thing).map(Array.init) == [0, 1, 4])
    #expect(try folded.set(named: "test", of: Self.thing).map(Array.init) == [3])
    // The order of parallel edges is that of the file.
    #expect(
      try edges(folded, Self.rates, .out) == [[0, 0, 0, 0, 0, 1, 1, 2], [0, 0, 1, 2, 5, 0, 3, 2]])
    #expect(
      try edges(folded, Self.rates, .in) == [[0, 0, 0, 1, 2, 2, 3, 5], [1, 0, 0, 0, 2, 0, 1, 0]])
    #expect(
      try values(folded, "memo", Self.rates)
        == ["one", "two", "three", nil, nil, "five", "six", "seven"])
    #expect(try values(folded, "stars", Self.rates) == [5, 3, 2, 4, 4, nil, 1, 9])
    #expect(
      try values(folded, "i32", Self.thing) == [-2_147_483_648, 2_147_483_647, 3, nil, 0, 77])
    #expect(try values(folded, "x", Self.thing)[3] == [0, 1, 0.5])
    let later = try store.snapshot(at: 15)
    #expect(later.deletedNodes(of: Self.thing).isEmpty && later.count(of: Self.near) == 12)
    #expect(try values(later, "f64", Self.thing)[1] == nil)
    #expect(throws: HedgerowError.self) { try store.snapshot(at: 10) }
  }

  // MARK: The files

  @Test func theFilesHold() throws {
    let report = try StoreVerifier.verify(at: path)
    #expect(report.problems == [])
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(path)/segments")
    let columns = (0..<30).map { "column-0-\($0)-r0000-10.seg" }
    #expect(
      Set(names)
        == Set(
          columns + [
            "adjacency-0-in-r0000-10.seg", "adjacency-0-out-r0000-10.seg",
            "adjacency-1-in-r0000-1.seg", "adjacency-1-out-r0000-1.seg",
            "adjacency-2-in-r0000-2.seg", "adjacency-2-out-r0000-2.seg",
            "adjacency-3-in-r0000-10.seg", "adjacency-3-in-r0001-3.seg",
            "adjacency-3-in-r0002-10.seg", "adjacency-3-out-r0000-10.seg",
            "adjacency-3-out-r0001-3.seg",
            "adjacency-4-in-r0000-3.seg",
            "adjacency-4-in-r0001-3.seg", "adjacency-4-out-r0000-3.seg",
            "adjacency-4-out-r0001-3.seg", "column-1-1-r0000-1.seg", "column-3-0-r0000-3.seg",
            "column-3-0-r0001-3.seg", "column-3-0-r0002-3.seg", "dictionary-0-11-10.seg",
            "dictionary-0-29-5.seg", "edge-column-0-0-r0000-10.seg",
            "edge-column-0-1-r0000-10.seg", "edge-column-0-2-r0000-10.seg",
            "edge-column-0-3-r0000-10.seg", "edge-column-0-4-r0000-10.seg",
            "edge-column-2-0-r0000-2.seg", "edge-dictionary-0-4-1.seg",
            "index-0-12-7.seg", "index-0-4-8.seg", "keys-0-10.seg", "keys-1-1.seg", "keys-2-1.seg",
          ]))
    // A node type, an edge type and the store, as JSON.
    let environment = try LMDBEnvironment.open(path, .readOnly)
    func text(_ table: String, _ key: [UInt8]) throws -> String {
      try environment.read {
        String(
          decoding: try #require(try $0.value(for: key, in: Table<[UInt8], [UInt8]>(table))),
          as: UTF8.self)
      }
    }
    #expect(
      try text("catalog.nodes", [0, 1])
        == "{\"columns\":[{\"id\":1,\"kind\":\"int64\",\"name\":\"value\"}],\"count\":4,"
        + "\"dictionaryCount\":4,\"id\":1,\"keys\":1,\"name\":\"number\",\"nextColumn\":2}")
    #expect(
      try text("catalog.edges", [0, 2])
        == "{\"columns\":[{\"id\":0,\"kind\":\"float64\",\"name\":\"weight\"}],\"count\":7,"
        + "\"id\":2,\"isUndirected\":true,\"nextColumn\":1,\"relation\":\"near\","
        + "\"source\":\"thing\",\"target\":\"thing\"}")
    #expect(
      try text("catalog.edges", [0, 0]).contains(
        "{\"defaultCell\":[1,110,111,110,101],\"id\":5,\"kind\":\"string\",\"name\":\"added\"}"))
    let record = try text("meta", Array("store".utf8))
    #expect(
      record.hasPrefix("{\"dataVersion\":18,\"foldedVersion\":11,\"format\":1,\"generation\":10,"))
    #expect(record.contains("\"schemaVersion\":9,\"uuid\":[21,168,233,135,"))
    #expect(record.hasSuffix(",\"version\":18,\"writeFeatures\":[]}"))
  }

  // MARK: Going on

  @Test func aCopyIsWrittenToCompactedAndBuiltUpon() throws {
    let store = try GraphStore.open(at: path)
    let before = try store.snapshot()
    let digest = try ContentDigest(before).content
    #expect(try store.compact().version == 18)
    #expect(try ContentDigest(store.snapshot()).content == digest)
    #expect(try StoreVerifier.verify(store).problems == [])
    #expect(try store.changes(since: 0).count > 60, "the log is kept")
    try store.write { txn in
      let a = try txn.node(Self.thing, key: "a")
      let new = try txn.insert(Self.thing, key: "new", ["i32": 1, "cat": "violet", "added": nil])
      try txn.connect(new, Self.near, a, ["weight": 9])
      try txn.set("raw", of: Self.thing, a, to: .bytes([9]))
      try txn.delete(Self.thing, try txn.node(Self.thing, key: Self.longKey))
    }
    let graph = try store.snapshot()
    #expect(graph.version == 19 && graph.count(of: Self.near) == 12)
    #expect(try graph.node(Self.thing, key: "new") == NodeID(8))
    #expect(try graph.value(of: "added", of: Self.thing, at: NodeID(8)) == nil)
    #expect(try graph.value(of: "raw", of: Self.thing, at: NodeID(0)) == .bytes([9]))
    #expect(
      try store.changes(since: 18).map(\.kind) == [
        .insertedNode(Self.thing, NodeID(8), key: "new", again: false),
        .setProperty(Self.thing, NodeID(8), column: "added", nil),
        .setProperty(Self.thing, NodeID(8), column: "cat", "violet"),
        .setProperty(Self.thing, NodeID(8), column: "i32", 1),
        .insertedEdge(Self.near, NodeID(8), NodeID(0), ["weight": 9]),
        .setProperty(Self.thing, NodeID(0), column: "raw", .bytes([9])),
        .deletedNode(Self.thing, NodeID(7)),
      ])
    let build = try store.beginBuild()
    try build.setMembers("valid", of: Self.thing, RoaringBitmap([0, 8]))
    #expect(try build.publish() == 20)
    #expect(try store.snapshot().set(named: "valid", of: Self.thing).map(Array.init) == [0, 8])
    #expect(try StoreVerifier.verify(store).problems == [])
    // A snapshot of before is as it was.
    #expect(try ContentDigest(before).content == digest)
    #expect(try GraphStore.upgrade(at: path).hasUpgraded == false)
  }
}
