import CHedgerowKernels
import HedgerowCore
import HedgerowGraph

/// Chooses among the entries of rows by looking at each: at its time, its weight, its source.
///
/// Entries go by in blocks, so memory does not grow with the degree of a hub; what is kept of a row is
/// at most its fanout. A row's entries are cut into chunks at multiples of ``chunkCount``, and a choice
/// depends on the row alone, not on what else is in a block.
enum EntryScan {
  static let chunkCount = 1 << 12
  static let blockCount = 1 << 14

  /// Memory for a block, kept from hop to hop.
  final class Buffers {
    let rows = Buffer<UInt32>()
    let rowIDs = Buffer<UInt32>()
    let addresses = Buffer<UInt64>()
    let neighbors = Buffer<UInt32>()
    let edges = Buffer<UInt64>()
    let times = Buffer<Int64>()
    let nodeTimes = Buffer<Int64>()
    let nodes = Buffer<UInt64>()
    let weights = Buffer<Double>()
    let ranks = Buffer<UInt64>()
    let sums = Buffer<Double>()
    let heap = Buffer<hr_candidate>()
    let drawn = Buffer<UInt64>()
    let keys = Buffer<UInt64>()
    let ends = Buffer<UInt32>()
    let highs = Buffer<UInt32>()
    let firsts = Buffer<Int64>()
    let lasts = Buffer<Int64>()
    let extents = Buffer<Extent>()
  }

  /// How ranks are drawn where rows share the numbers of sources.
  struct SharedNumbers {
    var keys: (UInt64, UInt64)
    var step: UInt64
    var period: UInt64
  }
}

/// One relation's scan at one hop.
struct RelationScan<Graph: Topology> {
  let graph: Graph
  let plan: RelationPlan
  let options: SamplingOptions
  let fanout: Int
  let rows: FrontierRows
  /// What of each row is looked at; sorted rows are cut to the times that they see.
  let extents: UnsafeMutablePointer<Extent>
  let shared: EntryScan.SharedNumbers?
  let key: UInt64
  let buffers: EntryScan.Buffers

  /// Entries of the block at hand.
  private final class State {
    var count = 0
    var row = -1
    var kept = 0
    var total = 0.0
  }

  private var readsNeighbors: Bool {
    plan.nodeTime != nil || plan.members != nil || shared != nil || !rows.excluded.isEmpty
  }
  private var filtersByEdge: Bool { plan.edgeTime != nil && !plan.isSortedByTime }
  private var isWeighted: Bool { plan.weight != nil }
  private var isMostRecent: Bool { options.selection == .mostRecent && plan.hasTime }

  /// Appends the picks of all rows, in order.
  func run(into picks: SamplingWorkspace.Picks) throws {
    let degrees = picks.degrees.reserve(rows.count)
    degrees.update(repeating: 0, count: rows.count)
    picks.count = 0
    let keys = buffers.keys.reserve(rows.count)
    hr_row_keys(key, rows.ids.baseAddress, rows.trees, rows.count, keys)
    let state = State()
    let block = EntryScan.blockCount
    let entryRows = buffers.rows.reserve(block)
    let addresses = buffers.addresses.reserve(block)
    var row = 0
    var done: UInt32 = 0
    while row < rows.count {
      state.count = 0
      while row < rows.count {
        let part = min(extents[row].count - done, UInt32(EntryScan.chunkCount))
        if state.count + Int(part) > block { break }
        for entry in 0..<Int(part) {
          entryRows[state.count + entry] = UInt32(row)
          addresses[state.count + entry] = extents[row].start + UInt64(done) + UInt64(entry)
        }
        state.count += Int(part)
        done += part
        if done == extents[row].count {
          row += 1
          done = 0
        }
      }
      try look(state)
      try choose(state, into: picks)
    }
    flush(state, into: picks)
  }

  // MARK: What is seen

  /// Reads what the choice needs of the block's entries, and drops those that are not seen.
  private func look(_ state: State) throws {
    guard state.count > 0 else { return }
    let block = EntryScan.blockCount
    let entryRows = buffers.rows.reserve(block)
    let addresses = buffers.addresses.reserve(block)
    let neighbors = buffers.neighbors.reserve(block)
    let edges = buffers.edges.reserve(block)
    let times = buffers.times.reserve(block)
    let nodes = buffers.nodes.reserve(block)
    let relation = plan.relation
    func span<T>(_ start: UnsafeMutablePointer<T>) -> UnsafeBufferPointer<T> {
      UnsafeBufferPointer(start: start, count: state.count)
    }
    func mutable<T>(_ start: UnsafeMutablePointer<T>) -> UnsafeMutableBufferPointer<T> {
      UnsafeMutableBufferPointer(start: start, count: state.count)
    }
    if readsNeighbors {
      graph.prefetch(addresses: span(addresses).span, along: relation)
      var found = mutable(neighbors).mutableSpan
      try graph.read(span(addresses).span, along: relation, into: &found)
    }
    if !rows.excluded.isEmpty || plan.members != nil {
      var kept = 0
      for entry in 0..<state.count
      where !rows.excludes(neighbors[entry], from: Int(entryRows[entry]))
        && plan.members?.contains(neighbors[entry]) ?? true
      {
        entryRows[kept] = entryRows[entry]
        addresses[kept] = addresses[entry]
        neighbors[kept] = neighbors[entry]
        kept += 1
      }
      state.count = kept
    }
    if filtersByEdge || isWeighted {
      let ids = buffers.rowIDs.reserve(block)
      for entry in 0..<state.count { ids[entry] = rows.ids[Int(entryRows[entry])] }
      var found = mutable(edges).mutableSpan
      try graph.edges(
        at: span(addresses).span, in: span(ids).span, along: relation, into: &found)
    }
    if filtersByEdge {
      var found = mutable(times).mutableSpan
      try graph.integers(
        of: plan.edgeTime!, of: .edges(relation.stored), at: span(edges).span, null: .max,
        into: &found)
      dropUnseen(state, times)
    }
    if let column = plan.nodeTime {
      for entry in 0..<state.count { nodes[entry] = UInt64(neighbors[entry]) }
      // Where edges have times, it is they that tell what is recent.
      let ofEdges = plan.edgeTime != nil
      let nodeTimes = ofEdges ? buffers.nodeTimes.reserve(block) : times
      var found = mutable(nodeTimes).mutableSpan
      try graph.integers(
        of: column, of: .nodes(relation.source), at: span(nodes).span, null: .max, into: &found)
      dropUnseen(state, nodeTimes)
    }
    if let column = plan.weight {
      let weights = buffers.weights.reserve(block)
      var found = mutable(weights).mutableSpan
      try graph.numbers(
        of: column, of: .edges(relation.stored), at: span(edges).span, into: &found)
      for entry in 0..<state.count { try plan.check(weights[entry], of: edges[entry]) }
    }
  }

  /// Keeps the entries whose times their rows see.
  private func dropUnseen(_ state: State, _ seen: UnsafeMutablePointer<Int64>) {
    let block = EntryScan.blockCount
    let entryRows = buffers.rows.reserve(block)
    let addresses = buffers.addresses.reserve(block)
    let neighbors = buffers.neighbors.reserve(block)
    let edges = buffers.edges.reserve(block)
    let times = buffers.times.reserve(block)
    let (firsts, lasts) = (rows.firsts!, rows.lasts!)
    var kept = 0
    for entry in 0..<state.count {
      let row = Int(entryRows[entry])
      let time = seen[entry]
      guard time >= firsts[row] && time <= lasts[row] else { continue }
      entryRows[kept] = entryRows[entry]
      addresses[kept] = addresses[entry]
      neighbors[kept] = neighbors[entry]
      edges[kept] = edges[entry]
      times[kept] = times[entry]
      kept += 1
    }
    state.count = kept
  }

  // MARK: What is chosen

  /// Goes over the block row by row.
  private func choose(_ state: State, into picks: SamplingWorkspace.Picks) throws {
    let block = EntryScan.blockCount
    let entryRows = buffers.rows.reserve(block)
    let addresses = buffers.addresses.reserve(block)
    let keys = buffers.keys.reserve(rows.count)
    let weights = isWeighted ? buffers.weights.reserve(block) : nil
    let ranks = buffers.ranks.reserve(block)
    if fanout >= 0 && options.replacement == .without { rank(state, ranks) }
    var first = 0
    while first < state.count {
      let row = Int(entryRows[first])
      var end = first + 1
      while end < state.count && Int(entryRows[end]) == row { end += 1 }
      if row != state.row {
        flush(state, into: picks)
        state.row = row
      }
      if fanout < 0 {
        picks.addresses.grow(to: picks.count + end - first, keeping: picks.count)
        let out = picks.addresses.reserve(picks.count + end - first) + picks.count
        // All are taken, but those that weigh nothing.
        for entry in first..<end where weights.map({ $0[entry] > 0 }) ?? true {
          out[state.kept] = addresses[entry]
          state.kept += 1
        }
        picks.degrees.reserve(rows.count)[row] += UInt32(state.kept)
        picks.count += state.kept
        state.kept = 0
      } else if options.replacement == .without {
        state.kept = hr_keep_least(
          buffers.heap.reserve(max(1, fanout)), state.kept, fanout, ranks + first,
          addresses + first, end - first)
      } else {
        // A row's chunks are told apart by the place of their first entry.
        while first < end {
          let chunk = chunk(of: addresses[first], in: row)
          var chunkEnd = first + 1
          while chunkEnd < end && self.chunk(of: addresses[chunkEnd], in: row) == chunk {
            chunkEnd += 1
          }
          hr_draw_again(
            keys[row], chunk, weights.map { UnsafePointer($0) + first }, addresses + first,
            chunkEnd - first, fanout, buffers.sums.reserve(block), &state.total,
            buffers.drawn.reserve(max(1, fanout)))
          first = chunkEnd
        }
      }
      first = end
    }
  }

  private func chunk(of address: UInt64, in row: Int) -> UInt64 {
    (address - extents[row].start) / UInt64(EntryScan.chunkCount)
  }

  private func rank(_ state: State, _ ranks: UnsafeMutablePointer<UInt64>) {
    let entryRows = buffers.rows.reserve(EntryScan.blockCount)
    if isMostRecent {
      if plan.isSortedByTime {
        // Of equal ranks the last addresses stay.
        ranks.update(repeating: 0, count: state.count)
      } else {
        hr_recent_ranks(buffers.times.reserve(EntryScan.blockCount), state.count, ranks)
      }
      return
    }
    if let shared {
      withUnsafePointer(to: shared.keys) { keys in
        keys.withMemoryRebound(to: UInt64.self, capacity: 2) {
          hr_hash_nodes(
            $0, shared.step, shared.period, buffers.neighbors.reserve(EntryScan.blockCount),
            state.count, ranks)
        }
      }
    } else {
      hr_hash_places(
        buffers.keys.reserve(rows.count),
        UnsafeRawPointer(extents).assumingMemoryBound(to: hr_extent.self), entryRows,
        buffers.addresses.reserve(EntryScan.blockCount), state.count, ranks)
    }
    if isWeighted {
      hr_weighted_ranks(
        buffers.weights.reserve(EntryScan.blockCount), state.count, ranks)
    }
  }

  /// Writes what was kept of the row at hand.
  private func flush(_ state: State, into picks: SamplingWorkspace.Picks) {
    guard state.row >= 0, fanout >= 0 else { return }
    let count: Int
    if options.replacement == .without {
      count = state.kept
    } else {
      count = state.total > 0 ? fanout : 0
    }
    picks.addresses.grow(to: picks.count + count, keeping: picks.count)
    let out = picks.addresses.reserve(picks.count + count) + picks.count
    if options.replacement == .without {
      hr_sorted_addresses(buffers.heap.reserve(1), count, out)
    } else if count > 0 {
      out.update(from: buffers.drawn.reserve(1), count: count)
    }
    picks.degrees.reserve(rows.count)[state.row] = UInt32(count)
    picks.count += count
    state.kept = 0
    state.total = 0
  }
}
