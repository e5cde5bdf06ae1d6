import HedgerowCore
import HedgerowLMDB
import HedgerowRoaring

extension LiveWriter {
  /// Block 0 is always there.
  private func hasSet(_ name: String, of node: NodeTypeRecord) throws -> Bool {
    let key = SetKey(SetName(type: node.id, name: name), block: 0)
    return try txn.value(for: key, in: tables.sets) != nil
  }

  private func putSet(_ name: String, _ members: RoaringBitmap, of node: NodeTypeRecord) throws {
    for (block, part) in members.blocks() {
      let key = SetKey(SetName(type: node.id, name: name), block: block)
      try txn.put(StoredSet(part), for: key, in: tables.sets)
    }
  }

  func makeSet(_ name: String, of node: NodeTypeRecord) throws {
    try Identifier.check(name, as: "set")
    if try hasSet(name, of: node) { return }
    try putSet(name, RoaringBitmap(), of: node)
    try note(.makeSet(type: node.id, set: name))
  }

  func dropSet(_ name: String, of node: NodeTypeRecord) throws {
    guard try hasSet(name, of: node) else {
      throw HedgerowError(.usage, "node type '\(node.name)' has no set named '\(name)'")
    }
    for id in try set(name, of: node) ?? [] {
      try note(.removeMember(type: node.id, id: id, set: name))
    }
    try txn.removeAll(in: tables.sets, prefix: SetName(type: node.id, name: name).prefix)
    try note(.dropSet(type: node.id, set: name))
  }

  func insert(_ id: UInt32, into name: String, of node: NodeTypeRecord) throws {
    try requireNode(id, of: node)
    try makeSet(name, of: node)
    let key = SetKey(SetName(type: node.id, name: name), block: UInt16(id >> 16))
    var members = try txn.value(for: key, in: tables.sets)?.members ?? RoaringBitmap()
    guard members.insert(id) else { return }
    try txn.put(StoredSet(members), for: key, in: tables.sets)
    try note(.insertMember(type: node.id, id: id, set: name))
  }

  func remove(_ id: UInt32, from name: String, of node: NodeTypeRecord) throws {
    guard try hasSet(name, of: node) else {
      throw HedgerowError(.usage, "node type '\(node.name)' has no set named '\(name)'")
    }
    let key = SetKey(SetName(type: node.id, name: name), block: UInt16(id >> 16))
    guard var members = try txn.value(for: key, in: tables.sets)?.members, members.remove(id)
    else { return }
    if members.isEmpty && key.block != 0 {
      try txn.remove(key, in: tables.sets)
    } else {
      try txn.put(StoredSet(members), for: key, in: tables.sets)
    }
    try note(.removeMember(type: node.id, id: id, set: name))
  }
}

extension RoaringBitmap {
  /// The members by the upper halves of their numbers; always a first part.
  func blocks() -> [(block: UInt16, members: RoaringBitmap)] {
    var parts: [(UInt16, RoaringBitmap)] = [(0, intersection(RoaringBitmap(0...0xFFFF)))]
    guard let largest = max(), largest > 0xFFFF else { return parts }
    for block in 1...(largest >> 16) {
      let part = intersection(RoaringBitmap(block << 16...(block << 16 | 0xFFFF)))
      if !part.isEmpty { parts.append((UInt16(block), part)) }
    }
    return parts
  }
}
