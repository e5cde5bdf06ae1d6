import Foundation
import HedgerowCore
import HedgerowGraph
import HedgerowLMDB
import HedgerowMapped
import HedgerowRoaring
import HedgerowTestSupport
import Testing

@testable import HedgerowStore

/// Stores that builds of format 0 wrote, and what an upgrade makes of them.
@Suite struct UpgradeTests {
  private static let paper: NodeType = "paper"
  private static let author: NodeType = "author"
  private static let cites = EdgeType("paper", "cites", "paper")
  private static let writes = EdgeType("author", "writes", "paper")
  private static let likes = EdgeType("author", "likes", "author")
  private let meta = Table<String, [UInt8]>("meta")

  private func error(_ body: () throws -> Void) -> HedgerowError? {
    do { try body() } catch { return error as? HedgerowError }
    return nil
  }

  /// All files but those of LMDB and locks, with their bytes.
  private func files(_ path: String) throws -> [String: [UInt8]] {
    var found: [String: [UInt8]] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: path)
    where !FileSystem.isDirectory("\(path)/\(name)") {
      if name.hasSuffix(".lock") || name.hasSuffix(".mdb") { continue }
      found[name] = TemporaryDirectory.contents("\(path)/\(name)")
    }
    return found
  }

  private func record(_ path: String) throws -> String {
    try LMDBEnvironment.open(path, .readOnly).read {
      String(decoding: try #require(try $0.value(for: "store", in: meta)), as: UTF8.self)
    }
  }

  @Test(arguments: ["format-0-bulk", "format-0-changed"])
  func untilThenAStoreIsRefusedByName(_ name: String) throws {
    let directory = TemporaryDirectory()
    let path = try KeptStore.unpack(name, in: directory)
    let before = try record(path)
    let attempts: [() throws -> Void] = [
      { _ = try GraphStore.open(at: path) },
      { _ = try GraphStore.open(at: path, .readOnly) },
      { _ = try GraphStore(at: path, schema: [.node("other")]) },
      { _ = try StoreVerifier.verify(at: path) },
      { _ = try StoreRepair.repair(at: path, losses: .refuse) },
    ]
    for attempt in attempts {
      let refusal = try #require(error(attempt))
      #expect(refusal.code == .badData)
      #expect(refusal.message.contains("hedgerow upgrade \(path)"), "\(refusal)")
    }
    #expect(try record(path) == before)
  }

  private func checkBulkContent(_ graph: Snapshot) throws {
    #expect(graph.count(of: "node") == 12 && graph.keyKind(of: "node") == .identity)
    #expect(graph.keyKind(of: Self.paper) == .string && graph.keyKind(of: Self.author) == .int64)
    for (key, id) in [("p0", 0), ("p13", 13), ("p24", 24)] {
      #expect(try graph.node(Self.paper, key: key) == NodeID(UInt32(id)))
      #expect(try graph.key(of: NodeID(UInt32(id)), of: Self.paper) == key)
    }
    #expect(try graph.key(of: NodeID(1), of: Self.author) == "93")
    #expect(try graph.node(Self.author, key: "37") == NodeID(9))
    func value(_ column: String, _ id: UInt32) throws -> PropertyValue? {
      try graph.value(of: column, of: Self.paper, at: NodeID(id))
    }
    #expect(try value("year", 4) == nil && value("year", 7) == 2007 && value("year", 24) == 2024)
    #expect(try value("title", 5) == nil && value("title", 6) == "paper 6 \u{fc}")
    #expect(try value("label", 1) == "ml" && value("label", 24) == "fs")
    #expect(try value("read", 2) == false && value("at", 3) == 1_000_000_003)
    #expect(try value("x", 3) == [1.25, 0.25, 0.25, 0.375] && value("x", 24) == [1, 2, 3, 4])
    #expect(try graph.value(of: "rank", of: Self.author, at: NodeID(3)) == 9)
    #expect(try value("predicted", 24) == nil && value("predicted", 23) != nil)
    #expect(
      graph.provenance(of: "predicted", of: Self.paper)
        == Provenance(model: "first", hash: "7d823cea", dataVersion: 4))
    #expect(try graph.modelNames() == ["first"])
    #expect(try graph.model(named: "first")?.hash == "7d823cea")
  }

  @Test func aStoreOfBulkBuilds() throws {
    let directory = TemporaryDirectory()
    let path = try KeptStore.unpack("format-0-bulk", in: directory)
    let before = try files(path)
    #expect(before.keys.contains("checkpoints/first.safetensors"))
    #expect(
      try GraphStore.upgrade(at: path) == UpgradeReport(oldFormat: 0, format: 1, version: 6))
    #expect(try files(path) == before, "segments and checkpoints are as they were")
    #expect(
      try record(path)
        == "{\"dataVersion\":6,\"foldedVersion\":6,\"format\":1,\"generation\":6,\"layout\":1,"
        + "\"nextEdgeType\":4,\"nextNodeType\":3,\"rangeBits\":18,\"readFeatures\":[],"
        + "\"schemaVersion\":0,\"uuid\":[255,97,11,10,154,198,116,0,80,191,216,176,133,190,116,72],"
        + "\"version\":6,\"writeFeatures\":[]}")
    #expect(try StoreVerifier.verify(at: path).problems == [])

    let store = try GraphStore.open(at: path)
    let graph = try store.snapshot()
    #expect(graph.version == 6 && graph.count(of: Self.paper) == 25)
    #expect(graph.count(of: Self.author) == 10 && graph.count(of: Self.likes) == 21)
    try checkBulkContent(graph)
    let train: [UInt32] = [0, 1, 2, 9, 10, 11, 18, 19, 20]
    #expect(graph.setNames(of: Self.paper) == ["test", "train", "valid"])
    #expect(try graph.set(named: "train", of: Self.paper).map(Array.init) == train)
    #expect(
      try graph.set(named: "test", of: Self.paper).map(Array.init) == [6, 7, 8, 15, 16, 17])
    try store.read { (txn) throws in
      #expect(try txn.neighbors(of: NodeID(0), along: Self.cites).map(\.rawValue) == [1, 3, 3])
      #expect(try txn.neighbors(of: NodeID(0), along: Self.likes).map(\.rawValue) == [0, 1, 9])
      #expect(
        try txn.value(of: "note", from: NodeID(1), Self.cites, to: NodeID(4), parallel: 1)
          == "n1-3")
    }
    #expect(try store.changes(since: 6) == [])
    #expect(error { _ = try store.changes(since: 5) }?.code == .usage)

    // And it goes on: single changes, a compaction, a build.
    try store.write { txn in
      let new = try txn.insert(Self.paper, key: "new", ["year": 2030, "label": "ml"])
      try txn.connect(new, Self.cites, NodeID(0), ["time": 5, "weight": 1])
      try txn.insert(new, of: Self.paper, into: "train")
      try txn.delete(Self.paper, NodeID(3))
    }
    #expect(try store.changes(since: 6).count > 5)
    let changed = try ContentDigest(store.snapshot())
    #expect(try store.compact().writtenSegmentCount > 0)
    #expect(try ContentDigest(store.snapshot()) == changed)
    let build = try store.beginBuild()
    try build.setMembers("test", of: Self.paper, RoaringBitmap([1, 2]))
    #expect(try build.publish() == 8)
    #expect(try StoreVerifier.verify(at: path).problems == [])
    #expect(try store.snapshot().set(named: "test", of: Self.paper).map(Array.init) == [1, 2])
  }

  @Test func aStoreWithChangesThatNoSegmentHolds() throws {
    let directory = TemporaryDirectory()
    let path = try KeptStore.unpack("format-0-changed", in: directory)
    let before = try files(path)
    #expect(
      try GraphStore.upgrade(at: path) == UpgradeReport(oldFormat: 0, format: 1, version: 11))
    #expect(try files(path) == before)
    #expect(try record(path).contains("\"dataVersion\":11,\"foldedVersion\":6,\"format\":1,"))
    #expect(try StoreVerifier.verify(at: path).problems == [])

    let store = try GraphStore.open(at: path)
    func check() throws {
      let graph = try store.snapshot()
      try checkBulkContent(graph)
      #expect(graph.version == 11 && graph.liveCount(of: Self.author) == 9)
      #expect(Array(graph.deletedNodes(of: Self.author)) == [1])
      #expect(graph.count(of: Self.cites) == 72 && graph.count(of: Self.writes) == 21)
      #expect(graph.count(of: Self.likes) == 17)
      #expect(try graph.node(Self.paper, key: "p25") == NodeID(25))
      #expect(try graph.value(of: "label", of: Self.paper, at: NodeID(25)) == "new")
      #expect(try graph.value(of: "year", of: Self.paper, at: NodeID(2)) == 1999)
      #expect(
        try graph.set(named: "train", of: Self.paper).map(Array.init)
          == [0, 1, 2, 9, 10, 11, 18, 19, 20, 25])
      #expect(try graph.set(named: "valid", of: Self.paper)?.count == 9)
      try store.read { (txn) throws in
        #expect(try txn.neighbors(of: NodeID(0), along: Self.cites).map(\.rawValue) == [1, 3])
        #expect(try txn.neighbors(of: NodeID(25), along: Self.cites).map(\.rawValue) == [0])
        #expect(
          try txn.value(of: "weight", from: NodeID(25), Self.cites, to: NodeID(0)) == 2.5)
        #expect(try txn.neighbors(of: NodeID(0), along: Self.likes).map(\.rawValue) == [0, 9])
      }
    }
    try check()
    #expect(
      try store.changes(since: 6).map(\.version) == [7, 7, 7, 7, 8, 9, 10] + [
        11, 11, 11, 11, 11, 11,
      ])
    #expect(
      try store.changes(since: 8).prefix(2).map(\.kind) == [
        .setProperty(Self.paper, NodeID(2), column: "year", 1999),
        .deletedEdge(Self.cites, NodeID(0), NodeID(3), parallel: 0),
      ])
    let earlier = try store.snapshot(at: 8)
    #expect(earlier.count(of: Self.author) == 10 && earlier.count(of: Self.cites) == 73)
    #expect(try earlier.value(of: "year", of: Self.paper, at: NodeID(2)) == 2002)

    // Format 0's builds would not have folded these changes.
    let digest = try ContentDigest(store.snapshot())
    #expect(try store.compact().version == 11)
    #expect(try store.statistics().changedEntryCount <= 1, "one key may stay beside the dictionary")
    #expect(try ContentDigest(store.snapshot()) == digest)
    try check()
    #expect(try StoreVerifier.verify(at: path).problems == [])
  }

  @Test func aStoreOfTheNewestFormatStaysAsItIs() throws {
    let directory = TemporaryDirectory()
    let path = try KeptStore.unpack("format-0-bulk", in: directory)
    try GraphStore.upgrade(at: path)
    let bytes = TemporaryDirectory.contents("\(path)/data.mdb")
    let report = try GraphStore.upgrade(at: path)
    #expect(report == UpgradeReport(oldFormat: 1, format: 1, version: 6) && !report.hasUpgraded)
    #expect(TemporaryDirectory.contents("\(path)/data.mdb") == bytes)
    #expect(error { try GraphStore.upgrade(at: directory("none")) }?.code == .noInput)
    let newer = try record(path).replacing("\"format\":1", with: "\"format\":2")
    try LMDBEnvironment.open(path, .readWrite).write {
      try $0.put(Array(newer.utf8), for: "store", in: meta)
    }
    #expect(error { try GraphStore.upgrade(at: path) }?.code == .newerFormat)
  }

  @Test(arguments: [StoreLayout.buildLock, StoreLayout.writerLock])
  func whoWritesIsWaitedFor(_ lock: String) throws {
    let directory = TemporaryDirectory()
    let path = try KeptStore.unpack("format-0-bulk", in: directory)
    let before = try record(path)
    try withExtendedLifetime(#require(try FileLock(at: "\(path)/\(lock)", exclusive: true))) {
      #expect(error { try GraphStore.upgrade(at: path) }?.code == .locked)
    }
    #expect(try record(path) == before)
    #expect(try GraphStore.upgrade(at: path, waiting: 1).hasUpgraded)
  }

  @Test func whatCouldNotBeOpenedIsNotCommitted() throws {
    let directory = TemporaryDirectory()
    let path = try KeptStore.unpack("format-0-changed", in: directory)
    let before = try record(path)
    // A segment's record is cut short: the types were upgraded before that is seen.
    let manifest = Table<[UInt8], [UInt8]>("manifest")
    try LMDBEnvironment.open(path, .readWrite).write { txn in
      let first = try #require(try txn.first(in: manifest))
      try txn.put(Array(first.value.dropLast()), for: first.key, in: manifest)
    }
    #expect(error { try GraphStore.upgrade(at: path) }?.code == .damaged)
    #expect(try record(path) == before)
    let nodes = try LMDBEnvironment.open(path, .readOnly).read { txn in
      try txn.value(for: [0, 0], in: Table<[UInt8], [UInt8]>("catalog.nodes"))
    }
    #expect(!String(decoding: nodes ?? [], as: UTF8.self).contains("dictionaryCount"))
  }
}
