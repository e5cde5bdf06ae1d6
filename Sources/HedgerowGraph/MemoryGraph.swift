public import HedgerowCore
public import HedgerowRoaring

/// Edges as two parallel arrays of node numbers.
public struct EdgeList: Hashable, Sendable {
  public var sources: [UInt32]
  public var targets: [UInt32]

  public init(sources: [UInt32], targets: [UInt32]) {
    require(
      sources.count == targets.count, "\(sources.count) sources for \(targets.count) targets")
    self.sources = sources
    self.targets = targets
  }
  public var count: Int { sources.count }
}

/// A matrix of float32 features, row-major.
public struct FeatureMatrix: Hashable, Sendable {
  public let width: Int
  public let values: [Float]
  public init(width: Int, values: [Float]) {
    require(
      width > 0 && values.count % width == 0, "\(values.count) values in rows of \(width)")
    self.width = width
    self.values = values
  }
  public var rowCount: Int { values.count / width }
}

/// A column of numbers; rows beyond its end have none.
public enum NumberColumn: Hashable, Sendable {
  case integers([Int64])
  case numbers([Double])

  public var count: Int {
    switch self {
    case .integers(let values): values.count
    case .numbers(let values): values.count
    }
  }

  var kind: PropertyKind {
    switch self {
    case .integers: .int64
    case .numbers: .float64
    }
  }
}

/// A heterogeneous graph in memory, read by the same samplers and loaders as a store.
///
/// ```swift
/// var graph = MemoryGraph()
/// graph[.user].count = 1000
/// graph[.item].features["x"] = FeatureMatrix(width: 64, values: values)
/// graph[.rates].edges = EdgeList(sources: [0, 0, 1], targets: [3, 7, 7])
/// ```
/// Setting edges sorts them into both indices at once: O(edges + nodes) time, 16 bytes an edge. Rows
/// have the order that a store would give them, so samples agree with a store's bit for bit.
public struct MemoryGraph: Sendable {
  /// What is known of one node type.
  public struct Nodes: Sendable {
    var declaredCount = 0
    public var features: [String: FeatureMatrix] = [:]
    public var labels: [String: [Int32]] = [:]
    public var sets: [String: RoaringBitmap] = [:]
    /// Numbers that samplers choose by, as times.
    public var columns: [String: NumberColumn] = [:]

    /// Nodes of the type: at least the rows of its features, labels and columns.
    public var count: Int {
      get {
        max(
          declaredCount, features.values.map(\.rowCount).max() ?? 0,
          labels.values.map(\.count).max() ?? 0, columns.values.map(\.count).max() ?? 0)
      }
      set { declaredCount = newValue }
    }
  }

  /// What is known of one edge type.
  public struct Edges: Sendable {
    /// Both arcs of every edge are in the list, so that a backward reading would say nothing new.
    public var isUndirected = false
    public var edges = EdgeList(sources: [], targets: []) { didSet { sort() } }
    /// Numbers that stand at the edges, in the order of the list.
    public var columns: [String: NumberColumn] = [:] { didSet { if timeColumn != nil { sort() } } }
    /// A column of integers by which samples respect time: entries of a target's row are sorted by
    /// it.
    public var timeColumn: String? { didSet { if timeColumn != oldValue { sort() } } }
    /// The column by which samples are weighted.
    public var weightColumn: String?
    private(set) var sorted = SortedEdges(EdgeList(sources: [], targets: []), times: nil)

    public init() {}

    /// Edges with their columns, sorted once.
    ///
    /// - Parameters:
    ///   - time: a column of integers by which samples respect time; `weight`: the column by which
    ///     they are weighted.
    public init(
      _ edges: EdgeList, columns: [String: NumberColumn] = [:], time: String? = nil,
      weight: String? = nil
    ) {
      self.edges = edges
      self.columns = columns
      timeColumn = time
      weightColumn = weight
      sort()
    }

    private mutating func sort() {
      let times = timeColumn.flatMap { columns[$0] }
      sorted = SortedEdges(edges, times: times)
    }
  }

  var nodes = PerNode<Nodes>()
  var edges = PerEdge<Edges>()

  public init() {}

  public subscript(type: NodeType) -> Nodes {
    get { nodes[optional: type] ?? Nodes() }
    set { nodes[type] = newValue }
  }

  /// Both node types come into being with the edge type; its nodes reach at least as far as the
  /// edges do.
  public subscript(type: EdgeType) -> Edges {
    get { edges[optional: type] ?? Edges() }
    set {
      edges[type] = newValue
      for (end, numbers) in [
        (type.source, newValue.edges.sources), (type.target, newValue.edges.targets),
      ] {
        var known = self[end]
        known.declaredCount = max(known.count, numbers.max().map { Int($0) + 1 } ?? 0)
        nodes[end] = known
      }
    }
  }
}

extension MemoryGraph: Topology {
  public var schema: GraphSchema {
    GraphSchema(
      nodes: nodes.map { type, nodes in
        NodeSchema(
          type,
          properties: nodes.features.sorted { $0.key < $1.key }.map {
            PropertySchema($0.key, .vector(element: .float32, width: $0.value.width))
          } + nodes.labels.keys.sorted().map { PropertySchema($0, .int32) }
            + Self.properties(nodes.columns))
      },
      edges: edges.map { type, edges in
        EdgeSchema(
          type, properties: Self.properties(edges.columns), isUndirected: edges.isUndirected,
          timeColumn: edges.timeColumn, weightColumn: edges.weightColumn)
      })
  }

  private static func properties(_ columns: [String: NumberColumn]) -> [PropertySchema] {
    columns.sorted { $0.key < $1.key }.map { PropertySchema($0.key, $0.value.kind) }
  }

  public func count(of type: NodeType) -> Int { nodes[optional: type]?.count ?? 0 }
  public func count(of type: EdgeType) -> Int { edges[optional: type]?.edges.count ?? 0 }

  public func set(named name: String, of type: NodeType) throws -> RoaringBitmap? {
    nodes[optional: type]?.sets[name]
  }

  private func index(_ relation: Relation) -> CSRIndex {
    let sorted = edges[relation.stored].sorted
    return relation.direction == .forward ? sorted.incoming : sorted.outgoing
  }

  public func extentByteCount(along relation: Relation) -> Int { 0 }

  public func neighborByteCount(along relation: Relation) -> Int { 0 }

  public func prefetch(rows: Span<UInt32>, along relation: Relation) {}
  public func prefetch(addresses: Span<UInt64>, along relation: Relation) {}

  public func extents(
    of rows: Span<UInt32>, along relation: Relation, into extents: inout MutableSpan<Extent>
  ) throws {
    // The index ends at the last row that has an entry.
    let count = count(of: relation.target)
    for place in rows.indices {
      require(Int(rows[place]) < count, "row \(rows[place]) of \(count)")
    }
    try index(relation).extents(of: rows, into: &extents)
  }

  public func read(
    _ addresses: Span<UInt64>, along relation: Relation, into neighbors: inout MutableSpan<UInt32>
  ) throws {
    try index(relation).read(addresses, into: &neighbors)
  }

  public func read(
    _ stretches: Span<Extent>, along relation: Relation, into neighbors: inout MutableSpan<UInt32>
  ) throws {
    try index(relation).read(stretches, into: &neighbors)
  }

  public func edges(
    at addresses: Span<UInt64>, in rows: Span<UInt32>, along relation: Relation,
    into edges: inout MutableSpan<UInt64>
  ) throws {
    require(
      edges.count == addresses.count && rows.count == addresses.count,
      "\(edges.count) edges and \(rows.count) rows for \(addresses.count) entries")
    let places = self.edges[relation.stored].sorted.outPlaces
    for entry in 0..<addresses.count {
      // The out index holds the edges in their order.
      edges[entry] =
        relation.direction == .backward
        ? addresses[entry] : UInt64(places[Int(addresses[entry])])
    }
  }

  public func endpoints(
    of edges: Span<UInt64>, _ type: EdgeType, sources: inout MutableSpan<UInt32>,
    targets: inout MutableSpan<UInt32>
  ) throws {
    guard let held = self.edges[optional: type] else {
      throw HedgerowError(.usage, "there is no edge type '\(type)'")
    }
    for edge in edges.indices {
      let place = Int(held.sorted.listPlaces[Int(edges[edge])])
      sources[edge] = held.edges.sources[place]
      targets[edge] = held.edges.targets[place]
    }
  }

  public func integers(
    of column: String, of owner: ColumnOwner, at places: Span<UInt64>, null: Int64,
    into values: inout MutableSpan<Int64>
  ) throws {
    guard case (.integers(let stored), let order)? = self.column(column, of: owner) else {
      throw HedgerowError(.usage, "'\(owner).\(column)' is no column of integers")
    }
    Self.read(stored, order, at: places, null: null, into: &values) { $0 }
  }

  public func numbers(
    of column: String, of owner: ColumnOwner, at places: Span<UInt64>,
    into values: inout MutableSpan<Double>
  ) throws {
    switch self.column(column, of: owner) {
    case (.numbers(let stored), let order)?:
      Self.read(stored, order, at: places, null: .nan, into: &values) { $0 }
    case (.integers(let stored), let order)?:
      Self.read(stored, order, at: places, null: .nan, into: &values) { Double($0) }
    case nil: throw HedgerowError(.usage, "'\(owner).\(column)' is no column of numbers")
    }
  }

  /// A column, and for one of edges which of its rows belongs to each edge.
  private func column(
    _ name: String, of owner: ColumnOwner
  ) -> (values: NumberColumn, order: [UInt32]?)? {
    switch owner {
    case .nodes(let type): nodes[optional: type]?.columns[name].map { ($0, nil) }
    case .edges(let type):
      edges[optional: type].flatMap { edges in
        edges.columns[name].map { ($0, edges.sorted.listPlaces) }
      }
    }
  }

  private static func read<T, Value: BitwiseCopyable>(
    _ stored: [T], _ order: [UInt32]?, at places: Span<UInt64>, null: Value,
    into values: inout MutableSpan<Value>, _ convert: (T) -> Value
  ) {
    require(values.count == places.count, "\(values.count) values at \(places.count) places")
    for entry in 0..<places.count {
      let row = order.map { Int($0[Int(places[entry])]) } ?? Int(places[entry])
      values[entry] = row < stored.count ? convert(stored[row]) : null
    }
  }
}

extension MemoryGraph: FeatureSource {
  public func layout(of column: String, of type: NodeType) -> RowLayout? {
    nodes[optional: type]?.features[column].flatMap {
      RowLayout(.vector(element: .float32, width: $0.width))
    }
  }

  public func prefetch(_ nodes: Span<UInt32>, of type: NodeType, column: String) {}
  public func release(_ nodes: Span<UInt32>, of type: NodeType, column: String) {}

  public func gather(
    _ nodes: Span<UInt32>, of type: NodeType, column: String,
    into rows: UnsafeMutableBufferPointer<Float>
  ) throws {
    guard let matrix = self.nodes[optional: type]?.features[column] else {
      throw HedgerowError(.usage, "no features '\(type).\(column)'")
    }
    require(rows.count == nodes.count * matrix.width)
    matrix.values.withUnsafeBufferPointer { values in
      for index in 0..<nodes.count {
        let start = Int(nodes[index]) * matrix.width
        for element in 0..<matrix.width {
          // Nodes beyond the matrix have no features.
          rows[index * matrix.width + element] =
            start < values.count ? values[start + element] : 0
        }
      }
    }
  }

  public func copy(
    _ nodes: Span<UInt32>, of type: NodeType, column: String,
    into rows: UnsafeMutableRawBufferPointer
  ) throws {
    try gather(nodes, of: type, column: column, into: rows.assumingMemoryBound(to: Float.self))
  }

  public func labels(_ nodes: Span<UInt32>, of type: NodeType, column: String) throws -> [Int32] {
    guard let labels = self.nodes[optional: type]?.labels[column] else {
      throw HedgerowError(.usage, "no labels '\(type).\(column)'")
    }
    return (0..<nodes.count).map {
      let node = Int(nodes[$0])
      return node < labels.count ? max(-1, labels[node]) : -1
    }
  }
}
