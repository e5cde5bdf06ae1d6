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

/// A heterogeneous graph in memory, read by the same samplers and loaders as a store.
///
/// ```swift
/// var graph = MemoryGraph()
/// graph[.user].count = 1000
/// graph[.item].features["x"] = FeatureMatrix(width: 64, values: values)
/// graph[.rates].edges = EdgeList(sources: [0, 0, 1], targets: [3, 7, 7])
/// ```
/// Setting edges sorts them into both indices at once: O(edges + nodes) time, 8 bytes an edge. Rows
/// have the order that a store would give them, so samples agree with a store's bit for bit.
public struct MemoryGraph: Sendable {
  /// What is known of one node type.
  public struct Nodes: Sendable {
    var declaredCount = 0
    public var features: [String: FeatureMatrix] = [:]
    public var labels: [String: [Int32]] = [:]
    public var sets: [String: RoaringBitmap] = [:]

    /// Nodes of the type: at least the rows of its features and labels.
    public var count: Int {
      get {
        max(
          declaredCount, features.values.map(\.rowCount).max() ?? 0,
          labels.values.map(\.count).max() ?? 0)
      }
      set { declaredCount = newValue }
    }
  }

  /// What is known of one edge type.
  public struct Edges: Sendable {
    /// Both arcs of every edge are in the list, so that a backward reading would say nothing new.
    public var isUndirected = false
    public var edges = EdgeList(sources: [], targets: []) {
      didSet { (incoming, outgoing) = Self.indices(of: edges) }
    }
    var incoming = CSRIndex.inMemory(rows: [], neighbors: [])
    var outgoing = CSRIndex.inMemory(rows: [], neighbors: [])

    private static func indices(of edges: EdgeList) -> (CSRIndex, CSRIndex) {
      (
        .inMemory(rows: edges.targets, neighbors: edges.sources),
        .inMemory(rows: edges.sources, neighbors: edges.targets)
      )
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
          } + nodes.labels.keys.sorted().map { PropertySchema($0, .int32) })
      },
      edges: edges.map { EdgeSchema($0, isUndirected: $1.isUndirected) })
  }

  public func count(of type: NodeType) -> Int { nodes[optional: type]?.count ?? 0 }
  public func count(of type: EdgeType) -> Int { edges[optional: type]?.edges.count ?? 0 }

  public func set(named name: String, of type: NodeType) throws -> RoaringBitmap? {
    nodes[optional: type]?.sets[name]
  }

  private func index(_ relation: Relation) -> CSRIndex {
    let edges = edges[relation.stored]
    return relation.direction == .forward ? edges.incoming : edges.outgoing
  }

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
}

extension MemoryGraph: FeatureSource {
  public func width(of column: String, of type: NodeType) -> Int? {
    nodes[optional: type]?.features[column]?.width
  }

  public func prefetch(_ nodes: Span<UInt32>, of type: NodeType, column: String) {}

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

extension CSRIndex {
  /// Sorts edges into an index over memory of its own: by row, then by neighbor.
  static func inMemory(rows: [UInt32], neighbors: [UInt32]) -> CSRIndex {
    let rowCount = rows.max().map { Int($0) + 1 } ?? 0
    var starts = [Int](repeating: 0, count: rowCount + 1)
    for row in rows { starts[Int(row) + 1] += 1 }
    for row in 0..<rowCount { starts[row + 1] += starts[row] }
    var next = starts
    var ordered = [UInt32](repeating: 0, count: rows.count)
    for (row, neighbor) in zip(rows, neighbors) {
      ordered[next[Int(row)]] = neighbor
      next[Int(row)] += 1
    }
    for row in 0..<rowCount where starts[row + 1] - starts[row] > 1 {
      ordered[starts[row]..<starts[row + 1]].sort()
    }
    let bases = stride(from: 0, through: rowCount, by: 64).map { UInt64(starts[$0]) }
    let deltas = starts.enumerated().map { UInt32(UInt64($1) - bases[$0 / 64]) }
    let memory = (FixedArray(bases), FixedArray(deltas), FixedArray(ordered))
    let range = Range(
      rowCount: 1 << 32, listed: nil, bases: memory.0.elements, deltas: memory.1.elements,
      neighbors: memory.2.elements)
    return CSRIndex(
      ranges: [range], rangeBits: 32, rowCount: 1 << 32, neighborCount: 1 << 32,
      owners: [memory.0, memory.1, memory.2], place: { _ in "graph in memory" })
  }
}

/// Elements at an address that lasts as long as this object, never written after.
private final class FixedArray<T: BitwiseCopyable>: @unchecked Sendable {
  let elements: UnsafeBufferPointer<T>

  init(_ values: [T]) {
    let memory = UnsafeMutableBufferPointer<T>.allocate(capacity: values.count)
    _ = memory.initialize(from: values)
    elements = UnsafeBufferPointer(memory)
  }
  deinit { elements.deallocate() }
}
