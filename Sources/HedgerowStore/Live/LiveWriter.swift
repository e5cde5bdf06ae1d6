import HedgerowCore
import HedgerowLMDB
import HedgerowRoaring

/// Changes to the newest state inside one writing transaction of LMDB.
///
/// Every change is put where reads look for it (`delta`, `cells`, `keys`, ...) and, as it was asked
/// for, into the log, from which compaction does again what came while it was at work.
final class LiveWriter: LiveGraph {
  private var log = LogWriter()
  /// What is done again is in the log already.
  let isLogging: Bool
  private var changedCounts: Set<OwnerKey> = []
  private var blocks: [BlockKey: RoaringBitmap] = [:]
  private var codes: [ColumnKey: [String: UInt32]] = [:]
  /// Whether anything was changed at all.
  private(set) var hasChanged = false

  init(
    path: String, generation: Generation, state: StoreState, handle: TransactionHandle,
    isLogging: Bool = true
  ) {
    self.isLogging = isLogging
    super.init(path: path, generation: generation, state: state, handle: handle)
  }

  /// The version that the transaction will leave.
  var version: UInt64 { state.record.version + 1 }

  func note(_ change: LoggedChange) throws {
    hasChanged = true
    guard isLogging else { return }
    try log.append(change, version: version, to: txn)
  }

  /// Writes what was gathered; the last step before a commit.
  func finish() throws {
    for key in changedCounts {
      if let counts = state.counts[key] { try txn.put(counts, for: key, in: tables.counts) }
    }
    for (key, members) in blocks {
      try txn.put(StoredSet(members), for: key, in: tables.deleted)
    }
    guard isLogging, hasChanged else { return }
    try log.flush(version: version, to: txn)
    state.record.version += 1
    state.record.dataVersion = state.record.version
    try txn.put(JSON(state.record), for: StoreTables.storeKey, in: tables.store)
  }

  func change(_ key: OwnerKey, _ body: (inout Counts) -> Void) {
    var counts = state.count(key)
    body(&counts)
    state.counts[key] = counts
    changedCounts.insert(key)
  }

  override func deletedBlock(_ key: BlockKey) throws -> RoaringBitmap? {
    try blocks[key] ?? super.deletedBlock(key)
  }

  // MARK: Nodes

  /// Makes a node, or gives a deleted one back its key's old id.
  func insert(_ key: String, into node: NodeTypeRecord) throws -> UInt32 {
    guard let bytes = node.keys.bytes(of: key) else {
      throw HedgerowError(
        .badData,
        "'\(key)' is no key of node type '\(node.name)', whose keys are "
          + (node.keys == .uuid ? "UUIDs" : "integers"))
    }
    let counts = OwnerKey(.node, node.id)
    if let known = try id(of: key, node) {
      guard try isDeleted(known, of: node) else {
        throw HedgerowError(.badData, "node '\(key)' of type '\(node.name)' exists already")
      }
      let block = BlockKey(node.id, UInt16(known >> 16))
      var members = try deletedBlock(block) ?? RoaringBitmap()
      members.remove(known)
      blocks[block] = members
      change(counts) { $0.other -= 1 }
      try clear(known, of: node)
      try note(.insertNode(type: node.id, id: known, key: key, again: true))
      return known
    }
    let total = state.count(of: node).total
    guard let id = UInt32(exactly: total) else {
      throw HedgerowError(
        .badData, "node type '\(node.name)' has 2^32 nodes; a type holds no more")
    }
    change(counts) { $0.total += 1 }
    let entry = ExternalKeyEntry(node.id, bytes)
    let others =
      try bytes.count > ExternalKeyEntry.wholeByteCount
      ? txn.value(for: entry, in: tables.keys)?.ids ?? [] : []
    try txn.put(NodeIDs(others + [id]), for: entry, in: tables.keys)
    try txn.put(bytes, for: NodeKey(node.id, id), in: tables.keysByID)
    try note(.insertNode(type: node.id, id: id, key: key, again: false))
    return id
  }

  /// What a node had before it was deleted is gone.
  func clear(_ id: UInt32, of node: NodeTypeRecord) throws {
    for column in node.columns {
      try put(column.defaultCell.map { Cell(bytes: $0) } ?? .null, id, column, of: node)
    }
  }

  /// Deletes a node, its edges and its memberships.
  func delete(_ id: UInt32, of node: NodeTypeRecord) throws {
    try requireNode(id, of: node)
    for edge in state.catalog.edges {
      if edge.source == node.name {
        for entry in try row(id, edge, .out).reversed() {
          try disconnect(id, entry.id, entry.origin, edge)
        }
      }
      if edge.target == node.name {
        for entry in try row(id, edge, .in).reversed() {
          try disconnect(entry.id, id, entry.origin, edge)
        }
      }
    }
    for name in try setNames(of: node) { try remove(id, from: name, of: node) }
    let block = BlockKey(node.id, UInt16(id >> 16))
    var members = try deletedBlock(block) ?? RoaringBitmap()
    members.insert(id)
    blocks[block] = members
    change(OwnerKey(.node, node.id)) { $0.other += 1 }
    try note(.deleteNode(type: node.id, id: id))
  }

  // MARK: Cells

  /// Makes the cell of a value; new categories get the next code.
  func cell(_ value: PropertyValue?, _ key: ColumnKey, _ column: ColumnRecord, place: String)
    throws -> Cell
  {
    try Cell(value, column.kind(at: place), column: place) { text in
      if codes[key] == nil {
        var known = try generation.codes(key.owner, key.type, column, place: place)
        var prefix: [UInt8] = []
        key.encode(into: &prefix)
        try txn.forEach(in: tables.categories, prefix: prefix) { known[$1] = $0.code }
        codes[key] = known
      }
      if let code = codes[key]![text] { return code }
      let code = UInt32(codes[key]!.count)
      codes[key]![text] = code
      try txn.put(text, for: CategoryKey(key, code), in: tables.categories)
      return code
    }
  }

  private func put(_ cell: Cell, _ id: UInt32, _ column: ColumnRecord, of node: NodeTypeRecord)
    throws
  {
    let key = CellKey(ColumnKey(.node, node.id, column.id), UInt64(id))
    try txn.put(cell.bytes, for: key, in: tables.cells)
  }

  func set(
    _ column: ColumnRecord, of node: NodeTypeRecord, _ id: UInt32, to value: PropertyValue?
  ) throws {
    let place = "\(node.name).\(column.name)"
    let key = ColumnKey(.node, node.id, column.id)
    try put(cell(value, key, column, place: place), id, column, of: node)
    try note(.setCell(type: node.id, column: column.id, id: id, value))
  }
}

extension LiveWriter {
  // MARK: Again

  /// Does again what the log says, over segments that hold all that came before it. Counts, keys,
  /// deleted nodes and sets are never folded into segments and so are as they are.
  func apply(_ change: LoggedChange) throws {
    func node(_ type: UInt16) throws -> NodeTypeRecord {
      guard let node = state.catalog.nodes.first(where: { $0.id == type }) else { throw wrong }
      return node
    }
    func edge(_ type: UInt16) throws -> EdgeTypeRecord {
      guard let edge = state.catalog.edges.first(where: { $0.id == type }) else { throw wrong }
      return edge
    }
    switch change {
    case .insertNode(let type, let id, _, let again):
      if again { try clear(id, of: node(type)) }
    case .setCell(let type, let column, let id, let value):
      let node = try node(type)
      guard let column = node.columns.first(where: { $0.id == column }) else { return }
      try set(column, of: node, id, to: value)
    case .connect(let type, let source, let target, let values):
      let edge = try edge(type)
      try connect(
        source, target, edge,
        values.compactMap { id, value in
          edge.columns.first { $0.id == id }.map { ($0, value) }
        })
    case .disconnect(let type, let source, let target, let parallel):
      try disconnect(source, target, parallel: Int(parallel), edge(type))
    case .setEdgeCell(let type, let source, let target, let parallel, let column, let value):
      let edge = try edge(type)
      guard let column = edge.columns.first(where: { $0.id == column }) else { return }
      try set(column, of: edge, source, target, parallel: Int(parallel), to: value)
    case .deleteNode, .insertMember, .removeMember, .makeSet, .dropSet, .build, .schema: break
    }
  }

  private var wrong: HedgerowError {
    HedgerowError(.damaged, "a change in the log cannot be done again", at: "data.mdb table log")
  }
}
