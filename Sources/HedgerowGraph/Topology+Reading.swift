public import HedgerowCore

/// Answers in arrays of their own, of which what is to be read is asked for ahead.
extension Topology {
  /// Where the entries of each row lie.
  public func extents(of rows: Span<UInt32>, along relation: Relation) throws -> [Extent] {
    var extents = [Extent](repeating: Extent(start: 0, count: 0), count: rows.count)
    prefetch(rows: rows, along: relation)
    var span = extents.mutableSpan
    try self.extents(of: rows, along: relation, into: &span)
    return extents
  }

  public func read(
    _ stretches: Span<Extent>, along relation: Relation, into neighbors: inout MutableSpan<UInt32>
  ) throws {
    let addresses = stretches.addresses
    prefetch(addresses: addresses.span, along: relation)
    try read(addresses.span, along: relation, into: &neighbors)
  }

  /// The neighbor at each address.
  public func neighbors(
    at addresses: Span<UInt64>, along relation: Relation
  ) throws -> [UInt32] {
    var neighbors = [UInt32](repeating: 0, count: addresses.count)
    prefetch(addresses: addresses, along: relation)
    var span = neighbors.mutableSpan
    try read(addresses, along: relation, into: &span)
    return neighbors
  }

  /// Which edge the entry at each address is, in the order of edges; `rows` are those that the entries
  /// are of.
  public func edges(
    at addresses: Span<UInt64>, in rows: Span<UInt32>, along relation: Relation
  ) throws -> [UInt64] {
    var edges = [UInt64](repeating: 0, count: addresses.count)
    var span = edges.mutableSpan
    try self.edges(at: addresses, in: rows, along: relation, into: &span)
    return edges
  }

  /// The nodes between which edges of a type run.
  public func endpoints(
    of edges: Span<UInt64>, _ type: EdgeType
  ) throws -> (sources: [UInt32], targets: [UInt32]) {
    var sources = [UInt32](repeating: 0, count: edges.count)
    var targets = sources
    var sourceSpan = sources.mutableSpan
    var targetSpan = targets.mutableSpan
    try endpoints(of: edges, type, sources: &sourceSpan, targets: &targetSpan)
    return (sources, targets)
  }

  /// Integers or timestamps of a column, at places below the owner's count.
  public func integers(
    of column: String, of owner: ColumnOwner, at places: Span<UInt64>, null: Int64
  ) throws -> [Int64] {
    var values = [Int64](repeating: 0, count: places.count)
    var span = values.mutableSpan
    try integers(of: column, of: owner, at: places, null: null, into: &span)
    return values
  }

  /// The same of nodes.
  public func integers(
    of column: String, of type: NodeType, at nodes: [UInt32], null: Int64
  ) throws -> [Int64] {
    let places = nodes.map { UInt64($0) }
    return try integers(of: column, of: .nodes(type), at: places.span, null: null)
  }
}

extension Span<Extent> {
  /// Of all entries.
  var addresses: [UInt64] {
    var addresses: [UInt64] = []
    for place in indices {
      let stretch = self[place]
      addresses.append(contentsOf: stretch.start..<stretch.start + UInt64(stretch.count))
    }
    return addresses
  }
}
