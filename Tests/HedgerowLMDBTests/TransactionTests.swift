import Foundation
import HedgerowCore
import HedgerowLMDB
import Synchronization
import Testing

@Suite struct TransactionTests {
  @Test func randomWritesAgreeWithADictionaryAcrossReopening() throws {
    var random = RandomStream(seed: freshSeed())
    try withTemporaryDirectory { path in
      var model: [[UInt8]: [UInt8]] = [:]
      for _ in 0..<12 {
        let environment = try LMDBEnvironment.open(path, .readWrite)
        for _ in 0..<12 {
          let before = model
          let aborts = random.next(below: 4) == 0
          do {
            try environment.write { transaction in
              for _ in 0..<random.next(below: 60) {
                let key = bytes(1 + Int(random.next(below: 3)), below: 5, &random)
                switch random.next(below: 20) {
                case 0:
                  let prefix = Array(key.prefix(1))
                  let removed = try transaction.removeAll(in: raw, prefix: prefix)
                  let expected = model.keys.filter { $0.starts(with: prefix) }
                  #expect(removed == expected.count)
                  for key in expected { model[key] = nil }
                case 1 where random.next(below: 5) == 0:
                  try transaction.removeAll(in: raw)
                  model = [:]
                case 2..<7:
                  #expect(try transaction.remove(key, in: raw) == (model[key] != nil))
                  model[key] = nil
                default:
                  // Long values reach LMDB's overflow pages.
                  let length = random.next(below: 8) == 0 ? 9000 : 40
                  let value = bytes(Int(random.next(below: UInt64(length))), below: 256, &random)
                  try transaction.put(value, for: key, in: raw)
                  model[key] = value
                }
                #expect(try transaction.value(for: key, in: raw) == model[key])
              }
              try check(transaction, model)
              if aborts { throw CancellationError() }
            }
          } catch is CancellationError {
            model = before
          }
          try environment.read { try check($0, model) }
        }
      }
    }
  }

  private func bytes(_ count: Int, below bound: UInt64, _ random: inout RandomStream) -> [UInt8] {
    (0..<count).map { _ in UInt8(random.next(below: bound)) }
  }

  private func check(
    _ transaction: borrowing some Transaction & ~Copyable, _ model: [[UInt8]: [UInt8]]
  ) throws {
    let order = model.keys.sorted { $0.lexicographicallyPrecedes($1) }
    var seen: [[UInt8]] = []
    try transaction.forEach(in: raw) { key, value in
      seen.append(key)
      #expect(value == model[key])
    }
    #expect(seen == order)
    #expect(try transaction.count(in: raw) == order.count)
    #expect(try transaction.first(in: raw)?.key == order.first)
    #expect(try transaction.last(in: raw)?.key == order.last)
    for prefix in [[0], [3], [2, 1], [4, 4, 4]] as [[UInt8]] {
      for start in [nil, [2], [3, 1]] as [[UInt8]?] {
        var found: [[UInt8]] = []
        try transaction.walk(raw, prefix: prefix, from: start) { key, _ in
          found.append(key)
          return found.count == 3 ? .stop : .next
        }
        let expected = order.filter { key in
          key.starts(with: prefix) && (start.map { !key.lexicographicallyPrecedes($0) } ?? true)
        }
        #expect(found == Array(expected.prefix(3)))
      }
    }
  }

  @Test func numbersAreInTheOrderOfTheirValues() throws {
    try withTemporaryDirectory { path in
      let environment = try LMDBEnvironment.open(path, .readWrite)
      let keys: [UInt64] = [.max, 256, 1, 0, 255, 1 << 40, 65536]
      try environment.write { transaction in
        for key in keys { try transaction.put(key &* 3, for: key, in: numbers) }
      }
      var seen: [UInt64] = []
      try environment.read { transaction in
        try transaction.forEach(in: numbers) { key, value in
          seen.append(key)
          #expect(value == key &* 3)
        }
        #expect(try transaction.last(in: numbers)?.key == .max)
      }
      #expect(seen == keys.sorted())
    }
  }

  @Test func appendingRefusesAKeyThatDoesNotFollow() throws {
    try withTemporaryDirectory { path in
      let environment = try LMDBEnvironment.open(path, .readWrite)
      try environment.write { transaction in
        for key in 0..<5000 as Range<UInt64> { try transaction.append(key, for: key, in: numbers) }
      }
      let error = errorThrown {
        try environment.write { try $0.append(0, for: 4999, in: numbers) }
      }
      #expect(error?.code == .badData)
      #expect(error?.place == "data.mdb table numbers key 0000000000001387")
      #expect(try environment.read { try $0.count(in: numbers) } == 5000)
    }
  }

  @Test func aTableThatNobodyWroteIsEmpty() throws {
    try withTemporaryDirectory { path in
      let environment = try LMDBEnvironment.open(path, .readWrite)
      try environment.read { transaction in
        #expect(try transaction.value(for: "a", in: texts) == nil)
        #expect(try transaction.count(in: texts) == 0)
        #expect(try transaction.first(in: texts) == nil)
        try transaction.forEach(in: texts) { _, _ in Issue.record("an entry") }
      }
      try environment.write { transaction in
        #expect(try !transaction.remove("a", in: texts))
        try transaction.removeAll(in: texts)
      }
    }
  }

  @Test func keysThatLMDBCannotKeepAreRefused() throws {
    try withTemporaryDirectory { path in
      let environment = try LMDBEnvironment.open(path, .readWrite)
      for length in [0, 512] {
        let key = [UInt8](repeating: 7, count: length)
        let error = errorThrown { try environment.write { try $0.put([], for: key, in: raw) } }
        #expect(error?.code == .badData)
      }
      let longest = [UInt8](repeating: 7, count: 511)
      try environment.write { try $0.put([1], for: longest, in: raw) }
      #expect(try environment.read { try $0.value(for: longest, in: raw) } == [1])
    }
  }

  @Test func aTableMadeInAnAbortedWriteIsNotThere() throws {
    try withTemporaryDirectory { path in
      let environment = try LMDBEnvironment.open(path, .readWrite)
      _ = errorThrown {
        try environment.write { transaction in
          try transaction.put("b", for: "a", in: texts)
          throw HedgerowError(.interrupted, "stop")
        }
      }
      #expect(try environment.read { $0.tableNames } == [])
      try environment.write { try $0.put(2, for: 1, in: numbers) }
      try environment.write { try $0.put("c", for: "a", in: texts) }
      #expect(try environment.read { $0.tableNames } == ["numbers", "texts"])
      #expect(try environment.read { try $0.value(for: "a", in: texts) } == "c")
      #expect(try environment.read { try $0.value(for: 1, in: numbers) } == 2)
    }
  }

  @Test func aWriteInsideAWriteIsAnError() throws {
    try withTemporaryDirectory { path in
      let environment = try LMDBEnvironment.open(path, .readWrite)
      let again = try LMDBEnvironment.open(path, .readWrite)
      try environment.write { outer in
        try outer.put("1", for: "a", in: texts)
        let error = errorThrown { try again.write { try $0.put("2", for: "a", in: texts) } }
        #expect(error?.code == .usage)
        // A read inside sees what was committed before.
        #expect(try again.read { try $0.value(for: "a", in: texts) } == nil)
      }
      #expect(try again.read { try $0.value(for: "a", in: texts) } == "1")
    }
  }

  @Test func readersSeeWholeCommitsWhileAWriterWrites() throws {
    try withTemporaryDirectory { path in
      let environment = try LMDBEnvironment.open(path, .readWrite)
      try environment.write { transaction in
        for key in 0..<100 as Range<UInt64> { try transaction.put(0, for: key, in: numbers) }
      }
      let isDone = Atomic(false)
      let reads = Atomic(0)
      let torn = Atomic(0)
      let reader: @Sendable () -> Void = {
        var last: UInt64 = 0
        while !isDone.load(ordering: .relaxed) {
          let values = try? environment.read { transaction in
            var values: Set<UInt64> = []
            try transaction.forEach(in: numbers) { _, value in values.insert(value) }
            return values
          }
          if let values, values.count == 1, values.first! >= last {
            last = values.first!
          } else {
            torn.add(1, ordering: .relaxed)
          }
          reads.add(1, ordering: .relaxed)
        }
      }
      let threads = (0..<3).map { _ in HedgerowCore.Thread.start(reader) }
      for round in 1...1000 as ClosedRange<UInt64> {
        try environment.write { transaction in
          for key in 0..<100 as Range<UInt64> {
            try transaction.put(round, for: key, in: numbers)
          }
          // New tables while others read.
          if round % 100 == 0 {
            try transaction.put(round, for: 0, in: Table<UInt64, UInt64>("t\(round / 100)"))
          }
        }
      }
      // On a busy machine the readers may not have had a turn yet.
      while reads.load(ordering: .relaxed) < 3 { sched_yield() }
      isDone.store(true, ordering: .relaxed)
      for thread in threads { pthread_join(thread, nil) }
      #expect(torn.load(ordering: .relaxed) == 0)
      #expect(try environment.read { $0.tableNames.count } == 11)
    }
  }

  @Test func writersOfSeveralThreadsTakeTurns() throws {
    try withTemporaryDirectory { path in
      let environment = try LMDBEnvironment.open(path, .readWrite)
      let increment: @Sendable () -> Void = {
        for _ in 0..<50 {
          try? environment.write { transaction in
            let value = try transaction.value(for: 0, in: numbers) ?? 0
            try transaction.put(value + 1, for: 0, in: numbers)
          }
        }
      }
      let threads = (0..<4).map { _ in HedgerowCore.Thread.start(increment) }
      for thread in threads { pthread_join(thread, nil) }
      #expect(try environment.read { try $0.value(for: 0, in: numbers) } == 200)
    }
  }

  @Test func aCopyHoldsWhatItsTransactionSaw() throws {
    var random = RandomStream(seed: freshSeed())
    try withTemporaryDirectory { path in
      let environment = try LMDBEnvironment.open(path, .readWrite)
      for round in 0..<20 {
        try environment.write { transaction in
          for _ in 0..<random.next(below: 400) {
            // Beyond a chunk's size now and then.
            let length = random.next(below: 60) == 0 ? 300_000 : 60
            try transaction.put(
              bytes(Int(random.next(below: UInt64(length))), below: 256, &random),
              for: bytes(1 + Int(random.next(below: 4)), below: 6, &random), in: raw)
          }
        }
        let prefix = round % 4 == 0 ? [] : bytes(1 + round % 2, below: 6, &random)
        let start = round % 3 == 0 ? bytes(2, below: 6, &random) : nil
        var expected: [([UInt8], [UInt8])] = []
        let copy = try environment.read { transaction in
          try transaction.walk(raw, prefix: prefix, from: start) { key, value in
            expected.append((key, value))
            return .next
          }
          return try transaction.copy(raw, prefix: prefix, from: start)
        }
        _ = try environment.write { try $0.removeAll(in: raw, prefix: prefix) }
        var place = 0
        try copy.visit { key, value in
          #expect(key == expected[place].0 && value == expected[place].1)
          place += 1
        }
        #expect(place == expected.count && copy.isEmpty == expected.isEmpty)
        var walked = 0
        try copy.walk { _, _ in
          walked += 1
          return walked == 3 ? .stop : .next
        }
        #expect(walked == min(3, expected.count))
      }
    }
  }

  @Test func anEntryOfACopyIsCheckedLikeOneOfTheTable() throws {
    try withTemporaryDirectory { path in
      let environment = try LMDBEnvironment.open(path, .readWrite)
      try environment.write { try $0.put([1, 2], for: [7], in: raw) }
      let copy = try environment.read { try $0.copy(Table<UInt64, UInt64>("raw")) }
      #expect(errorThrown { try copy.visit { _, _ in } }?.code == .damaged)
    }
  }

  @Test func aWriterWaitsForReadersOfOldStatesAndForEachStateOnce() throws {
    try withTemporaryDirectory { path in
      let environment = try LMDBEnvironment.open(path, .readWrite)
      func commit() throws {
        try environment.write { transaction in
          for key in 0..<2000 as Range<UInt64> { try transaction.put(key, for: key, in: numbers) }
        }
      }
      func waiting(keeping byteCount: Int, seconds: Double) throws -> Duration {
        try ContinuousClock().measure {
          try environment.waitForReaders(keeping: byteCount, seconds: seconds)
        }
      }
      try commit()
      #expect(try environment.read { try $0.byteCount(in: numbers) } > 2000 * 20)
      final class Flags: Sendable {
        let isRead = Atomic(false)
        let isOver = Atomic(false)
      }
      let flags = Flags()
      let reader = HedgerowCore.Thread.start {
        try? environment.read { _ in
          flags.isRead.store(true, ordering: .sequentiallyConsistent)
          while !flags.isOver.load(ordering: .sequentiallyConsistent) { usleep(1000) }
        }
      }
      while !flags.isRead.load(ordering: .sequentiallyConsistent) { usleep(1000) }
      for _ in 0..<5 { try commit() }
      // A commit takes some 12 pages.
      #expect(try waiting(keeping: 16 << 20, seconds: 10) < .seconds(5))
      #expect(try waiting(keeping: 16 << 10, seconds: 0.1) >= .milliseconds(100))
      #expect(try waiting(keeping: 16 << 10, seconds: 10) < .seconds(5))
      flags.isOver.store(true, ordering: .sequentiallyConsistent)
      HedgerowCore.Thread.join(reader)
    }
  }
}
