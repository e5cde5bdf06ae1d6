import CHedgerowKernels
import Glibc
import HedgerowCore
import HedgerowMapped
import HedgerowStore

/// Sorts an edge type's edges both ways and writes its indices and columns.
///
/// Without columns both orders are sorted from the same pass and written side by side. With columns
/// the out order comes first, with the values in it; the in order is then sorted with each edge's
/// place in the out order. The in side of undirected edges without columns is the out side again.
struct EdgeBuild {
  let runner: PassRunner
  let builder: GenerationBuilder
  let faults: Faults
  let type: EdgeType
  let table: InputTable
  let source: NodeKeys
  let target: NodeKeys
  let missing: IngestOptions.MissingNodes
  let isUndirected: Bool
  /// For sorting and look-ups.
  let memory: Int

  /// Returns the number of edges that are stored.
  func run() throws -> Int {
    let layout = EdgeLayout(table.codecs)
    let scratch = builder.scratchDirectory
    let memory = max(self.memory / 4, self.memory - writerByteCount(layout))
    let lookupMemory =
      EdgeReader.needsLookupMemory(source, target) ? memory / 3 : 0
    // Undirected edges with columns are in three sorters, others in two.
    let share = (memory - lookupMemory) / (isUndirected && !layout.isPlain ? 3 : 2)
    let hasText = layout.codecs.contains { $0.kind == .string }
    let heap = hasText ? try TextHeap(scratch: scratch) : nil
    func makeSorter() -> ExternalSorter {
      ExternalSorter(layout.shape, memory: share, scratch: scratch, expected: table.rowCount)
    }
    let forward = makeSorter()
    let backward = layout.isPlain || isUndirected ? makeSorter() : nil
    try EdgeReader(
      table, layout: layout, source: source, target: target, missing: missing, forward: forward,
      backward: backward, heap: heap, lookupMemory: lookupMemory, runner: runner, faults: faults
    ).run()
    try heap?.flush()
    try builder.declare(
      EdgeSchema(
        type, properties: table.properties, isUndirected: isUndirected,
        timeColumn: table.codecs.first { $0.requirement == .time }?.name,
        weightColumn: table.codecs.first { $0.requirement == .weight }?.name))
    if layout.isPlain { return try writePlain(forward, backward!) }

    var sortedBackward: SortedRecords?
    let sortedForward = try forward.finish()
    if let backward { sortedBackward = try backward.finish() }
    let arcs: any EdgeStream =
      if let sortedBackward {
        try UndirectedArcs(
          forward: sortedForward, backward: sortedBackward, isPlain: false, width: layout.width)
      } else {
        sortedForward
      }
    return try writeWithColumns(arcs, layout, heap, inMemory: share, total: sortedForward.count)
  }

  /// What column writers hold: codes, text offsets and validity of one range of 2^18 sources, which
  /// grow by doubling. A range of hubs has twice the mean number of edges.
  private func writerByteCount(_ layout: EdgeLayout) -> Int {
    let edgeCount = table.rowCount * (isUndirected ? 2 : 1)
    let mean = Double(edgeCount) / Double(max(1, source.count)) * Double(1 << 18)
    let rangeEdgeCount = min(edgeCount, Int(2 * mean))
    let rowByteCount = layout.codecs.reduce(0) { sum, codec in
      switch codec.kind {
      case .categorical: sum + 8
      case .string: sum + 16
      default: sum + 1
      }
    }
    return rangeEdgeCount * rowByteCount
  }

  // MARK: Without columns

  private func writePlain(_ forward: ExternalSorter, _ backward: ExternalSorter) throws -> Int {
    let out = try builder.adjacencyWriter(of: type, .out)
    let `in` = try builder.adjacencyWriter(of: type, .in)
    var sorted: [SortedRecords?] = [nil, nil]
    try sorted.withUnsafeMutableBufferPointer { sorted in
      // Each job writes its own place.
      nonisolated(unsafe) let sorted = sorted
      try inParallel(
        runner.pool, { sorted[0] = try forward.finish() }, { sorted[1] = try backward.finish() })
    }
    let first = sorted[0]!
    let second = sorted[1]!
    if isUndirected {
      let arcs = try UndirectedArcs(forward: first, backward: second, isPlain: true, width: 8)
      var halves = Halves()
      while let block = try arcs.next() {
        try runner.checkCancelled()
        halves.split(block)
        try inParallel(runner.pool, { try halves.append(to: out) }, { try halves.append(to: `in`) })
        report(Int(out.edgeCount), of: 2 * first.count)
      }
    } else {
      try inParallel(
        runner.pool, { try drain(first, to: out, reports: true) },
        { try drain(second, to: `in`, reports: false) })
    }
    try inParallel(runner.pool, { try out.finish() }, { try `in`.finish() })
    return Int(out.edgeCount)
  }

  private func drain(
    _ sorted: SortedRecords, to writer: AdjacencyWriter, reports: Bool
  ) throws {
    var halves = Halves()
    while let block = try sorted.next() {
      try runner.checkCancelled()
      halves.split(block)
      try halves.append(to: writer)
      if reports { report(Int(writer.edgeCount), of: sorted.count) }
    }
  }

  private func report(_ done: Int, of total: Int) {
    runner.progress(
      IngestProgress(phase: .write, subject: "\(type)", done: done, total: total))
  }

  /// The rows and neighbors of a block of words.
  private struct Halves {
    var rows: [UInt32] = []
    var neighbors: [UInt32] = []

    mutating func split(_ block: UnsafeRawBufferPointer) {
      let words = block.assumingMemoryBound(to: UInt64.self)
      if rows.count != words.count {
        rows = [UInt32](repeating: 0, count: words.count)
        neighbors = rows
      }
      hr_unzip_u64(words.baseAddress!, words.count, &rows, &neighbors)
    }

    func append(to writer: AdjacencyWriter) throws {
      try rows.withUnsafeBufferPointer { rows in
        try neighbors.withUnsafeBufferPointer { try writer.append(rows: rows, neighbors: $0) }
      }
    }
  }

  // MARK: With columns

  private func writeWithColumns(
    _ arcs: any EdgeStream, _ layout: EdgeLayout, _ heap: TextHeap?, inMemory: Int, total: Int
  ) throws -> Int {
    let out = try builder.adjacencyWriter(of: type, .out)
    let columns = try layout.codecs.map { try builder.columnWriter(of: type, $0.name) }
    let time = layout.codecs.firstIndex { $0.requirement == .time }
    let inShape = InRecord(hasTime: time != nil)
    let sorter = ExternalSorter(
      inShape.shape, memory: inMemory, scratch: builder.scratchDirectory,
      expected: isUndirected ? 2 * total : total)
    var block = ColumnBlock(layout)
    while let records = try arcs.next() {
      try runner.checkCancelled()
      let position = out.edgeCount
      block.split(records)
      try block.appendEnds(to: out)
      for (index, column) in columns.enumerated() {
        try block.append(index, of: records, heap, to: column)
      }
      try inShape.append(
        block, records, layout, timeOffset: time.map { layout.offsets[$0] }, from: position,
        to: sorter)
      report(Int(out.edgeCount), of: isUndirected ? 2 * total : total)
    }
    try out.finish()
    for (codec, column) in zip(layout.codecs, columns) {
      try column.finish(categories: codec.categories)
    }
    let `in` = try builder.adjacencyWriter(of: type, .in, storesPositions: true)
    let sorted = try sorter.finish()
    while let records = try sorted.next() {
      try runner.checkCancelled()
      try inShape.write(records, to: `in`)
    }
    try `in`.finish()
    return Int(out.edgeCount)
  }
}

/// One block of records with columns, taken apart.
private struct ColumnBlock {
  let layout: EdgeLayout
  var sources: [UInt32] = []
  var targets: [UInt32] = []
  private var values: [UInt8] = []
  private var isValid: [Bool] = []

  init(_ layout: EdgeLayout) { self.layout = layout }

  mutating func split(_ records: UnsafeRawBufferPointer) {
    let count = records.count / layout.width
    sources.removeAll(keepingCapacity: true)
    targets.removeAll(keepingCapacity: true)
    for row in 0..<count {
      let ends = EdgeLayout.ends(records.baseAddress! + row * layout.width)
      sources.append(UInt32(ends >> 32))
      targets.append(UInt32(truncatingIfNeeded: ends))
    }
  }

  func appendEnds(to writer: AdjacencyWriter) throws {
    try sources.withUnsafeBufferPointer { rows in
      try targets.withUnsafeBufferPointer { try writer.append(rows: rows, neighbors: $0) }
    }
  }

  mutating func append(
    _ column: Int, of records: UnsafeRawBufferPointer, _ heap: TextHeap?, to writer: ColumnWriter
  ) throws {
    let count = sources.count
    let start = records.baseAddress!
    if writer.kind == .string {
      for row in 0..<count {
        let record = start + row * layout.width
        guard layout.isValid(record, column) else {
          try writer.append(text: nil)
          continue
        }
        let place = record.loadUnaligned(
          fromByteOffset: layout.offsets[column], as: UInt64.self)
        try heap!.withText(at: place) { try writer.append(text: $0) }
      }
      return
    }
    let width = writer.kind.byteWidth
    if values.count < count * width { values = [UInt8](repeating: 0, count: count * width) }
    hr_records_to_values(
      (start + layout.offsets[column]).assumingMemoryBound(to: UInt8.self), layout.width, count,
      &values, width)
    isValid.removeAll(keepingCapacity: true)
    for row in 0..<count { isValid.append(layout.isValid(start + row * layout.width, column)) }
    try values.withUnsafeBytes { values in
      try isValid.withUnsafeBufferPointer {
        try writer.append(
          fixed: UnsafeRawBufferPointer(rebasing: values[..<(count * width)]), count: count,
          isValid: $0)
      }
    }
  }
}

/// An edge on its way to the in order: target, time if there is one, source, all big-endian, then
/// its place in the out order.
private struct InRecord {
  let hasTime: Bool
  var keyWidth: Int { hasTime ? 16 : 8 }
  var width: Int { keyWidth + 8 }
  var shape: ExternalSorter.Shape { .records(width: width, keyWidth: keyWidth) }

  func append(
    _ block: ColumnBlock, _ records: UnsafeRawBufferPointer, _ layout: EdgeLayout,
    timeOffset: Int?, from position: UInt64, to sorter: ExternalSorter
  ) throws {
    let count = block.sources.count
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count * width, alignment: 16)
    defer { buffer.deallocate() }
    for row in 0..<count {
      let record = buffer.baseAddress! + row * width
      record.storeBytes(of: block.targets[row].bigEndian, as: UInt32.self)
      if let timeOffset {
        let time = records.loadUnaligned(
          fromByteOffset: row * layout.width + timeOffset, as: Int64.self)
        record.storeBytes(
          of: (UInt64(bitPattern: time) ^ 1 << 63).bigEndian, toByteOffset: 4, as: UInt64.self)
      }
      record.storeBytes(
        of: block.sources[row].bigEndian, toByteOffset: keyWidth - 4, as: UInt32.self)
      record.storeBytes(of: position + UInt64(row), toByteOffset: keyWidth, as: UInt64.self)
    }
    try sorter.append(UnsafeRawBufferPointer(buffer))
  }

  func write(_ records: UnsafeRawBufferPointer, to writer: AdjacencyWriter) throws {
    let count = records.count / width
    var targets = [UInt32](repeating: 0, count: count)
    var sources = targets
    var positions = [UInt64](repeating: 0, count: count)
    for row in 0..<count {
      let start = row * width
      func word(_ offset: Int) -> UInt32 {
        UInt32(bigEndian: records.loadUnaligned(fromByteOffset: start + offset, as: UInt32.self))
      }
      targets[row] = word(0)
      sources[row] = word(keyWidth - 4)
      positions[row] = records.loadUnaligned(fromByteOffset: start + keyWidth, as: UInt64.self)
    }
    try targets.withUnsafeBufferPointer { rows in
      try sources.withUnsafeBufferPointer { neighbors in
        try positions.withUnsafeBufferPointer {
          try writer.append(rows: rows, neighbors: neighbors, positions: $0)
        }
      }
    }
  }
}
