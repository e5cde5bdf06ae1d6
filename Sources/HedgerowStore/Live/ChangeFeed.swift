public import HedgerowCore
import HedgerowLMDB

/// One thing that a commit changed.
public struct Change: Hashable, Sendable {
  /// The version that the commit made.
  public var version: UInt64
  public var kind: Kind

  public enum Kind: Hashable, Sendable {
    /// `again`: a node of the key was deleted before, and has its id back.
    case insertedNode(NodeType, NodeID, key: String, again: Bool)
    case deletedNode(NodeType, NodeID)
    case setProperty(NodeType, NodeID, column: String, PropertyValue?)
    case insertedEdge(EdgeType, NodeID, NodeID, [String: PropertyValue])
    /// `parallel`: which of the edges between the two nodes it was.
    case deletedEdge(EdgeType, NodeID, NodeID, parallel: Int)
    case setEdgeProperty(EdgeType, NodeID, NodeID, parallel: Int, column: String, PropertyValue?)
    case madeSet(NodeType, String)
    case droppedSet(NodeType, String)
    case insertedMember(NodeType, NodeID, set: String)
    case removedMember(NodeType, NodeID, set: String)
    /// A bulk build was published: what it wrote is not listed.
    case built(generation: UInt64)
    /// Types or columns changed.
    case changedSchema(String)
  }
}

extension GraphStore {
  /// What commits after a version changed, in their order; types and columns under their names of
  /// now. Changes of types that were dropped are left out.
  ///
  /// - Parameter limit: stops behind the commit that brings the number to this or more: ask again from
  ///   the last one's version.
  /// - Throws: `usage` when the log does not reach back so far.
  public func changes(since version: UInt64, limit: Int = .max) throws -> [Change] {
    try environment.read { txn in
      let state = try state(in: txn)
      guard version <= state.record.version else {
        throw HedgerowError(
          .usage, "version \(version) is not there yet: the newest is \(state.record.version)",
          at: path)
      }
      let tables = StoreTables()
      let oldest = try txn.first(in: tables.log)?.key.version ?? state.record.version + 1
      guard version + 1 >= oldest || version == state.record.version else {
        throw HedgerowError(
          .usage, "the log does not reach back to version \(version): the oldest is \(oldest - 1)",
          at: path)
      }
      var changes: [Change] = []
      var last = version
      try txn.walk(tables.log, from: LogKey(version + 1, 0)) { key, bytes in
        if key.version != last && changes.count >= limit { return .stop }
        last = key.version
        for logged in try LoggedChange.decode(bytes) {
          if let kind = Change.Kind(logged, state.catalog) {
            changes.append(Change(version: key.version, kind: kind))
          }
        }
        return .next
      }
      return changes
    }
  }
}

extension Change.Kind {
  init?(_ logged: LoggedChange, _ catalog: Catalog) {
    func node(_ id: UInt16) -> NodeTypeRecord? { catalog.nodes.first { $0.id == id } }
    func edge(_ id: UInt16) -> EdgeTypeRecord? { catalog.edges.first { $0.id == id } }
    func column(_ id: UInt16, _ columns: [ColumnRecord]) -> String? {
      columns.first { $0.id == id }?.name
    }
    switch logged {
    case .insertNode(let type, let id, let key, let again):
      guard let node = node(type) else { return nil }
      self = .insertedNode(NodeType(node.name), NodeID(id), key: key, again: again)
    case .deleteNode(let type, let id):
      guard let node = node(type) else { return nil }
      self = .deletedNode(NodeType(node.name), NodeID(id))
    case .setCell(let type, let columnID, let id, let value):
      guard let node = node(type), let name = column(columnID, node.columns) else { return nil }
      self = .setProperty(NodeType(node.name), NodeID(id), column: name, value)
    case .connect(let type, let source, let target, let values):
      guard let edge = edge(type) else { return nil }
      var named: [String: PropertyValue] = [:]
      for (id, value) in values {
        if let name = column(id, edge.columns) { named[name] = value }
      }
      self = .insertedEdge(edge.type, NodeID(source), NodeID(target), named)
    case .disconnect(let type, let source, let target, let parallel):
      guard let edge = edge(type) else { return nil }
      self = .deletedEdge(edge.type, NodeID(source), NodeID(target), parallel: Int(parallel))
    case .setEdgeCell(let type, let source, let target, let parallel, let columnID, let value):
      guard let edge = edge(type), let name = column(columnID, edge.columns) else { return nil }
      self = .setEdgeProperty(
        edge.type, NodeID(source), NodeID(target), parallel: Int(parallel), column: name, value)
    case .insertMember(let type, let id, let set):
      guard let node = node(type) else { return nil }
      self = .insertedMember(NodeType(node.name), NodeID(id), set: set)
    case .removeMember(let type, let id, let set):
      guard let node = node(type) else { return nil }
      self = .removedMember(NodeType(node.name), NodeID(id), set: set)
    case .makeSet(let type, let set):
      guard let node = node(type) else { return nil }
      self = .madeSet(NodeType(node.name), set)
    case .dropSet(let type, let set):
      guard let node = node(type) else { return nil }
      self = .droppedSet(NodeType(node.name), set)
    case .build(let generation): self = .built(generation: generation)
    case .schema(let text): self = .changedSchema(text)
    }
  }
}
