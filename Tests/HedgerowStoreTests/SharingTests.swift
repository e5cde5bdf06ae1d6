import Glibc
import HedgerowCore
import HedgerowGraph
import HedgerowLMDB
import HedgerowMapped
import HedgerowRoaring
import HedgerowTestSupport
import Synchronization
import Testing

@testable import HedgerowStore

private typealias G = ReferenceGraph

/// Writes `value` for every user as a predicted column: each call is a generation.
private func predict(_ value: Int64, in store: GraphStore) throws {
  let build = try store.beginBuild(waiting: 10)
  try build.declareColumn(
    PropertySchema("predicted", .int64), of: G.user,
    provenance: Provenance(model: "m", hash: "0a", dataVersion: store.version))
  let column = try build.columnWriter(of: G.user, "predicted")
  let values = [Int64](repeating: value, count: 300)
  try values.withUnsafeBytes { try column.append(fixed: $0, count: 300) }
  try column.finish()
  try build.publish()
}

private func predicted(_ snapshot: Snapshot, _ user: UInt32 = 7) throws -> PropertyValue? {
  try snapshot.value(of: "predicted", of: G.user, at: NodeID(user))
}

private func requireOne(_ snapshot: Snapshot) throws {
  guard try predicted(snapshot) == .int(1), try predicted(snapshot, 299) == .int(1) else { exit(2) }
}

/// Several readers, in one process and in many, beside a writer.
@Suite struct SharingTests {
  private func columnFiles(_ path: String) throws -> Set<String> {
    // Items have the columns 0 to 2 from the first; users have predicted ones only.
    Set(try FileSystem.names(in: "\(path)/segments").filter { $0.hasPrefix("column-0-") })
  }

  @Test func filesOfAnOldGenerationStayWhileASnapshotLives() throws {
    let directory = TemporaryDirectory()
    let store = try G(seed: printedSeed()).makeStore(at: directory("s"))
    try predict(1, in: store)
    let first = try columnFiles(directory("s"))
    #expect(first.count == 3, "300 users in ranges of 128")
    var old: Snapshot? = try store.snapshot()
    let pinned = old!.generation
    try predict(2, in: store)
    #expect(try columnFiles(directory("s")).isSuperset(of: first))
    #expect(try store.statistics().pinnedGenerations.contains(pinned))
    // The next builds leave them too.
    try predict(3, in: store)
    try store.beginBuild().abandon()
    #expect(try columnFiles(directory("s")).isSuperset(of: first))
    // Nothing of it was mapped until now.
    #expect(try predicted(old!) == .int(1) && predicted(old!, 299) == .int(1))
    #expect(try predicted(store.snapshot()) == .int(3))
    old = nil
    try store.beginBuild().abandon()
    let left = try columnFiles(directory("s"))
    #expect(left.count == 3 && left.isDisjoint(with: first))
    #expect(try !store.statistics().pinnedGenerations.contains(pinned))
    #expect(!FileSystem.exists(directory("s/generations/\(pinned).lock")))
    #expect(try predicted(store.snapshot()) == .int(3))
    #expect(try StoreVerifier.verify(store).isClean)
  }

  @Test func aCommitRemovesWhatOnlyReadersThatAreGoneNeeded() throws {
    let directory = TemporaryDirectory()
    let store = try G(seed: printedSeed()).makeStore(at: directory("s"))
    store.compactsAutomatically = false
    func commit() throws {
      // Commits look every half second.
      usleep(600_000)
      try store.write { try $0.connect(NodeID(0), G.rates, NodeID(1)) }
    }
    func files() throws -> Set<String> { Set(try FileSystem.names(in: directory("s/segments"))) }
    let first = try files()
    var old: Snapshot? = try store.snapshot()
    try commit()
    try store.compact()
    try commit()
    #expect(try files().isSuperset(of: first))
    // What somebody is writing meanwhile stays.
    let partial = directory("s/segments/adjacency-0-out-r0000-9.seg.partial")
    directory.write("s/segments/adjacency-0-out-r0000-9.seg.partial", "")
    old = nil
    try commit()
    #expect(try !files().isSuperset(of: first))
    #expect(try files().filter { $0.hasPrefix("adjacency-0-out-r0000-") }.count == 2)
    #expect(old == nil && FileSystem.exists(partial))
    try store.compact()
    #expect(!FileSystem.exists(partial))
    #expect(try StoreVerifier.verify(store).isClean)
  }

  @Test func changesAreFoldedByTheirSizeAndLaterBesideReadersOfAnOldGeneration() throws {
    let directory = TemporaryDirectory()
    let store = try G(seed: printedSeed()).makeStore(at: directory("s"))
    store.compactsAutomatically = false
    // Of 8 MiB and more, less than twice that.
    func change() throws {
      try store.write { (txn) throws in
        for edge in 0..<120_000 as Range<UInt32> {
          try txn.connect(NodeID(edge % 300), G.rates, NodeID(edge / 300 % 500))
        }
      }
    }
    var old: Snapshot? = try store.snapshot()
    #expect(try !store.compactIfNeeded())
    try change()
    // It reads the newest generation.
    #expect(try store.compactIfNeeded())
    #expect(try !store.compactIfNeeded())
    try change()
    #expect(try !store.compactIfNeeded())
    try change()
    #expect(try store.compactIfNeeded())
    try change()
    old = nil
    #expect(try old == nil && store.compactIfNeeded())
    #expect(try StoreVerifier.verify(store).isClean)
  }

  @Test func aCompactionBesideWritersIsWaitedForUnlessTheOneBeforeFailed() {
    let compactions = BackgroundCompaction()
    func wait(_ seconds: Double) -> Duration {
      ContinuousClock().measure { compactions.wait(seconds: seconds) }
    }
    #expect(wait(20) < .seconds(10), "none is at work")
    final class Gate: Sendable { let isOpen = Atomic(false) }
    func start(_ gate: Gate, at byteCount: Int, fails: Bool) -> Int {
      compactions.start(at: byteCount) {
        while !gate.isOpen.load(ordering: .relaxed) { usleep(1000) }
        if fails { throw HedgerowError(.io, "the disk is full") }
      }
    }
    let first = Gate()
    #expect(start(first, at: 7, fails: true) == 7)
    #expect(start(first, at: 9, fails: true) == 7, "one at a time")
    #expect(wait(0.05) >= .milliseconds(50))
    first.isOpen.store(true, ordering: .relaxed)
    #expect(wait(20) < .seconds(10))
    let second = Gate()
    #expect(start(second, at: 11, fails: false) == 11)
    #expect(wait(20) < .seconds(10), "the one before failed")
    second.isOpen.store(true, ordering: .relaxed)
  }

  /// It holds the lock all but a few microseconds of the time.
  @Test func aProcessThatCommitsWithoutAPauseLetsOthersIn() async throws {
    let directory = TemporaryDirectory()
    let path = directory("s")
    let store = try G(seed: printedSeed()).makeStore(at: path)
    final class Gate: Sendable { let isOpen = Atomic(false) }
    let gate = Gate()
    let busy = HedgerowCore.Thread.start {
      while !gate.isOpen.load(ordering: .relaxed) {
        try? store.write { (txn) throws in
          try txn.connect(NodeID(2), G.rates, NodeID(3))
          usleep(100_000)
        }
      }
    }
    await #expect(processExitsWith: .success) { [path = path as String] in
      let store = try GraphStore.open(at: path)
      for _ in 0..<5 {
        let time = try ContinuousClock().measure {
          try store.write(waiting: 60) { (txn) throws in
            try txn.connect(NodeID(0), G.rates, NodeID(1))
          }
        }
        guard time < .seconds(5) else { exit(2) }
      }
    }
    gate.isOpen.store(true, ordering: .relaxed)
    HedgerowCore.Thread.join(busy)
  }

  /// Readers that go on to each new generation, a step behind the writer, do not keep older ones.
  @Test func onlyFilesOfGenerationsThatAreReadStay() throws {
    let directory = TemporaryDirectory()
    let store = try G(seed: printedSeed()).makeStore(at: directory("s"))
    store.compactsAutomatically = false
    let first = try store.snapshot()
    let digest = try ContentDigest(first)
    var behind = first
    for round in 0..<5 {
      try store.write { try $0.connect(NodeID(0), G.rates, NodeID(UInt32(round))) }
      try store.compact()
      let before = try ContentDigest(behind)
      let files = try FileSystem.names(in: directory("s/segments"))
        .filter { $0.hasPrefix("adjacency-0-out-r0000-") || $0.hasPrefix("adjacency-1-out-r0000-") }
      // Of the first, of the one behind and of the newest; of the other type's edges the only one.
      #expect(files.count <= 4, "\(files)")
      #expect(try ContentDigest(behind) == before)
      behind = try store.snapshot()
    }
    #expect(try ContentDigest(first) == digest)
    #expect(try StoreVerifier.verify(store).isClean)
  }

  @Test func withoutReadersTheReplacedColumnGoesAtOnce() throws {
    let directory = TemporaryDirectory()
    let store = try G(seed: printedSeed()).makeStore(at: directory("s"))
    try predict(1, in: store)
    let first = try columnFiles(directory("s"))
    try predict(2, in: store)
    let second = try columnFiles(directory("s"))
    #expect(second.count == 3 && second.isDisjoint(with: first))
  }

  @Test func anotherProcessReadsOnBesideTheWriterAndItsPinDiesWithIt() async throws {
    let directory = TemporaryDirectory()
    let path = directory("s")
    let store = try G(seed: printedSeed()).makeStore(at: path)
    try predict(1, in: store)
    let first = try columnFiles(path)
    let pinned = store.path
    let generation = try store.snapshot().generation
    async let reader: Void = Self.readUntilTold(pinned)
    try await Self.wait(for: "\(path)/ready")
    try predict(2, in: store)
    #expect(try columnFiles(path).isSuperset(of: first))
    #expect(try store.statistics().pinnedGenerations.contains(generation))
    directory.write("s/go", "")
    await reader
    // It was killed: no file says so, and the pin is gone with it.
    try store.beginBuild().abandon()
    #expect(try columnFiles(path).isDisjoint(with: first))
    #expect(try !store.statistics().pinnedGenerations.contains(generation))
  }

  private static func wait(for path: String) async throws {
    for _ in 0..<2000 where !FileSystem.exists(path) {
      try await Task.sleep(for: .milliseconds(5))
    }
    #expect(FileSystem.exists(path))
  }

  private static func readUntilTold(_ path: String) async {
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let snapshot = try GraphStore.open(at: path, .readOnly).snapshot()
      try requireOne(snapshot)
      close(open("\(path)/ready", O_WRONLY | O_CREAT, 0o600))
      while access("\(path)/go", F_OK) != 0 { usleep(2000) }
      // Files that it maps only now are still there.
      let users = try snapshot.neighbors(
        of: NodeID(3), along: Relation(ReferenceGraph.rates, .forward, index: 0))
      guard !users.isEmpty else { exit(3) }
      try requireOne(snapshot)
      guard try GraphStore.open(at: path, .readOnly).version == 3 else { exit(4) }
      kill(getpid(), SIGKILL)
    }
  }

  @Test func aSecondProcessCannotWriteBesideTheFirst() async throws {
    let directory = TemporaryDirectory()
    let path = directory("s")
    let store = try G(seed: 1).makeStore(at: path)
    // The lock goes with the builder.
    var build: GenerationBuilder? = try store.beginBuild()
    await #expect(processExitsWith: .exitCode(75)) { [path = path as String] in
      do {
        _ = try GraphStore.open(at: path).beginBuild()
      } catch let error as HedgerowError {
        exit(error.code.rawValue)
      }
    }
    build?.abandon()
    build = nil
    await #expect(processExitsWith: .success) { [path = path as String] in
      try predict(5, in: GraphStore.open(at: path))
    }
    #expect(try predicted(store.snapshot()) == .int(5))
  }

  @Test func aWriterWaitsForAnother() throws {
    let directory = TemporaryDirectory()
    let store = try G(seed: 1).makeStore(at: directory("s"))
    // The lock goes with the builder.
    let build = Mutex<GenerationBuilder?>(try store.beginBuild())
    let error = #expect(throws: HedgerowError.self) { try store.beginBuild() }
    #expect(error?.code == .locked)
    let thread = HedgerowCore.Thread.start {
      usleep(200_000)
      build.withLock { $0 = nil }
    }
    let clock = ContinuousClock()
    let waited = try clock.measure { try store.beginBuild(waiting: 20).abandon() }
    HedgerowCore.Thread.join(thread)
    #expect(waited > .milliseconds(100) && waited < .seconds(10))
  }

  @Test func oneSnapshotServesManyThreads() throws {
    let reference = G(seed: printedSeed())
    let directory = TemporaryDirectory()
    let store = try reference.makeStore(at: directory("s"), rangeBits: 6)
    let rates = Relation(G.rates, .forward, index: 0)
    var expected = [[UInt32]](repeating: [], count: 500)
    for (source, target) in zip(reference.edges[G.rates].sources, reference.edges[G.rates].targets)
    {
      expected[Int(target)].append(source)
    }
    let rows = expected.map { $0.sorted() }
    let pool = ThreadPool(threadCount: 8)
    for _ in 0..<5 {
      // Fresh each time, so that threads meet while the files are being opened.
      let snapshot = try store.snapshot()
      let failures = UnsafeMutablePointer<Int>.allocate(capacity: 64)
      failures.initialize(repeating: 0, count: 64)
      defer { failures.deallocate() }
      nonisolated(unsafe) let places = failures
      pool.run(parts: 64) { part in
        do {
          for item in stride(from: part, to: 500, by: 64) {
            let id = NodeID(UInt32(item))
            let nodes = [UInt32(item)]
            var features = [Float](repeating: 0, count: G.width)
            try features.withUnsafeMutableBufferPointer {
              try snapshot.gather(nodes.span, of: G.item, column: "x", into: $0)
            }
            let isRight =
              try snapshot.neighbors(of: id, along: rates) == rows[item]
              && snapshot.node(G.item, key: G.key(item)) == id
              && snapshot.value(of: "title", of: G.item, at: id)
                == reference.titles[item].map { .text($0) }
              && snapshot.labels(nodes.span, of: G.item, column: "parity") == [Int32(item % 2)]
              && features == Array(reference.features[item * G.width..<(item + 1) * G.width])
            if !isRight { places[part] += 1 }
          }
        } catch { places[part] += 1000 }
      }
      #expect((0..<64).allSatisfy { failures[$0] == 0 })
    }
  }

  @Test func snapshotsAreTakenWhileAnotherThreadPublishes() throws {
    let directory = TemporaryDirectory()
    let store = try G(seed: printedSeed()).makeStore(at: directory("s"))
    try predict(2, in: store)
    let pool = ThreadPool(threadCount: 4)
    let failures = UnsafeMutablePointer<String?>.allocate(capacity: 4)
    failures.initialize(repeating: nil, count: 4)
    defer {
      failures.deinitialize(count: 4)
      failures.deallocate()
    }
    nonisolated(unsafe) let places = failures
    pool.run(parts: 4) { part in
      do {
        for turn in 0..<20 {
          if part == 0 {
            try predict(Int64(turn) + 3, in: store)
          } else {
            // A version is whole: the column holds what that version wrote, in every range.
            let snapshot = try store.snapshot()
            for user in [0, 150, 299] as [UInt32] {
              let value = try predicted(snapshot, user)
              if value != .int(Int64(snapshot.version)) {
                places[part] = "version \(snapshot.version) says \(value as Any)"
              }
            }
          }
        }
      } catch { places[part] = "\(error)" }
    }
    for part in 0..<4 { #expect(failures[part] == nil) }
    #expect(try store.version == 22)
    try store.beginBuild().abandon()
    #expect(try columnFiles(directory("s")).count == 3, "nothing old is left")
  }
}

@Suite struct FormatTests {
  private let meta = Table<String, [UInt8]>("meta")

  private func code(_ body: () throws -> Void) -> HedgerowError.Code? {
    do { try body() } catch { return (error as? HedgerowError)?.code }
    return nil
  }

  @Test func aNewerFormatIsRefusedWhateverElseItSays() throws {
    let directory = TemporaryDirectory()
    let path = directory("s")
    _ = try G(seed: 1).makeStore(at: path)
    let old = try LMDBEnvironment.open(path, .readWrite).read {
      try #require(try $0.value(for: "store", in: meta))
    }
    let text = String(decoding: old, as: UTF8.self)
    let current = "\"format\":\(StoreLayout.format)"
    #expect(text.contains(current))
    let newer = [
      text.replacing(current, with: "\"format\":\(StoreLayout.format + 1)"),
      // A later record may have lost and gained what it likes.
      "{\"format\":7,\"shape\":\"other\",\"uuid\":\"text\"}",
    ]
    for record in newer {
      try LMDBEnvironment.open(path, .readWrite).write {
        try $0.put(Array(record.utf8), for: "store", in: meta)
      }
      #expect(code { _ = try GraphStore.open(at: path) } == .newerFormat)
      #expect(code { _ = try GraphStore.open(at: path, .readOnly) } == .newerFormat)
    }
    try LMDBEnvironment.open(path, .readWrite).write { try $0.put(old, for: "store", in: meta) }
    #expect(try StoreVerifier.verify(GraphStore.open(at: path, .readOnly)).isClean)
  }

  @Test func anOlderFormatIsRefusedWithWhatToDo() throws {
    let directory = TemporaryDirectory()
    let path = directory("s")
    _ = try G(seed: 1).makeStore(at: path)
    for record in ["{\"format\":0}", "{\"format\":0,\"uuid\":\"text\"}"] {
      try LMDBEnvironment.open(path, .readWrite).write {
        try $0.put(Array(record.utf8), for: "store", in: meta)
      }
      let error = #expect(throws: HedgerowError.self) { try GraphStore.open(at: path, .readOnly) }
      #expect(error?.code == .badData)
      #expect(error?.message.contains("hedgerow upgrade \(path)") == true)
    }
  }

  private func put(_ features: String, _ names: String, at path: String) throws {
    try LMDBEnvironment.open(path, .readWrite).write { txn in
      let old = try #require(try txn.value(for: "store", in: meta))
      let new = String(decoding: old, as: UTF8.self)
        .replacing("\"\(features)\":[]", with: "\"\(features)\":[\(names)]")
      try txn.put(Array(new.utf8), for: "store", in: meta)
    }
  }

  @Test func whatNeedsAFeatureToBeReadIsRefused() throws {
    let directory = TemporaryDirectory()
    let path = directory("s")
    _ = try G(seed: 1).makeStore(at: path)
    let store = try GraphStore.open(at: path)
    try put("readFeatures", "\"spheres\"", at: path)
    let error = #expect(throws: HedgerowError.self) { try GraphStore.open(at: path, .readOnly) }
    #expect(error?.code == .newerFormat && error?.message.contains("'spheres'") == true)
    #expect(code { _ = try store.snapshot() } == .newerFormat)
    #expect(code { _ = try StoreVerifier.verify(at: path) } == .newerFormat)
    // The rest of the record may be of another shape then.
    try LMDBEnvironment.open(path, .readWrite).write {
      let text = "{\"format\":1,\"readFeatures\":[\"spheres\"],\"writeFeatures\":[]}"
      try $0.put(Array(text.utf8), for: "store", in: meta)
    }
    #expect(code { _ = try GraphStore.open(at: path, .readOnly) } == .newerFormat)
  }

  @Test func whatNeedsAFeatureToBeWrittenIsReadOnly() throws {
    let directory = TemporaryDirectory()
    let path = directory("s")
    _ = try G(seed: 1).makeStore(at: path)
    let store = try GraphStore.open(at: path)
    let before = try ContentDigest(store.snapshot())
    try put("writeFeatures", "\"spheres\"", at: path)
    let reader = try GraphStore.open(at: path, .readOnly)
    #expect(try ContentDigest(reader.snapshot()) == before)
    #expect(code { _ = try GraphStore.open(at: path) } == .newerFormat)
    #expect(code { try store.write { try $0.makeSet("s", of: "none") } } == .newerFormat)
    #expect(code { try store.changeSchema { try $0.add(NodeSchema("other")) } } == .newerFormat)
    #expect(code { _ = try store.beginBuild() } == .newerFormat)
    #expect(code { try GraphStore.upgrade(at: path) } == .newerFormat)
    #expect(code { _ = try StoreVerifier.verify(at: path) } == .newerFormat)
    #expect(try ContentDigest(reader.snapshot()) == before)
  }

  /// What a later build of the same format adds and an older one can do without.
  @Test func keysThatARecordHasMoreAreReadOver() throws {
    let directory = TemporaryDirectory()
    let path = directory("s")
    _ = try G(seed: 1).makeStore(at: path)
    let before = try ContentDigest(GraphStore.open(at: path).snapshot())
    for (table, key) in [("meta", Array("store".utf8)), ("catalog.nodes", [0, 0])] {
      try LMDBEnvironment.open(path, .readWrite).write { txn in
        let records = Table<[UInt8], [UInt8]>(table)
        let old = try #require(try txn.value(for: key, in: records))
        try txn.put(old.dropLast() + Array(",\"later\":{\"a\":[1]}}".utf8), for: key, in: records)
      }
    }
    #expect(try ContentDigest(GraphStore.open(at: path).snapshot()) == before)
    #expect(try StoreVerifier.verify(at: path).isClean)
  }

  @Test func aStoreHasAllTablesAndNoOthers() throws {
    let directory = TemporaryDirectory()
    let path = directory("s")
    _ = try GraphStore.create(at: path)
    #expect(try LMDBEnvironment.open(path, .readOnly).read { $0.tableNames.count } == 14)
    #expect(try StoreVerifier.verify(at: path).problems == [])
    let record = try LMDBEnvironment.open(path, .readOnly).read {
      try #require(try $0.value(for: "store", in: meta))
    }
    let other = directory("other")
    for name in ["", "/segments", "/generations"] { try FileSystem.makeDirectory(other + name) }
    try LMDBEnvironment.open(other, .readWrite).write { try $0.put(record, for: "store", in: meta) }
    let problems = try StoreVerifier.verify(at: other).problems
    #expect(problems.count == 13)
    #expect(problems.contains { $0.what == "table 'log' is missing" })
  }

  @Test func everyTypeIsCounted() throws {
    let directory = TemporaryDirectory()
    let path = directory("s")
    _ = try G(seed: 1).makeStore(at: path)
    try LMDBEnvironment.open(path, .readWrite).write { (txn) throws in
      let key = OwnerKey(.edge, 0)
      #expect(try txn.remove(key, in: StoreTables().counts))
    }
    #expect(code { _ = try GraphStore.open(at: path) } == .damaged)
  }

  @Test func blocksOfSetsAreVerified() throws {
    for (block, members) in [(1, 70_000), (0, 70_000)] as [(UInt16, UInt32)] {
      let directory = TemporaryDirectory()
      let store = try GraphStore(at: directory("s"), schema: [.node("a")])
      try store.write { try $0.makeSet("whole", of: "a") }
      #expect(try StoreVerifier.verify(store).isClean)
      try store.environment.write { txn in
        let key = SetKey(SetName(type: 0, name: "s"), block: block)
        try txn.put(StoredSet(RoaringBitmap([members])), for: key, in: StoreTables().sets)
      }
      let problems = try StoreVerifier.verify(store).problems
      #expect(problems.contains { $0.what.contains("set 's' is not what it must be") })
    }
  }

  @Test func numbersOfColumnsEnd() throws {
    let directory = TemporaryDirectory()
    let store = try GraphStore(at: directory("s"), schema: [.node("a")])
    try store.environment.write { txn in
      let tables = StoreTables()
      var node = try #require(try txn.value(for: TypeKey(0), in: tables.nodes)).value
      node.nextColumn = 65_534
      try txn.put(JSON(node), for: TypeKey(0), in: tables.nodes)
      var record = try #require(try txn.value(for: StoreTables.storeKey, in: tables.store)).value
      record.layout += 1
      try txn.put(JSON(record), for: StoreTables.storeKey, in: tables.store)
    }
    try store.changeSchema { try $0.add(PropertySchema("last", .int8), to: "a") }
    let error = #expect(throws: HedgerowError.self) {
      try store.changeSchema { try $0.add(PropertySchema("more", .int8), to: "a") }
    }
    #expect(error?.code == .usage && error?.message.contains("hedgerow rebuild") == true)
    let build = try store.beginBuild()
    #expect(
      code { try build.declareColumn(PropertySchema("p", .int8), of: "a", provenance: nil) }
        == .usage)
    build.abandon()
    #expect(try StoreVerifier.verify(store).isClean)
  }

  @Test func aRecordThatMakesNoSenseIsDamage() throws {
    let directory = TemporaryDirectory()
    let path = directory("s")
    _ = try G(seed: 1).makeStore(at: path)
    for record in ["", "{}", "[1]", "{\"format\":1}", "no JSON"] {
      try LMDBEnvironment.open(path, .readWrite).write {
        try $0.put(Array(record.utf8), for: "store", in: meta)
      }
      #expect(code { _ = try GraphStore.open(at: path) } == .damaged, "\(record)")
    }
    try LMDBEnvironment.open(path, .readWrite).write { _ = try $0.remove("store", in: meta) }
    #expect(code { _ = try GraphStore.open(at: path) } == .noInput)
  }
}
