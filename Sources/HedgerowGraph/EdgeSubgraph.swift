public import HedgerowCore
public import HedgerowRoaring

/// A graph of which only some edges of some types are there: whoever reads it cannot see the others, nor that there
/// are any.
///
/// ```swift
/// let seen = try EdgeSubgraph(graph, keeping: [rates: graph.edges(of: rates, where: filter)])
/// ```
/// The edges that are kept are numbered anew, in their order, so that samples are those of a graph that never had
/// the others, bit for bit. Nodes, their columns and the other edge types are the graph's, and so are the indices:
/// in memory is which edges are there, ``byteCount(of:keepingSomeOf:)``.
public struct EdgeSubgraph<Base: Topology & FeatureSource>: Sendable {
  public let base: Base
  private let kept: PerEdge<KeptEdges>

  /// Time O(edges of the types that are named + nodes), reading their indices once.
  ///
  /// - Parameters:
  ///   - edges: by their places in the order of the type's edges; types that are not named keep all. Traps on places
  ///     beyond the type's count.
  ///   - checkInterruption: called between parts; throws to stop.
  /// - Throws: `usage` for a type that is not there, or of 2^32 edges or more.
  public init(
    _ base: Base, keeping edges: PerEdge<RoaringBitmap>, checkInterruption: () throws -> Void = {}
  ) throws {
    self.base = base
    var kept = PerEdge<KeptEdges>()
    for (type, members) in edges {
      kept[type] = try KeptEdges(
        members, of: type, in: base, checkInterruption: checkInterruption)
    }
    self.kept = kept
  }

  /// Memory that it takes: a bit and a half for each edge of these types in each direction, and 8 bytes a row; with what
  /// is taken besides while it is made.
  public static func byteCount(
    of base: Base, keepingSomeOf types: some Sequence<EdgeType>
  ) -> (held: Int, whileMade: Int) {
    types.reduce((0, 0)) { sum, type in
      let size = KeptEdges.byteCount(of: type, in: base)
      return (sum.0 + size.held, max(sum.1, size.whileMade))
    }
  }

  /// Whether a type keeps some edges only.
  public func isPartial(_ type: EdgeType) -> Bool { kept[optional: type] != nil }

  /// Calls `body` with addresses of the base, of a part of the entries at a time, and where they stand among those that
  /// were given.
  private func withBaseAddresses(
    of addresses: Span<UInt64>, _ entries: KeptEdges.Entries, along relation: Relation,
    _ body: (_ base: Span<UInt64>, Range<Int>) throws -> Void
  ) throws {
    guard addresses.count > 0 else { return }
    let size = min(addresses.count, addressesAtOnce)
    var places = [UInt64](repeating: 0, count: size)
    var (runs, distinct) = (
      [UInt32](repeating: 0, count: size), [UInt32](repeating: 0, count: size)
    )
    var extents = [Extent](repeating: Extent(start: 0, count: 0), count: size)
    for first in stride(from: 0, to: addresses.count, by: size) {
      let part = first..<min(addresses.count, first + size)
      let runCount = entries.find(
        addresses.extracting(part), places: &places, runs: &runs, rows: &distinct)
      var span = extents.mutableSpan
      var found = span._mutatingExtracting(0..<runCount)
      try base.extents(of: distinct.span.extracting(0..<runCount), along: relation, into: &found)
      for entry in 0..<part.count { places[entry] += extents[Int(runs[entry])].start }
      try body(places.span.extracting(0..<part.count), part)
    }
  }

  /// Where the base has what stands at these places; `nil` where it stands there, too.
  private func basePlaces(_ places: Span<UInt64>, of owner: ColumnOwner) -> [UInt64]? {
    guard case .edges(let type) = owner, let ranks = kept[optional: type]?.outgoing.kept else {
      return nil
    }
    return places.indices.map { UInt64(ranks.member(atRank: Int(places[$0]))) }
  }
}

/// Few enough for what is looked up of them to stay in a processor's caches, and more than a device takes at once.
private let addressesAtOnce = 4096

extension EdgeSubgraph: Topology {
  public var schema: GraphSchema { base.schema }

  public func count(of type: NodeType) -> Int { base.count(of: type) }
  public func deletedNodes(of type: NodeType) -> RoaringBitmap { base.deletedNodes(of: type) }
  public func count(of type: EdgeType) -> Int {
    kept[optional: type]?.outgoing.kept.count ?? base.count(of: type)
  }
  public func set(named name: String, of type: NodeType) throws -> RoaringBitmap? {
    try base.set(named: name, of: type)
  }

  public func extentByteCount(along relation: Relation) -> Int {
    base.extentByteCount(along: relation)
  }

  public func neighborByteCount(along relation: Relation) -> Int {
    base.neighborByteCount(along: relation)
  }

  public func prefetch(rows: Span<UInt32>, along relation: Relation) {
    base.prefetch(rows: rows, along: relation)
  }

  public func extents(
    of rows: Span<UInt32>, along relation: Relation, into extents: inout MutableSpan<Extent>
  ) throws {
    guard let entries = kept[optional: relation.stored]?.entries(along: relation) else {
      return try base.extents(of: rows, along: relation, into: &extents)
    }
    let count = count(of: relation.target)
    for place in rows.indices {
      require(Int(rows[place]) < count, "row \(rows[place]) of \(count)")
      extents[place] = entries.extent(ofRow: Int(rows[place]))
    }
  }

  /// Of a type that keeps some edges only, whoever reads asks for what is read: entries are looked up once.
  public func prefetch(addresses: Span<UInt64>, along relation: Relation) {
    if kept[optional: relation.stored] == nil {
      base.prefetch(addresses: addresses, along: relation)
    }
  }

  public func read(
    _ addresses: Span<UInt64>, along relation: Relation, into neighbors: inout MutableSpan<UInt32>
  ) throws {
    guard let entries = kept[optional: relation.stored]?.entries(along: relation) else {
      return try base.read(addresses, along: relation, into: &neighbors)
    }
    try withBaseAddresses(of: addresses, entries, along: relation) { addresses, part in
      base.prefetch(addresses: addresses, along: relation)
      var found = neighbors._mutatingExtracting(part)
      try base.read(addresses, along: relation, into: &found)
    }
  }

  public func read(
    _ stretches: Span<Extent>, along relation: Relation, into neighbors: inout MutableSpan<UInt32>
  ) throws {
    guard kept[optional: relation.stored] != nil else {
      return try base.read(stretches, along: relation, into: &neighbors)
    }
    var addresses: [UInt64] = []
    addresses.reserveCapacity(addressesAtOnce)
    var done = 0
    func readPart(_ neighbors: inout MutableSpan<UInt32>) throws {
      var part = neighbors._mutatingExtracting(done..<done + addresses.count)
      try read(addresses.span, along: relation, into: &part)
      done += addresses.count
      addresses.removeAll(keepingCapacity: true)
    }
    for stretch in stretches.indices {
      for place in 0..<UInt64(stretches[stretch].count) {
        addresses.append(stretches[stretch].start + place)
        if addresses.count == addressesAtOnce { try readPart(&neighbors) }
      }
    }
    try readPart(&neighbors)
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
    let ranks = kept.outgoing.kept
    if relation.direction == .backward {
      // The out index holds the edges in their order.
      for entry in 0..<addresses.count {
        edges[entry] = kept.outgoing.number(of: addresses[entry])
      }
      return
    }
    try withBaseAddresses(of: addresses, kept.incoming, along: relation) { addresses, part in
      var found = edges._mutatingExtracting(part)
      try base.edges(
        at: addresses, in: rows.extracting(part), along: relation, into: &found)
      for entry in part { edges[entry] = UInt64(ranks.rank(of: Int(edges[entry]))) }
    }
  }

  public func endpoints(
    of edges: Span<UInt64>, _ type: EdgeType, sources: inout MutableSpan<UInt32>,
    targets: inout MutableSpan<UInt32>
  ) throws {
    guard let kept = kept[optional: type] else {
      return try base.endpoints(of: edges, type, sources: &sources, targets: &targets)
    }
    let places = edges.indices.map { edge in
      let address = kept.outgoing.address(of: Int(edges[edge]))
      sources[edge] = UInt32(truncatingIfNeeded: address >> 32)
      return address
    }
    let index = schema.edges.firstIndex { $0.type == type }!
    try read(places.span, along: Relation(type, .backward, index: index), into: &targets)
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
    guard let ranks = kept[optional: type]?.outgoing.kept else { return found }
    return RoaringBitmap(
      found.lazy.filter { ranks.contains(Int($0)) }.map { UInt32(ranks.rank(of: Int($0))) })
  }

  public func keys(_ nodes: Span<UInt32>, of type: NodeType) throws -> [String] {
    try base.keys(nodes, of: type)
  }
}
