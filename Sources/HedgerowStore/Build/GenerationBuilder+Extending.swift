public import HedgerowCore

extension GenerationBuilder {
  /// Adds nodes and columns to a node type that the store has. Its nodes keep their ids and values.
  ///
  /// When there are more nodes than before, the keys of all are to be written again, and all columns:
  /// those that were there go on behind their rows, of which full ranges stay as they are. New columns
  /// are written from the first row.
  public func extend(
    _ type: NodeType, to count: Int, adding properties: [PropertySchema] = []
  ) throws {
    requireWhole()
    guard count <= 1 << 32 else {
      throw HedgerowError(
        .badData, "node type '\(type)' would have \(count) nodes; a type holds at most 2^32")
    }
    try pending.withLock { pending in
      guard let index = pending.catalog.nodes.firstIndex(where: { $0.name == type.name }),
        let old = base.catalog.node(type)
      else { throw HedgerowError(.usage, "no node type '\(type)' in \(store.path)") }
      require(UInt64(count) >= old.count, "\(count) nodes of type \(type), which has \(old.count)")
      let added = try records(
        properties, of: "\(type)", after: old.columns, from: old.nextColumn)
      pending.catalog.nodes[index].columns += added
      pending.catalog.nodes[index].nextColumn += UInt16(added.count)
      pending.catalog.nodes[index].count = UInt64(count)
      pending.changesData = true
      let isLarger = UInt64(count) > old.count
      for column in isLarger ? old.columns + added : added {
        pending.unfinished.insert("column \(type).\(column.name)")
      }
      guard isLarger else { return }
      pending.unfinished.insert("keys of \(type)")
      pending.removed += base.segments(.keys, type: old.id)
    }
  }

  /// Begins an edge type of the store anew, with the columns that it has and more. Both indices and
  /// all columns are to be written again, with the edges that were there.
  public func extend(_ type: EdgeType, adding properties: [PropertySchema] = []) throws {
    requireWhole()
    try pending.withLock { pending in
      guard let index = pending.catalog.edges.firstIndex(where: { $0.type == type }),
        let old = base.catalog.edge(type)
      else { throw HedgerowError(.usage, "no edge type '\(type)' in \(store.path)") }
      let added = try records(
        properties, of: "\(type)", after: old.columns, from: old.nextColumn)
      pending.catalog.edges[index].columns += added
      pending.catalog.edges[index].nextColumn += UInt16(added.count)
      pending.edgeRanges[old.id] = EdgeRanges()
      pending.changesData = true
      for index in AdjacencyIndex.allCases {
        pending.unfinished.insert("\(index) index of \(type)")
      }
      for column in old.columns + added {
        pending.unfinished.insert("column \(type).\(column.name)")
      }
      let parts: [SegmentID.Part] = [.adjacencyOut, .adjacencyIn, .edgeColumn, .edgeDictionary]
      pending.removed += base.manifest.filter { parts.contains($0.id.part) && $0.id.type == old.id }
    }
  }
}
