import HedgerowCore
import HedgerowLMDB

/// What stores of format 0 have otherwise than those of format 1. Only an upgrade knows of it.
///
/// Its stores were written by builds of many days. The first knew bulk builds only: their stores lack
/// the tables of changes. Then these came, and fields of the store record and of node types that are not
/// there where nothing was changed; a set lay whole under its name until its first change. Segment files
/// and all else are the same.
enum FormatZero {
  static let format: UInt64 = 0

  struct StoreRecord: Codable, Sendable {
    var format: UInt64
    var uuid: [UInt8]
    var version: UInt64
    var generation: UInt64
    var rangeBits: Int
    var nextNodeType: UInt16
    var nextEdgeType: UInt16
    /// When it is not there, the version before the first in the log, or the version itself: builds
    /// that knew of changes did not write it over a store of those that did not.
    var foldedVersion: UInt64?
    /// The version itself when it is not there.
    var dataVersion: UInt64?
    /// 0 when it is not there.
    var schemaVersion: UInt64?
    /// 0 when it is not there.
    var layout: UInt64?
  }

  struct NodeTypeRecord: Codable, Sendable {
    var id: UInt16
    var name: String
    var count: UInt64
    var keys: KeyKind
    /// `count` when it is not there.
    var keyCount: UInt64?
    var nextColumn: UInt16
    var columns: [ColumnRecord]
  }

  /// The type, the name, and then either 0 and the block, or nothing: the set whole.
  struct SetKey: KeyCodec {
    var set: SetName
    var block: UInt16?

    func encode(into bytes: inout [UInt8]) {
      bytes += set.prefix
      if let block { appendBigEndian(block, to: &bytes) } else { bytes.removeLast() }
    }
    init(decoding bytes: RawSpan) throws {
      let content = bytes.withUnsafeBytes { [UInt8]($0) }
      guard content.count > 2 else { throw HedgerowError(.damaged, "not a set's key") }
      if content.dropFirst(2).contains(0) {
        let key = try HedgerowStore.SetKey(decoding: bytes)
        (set, block) = (key.set, key.block)
      } else {
        set = SetName(
          type: UInt16(content[0]) << 8 | UInt16(content[1]),
          name: String(decoding: content[2...], as: UTF8.self))
      }
    }
  }

  static let store = Table<String, JSON<StoreRecord>>(StoreTables().store.name)
  static let nodes = Table<TypeKey, JSON<NodeTypeRecord>>(StoreTables().nodes.name)
  static let sets = Table<SetKey, StoredSet>(StoreTables().sets.name)
}

extension FormatZero {
  /// Puts everything as format 1 has it, in one transaction.
  static func upgrade(in txn: borrowing WriteTransaction, at path: String) throws {
    let tables = StoreTables()
    try tables.create(in: txn)
    guard let old = try txn.value(for: StoreTables.storeKey, in: store)?.value else {
      throw HedgerowError(.noInput, "not a store: data.mdb has no store record", at: path)
    }
    let firstChanged = try txn.first(in: tables.log)?.key.version
    let record = HedgerowStore.StoreRecord(
      format: 1, uuid: old.uuid, version: old.version, generation: old.generation,
      rangeBits: old.rangeBits, nextNodeType: old.nextNodeType, nextEdgeType: old.nextEdgeType,
      foldedVersion: old.foldedVersion ?? firstChanged.map { max($0, 1) - 1 } ?? old.version,
      dataVersion: old.dataVersion ?? old.version,
      schemaVersion: old.schemaVersion ?? 0, layout: (old.layout ?? 0) + 1)
    try txn.put(JSON(record), for: StoreTables.storeKey, in: tables.store)
    try upgradeTypes(in: txn)
    try upgradeSets(in: txn)
    // Nothing is committed that could not be opened.
    _ = try StoreState(reading: KeptTransaction(txn.handle), at: path)
  }

  /// Every node type says how many keys its dictionary has, every type is counted.
  private static func upgradeTypes(in txn: borrowing WriteTransaction) throws {
    let tables = StoreTables()
    var counted: Set<OwnerKey> = []
    try txn.forEach(in: tables.counts) { key, _ in counted.insert(key) }
    var old: [NodeTypeRecord] = []
    try txn.forEach(in: nodes) { _, node in old.append(node.value) }
    for node in old {
      let record = HedgerowStore.NodeTypeRecord(
        id: node.id, name: node.name, count: node.count, keys: node.keys,
        dictionaryCount: node.keyCount ?? node.count, nextColumn: node.nextColumn,
        columns: node.columns)
      try txn.put(JSON(record), for: TypeKey(node.id), in: tables.nodes)
      let key = OwnerKey(.node, node.id)
      if !counted.contains(key) {
        try txn.put(Counts(total: node.count), for: key, in: tables.counts)
      }
    }
    var edges: [EdgeTypeRecord] = []
    try txn.forEach(in: tables.edges) { _, edge in edges.append(edge.value) }
    for edge in edges {
      let key = OwnerKey(.edge, edge.id)
      if !counted.contains(key) {
        try txn.put(Counts(total: edge.count), for: key, in: tables.counts)
      }
    }
  }

  /// Every set lies in blocks.
  private static func upgradeSets(in txn: borrowing WriteTransaction) throws {
    let tables = StoreTables()
    var whole: [(key: SetKey, set: StoredSet)] = []
    try txn.forEach(in: sets) { key, set in
      if key.block == nil { whole.append((key, set)) }
    }
    for (key, set) in whole {
      try txn.remove(key, in: sets)
      for (block, members) in set.members.blocks() {
        try txn.put(
          StoredSet(members), for: HedgerowStore.SetKey(key.set, block: block), in: tables.sets)
      }
    }
  }
}
