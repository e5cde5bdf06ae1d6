public import HedgerowCore
import HedgerowMapped

extension GenerationBuilder {
  /// Makes an index of a column's values, which filters then use: of a column that the store has, of
  /// kind bool, integer, timestamp, categorical, string or bytes. An index that is there is replaced.
  ///
  /// It covers the nodes that there are. Nodes that are added later, and values that change, are found
  /// by their values until it is made again, by this or by a compaction.
  /// - Parameters:
  ///   - memory: bytes for sorting values; the largest bitmap comes on top.
  ///   - onBlock: called now and then; may throw to stop.
  /// - Returns: the distinct values.
  /// - Throws: `usage` for a column that is not there or of another kind.
  @discardableResult
  public func buildIndex(
    of column: String, of type: NodeType, memory: Int = 64 << 20,
    onBlock: () throws -> Void = {}
  ) throws -> Int {
    let (node, record) = try storedColumn(column, of: type)
    let stored = try StoredColumn(
      files: store.files, state: writtenState(), part: .nodeColumn, type: node.id, column: record,
      name: "\(type).\(column)")
    guard IndexValue.isIndexable(stored.kind) else {
      throw HedgerowError(
        .usage,
        "column '\(type).\(column)' is \(stored.kind): an index is of bools, integers, timestamps, "
          + "categories, strings or bytes")
    }
    return try withoutActuallyEscaping(onBlock) {
      try writeIndex(of: stored, node.id, record.id, memory: memory, onBlock: $0)
    }
  }

  private func writeIndex(
    of stored: StoredColumn, _ node: UInt16, _ column: UInt16, memory: Int,
    onBlock: @escaping () throws -> Void
  ) throws -> Int {
    let id = SegmentID(part: .nodeIndex, type: node, column: column)
    let segment = try segmentWriter(id, .index)
    let counts = try IndexBuild(
      column: stored, memory: memory, scratch: scratchDirectory, onBlock: onBlock
    ).write(to: segment)
    let byteCount = try segment.finish(attributes: [counts.rows, UInt64(counts.values)])
    add(
      SegmentRecord(
        id: id, generation: generation, rowCount: counts.rows, edgeCount: UInt64(counts.values),
        fileByteCount: byteCount))
    return counts.values
  }

  /// Makes the index of a column anew over the segments that this builder has written.
  func rebuildIndex(
    of column: ColumnRecord, _ node: UInt16, place: String, onBlock: @escaping () throws -> Void
  ) throws {
    let stored = try StoredColumn(
      files: store.files, state: writtenState(), part: .nodeColumn, type: node, column: column,
      name: place)
    _ = try writeIndex(of: stored, node, column.id, memory: 64 << 20, onBlock: onBlock)
  }

  /// The state that the builder would leave now.
  private func writtenState() -> StoreState {
    let (catalog, records, removed) = pending.withLock { ($0.catalog, $0.records, $0.removed) }
    var state = base
    state.catalog = catalog
    state.manifest = base.manifest(without: removed, with: records)
    return state
  }

  /// Removes the index of a column.
  ///
  /// - Throws: `usage` when there is none.
  public func dropIndex(of column: String, of type: NodeType) throws {
    let (node, record) = try storedColumn(column, of: type)
    let indices = base.segments(.nodeIndex, type: node.id, column: record.id)
    guard !indices.isEmpty else {
      throw HedgerowError(.usage, "column '\(type).\(column)' has no index")
    }
    pending.withLock { pending in
      pending.removed += indices
      pending.records.removeAll { record in indices.contains { $0.id == record.id } }
    }
  }

  private func storedColumn(
    _ column: String, of type: NodeType
  ) throws -> (NodeTypeRecord, ColumnRecord) {
    guard let node = base.catalog.node(type) else {
      let known = base.catalog.nodes.map(\.name).joined(separator: ", ")
      throw HedgerowError(.usage, "no node type '\(type)' in \(store.path): there are \(known)")
    }
    guard let record = node.columns.first(where: { $0.name == column }) else {
      let names = node.columns.map(\.name)
      throw HedgerowError(
        .usage,
        "no column '\(column)' of node type '\(type)': "
          + (names.isEmpty ? "it has none" : "there are \(names.joined(separator: ", "))"))
    }
    return (node, record)
  }
}
