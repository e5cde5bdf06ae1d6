public import HedgerowCore
public import HedgerowRoaring

/// A graph of which only some edges of some types are there: whoever reads it cannot see the others, nor that there
/// are any.
///
/// ```swift
/// let seen = try EdgeSubgraph(graph, keeping: [rates: graph.edges(of: rates, where: filter)])
/// ```
/// The edges that are kept are numbered anew, in their order, so that samples are those of a graph that never had
/// the others, bit for bit. Nodes, their columns and the other edge types are the graph's. The indices of the types
/// in question lie in memory: ``byteCount(of:keeping:)``.
public struct EdgeSubgraph<Base: Topology & FeatureSource>: Sendable {
  public let base: Base

  private struct Kept: Sendable {
    /// Of each edge that is kept its place among the base's.
    var places: [UInt32]
    /// In their order.
    var list: EdgeList
    var sorted: SortedEdges
  }
  private let kept: PerEdge<Kept>

  /// Time O(kept edges log nodes).
  ///
  /// - Parameters:
  ///   - edges: by their places in the order of the type's edges; types that are not named keep all.
  ///   - checkInterruption: called between parts; throws to stop.
  public init(
    _ base: Base, keeping edges: PerEdge<RoaringBitmap>, checkInterruption: () throws -> Void = {}
  ) throws {
    self.base = base
    var kept = PerEdge<Kept>()
    for (type, members) in edges {
      kept[type] = try Self.kept(members, of: type, in: base, checkInterruption)
    }
    self.kept = kept
  }

  /// Memory that the edges take, and while they are sorted.
  public static func byteCount(
    of base: Base, keeping edges: PerEdge<RoaringBitmap>
  ) -> (held: Int, whileSorting: Int) {
    edges.reduce((0, 0)) { sum, entry in
      let (type, members) = entry
      let rows = 5 * (base.count(of: type.source) + base.count(of: type.target))
      return (sum.0 + 28 * members.count + rows, max(sum.1, 24 * members.count + 4 * rows))
    }
  }

  private static func kept(
    _ members: RoaringBitmap, of type: EdgeType, in base: Base,
    _ checkInterruption: () throws -> Void
  ) throws -> Kept {
    let places = members.values(in: 0..<members.count)
    var list = EdgeList(sources: [], targets: [])
    list.sources.reserveCapacity(places.count)
    list.targets.reserveCapacity(places.count)
    let timeColumn = base.schema.edge(type)?.timeColumn
    var times: [Int64] = []
    for first in stride(from: 0, to: places.count, by: 1 << 16) {
      try checkInterruption()
      let part = places[first..<min(places.count, first + 1 << 16)].map { UInt64($0) }
      let ends = try base.endpoints(of: part.span, type)
      list.sources += ends.sources
      list.targets += ends.targets
      if let timeColumn {
        times += try base.integers(of: timeColumn, of: .edges(type), at: part.span, null: .max)
      }
    }
    return Kept(
      places: places, list: list,
      sorted: SortedEdges(list, times: timeColumn == nil ? nil : .integers(times)))
  }

  /// Whether a type keeps some edges only, so that its indices lie in memory.
  public func isInMemory(_ type: EdgeType) -> Bool { kept[optional: type] != nil }

  private func index(_ relation: Relation) -> CSRIndex? {
    kept[optional: relation.stored].map {
      relation.direction == .forward ? $0.sorted.incoming : $0.sorted.outgoing
    }
  }

  /// Where the base has what stands at these places.
  private func basePlaces(_ places: Span<UInt64>, of owner: ColumnOwner) -> [UInt64]? {
    guard case .edges(let type) = owner, let kept = kept[optional: type] else { return nil }
    return places.indices.map { UInt64(kept.places[Int(places[$0])]) }
  }
}

extension EdgeSubgraph: Topology {
  public var schema: GraphSchema { base.schema }

  public func count(of type: NodeType) -> Int { base.count(of: type) }
  public func deletedNodes(of type: NodeType) -> RoaringBitmap { base.deletedNodes(of: type) }
  public func count(of type: EdgeType) -> Int {
    kept[optional: type]?.places.count ?? base.count(of: type)
  }
  public func set(named name: String, of type: NodeType) throws -> RoaringBitmap? {
    try base.set(named: name, of: type)
  }

  public func extentByteCount(along relation: Relation) -> Int {
    kept[optional: relation.stored] == nil ? base.extentByteCount(along: relation) : 0
  }

  public func neighborByteCount(along relation: Relation) -> Int {
    kept[optional: relation.stored] == nil ? base.neighborByteCount(along: relation) : 0
  }

  public func prefetch(rows: Span<UInt32>, along relation: Relation) {
    if kept[optional: relation.stored] == nil { base.prefetch(rows: rows, along: relation) }
  }

  public func extents(
    of rows: Span<UInt32>, along relation: Relation, into extents: inout MutableSpan<Extent>
  ) throws {
    guard let index = index(relation) else {
      return try base.extents(of: rows, along: relation, into: &extents)
    }
    // The index ends at the last row that has an entry.
    let count = count(of: relation.target)
    for place in rows.indices {
      require(Int(rows[place]) < count, "row \(rows[place]) of \(count)")
    }
    try index.extents(of: rows, into: &extents)
  }

  public func prefetch(addresses: Span<UInt64>, along relation: Relation) {
    if kept[optional: relation.stored] == nil {
      base.prefetch(addresses: addresses, along: relation)
    }
  }

  public func read(
    _ addresses: Span<UInt64>, along relation: Relation, into neighbors: inout MutableSpan<UInt32>
  ) throws {
    guard let index = index(relation) else {
      return try base.read(addresses, along: relation, into: &neighbors)
    }
    try index.read(addresses, into: &neighbors)
  }

  public func read(
    _ stretches: Span<Extent>, along relation: Relation, into neighbors: inout MutableSpan<UInt32>
  ) throws {
    guard let index = index(relation) else {
      return try base.read(stretches, along: relation, into: &neighbors)
    }
    try index.read(stretches, into: &neighbors)
  }

  public func edges(
    at addresses: Span<UInt64>, in rows: Span<UInt32>, along relation: Relation,
    into edges: inout MutableSpan<UInt64>
  ) throws {
    guard let kept = kept[optional: relation.stored] else {
      return try base.edges(at: addresses, in: rows, along: relation, into: &edges)
    }
    require(
      edges.count == addresses.count && rows.count == addresses.count,
      "\(edges.count) edges and \(rows.count) rows for \(addresses.count) entries")
    for entry in 0..<addresses.count {
      // The out index holds the edges in their order.
      edges[entry] =
        relation.direction == .backward
        ? addresses[entry] : UInt64(kept.sorted.outPlaces[Int(addresses[entry])])
    }
  }

  public func endpoints(
    of edges: Span<UInt64>, _ type: EdgeType, sources: inout MutableSpan<UInt32>,
    targets: inout MutableSpan<UInt32>
  ) throws {
    guard let kept = kept[optional: type] else {
      return try base.endpoints(of: edges, type, sources: &sources, targets: &targets)
    }
    for edge in edges.indices {
      sources[edge] = kept.list.sources[Int(edges[edge])]
      targets[edge] = kept.list.targets[Int(edges[edge])]
    }
  }

  public func integers(
    of column: String, of owner: ColumnOwner, at places: Span<UInt64>, null: Int64,
    into values: inout MutableSpan<Int64>
  ) throws {
    guard let own = basePlaces(places, of: owner) else {
      return try base.integers(of: column, of: owner, at: places, null: null, into: &values)
    }
    try base.integers(of: column, of: owner, at: own.span, null: null, into: &values)
  }

  public func numbers(
    of column: String, of owner: ColumnOwner, at places: Span<UInt64>,
    into values: inout MutableSpan<Double>
  ) throws {
    guard let own = basePlaces(places, of: owner) else {
      return try base.numbers(of: column, of: owner, at: places, into: &values)
    }
    try base.numbers(of: column, of: owner, at: own.span, into: &values)
  }
}

extension EdgeSubgraph: FeatureSource {
  public func layout(of column: String, of type: NodeType) -> RowLayout? {
    base.layout(of: column, of: type)
  }

  public func prefetch(_ nodes: Span<UInt32>, of type: NodeType, column: String) {
    base.prefetch(nodes, of: type, column: column)
  }

  public func release(_ nodes: Span<UInt32>, of type: NodeType, column: String) {
    base.release(nodes, of: type, column: column)
  }

  public func gather(
    _ nodes: Span<UInt32>, of type: NodeType, column: String,
    into rows: UnsafeMutableBufferPointer<Float>
  ) throws {
    try base.gather(nodes, of: type, column: column, into: rows)
  }

  public func copy(
    _ nodes: Span<UInt32>, of type: NodeType, column: String,
    into rows: UnsafeMutableRawBufferPointer
  ) throws {
    try base.copy(nodes, of: type, column: column, into: rows)
  }

  public func read(
    _ nodes: Span<UInt32>, of type: NodeType, column: String,
    into rows: UnsafeMutableRawBufferPointer
  ) throws {
    try base.read(nodes, of: type, column: column, into: rows)
  }

  public func labels(_ nodes: Span<UInt32>, of type: NodeType, column: String) throws -> [Int32] {
    try base.labels(nodes, of: type, column: column)
  }

  public func nodes(of type: NodeType, where filter: Filter) throws -> RoaringBitmap {
    try base.nodes(of: type, where: filter)
  }

  public func edges(of type: EdgeType, where filter: Filter) throws -> RoaringBitmap {
    let found = try base.edges(of: type, where: filter)
    guard let kept = kept[optional: type] else { return found }
    return RoaringBitmap(
      (0..<UInt32(kept.places.count)).lazy.filter { found.contains(kept.places[Int($0)]) })
  }

  public func keys(_ nodes: Span<UInt32>, of type: NodeType) throws -> [String] {
    try base.keys(nodes, of: type)
  }
}
