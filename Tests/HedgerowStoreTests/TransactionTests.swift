import Glibc
import HedgerowCore
import HedgerowGraph
import HedgerowMapped
import HedgerowRoaring
import HedgerowStore
import HedgerowTestSupport
import Synchronization
import Testing

private let user: NodeType = "user"
private let item: NodeType = "item"
private let rates = EdgeType("user", "rates", "item")

private let schema: GraphSchema = [
  .node(user, properties: ["age": .int32]),
  .node(item, properties: ["title": .string]),
  .edge(rates, properties: ["stars": .int8]),
]

private func userKeys(
  _ prefix: String, in txn: borrowing GraphReadTransaction, limit: Int = 100
) throws -> [String] {
  var keys: [String] = []
  for id in try txn.nodes(of: user, keysBeginningWith: prefix, limit: limit) {
    keys.append(try txn.key(of: id, of: user))
  }
  return keys
}

/// What a failing closure throws.
private struct GivenUp: Error {}

@Suite struct TransactionTests {
  @Test func theFirstSnippetOfTheGuideRuns() throws {
    let directory = TemporaryDirectory()
    let store = try GraphStore(at: directory("movies"), schema: schema)
    try store.write { (txn) throws in
      let ann = try txn.insert(user, key: "ann")
      let dune = try txn.insert(item, key: "dune", ["title": "Dune"])
      try txn.connect(ann, rates, dune, ["stars": 5])
    }
    let seen = try store.read { (txn) throws in
      try txn.neighbors(of: txn.node(user, key: "ann"), along: rates)
    }
    #expect(seen == [NodeID(0)])
    try store.read { (txn) throws in
      let (ann, dune) = (try txn.node(user, key: "ann"), try txn.node(item, key: "dune"))
      #expect(try txn.properties(of: dune, of: item) == ["title": "Dune"])
      #expect(try txn.value(of: "stars", from: ann, rates, to: dune) == 5)
      #expect(try txn.neighbors(of: dune, along: rates.reversed) == [ann])
      #expect(try txn.degree(of: ann, along: rates) == 1)
    }
    // Opening it again with the same schema changes nothing.
    #expect(try GraphStore(at: directory("movies"), schema: schema).version == store.version)
  }

  @Test func whatAFailingClosureDidHasNotHappened() throws {
    let directory = TemporaryDirectory()
    let store = try GraphStore(at: directory("s"), schema: schema)
    try store.write { _ = try $0.insert(user, key: "a") }
    let version = try store.version
    #expect(throws: GivenUp.self) {
      try store.write { (txn) throws in
        let b = try txn.insert(user, key: "b", ["age": 3])
        try txn.insert(b, of: user, into: "train")
        try txn.delete(user, txn.node(user, key: "a"))
        throw GivenUp()
      }
    }
    #expect(try store.version == version)
    try store.read { (txn) throws in
      #expect(try txn.find(user, key: "b") == nil)
      #expect(try txn.find(user, key: "a") == NodeID(0))
      #expect(try txn.set(named: "train", of: user) == nil)
      #expect(try txn.count(of: user) == 1)
    }
    // Its id was never given to anybody.
    #expect(try store.write { try $0.insert(user, key: "c") } == NodeID(1))
  }

  @Test func aWriteThatChangesNothingIsNoVersion() throws {
    let directory = TemporaryDirectory()
    let store = try GraphStore(at: directory("s"), schema: schema)
    let version = try store.version
    _ = try store.write { try $0.find(user, key: "nobody") }
    #expect(try store.version == version)
  }

  @Test func idsAreNeverGivenToAnotherKey() throws {
    let directory = TemporaryDirectory()
    let store = try GraphStore(at: directory("s"), schema: schema)
    let a = try store.write { try $0.insert(user, key: "a", ["age": 1]) }
    try store.write { try $0.delete(user, a) }
    try store.compact()
    let b = try store.write { try $0.insert(user, key: "b") }
    #expect(b != a)
    // The key has its id for ever, and nothing else of what the node had.
    #expect(try store.write { try $0.insert(user, key: "a") } == a)
    #expect(try store.read { try $0.value(of: "age", of: user, at: a) } == nil)
    try store.compact()
    #expect(try store.read { try $0.value(of: "age", of: user, at: a) } == nil)
    #expect(try store.snapshot().value(of: "age", of: user, at: a) == nil)
  }

  @Test func wrongValuesKeysAndNodesAreRefusedByName() throws {
    let directory = TemporaryDirectory()
    let store = try GraphStore(at: directory("s"), schema: schema)
    let a = try store.write { try $0.insert(user, key: "a") }
    func refused(
      _ code: HedgerowError.Code, _ body: (borrowing GraphWriteTransaction) throws -> Void
    ) {
      #expect { try store.write(body) } throws: { ($0 as? HedgerowError)?.code == code }
    }
    refused(.badData) { _ = try $0.insert(user, key: "a") }
    refused(.badData) { try $0.set("age", of: user, a, to: "old") }
    refused(.badData) { try $0.set("age", of: user, a, to: 5_000_000_000) }
    refused(.usage) { try $0.set("size", of: user, a, to: 1) }
    refused(.usage) { _ = try $0.insert("nobody", key: "a") }
    refused(.badData) { try $0.connect(a, rates, NodeID(7)) }
    refused(.badData) { try $0.delete(user, NodeID(1)) }
    refused(.usage) { txn in _ = try store.write { _ in 1 } }
    let reader = try GraphStore.open(at: directory("s"), .readOnly)
    #expect { try reader.write { _ in } } throws: { ($0 as? HedgerowError)?.code == .usage }
    #expect(try store.read { try $0.count(of: user) } == 1)
  }

  @Test func integerAndUUIDKeysAreKeptAsSuch() throws {
    let directory = TemporaryDirectory()
    let store = try GraphStore.create(at: directory("s"))
    try store.changeSchema { change in
      try change.add(NodeSchema("number"), keys: .int64)
      try change.add(NodeSchema("uuid"), keys: .uuid)
    }
    let uuid = "0F8FAD5B-D9CB-469F-A165-70867728950E"
    try store.write { (txn) throws in
      for key in ["7", "-3", "9223372036854775807"] { _ = try txn.insert("number", key: key) }
      _ = try txn.insert("uuid", key: uuid)
    }
    #expect { try store.write { _ = try $0.insert("number", key: "x") } } throws: {
      ($0 as? HedgerowError)?.code == .badData
    }
    func check() throws {
      try store.read { (txn) throws in
        #expect(try txn.find("number", key: "-3") == NodeID(1))
        #expect(try txn.find("number", key: "x") == nil)
        #expect(try txn.key(of: NodeID(2), of: "number") == "9223372036854775807")
        #expect(try txn.find("uuid", key: uuid.lowercased()) == NodeID(0))
        #expect(try txn.key(of: NodeID(0), of: "uuid") == uuid.lowercased())
      }
      let snapshot = try store.snapshot()
      #expect(try snapshot.node("number", key: "7") == NodeID(0))
      #expect(try snapshot.key(of: NodeID(0), of: "uuid") == uuid.lowercased())
    }
    try check()
    try store.compact()
    try check()
    #expect(try StoreVerifier.verify(store).isClean)
  }

  @Test func keysAreFoundByTheirBeginning() throws {
    let directory = TemporaryDirectory()
    let store = try GraphStore(at: directory("s"), schema: schema)
    let long = String(repeating: "long", count: 300)
    try store.write { (txn) throws in
      for key in ["b1", "a2", "a1", long + "y", "c"] { _ = try txn.insert(user, key: key) }
    }
    try store.compact()
    try store.write { (txn) throws in
      for key in ["a0", "a3", long + "x", "zz"] { _ = try txn.insert(user, key: key) }
      try txn.delete(user, txn.node(user, key: "a2"))
    }
    try store.read { (txn) throws in
      #expect(try userKeys("a", in: txn) == ["a0", "a1", "a3"])
      #expect(try userKeys("a", in: txn, limit: 2) == ["a0", "a1"])
      #expect(try userKeys(long, in: txn) == [long + "x", long + "y"])
      #expect(try userKeys("q", in: txn) == [])
      #expect(try userKeys("", in: txn).count == 8)
      #expect(try txn.nodes(of: user, limit: 3).map(\.rawValue) == [0, 2, 3])
      #expect(try txn.nodes(of: user, from: NodeID(4)).map(\.rawValue) == [4, 5, 6, 7, 8])
    }
  }

  // MARK: Versions

  @Test func earlierVersionsAndChangesAreThereWhileTheLogIs() throws {
    let directory = TemporaryDirectory()
    let store = try GraphStore(at: directory("s"), schema: schema)
    try store.write { (txn) throws in
      for key in ["a", "b", "c"] { _ = try txn.insert(user, key: key, ["age": 1]) }
      _ = try txn.insert(item, key: "x")
      try txn.connect(NodeID(0), rates, NodeID(0), ["stars": 1])
      try txn.insert(NodeID(0), of: user, into: "train")
    }
    try store.compact()
    let first = try store.version
    try store.write { (txn) throws in
      try txn.connect(NodeID(1), rates, NodeID(0), ["stars": 2])
      try txn.set("age", of: user, NodeID(0), to: 5)
      try txn.delete(user, NodeID(2))
      try txn.insert(NodeID(1), of: user, into: "train")
    }
    let second = try store.version
    try store.write { (txn) throws in
      _ = try txn.insert(user, key: "d")
      _ = try txn.insert(user, key: "c")
      #expect(try txn.disconnect(NodeID(0), rates, NodeID(0)) == 1)
      try txn.dropSet("train", of: user)
    }
    let third = try store.version
    #expect(third == second + 1 && second == first + 1)

    func edges(_ version: UInt64) throws -> [[UInt32]] {
      let snapshot = try store.snapshot(at: version)
      #expect(snapshot.version == version)
      let backward = snapshot.schema.relations().first { $0.direction == .backward }!
      return try (0..<UInt32(snapshot.count(of: user))).map {
        try snapshot.neighbors(of: NodeID($0), along: backward)
      }
    }
    #expect(try edges(first) == [[0], [], []])
    #expect(try edges(second) == [[0], [0], []])
    #expect(try edges(third) == [[], [0], [], []])
    let old = try store.snapshot(at: first)
    #expect(try old.value(of: "age", of: user, at: NodeID(0)) == 1)
    #expect(try old.node(user, key: "c") == NodeID(2) && old.node(user, key: "d") == nil)
    #expect(try old.set(named: "train", of: user) == [0])
    let middle = try store.snapshot(at: second)
    #expect(try middle.node(user, key: "c") == nil)
    #expect(try middle.set(named: "train", of: user) == [0, 1])
    #expect(try middle.value(of: "stars", of: rates, at: 1) == 2)
    #expect(try store.snapshot(at: third).set(named: "train", of: user) == nil)
    #expect { try store.snapshot(at: third + 1) } throws: {
      ($0 as? HedgerowError)?.code == .usage
    }

    let changes = try store.changes(since: first)
    #expect(
      changes.filter { $0.version == second }.map(\.kind) == [
        .insertedEdge(rates, NodeID(1), NodeID(0), ["stars": 2]),
        .setProperty(user, NodeID(0), column: "age", 5),
        .deletedNode(user, NodeID(2)),
        .insertedMember(user, NodeID(1), set: "train"),
      ])
    #expect(
      changes.filter { $0.version == third }.map(\.kind).prefix(3) == [
        .insertedNode(user, NodeID(3), key: "d", again: false),
        .insertedNode(user, NodeID(2), key: "c", again: true),
        .deletedEdge(rates, NodeID(0), NodeID(0), parallel: 0),
      ])
    #expect(try store.changes(since: first, limit: 1).allSatisfy { $0.version == second })
    try store.compact()
    // Compaction keeps the log, but no more the segments of what was before.
    #expect(try store.changes(since: first) == changes)
    #expect { try store.snapshot(at: second) } throws: { ($0 as? HedgerowError)?.code == .usage }
    #expect(try store.snapshot(at: third).version == third)
  }

  // MARK: Threads

  @Test func threadsThatWriteAtOnceShareCommits() throws {
    let directory = TemporaryDirectory()
    let store = try GraphStore(at: directory("s"), schema: schema)
    let (threadCount, count) = (8, 25)
    let failures = Atomic(0)
    let threads = (0..<threadCount).map { thread in
      Thread.start {
        for step in 0..<count {
          do {
            try store.write { (txn) throws in
              let id = try txn.insert(user, key: "\(thread)-\(step)", ["age": .int(Int64(step))])
              // Every third gives up, which must not touch what the others do.
              if step % 3 == 2 { throw GivenUp() }
              try txn.insert(id, of: user, into: "thread-\(thread)")
            }
          } catch is GivenUp {
          } catch {
            failures.wrappingAdd(1, ordering: .relaxed)
          }
        }
      }
    }
    for thread in threads { Thread.join(thread) }
    #expect(failures.load(ordering: .relaxed) == 0)
    let kept = (0..<count).filter { $0 % 3 != 2 }
    let snapshot = try store.snapshot()
    #expect(snapshot.count(of: user) == threadCount * kept.count)
    for thread in 0..<threadCount {
      let members = try #require(try snapshot.set(named: "thread-\(thread)", of: user))
      #expect(members.count == kept.count)
      for step in 0..<count {
        let id = try snapshot.node(user, key: "\(thread)-\(step)")
        #expect((id != nil) == (step % 3 != 2))
        if let id {
          #expect(members.contains(id.rawValue))
          #expect(try snapshot.value(of: "age", of: user, at: id) == .int(Int64(step)))
        }
      }
    }
    #expect(try StoreVerifier.verify(store).isClean)
  }

  @Test func compactionsGoOnBesideWritersAndReaders() throws {
    let directory = TemporaryDirectory()
    _ = try GraphStore.create(at: directory("s"), rangeBits: 6)
    let store = try GraphStore(at: directory("s"), schema: schema)
    let seed = printedSeed()
    try store.write { (txn) throws in
      for key in 0..<300 {
        _ = try txn.insert(user, key: "\(key)")
        _ = try txn.insert(item, key: "\(key)")
      }
    }
    let isOver = Atomic(false)
    let errors = Mutex<[String]>([])
    @Sendable func note(_ body: () throws -> Void) {
      do { try body() } catch { errors.withLock { $0.append("\(error)") } }
    }
    let compactor = Thread.start {
      while !isOver.load(ordering: .relaxed) { note { _ = try store.compact(waiting: 10) } }
    }
    let reader = Thread.start {
      while !isOver.load(ordering: .relaxed) {
        note {
          let snapshot = try store.snapshot()
          let relations = snapshot.schema.relations()
          // Both indices of one version hold the same edges.
          var sums: [UInt64] = []
          for relation in relations where relation.stored == rates {
            var sum: UInt64 = 0
            for row in 0..<UInt32(300) {
              for neighbor in try snapshot.neighbors(of: NodeID(row), along: relation) {
                sum &+=
                  relation.direction == .forward
                  ? UInt64(neighbor) << 32 | UInt64(row) : UInt64(row) << 32 | UInt64(neighbor)
              }
            }
            sums.append(sum)
          }
          if sums[0] != sums[1] { throw GivenUp() }
        }
      }
    }
    var random = RandomStream(seed: seed)
    var edges: [[UInt32]: [Int64]] = [:]
    for _ in 0..<150 {
      try store.write { (txn) throws in
        for _ in 0..<8 {
          let pair = [UInt32(random.next(below: 300)), UInt32(random.next(below: 300))]
          let (source, target) = (NodeID(pair[0]), NodeID(pair[1]))
          if random.next(below: 3) == 0, let known = edges.keys.randomElement() {
            let count = try txn.disconnect(NodeID(known[0]), rates, NodeID(known[1]))
            #expect(count == edges[known]!.count)
            edges[known] = nil
          } else {
            let stars = Int64(random.next(below: 100))
            try txn.connect(source, rates, target, ["stars": .int(stars)])
            edges[pair, default: []].append(stars)
          }
        }
      }
    }
    isOver.store(true, ordering: .relaxed)
    Thread.join(compactor)
    Thread.join(reader)
    #expect(errors.withLock { $0 } == [])
    for turn in 0..<2 {
      try store.read { (txn) throws in
        #expect(try txn.count(of: rates) == edges.values.reduce(0) { $0 + $1.count })
        for (pair, stars) in edges {
          let (source, target) = (NodeID(pair[0]), NodeID(pair[1]))
          #expect(try txn.edgeCount(from: source, rates, to: target) == stars.count)
          for (parallel, value) in stars.enumerated() {
            #expect(
              try txn.value(of: "stars", from: source, rates, to: target, parallel: parallel)
                == .int(value), "turn \(turn)")
          }
        }
      }
      #expect(try StoreVerifier.verify(store).isClean)
      try store.compact()
    }
  }

  // MARK: Space

  /// What was written beside a compaction is done again in its commit, which may take longer than a
  /// writer waits for other processes.
  @Test func aWriterWaitsForTheCommitOfACompaction() throws {
    let directory = TemporaryDirectory()
    let store = try GraphStore(at: directory("s"), schema: schema)
    store.compactsAutomatically = false
    try store.write { txn in
      for number in 0..<300 {
        try txn.insert(user, key: "u\(number)")
        try txn.insert(item, key: "i\(number)")
      }
    }
    let isOver = Atomic(false)
    let failure = Mutex<String?>(nil)
    let writers = Mutex<[pthread_t]>([])
    do {
      let write: @Sendable () -> Void = {
        while !isOver.load(ordering: .relaxed) {
          do {
            try store.write(waiting: 0.2) { try $0.makeSet("s", of: user) }
          } catch { failure.withLock { $0 = "\(error)" } }
        }
      }
      try store.compact(onBlock: {
        guard writers.withLock(\.isEmpty) else { return }
        try store.write { txn in
          for number in 0..<60_000 {
            try txn.connect(
              NodeID(UInt32(number % 300)), rates, NodeID(UInt32(number * 7 % 299)))
          }
        }
        writers.withLock { $0.append(Thread.start(write)) }
      })
    }
    isOver.store(true, ordering: .relaxed)
    for thread in writers.withLock({ $0 }) { Thread.join(thread) }
    #expect(writers.withLock(\.count) == 1)
    let found = failure.withLock { $0 }
    #expect(found == nil)
    #expect(try store.read { try $0.count(of: rates) } == 60_000)
    #expect(try StoreVerifier.verify(store).problems == [])
  }

  @Test func compactionGivesSpaceBack() throws {
    let directory = TemporaryDirectory()
    let store = try GraphStore(at: directory("s"), schema: schema)
    store.compactsAutomatically = false
    try store.write { (txn) throws in
      for key in 0..<200 {
        _ = try txn.insert(user, key: "\(key)")
        _ = try txn.insert(item, key: "\(key)")
      }
    }
    for round in 0..<3 {
      try store.write { (txn) throws in
        for edge in 0..<20_000 {
          try txn.connect(
            NodeID(UInt32(edge % 200)), rates, NodeID(UInt32((edge / 200 + round) % 200)))
        }
      }
    }
    let before = try store.statistics()
    #expect(before.changedEntryCount == 120_000 + 400)
    try store.compact()
    let after = try store.statistics()
    #expect(after.changedEntryCount <= 400)
    #expect(
      after.byteCountOnDisk < before.byteCountOnDisk / 3,
      "\(before.byteCountOnDisk), then \(after.byteCountOnDisk)")
    #expect(try StoreVerifier.verify(store).isClean)
    #expect(try store.snapshot().count(of: rates) == 60_000)
  }

  @Test func manyChangesAreFoldedByThemselves() throws {
    let directory = TemporaryDirectory()
    let store = try GraphStore(at: directory("s"), schema: schema)
    try store.write { (txn) throws in
      for key in 0..<300 {
        _ = try txn.insert(user, key: "\(key)")
        _ = try txn.insert(item, key: "\(key)")
      }
    }
    let generation = try store.snapshot().generation
    try store.write { (txn) throws in
      for edge in 0..<120_000 {
        try txn.connect(NodeID(UInt32(edge % 300)), rates, NodeID(UInt32(edge / 300 % 300)))
      }
    }
    // A thread of its own does it; the wait is long for a slow machine only.
    for _ in 0..<600 where try store.snapshot().generation == generation { usleep(100_000) }
    #expect(try store.snapshot().generation > generation)
    #expect(try store.snapshot().count(of: rates) == 120_000)
  }
}

@Suite struct SchemaChangeTests {
  @Test func typesAndColumnsChangeOnAStoreWithData() throws {
    let directory = TemporaryDirectory()
    let reference = ReferenceGraph(seed: printedSeed())
    let store = try reference.makeStore(at: directory("s"))
    typealias G = ReferenceGraph
    try store.changeSchema { change in
      try change.add(PropertySchema("year", .int32), to: G.item, default: 1999)
      try change.add(PropertySchema("since", .int64), to: G.follows)
      try change.add(NodeSchema("tag", properties: [PropertySchema("color", .categorical)]))
      try change.add(EdgeSchema(EdgeType(G.item, "has", "tag")))
      try change.rename("title", of: G.item, to: "name")
      try change.rename(G.user, to: "person")
    }
    let follows = EdgeType("person", "follows", "person")
    let rates = EdgeType("person", "rates", "item")
    func check(_ comment: String) throws {
      let snapshot = try store.snapshot()
      #expect(snapshot.schema.nodes.map(\.type.name) == ["person", "item", "tag"])
      #expect(try snapshot.value(of: "year", of: G.item, at: NodeID(5)) == 1999)
      #expect(try snapshot.value(of: "year", of: G.item, at: NodeID(7)) == 2024)
      #expect(
        try snapshot.value(of: "name", of: G.item, at: NodeID(3))
          == reference.titles[3].map { .text($0) })
      let forward = snapshot.schema.relations().first { $0.name == follows }!
      let list = reference.edges[G.follows]
      for row in 0..<UInt32(20) {
        let expected = list.targets.indices.filter { list.targets[$0] == row }
          .map { list.sources[$0] }.sorted()
        #expect(try snapshot.neighbors(of: NodeID(row), along: forward) == expected)
      }
      #expect(try snapshot.value(of: "since", of: follows, at: 0) == nil)
      #expect(try snapshot.value(of: "since", of: follows, at: 9) == 12)
      for (place, edge) in reference.outOrder(G.rates).prefix(50).enumerated() {
        #expect(
          try snapshot.value(of: "stars", of: rates, at: UInt64(place))
            == reference.stars[edge].map { .int(Int64($0)) })
      }
      #expect(try StoreVerifier.verify(store).problems == [], "\(comment)")
    }
    let order = reference.outOrder(G.follows)
    let edge = order[9]
    let list = reference.edges[G.follows]
    let (source, target) = (list.sources[edge], list.targets[edge])
    let parallel = order[..<9].filter {
      list.sources[$0] == source && list.targets[$0] == target
    }.count
    try store.write { (txn) throws in
      try txn.set("year", of: G.item, NodeID(7), to: 2024)
      try txn.set(
        "since", from: NodeID(source), follows, to: NodeID(target), parallel: parallel, 12)
      let red = try txn.insert("tag", key: "red", ["color": "red"])
      try txn.connect(NodeID(1), EdgeType("item", "has", "tag"), red)
    }
    try check("before the compaction")
    let before = try store.snapshot()
    try store.compact()
    try check("after it")
    try store.changeSchema { change in
      try change.drop(EdgeType("item", "has", "tag"))
      try change.drop("tag")
      try change.drop("stars", of: rates)
    }
    let snapshot = try store.snapshot()
    #expect(snapshot.schema.nodes.count == 2 && snapshot.schema.edges.count == 2)
    #expect(snapshot.schema.edge(rates)?.properties == [])
    // Who had the old version reads on.
    #expect(
      try before.value(of: "stars", of: rates, at: 0)
        != before.value(of: "since", of: follows, at: 9))
    #expect(try StoreVerifier.verify(store).isClean)
    #expect { try store.changeSchema { try $0.drop(G.item) } } throws: {
      ($0 as? HedgerowError)?.code == .usage
    }
  }

  @Test func aBulkBuildGoesOnFromChanges() throws {
    let directory = TemporaryDirectory()
    let reference = ReferenceGraph(seed: printedSeed())
    typealias G = ReferenceGraph
    let store = try reference.makeStore(at: directory("s"))
    try store.changeSchema {
      try $0.add(PropertySchema("year", .int32), to: G.item, default: 1999)
    }
    try store.write { (txn) throws in
      let new = try txn.insert(G.item, key: "new", ["title": "New"])
      try txn.connect(NodeID(0), G.rates, new, ["stars": 3])
      try txn.delete(G.item, NodeID(3))
    }
    let count = reference.counts[G.item] + 1
    let build = try store.beginBuild()
    try build.declareColumn(
      PropertySchema("predicted", .int64), of: G.item,
      provenance: Provenance(model: "m", hash: "0", dataVersion: 1))
    #expect(build.count(of: G.item) == count)
    let writer = try build.columnWriter(of: G.item, "predicted")
    try (0..<Int64(count)).map { $0 }.withUnsafeBytes { try writer.append(fixed: $0, count: count) }
    try writer.finish()
    try build.publish()
    let snapshot = try store.snapshot()
    #expect(
      try snapshot.value(of: "predicted", of: G.item, at: NodeID(UInt32(count - 1)))
        == .int(Int64(count - 1)))
    #expect(try snapshot.value(of: "title", of: G.item, at: NodeID(UInt32(count - 1))) == "New")
    #expect(try snapshot.value(of: "year", of: G.item, at: NodeID(4)) == 1999)
    #expect(snapshot.deletedNodes(of: G.item) == [3])
    #expect(try snapshot.node(G.item, key: G.key(3)) == nil)
    #expect(try StoreVerifier.verify(store).problems == [])
  }
}
