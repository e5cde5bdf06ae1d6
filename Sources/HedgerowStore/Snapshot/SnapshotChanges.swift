import HedgerowCore
import HedgerowLMDB
import HedgerowRoaring

/// What came to a store since its segments were written, copied out of one transaction.
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

  /// Keys of the nodes that the state counts, and which were deleted.
  mutating func readNodes(_ state: StoreState, _ txn: KeptTransaction) throws {
    let tables = StoreTables()
    for node in state.catalog.nodes {
      var next = node.dictionaryCount
      let end = state.count(of: node).total
      var prefix: [UInt8] = []
      appendBigEndian(node.id, to: &prefix)
      var added: [[UInt8]] = []
      try txn.walk(tables.keysByID, prefix: prefix) { key, bytes in
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
    try txn.forEach(in: tables.deleted) { key, set in
      deleted[key.type, default: RoaringBitmap()].formUnion(set.members)
    }
  }

  /// Changed edges and values.
  mutating func readValues(
    _ state: StoreState, _ generation: Generation, _ txn: KeptTransaction
  ) throws {
    let tables = StoreTables()
    try txn.forEach(in: tables.cells) { key, bytes in
      cells[key.column, default: [:]][key.place] = Cell(bytes: bytes)
    }
    try txn.forEach(in: tables.categories) { key, text in
      categories[key.column, default: []].append(text)
    }
    guard try txn.count(in: tables.delta) > 0 else { return }
    for edge in state.catalog.edges {
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
        edge, out: base(.out), into: base(.in),
        sourceCount: Int(state.count(of: source).total),
        targetCount: Int(state.count(of: target).total), time: time, txn)
    }
  }

  /// About the memory that all of this holds.
  var privateByteCount: Int {
    edges.values.reduce(0) { $0 + $1.privateByteCount }
      + cells.values.reduce(0) { $0 + $1.values.reduce(0) { $0 + 72 + $1.bytes.count } }
      + keys.values.reduce(0) { $0 + $1.reduce(0) { $0 + 112 + 2 * $1.count } }
  }
}
