import HedgerowCore
import HedgerowTestSupport
import Synchronization
import Testing

@testable import HedgerowStore

private let user: NodeType = "user"
private let knows = EdgeType("user", "knows", "user")

private let kinds: [PropertyKind] = [
  .bool, .int8, .int16, .int32, .int64, .uint8, .float32, .float64, .string, .bytes, .categorical,
  .timestamp(.seconds), .vector(element: .float32, width: 3),
]

private func draw(_ kind: PropertyKind, _ random: inout RandomStream) -> PropertyValue? {
  if random.next(below: 5) == 0 { return nil }
  let number = Int64(random.next(below: 100))
  return switch kind {
  case .bool: .bool(number % 2 == 0)
  case .float32, .float64: .float(Double(number) / 4)
  case .string: .text(String(repeating: "é", count: Int(number)))
  case .categorical: .text("class \(number % 7)")
  case .bytes: .bytes([UInt8](repeating: UInt8(number), count: Int(number) % 5))
  case .vector: .vector([Float(number), 1, -0.5])
  default: .int(number)
  }
}

@Suite struct WholeColumnTests {
  /// A store whose first nodes are in segments and whose last ones are changes.
  private func makeStore(at path: String, _ counts: (base: Int, added: Int)) throws -> GraphStore {
    let store = try GraphStore(
      at: path, schema: [.node(user, properties: ["age": .int32]), .edge(knows)])
    store.compactsAutomatically = false
    for ids in [0..<counts.base, counts.base..<counts.base + counts.added] {
      try store.write { (txn) throws in
        for id in ids { try txn.insert(user, key: "u\(id)", ["age": .int(Int64(id))]) }
      }
      if ids.lowerBound == 0 { try store.compact() }
    }
    return store
  }

  private func expect(
    _ values: [PropertyValue?], in column: String, of store: GraphStore
  ) throws {
    let snapshot = try store.snapshot()
    for (id, value) in values.enumerated() {
      let id = NodeID(UInt32(id))
      try #require(try snapshot.value(of: column, of: user, at: id) == value, "node \(id)")
      try #require(
        try store.read { (txn) throws in try txn.value(of: column, of: user, at: id) } == value)
    }
    #expect(try StoreVerifier.verify(store).problems.isEmpty)
  }

  @Test(arguments: [(0, 0), (0, 3), (70, 0), (70, 5)])
  func everyKindIsReadAsItWasWritten(base: Int, added: Int) throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let store = try makeStore(at: directory("s"), (base, added))
    for kind in kinds {
      let values = (0..<base + added).map { _ in draw(kind, &random) }
      let name = "c_\(kind.description.prefix { $0.isLetter })\(kind.byteWidth)"
      let before = try store.version
      let version = try store.setColumn(PropertySchema(name, kind), of: user) {
        values[Int($0.rawValue)]
      }
      #expect(version == before + 1)
      #expect(try store.version == version)
      try expect(values, in: name, of: store)
      // A node that comes afterwards has no value.
      let late = try store.write { (txn) throws in
        try txn.insert(user, key: "late \(name)", [:])
      }
      #expect(
        try store.read { (txn) throws in try txn.value(of: name, of: user, at: late) } == nil)
      try store.write { (txn) throws in try txn.delete(user, late) }
    }
    try store.compact()
    #expect(try StoreVerifier.verify(store).problems.isEmpty)
  }

  @Test func onlyWhatAModelWroteIsReplacedUnasked() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(at: directory("s"), (10, 2))
    let version = try store.version
    #expect(throws: HedgerowError.self) {
      try store.setColumn(PropertySchema("age", .int32), of: user) { _ in 1 }
    }
    #expect(throws: HedgerowError.self) {
      try store.setColumn(PropertySchema("new", .int32), of: user) { _ in .text("no number") }
    }
    #expect(throws: HedgerowError.self) {
      try store.setColumn(PropertySchema("new", .int32), of: "nobody") { _ in 1 }
    }
    #expect(try store.version == version)
    // The text is a change that was not compacted: it goes with the old column.
    try store.write { (txn) throws in try txn.set("age", of: user, NodeID(3), to: 99) }
    try store.setColumn(PropertySchema("age", .string), of: user, replaces: true) {
      .text("\($0)")
    }
    try expect((0..<12).map { .text("\(NodeID(UInt32($0)))") }, in: "age", of: store)
    let model = Provenance(model: "m", hash: "00", dataVersion: 1)
    for round in 0..<3 {
      try store.setColumn(PropertySchema("out", .int64), of: user, provenance: model) {
        .int(Int64(round) + Int64($0.rawValue))
      }
      try store.write { (txn) throws in try txn.set("out", of: user, NodeID(11), to: -1) }
    }
    try expect((0..<12).map { .int($0 == 11 ? -1 : 2 + $0) }, in: "out", of: store)
  }

  @Test func whatIsWrittenMeanwhileStays() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(at: directory("s"), (50, 4))
    let before = try store.snapshot()
    let build = try store.beginAddition(isComplete: true)
    try store.write { (txn) throws in
      try txn.insert(user, key: "meanwhile", ["age": 7])
      try txn.set("age", of: user, NodeID(1), to: 1000)
      try txn.connect(NodeID(2), knows, NodeID(54))
      try txn.delete(user, NodeID(3))
    }
    try build.declareColumn(PropertySchema("new", .int8), of: user, provenance: nil)
    let writer = try build.columnWriter(of: user, "new")
    for _ in 0..<54 {
      try withUnsafeBytes(of: Int8(5)) { try writer.append(fixed: $0, count: 1) }
    }
    try writer.finish()
    #expect(try build.buildIndex(of: "age", of: user) == 54)
    #expect(throws: HedgerowError.self) { try store.compact() }
    let version = try build.publish()
    #expect(version == before.version + 2)
    // Snapshots stay; versions from before are not kept, for they had other columns.
    #expect(try before.value(of: "age", of: user, at: NodeID(1)) == 1)
    #expect(throws: HedgerowError.self) { try store.snapshot(at: version - 1) }
    for _ in 0..<2 {
      let after = try store.snapshot()
      #expect(try after.value(of: "new", of: user, at: NodeID(1)) == 5)
      #expect(try after.value(of: "new", of: user, at: NodeID(54)) == nil)
      #expect(try after.value(of: "age", of: user, at: NodeID(1)) == 1000)
      #expect(try after.node(user, key: "u3") == nil)
      #expect(try after.node(user, key: "meanwhile") == NodeID(54))
      #expect(after.count(of: knows) == 1)
      let found = try after.nodes(of: user, where: Filter("age >= 50"))
      #expect(Array(found) == [1, 50, 51, 52, 53])
      #expect(try StoreVerifier.verify(store).problems.isEmpty)
      try store.compact()
    }
  }

  @Test func aModelIsSavedAndNoSegmentIsWritten() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(at: directory("s"), (20, 3))
    func save(_ weights: [UInt8]) throws {
      let before = try store.snapshot().state.record
      let version = try store.saveModel(
        ModelRecord(name: "m", specification: [1], weights: weights))
      let after = try store.snapshot()
      #expect(version == before.version + 1 && after.version == version)
      #expect(after.state.record.generation == before.generation)
      #expect(after.state.record.dataVersion == before.dataVersion)
      #expect(try after.model(named: "m")?.weights == weights)
      #expect(after.count(of: user) == 23)
    }
    try save([1, 2])
    // Beside a build that keeps nobody out, which does not lose it.
    let build = try store.beginAddition(isComplete: true)
    try save([3])
    try build.buildIndex(of: "age", of: user)
    try build.publish()
    #expect(try store.snapshot().model(named: "m")?.weights == [3])
    // It is no change that a build would have to fold.
    try store.compact()
    try save([4])
    #expect(try !store.snapshot().state.hasChanges)
    #expect(throws: HedgerowError.self) {
      try store.saveModel(ModelRecord(name: "no/name", specification: [], weights: []))
    }
    #expect(try StoreVerifier.verify(store).problems.isEmpty)
  }

  /// What is done again over new segments must find edges where it found them at first.
  @Test func parallelEdgesWhoseTimeChangesMeanwhileKeepTheirOrder() throws {
    let directory = TemporaryDirectory()
    let sends = EdgeType("user", "sends", "user")
    let store = try GraphStore(
      at: directory("s"),
      schema: [.node(user), .edge(sends, properties: ["at": .int64], time: "at")]
    )
    let (a, b) = try store.write { (txn) throws in
      (try txn.insert(user, key: "a"), try txn.insert(user, key: "b"))
    }
    func times() throws -> [PropertyValue?] {
      try store.read { (txn) throws in
        try (0..<txn.degree(of: a, along: sends)).map {
          try txn.value(of: "at", from: a, sends, to: b, parallel: $0)
        }
      }
    }
    try store.write { (txn) throws in
      for time in 1...4 { try txn.connect(a, sends, b, ["at": .int(Int64(time))]) }
    }
    let build = try store.beginAddition()
    try store.write { (txn) throws in
      try txn.set("at", from: a, sends, to: b, parallel: 0, 9)
      try txn.disconnect(a, sends, b, parallel: 0)
      try txn.set("at", from: a, sends, to: b, parallel: 1, 5)
    }
    #expect(try times() == [3, 9, 5])
    try build.publish()
    #expect(try times() == [3, 9, 5])
    try store.compact()
    #expect(try times() == [3, 9, 5])
    #expect(try StoreVerifier.verify(store).problems.isEmpty)
  }

  @Test func writersAndColumnsGoOnSideBySide() async throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(at: directory("s"), (3000, 100))
    let isOver = Atomic(false)
    async let commits = Task.detached {
      var count = 0
      while !isOver.load(ordering: .relaxed) {
        try store.write { (txn) throws in
          try txn.insert(user, key: "w\(count)")
          try txn.set("age", of: user, NodeID(UInt32(count % 3000)), to: .int(Int64(-1 - count)))
        }
        count += 1
      }
      return count
    }.value
    for round in 0..<10 {
      try store.setColumn(
        PropertySchema("out", .int64), of: user,
        provenance: Provenance(model: "m", hash: "00", dataVersion: 0), waiting: 60
      ) { .int(Int64(round) * Int64($0.rawValue)) }
    }
    isOver.store(true, ordering: .relaxed)
    let count = try await commits
    let snapshot = try store.snapshot()
    #expect(snapshot.count(of: user) == 3100 + count)
    for id in 0..<3100 {
      try #require(
        try snapshot.value(of: "out", of: user, at: NodeID(UInt32(id))) == .int(9 * Int64(id)))
    }
    for write in max(0, count - 3000)..<count {
      try #require(
        try snapshot.value(of: "age", of: user, at: NodeID(UInt32(write % 3000)))
          == .int(Int64(-1 - write)))
    }
    #expect(try StoreVerifier.verify(store).problems.isEmpty)
  }
}
