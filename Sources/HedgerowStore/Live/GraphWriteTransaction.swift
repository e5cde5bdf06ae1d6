public import HedgerowCore
import HedgerowRoaring

/// The newest state of a store, to read from and to change. What it changed is there for all when
/// the closure it was handed to returns, on the disk; when the closure throws, nothing has happened.
public struct GraphWriteTransaction: ~Copyable, GraphTransaction {
  public let state: LiveState

  init(_ graph: LiveWriter) { state = LiveState(graph: graph) }

  /// The initializer takes nothing else.
  private var writer: LiveWriter { unsafeDowncast(state.graph, to: LiveWriter.self) }
}

extension GraphWriteTransaction {
  // MARK: Nodes

  /// Makes a node.
  ///
  /// Its id is one that no node of the type ever had, unless a node of the same key was deleted: then
  /// the key gets its id back, and nothing else of what it had.
  /// - Throws: `badData` when there is a node of the key, or a value does not fit its column.
  @discardableResult
  public func insert(
    _ type: NodeType, key: String, _ properties: [String: PropertyValue?] = [:]
  ) throws -> NodeID {
    let node = try writer.node(type)
    let id = try writer.insert(key, into: node)
    for (name, value) in properties.sorted(by: { $0.key < $1.key }) {
      try writer.set(writer.column(name, of: node), of: node, id, to: value)
    }
    return NodeID(id)
  }

  /// The node of a key, made when there is none, with these properties; others stay as they are.
  @discardableResult
  public func upsert(
    _ type: NodeType, key: String, _ properties: [String: PropertyValue?] = [:]
  ) throws -> NodeID {
    guard let id = try find(type, key: key) else { return try insert(type, key: key, properties) }
    for (name, value) in properties.sorted(by: { $0.key < $1.key }) {
      try set(name, of: type, id, to: value)
    }
    return id
  }

  /// Sets a property of a node; `nil` is null.
  public func set(
    _ column: String, of type: NodeType, _ id: NodeID, to value: PropertyValue?
  ) throws {
    let node = try writer.node(type)
    try writer.requireNode(id.rawValue, of: node)
    try writer.set(writer.column(column, of: node), of: node, id.rawValue, to: value)
  }

  /// Deletes a node, all its edges, and its memberships in sets. Its id is not given to another.
  public func delete(_ type: NodeType, _ id: NodeID) throws {
    try writer.delete(id.rawValue, of: writer.node(type))
  }

  // MARK: Edges

  /// Adds an edge. Between two nodes there may be several of a type. Of an undirected type both arcs
  /// are added.
  public func connect(
    _ source: NodeID, _ type: EdgeType, _ target: NodeID,
    _ properties: [String: PropertyValue?] = [:]
  ) throws {
    let edge = try writer.edge(type)
    let values = try properties.sorted { $0.key < $1.key }.map {
      (column: try writer.column($0.key, of: edge), value: $0.value)
    }
    try writer.connect(source.rawValue, target.rawValue, edge, values)
  }

  /// Deletes the edges of a type from one node to another; says how many there were.
  @discardableResult
  public func disconnect(_ source: NodeID, _ type: EdgeType, _ target: NodeID) throws -> Int {
    let edge = try writer.edge(type)
    let count = try writer.parallels(source.rawValue, target.rawValue, edge).count
    for parallel in (0..<count).reversed() {
      try writer.disconnect(source.rawValue, target.rawValue, parallel: parallel, edge)
    }
    return count
  }

  /// Deletes one of the edges of a type from one node to another.
  ///
  /// - Throws: `badData` when there are not so many.
  public func disconnect(
    _ source: NodeID, _ type: EdgeType, _ target: NodeID, parallel: Int
  ) throws {
    try writer.disconnect(
      source.rawValue, target.rawValue, parallel: parallel, writer.edge(type))
  }

  /// Sets a property of an edge; `nil` is null.
  ///
  /// Rows are sorted by the time that a type declares, so an edge whose time changes goes behind its
  /// parallel edges.
  /// - Parameter parallel: which of the edges between the two nodes.
  public func set(
    _ column: String, from source: NodeID, _ type: EdgeType, to target: NodeID,
    parallel: Int = 0, _ value: PropertyValue?
  ) throws {
    let edge = try writer.edge(type)
    try writer.set(
      writer.column(column, of: edge), of: edge, source.rawValue, target.rawValue,
      parallel: parallel, to: value)
  }

  // MARK: Sets

  /// Makes an empty set, unless there is one of the name.
  public func makeSet(_ name: String, of type: NodeType) throws {
    try writer.makeSet(name, of: writer.node(type))
  }

  /// Removes a set; its members stay.
  public func dropSet(_ name: String, of type: NodeType) throws {
    try writer.dropSet(name, of: writer.node(type))
  }

  /// Puts a node into a set, which is made when there is none.
  public func insert(_ id: NodeID, of type: NodeType, into set: String) throws {
    try writer.insert(id.rawValue, into: set, of: writer.node(type))
  }

  /// Takes a node out of a set.
  public func remove(_ id: NodeID, of type: NodeType, from set: String) throws {
    try writer.remove(id.rawValue, from: set, of: writer.node(type))
  }
}
