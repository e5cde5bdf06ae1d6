import HedgerowCore
import HedgerowGraph
import HedgerowMapped
import HedgerowRoaring
import Synchronization

/// Writes one index of an edge type from its entries in row order, range by range.
///
/// Memory: 4 bytes a row of one range, and fixed buffers; nothing grows with the number of edges.
public final class AdjacencyWriter {
  private let builder: GenerationBuilder
  private let type: UInt16
  private let index: AdjacencyIndex
  private let rowCount: Int
  private let neighborCount: Int
  private let storesPositions: Bool
  private let edgeRanges: EdgeRanges?
  /// Rows that must stay empty.
  private let deleted: RoaringBitmap?
  private let rangeBits: Int

  private var range: UInt32 = 0
  private var segment: SegmentWriter?
  private let neighborBits: Int
  private var packer: NumberPacker
  private var degrees: [UInt32] = []
  private var positions: Spool?
  private var largestPosition: UInt64 = 0
  private var rangeEdgeCount: UInt64 = 0
  private var lastRow: UInt32 = 0
  /// Entries appended so far.
  public private(set) var edgeCount: UInt64 = 0

  init(
    builder: GenerationBuilder, type: UInt16, index: AdjacencyIndex, rowCount: Int,
    neighborCount: Int, storesPositions: Bool, edgeRanges: EdgeRanges?,
    deleted: RoaringBitmap = RoaringBitmap()
  ) {
    self.deleted = deleted.isEmpty ? nil : deleted
    self.builder = builder
    self.type = type
    self.index = index
    self.rowCount = rowCount
    self.neighborCount = neighborCount
    self.storesPositions = storesPositions
    self.edgeRanges = edgeRanges
    rangeBits = builder.rangeBits
    neighborBits = NumberPacker.bitCount(below: neighborCount)
    packer = NumberPacker(bits: neighborBits)
  }

  /// Appends entries: rows must not fall, from one call to the next either; inside a row, entries
  /// are kept as given. `positions` are the entries' places in the out order, for an in index that
  /// stores them. Traps on rows or neighbors outside their types: callers number them.
  public func append(
    rows: UnsafeBufferPointer<UInt32>, neighbors: UnsafeBufferPointer<UInt32>,
    positions: UnsafeBufferPointer<UInt64>? = nil
  ) throws {
    require(
      rows.count == neighbors.count && (!storesPositions || positions?.count == rows.count),
      "\(rows.count) rows, \(neighbors.count) neighbors, \(positions?.count ?? 0) positions")
    var start = 0
    while start < rows.count {
      let range = rows[start] >> UInt32(rangeBits)
      try enter(range)
      let firstRow = range << UInt32(rangeBits)
      var end = start
      var last = lastRow
      degrees.withUnsafeMutableBufferPointer { degrees in
        while end < rows.count {
          let row = rows[end]
          require(row >= last, "row \(row) comes after row \(last)")
          let local = Int(row &- firstRow)
          if local >= degrees.count { break }
          require(
            Int(neighbors[end]) < neighborCount, "neighbor \(neighbors[end]) of \(neighborCount)")
          degrees[local] &+= 1
          last = row
          end += 1
        }
      }
      require(end > start, "row \(rows[start]) of \(rowCount)")
      if let deleted, let row = rows[start..<end].first(where: deleted.contains) {
        throw HedgerowError(
          .badData,
          "an edge names node \(row) of its type, which was deleted: insert it again first")
      }
      lastRow = last
      let segment = segment!
      let part = UnsafeBufferPointer(rebasing: neighbors[start..<end])
      if isPacked {
        try packer.append(part) { try segment.append($0) }
      } else {
        try segment.append(UnsafeRawBufferPointer(part))
      }
      if storesPositions, let positions {
        let part = UnsafeBufferPointer(rebasing: positions[start..<end])
        for position in part { largestPosition = max(largestPosition, position) }
        try self.positions!.append(UnsafeRawBufferPointer(part))
      }
      rangeEdgeCount += UInt64(end - start)
      edgeCount += UInt64(end - start)
      start = end
    }
  }

  private var isPacked: Bool { neighborBits < 32 }

  private func enter(_ range: UInt32) throws {
    if segment != nil {
      if self.range == range { return }
      try finishRange()
    }
    self.range = range
    let firstRow = Int(range) << rangeBits
    require(firstRow < rowCount, "row \(firstRow) of \(rowCount)")
    let rows = min(1 << rangeBits, rowCount - firstRow)
    degrees = [UInt32](repeating: 0, count: rows)
    let segment = try builder.segmentWriter(.adjacency(type, index, range: range), .adjacency)
    try segment.beginSection(
      StoreLayout.AdjacencySection.neighbors, elementByteCount: isPacked ? 1 : 4)
    self.segment = segment
    if storesPositions && positions == nil { positions = Spool(in: builder.scratchDirectory) }
    largestPosition = 0
    rangeEdgeCount = 0
    edgeRanges?.enter(range)
  }

  private func finishRange() throws {
    guard let segment else { return }
    if isPacked { try packer.finish { try segment.append($0) } }
    try writePositions(to: segment)
    let rowCount = degrees.count
    let listed = degrees.count { $0 > 0 }
    // Knowledge graphs with hundreds of relations: list the rows that have entries.
    let isListed = listed < rowCount / 8
    var rows: [UInt32] = []
    var kept = degrees
    if isListed {
      rows = (0..<UInt32(rowCount)).filter { degrees[Int($0)] > 0 }
      kept = rows.map { degrees[Int($0)] }
    }
    var bases: [UInt64] = []
    var deltas = [UInt32](repeating: 0, count: kept.count + 1)
    var position: UInt64 = 0
    for row in 0...kept.count {
      if row % 64 == 0 { bases.append(position) }
      guard let delta = UInt32(exactly: position - bases[bases.count - 1]) else {
        throw HedgerowError(
          .badData,
          "64 neighbouring rows of one edge type hold 2^32 or more edges; that is the limit"
        )
      }
      deltas[row] = delta
      if row < kept.count { position += UInt64(kept[row]) }
    }
    typealias Section = StoreLayout.AdjacencySection
    try segment.beginSection(Section.bases, elementByteCount: 8)
    try segment.append(bases)
    try segment.beginSection(Section.deltas, elementByteCount: 4)
    try segment.append(deltas)
    if isListed {
      try segment.beginSection(Section.rows, elementByteCount: 4)
      try segment.append(rows)
    }
    let byteCount = try segment.finish(
      attributes: [
        UInt64(rowCount), rangeEdgeCount, UInt64(range), isListed ? 1 : 0,
        isPacked ? UInt64(neighborBits) : 0,
      ], features: isPacked ? .packedNeighbors : [])
    builder.add(
      SegmentRecord(
        id: .adjacency(type, index, range: range), generation: builder.generation,
        rowCount: UInt64(rowCount), edgeCount: rangeEdgeCount, fileByteCount: byteCount))
    edgeRanges?.leave(range, end: edgeCount)
    self.segment = nil
  }

  /// Four bytes each while the edges number at most 2^32, else eight.
  private func writePositions(to segment: SegmentWriter) throws {
    guard storesPositions, let positions else { return }
    let isNarrow = largestPosition <= UInt64(UInt32.max)
    try segment.beginSection(
      StoreLayout.AdjacencySection.positions, elementByteCount: isNarrow ? 4 : 8)
    try positions.drain { bytes in
      if isNarrow {
        try segment.append(
          bytes.assumingMemoryBound(to: UInt64.self).map { UInt32(truncatingIfNeeded: $0) })
      } else {
        try segment.append(bytes)
      }
    }
  }

  /// Ends the index's last range and nothing else: for whoever rewrites some ranges.
  func finishRanges() throws { try finishRange() }

  /// Ends the index. Must be called once, also when there were no entries.
  public func finish() throws {
    try finishRange()
    builder.finishAdjacency(type, index, edgeCount: edgeCount)
  }
}

/// Where the out order passes from one node range to the next, shared between an edge type's out
/// index and its columns, whose files follow the same ranges.
final class EdgeRanges: Sendable {
  private struct State {
    var finished: [(range: UInt32, end: UInt64)] = []
    var current: UInt32 = 0
  }
  private let state = Mutex(State())

  func enter(_ range: UInt32) { state.withLock { $0.current = range } }
  func leave(_ range: UInt32, end: UInt64) { state.withLock { $0.finished.append((range, end)) } }

  /// The range that holds an edge position, and where it ends when that is known.
  func range(of position: UInt64) -> (range: UInt32, end: UInt64?) {
    state.withLock { state in
      var low = 0
      var high = state.finished.count
      while low < high {
        let middle = (low + high) / 2
        if state.finished[middle].end <= position { low = middle + 1 } else { high = middle }
      }
      return low < state.finished.count
        ? (state.finished[low].range, state.finished[low].end) : (state.current, nil)
    }
  }
}
