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
  private let isLogging: Bool
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

  private func change(_ key: OwnerKey, _ body: (inout Counts) -> Void) {
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
  private func clear(_ id: UInt32, of node: NodeTypeRecord) throws {
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

  // MARK: Edges

  func connect(
    _ source: UInt32, _ target: UInt32, _ edge: EdgeTypeRecord,
    _ values: [(column: ColumnRecord, value: PropertyValue?)]
  ) throws {
    // What is done again may be of nodes that were deleted later.
    if isLogging {
      try requireNode(source, of: node(edge.type.source))
      try requireNode(target, of: node(edge.type.target))
    }
    var cells = CellList()
    for (column, value) in values {
      cells[column.id] = try cell(
        value, ColumnKey(.edge, edge.id, column.id), column, place: "\(edge.type).\(column.name)")
    }
    try add(source, target, edge, cells)
    if edge.isUndirected && source != target { try add(target, source, edge, cells) }
    try note(
      .connect(
        type: edge.id, source: source, target: target,
        values.map { (column: $0.column.id, $0.value) }))
  }

  private func add(
    _ source: UInt32, _ target: UInt32, _ edge: EdgeTypeRecord, _ cells: CellList
  ) throws {
    let counts = OwnerKey(.edge, edge.id)
    let number = state.count(counts).other
    let time = try time(in: cells, edge)
    try txn.put(
      cells.encoded, for: DeltaKey(edge.id, .out, row: source, neighbor: target, .added, number),
      in: tables.delta)
    try txn.put(
      time, for: DeltaKey(edge.id, .in, row: target, neighbor: source, .added, number),
      in: tables.delta)
    change(counts) {
      if isLogging { $0.total += 1 }
      $0.other += 1
    }
  }

  /// The time by which an index sorts, as bytes; empty where the type declares none.
  private func time(in cells: CellList, _ edge: EdgeTypeRecord) throws -> [UInt8] {
    guard let name = edge.timeColumn else { return [] }
    let column = try column(name, of: edge)
    guard let cell = cells[column.id] ?? column.defaultCell.map({ Cell(bytes: $0) }), !cell.isNull
    else {
      throw HedgerowError(
        .badData, "an edge of '\(edge.type)' needs its time: give column '\(name)' a value")
    }
    return Array(cell.content)
  }

  /// Takes out the edge between two nodes that stands at a place among its parallels.
  func disconnect(
    _ source: UInt32, _ target: UInt32, parallel: Int, _ edge: EdgeTypeRecord
  ) throws {
    let origins = try parallels(source, target, edge)
    guard origins.indices.contains(parallel) else {
      throw HedgerowError(
        .badData,
        "there are \(origins.count) edges of '\(edge.type)' from node \(source) to node \(target): "
          + "none has the number \(parallel)")
    }
    try disconnect(source, target, origins[parallel], edge)
  }

  private func disconnect(
    _ source: UInt32, _ target: UInt32, _ origin: Origin, _ edge: EdgeTypeRecord
  ) throws {
    let parallel = try parallels(source, target, edge).firstIndex(of: origin)!
    // The other arc of an undirected edge has the same place among its parallels.
    let arcs =
      edge.isUndirected && source != target
      ? [(source, target), (target, source)] : [(source, target)]
    for (source, target) in arcs {
      let origins = try parallels(source, target, edge)
      guard parallel < origins.count else {
        throw HedgerowError(
          .damaged, "an edge of '\(edge.type)' has one arc only", at: "data.mdb table delta")
      }
      try remove(source, target, origins[parallel], edge)
    }
    try note(
      .disconnect(type: edge.id, source: source, target: target, parallel: UInt32(parallel)))
  }

  private func remove(
    _ source: UInt32, _ target: UInt32, _ origin: Origin, _ edge: EdgeTypeRecord
  ) throws {
    switch origin {
    case .base(let ordinal):
      try txn.put(
        [],
        for: DeltaKey(
          edge.id, .out, row: source, neighbor: target, .removed, UInt64(ordinal)),
        in: tables.delta)
      try txn.put(
        [],
        for: DeltaKey(
          edge.id, .in, row: target, neighbor: source, .removed, UInt64(ordinal)),
        in: tables.delta)
    case .added(let number):
      try txn.remove(
        DeltaKey(edge.id, .out, row: source, neighbor: target, .added, number), in: tables.delta)
      try txn.remove(
        DeltaKey(edge.id, .in, row: target, neighbor: source, .added, number), in: tables.delta)
    }
    if isLogging { change(OwnerKey(.edge, edge.id)) { $0.total -= 1 } }
  }

  func set(
    _ column: ColumnRecord, of edge: EdgeTypeRecord, _ source: UInt32, _ target: UInt32,
    parallel: Int, to value: PropertyValue?
  ) throws {
    let place = "\(edge.type).\(column.name)"
    let cell = try cell(value, ColumnKey(.edge, edge.id, column.id), column, place: place)
    let origins = try parallels(source, target, edge)
    guard origins.indices.contains(parallel) else {
      throw HedgerowError(
        .badData,
        "there are \(origins.count) edges of '\(edge.type)' from node \(source) to node \(target): "
          + "none has the number \(parallel)")
    }
    let arcs =
      edge.isUndirected && source != target
      ? [(source, target), (target, source)] : [(source, target)]
    for (source, target) in arcs {
      let origins = try parallels(source, target, edge)
      try put(cell, origins[parallel], source, target, column, edge)
    }
    try note(
      .setEdgeCell(
        type: edge.id, source: source, target: target, parallel: UInt32(parallel),
        column: column.id, value))
  }

  private func put(
    _ cell: Cell, _ origin: Origin, _ source: UInt32, _ target: UInt32, _ column: ColumnRecord,
    _ edge: EdgeTypeRecord
  ) throws {
    switch origin {
    case .added(let number):
      var cells = try cells(ofAdded: number, source, target, edge)
      cells[column.id] = cell
      let time = try time(in: cells, edge)
      try txn.put(
        cells.encoded,
        for: DeltaKey(edge.id, .out, row: source, neighbor: target, .added, number),
        in: tables.delta)
      try txn.put(
        time, for: DeltaKey(edge.id, .in, row: target, neighbor: source, .added, number),
        in: tables.delta)
    case .base(let ordinal):
      if edge.timeColumn == column.name {
        // Rows are sorted by it: the edge leaves its place and comes again.
        var cells = CellList()
        for other in edge.columns {
          let value = try value(origin, source, target, other, of: edge)
          cells[other.id] = try self.cell(
            value, ColumnKey(.edge, edge.id, other.id), other,
            place: "\(edge.type).\(other.name)")
        }
        cells[column.id] = cell
        _ = try time(in: cells, edge)
        try remove(source, target, origin, edge)
        try add(source, target, edge, cells)
      } else {
        let position = try position(source, target, ordinal: ordinal, edge)
        try txn.put(
          cell.bytes, for: CellKey(ColumnKey(.edge, edge.id, column.id), position),
          in: tables.cells)
      }
    }
  }

  // MARK: Sets

  /// A set as it was kept whole goes into blocks at its first change.
  private func splitSet(_ name: String, of node: NodeTypeRecord) throws -> Bool {
    let whole = SetKey(type: node.id, name: name)
    if let members = try txn.value(for: whole, in: tables.sets)?.members {
      try txn.remove(whole, in: tables.sets)
      try putSet(name, members, of: node)
      return true
    }
    return try txn.value(for: SetKey(type: node.id, name: name, block: 0), in: tables.sets) != nil
  }

  private func putSet(_ name: String, _ members: RoaringBitmap, of node: NodeTypeRecord) throws {
    for (block, part) in members.blocks() {
      try txn.put(
        StoredSet(part), for: SetKey(type: node.id, name: name, block: block), in: tables.sets)
    }
  }

  func makeSet(_ name: String, of node: NodeTypeRecord) throws {
    try Identifier.check(name, as: "set")
    if try splitSet(name, of: node) { return }
    try putSet(name, RoaringBitmap(), of: node)
    try note(.makeSet(type: node.id, set: name))
  }

  func dropSet(_ name: String, of node: NodeTypeRecord) throws {
    guard try splitSet(name, of: node) else {
      throw HedgerowError(.usage, "node type '\(node.name)' has no set named '\(name)'")
    }
    for id in try set(name, of: node) ?? [] {
      try note(.removeMember(type: node.id, id: id, set: name))
    }
    var prefix: [UInt8] = []
    SetKey(type: node.id, name: name).encode(into: &prefix)
    try txn.removeAll(in: tables.sets, prefix: prefix + [0])
    try note(.dropSet(type: node.id, set: name))
  }

  func insert(_ id: UInt32, into name: String, of node: NodeTypeRecord) throws {
    try requireNode(id, of: node)
    try makeSet(name, of: node)
    let key = SetKey(type: node.id, name: name, block: UInt16(id >> 16))
    var members = try txn.value(for: key, in: tables.sets)?.members ?? RoaringBitmap()
    guard members.insert(id) else { return }
    try txn.put(StoredSet(members), for: key, in: tables.sets)
    try note(.insertMember(type: node.id, id: id, set: name))
  }

  func remove(_ id: UInt32, from name: String, of node: NodeTypeRecord) throws {
    guard try splitSet(name, of: node) else {
      throw HedgerowError(.usage, "node type '\(node.name)' has no set named '\(name)'")
    }
    let key = SetKey(type: node.id, name: name, block: UInt16(id >> 16))
    guard var members = try txn.value(for: key, in: tables.sets)?.members, members.remove(id)
    else { return }
    if members.isEmpty && key.block != 0 {
      try txn.remove(key, in: tables.sets)
    } else {
      try txn.put(StoredSet(members), for: key, in: tables.sets)
    }
    try note(.removeMember(type: node.id, id: id, set: name))
  }

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
