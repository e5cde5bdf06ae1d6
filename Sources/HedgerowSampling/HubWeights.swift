import HedgerowCore
import HedgerowGraph
import Synchronization

/// Sums of the weights of long rows, by which a draw finds its entry in O(log degree) instead of looking
/// at all of them.
///
/// The sums of a row are made when it is drawn from first, and kept as long as all of them fit into
/// ``byteLimit``; those of other rows are made again for each draw. They are added up in the order of
/// entries, so that what is kept changes no choice.
final class HubWeights: Sendable {
  /// Rows of so many entries are long.
  static let entryCount = 1 << 12
  static let byteLimit = 32 << 20

  private struct Row: Hashable {
    var relation: Relation
    var node: UInt32
  }
  private struct Kept {
    var sums: [Row: [Double]] = [:]
    var byteCount = 0
  }
  private let kept = Mutex(Kept())

  /// For each entry of a row the sum of the weights up to it.
  ///
  /// - Throws: `badData` for weights that are none.
  func sums<Graph: Topology>(
    of node: UInt32, _ extent: Extent, _ plan: RelationPlan, in graph: Graph
  ) throws -> [Double] {
    let row = Row(relation: plan.relation, node: node)
    if let sums = kept.withLock({ $0.sums[row] }) { return sums }
    var sums: [Double] = []
    sums.reserveCapacity(Int(extent.count))
    var sum = 0.0
    var first: UInt64 = 0
    while first < extent.count {
      let part = first..<min(UInt64(extent.count), first + UInt64(EntryScan.blockCount))
      let addresses = part.map { extent.start + $0 }
      let rows = [UInt32](repeating: node, count: part.count)
      let edges = try graph.edges(at: addresses.span, in: rows.span, along: plan.relation)
      var weights = [Double](repeating: 0, count: part.count)
      do {
        var span = weights.mutableSpan
        try graph.numbers(
          of: plan.weight!, of: .edges(plan.relation.stored), at: edges.span, into: &span)
      }
      for (edge, weight) in zip(edges, weights) {
        try plan.check(weight, of: edge)
        sum += weight
        sums.append(sum)
      }
      first = part.upperBound
    }
    let made = sums
    kept.withLock { kept in
      guard kept.sums[row] == nil, kept.byteCount + 8 * made.count <= Self.byteLimit else { return }
      kept.sums[row] = made
      kept.byteCount += 8 * made.count
    }
    return made
  }
}

extension RelationPlan {
  func check(_ weight: Double, of edge: UInt64) throws {
    guard weight >= 0 && weight.isFinite else {
      throw HedgerowError(
        .badData,
        "edge \(edge) of '\(relation.stored)' has the weight \(weight): weights are finite and not "
          + "negative")
    }
  }
}

/// Draws entries of one long row by weight.
struct HubDraw {
  let sums: [Double]
  let key: UInt64

  /// With replacement, in the order of draws; none where nothing weighs anything.
  func again(_ fanout: Int) -> [Int] {
    guard let total = sums.last, total > 0 else { return [] }
    return (0..<fanout).map { entry(of: $0, total) }
  }

  /// Distinct entries, rising, as if one was drawn after the other from what is left: one that comes
  /// again is drawn once more. `nil` when few entries have nearly all of the weight, or there are too few.
  func distinct(_ fanout: Int) -> [Int]? {
    guard let total = sums.last, total > 0 else { return [] }
    var chosen: Set<Int> = []
    for draw in 0..<8 * fanout + 64 {
      if chosen.count == fanout { return chosen.sorted() }
      chosen.insert(entry(of: draw, total))
    }
    return nil
  }

  /// The first entry whose sum is beyond a number drawn below the total: never one of weight 0.
  private func entry(of draw: Int, _ total: Double) -> Int {
    var stream = RandomStream(key: key)
    stream.counter = UInt64(draw)
    let wanted = stream.nextUnit() * total
    var (low, high) = (0, sums.count - 1)
    while low < high {
      let middle = low + (high - low) / 2
      if sums[middle] > wanted { high = middle } else { low = middle + 1 }
    }
    // Rounding may have led behind the last entry that weighs anything.
    while low > 0 && sums[low] == sums[low - 1] { low -= 1 }
    return low
  }
}
