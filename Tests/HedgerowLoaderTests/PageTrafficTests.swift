import Glibc
import HedgerowCore
import HedgerowGraph
import HedgerowTestSupport
import Testing

@testable import HedgerowLoader

@Suite struct PageTrafficTests {
  /// What batches that touch these pages read through a cache that gives up what was touched longest ago.
  private func reads(_ batches: [[Int]], cached: Int) -> Int {
    var lastTouch: [Int: Int] = [:]
    var (order, reads): (Set<Int>, Int) = ([], 0)
    for (batch, pages) in batches.enumerated() {
      for page in pages {
        if !order.contains(page) {
          reads += 1
          if order.count == cached,
            let oldest = order.min(by: { lastTouch[$0]! < lastTouch[$1]! })
          {
            order.remove(oldest)
          }
          if cached > 0 { order.insert(page) }
        }
        lastTouch[page] = batch
      }
    }
    return reads
  }

  @Test(arguments: [0, 40, 150, 400, 600]) func readsAreThoseOfACacheOfRecentPages(
    cached: Int
  ) throws {
    var stream = RandomStream(seed: printedSeed())
    // A few pages of every batch, many of few.
    let odds = (0..<600).map { min(0.95, 1.5 / Double($0 + 1) + 0.004) }
    var traffic = PageTraffic(batchesPerEpoch: 15, epochCount: 10)
    traffic.add(odds.map { Touches(random: -15 * log1pf(-Float($0))) }, rowByteCount: 4096)
    let batches = 150
    let found = (0..<8).reduce(0) { sum, _ in
      let touched = (0..<batches).map { _ in odds.indices.filter { stream.nextUnit() < odds[$0] } }
      return sum + reads(touched, cached: cached)
    }
    let window = traffic.window(pages: Double(cached), limit: Double(batches))
    let expected = traffic.read(batches: Double(batches), window: window)
    #expect(abs(Double(found) / 8 - expected) <= 0.08 * expected, "\(found / 8), \(expected)")
    // All pages fit: each is read once.
    if cached == 600 { #expect(abs(expected - traffic.distinct(batches: 150)) < 1) }
    #expect(traffic.read(batches: Double(batches), window: window, isWarm: true) <= expected)
  }

  /// Two rows a page: all pages of the first half have a row, or two, that some batch of each epoch touches, and those
  /// of a quarter one that a batch of one epoch does; others come at random, with these and by themselves.
  @Test(arguments: [0, 100, 250, 350, 500]) func whatMustBeTouchedIs(cached: Int) {
    var stream = RandomStream(seed: printedSeed())
    let (batchesPerEpoch, epochCount, pageCount) = (20, 6, 400)
    let touches = (0..<2 * pageCount).map { row in
      Touches(
        random: row % 5 == 0 ? 0.3 : 0,
        eachEpoch: row < pageCount && (row % 2 == 0 || row % 3 == 0) ? 1 : 0,
        once: (pageCount..<pageCount * 3 / 2).contains(row) && row % 2 == 0 ? 1 : 0)
    }
    var traffic = PageTraffic(batchesPerEpoch: Double(batchesPerEpoch), epochCount: epochCount)
    traffic.add(touches, rowByteCount: 2048)
    let batchCount = batchesPerEpoch * epochCount
    let runs = 8
    var (found, foundOfEpoch) = (0, 0)
    for _ in 0..<runs {
      var batches = [Set<Int>](repeating: [], count: batchCount)
      func touch(_ row: Int, in range: Range<Int>) {
        batches[range.lowerBound + Int(stream.next(below: UInt64(range.count)))].insert(row / 2)
      }
      for (row, touches) in touches.enumerated() {
        for epoch in 0..<epochCount {
          let range = epoch * batchesPerEpoch..<(epoch + 1) * batchesPerEpoch
          if touches.eachEpoch > 0 { touch(row, in: range) }
          for batch in range
          where stream.nextUnit() < 1 - exp(-Double(touches.random) / Double(batchesPerEpoch)) {
            touch(row, in: batch..<batch + 1)
          }
        }
        if touches.once > 0 { touch(row, in: 0..<batchCount) }
      }
      found += reads(batches.map { $0.sorted() }, cached: cached)
      foundOfEpoch +=
        batches.prefix(batchesPerEpoch).reduce(into: Set()) {
          $0.formUnion($1)
        }.count
    }
    let window = traffic.window(pages: Double(cached), limit: Double(batchCount))
    let expected = traffic.read(batches: Double(batchCount), window: window)
    let average = Double(found) / Double(runs)
    #expect(abs(average - expected) <= 0.1 * expected, "\(average), \(expected)")
    let ofEpoch = traffic.distinct(batches: Double(batchesPerEpoch))
    let averageOfEpoch = Double(foundOfEpoch) / Double(runs)
    #expect(abs(averageOfEpoch - ofEpoch) <= 0.05 * ofEpoch, "\(averageOfEpoch), \(ofEpoch)")
  }

  @Test func aPageOfManySeedsIsTouchedByNearlyAllBatches() {
    // A thousand rows a page that are certain, in a thousand batches: of five batches one in 150 touches none.
    var traffic = PageTraffic(batchesPerEpoch: 1000, epochCount: 3)
    traffic.add([Touches](repeating: Touches(eachEpoch: 1), count: 100_000), rowByteCount: 4)
    let pages = 100_000.0 / 1024
    #expect(abs(traffic.distinct(batches: 5) / pages - 0.993) < 0.02)
    // Through a cache of half of them: e^-1.024 of the pages are not in a batch.
    let window = traffic.window(pages: pages / 2, limit: 3000)
    #expect(window > 0.5 && window < 1.2, "\(window)")
  }

  @Test func aPageOfManyRowsIsTouchedAtMost() {
    // A page of more rows than can be counted.
    var traffic = PageTraffic(batchesPerEpoch: 4, epochCount: 2)
    traffic.add(
      [Touches](repeating: Touches(eachEpoch: 1, once: 1), count: 200_000), rowByteCount: 1e-3)
    #expect(abs(traffic.distinct(batches: 1) - 1) < 1e-6)
    #expect(traffic.read(batches: 8, window: 1) < 1.001)
  }

  @Test(arguments: [256, 4096, 12288]) func pagesBetweenThoseAskedForAreReadAlong(
    rowByteCount: Int
  ) {
    var stream = RandomStream(seed: printedSeed())
    let odds = (0..<4000).map { _ in Float(stream.nextUnit() * stream.nextUnit() * 0.2) }
    let draws = 40
    var pages = 0
    for _ in 0..<draws {
      // Two batches.
      let chosen = odds.indices.filter { row in
        (0..<2).contains { _ in Float(stream.nextUnit()) < odds[row] }
      }
      let nodes = BitRanks(bound: odds.count) { chosen.contains($0) }
      pages += Pages.read(nodes, rowByteCount: rowByteCount)
    }
    let expected = Pages.distinct(odds, rowByteCount: Double(rowByteCount), batchCount: 2)
    // Of rows of several pages those between are not counted: none is next to two others by chance.
    let bound = rowByteCount > 4096 ? 0.2 : 0.05
    #expect(abs(Double(pages) / Double(draws) - expected) <= bound * expected, "\(expected)")
  }
}
