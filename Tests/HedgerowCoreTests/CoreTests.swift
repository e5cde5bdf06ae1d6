import HedgerowCore
import HedgerowTestSupport
import Synchronization
import Testing

@Suite struct NameTests {
  @Test func edgeTypesReadBackAndTurnAround() throws {
    let type = try EdgeType(validating: "paper:cites:paper")
    #expect(type.description == "paper:cites:paper")
    #expect(EdgeType("a", "r", "b").reversed == EdgeType("b", "rev_r", "a"))
    #expect(EdgeType("a", "r", "b").reversed.reversed == EdgeType("a", "r", "b"))
    for bad in ["", "a:b", "a:b:c:d", "a::c", "a b:r:c", ":r:"] {
      #expect(throws: HedgerowError.self) { try EdgeType(validating: bad) }
    }
  }

  @Test func kindsReadTheirOwnNames() {
    let kinds: [PropertyKind] = [
      .bool, .int8, .int16, .int32, .int64, .uint8, .float16, .float32, .float64,
      .timestamp(.milliseconds), .categorical, .string, .vector(element: .float16, width: 12),
    ]
    for kind in kinds { #expect(PropertyKind(kind.description) == kind) }
    for bad in ["", "integer64", "float32[", "float32[0]", "string[3]", "timestamp[h]", "[3]"] {
      #expect(PropertyKind(bad) == nil)
    }
  }

  @Test func sizesAreReadAsPeopleWriteThem() {
    #expect(ByteSize.parse("256MiB") == 256 << 20)
    #expect(ByteSize.parse("1.5 GiB") == 3 << 29)
    #expect(ByteSize.parse("2GB") == 2_000_000_000)
    #expect(ByteSize.parse("4096") == 4096)
    for bad in ["", "MiB", "-1", "nan", "inf", "1e400", "12 parsecs", "0"] {
      #expect(ByteSize.parse(bad) == nil)
    }
    #expect(ByteSize.format(1536) == "1.5 KiB")
    #expect(ByteSize.format(256 << 20) == "256 MiB")
    #expect(ByteSize.format(3 << 20, over: 2 << 20) == ("3 MiB", "2 MiB"))
    #expect(ByteSize.format(2049, over: 2048) == ("2049 B", "2048 B"))
  }
}

@Suite struct RandomTests {
  @Test func streamsDependOnEveryCounterAndItsPlace() {
    let root = RandomStream(seed: printedSeed())
    var keys: Set<UInt64> = []
    for a in 0..<40 as Range<UInt64> {
      for b in 0..<40 as Range<UInt64> { keys.insert(root.derive(a, b).key) }
    }
    #expect(keys.count == 1600)
    #expect(root.derive(1, 2).key == root.derive(1).derive(2).key)
    #expect(root.derive("conv1").key != root.derive("conv2").key)
  }

  @Test func shuffledRangesArePermutations() {
    let seed = printedSeed()
    for count in [0, 1, 2, 3, 5, 16, 17, 1000, 4097] {
      let range = ShuffledRange(count: count, stream: RandomStream(seed: seed))
      #expect(range.sorted() == Array(0..<count))
    }
    // Every value comes first about equally often.
    var first = [Int](repeating: 0, count: 10)
    for key in 0..<400_000 as Range<UInt64> {
      first[ShuffledRange(count: 10, stream: RandomStream(seed: seed).derive(key))[0]] += 1
    }
    #expect(chiSquareProbability(chiSquareOfUniform(first), degreesOfFreedom: 9) > 1e-6)
  }
}

@Suite struct ThreadPoolTests {
  @Test(arguments: [1, 2, 4, 7]) func everyPartRunsOnceAlsoWhenNested(threads: Int) {
    let pool = ThreadPool(threadCount: threads)
    for parts in [0, 1, 2, 3, 100, 10_000] {
      let sum = Atomic<Int>(0)
      pool.run(parts: parts) { part in
        sum.wrappingAdd(part + 1, ordering: .relaxed)
        if part == 5 { pool.run(parts: 3) { _ in sum.wrappingAdd(1, ordering: .relaxed) } }
      }
      #expect(sum.load(ordering: .relaxed) == parts * (parts + 1) / 2 + (parts > 5 ? 3 : 0))
    }
  }

  @Test func manyCallersShareOnePool() async {
    let pool = ThreadPool(threadCount: 4)
    let sum = Atomic<Int>(0)
    // Threads of their own: a pool's callers block.
    let threads = (0..<8).map { _ in
      Thread.start {
        for _ in 0..<200 { pool.run(parts: 5) { _ in sum.wrappingAdd(1, ordering: .relaxed) } }
      }
    }
    for thread in threads { Thread.join(thread) }
    #expect(sum.load(ordering: .relaxed) == 8 * 200 * 5)
  }
}

@Suite struct MemoryBudgetTests {
  @Test func sharesAddUpAndComeBack() throws {
    let budget = MemoryBudget(total: 100 << 20)
    let free = budget.available
    let share = try budget.reserve(50 << 20, for: "a test")
    #expect(budget.available == free - (50 << 20))
    let error = #expect(throws: HedgerowError.self) {
      try budget.reserve(60 << 20, for: "the sort buffer")
    }
    #expect(error?.message.contains("the sort buffer") == true)
    share.release()
    share.release()
    #expect(budget.available == free)
  }

  @Test func theSystemSaysSomethingSensible() {
    #expect(ProcessResources.processorCount >= 1)
    #expect(ProcessResources.peakResidentByteCount > 1 << 20)
    #expect(ProcessResources.defaultMemoryBudget >= 64 << 20)
  }
}
