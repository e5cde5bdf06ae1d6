public import HedgerowCore
import HedgerowMapped

extension GenerationBuilder {
  /// Makes an index of a column's values, which filters then use: of a column that the store has, of
  /// kind bool, integer, timestamp, categorical, string or bytes. An index that is there is replaced.
  ///
  /// It covers the nodes that there are. Nodes that are added later are found by their values, until
  /// it is made again.
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
      store: store, state: base, part: .nodeColumn, type: node.id, column: record,
      name: "\(type).\(column)")
    guard IndexValue.isIndexable(stored.kind) else {
      throw HedgerowError(
        .usage,
        "column '\(type).\(column)' is \(stored.kind): an index is of bools, integers, timestamps, "
          + "categories, strings or bytes")
    }
    let id = SegmentID(part: .nodeIndex, type: node.id, column: record.id)
    let segment = try segmentWriter(id, .index)
    let counts = try withoutActuallyEscaping(onBlock) {
      try IndexBuild(column: stored, memory: memory, scratch: scratchDirectory, onBlock: $0)
        .write(to: segment)
    }
    let byteCount = try segment.finish(attributes: [counts.rows, UInt64(counts.values)])
    add(
      SegmentRecord(
        id: id, generation: generation, rowCount: counts.rows, edgeCount: UInt64(counts.values),
        fileByteCount: byteCount))
    return counts.values
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
    pending.withLock { $0.removed += indices }
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
