import HedgerowCore
import HedgerowGraph
import HedgerowLMDB
import HedgerowMapped

/// Folds what came since into segments, as one snapshot has it.
///
/// Only ranges that changed are written anew; all others keep their files. Rows go from the snapshot
/// through the writers of a bulk build, so memory does not grow with the store. Of a type with columns
/// the whole in index is written, for it says where in the out order edges stand, and that moves.
struct Compaction {
  let builder: GenerationBuilder
  let snapshot: Snapshot
  /// Every column gets a value for every row, and every key a place in a dictionary: what a bulk build
  /// goes on from.
  let isComplete: Bool
  let onBlock: () throws -> Void

  private var state: StoreState { snapshot.state }
  private var rangeBits: Int { builder.rangeBits }

  func run() throws {
    for node in state.catalog.nodes { try fold(node) }
    for edge in state.catalog.edges { try fold(edge) }
  }

  private func ranges(of rows: some Sequence<UInt32>) -> Set<UInt32> {
    var ranges: Set<UInt32> = []
    for row in rows { ranges.insert(row >> UInt32(rangeBits)) }
    return ranges
  }

  private func ranges(_ rows: Range<UInt64>) -> Set<UInt32> {
    rows.isEmpty
      ? []
      : Set(
        UInt32(
          rows.lowerBound >> UInt64(rangeBits))...UInt32(
            (rows.upperBound - 1) >> UInt64(rangeBits)))
  }

  // MARK: Nodes

  private func fold(_ node: NodeTypeRecord) throws {
    let total = state.count(of: node).total
    builder.edit(node.id) { (record: inout NodeTypeRecord) in record.count = total }
    for column in node.columns { try fold(column, of: node, total) }
    let added = snapshot.changes.keys[node.id] ?? []
    // A dictionary is one file: it is written when that pays.
    if !added.isEmpty && (isComplete || UInt64(added.count) * 8 >= node.dictionaryCount) {
      try foldKeys(of: node, added)
    }
  }

  private func fold(_ column: ColumnRecord, of node: NodeTypeRecord, _ total: UInt64) throws {
    let key = ColumnKey(.node, node.id, column.id)
    let stored = try snapshot.column(
      .node, node.id, column, rows: total, place: "\(node.name).\(column.name)")
    let cells = snapshot.changes.cells[key] ?? [:]
    var touched = ranges(of: cells.keys.map { UInt32($0) })
    let rest = stored.base.rowCount..<max(total, stored.base.rowCount)
    // A column that nobody gave a value needs no file: its rows have the default.
    let isVirtual = stored.base.rowCount == 0 && cells.isEmpty && !isComplete
    if !rest.isEmpty && !isVirtual { touched.formUnion(ranges(rest)) }
    try foldCategories(key, .nodeDictionary, stored)
    guard !touched.isEmpty else { return }
    let writer = ColumnWriter(
      builder: builder, type: node.id, column: column.id,
      property: PropertySchema(column.name, stored.kind), edgeRanges: nil)
    for range in touched.sorted() {
      try onBlock()
      let start = UInt64(range) << UInt64(rangeBits)
      try writer.begin(atRow: start)
      try writer.copy(start..<min(total, start + 1 << UInt64(rangeBits)), from: stored)
    }
    try writer.finishRanges()
    // Of nodes that an index does not cover it says nothing wrong.
    let index = state.segments(.nodeIndex, type: node.id, column: column.id).first
    if let index, cells.keys.contains(where: { $0 < index.rowCount }) {
      try builder.rebuildIndex(
        of: column, node.id, place: "\(node.name).\(column.name)", onBlock: onBlock)
    }
  }

  /// Texts behind those of the dictionary; one that is not there yet is made.
  private func foldCategories(
    _ key: ColumnKey, _ part: SegmentID.Part, _ stored: LayeredColumn
  ) throws {
    guard stored.kind == .categorical else { return }
    let id = SegmentID(part: part, type: key.type, column: key.column)
    let isThere = !state.segments(part, type: key.type, column: key.column).isEmpty
    guard !isThere || snapshot.changes.categories[key] != nil else { return }
    try builder.writeDictionary(id, texts: stored.categories)
    builder.fold(key, categoryCount: stored.categories.count)
  }

  private func foldKeys(of node: NodeTypeRecord, _ added: [[UInt8]]) throws {
    let keys = try snapshot.keys(of: NodeType(node.name))
    let base = try snapshot.segments.keys(node)
    var kind = node.keys
    if kind == .identity {
      let isDense = added.enumerated().allSatisfy {
        node.keys.text(of: $1) == String(base.count + $0)
      }
      if !isDense { kind = .int64 }
    }
    builder.remove(state.segments(.keys, type: node.id))
    let writer = try KeyWriter(
      builder: builder, type: node.id, kind: kind, nodeCount: keys.count)
    guard kind != .identity else { return try writer.finish() }
    let block = 1 << 14
    for start in stride(from: 0, to: keys.count, by: block) {
      try onBlock()
      let ids = start..<min(keys.count, start + block)
      switch kind {
      case .identity, .int64: for key in keys.integers(of: ids) { try writer.append(key: key) }
      case .string: for key in try keys.texts(of: ids) { try writer.append(text: key) }
      case .uuid: for key in keys.uuids(of: ids) { try writer.append(uuid: key) }
      }
    }
    // Both sides are in order: merge them.
    let order = added.indices.sorted { added[$0].lexicographicallyPrecedes(added[$1]) }
    var next = 0
    for place in 0..<base.count {
      if place % block == 0 { try onBlock() }
      let id = try base.sortedID(at: place)
      if next < order.count {
        let key = node.keys.bytes(of: try base.key(of: id))!
        while next < order.count, added[order[next]].lexicographicallyPrecedes(key) {
          try writer.appendSorted(id: UInt32(base.count + order[next]))
          next += 1
        }
      }
      try writer.appendSorted(id: id)
    }
    for index in order[next...] { try writer.appendSorted(id: UInt32(base.count + index)) }
    try writer.finish()
  }

  // MARK: Edges

  private func fold(_ edge: EdgeTypeRecord) throws {
    let total = state.count(of: edge).total
    builder.edit(edge.id) { (record: inout EdgeTypeRecord) in record.count = total }
    let source = try state.endNode(edge.type.source, of: edge)
    let target = try state.endNode(edge.type.target, of: edge)
    let counts = (
      source: Int(state.count(of: source).total), target: Int(state.count(of: target).total)
    )
    let overlay = snapshot.changes.edges[edge.id]
    let changedRanges = ranges(of: overlay?.out.changedRows ?? [])
    if let overlay {
      try fold(edge, .out, changedRanges, counts)
      try fold(
        edge, .in,
        edge.columns.isEmpty
          ? ranges(of: overlay.into.changedRows) : ranges(0..<UInt64(counts.target)), counts)
    }
    for column in edge.columns { try fold(column, of: edge, changedRanges, counts.source) }
  }

  private func fold(
    _ edge: EdgeTypeRecord, _ index: AdjacencyIndex, _ ranges: Set<UInt32>,
    _ counts: (source: Int, target: Int)
  ) throws {
    let adjacency = try snapshot.adjacency(edge, index)
    let (rows, neighbors) =
      index == .out ? (counts.source, counts.target) : (counts.target, counts.source)
    let storesPositions = index == .in && !edge.columns.isEmpty
    builder.remove(
      state.segments(index == .out ? .adjacencyOut : .adjacencyIn, type: edge.id)
        .filter { ranges.contains($0.id.range) })
    let writer = AdjacencyWriter(
      builder: builder, type: edge.id, index: index, rowCount: rows, neighborCount: neighbors,
      storesPositions: storesPositions, edgeRanges: nil)
    for range in ranges.sorted() {
      let start = Int(range) << rangeBits
      var cursor = EdgeCursor(adjacency, rows: start..<min(rows, start + 1 << rangeBits))
      while try cursor.advance() {
        try onBlock()
        var positions: [UInt64] = []
        if storesPositions {
          positions = try cursor.addresses.indices.map {
            try adjacency.position(
              at: cursor.addresses[$0], row: cursor.rows[$0], neighbor: cursor.neighbors[$0])
          }
        }
        try cursor.rows.withUnsafeBufferPointer { rows in
          try cursor.neighbors.withUnsafeBufferPointer { neighbors in
            try positions.withUnsafeBufferPointer {
              try writer.append(
                rows: rows, neighbors: neighbors, positions: storesPositions ? $0 : nil)
            }
          }
        }
      }
    }
    try writer.finishRanges()
  }

  private func fold(
    _ column: ColumnRecord, of edge: EdgeTypeRecord, _ changed: Set<UInt32>, _ sourceCount: Int
  ) throws {
    let key = ColumnKey(.edge, edge.id, column.id)
    let total = state.count(of: edge).total
    let stored = try snapshot.column(
      .edge, edge.id, column, rows: total, place: "\(edge.type).\(column.name)")
    let out = try snapshot.adjacency(edge, .out)
    let cells = snapshot.changes.cells[key] ?? [:]
    let added = snapshot.changes.edges[edge.id]?.cells.contains { $0[column.id] != nil } ?? false
    try foldCategories(key, .edgeDictionary, stored)
    var touched = changed
    if stored.base.rowCount < edge.count {
      // Its files begin at the first edge, or nowhere.
      guard isComplete || added || !cells.isEmpty else { return }
      touched = ranges(0..<UInt64(sourceCount))
    } else {
      for position in cells.keys {
        touched.insert(UInt32(out.base.index.range(of: position)))
      }
    }
    guard !touched.isEmpty else { return }
    builder.remove(
      state.segments(.edgeColumn, type: edge.id, column: column.id)
        .filter { touched.contains($0.id.range) })
    // Rows of these ranges only, one after the other.
    let (ends, parts) = out.edgeRanges(touched.sorted(), rangeBits: rangeBits, of: sourceCount)
    let writer = ColumnWriter(
      builder: builder, type: edge.id, column: column.id,
      property: PropertySchema(column.name, stored.kind), edgeRanges: ends)
    for part in parts {
      try onBlock()
      try writer.copy(part, from: stored)
    }
    try writer.finishRanges()
  }
}

extension SnapshotAdjacency {
  /// Where edges of ranges of sources lie in the out order, and where each range ends when these edges
  /// are written one after the other.
  func edgeRanges(
    _ ranges: [UInt32], rangeBits: Int, of sourceCount: Int
  ) -> (ends: EdgeRanges, parts: [Range<UInt64>]) {
    let ends = EdgeRanges()
    var parts: [Range<UInt64>] = []
    var written: UInt64 = 0
    for range in ranges {
      let start = position(ofRow: Int(range) << rangeBits)
      let end = position(ofRow: min(sourceCount, (Int(range) + 1) << rangeBits))
      guard end > start else { continue }
      written += end - start
      ends.leave(range, end: written)
      parts.append(start..<end)
    }
    return (ends, parts)
  }
}

extension Snapshot {
  /// The ranges of all edges of a type.
  func edgeRanges(of type: EdgeType) throws -> EdgeRanges {
    let (sourceCount, bits) = (count(of: type.source), state.record.rangeBits)
    let ranges = (0..<UInt32((sourceCount + (1 << bits) - 1) >> bits)).map { $0 }
    return try adjacency(state.catalog.edge(type)!, .out)
      .edgeRanges(ranges, rangeBits: bits, of: sourceCount).ends
  }
}
