import CHedgerowKernels
import HedgerowCore
import HedgerowGraph
import HedgerowStore

/// One edge type of a snapshot on its way to a new store: both indices under new numbers, sorted on
/// disk, and its columns in the new out order.
struct RebuiltEdges {
  let snapshot: Snapshot
  let builder: GenerationBuilder
  let schema: EdgeSchema
  /// The new ids of the sources and of the targets by their old ones.
  let newSources: [UInt32]
  let newTargets: [UInt32]
  /// Bytes for sorting.
  let memory: Int
  let onEdges: (Int) throws -> Void

  private var type: EdgeType { schema.type }

  /// Returns the number of edges.
  func run() throws -> Int {
    try builder.declare(schema)
    return try schema.properties.isEmpty ? writePlain() : writeWithColumns()
  }

  private func unknownNode(_ place: String) -> HedgerowError {
    HedgerowError(.damaged, "an edge of '\(type)' leads to a deleted node", at: place)
  }

  private func renumber(_ ids: [UInt32], by new: [UInt32]) throws -> [UInt32] {
    try ids.map { old in
      let id = new[Int(old)]
      guard id != NodeNumbering.dropped else { throw unknownNode(snapshot.path) }
      return id
    }
  }

  // MARK: Without columns

  private func writePlain() throws -> Int {
    var counts: [Int] = []
    for index in AdjacencyIndex.allCases {
      let (rows, neighbors) =
        index == .out ? (newSources, newTargets) : (newTargets, newSources)
      var cursor = try snapshot.edges(of: type, index)
      let sorter = ExternalSorter(
        .words, memory: memory, scratch: builder.scratchDirectory, expected: cursor.count)
      var words: [UInt64] = []
      while try cursor.advance() {
        let newRows = try renumber(cursor.rows, by: rows)
        let newNeighbors = try renumber(cursor.neighbors, by: neighbors)
        if words.count != newRows.count { words = [UInt64](repeating: 0, count: newRows.count) }
        hr_zip_u64(newRows, newNeighbors, newRows.count, &words)
        try words.withUnsafeBytes { try sorter.append($0) }
        try onEdges(newRows.count)
      }
      let writer = try builder.adjacencyWriter(of: type, index)
      let sorted = try sorter.finish()
      var halves = (rows: [UInt32](), neighbors: [UInt32]())
      while let block = try sorted.next() {
        let words = block.assumingMemoryBound(to: UInt64.self)
        if halves.rows.count != words.count {
          halves.rows = [UInt32](repeating: 0, count: words.count)
          halves.neighbors = halves.rows
        }
        hr_unzip_u64(words.baseAddress!, words.count, &halves.rows, &halves.neighbors)
        try halves.rows.withUnsafeBufferPointer { rows in
          try halves.neighbors.withUnsafeBufferPointer {
            try writer.append(rows: rows, neighbors: $0)
          }
        }
        try onEdges(words.count)
      }
      try writer.finish()
      counts.append(Int(writer.edgeCount))
    }
    guard counts[0] == counts[1] else {
      throw HedgerowError(
        .damaged, "the two indices of '\(type)' hold different edges", at: snapshot.path)
    }
    return counts[0]
  }

  // MARK: With columns

  /// Source and target, big-endian, and where the edge stood in the old out order, by which parallel
  /// edges keep theirs.
  private static let outShape = ExternalSorter.Shape.records(width: 16, keyWidth: 8)

  private func sortedEdges() throws -> SortedRecords {
    var cursor = try snapshot.edges(of: type, .out)
    let sorter = ExternalSorter(
      Self.outShape, memory: memory / 2, scratch: builder.scratchDirectory, expected: cursor.count)
    var position: UInt64 = 0
    var records: [UInt64] = []
    while try cursor.advance() {
      let sources = try renumber(cursor.rows, by: newSources)
      let targets = try renumber(cursor.neighbors, by: newTargets)
      records.removeAll(keepingCapacity: true)
      for (source, target) in zip(sources, targets) {
        records.append((UInt64(source) << 32 | UInt64(target)).bigEndian)
        records.append(position)
        position += 1
      }
      try records.withUnsafeBytes { try sorter.append($0) }
      try onEdges(sources.count)
    }
    return try sorter.finish()
  }

  private func writeWithColumns() throws -> Int {
    let sorted = try sortedEdges()
    let out = try builder.adjacencyWriter(of: type, .out)
    var columns = try schema.properties.map { property in
      (
        column: PermutedColumn(try snapshot.columnReader(of: type, property.name)),
        writer: try builder.columnWriter(of: type, property.name)
      )
    }
    var time = try schema.timeColumn.map {
      PermutedColumn(try snapshot.columnReader(of: type, $0))
    }
    // Target, the time where there is one, source, all big-endian, and the place in the new out order.
    let keyWords = time == nil ? 1 : 2
    let sorter = ExternalSorter(
      .records(width: 8 * (keyWords + 1), keyWidth: 8 * keyWords), memory: memory / 2,
      scratch: builder.scratchDirectory, expected: sorted.count)
    var keys: [UInt64] = []
    while let block = try sorted.next() {
      let words = block.assumingMemoryBound(to: UInt64.self)
      let count = words.count / 2
      let ends = (0..<count).map { UInt64(bigEndian: words[2 * $0]) }
      let positions = (0..<count).map { words[2 * $0 + 1] }
      let sources = ends.map { UInt32($0 >> 32) }
      let targets = ends.map { UInt32(truncatingIfNeeded: $0) }
      let first = out.edgeCount
      try sources.withUnsafeBufferPointer { rows in
        try targets.withUnsafeBufferPointer { try out.append(rows: rows, neighbors: $0) }
      }
      for index in columns.indices {
        try columns[index].column.append(positions[...], to: columns[index].writer)
      }
      let times = try time?.integers(of: positions[...])
      keys.removeAll(keepingCapacity: true)
      for edge in 0..<count {
        let (source, target) = (UInt64(sources[edge]), UInt64(targets[edge]))
        if let times {
          // 32 bits of target, 64 of time, 32 of source.
          let moment = UInt64(bitPattern: times[edge]) ^ 1 << 63
          keys.append((target << 32 | moment >> 32).bigEndian)
          keys.append((moment << 32 | source).bigEndian)
        } else {
          keys.append((target << 32 | source).bigEndian)
        }
        keys.append(first + UInt64(edge))
      }
      try keys.withUnsafeBytes { try sorter.append($0) }
      try onEdges(count)
    }
    try out.finish()
    for (column, writer) in columns { try writer.finish(categories: column.reader.categories) }
    try writeIn(sorter.finish(), wordCount: keyWords + 1)
    return Int(out.edgeCount)
  }

  private func writeIn(_ sorted: SortedRecords, wordCount: Int) throws {
    let into = try builder.adjacencyWriter(of: type, .in, storesPositions: true)
    while let block = try sorted.next() {
      let words = block.assumingMemoryBound(to: UInt64.self)
      let count = words.count / wordCount
      let targets = (0..<count).map { UInt32(UInt64(bigEndian: words[$0 * wordCount]) >> 32) }
      let sources = (0..<count).map {
        UInt32(truncatingIfNeeded: UInt64(bigEndian: words[$0 * wordCount + wordCount - 2]))
      }
      let positions = (0..<count).map { words[$0 * wordCount + wordCount - 1] }
      try targets.withUnsafeBufferPointer { rows in
        try sources.withUnsafeBufferPointer { neighbors in
          try positions.withUnsafeBufferPointer {
            try into.append(rows: rows, neighbors: neighbors, positions: $0)
          }
        }
      }
      try onEdges(count)
    }
    try into.finish()
  }
}
