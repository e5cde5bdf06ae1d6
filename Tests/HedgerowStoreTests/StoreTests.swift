import Glibc
import HedgerowCore
import HedgerowGraph
import HedgerowMapped
import HedgerowRoaring
import HedgerowStore
import HedgerowTestSupport
import Testing

private typealias G = ReferenceGraph

@Suite struct StoreTests {
  @Test func rowsKeysColumnsAndSetsComeBackAsTheyWentIn() throws {
    let graph = G(seed: printedSeed())
    let directory = TemporaryDirectory()
    _ = try graph.makeStore(at: directory("s"))
    let snapshot = try GraphStore.open(at: directory("s"), .readOnly).snapshot()

    #expect(snapshot.version == 1)
    for (type, count) in graph.counts { #expect(snapshot.count(of: type) == count) }
    for relation in snapshot.schema.relations() {
      let list = graph.edges[relation.stored]
      #expect(snapshot.count(of: relation.stored) == list.count)
      var expected = [[UInt32]](repeating: [], count: graph.counts[relation.target])
      for (source, target) in zip(list.sources, list.targets) {
        if relation.direction == .forward {
          expected[Int(target)].append(source)
        } else {
          expected[Int(source)].append(target)
        }
      }
      for row in expected.indices {
        let found = try snapshot.neighbors(of: NodeID(UInt32(row)), along: relation)
        #expect(found == expected[row].sorted())
      }
    }
    for item in 0..<graph.counts[G.item] {
      let id = NodeID(UInt32(item))
      #expect(try snapshot.key(of: id, of: G.item) == G.key(item))
      #expect(try snapshot.node(G.item, key: G.key(item)) == id)
      #expect(
        try snapshot.value(of: "title", of: G.item, at: id) == graph.titles[item].map { .text($0) })
      #expect(
        try snapshot.value(of: "parity", of: G.item, at: id)
          == .text(item % 2 == 0 ? "even" : "odd"))
      #expect(
        try snapshot.value(of: "x", of: G.item, at: id)
          == .vector(Array(graph.features[item * G.width..<(item + 1) * G.width])))
    }
    #expect(try snapshot.node(G.item, key: "nobody") == nil)
    #expect(try snapshot.node(G.user, key: "299") == NodeID(299))
    #expect(try snapshot.node(G.user, key: "300") == nil)
    #expect(try snapshot.set(named: "train", of: G.item) == RoaringBitmap(graph.train))
    for (place, edge) in graph.outOrder(G.rates).enumerated() {
      let value = try snapshot.value(of: "stars", of: G.rates, at: UInt64(place))
      #expect(value == graph.stars[edge].map { .int(Int64($0)) })
    }
  }

  @Test func gatherAgreesWithTheMatrixAndLabelsWithTheCodes() throws {
    let graph = G(seed: printedSeed())
    let directory = TemporaryDirectory()
    let snapshot = try graph.makeStore(at: directory("s")).snapshot()
    let nodes: [UInt32] = [0, 499, 127, 128, 129, 3, 3, 256, 255]
    var rows = [Float](repeating: .nan, count: nodes.count * G.width)
    try rows.withUnsafeMutableBufferPointer {
      try snapshot.gather(nodes.span, of: G.item, column: "x", into: $0)
    }
    #expect(
      rows == nodes.flatMap { graph.features[Int($0) * G.width..<(Int($0) + 1) * G.width] })
    #expect(
      try snapshot.labels(nodes.span, of: G.item, column: "parity") == nodes.map { Int32($0 % 2) })
  }

  @Test func nothingIsSeenBeforePublishAndASnapshotStaysAsItWas() throws {
    let graph = G(seed: printedSeed())
    let directory = TemporaryDirectory()
    let store = try GraphStore.create(at: directory("s"), rangeBits: 7)
    let before = try store.snapshot()
    do {
      let build = try store.beginBuild()
      try build.declare(NodeSchema("lost"), count: 3)
      try build.keyWriter(of: "lost", .identity).finish()
      #expect(try store.snapshot().count(of: "lost") == 0)
      build.abandon()
    }
    #expect(try store.version == 0)
    try graph.write(to: store)
    #expect(before.count(of: G.item) == 0)
    #expect(try store.snapshot().count(of: G.item) == 500)
  }

  @Test func aSecondWriterIsToldAndAReaderIsNot() throws {
    let directory = TemporaryDirectory()
    let store = try GraphStore.create(at: directory("s"))
    let build = try store.beginBuild()
    let error = #expect(throws: HedgerowError.self) { try store.beginBuild(waiting: 0.1) }
    #expect(error?.code == .locked)
    _ = try store.snapshot()
    build.abandon()
  }

  @Test func leftoversOfADeadBuildAreRemovedByTheNext() throws {
    let directory = TemporaryDirectory()
    let graph = G(seed: printedSeed())
    let store = try graph.makeStore(at: directory("s"))
    let before = try FileSystem.names(in: directory("s/segments"))
    directory.write("s/segments/column-0-0-r0000-9.seg", "left by a crash")
    directory.write("s/segments/keys-0-2.seg.partial", "half")
    directory.write("s/segments/notes.txt", "the user's own")
    try FileSystem.makeDirectory(directory("s/scratch"))
    directory.write("s/scratch/run", "half")
    try store.beginBuild().abandon()
    #expect(try FileSystem.names(in: directory("s/segments")) == (before + ["notes.txt"]).sorted())
    #expect(!FileSystem.exists(directory("s/scratch")))
  }

  @Test func aPredictionReplacesItsOwnColumnAndNeverAnIngestedOne() throws {
    let graph = G(seed: printedSeed())
    let directory = TemporaryDirectory()
    let store = try graph.makeStore(at: directory("s"))
    func write(_ name: String, _ value: Int64) throws {
      let build = try store.beginBuild()
      try build.declareColumn(
        PropertySchema(name, .int64), of: G.user,
        provenance: Provenance(model: "m", hash: "0a", dataVersion: store.version))
      let column = try build.columnWriter(of: G.user, name)
      let values = [Int64](repeating: value, count: 300)
      try values.withUnsafeBytes { try column.append(fixed: $0, count: 300) }
      try column.finish()
      try build.publish()
    }
    try write("predicted", 1)
    let old = try store.snapshot()
    #expect(try old.value(of: "predicted", of: G.user, at: NodeID(7)) == .int(1))
    try write("predicted", 2)
    let new = try store.snapshot()
    #expect(try new.value(of: "predicted", of: G.user, at: NodeID(7)) == .int(2))
    #expect(try old.value(of: "predicted", of: G.user, at: NodeID(299)) == .int(1))
    #expect(new.provenance(of: "predicted", of: G.user)?.dataVersion == 2)
    let error = #expect(throws: HedgerowError.self) {
      let build = try store.beginBuild()
      try build.declareColumn(PropertySchema("x", .int64), of: G.item, provenance: nil)
    }
    #expect(error?.code == .usage)
    #expect(try StoreVerifier.verify(store).isClean)
  }

  @Test func placesThatAreNoStoreAreRefusedClearly() throws {
    let directory = TemporaryDirectory()
    func code(_ body: () throws -> Void) -> HedgerowError.Code? {
      do { try body() } catch { return (error as? HedgerowError)?.code }
      return nil
    }
    #expect(code { _ = try GraphStore.open(at: directory("none")) } == .noInput)
    directory.write("file", "text")
    #expect(code { _ = try GraphStore.open(at: directory("file")) } == .noInput)
    #expect(code { _ = try GraphStore.open(at: directory.path) } == .noInput)
    #expect(code { _ = try GraphStore.create(at: directory("file")) } == .usage)
    #expect(code { _ = try GraphStore.create(at: directory("no/where")) } == .noInput)
    try FileSystem.makeDirectory(directory("fake"))
    directory.write("fake/data.mdb", [UInt8](repeating: 7, count: 8192))
    #expect(code { _ = try GraphStore.open(at: directory("fake"), .readOnly) } != nil)
  }
}

@Suite struct VerifyTests {
  @Test func anyDamagedByteOfASegmentIsReported() throws {
    let seed = printedSeed()
    var random = RandomStream(seed: seed)
    let directory = TemporaryDirectory()
    let graph = G(seed: seed)
    let store = try graph.makeStore(at: directory("s"))
    let clean = try StoreVerifier.verify(store)
    #expect(clean.isClean, "\(clean.problems)")
    let names = try FileSystem.names(in: directory("s/segments"))
    for name in names {
      let path = directory("s/segments/\(name)")
      let bytes = TemporaryDirectory.contents(path)
      // Edges of every part of the file, and places drawn at random.
      var places = [0, 8, 20, 64, 4092, 4096, bytes.count - 1, bytes.count - 5]
      places += (0..<4).map { _ in Int(random.next(below: UInt64(bytes.count))) }
      for place in places {
        var damaged = bytes
        damaged[place] ^= 1 << UInt8(random.next(below: 8))
        directory.write("s/segments/\(name)", damaged)
        let report = try StoreVerifier.verify(store)
        #expect(!report.isClean, "\(name) at \(place)")
        #expect(report.problems.contains { $0.file == name })
      }
      for length in [0, 100, 4096, bytes.count - 1] {
        directory.write("s/segments/\(name)", Array(bytes.prefix(length)))
        #expect(try !StoreVerifier.verify(store).isClean)
      }
      directory.write("s/segments/\(name)", bytes)
    }
    try FileSystem.removeFile(directory("s/segments/\(names[0])"))
    #expect(try !StoreVerifier.verify(store).isClean)
  }

  @Test func aSegmentOfAnotherStoreIsNotAdopted() throws {
    let directory = TemporaryDirectory()
    let seed = printedSeed()
    let store = try G(seed: seed).makeStore(at: directory("a"))
    _ = try G(seed: seed).makeStore(at: directory("b"))
    let name = try FileSystem.names(in: directory("a/segments")).first { $0.hasPrefix("adj") }!
    directory.write(
      "a/segments/\(name)", TemporaryDirectory.contents(directory("b/segments/\(name)")))
    let report = try StoreVerifier.verify(store)
    #expect(report.problems.contains { $0.what.contains("another store") })
  }
}
