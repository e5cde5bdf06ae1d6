import CHedgerowKernels
import HedgerowCore
import HedgerowTestSupport
import Testing

@Suite struct SelectionKernelTests {
  /// One pass over the neighbors of a row keeps what hashing and then comparing them keeps, however the
  /// row comes in parts, and with sources that stand in it several times.
  @Test func theLeastOfSharedNumbersAreKeptInOnePass() {
    var random = RandomStream(seed: printedSeed())
    var keptCount = 0
    for _ in 0..<400 {
      let count = 1 + Int(random.next(below: random.next(below: 4) == 0 ? 3000 : 60))
      let bound = 1 + random.next(below: UInt64(2 * count))
      let nodes = (0..<count).map { _ in UInt32(random.next(below: bound)) }
      let limit = Int(random.next(below: 40))
      let keys = [random.next(), random.next()]
      let period = 1 + random.next(below: 4)
      let step = random.next(below: period)
      let first = random.next(below: 1 << 50)
      let addresses = (0..<UInt64(count)).map { first + $0 }

      var ranks = [UInt64](repeating: 0, count: count)
      hr_hash_nodes(keys, step, period, nodes, count, &ranks)
      let expected = addresses.indices.sorted {
        (ranks[$0], UInt64.max - addresses[$0]) < (ranks[$1], UInt64.max - addresses[$1])
      }.prefix(limit).map { addresses[$0] }.sorted()

      var heap = [hr_candidate](repeating: hr_candidate(rank: 0, address: 0), count: max(1, limit))
      var kept = 0
      var start = 0
      while start < count {
        let part = min(count - start, 1 + Int(random.next(below: UInt64(count))))
        kept = nodes.withUnsafeBufferPointer {
          hr_keep_least_nodes(
            &heap, kept, limit, keys, step, period, $0.baseAddress! + start,
            first + UInt64(start), part)
        }
        start += part
      }
      var found = [UInt64](repeating: 0, count: max(1, kept))
      hr_sorted_addresses(&heap, kept, &found)
      #expect(Array(found.prefix(kept)) == expected, "\(count) entries, \(limit) of them")
      keptCount += kept
    }
    #expect(keptCount > 2000)
  }
}
