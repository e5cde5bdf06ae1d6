import Glibc
import HedgerowCore
import HedgerowGraph
import HedgerowTestSupport
import Testing

@testable import HedgerowLoader

@Suite struct PageTrafficTests {
  /// What batches read through a cache that gives up what was touched longest ago.
  private func simulated(
    _ odds: [Double], cached: Int, batches: Int, _ stream: inout RandomStream
  ) -> Int {
    var lastTouch = [Int](repeating: -1, count: odds.count)
    var (order, reads): (Set<Int>, Int) = ([], 0)
    for batch in 0..<batches {
      for (page, probability) in odds.enumerated() where stream.nextUnit() < probability {
        if !order.contains(page) {
          reads += 1
          if order.count == cached, let oldest = order.min(by: { lastTouch[$0] < lastTouch[$1] }) {
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
    var traffic = PageTraffic()
    traffic.add(odds.map { -log1pf(-Float($0)) }, scale: 1, rowByteCount: 4096)
    let batches = 150
    let found = (0..<8).reduce(0) { sum, _ in
      sum + simulated(odds, cached: cached, batches: batches, &stream)
    }
    let window = traffic.window(pages: Double(cached), limit: Double(batches))
    let expected = traffic.read(batches: Double(batches), window: window)
    #expect(abs(Double(found) / 8 - expected) <= 0.08 * expected, "\(found / 8), \(expected)")
    // All pages fit: each is read once.
    if cached == 600 { #expect(abs(expected - traffic.distinct(batches: 150)) < 1) }
    #expect(traffic.read(batches: Double(batches), window: window, isWarm: true) <= expected)
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
      let nodes = NodeRanks(bound: odds.count) { chosen.contains($0) }
      pages += Pages.read(nodes, rowByteCount: rowByteCount)
    }
    let expected = Pages.distinct(odds, rowByteCount: Double(rowByteCount), batchCount: 2)
    // Of rows of several pages those between are not counted: none is next to two others by chance.
    let bound = rowByteCount > 4096 ? 0.2 : 0.05
    #expect(abs(Double(pages) / Double(draws) - expected) <= bound * expected, "\(expected)")
  }
}
