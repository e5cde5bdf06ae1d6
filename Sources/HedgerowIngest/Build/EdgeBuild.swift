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
///
/// The edges of a type that the store has are in order already: they are merged with the sorted new
/// ones. Of equal ends they come first; of undirected edges, a pair that is there is not doubled.
struct EdgeBuild {
  let runner: PassRunner
  let builder: GenerationBuilder
  let faults: Faults
  let type: EdgeType
  let table: InputTable
  let source: NodeKeys
  let target: NodeKeys
  let missing: IngestOptions.MissingNodes
  /// Rows are those of nodes: one whose node is not there says nothing.
  let areMemberships: Bool
  let isUndirected: Bool
  let parallel: IngestOptions.ParallelEdges
  /// What becomes of several edges between two nodes, if they become one.
  let combinations: [CombinedEdges.Rule]
  /// The store as it is, when it has the type.
  let present: Snapshot?
  /// For sorting and look-ups.
  let memory: Int
  let journal: IngestJournal
  /// What scratch files of the type begin with.
  let name: String

  struct Counts: Codable {
    /// Edges that are stored.
    var edges: Int
    /// Arcs of undirected edges that were there and came again.
    var presentEdges = 0
    /// Edges that are stored and were not there, also when they are one with others now.
    var added = 0
  }

  func run() throws -> Counts {
    let layout = EdgeLayout(table.codecs)
    let scratch = builder.scratchDirectory
    let memory = max(self.memory / 4, self.memory - writerByteCount(layout))
    let lookupMemory =
      EdgeReader.needsLookupMemory(source, target) ? memory / 3 : 0
    // Undirected edges with columns are in three sorters, others in two.
    let share = (memory - lookupMemory) / (isUndirected && !layout.isPlain ? 3 : 2)
    let hasText = layout.codecs.contains { $0.kind.hasVariableLength }
    let start = journal.reading(of: type)
    let heap =
      hasText
      ? try TextHeap(scratch: scratch, named: "\(name)-texts", resuming: start?.heapByteCount) : nil
    func makeSorter(_ order: String, _ runs: SortedRuns?) throws -> ExternalSorter {
      let sorter = ExternalSorter(
        layout.shape, memory: share, scratch: scratch, named: "\(name)-\(order)",
        expected: table.rowCount)
      if let runs { try sorter.resume(runs) }
      return sorter
    }
    let forward = try makeSorter("forward", start?.forward)
    let backward =
      layout.isPlain || isUndirected ? try makeSorter("backward", start?.backward) : nil
    // The files of their runs stay until the type is done.
    defer { withExtendedLifetime((forward, backward, heap)) {} }
    try EdgeReader(
      table, layout: layout, source: source, target: target, missing: missing,
      areMemberships: areMemberships, forward: forward,
      backward: backward, heap: heap, lookupMemory: lookupMemory, runner: runner, faults: faults,
      journal: journal, type: type
    ).run(from: start)
    try heap?.flush()
    if let present {
      let schema = present.schema.edge(type)
      try builder.extend(
        type, adding: table.properties.filter { schema?.property($0.name) == nil })
    } else {
      try builder.declare(
        EdgeSchema(
          type, properties: table.properties, isUndirected: isUndirected,
          timeColumn: table.codecs.first { $0.requirement == .time }?.name,
          weightColumn: table.codecs.first { $0.requirement == .weight }?.name))
    }
    if layout.isPlain { return try writePlain(forward, backward!, layout) }

    let sortedForward = try forward.finish()
    let listed = distinct(sortedForward, layout, .out)
    let new: any EdgeStream =
      if let backward, !combinations.isEmpty {
        try MergedEdges(sortedForward, backward.finish(), .turned, layout: layout)
      } else if let backward {
        try MergedEdges.bothArcs(
          listed, distinct(backward.finish(), layout, .in), layout: layout)
      } else {
        listed
      }
    var counts = Counts(edges: 0)
    if !combinations.isEmpty {
      let stored =
        (present?.count(of: type) ?? 0) > 0
        ? try StoredEdges(type, in: present!, .out, layout: layout) : nil
      let counted = stored.map { CountedPairs($0, layout: layout) }
      let all = try counted.map { try MergedEdges($0, new, .all, layout: layout) } ?? new
      counts.edges = try writeWithColumns(
        CombinedEdges(all, layout: layout, combinations, of: type), layout,
        Texts(heap: heap, stored: stored), inMemory: share, total: total(sortedForward))
      counts.added = counts.edges - (counted?.count ?? 0)
      return counts
    }
    let (stored, arcs) = try merged(new, .out, layout)
    counts.edges = try writeWithColumns(
      arcs, layout, Texts(heap: heap, stored: stored), inMemory: share,
      total: total(sortedForward))
    counts.added = counts.edges - (present?.count(of: type) ?? 0)
    counts.presentEdges = (arcs as? MergedEdges).map { stored == nil ? 0 : $0.droppedCount } ?? 0
    return counts
  }

  /// What is done with edges that repeat the ends of one before them, in one of the two orders.
  private func distinct(
    _ edges: SortedRecords, _ layout: EdgeLayout, _ order: AdjacencyIndex
  ) -> any EdgeStream {
    if parallel == .keep || !combinations.isEmpty { return edges }
    return DistinctEdges(edges, layout: layout) { first, second in
      guard parallel == .fail else { return }
      let (from, to) = order == .out ? (first, second) : (second, first)
      throw HedgerowError(
        .badData,
        "lists an edge twice: it leads from node \(from + 1) of '\(type.source)' to node \(to + 1) of "
          + "'\(type.target)', as they are listed first",
        at: table.files.first?.name)
    }
  }

  /// New edges together with those that the type has in the store.
  private func merged(
    _ new: any EdgeStream, _ index: AdjacencyIndex, _ layout: EdgeLayout
  ) throws -> (stored: StoredEdges?, all: any EdgeStream) {
    guard let present, present.count(of: type) > 0 else { return (nil, new) }
    let stored = try StoredEdges(type, in: present, index, layout: layout)
    return (
      stored,
      try MergedEdges(
        stored, new, isUndirected ? .surplus : .all, layout: layout)
    )
  }

  /// The most edges that will be stored.
  private func total(_ listed: SortedRecords) -> Int {
    (present?.count(of: type) ?? 0) + listed.count * (isUndirected ? 2 : 1)
  }

  /// What column writers hold: codes, text offsets and validity of one range of 2^18 sources, which
  /// grow by doubling. A range of hubs has twice the mean number of edges.
  private func writerByteCount(_ layout: EdgeLayout) -> Int {
    let edgeCount =
      (present?.count(of: type) ?? 0) + table.rowCount * (isUndirected ? 2 : 1)
    let mean = Double(edgeCount) / Double(max(1, source.count)) * Double(1 << 18)
    let rangeEdgeCount = min(edgeCount, Int(2 * mean))
    let rowByteCount = layout.codecs.reduce(0) { sum, codec in
      switch codec.kind {
      case .categorical: sum + 8
      case .string, .bytes: sum + 16
      default: sum + 1
      }
    }
    return rangeEdgeCount * rowByteCount
  }

  // MARK: Without columns

  private func writePlain(
    _ forward: ExternalSorter, _ backward: ExternalSorter, _ layout: EdgeLayout
  ) throws -> Counts {
    let out = try builder.adjacencyWriter(of: type, .out)
    let `in` = try builder.adjacencyWriter(of: type, .in)
    var sorted: [SortedRecords?] = [nil, nil]
    try sorted.withUnsafeMutableBufferPointer { sorted in
      // Each job writes its own place.
      nonisolated(unsafe) let sorted = sorted
      try inParallel(
        runner.pool, { sorted[0] = try forward.finish() }, { sorted[1] = try backward.finish() })
    }
    let total = total(sorted[0]!)
    let first = distinct(sorted[0]!, layout, .out)
    let second = distinct(sorted[1]!, layout, .in)
    var presentEdges = 0
    if isUndirected {
      let new = try MergedEdges.bothArcs(first, second, layout: layout)
      let (stored, arcs) = try merged(new, .out, layout)
      var halves = Halves()
      while let block = try arcs.next() {
        try runner.checkCancelled()
        halves.split(block)
        try inParallel(runner.pool, { try halves.append(to: out) }, { try halves.append(to: `in`) })
        report(Int(out.edgeCount), of: total)
      }
      if stored != nil, let merged = arcs as? MergedEdges { presentEdges = merged.droppedCount }
    } else {
      let byTarget = try merged(second, .in, layout).all
      let bySource = try merged(first, .out, layout).all
      try inParallel(
        runner.pool, { try drain(bySource, to: out, reporting: total) },
        { try drain(byTarget, to: `in`, reporting: nil) })
    }
    try inParallel(runner.pool, { try out.finish() }, { try `in`.finish() })
    return Counts(
      edges: Int(out.edgeCount), presentEdges: presentEdges,
      added: Int(out.edgeCount) - (present?.count(of: type) ?? 0))
  }

  private func drain(
    _ edges: any EdgeStream, to writer: AdjacencyWriter, reporting total: Int?
  ) throws {
    var halves = Halves()
    while let block = try edges.next() {
      try runner.checkCancelled()
      halves.split(block)
      try halves.append(to: writer)
      if let total { report(Int(writer.edgeCount), of: total) }
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
    _ arcs: any EdgeStream, _ layout: EdgeLayout, _ texts: Texts, inMemory: Int, total: Int
  ) throws -> Int {
    let out = try builder.adjacencyWriter(of: type, .out)
    let columns = try layout.codecs.map { try builder.columnWriter(of: type, $0.name) }
    let time = layout.codecs.firstIndex { $0.requirement == .time }
    let inShape = InRecord(hasTime: time != nil)
    let sorter = ExternalSorter(
      inShape.shape, memory: inMemory, scratch: builder.scratchDirectory,
      expected: total)
    var block = ColumnBlock(layout)
    while let records = try arcs.next() {
      try runner.checkCancelled()
      let position = out.edgeCount
      block.split(records)
      try block.appendEnds(to: out)
      for (index, column) in columns.enumerated() {
        try block.append(index, of: records, texts, to: column)
      }
      try inShape.append(
        block, records, layout, timeOffset: time.map { layout.offsets[$0] }, from: position,
        to: sorter)
      report(Int(out.edgeCount), of: total)
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

/// Where the texts of records are: new ones in the heap, others still in the store.
private struct Texts {
  let heap: TextHeap?
  let stored: StoredEdges?

  func withText(
    _ column: Int, at place: UInt64, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    if StoredEdges.isStored(place) {
      try stored!.withText(column, at: place, body)
    } else {
      try heap!.withText(at: place, body)
    }
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
    _ column: Int, of records: UnsafeRawBufferPointer, _ texts: Texts, to writer: ColumnWriter
  ) throws {
    let count = sources.count
    let start = records.baseAddress!
    if writer.kind.hasVariableLength {
      for row in 0..<count {
        let record = start + row * layout.width
        guard layout.isValid(record, column) else {
          try writer.append(text: nil)
          continue
        }
        let place = record.loadUnaligned(
          fromByteOffset: layout.offsets[column], as: UInt64.self)
        try texts.withText(column, at: place) { try writer.append(text: $0) }
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
