import HedgerowCore
import HedgerowLMDB
import HedgerowRoaring

/// The tables of changes as one transaction saw them. Copying takes a hundredth of the time that
/// making sense of them does: LMDB can use no page again that a transaction may still see.
struct CopiedChanges: Sendable {
  /// By node type.
  let keys: [UInt16: TableCopy<NodeKey, [UInt8]>]
  let deleted: TableCopy<BlockKey, StoredSet>
  let sets: TableCopy<SetKey, StoredSet>
  let cells: TableCopy<CellKey, [UInt8]>
  let categories: TableCopy<CategoryKey, String>
  /// By edge type.
  let out: [UInt16: TableCopy<DeltaKey, [UInt8]>]
  let into: [UInt16: TableCopy<DeltaKey, [UInt8]>]

  init(_ catalog: Catalog, _ txn: KeptTransaction) throws {
    let tables = StoreTables()
    var keys: [UInt16: TableCopy<NodeKey, [UInt8]>] = [:]
    for node in catalog.nodes {
      var prefix: [UInt8] = []
      appendBigEndian(node.id, to: &prefix)
      keys[node.id] = try txn.copy(tables.keysByID, prefix: prefix)
    }
    var out: [UInt16: TableCopy<DeltaKey, [UInt8]>] = [:]
    var into = out
    for edge in catalog.edges {
      out[edge.id] = try txn.copy(tables.delta, prefix: DeltaKey.prefix(edge.id, .out))
      into[edge.id] = try txn.copy(tables.delta, prefix: DeltaKey.prefix(edge.id, .in))
    }
    (self.keys, self.out, self.into) = (keys, out, into)
    deleted = try txn.copy(tables.deleted)
    sets = try txn.copy(tables.sets)
    cells = try txn.copy(tables.cells)
    categories = try txn.copy(tables.categories)
  }

  /// Deleted nodes by type.
  func deletedNodes() throws -> [UInt16: RoaringBitmap] {
    var nodes: [UInt16: RoaringBitmap] = [:]
    try deleted.visit { key, set in
      nodes[key.type, default: RoaringBitmap()].formUnion(set.members)
    }
    return nodes
  }

  /// Named sets, put together from their blocks.
  func namedSets() throws -> [SetName: RoaringBitmap] {
    var named: [SetName: RoaringBitmap] = [:]
    try sets.visit { key, set in
      named[key.set, default: RoaringBitmap()].formUnion(set.members)
    }
    return named
  }
}

/// What came to a store since its segments were written.
struct SnapshotChanges: Sendable {
  /// By edge type; one that did not change is not there.
  private(set) var edges: [UInt16: EdgeOverlay] = [:]
  /// Values that changed, by node id or place in the segments' out order.
  private(set) var cells: [ColumnKey: [UInt64: Cell]] = [:]
  /// Categories behind those of the dictionary segment.
  private(set) var categories: [ColumnKey: [String]] = [:]
  /// By node type, keys behind the dictionary segment, in id order.
  private(set) var keys: [UInt16: [[UInt8]]] = [:]
  var deleted: [UInt16: RoaringBitmap] = [:]

  /// Keys of the nodes that the state counts.
  mutating func readKeys(_ state: StoreState, _ copied: CopiedChanges) throws {
    for node in state.catalog.nodes {
      var next = node.dictionaryCount
      let end = state.count(of: node).total
      var added: [[UInt8]] = []
      try copied.keys[node.id]!.walk { key, bytes in
        guard next < end else { return .stop }
        guard UInt64(key.id) == next else {
          throw HedgerowError(
            .damaged, "node \(next) of type '\(node.name)' has no key",
            at: "data.mdb table keys.ids")
        }
        next += 1
        added.append(bytes)
        return .next
      }
      if !added.isEmpty { keys[node.id] = added }
    }
  }

  /// Changed edges and values.
  mutating func readValues(
    _ state: StoreState, _ generation: Generation, _ copied: CopiedChanges
  ) throws {
    try copied.cells.visit { key, bytes in
      cells[key.column, default: [:]][key.place] = Cell(bytes: bytes)
    }
    try copied.categories.visit { key, text in
      categories[key.column, default: []].append(text)
    }
    for edge in state.catalog.edges {
      let changes = (copied.out[edge.id]!, copied.into[edge.id]!)
      if changes.0.isEmpty && changes.1.isEmpty { continue }
      let source = try state.endNode(edge.type.source, of: edge)
      let target = try state.endNode(edge.type.target, of: edge)
      func base(_ index: AdjacencyIndex) throws -> StoredAdjacency {
        try generation.adjacency(
          edge, index, sourceCount: Int(source.count), targetCount: Int(target.count))
      }
      let time = try edge.timeColumn.flatMap { name in
        try edge.columns.first { $0.name == name }.map {
          try generation.column(.edge, edge.id, $0, place: "\(edge.type).\(name)")
        }
      }
      edges[edge.id] = try EdgeOverlay(
        edge, out: base(.out), into: base(.in), changes: changes,
        sourceCount: Int(state.count(of: source).total),
        targetCount: Int(state.count(of: target).total), time: time)
    }
  }

  /// About the memory that all of this holds.
  var privateByteCount: Int {
    edges.values.reduce(0) { $0 + $1.privateByteCount }
      + cells.values.reduce(0) { $0 + $1.values.reduce(0) { $0 + 72 + $1.bytes.count } }
      + keys.values.reduce(0) { $0 + $1.reduce(0) { $0 + 112 + 2 * $1.count } }
  }
}
