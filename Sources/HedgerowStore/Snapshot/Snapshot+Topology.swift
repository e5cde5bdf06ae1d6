public import HedgerowCore
public import HedgerowGraph

extension Snapshot: Topology {
  private func adjacency(along relation: Relation) throws -> SnapshotAdjacency {
    guard let edge = state.catalog.edge(relation.stored) else {
      throw HedgerowError(.usage, "no edge type '\(relation.stored)' in \(store.path)")
    }
    return try adjacency(edge, relation.direction == .forward ? .in : .out)
  }

  public func extentByteCount(along relation: Relation) -> Int {
    (try? adjacency(along: relation).base.extentByteCount) ?? 0
  }

  public func neighborByteCount(along relation: Relation) -> Int {
    (try? adjacency(along: relation).base.neighborByteCount) ?? 0
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

  public func read(
    _ stretches: Span<Extent>, along relation: Relation, into neighbors: inout MutableSpan<UInt32>
  ) throws {
    let adjacency = try adjacency(along: relation)
    // One entry a page of them is enough to ask for all.
    var addresses: [UInt64] = []
    for place in stretches.indices where stretches[place].count > 0 {
      let (start, count) = (stretches[place].start, UInt64(stretches[place].count))
      addresses.append(contentsOf: stride(from: start, to: start + count, by: 1024))
      addresses.append(start + count - 1)
    }
    adjacency.prefetch(addresses: addresses.span)
    try adjacency.index.read(stretches, into: &neighbors)
  }

  public func edges(
    at addresses: Span<UInt64>, in rows: Span<UInt32>, along relation: Relation,
    into edges: inout MutableSpan<UInt64>
  ) throws {
    try adjacency(along: relation).edges(at: addresses, in: rows, into: &edges)
  }

  public func endpoints(
    of edges: Span<UInt64>, _ type: EdgeType, sources: inout MutableSpan<UInt32>,
    targets: inout MutableSpan<UInt32>
  ) throws {
    guard let record = state.catalog.edge(type) else {
      throw HedgerowError(.usage, "no edge type '\(type)' in \(store.path)")
    }
    let out = try adjacency(record, .out)
    let (rowCount, edgeCount) = (count(of: type.source), count(of: type))
    var places = [UInt64](repeating: 0, count: edges.count)
    for edge in edges.indices {
      require(edges[edge] < edgeCount, "edge \(edges[edge]) of \(edgeCount)")
      let (row, before) = CSRIndex.row(of: edges[edge], rowCount: rowCount) {
        out.position(ofRow: $0)
      }
      sources[edge] = UInt32(row)
      places[edge] = edges[edge] - before
    }
    var extents = [Extent](repeating: Extent(start: 0, count: 0), count: edges.count)
    do {
      var span = extents.mutableSpan
      let rows = (0..<edges.count).map { sources[$0] }
      try out.index.extents(of: rows.span, into: &span)
    }
    let addresses = try zip(extents, places).map { extent, place in
      guard place < extent.count else {
        throw HedgerowError(
          .damaged, "the offsets of '\(type)' make no sense", at: "data.mdb table manifest")
      }
      return extent.start + place
    }
    out.prefetch(addresses: addresses.span)
    try out.index.read(addresses.span, into: &targets)
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
