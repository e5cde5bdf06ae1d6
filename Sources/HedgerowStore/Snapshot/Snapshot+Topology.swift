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
}
