import CHedgerowKernels
import Glibc
import HedgerowCore

/// The second pass over an edge type's files: lines become records, which go to the sorters in the
/// order of the lines.
final class EdgeReader {
  private let runner: PassRunner
  private let faults: Faults
  private let table: InputTable
  private let layout: EdgeLayout
  private let ends: [NodeKeys]
  private let missing: IngestOptions.MissingNodes
  private let areMemberships: Bool
  /// Edges forward, and backward when they are undirected or have no columns.
  private let forward: ExternalSorter
  private let backward: ExternalSorter?
  private let heap: TextHeap?
  private let journal: IngestJournal
  private let type: EdgeType

  // Ends whose dictionary is on disk: edges wait here until their keys are looked up together.
  private var queries: [KeyQueries?] = [nil, nil]
  private var waiting: [UInt8] = []
  // And where they come from: the file's number above 40 bits of the line.
  private var waitingLines: [UInt64] = []
  private let waitingLimit: Int

  /// - Parameter lookupMemory: for edges that wait for their keys; only taken when they must.
  init(
    _ table: InputTable, layout: EdgeLayout, source: NodeKeys, target: NodeKeys,
    missing: IngestOptions.MissingNodes, areMemberships: Bool, forward: ExternalSorter,
    backward: ExternalSorter?,
    heap: TextHeap?, lookupMemory: Int, runner: PassRunner, faults: Faults,
    journal: IngestJournal, type: EdgeType
  ) {
    self.table = table
    self.layout = layout
    self.missing = missing
    self.areMemberships = areMemberships
    self.forward = forward
    self.backward = backward
    self.heap = heap
    self.runner = runner
    self.faults = faults
    self.journal = journal
    self.type = type
    ends = [source, target]
    waitingLimit = lookupMemory / 3
    if !source.isResident { queries[0] = KeyQueries(source, memory: lookupMemory / 3) }
    if !target.isResident {
      queries[1] =
        source === target ? queries[0] : KeyQueries(target, memory: lookupMemory / 3)
    }
  }

  /// Bytes that look-ups on disk take; none when all dictionaries are in memory.
  static func needsLookupMemory(_ source: NodeKeys, _ target: NodeKeys) -> Bool {
    !source.isResident || !target.isResident
  }

  /// What one chunk says.
  private struct Part {
    /// Both ends' ids, as far as they are found at once.
    var ids: [[UInt32]]
    var records: UnsafeMutableRawBufferPointer
    var backward: UnsafeMutableRawBufferPointer?
  }

  /// - Parameter start: what an earlier run has read, and the sorters have.
  func run(from start: EdgeReading?) throws {
    for file in (start?.file ?? 0)..<table.files.count {
      var place = start.map { $0.file == file ? $0.part : 0 } ?? 0
      try runner.run(table.files[file], .read, skipping: place) { chunk in
        part(chunk, file: file)
      } consume: { chunk, part in
        defer {
          part.records.deallocate()
          part.backward?.deallocate()
          place += 1
        }
        if !forward.fits(chunk.rowCount + waitingLines.count), journal.isDue {
          try keep(file: file, part: place)
        }
        // Lines that were bad in the first pass have been counted.
        var lines = LineCounter(chunk)
        for fault in chunk.faults where fault.cause == .missingNode {
          try addMissing(chunk.message(of: fault), in: file, line: lines.line(of: fault))
        }
        try putTextsAside(chunk, file: file, into: part.records)
        if queries[0] == nil && queries[1] == nil {
          try append(UnsafeRawBufferPointer(part.records), part.backward.map { .init($0) })
        } else {
          try wait(chunk, part, file: file)
        }
      }
    }
    try keep(file: table.files.count, part: 0)
  }

  /// Puts all edges so far into sorted runs, where there are any, and says so.
  private func keep(file: Int, part: Int) throws {
    try answer()
    guard forward.hasRuns else { return }
    try spill()
    try heap?.flush()
    guard let forward = try forward.checkpoint() else { return }
    try journal.keep(
      EdgeReading(
        type: "\(type)", file: file, part: part, forward: forward,
        backward: try backward?.checkpoint(), heap: heap?.name,
        heapByteCount: heap?.byteCount ?? 0))
  }

  // MARK: Chunks

  private func part(_ chunk: TextChunk, file: Int) -> Part {
    Scan.prepare(chunk, table, file: file)
    let columns = table.files[file].layout.keyColumns
    var ids = (0..<2).map { self.ids(chunk, column: columns[$0], end: $0) }
    dropMissing(chunk, columns, &ids)
    let count = chunk.rowCount
    let records = UnsafeMutableRawBufferPointer.allocate(
      byteCount: count * layout.recordByteCount, alignment: 16)
    guard count > 0 else { return Part(ids: ids, records: records) }
    if layout.isPlain {
      join(ids[0], ids[1], into: records)
      var backward: UnsafeMutableRawBufferPointer?
      if self.backward != nil && queries[0] == nil && queries[1] == nil {
        backward = .allocate(byteCount: count * 8, alignment: 16)
        join(ids[1], ids[0], into: backward!)
      }
      return Part(ids: ids, records: records, backward: backward)
    }
    records.initializeMemory(as: UInt8.self, repeating: 0)
    let values = table.encode(chunk, file: file)
    let start = records.baseAddress!
    for row in 0..<count {
      EdgeLayout.setEnds(start + row * layout.width, ids[0][row], ids[1][row])
    }
    layout.fill(start, from: values)
    return Part(ids: ids, records: records)
  }

  private func join(_ hi: [UInt32], _ lo: [UInt32], into words: UnsafeMutableRawBufferPointer) {
    hr_zip_u64(hi, lo, hi.count, words.baseAddress!.assumingMemoryBound(to: UInt64.self))
  }

  /// The ids of one end; zeros where they are found later.
  private func ids(_ chunk: TextChunk, column: Int, end: Int) -> [UInt32] {
    let keys = ends[end]
    let count = chunk.rowCount
    return [UInt32](unsafeUninitializedCapacity: count) { ids, filled in
      filled = count
      guard count > 0 else { return }
      let start = ids.baseAddress!
      guard keys.isResident else {
        start.initialize(repeating: 0, count: count)
        return
      }
      switch keys.form {
      case .texts: keys.ids(texts: (0..<count).map { chunk.key($0, column) }, into: start)
      case .uuids:
        let uuids = (0..<count).map { UUIDKey(chunk.key($0, column)) }
        // A key that is none is in no dictionary of them.
        NodeKeys.withEncoded(uuids.map { $0 ?? UUIDKey(0, 0) }) { keys.ids(texts: $0, into: start) }
        for row in 0..<count where uuids[row] == nil { start[row] = .max }
      case .integers:
        var row = 0
        while row < count {
          // A key that is no integer is in no dictionary of integers.
          var integers = [Int64](repeating: 0, count: count - row)
          let parsed = hr_parse_keys(
            chunk.bytes, chunk.fields + row * chunk.columnCount + column, chunk.columnCount,
            count - row, &integers)
          integers.withUnsafeBufferPointer {
            keys.ids(
              integers: UnsafeBufferPointer(rebasing: $0[..<parsed]), into: start + row)
          }
          row += parsed
          if row < count {
            start[row] = .max
            row += 1
          }
        }
      }
    }
  }

  /// Drops edges to nodes that are not there.
  private func dropMissing(_ chunk: TextChunk, _ columns: [Int], _ ids: inout [[UInt32]]) {
    var kept = 0
    let count = chunk.rowCount
    for row in 0..<count {
      let end = ids[0][row] == .max ? 0 : ids[1][row] == .max ? 1 : -1
      if end >= 0 {
        chunk.mark(
          row, as: isForgiven(end) ? .unwanted : .missingNode,
          """
          names node \(field: columns[end]), which is not among the nodes of type \
          '\(ends[end].type)'
          """)
      } else {
        ids[0][kept] = ids[0][row]
        ids[1][kept] = ids[1][row]
        kept += 1
      }
    }
    if kept == count { return }
    ids[0].removeLast(count - kept)
    ids[1].removeLast(count - kept)
    chunk.dropMarked()
  }

  private func addMissing(
    _ message: @autoclosure () throws -> String, in file: Int, line: @autoclosure () throws -> Int
  ) throws {
    let file = table.files[file]
    switch missing {
    case .create: throw changedFile(file)
    case .skip: try faults.skip(message(), in: file.name, line: file.line(of: line()))
    case .fail: try faults.add(message(), in: file.name, line: file.line(of: line()))
    }
  }

  /// A row of memberships whose node is not there was left out as a node already.
  private func isForgiven(_ end: Int) -> Bool { areMemberships && end == 0 }

  /// For a key that was looked up on disk.
  private func missingMessage(_ key: String, _ end: Int) -> String {
    let key = key.utf8.withContiguousStorageIfAvailable { Reason.quote($0) } ?? "'\(key)'"
    return "names node \(key), which is not among the nodes of type '\(ends[end].type)'"
  }

  private func putTextsAside(
    _ chunk: TextChunk, file: Int, into records: UnsafeMutableRawBufferPointer
  ) throws {
    guard let heap else { return }
    for (index, codec) in layout.codecs.enumerated() where codec.kind.hasVariableLength {
      guard let field = table.fields[file][index] else { continue }
      for row in 0..<chunk.rowCount {
        let record = records.baseAddress! + row * layout.width
        guard layout.isValid(record, index) else { continue }
        let place = try codec.withStored(chunk.field(row, field)) { try heap.append($0) }
        (record + layout.offsets[index]).copyMemory(from: [place], byteCount: 8)
      }
    }
  }

  // MARK: To the sorters

  private func spill() throws {
    guard let backward else { return try forward.spill() }
    // Both are full at the same time: sort them side by side.
    try inParallel(runner.pool, { try self.forward.spill() }, { try backward.spill() })
  }

  private func append(
    _ records: UnsafeRawBufferPointer, _ turned: UnsafeRawBufferPointer?
  ) throws {
    let count = records.count / layout.recordByteCount
    if !forward.fits(count) { try spill() }
    try forward.append(records)
    guard let backward else { return }
    if let turned { return try backward.append(turned) }
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: records.count, alignment: 16)
    defer { copy.deallocate() }
    copy.copyMemory(from: records)
    for place in stride(from: 0, to: copy.count, by: layout.recordByteCount) {
      let record = copy.baseAddress! + place
      // Either byte order turns around by exchanging the halves.
      let ends = record.loadUnaligned(as: UInt64.self)
      record.storeBytes(of: ends << 32 | ends >> 32, as: UInt64.self)
    }
    try backward.append(UnsafeRawBufferPointer(copy))
  }

  // MARK: Look-ups on disk

  private func wait(_ chunk: TextChunk, _ part: Part, file: Int) throws {
    let columns = table.files[file].layout.keyColumns
    var lines = LineCounter(chunk)
    rows: for row in 0..<chunk.rowCount {
      let line = lines.line(of: row)
      let keys = columns.map { chunk.key(row, $0) }
      let length = keys[0].count + keys[1].count + 16
      let isFull =
        waiting.count + layout.recordByteCount + 8 * (waitingLines.count + 1) > waitingLimit
        || queries.contains { $0.map { !$0.fits(count: 2, byteCount: length) } ?? false }
      if isFull { try answer() }
      var found = [part.ids[0][row], part.ids[1][row]]
      for end in 0..<2 {
        guard let queries = queries[end] else { continue }
        guard let place = place(of: keys[end], end, in: queries) else {
          if !isForgiven(end) {
            try addMissing(missingMessage(String(keys[end]), end), in: file, line: line)
          }
          continue rows
        }
        found[end] = place
      }
      let record = part.records.baseAddress! + row * layout.recordByteCount
      setEnds(record, found[0], found[1])
      waiting.append(
        contentsOf: UnsafeRawBufferPointer(start: record, count: layout.recordByteCount))
      waitingLines.append(UInt64(file) << 40 | UInt64(line))
    }
  }

  private func setEnds(_ record: UnsafeMutableRawPointer, _ source: UInt32, _ target: UInt32) {
    if layout.isPlain {
      record.storeBytes(of: UInt64(source) << 32 | UInt64(target), as: UInt64.self)
    } else {
      EdgeLayout.setEnds(record, source, target)
    }
  }

  /// Nil for a key that is none of the dictionary's form.
  private func place(
    of key: UnsafeBufferPointer<UInt8>, _ end: Int, in queries: KeyQueries
  ) -> UInt32? {
    ends[end].withEncoded(field: key) { $0.map { queries.add($0) } }
  }

  /// Looks up the keys of the edges that wait and hands the edges on.
  private func answer() throws {
    defer { for queries in queries { queries?.removeAll() } }
    guard !waiting.isEmpty else { return }
    let sources = try queries[0]?.answer()
    let targets = ends[0] === ends[1] ? sources : try queries[1]?.answer()
    var records = waiting
    let lines = waitingLines
    waiting.removeAll(keepingCapacity: true)
    waitingLines.removeAll(keepingCapacity: true)
    let width = layout.recordByteCount
    var kept = 0
    try records.withUnsafeMutableBytes { records in
      for place in stride(from: 0, to: records.count, by: width) {
        let record = records.baseAddress! + place
        let ends = layout.isPlain ? record.load(as: UInt64.self) : EdgeLayout.ends(record)
        let source = sources.map { $0[Int(ends >> 32)] } ?? UInt32(ends >> 32)
        let target =
          targets.map { $0[Int(ends & 0xFFFF_FFFF)] } ?? UInt32(truncatingIfNeeded: ends)
        if source == .max || target == .max {
          let end = source == .max ? 0 : 1
          let key = Int(end == 0 ? ends >> 32 : ends & 0xFFFF_FFFF)
          let line = lines[place / width]
          if !isForgiven(end) {
            try addMissing(
              missingMessage(queries[end]!.name(at: key), end), in: Int(line >> 40),
              line: Int(line & (1 << 40 - 1)))
          }
          continue
        }
        setEnds(record, source, target)
        if kept != place {
          (records.baseAddress! + kept).copyMemory(from: record, byteCount: width)
        }
        kept += width
      }
      try append(UnsafeRawBufferPointer(rebasing: records[..<kept]), nil)
    }
  }
}

/// Runs two jobs side by side; the first one's error goes first.
func inParallel(
  _ pool: ThreadPool, _ first: () throws -> Void, _ second: () throws -> Void
) throws {
  var failures: [(any Error)?] = [nil, nil]
  failures.withUnsafeMutableBufferPointer { failures in
    // Each part writes its own place.
    nonisolated(unsafe) let failures = failures
    pool.run(parts: 2) { part in
      do {
        try part == 0 ? first() : second()
      } catch {
        failures[part] = error
      }
    }
  }
  for failure in failures { if let failure { throw failure } }
}
