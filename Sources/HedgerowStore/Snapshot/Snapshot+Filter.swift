public import HedgerowCore
import HedgerowGraph
public import HedgerowRoaring

extension Snapshot {
  /// The nodes that a filter takes, by the values of their columns.
  ///
  /// A condition asks its column's index, where there is one; else it goes once over the column, a
  /// block of rows at a time. Memory grows with the nodes that are found only.
  /// ```swift
  /// let recent = try graph.nodes(of: "paper", where: .column("year") >= 2010)
  /// ```
  /// - Throws: `usage` for a column that is not there or whose kind has no such comparison.
  public func nodes(of type: NodeType, where filter: Filter) throws -> RoaringBitmap {
    try nodes(of: type, where: filter, onBlock: {})
  }

  /// - Parameter onBlock: called now and then; may throw to stop.
  public func nodes(
    of type: NodeType, where filter: Filter, onBlock: () throws -> Void
  ) throws -> RoaringBitmap {
    let count = count(of: type)
    var all = count > 0 ? RoaringBitmap(0...UInt32(count - 1)) : RoaringBitmap()
    all.subtract(deletedNodes(of: type))
    let evaluation = try FilterEvaluation(.nodes(type), in: schema, all: all)
    let found = try evaluation.run(filter) { property, test in
      guard let column = try nodeColumn(property.name, of: type) else {
        throw HedgerowError(.usage, "no column '\(type).\(property.name)' in \(path)")
      }
      return try column.rows(passing: test, onBlock: onBlock)
    }
    return found.intersection(all)
  }

  /// The edges that a filter takes, by their places in out order: one pass over each column that it
  /// names, a block of rows at a time.
  public func edges(of type: EdgeType, where filter: Filter) throws -> RoaringBitmap {
    let count = count(of: type)
    guard count <= 1 << 32 else {
      throw HedgerowError(
        .usage, "edge type '\(type)' has \(count) edges: a filter is for up to 2^32 of them")
    }
    let all = count > 0 ? RoaringBitmap(0...UInt32(count - 1)) : RoaringBitmap()
    let evaluation = try FilterEvaluation(.edges(type), in: schema, all: all)
    return try evaluation.run(filter) { property, test in
      guard let column = try edgeColumn(property.name, of: type) else {
        throw HedgerowError(.usage, "no column '\(type).\(property.name)' in \(path)")
      }
      return try column.rows(passing: test, onBlock: {})
    }
  }

  /// The members of a set that a filter takes, of all nodes where no set is named; `nil` for all
  /// nodes.
  ///
  /// - Throws: `usage` when there is no such type, set or column.
  public func members(
    of set: String?, of type: NodeType, where filter: Filter?, onBlock: () throws -> Void = {}
  ) throws -> RoaringBitmap? {
    guard schema.node(type) != nil else {
      let known = schema.nodes.map(\.type.name).joined(separator: ", ")
      throw HedgerowError(.usage, "no node type '\(type)': there are \(known)")
    }
    var members: RoaringBitmap?
    if let set {
      guard let known = try self.set(named: set, of: type) else {
        throw HedgerowError(.usage, "node type '\(type)' has no set named '\(set)'")
      }
      members = known
    }
    let deleted = deletedNodes(of: type)
    if filter == nil, members == nil, !deleted.isEmpty {
      return RoaringBitmap(0..<UInt32(clamping: count(of: type))).subtracting(deleted)
    }
    guard let filter else { return members }
    let taken = try nodes(of: type, where: filter, onBlock: onBlock)
    return members.map { $0.intersection(taken) } ?? taken
  }
}

/// What an index covers.
public struct ColumnIndex: Hashable, Sendable {
  /// Nodes that it covers; those behind them are found by their values.
  public var nodeCount: Int
  /// Distinct values of these.
  public var valueCount: Int
}

extension Snapshot {
  /// The index of a column's values, or `nil` when there is none.
  public func index(of column: String, of type: NodeType) -> ColumnIndex? {
    guard let node = state.catalog.node(type),
      let record = node.columns.first(where: { $0.name == column }),
      let index = state.segments(.nodeIndex, type: node.id, column: record.id).first
    else { return nil }
    return ColumnIndex(nodeCount: Int(index.rowCount), valueCount: Int(index.edgeCount))
  }
}
