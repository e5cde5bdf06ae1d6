import CHedgerowKernels
import HedgerowCore
import HedgerowGraph
import HedgerowMapped

/// Makes ranges of one index of an edge type again of the other index.
///
/// An edge whose ranges are damaged on both sides is gone: then a range comes out with fewer edges than
/// the manifest says, and that is an error.
struct AdjacencyRepair {
  let builder: GenerationBuilder
  let state: StoreState
  let edge: EdgeTypeRecord
  /// The index to be made again.
  let index: AdjacencyIndex
  /// All segments that are damaged, of any part.
  let damaged: [SegmentDamage]
  /// Bytes for the edges of some ranges at a time, at least those of one.
  let memory: Int
  let onBlock: () throws -> Void

  private var files: StoreFiles { builder.store.files }
  private var part: SegmentID.Part { index == .out ? .adjacencyOut : .adjacencyIn }
  private var otherPart: SegmentID.Part { index == .out ? .adjacencyIn : .adjacencyOut }
  private var rangeBits: Int { state.record.rangeBits }
  private var time: ColumnRecord? {
    edge.timeColumn.flatMap { name in edge.columns.first { $0.name == name } }
  }
  /// Target or source, time, source or target, and where the edge stands in the out order.
  private var keyByteCount: Int { index == .in && time != nil ? 16 : 8 }
  private var recordByteCount: Int { keyByteCount + 8 }

  /// Returns the number of edges.
  func run() throws -> Int {
    let records = damaged.map(\.record).filter { $0.id.part == part && $0.id.type == edge.id }
      .sorted()
    let source = try state.endNode(edge.type.source, of: edge)
    let target = try state.endNode(edge.type.target, of: edge)
    let counts = (source: Int(source.count), target: Int(target.count))
    let (rows, neighbors) =
      index == .out ? (counts.source, counts.target) : (counts.target, counts.source)
    let writer = AdjacencyWriter(
      builder: builder, type: edge.id, index: index, rowCount: rows, neighborCount: neighbors,
      storesPositions: index == .in && !edge.columns.isEmpty, edgeRanges: nil)
    var start = 0
    while start < records.count {
      var end = start
      var byteCount = 0
      while end < records.count {
        // Sorting takes as much again.
        byteCount += 2 * recordByteCount * Int(records[end].edgeCount)
        if end > start && byteCount > memory { break }
        end += 1
      }
      try write(Array(records[start..<end]), to: writer, counts)
      start = end
    }
    try writer.finishRanges()
    return Int(writer.edgeCount)
  }

  private func write(
    _ records: [SegmentRecord], to writer: AdjacencyWriter, _ counts: (source: Int, target: Int)
  ) throws {
    let total = records.reduce(0) { $0 + Int($1.edgeCount) }
    let width = recordByteCount
    let first = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, total * width))
    let second = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, total * width))
    defer {
      first.deallocate()
      second.deallocate()
    }
    let count = try collect(
      Set(records.map(\.id.range)),
      into: UnsafeMutableRawBufferPointer(start: first, count: total * width),
      counts)
    guard count == total else {
      throw HedgerowError(
        .damaged,
        "\(total - count) edges of '\(edge.type)' are in damaged files of both indices",
        at: records[0].fileName)
    }
    let sorted = UnsafeRawPointer(
      hr_sort_records(first, second, count, width, keyByteCount)!)
    try append(sorted, count: count, to: writer)
    try check(records, writer)
  }

  /// Each range must have got as many edges as it had.
  private func check(_ records: [SegmentRecord], _ writer: AdjacencyWriter) throws {
    let written = builder.pending.withLock { $0.records }
    for record in records.dropLast() {
      guard written.first(where: { $0.id == record.id })?.edgeCount == record.edgeCount else {
        throw HedgerowError(
          .damaged, "the other index has another number of its edges", at: record.fileName)
      }
    }
  }

  /// Gathers the edges whose rows lie in some ranges from the other index; returns how many.
  private func collect(
    _ ranges: Set<UInt32>, into buffer: UnsafeMutableRawBufferPointer,
    _ counts: (source: Int, target: Int)
  ) throws -> Int {
    let whole = state.without(damaged)
    var record = edge
    record.count = whole.segments(otherPart, type: edge.id).reduce(0) { $0 + $1.edgeCount }
    let (rows, neighbors) =
      index == .in ? (counts.source, counts.target) : (counts.target, counts.source)
    let other: AdjacencyIndex = index == .out ? .in : .out
    let base = try StoredAdjacency(
      files: files, state: whole, edge: record, index: other, rowCount: rows,
      neighborCount: neighbors)
    let times = try index == .in ? timeColumn() : nil
    let starts = rangeStarts()
    var cursor = EdgeCursor(
      SnapshotAdjacency(
        base, other, overlay: nil, rowCount: rows, neighborCount: neighbors, out: base),
      rows: 0..<rows)
    let width = recordByteCount
    var count = 0
    while try cursor.advance() {
      try onBlock()
      for place in cursor.rows.indices {
        let (row, neighbor) = (cursor.neighbors[place], cursor.rows[place])
        guard ranges.contains(row >> UInt32(rangeBits)) else { continue }
        guard (count + 1) * width <= buffer.count else {
          throw HedgerowError(
            .damaged, "the other index has more of its edges",
            at: SegmentID.adjacency(edge.id, index, range: row >> UInt32(rangeBits))
              .fileName(generation: state.record.generation))
        }
        var position: UInt64 = 0
        if other == .out {
          let (range, local) = CSRIndex.split(cursor.addresses[place])
          position = starts[range] + local
        }
        let at = count * width
        func store(_ word: UInt64, _ offset: Int) {
          buffer.storeBytes(of: word.bigEndian, toByteOffset: at + offset, as: UInt64.self)
        }
        if let times {
          let moment = UInt64(bitPattern: try Self.integer(times.value(position))) ^ 1 << 63
          store(UInt64(row) << 32 | moment >> 32, 0)
          store(moment << 32 | UInt64(neighbor), 8)
        } else {
          store(UInt64(row) << 32 | UInt64(neighbor), 0)
        }
        store(position, width - 8)
        count += 1
      }
    }
    return count
  }

  private static func integer(_ value: PropertyValue?) -> Int64 {
    if case .int(let number)? = value { number } else { 0 }
  }

  /// How many edges stand before each range in the out order, damaged or not.
  private func rangeStarts() -> [UInt64] {
    var starts: [UInt64] = []
    var total: UInt64 = 0
    for record in state.segments(.adjacencyOut, type: edge.id) {
      while starts.count <= Int(record.id.range) { starts.append(total) }
      total += record.edgeCount
    }
    return starts
  }

  private func timeColumn() throws -> LayeredColumn? {
    guard let time else { return nil }
    if let lost = damaged.first(where: {
      $0.id.part == .edgeColumn && $0.id.type == edge.id && $0.id.column == time.id
    }) {
      throw HedgerowError(
        .damaged, "the order of '\(edge.type)' by time is gone with the times", at: lost.fileName)
    }
    let stored = try StoredColumn(
      files: files, state: state, part: .edgeColumn, type: edge.id, column: time,
      name: "\(edge.type).\(time.name)")
    return LayeredColumn(
      stored, column: time, rowCount: edge.count, cells: [:], added: [], edges: nil)
  }

  private func append(
    _ sorted: UnsafeRawPointer, count: Int, to writer: AdjacencyWriter
  ) throws {
    let width = recordByteCount
    let step = 1 << 14
    for start in stride(from: 0, to: count, by: step) {
      try onBlock()
      let part = start..<min(count, start + step)
      func word(_ place: Int, _ offset: Int) -> UInt64 {
        UInt64(
          bigEndian: sorted.loadUnaligned(fromByteOffset: place * width + offset, as: UInt64.self))
      }
      let rows = part.map { UInt32(word($0, 0) >> 32) }
      let neighbors = part.map { UInt32(truncatingIfNeeded: word($0, width - 16)) }
      let positions = part.map { word($0, width - 8) }
      try rows.withUnsafeBufferPointer { rows in
        try neighbors.withUnsafeBufferPointer { neighbors in
          try positions.withUnsafeBufferPointer {
            try writer.append(rows: rows, neighbors: neighbors, positions: $0)
          }
        }
      }
    }
  }
}
