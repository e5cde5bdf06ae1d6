public import HedgerowCore

/// Reads external keys of a node type by id, in any order, for whoever copies many of them.
public struct NodeKeyReader: Sendable {
  private let keys: LayeredKeys

  init(_ keys: LayeredKeys) { self.keys = keys }

  public var kind: KeyKind { keys.kind }

  /// The key of a node of a type with integer keys (`int64` or `identity`).
  public func integer(of id: UInt32) -> Int64 { keys.integer(of: id) }

  /// The key of a node of a type with UUIDs.
  public func uuid(of id: UInt32) -> UUIDKey { keys.uuid(of: id) }

  /// The key of a node of a type with texts. It stays as long as the snapshot does.
  ///
  /// - Throws: `damaged` for offsets that make no sense.
  public func text(of id: UInt32) throws -> UnsafeRawBufferPointer { try keys.text(of: id) }
}

extension Snapshot {
  /// Throws `usage` when there is no such type.
  public func keyReader(of type: NodeType) throws -> NodeKeyReader {
    NodeKeyReader(try keys(of: type))
  }
}
