import Foundation
import HedgerowCore
import HedgerowLMDB
import Testing

@Suite(.serialized) struct FileCheckTests {
  @Test func everyCommitOfRandomWritesIsClean() throws {
    var random = RandomStream(seed: freshSeed())
    try withTemporaryDirectory { path in
      for _ in 0..<8 {
        // A new opening each time, as LMDB takes up its free pages differently then.
        let environment = try LMDBEnvironment.open(path, .readWrite)
        for _ in 0..<25 {
          let size = [4, 60, 800][Int(random.next(below: 3))]
          let isKept = random.next(below: 5) > 0
          func commit() throws {
            do {
              try environment.write { transaction in
                try writeAtRandom(size, in: transaction, &random)
                if !isKept { throw CancellationError() }
              }
            } catch is CancellationError {}
          }
          // Under a reader, freed pages are kept and the file grows.
          if random.next(below: 6) == 0 {
            try environment.read { _ in
              try commit()
              try commit()
            }
          }
          try commit()
          let check = try LMDBFileCheck(path)
          #expect(check.isClean, "\(check.problems.prefix(3))")
        }
        let names = try environment.read { $0.tableNames }
        #expect(try LMDBFileCheck(path).tableNames == names)
      }
      let check = try LMDBFileCheck(path)
      print("everyCommitOfRandomWritesIsClean: \(check.checkedByteCount) bytes at the end")
    }
  }

  /// The newest commit's number takes every value modulo 4: a flipped bit must not turn it, or the
  /// one before, into a number that goes with the other's.
  @Test(arguments: [1, 2, 3, 12] as [UInt64])
  func anyFlippedBitOfAMetaPageIsFoundOrHarmless(commits: UInt64) async throws {
    try await withTemporaryDirectory { path in
      await #expect(processExitsWith: .success) {
        [path = path as String, commits = commits as UInt64] in
        var random = RandomStream(seed: commits)
        try makeDatabase(path, commits: commits, &random)
        var flips = Flips(path)
        // To the end of the commit's number.
        for page in [0, 4096] {
          for byte in 0..<152 {
            for bit in 0..<8 { try flips.flip(bit, ofByte: page + byte) }
          }
        }
        // The map's size in both, the older page's trees and last page, some of the padding.
        #expect(flips.found > 1000)
      }
    }
  }

  @Test func anyFlippedBitIsFoundOrHarmless() async throws {
    let seed = freshSeed()
    try await withTemporaryDirectory { path in
      await #expect(processExitsWith: .success) { [path = path as String, seed = seed as UInt64] in
        var random = RandomStream(seed: seed)
        try makeDatabase(path, commits: 12 + random.next(below: 4), &random)
        var flips = Flips(path)
        for _ in 0..<4000 {
          let byte = Int(random.next(below: UInt64(flips.intact.count)))
          try flips.flip(Int(random.next(below: 8)), ofByte: byte)
        }
        #expect(flips.found > 500)
      }
    }
  }

  @Test func aFileCutShortIsFoundOrHarmless() async throws {
    let seed = freshSeed()
    try await withTemporaryDirectory { path in
      await #expect(processExitsWith: .success) { [path = path as String, seed = seed as UInt64] in
        var random = RandomStream(seed: seed)
        try makeDatabase(path, commits: 13, &random)
        var flips = Flips(path)
        let count = flips.intact.count
        for length in stride(from: 0, to: count, by: 512) {
          try flips.cut(to: length + Int(random.next(below: 512)) % (count - length))
        }
        #expect(flips.found > 10)
      }
    }
  }

  @Test func garbageInEveryPageIsNoCrash() async throws {
    let seed = freshSeed()
    try await withTemporaryDirectory { path in
      await #expect(processExitsWith: .success) { [path = path as String, seed = seed as UInt64] in
        var random = RandomStream(seed: seed)
        try makeDatabase(path, commits: 13, &random)
        var flips = Flips(path)
        for _ in 0..<800 {
          var edits: [(offset: Int, byte: UInt8)] = []
          for _ in 0..<1 + random.next(below: 40) {
            // Where a page's header and its nodes' offsets are, most of the time.
            let page = Int(random.next(below: UInt64(flips.intact.count / 4096))) * 4096
            let reach: UInt64 = random.next(below: 4) == 0 ? 4096 : 160
            edits.append(
              (page + Int(random.next(below: reach)), UInt8(random.next(below: 256))))
          }
          try flips.survive(edits)
        }
      }
    }
  }

  @Test func whatIsBeingWrittenIsNotTakenForDamage() throws {
    try withTemporaryDirectory { path in
      let environment = try LMDBEnvironment.open(path, .readWrite)
      try environment.write { try $0.put(0, for: 0, in: numbers) }
      let end = Date(timeIntervalSinceNow: 0.5)
      let writer = HedgerowCore.Thread.start {
        var number: UInt64 = 0
        while Date() < end {
          number += 1
          try? environment.write { transaction in
            for key in 0..<50 as Range<UInt64> {
              try transaction.put(number, for: number &* 7 &+ key, in: numbers)
            }
          }
        }
      }
      var checks = 0
      while Date() < end {
        let check = try LMDBFileCheck(path)
        #expect(check.isClean, "\(check.problems.prefix(3))")
        checks += 1
      }
      pthread_join(writer, nil)
      print("whatIsBeingWrittenIsNotTakenForDamage: \(checks) checks")
    }
  }
}

/// Tables of several shapes, written by as many commits, the last of which is on disk.
func makeDatabase(_ path: String, commits: UInt64, _ random: inout RandomStream) throws {
  let environment = try LMDBEnvironment.open(path, .readWrite)
  for commit in 0..<commits {
    try environment.write { transaction in
      try transaction.put(commit, for: commit % 5, in: numbers)
      try transaction.put("commit \(commit)", for: "newest", in: texts)
      for key in 0..<300 as Range<UInt64> where commit == 0 || random.next(below: 20) == 0 {
        let count = key % 50 == 0 ? 6000 : random.next(below: 60)
        try transaction.put(
          (0..<count).map { _ in UInt8(random.next(below: 256)) }, for: [UInt8](key), in: raw)
      }
    }
  }
}

private func writeAtRandom(
  _ size: Int, in transaction: borrowing WriteTransaction, _ random: inout RandomStream
) throws {
  let tables = (0..<5).map { Table<[UInt8], [UInt8]>("table \($0)") }
  for _ in 0..<1 + random.next(below: 300) {
    let table = tables[Int(random.next(below: UInt64(tables.count)))]
    let number = random.next(below: 2000)
    // Keys of all lengths, few of the long ones.
    let key =
      [UInt8](number) + [UInt8](repeating: 7, count: Int(number % 100 == 0 ? number / 4 : 0))
    switch random.next(below: 40) {
    case 0..<12: try transaction.remove(key, in: table)
    case 12: try transaction.removeAll(in: table, prefix: [UInt8](number).dropLast())
    case 13 where random.next(below: 20) == 0: try transaction.removeAll(in: table)
    case 14:
      let count = Int(random.next(below: 30_000))
      try transaction.put([UInt8](repeating: 3, count: count), for: key, in: table)
      // Shortened in the same transaction, it keeps its pages.
      if count % 2 == 0 { try transaction.put([1], for: key, in: table) }
    default:
      let count = Int(random.next(below: UInt64(size)))
      try transaction.put([UInt8](repeating: UInt8(size % 251), count: count), for: key, in: table)
    }
  }
}

extension [UInt8] {
  /// Big-endian.
  fileprivate init(_ number: UInt64) {
    self = []
    number.encode(into: &self)
  }
}

/// All entries of all tables.
private func contents(_ path: String) throws -> [[UInt8]] {
  try LMDBEnvironment.open(path, .readOnly).read { transaction in
    var all: [[UInt8]] = []
    for name in transaction.tableNames {
      all.append(Array(name.utf8))
      try transaction.forEach(in: Table<[UInt8], [UInt8]>(name)) { all += [$0, $1] }
    }
    return all
  }
}

/// Damages a database, sees what is said of it, and puts it right again.
private struct Flips {
  let path: String
  let intact: [UInt8]
  let names: [String]
  let expected: [[UInt8]]
  var found = 0
  var harmless = 0

  init(_ path: String) {
    self.path = path
    intact = [UInt8]((try? Data(contentsOf: URL(fileURLWithPath: "\(path)/data.mdb"))) ?? Data())
    names = (try? LMDBFileCheck(path).tableNames) ?? []
    expected = (try? contents(path)) ?? []
    #expect(expected.count > 10)
  }

  mutating func flip(_ bit: Int, ofByte offset: Int) throws {
    try write([intact[offset] ^ 1 << UInt8(bit)], at: offset)
    try judge("bit \(bit) of byte \(offset)")
    try write([intact[offset]], at: offset)
  }

  mutating func cut(to length: Int) throws {
    #expect(truncate("\(path)/data.mdb", length) == 0)
    try judge("the first \(length) bytes")
    try write(intact, at: 0)
  }

  /// Whatever is damaged, nothing dies, and what LMDB would trip over is refused.
  mutating func survive(_ edits: [(offset: Int, byte: UInt8)]) throws {
    for edit in edits { try write([edit.byte], at: edit.offset) }
    let isWhole = try LMDBFileCheck(path, .structure).isClean
    let error = errorThrown { _ = try contents(path) }
    #expect(isWhole || error?.code == .damaged)
    for edit in edits { try write([intact[edit.offset]], at: edit.offset) }
  }

  private mutating func judge(_ what: String) throws {
    let check = try LMDBFileCheck(path)
    // A table's name is known to its users alone.
    guard check.isClean && check.tableNames == names else {
      found += 1
      // Opening knows less than the full check, but whatever it makes of it, it lives.
      _ = try? contents(path)
      return
    }
    harmless += 1
    #expect(throws: Never.self, "\(what)") {
      #expect(try contents(path) == expected, "\(what)")
      if harmless % 100 == 0 {
        // Nor does writing trip over it.
        let copy = "\(path)/copy"
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: "\(path)/data.mdb", toPath: "\(copy)/data.mdb")
        let environment = try LMDBEnvironment.open(copy, .readWrite)
        for round in 0..<3 as Range<UInt64> {
          try environment.write { try $0.put(round, for: 99, in: numbers) }
        }
        let check = try LMDBFileCheck(copy)
        #expect(check.isClean, "\(what): \(check.problems)")
        try FileManager.default.removeItem(atPath: copy)
      }
    }
  }

  private func write(_ bytes: [UInt8], at offset: Int) throws {
    let file = open("\(path)/data.mdb", O_WRONLY)
    defer { close(file) }
    guard file >= 0, pwrite(file, bytes, bytes.count, offset) == bytes.count else {
      throw CancellationError()
    }
  }
}
