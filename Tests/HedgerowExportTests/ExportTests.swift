import HedgerowCore
import HedgerowExport
import HedgerowGraph
import HedgerowIngest
import HedgerowMapped
import HedgerowRoaring
import HedgerowStore
import HedgerowTestSupport
import Testing

@Suite struct ExportTests {
  private let directory = TemporaryDirectory()

  /// A store with changes that are in segments and changes that are not.
  private func makeRandomStore(_ seed: UInt64) throws -> RandomStore {
    var random = try RandomStore(at: directory("s"), seed: seed)
    try random.change(1000)
    try random.store.compact()
    for _ in 0..<10 { try random.change(40) }
    return random
  }

  /// Formats that hold everything.
  private static let whole: [ExportOptions] = {
    var arrays = ExportOptions(.csv)
    arrays.features = .npy
    return [ExportOptions(.csv), arrays, ExportOptions(.parquet)]
  }()

  @Test(arguments: whole)
  func aStoreThatWasWrittenAsTablesComesBackEqual(options: ExportOptions) throws {
    let random = try makeRandomStore(printedSeed())
    let before = try ReferenceStore(of: random.store.snapshot())
    #expect(before.nodes.values.contains { $0.isThere.contains(false) })
    let report = try export(directory("s"), options, to: directory("out"))
    let snapshot = try readBack(report, to: directory("new"))
    let model = try #require(try before.renumbered(as: snapshot))
    #expect(try model.difference(from: snapshot) == nil)
    var schema = RandomStore.schema
    // Whole numbers that are times are seconds once they have been files.
    schema.edges[3].properties[0].kind = .timestamp(.seconds)
    #expect(
      Set(snapshot.schema.nodes.flatMap(\.properties)) == Set(schema.nodes.flatMap(\.properties)))
    #expect(snapshot.schema.edges == schema.edges)
    #expect(report.nodes[RandomStore.user] == snapshot.count(of: RandomStore.user))
    for file in report.files {
      #expect(
        try FileSystem.byteCount(of: "\(directory("out"))/\(file.name)") == file.byteCount)
    }
    #expect(try FileSystem.names(in: directory.path) == ["new", "out", "s"])
  }

  @Test(arguments: ExportFormat.allCases)
  func bytesDoNotDependOnTheBudget(format: ExportFormat) throws {
    _ = try makeRandomStore(printedSeed())
    let large = try export(directory("s"), ExportOptions(format), to: directory("a"))
    let small = try export(
      directory("s"), ExportOptions(format), to: directory("b"),
      budget: makeBudget(MemoryBudget.overhead + 1 << 20))
    #expect(large.files.map(\.name) == small.files.map(\.name))
    #expect(large.notes == small.notes)
    for name in try FileSystem.names(in: directory("a")) {
      #expect(
        TemporaryDirectory.contents("\(directory("a"))/\(name)")
          == TemporaryDirectory.contents("\(directory("b"))/\(name)"))
    }
  }

  // MARK: Hostile values

  private static let texts: [String?] = [
    nil, "", " ", "\"", "\"\"", ",", "a,b", "line\nfeed", "\r\n", "\r", "\t", "\0", "a\0b",
    "é\u{1F600}",
    "#comment", "%", "null", "nan", "0x", "'", "\\", "&<>\"'", "\u{FFFE}", " a ", ";|",
    String(repeating: "x", count: 70_000),
  ]

  private static let kinds: [(String, PropertyKind, [PropertyValue?])] = [
    ("b", .bool, [true, false, nil]),
    ("i8", .int8, [-128, 127, nil]),
    ("i16", .int16, [-32768, 32767, nil]),
    ("i32", .int32, [.int(Int64(Int32.min)), .int(Int64(Int32.max)), nil]),
    ("i64", .int64, [.int(.min), .int(.max), nil, 0]),
    ("u8", .uint8, [0, 255, nil]),
    ("f16", .float16, [0.1, 65504, .float(.nan), .float(-.infinity), 5.9604644775390625e-08, nil]),
    ("bf", .bfloat16, [0.1, 3e38, .float(.nan), .float(.infinity), -0.0, nil]),
    (
      "f32", .float32,
      [
        0.1, 3.4028235e38, .float(.nan), .float(1.401298464324817e-45), -0.0, nil,
        .float(-.infinity),
      ]
    ),
    (
      "f64", .float64,
      [
        0.1, .float(.greatestFiniteMagnitude), .float(.leastNonzeroMagnitude), .float(.nan), -0.0,
        nil, 1e16, 123456789.125,
      ]
    ),
    ("s8", .scaledInt8(scale: 0.0078125), [0.0078125, -1.0, nil]),
    ("ts", .timestamp(.nanoseconds), [.int(.min), .int(.max), nil]),
    ("by", .bytes, [.bytes([]), .bytes([0, 255, 34]), nil]),
    ("v", .vector(element: .float32, width: 2), [[0.1, -0.0], [.nan, .infinity], nil]),
    ("w", .vector(element: .float16, width: 1), [[0.1], [1]]),
    ("vi", .vector(element: .int64, width: 2), [[1, -5], nil]),
    ("vb", .vector(element: .bfloat16, width: 2), [[1, -5]]),
    ("vs", .vector(element: .scaledInt8(scale: 0.5), width: 3), [[1, -5, 0.5]]),
  ]

  private func makeHostileStore() throws -> GraphStore {
    let node: NodeType = "n.1"
    let properties =
      [PropertySchema("id", .string), PropertySchema("c", .categorical)]
      + Self.kinds.map { PropertySchema($0.0, $0.1) }
    var schema = GraphSchema(
      nodes: [NodeSchema(node, properties: properties), NodeSchema("empty"), NodeSchema("number")],
      edges: [
        EdgeSchema(
          EdgeType("n.1", "to", "n.1"),
          properties: [PropertySchema("source", .string), PropertySchema("w", .float32)],
          isUndirected: true, weightColumn: "w"),
        EdgeSchema(EdgeType("n.1", "none", "empty"), properties: [PropertySchema("x", .bool)]),
        EdgeSchema(
          EdgeType("number", "at", "number"),
          properties: [PropertySchema("t", .timestamp(.milliseconds))],
          timeColumn: "t"),
      ])
    schema.nodes[1].properties = [PropertySchema("q", .int8)]
    let store = try GraphStore(at: directory("h"), schema: schema)
    try store.write { txn in
      var nodes: [NodeID] = []
      // Keys are texts, of which some look like numbers.
      let keys = Self.texts.compactMap { $0 }.filter { !$0.isEmpty } + ["1", "02"]
      for (index, key) in keys.enumerated() {
        var values: [String: PropertyValue?] = [:]
        let text = Self.texts[index % Self.texts.count]
        values["id"] = text.map { .text($0) }
        values["c"] = Self.texts[(index * 7 + 3) % Self.texts.count].map { .text($0) }
        for (name, _, column) in Self.kinds { values[name] = column[index % column.count] }
        nodes.append(
          try txn.insert(node, key: key, values.compactMapValues { $0 }.mapValues { $0 }))
        if index % 3 == 0 { try txn.insert(nodes[index], of: node, into: "set.1") }
        if index % 5 == 0 { try txn.insert(nodes[index], of: node, into: "other") }
      }
      for index in nodes.indices {
        for other in [index, (index * 5 + 1) % nodes.count, (index * 5 + 1) % nodes.count] {
          var values: [String: PropertyValue] = ["w": .float(Double(index) / 2)]
          if let text = Self.texts[index % Self.texts.count] { values["source"] = .text(text) }
          try txn.connect(
            nodes[index], EdgeType("n.1", "to", "n.1"), nodes[other], values.mapValues { $0 })
        }
      }
      let numbers = try ["7", "0", "-3"].map { try txn.insert("number", key: $0) }
      for at in [5, -5, 5] as [Int64] {
        try txn.connect(numbers[0], EdgeType("number", "at", "number"), numbers[2], ["t": .int(at)])
      }
    }
    return store
  }

  @Test(arguments: whole)
  func hostileValuesComeBackBitForBit(options: ExportOptions) throws {
    let before = try makeHostileStore().snapshot()
    let report = try export(directory("h"), options, to: directory("out"))
    let after = try readBack(report, to: directory("new"))
    let isText = options.format == .csv && options.features == .text
    if isText { #expect(after.schema == before.schema) }
    for node in before.schema.nodes {
      let type = node.type
      #expect(after.count(of: type) == before.count(of: type))
      for id in 0..<UInt32(before.count(of: type)) {
        #expect(
          try after.key(of: NodeID(id), of: type) == before.key(of: NodeID(id), of: type))
      }
      for column in node.properties {
        #expect(
          try values(after.columnReader(of: type, column.name))
            == values(before.columnReader(of: type, column.name)), "\(column)")
      }
      #expect(after.setNames(of: type) == before.setNames(of: type))
      for set in before.setNames(of: type) {
        #expect(try after.set(named: set, of: type) == before.set(named: set, of: type))
      }
    }
    for edge in before.schema.edges {
      #expect(after.schema.edge(edge.type) == edge)
      var (a, b) = (try before.edges(of: edge.type, .out), try after.edges(of: edge.type, .out))
      #expect(a.count == b.count)
      while try a.advance() {
        #expect(try b.advance())
        #expect(a.rows == b.rows && a.neighbors == b.neighbors)
      }
      for column in edge.properties {
        #expect(
          try values(after.columnReader(of: edge.type, column.name))
            == values(before.columnReader(of: edge.type, column.name)), "\(edge.type) \(column)")
      }
    }
    // What ingest has arrays for came as arrays, but for what such an array cannot hold.
    let arrays = report.files.map(\.name).filter { $0.hasSuffix(".npy") }
    #expect(arrays.isEmpty == (options.features == .text))
  }

  @Test(arguments: [ExportFormat.csv, .parquet])
  func emptyTypesOfEveryKindOfKeyComeBack(format: ExportFormat) throws {
    let store = try GraphStore(
      at: directory("e"), schema: [.node("t"), .edge(EdgeType("t", "r", "t"))])
    _ = store
    let report = try export(directory("e"), ExportOptions(format), to: directory("out"))
    let after = try readBack(report, to: directory("new"))
    #expect(after.schema == [.node("t"), .edge(EdgeType("t", "r", "t"))])
    #expect(after.keyKind(of: "t") == .string)
    directory.write("u.csv", "id:uuid,x:bool\n")
    var options = IngestOptions()
    options.nodes = [.init("u", directory("u.csv"))]
    try Ingest.run(
      options, into: directory("u"), budget: makeBudget(), pool: ThreadPool(threadCount: 1))
    let uuids = try GraphStore.open(at: directory("u"), .readOnly).snapshot()
    #expect(uuids.keyKind(of: "u") == .uuid)
    let second = try export(directory("u"), ExportOptions(format), to: directory("out2"))
    #expect(try readBack(second, to: directory("new2")).keyKind(of: "u") == .uuid)
  }

  // MARK: Parts

  @Test func aSetAndAFilterAreWrittenWithTheEdgesAmongThem() throws {
    let random = try makeRandomStore(printedSeed())
    let snapshot = try random.store.snapshot()
    var options = ExportOptions(.csv)
    options.types = ["user"]
    options.set = "set1"
    options.filter = try Filter("age >= 200 or age is null")
    let members = try #require(
      try snapshot.members(of: "set1", of: RandomStore.user, where: options.filter))
    let report = try export(directory("s"), options, to: directory("out"))
    let after = try readBack(report, to: directory("new"))
    #expect(after.schema.nodes.map(\.type) == [RandomStore.user])
    #expect(after.count(of: RandomStore.user) == members.count)
    let before = try ReferenceStore(of: snapshot)
    for edge in snapshot.schema.edges where edge.type.target == RandomStore.user {
      let among = before.edges[edge.type]!.filter {
        members.contains($0.source) && members.contains($0.target)
      }
      #expect(after.count(of: edge.type) == among.count)
    }
    #expect(
      try #require(try after.set(named: "set1", of: RandomStore.user)).count == members.count)
    for (rank, id) in members.enumerated() {
      #expect(
        try after.key(of: NodeID(UInt32(rank)), of: RandomStore.user)
          == snapshot.key(of: NodeID(id), of: RandomStore.user))
    }
  }

  @Test func anEdgeTypeBringsItsEnds() throws {
    _ = try makeRandomStore(printedSeed())
    var options = ExportOptions(.csv)
    options.types = ["user:rates:item"]
    let report = try export(directory("s"), options, to: directory("out"))
    #expect(Set(report.nodes.keys) == [RandomStore.user, RandomStore.item])
    #expect(report.edges.keys == [RandomStore.rates])
  }

  @Test func whatIsNotThereIsRefusedAndLeavesNothing() throws {
    _ = try makeRandomStore(printedSeed())
    var wrong = ExportOptions(.csv)
    wrong.types = ["nobody"]
    var noSet = ExportOptions(.csv)
    noSet.set = "nowhere"
    var filter = ExportOptions(.csv)
    filter.filter = try Filter("age > 3")
    for options in [wrong, noSet, filter] {
      #expect(throws: HedgerowError.self) {
        try export(directory("s"), options, to: directory("out"))
      }
    }
    directory.write("there", "file")
    #expect(throws: HedgerowError.self) {
      try export(directory("s"), ExportOptions(.csv), to: directory("there"))
    }
    var asked = 0
    do {
      try Export.run(
        ExportOptions(.csv), from: directory("s"), to: directory("out"), budget: makeBudget(),
        isCancelled: {
          asked += 1
          return asked > 5
        })
      Issue.record("was not stopped")
    } catch let error as HedgerowError {
      #expect(error.code == .interrupted)
    }
    #expect(try FileSystem.names(in: directory.path) == ["s", "there"])
  }

  @Test func oneVersionIsWrittenWhileOthersWrite() throws {
    var random = try makeRandomStore(printedSeed())
    let before = try ReferenceStore(of: random.store.snapshot())
    var isChanged = false
    let report = try Export.run(
      ExportOptions(.csv), from: directory("s"), to: directory("out"), budget: makeBudget(),
      progress: { _ in
        guard !isChanged else { return }
        isChanged = true
        do { try random.change(200) } catch { Issue.record(error) }
        do { try random.store.compact() } catch { Issue.record(error) }
      })
    #expect(isChanged)
    let snapshot = try readBack(report, to: directory("new"))
    let model = try #require(try before.renumbered(as: snapshot))
    #expect(try model.difference(from: snapshot) == nil)
  }
}
