import CHedgerowKernels
import HedgerowCore
import HedgerowGraph

/// Chooses where rows share the numbers of sources and nothing else is looked at: the entries of least
/// numbers, by one pass over the neighbors of each row that has more entries than the fanout.
///
/// Neighbors go by in blocks, of which rows are stretches, so memory does not grow with the degree of
/// a hub.
struct SharedScan<Graph: Topology> {
  let graph: Graph
  let relation: Relation
  let fanout: Int
  let rowCount: Int
  let extents: UnsafeMutablePointer<Extent>
  let numbers: EntryScan.SharedNumbers
  let buffers: EntryScan.Buffers

  /// A block of stretches, and for each where its row's picks go when it is the row's last.
  private struct Block {
    var stretches: [Extent] = []
    var places: [Int?] = []
    var entryCount = 0
    /// Candidates of a row that has begun.
    var kept = 0
  }

  /// Gives the picks of all rows, in order.
  func run(into picks: SamplingWorkspace.Picks) throws {
    let degrees = picks.degrees.reserve(rowCount)
    var total = 0
    for row in 0..<rowCount {
      degrees[row] = min(extents[row].count, UInt32(fanout))
      total += Int(degrees[row])
    }
    picks.count = total
    let out = picks.addresses.reserve(max(1, total))
    var block = Block()
    var place = 0
    for row in 0..<rowCount {
      var rest = extents[row]
      if rest.count == degrees[row] {
        for entry in 0..<UInt64(rest.count) { out[place + Int(entry)] = rest.start + entry }
      } else {
        while rest.count > 0 {
          let part = min(rest.count, UInt32(EntryScan.blockCount - block.entryCount))
          block.stretches.append(Extent(start: rest.start, count: part))
          block.places.append(part == rest.count ? place : nil)
          block.entryCount += Int(part)
          rest.start += UInt64(part)
          rest.count -= part
          if block.entryCount == EntryScan.blockCount { try choose(&block, out) }
        }
      }
      place += Int(degrees[row])
    }
    try choose(&block, out)
  }

  private func choose(_ block: inout Block, _ out: UnsafeMutablePointer<UInt64>) throws {
    guard block.entryCount > 0 else { return }
    let neighbors = buffers.neighbors.reserve(EntryScan.blockCount)
    let heap = buffers.heap.reserve(max(1, fanout))
    do {
      let read = UnsafeMutableBufferPointer(start: neighbors, count: block.entryCount)
      var span = read.mutableSpan
      try graph.read(block.stretches.span, along: relation, into: &span)
    }
    var first = 0
    for (stretch, place) in zip(block.stretches, block.places) {
      block.kept = withUnsafePointer(to: numbers.keys) { keys in
        keys.withMemoryRebound(to: UInt64.self, capacity: 2) {
          hr_keep_least_nodes(
            heap, block.kept, fanout, $0, numbers.step, numbers.period, neighbors + first,
            stretch.start, Int(stretch.count))
        }
      }
      first += Int(stretch.count)
      if let place {
        hr_sorted_addresses(heap, block.kept, out + place)
        block.kept = 0
      }
    }
    block.stretches.removeAll(keepingCapacity: true)
    block.places.removeAll(keepingCapacity: true)
    block.entryCount = 0
  }
}
