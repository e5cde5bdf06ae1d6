public import HedgerowCore
public import HedgerowRoaring

/// What reading and writing transactions have in common: looking at the newest state.
///
/// Transactions read single things fast, as applications do; a ``Snapshot`` reads whole frontiers,
/// as training does. A transaction lives inside its closure, and the compiler sees to it.
public protocol GraphTransaction: ~Copyable {
  var state: LiveState { get }
}

/// The store's side of a transaction: for this module's eyes only.
public struct LiveState {
  let graph: LiveGraph
}

/// The newest state of a store, to read from. It ends with the closure it was handed to.
public struct GraphReadTransaction: ~Copyable, GraphTransaction {
  public let state: LiveState

  init(_ graph: LiveGraph) { state = LiveState(graph: graph) }
}

/// A neighbor in a live state.
public struct LiveEdge: Hashable, Sendable {
  public var source: NodeID
  public var target: NodeID
  /// The edge's number among those between the two nodes, from zero, in the order of rows.
  public var parallel: Int
}

extension GraphTransaction where Self: ~Copyable {
  private var graph: LiveGraph { state.graph }

  /// The version that is read; inside a write, the one that it began from.
  public var version: UInt64 { graph.state.record.version }

  public var schema: GraphSchema { get throws { try graph.state.catalog.schema() } }

  // MARK: Nodes

  /// The node with an external key.
  ///
  /// - Throws: `badData` when there is none: see ``find(_:key:)``.
  public func node(_ type: NodeType, key: String) throws -> NodeID {
    guard let node = try find(type, key: key) else {
      throw HedgerowError(.badData, "there is no node '\(key)' of type '\(type)'")
    }
    return node
  }

  /// The node with an external key, or `nil`. Time O(log nodes).
  public func find(_ type: NodeType, key: String) throws -> NodeID? {
    let node = try graph.node(type)
    guard let id = try graph.id(of: key, node), try graph.contains(id, of: node) else { return nil }
    return NodeID(id)
  }

  /// Whether a node was made and not deleted.
  public func contains(_ id: NodeID, of type: NodeType) throws -> Bool {
    try graph.contains(id.rawValue, of: graph.node(type))
  }

  /// The external key of a node, as text.
  public func key(of id: NodeID, of type: NodeType) throws -> String {
    let node = try graph.node(type)
    try graph.requireNode(id.rawValue, of: node)
    return try graph.key(of: id.rawValue, node)
  }

  /// Nodes of a type that are there. Time O(1).
  public func count(of type: NodeType) throws -> Int {
    let counts = graph.state.count(of: try graph.node(type))
    return Int(counts.total - counts.other)
  }

  /// Edges of a type. An undirected edge counts twice. Time O(1).
  public func count(of type: EdgeType) throws -> Int {
    Int(graph.state.count(of: try graph.edge(type)).total)
  }

  /// Nodes of a type in the order of their ids, a page at a time: at most `limit` from `first` on.
  public func nodes(
    of type: NodeType, from first: NodeID = NodeID(0), limit: Int = 1000
  ) throws -> [NodeID] {
    try graph.ids(of: graph.node(type), from: first.rawValue, limit: limit).map { NodeID($0) }
  }

  /// Nodes whose external keys begin with a text, sorted by key, at most `limit`.
  ///
  /// - Throws: `usage` when the type's keys are integers.
  public func nodes(
    of type: NodeType, keysBeginningWith prefix: String, limit: Int = 1000
  ) throws -> [NodeID] {
    try graph.ids(of: graph.node(type), keyPrefix: prefix, limit: limit).map { NodeID($0) }
  }

  /// A property of a node, or `nil` for null.
  public func value(of column: String, of type: NodeType, at id: NodeID) throws -> PropertyValue? {
    let node = try graph.node(type)
    try graph.requireNode(id.rawValue, of: node)
    return try graph.value(id.rawValue, graph.column(column, of: node), of: node)
  }

  /// All properties of a node but null ones.
  public func properties(of id: NodeID, of type: NodeType) throws -> [String: PropertyValue] {
    let node = try graph.node(type)
    try graph.requireNode(id.rawValue, of: node)
    var values: [String: PropertyValue] = [:]
    for column in node.columns {
      values[column.name] = try graph.value(id.rawValue, column, of: node)
    }
    return values
  }

  // MARK: Edges

  /// Where edges of a type lead from a node, rising; a node that several edges lead to is there as
  /// often. With the `rev_` reading of a type, where its edges come from. Time O(degree).
  public func neighbors(of id: NodeID, along type: EdgeType) throws -> [NodeID] {
    try row(id, along: type).map { NodeID($0.id) }
  }

  /// The edges of a type at a node, in the order of their other ends.
  public func edges(of id: NodeID, along type: EdgeType) throws -> [LiveEdge] {
    var edges: [LiveEdge] = []
    var parallel = 0
    var last: UInt32?
    for entry in try row(id, along: type) {
      parallel = entry.id == last ? parallel + 1 : 0
      last = entry.id
      let other = NodeID(entry.id)
      edges.append(
        type.isReversed
          ? LiveEdge(source: other, target: id, parallel: parallel)
          : LiveEdge(source: id, target: other, parallel: parallel))
    }
    return edges
  }

  private func row(_ id: NodeID, along type: EdgeType) throws -> [LiveGraph.Neighbor] {
    let edge = try graph.edge(type.isReversed ? type.reversed : type)
    try graph.requireNode(
      id.rawValue, of: graph.node(type.isReversed ? edge.type.target : edge.type.source))
    return try graph.row(id.rawValue, edge, type.isReversed ? .in : .out)
  }

  /// How many edges of a type leave a node, or, with its `rev_` reading, arrive. Time O(changes of
  /// the node).
  public func degree(of id: NodeID, along type: EdgeType) throws -> Int {
    let edge = try graph.edge(type.isReversed ? type.reversed : type)
    return try graph.degree(id.rawValue, edge, type.isReversed ? .in : .out)
  }

  /// How many edges of a type lead from one node to another. Time O(log degree).
  public func edgeCount(from source: NodeID, _ type: EdgeType, to target: NodeID) throws -> Int {
    try graph.parallels(source.rawValue, target.rawValue, graph.edge(type)).count
  }

  /// A property of an edge, or `nil` for null.
  ///
  /// - Parameter parallel: which of the edges between the two nodes.
  public func value(
    of column: String, from source: NodeID, _ type: EdgeType, to target: NodeID,
    parallel: Int = 0
  ) throws -> PropertyValue? {
    let edge = try graph.edge(type)
    let origins = try graph.parallels(source.rawValue, target.rawValue, edge)
    guard origins.indices.contains(parallel) else {
      throw HedgerowError(
        .badData,
        "there are \(origins.count) edges of '\(type)' from node \(source.rawValue) to node "
          + "\(target.rawValue): none has the number \(parallel)")
    }
    return try graph.value(
      origins[parallel], source.rawValue, target.rawValue, graph.column(column, of: edge), of: edge)
  }

  // MARK: Sets

  /// The members of a named set, or `nil` when there is no such set.
  public func set(named name: String, of type: NodeType) throws -> RoaringBitmap? {
    try graph.set(name, of: graph.node(type))
  }

  /// The names of a type's sets, sorted.
  public func setNames(of type: NodeType) throws -> [String] {
    try graph.setNames(of: graph.node(type))
  }
}
