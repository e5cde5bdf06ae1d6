public import HedgerowCore

extension GraphStore {
  /// Divides the nodes of a type into named sets, by one commit. Time O(nodes); memory: the sets, and
  /// for a stratified split those of the classes.
  ///
  /// - Parameters:
  ///   - replaces: replaces sets of the parts' names.
  ///   - seconds: how long to wait for another writer.
  /// - Throws: `usage` for a split that does not fit the type, and for sets that are there already.
  @discardableResult
  public func split(
    _ type: NodeType, _ split: Split = Split(), replaces: Bool = false,
    waiting seconds: Double = 10
  ) throws -> SplitReport {
    try split.check()
    let build = try beginBuild(waiting: seconds)
    do {
      let graph = try snapshot()
      guard graph.schema.node(type) != nil else {
        throw HedgerowError(.usage, "no node type '\(type)' in \(path)")
      }
      for part in split.parts where !replaces {
        guard try graph.set(named: part.name, of: type) == nil else {
          throw HedgerowError(
            .usage, "node type '\(type)' has a set named '\(part.name)': say that it is replaced")
        }
      }
      let work = NodeSplit(graph, type, split)
      let sets = try work.sets()
      for (part, members) in zip(split.parts, sets) {
        try build.setMembers(part.name, of: type, members)
      }
      let counts = sets.map(\.count)
      return SplitReport(
        version: try build.publish(), counts: counts,
        restCount: work.nodeCount - counts.reduce(0, +))
    } catch {
      build.abandon()
      throw error
    }
  }

  /// Writes into a column of an edge type in which part of a split each edge is, by one commit. Readers
  /// and writers go on meanwhile; edges that are added meanwhile are in no part.
  ///
  /// Time O(edges); memory does not grow with them.
  /// - Parameters:
  ///   - column: a categorical column with the names of the parts.
  ///   - reverseTypes: types that hold the same edges the other way round: each gets such a column, too,
  ///     and an edge and the one back are in the same part.
  ///   - replaces: replaces a column of the name.
  ///   - seconds: how long to wait for a build or a compaction.
  /// - Returns: what became of the type's own edges.
  /// - Throws: `usage` for a split that does not fit the type, and for a column that is there already.
  @discardableResult
  public func split(
    _ type: EdgeType, _ split: Split = Split(), column: String = "split",
    reverseTypes: [EdgeType] = [], replaces: Bool = false, waiting seconds: Double = 10
  ) throws -> SplitReport {
    try split.check()
    let build = try beginAddition(waiting: seconds)
    do {
      let graph = build.pending.withLock { $0.folded! }
      let work = try EdgeSplit(graph, type, split)
      for reverse in reverseTypes { try work.checkReverse(reverse) }
      var counts = [Int](repeating: 0, count: split.parts.count)
      for stored in [type] + reverseTypes {
        try build.declareColumn(
          PropertySchema(column, .categorical), of: stored, replaces: replaces)
        let writer = try build.columnWriter(of: stored, column)
        try work.forEachBlock(of: stored) { parts in
          let codes = parts.map { UInt32($0 ?? 0) }
          let isValid = parts.map { $0 != nil }
          try codes.withUnsafeBytes { codes in
            try isValid.withUnsafeBufferPointer {
              try writer.append(fixed: codes, count: parts.count, isValid: $0)
            }
          }
          if stored == type { for part in parts { if let part { counts[part] += 1 } } }
        }
        try writer.finish(categories: split.parts.map(\.name))
      }
      return SplitReport(
        version: try build.publish(), counts: counts,
        restCount: graph.count(of: type) - counts.reduce(0, +))
    } catch {
      build.abandon()
      throw error
    }
  }
}
