public import HedgerowCore
public import HedgerowGraph

extension Snapshot: Topology {
  private func adjacency(along relation: Relation) throws -> SnapshotAdjacency {
    guard let edge = state.catalog.edge(relation.stored) else {
      throw HedgerowError(.usage, "no edge type '\(relation.stored)' in \(store.path)")
    }
    return try adjacency(edge, relation.direction == .forward ? .in : .out)
  }

  public func prefetch(rows: Span<UInt32>, along relation: Relation) {
    // A part that cannot be opened says so when it is read.
    try? adjacency(along: relation).prefetch(rows: rows)
  }

  public func extents(
    of rows: Span<UInt32>, along relation: Relation, into extents: inout MutableSpan<Extent>
  ) throws {
    try adjacency(along: relation).index.extents(of: rows, into: &extents)
  }

  public func prefetch(addresses: Span<UInt64>, along relation: Relation) {
    try? adjacency(along: relation).prefetch(addresses: addresses)
  }

  public func read(
    _ addresses: Span<UInt64>, along relation: Relation, into neighbors: inout MutableSpan<UInt32>
  ) throws {
    try adjacency(along: relation).index.read(addresses, into: &neighbors)
  }

  public func edges(
    at addresses: Span<UInt64>, in rows: Span<UInt32>, along relation: Relation,
    into edges: inout MutableSpan<UInt64>
  ) throws {
    try adjacency(along: relation).edges(at: addresses, in: rows, into: &edges)
  }

  public func integers(
    of column: String, of owner: ColumnOwner, at places: Span<UInt64>, null: Int64,
    into values: inout MutableSpan<Int64>
  ) throws {
    try self.column(column, of: owner).integers(places, null: null, into: &values)
  }

  public func numbers(
    of column: String, of owner: ColumnOwner, at places: Span<UInt64>,
    into values: inout MutableSpan<Double>
  ) throws {
    try self.column(column, of: owner).numbers(places, into: &values)
  }

  private func column(_ name: String, of owner: ColumnOwner) throws -> LayeredColumn {
    let found =
      switch owner {
      case .nodes(let type): try nodeColumn(name, of: type)
      case .edges(let type): try edgeColumn(name, of: type)
      }
    guard let found else {
      throw HedgerowError(.usage, "no column '\(owner).\(name)' in \(store.path)")
    }
    return found
  }
}
