import Foundation
import Hedgerow
import HedgerowTestSupport
import Testing

/// An ingest that is killed at any moment leaves the old content or the new one, whole.
@Suite(.serialized) struct CrashTests {
  private static let first = EdgeType("node", "edge", "node")
  private static let second = EdgeType("a", "b", "a")

  /// A hash over all rows of all types in both directions, in order.
  private func content(_ graph: Snapshot) throws -> String {
    var digest = BatchDigest()
    for relation in graph.schema.relations() {
      digest.fold("\(relation.name)")
      for row in 0..<graph.count(of: relation.target) {
        digest.fold(try graph.neighbors(of: NodeID(UInt32(row)), along: relation))
      }
    }
    return "\(digest)"
  }

  private func makeEdges(in directory: TemporaryDirectory, seed: UInt64) throws -> String {
    let run = try CommandLineRun(
      "dataset", "rmat", directory("data"), "--scale", "14", "--edge-factor", "8", "--seed",
      "\(seed)")
    try #require(run.status == 0, "\(run.errors)")
    return directory("data/edges.tsv")
  }

  /// Runs the command and kills it after some microseconds. Whether it had said that all is done.
  private func runAndKill(_ arguments: [String], after microseconds: UInt32) throws -> Bool {
    let process = Process()
    process.executableURL = CommandLineRun.tool
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    usleep(microseconds)
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    if process.terminationReason == .uncaughtSignal {
      #expect(process.terminationStatus == SIGKILL, "it died of something else")
      return false
    }
    #expect(process.terminationStatus == 0)
    return true
  }

  /// Opens the store as it was left, holds it against what it may be, and says whether it is new.
  private func check(
    _ path: String, acknowledged: Bool, old: String, new: String
  ) throws -> Bool {
    let store = try GraphStore.open(at: path)
    let report = try StoreVerifier.verify(store)
    #expect(report.isClean, "\(report.problems)")
    let snapshot = try store.snapshot()
    let found = try content(snapshot)
    #expect(found == old || found == new, "neither the old content nor the new")
    #expect(!acknowledged || found == new, "what was acknowledged is gone")
    return found == new
  }

  private func checkLeftovers(_ path: String) throws {
    let names = try FileManager.default.subpathsOfDirectory(atPath: path)
    #expect(!names.contains { $0.hasSuffix(".partial") || $0.hasPrefix("scratch") }, "\(names)")
    let segments = names.filter { $0.hasSuffix(".seg") }.count
    let known = try GraphStore.open(at: path, .readOnly).statistics().segmentCount
    #expect(segments == known, "files that nobody refers to")
  }

  private func microseconds(of arguments: [String]) throws -> UInt64 {
    let clock = ContinuousClock()
    var run: CommandLineRun?
    let time = try clock.measure { run = try CommandLineRun(arguments: arguments) }
    try #require(run?.status == 0, "\(run?.errors ?? "")")
    return UInt64(time.seconds * 1e6)
  }

  @Test func aNewStoreIsNotThereOrEmptyOrWhole() throws {
    let seed = printedSeed()
    var random = RandomStream(seed: seed)
    let directory = TemporaryDirectory()
    let edges = try makeEdges(in: directory, seed: seed)
    let whole = try microseconds(of: ["ingest", directory("whole"), edges])
    let new = try content(GraphStore.open(at: directory("whole"), .readOnly).snapshot())
    let old = "\(BatchDigest())"
    #expect(new != old)
    let path = directory("s")
    var counts = (absent: 0, empty: 0, whole: 0)
    for _ in 0..<10 {
      // On what the last one left, unless that is whole.
      let isDone = try runAndKill(
        ["ingest", path, edges], after: UInt32(random.next(below: whole * 6 / 5)))
      if !FileManager.default.fileExists(atPath: path) {
        #expect(!isDone)
        counts.absent += 1
      } else if try check(path, acknowledged: isDone, old: old, new: new) {
        try FileManager.default.removeItem(atPath: path)
        counts.whole += 1
      } else {
        counts.empty += 1
      }
    }
    print("of new stores \(counts)")
    _ = try microseconds(of: ["ingest", path, edges])
    #expect(try check(path, acknowledged: true, old: old, new: new))
    try checkLeftovers(path)
    // Drafts of stores that never came to be are gone as well.
    let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
    #expect(names == ["data", "s", "whole"])
  }

  @Test func aNewTypeIsInAStoreAsAWholeOrNotAtAll() throws {
    try growInSpiteOfKills("\(Self.second)", []) { grown in
      #expect(grown.count(of: Self.first) == 3 && grown.count(of: Self.second) == 8 << 14)
    }
  }

  @Test func whatIsAppendedIsInAStoreAsAWholeOrNotAtAll() throws {
    try growInSpiteOfKills("\(Self.first)", ["--append"]) { grown in
      #expect(grown.count(of: Self.first) == 3 + (8 << 14))
      // The nodes that were there are the first ones still.
      let keys = try (0..<3).map { try grown.key(of: NodeID($0), of: "node") }
      #expect(keys == ["1", "2", "3"])
    }
  }

  /// Kills ingests of many edges into a store with few; then lets one end and looks at what it made.
  private func growInSpiteOfKills(
    _ type: String, _ options: [String], test: String = #function,
    look: (Snapshot) throws -> Void
  ) throws {
    let seed = printedSeed(test)
    var random = RandomStream(seed: seed)
    let directory = TemporaryDirectory()
    let edges = try makeEdges(in: directory, seed: seed)
    let few = directory.write("few.tsv", "1\t2\n2\t3\n3\t1\n")
    _ = try microseconds(of: ["ingest", directory("base"), few])
    func copy(to name: String) throws -> String {
      let path = directory(name)
      try? FileManager.default.removeItem(atPath: path)
      try FileManager.default.copyItem(atPath: directory("base"), toPath: path)
      return path
    }
    func arguments(_ path: String) -> [String] {
      ["ingest", path, "--edges", "\(type)=\(edges)"] + options
    }
    let whole = try microseconds(of: arguments(copy(to: "whole")))
    let old = try content(GraphStore.open(at: directory("base"), .readOnly).snapshot())
    let new = try content(GraphStore.open(at: directory("whole"), .readOnly).snapshot())
    var path = try copy(to: "s")
    var counts = (old: 0, new: 0)
    for _ in 0..<10 {
      let isDone = try runAndKill(
        arguments(path), after: UInt32(random.next(below: whole * 6 / 5)))
      if try check(path, acknowledged: isDone, old: old, new: new) {
        counts.new += 1
        path = try copy(to: "s")
      } else {
        counts.old += 1
      }
    }
    print("\(test): \(counts)")
    _ = try microseconds(of: arguments(path))
    #expect(try check(path, acknowledged: true, old: old, new: new))
    try checkLeftovers(path)
    try look(GraphStore.open(at: path, .readOnly).snapshot())
  }
}
