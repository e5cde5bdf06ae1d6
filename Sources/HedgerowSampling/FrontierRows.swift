import CHedgerowKernels
import HedgerowCore
import HedgerowGraph

/// The rows of one relation that choose at a hop, and what each may see.
struct FrontierRows {
  /// Node ids.
  let ids: UnsafeBufferPointer<UInt32>
  /// The tree of each, where trees are disjoint.
  let trees: UnsafePointer<UInt32>?
  /// The times that each sees, where there is a constraint.
  var firsts: UnsafePointer<Int64>?
  var lasts: UnsafePointer<Int64>?
  /// For rows whose entries are excluded, by ``key(_:)``: the neighbors.
  let excluded: [UInt64: [UInt32]]

  var count: Int { ids.count }

  /// The row, and its tree in the upper half.
  func key(_ row: Int) -> UInt64 { UInt64(trees?[row] ?? 0) << 32 | UInt64(ids[row]) }

  func excludes(_ neighbor: UInt32, from row: Int) -> Bool {
    excluded[key(row)]?.contains(neighbor) ?? false
  }
}

/// Cuts rows that are sorted by time to what each may see, by binary search over all rows at once.
struct TimeCut<Graph: Topology> {
  let graph: Graph
  let plan: RelationPlan

  /// Time O(log degree) reads a row, all rows' side by side.
  func cut(
    _ rows: FrontierRows, _ extents: UnsafeMutablePointer<Extent>, _ buffers: EntryScan.Buffers
  ) throws {
    guard let firsts = rows.firsts, let lasts = rows.lasts else { return }
    let ends = buffers.ends.reserve(rows.count)
    try search(rows, extents, beyond: lasts, isUpper: true, into: ends, buffers)
    for row in 0..<rows.count { extents[row].count = ends[row] }
    guard (0..<rows.count).contains(where: { firsts[$0] > .min }) else { return }
    try search(rows, extents, beyond: firsts, isUpper: false, into: ends, buffers)
    for row in 0..<rows.count {
      extents[row].start += UInt64(ends[row])
      extents[row].count -= ends[row]
    }
  }

  /// For each row how many entries have times up to a bound, or, unless `isUpper`, below it.
  private func search(
    _ rows: FrontierRows, _ extents: UnsafeMutablePointer<Extent>,
    beyond bounds: UnsafePointer<Int64>, isUpper: Bool, into ends: UnsafeMutablePointer<UInt32>,
    _ buffers: EntryScan.Buffers
  ) throws {
    let highs = buffers.highs.reserve(rows.count)
    for row in 0..<rows.count {
      ends[row] = 0
      highs[row] = extents[row].count
    }
    let active = buffers.rows.reserve(rows.count)
    let ids = buffers.rowIDs.reserve(rows.count)
    let addresses = buffers.addresses.reserve(rows.count)
    let edges = buffers.edges.reserve(rows.count)
    let times = buffers.times.reserve(rows.count)
    var count = rows.count
    for row in 0..<rows.count { active[row] = UInt32(row) }
    while true {
      var asked = 0
      for place in 0..<count {
        let row = Int(active[place])
        guard ends[row] < highs[row] else { continue }
        active[asked] = UInt32(row)
        ids[asked] = rows.ids[row]
        addresses[asked] =
          extents[row].start + UInt64(ends[row] + (highs[row] - ends[row]) / 2)
        asked += 1
      }
      count = asked
      if count == 0 { return }
      var edgeSpan = UnsafeMutableBufferPointer(start: edges, count: count).mutableSpan
      try graph.edges(
        at: UnsafeBufferPointer(start: addresses, count: count).span,
        in: UnsafeBufferPointer(start: ids, count: count).span, along: plan.relation,
        into: &edgeSpan)
      var timeSpan = UnsafeMutableBufferPointer(start: times, count: count).mutableSpan
      try graph.integers(
        of: plan.edgeTime!, of: .edges(plan.relation.stored),
        at: UnsafeBufferPointer(start: edges, count: count).span, null: .max, into: &timeSpan)
      for place in 0..<count {
        let row = Int(active[place])
        let middle = ends[row] + (highs[row] - ends[row]) / 2
        let isIn = isUpper ? times[place] <= bounds[row] : times[place] < bounds[row]
        if isIn { ends[row] = middle + 1 } else { highs[row] = middle }
      }
    }
  }
}
