import HedgerowCore

/// The external keys of a node type in a snapshot: the dictionary, and behind its last id the keys
/// that came since.
final class LayeredKeys: @unchecked Sendable {
  let kind: KeyKind
  let count: Int
  private let base: StoredKeys
  // Filled by init and never written again.
  private let bytes: UnsafeMutableRawBufferPointer
  private let offsets: [Int]
  private let ids: [[UInt8]: UInt32]

  /// - Parameter added: the keys behind the dictionary, in id order.
  init(_ base: StoredKeys, added: [[UInt8]]) {
    kind = base.kind
    self.base = base
    count = base.count + added.count
    bytes = .allocate(byteCount: added.reduce(0) { $0 + $1.count }, alignment: 1)
    var offsets = [0]
    var ids: [[UInt8]: UInt32] = [:]
    for (index, key) in added.enumerated() {
      let start = offsets[offsets.count - 1]
      for (place, byte) in key.enumerated() { bytes[start + place] = byte }
      offsets.append(start + key.count)
      ids[key] = UInt32(base.count + index)
    }
    self.offsets = offsets
    self.ids = ids
  }

  deinit { bytes.deallocate() }

  private func added(_ id: Int) -> UnsafeRawBufferPointer {
    let place = id - base.count
    return UnsafeRawBufferPointer(rebasing: bytes[offsets[place]..<offsets[place + 1]])
  }

  /// The external key of an id, as text.
  func key(of id: UInt32) throws -> String {
    require(Int(id) < count, "node \(id) of \(count)")
    return Int(id) < base.count
      ? try base.key(of: id) : kind.text(of: [UInt8](added(Int(id))))
  }

  func integer(of id: UInt32) -> Int64 {
    require(
      (kind == .int64 || kind == .identity) && Int(id) < count, "integer key of \(id) of \(count)")
    return Int(id) < base.count
      ? base.integer(of: Int(id)) : Int64(kind.text(of: [UInt8](added(Int(id)))))!
  }

  func uuid(of id: UInt32) -> UUIDKey {
    require(kind == .uuid && Int(id) < count, "UUID of \(id) of \(count)")
    return Int(id) < base.count
      ? base.uuid(of: Int(id)) : UUIDKey(kind.text(of: [UInt8](added(Int(id)))))!
  }

  func text(of id: UInt32) throws -> UnsafeRawBufferPointer {
    require(kind == .string && Int(id) < count, "text key of \(id) of \(count)")
    return Int(id) < base.count ? try base.text(of: Int(id)) : added(Int(id))
  }

  /// Integer keys of ids that follow each other.
  func integers(of ids: Range<Int>) -> [Int64] {
    require(
      (kind == .int64 || kind == .identity) && ids.upperBound <= count, "nodes \(ids) of \(count)")
    var keys = base.integers(of: ids.clamped(to: 0..<base.count))
    for id in ids.clamped(to: base.count..<count) {
      keys.append(Int64(kind.text(of: [UInt8](added(id))))!)
    }
    return keys
  }

  /// Text keys of ids that follow each other; they stay as long as the dictionary does.
  func texts(of ids: Range<Int>) throws -> [UnsafeRawBufferPointer] {
    require(kind == .string && ids.upperBound <= count, "nodes \(ids) of \(count)")
    return try base.texts(of: ids.clamped(to: 0..<base.count))
      + ids.clamped(to: base.count..<count).map { added($0) }
  }

  /// UUIDs of ids that follow each other.
  func uuids(of ids: Range<Int>) -> [UUIDKey] {
    require(kind == .uuid && ids.upperBound <= count, "nodes \(ids) of \(count)")
    return base.uuids(of: ids.clamped(to: 0..<base.count))
      + ids.clamped(to: base.count..<count).map { UUIDKey(kind.text(of: [UInt8](added($0))))! }
  }

  /// The id that a key has or had, or `nil`.
  func id(of key: String) throws -> UInt32? {
    if !ids.isEmpty, let bytes = kind.bytes(of: key), let id = ids[bytes] { return id }
    return try base.id(of: key)
  }

  /// For `verify`: see ``StoredKeys/verifyContents()``, and that no key is there twice.
  func verifyContents() throws {
    try base.verifyContents()
    guard ids.count == count - base.count else {
      throw HedgerowError(.damaged, "two nodes have the same key", at: "data.mdb table keys.ids")
    }
    for (key, id) in ids {
      guard try base.id(of: kind.text(of: key)) == nil else {
        throw HedgerowError(
          .damaged, "node \(id) has the key of another", at: "data.mdb table keys.ids")
      }
    }
  }
}
