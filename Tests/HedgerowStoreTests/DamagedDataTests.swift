import Glibc
import HedgerowCore
import HedgerowLMDB
import HedgerowMapped
import HedgerowStore
import HedgerowTestSupport
import Testing

/// What becomes of a store whose `data.mdb` is damaged. In processes of their own: a crash is what
/// must not happen.
@Suite(.serialized) struct DamagedDataTests {
  @Test func anyFlippedBitOfDataIsReportedOrHarmless() async throws {
    let seed = printedSeed()
    await #expect(processExitsWith: .success) { [seed = seed as UInt64] in
      var random = RandomStream(seed: seed)
      let store = try DamagedStore(seed: seed)
      for index in 0..<500 {
        // Half of them where commits and trees begin.
        let reach = index % 2 == 0 ? store.intact.count : 152
        var byte = Int(random.next(below: UInt64(reach)))
        if index % 4 == 1 { byte += 4096 }
        var damaged = store.intact
        damaged[byte] ^= 1 << UInt8(random.next(below: 8))
        try store.judge(damaged, "byte \(byte) is \(damaged[byte])")
      }
    }
  }

  @Test func aRenamedTableIsReported() async throws {
    let seed = printedSeed()
    await #expect(processExitsWith: .success) { [seed = seed as UInt64] in
      let store = try DamagedStore(seed: seed)
      for (name, flip) in ["meta", "manifest", "sets", "catalog.nodes", "delta"].flatMap({
        // Another name, and one that is no text.
        [($0, 2 as UInt8), ($0, 128)]
      }) {
        // In the newest list of tables and in older ones.
        let places = store.intact.indices.filter {
          store.intact[$0...].starts(with: name.utf8 + [0, 0, 0, 0])
        }
        #expect(!places.isEmpty)
        var reports = 0
        for place in places {
          var damaged = store.intact
          damaged[place + name.utf8.count - 1] ^= flip
          try store.judge(damaged, "\(name) at \(place)")
          store.put(damaged)
          if try !StoreVerifier.verify(at: store.path).isClean { reports += 1 }
        }
        store.put(store.intact)
        #expect(reports == 1, "\(name) in \(places)")
      }
    }
  }

  @Test func truncatedDataIsReportedOrHarmless() async throws {
    let seed = printedSeed()
    await #expect(processExitsWith: .success) { [seed = seed as UInt64] in
      let store = try DamagedStore(seed: seed)
      for length in stride(from: 0, to: store.intact.count, by: 1000) {
        try store.judge(Array(store.intact.prefix(length)), "\(length) bytes")
      }
    }
  }
}

private struct DamagedStore {
  let directory = TemporaryDirectory()
  let intact: [UInt8]
  let expected: [[UInt8]]
  var path: String { directory("s") }

  init(seed: UInt64) throws {
    let directory = directory
    _ = try ReferenceGraph(seed: seed, users: 40, items: 60, edgeCount: 300).makeStore(
      at: directory("s"), rangeBits: 6)
    intact = TemporaryDirectory.contents(directory("s/data.mdb"))
    expected = try Self.contents(directory("s"))
  }

  func put(_ bytes: [UInt8]) { directory.write("s/data.mdb", bytes) }

  /// Verification reports this state of the file, or all records are there as they were.
  func judge(_ bytes: [UInt8], _ what: String) throws {
    put(bytes)
    defer { put(intact) }
    let report = try StoreVerifier.verify(at: path)
    if report.isClean { #expect(try Self.contents(path) == expected, "\(what)") }
    // Nor does anything else die of it.
    do {
      _ = try GraphStore.open(at: path, .readOnly).snapshot()
    } catch let error as HedgerowError {
      #expect([.damaged, .noInput].contains(error.code) && !report.isClean, "\(what): \(error)")
    }
  }

  private static func contents(_ path: String) throws -> [[UInt8]] {
    try LMDBEnvironment.open(path, .readOnly).read { transaction in
      var all: [[UInt8]] = []
      for name in transaction.tableNames {
        all.append(Array(name.utf8))
        try transaction.forEach(in: Table<[UInt8], [UInt8]>(name)) { all += [$0, $1] }
      }
      return all
    }
  }
}
