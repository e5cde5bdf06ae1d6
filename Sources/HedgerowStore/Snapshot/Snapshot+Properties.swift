public import HedgerowCore
public import HedgerowGraph

extension Snapshot: FeatureSource {
  private func column(_ name: String, of type: NodeType) throws -> LayeredColumn {
    guard let column = try nodeColumn(name, of: type) else {
      throw HedgerowError(.usage, "no column '\(type).\(name)' in \(store.path)")
    }
    return column
  }

  public func layout(of column: String, of type: NodeType) -> RowLayout? {
    schema.node(type)?.property(column).flatMap { RowLayout($0.kind) }
  }

  public func prefetch(_ nodes: Span<UInt32>, of type: NodeType, column: String) {
    // A column that cannot be opened says so when it is read.
    try? self.column(column, of: type).prefetch(nodes)
  }

  public func release(_ nodes: Span<UInt32>, of type: NodeType, column: String) {
    try? self.column(column, of: type).release(nodes)
  }

  public func gather(
    _ nodes: Span<UInt32>, of type: NodeType, column: String,
    into rows: UnsafeMutableBufferPointer<Float>
  ) throws {
    try self.column(column, of: type).gather(nodes, into: rows)
  }

  public func rowsInPlace(
    _ nodes: Span<UInt32>, of type: NodeType, column: String
  ) throws -> RowsInPlace? {
    try self.column(column, of: type).rowsInPlace(nodes)
  }

  public func copy(
    _ nodes: Span<UInt32>, of type: NodeType, column: String,
    into rows: UnsafeMutableRawBufferPointer
  ) throws {
    try self.column(column, of: type).copy(nodes, into: rows)
  }

  public func read(
    _ nodes: Span<UInt32>, of type: NodeType, column: String,
    into rows: UnsafeMutableRawBufferPointer
  ) throws {
    if try self.column(column, of: type).readDirectly(nodes, into: rows) { return }
    try readThroughMemory(nodes, of: type, column: column, into: rows)
  }

  public func labels(_ nodes: Span<UInt32>, of type: NodeType, column: String) throws -> [Int32] {
    try self.column(column, of: type).labels(nodes)
  }

  public func keys(_ nodes: Span<UInt32>, of type: NodeType) throws -> [String] {
    let keys = try keys(of: type)
    return try (0..<nodes.count).map { try keys.key(of: nodes[$0]) }
  }
}

extension Snapshot {
  /// One property of a node, or `nil` for null. Throws `usage` when there is no such column.
  public func value(of column: String, of type: NodeType, at node: NodeID) throws -> PropertyValue?
  {
    try self.column(column, of: type).value(UInt64(node.rawValue))
  }

  /// One property of the edge at a place of the out order, or `nil` for null.
  public func value(
    of column: String, of type: EdgeType, at position: UInt64
  ) throws -> PropertyValue? {
    guard let found = try edgeColumn(column, of: type) else {
      throw HedgerowError(.usage, "no column '\(type).\(column)' in \(store.path)")
    }
    return try found.value(position)
  }

  /// The texts of a categorical column, by code.
  public func categories(of column: String, of type: NodeType) throws -> [String] {
    try self.column(column, of: type).categories
  }

  /// The node with an external key, or `nil`; a UUID in either case. Time O(log nodes).
  public func node(_ type: NodeType, key: String) throws -> NodeID? {
    guard let id = try keys(of: type).id(of: key), !deletedNodes(of: type).contains(id) else {
      return nil
    }
    return NodeID(id)
  }

  /// The external key of a node, as text.
  public func key(of node: NodeID, of type: NodeType) throws -> String {
    try keys(of: type).key(of: node.rawValue)
  }

  /// The keys of nodes that follow each other, for a type whose keys are integers.
  public func integerKeys(of nodes: Range<Int>, of type: NodeType) throws -> [Int64] {
    try keys(of: type).integers(of: nodes)
  }

  /// The keys of nodes that follow each other, for a type whose keys are UUIDs.
  public func uuidKeys(of nodes: Range<Int>, of type: NodeType) throws -> [UUIDKey] {
    try keys(of: type).uuids(of: nodes)
  }

  /// The keys of nodes that follow each other, for a type whose keys are texts. They stay as long as
  /// the snapshot does.
  public func textKeys(
    of nodes: Range<Int>, of type: NodeType
  ) throws -> [UnsafeRawBufferPointer] {
    try keys(of: type).texts(of: nodes)
  }
}
