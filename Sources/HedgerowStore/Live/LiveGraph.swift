import HedgerowCore
import HedgerowGraph
import HedgerowLMDB
import HedgerowRoaring

/// The newest state inside one transaction of LMDB: the segments of its generation and what came
/// since. What both kinds of transactions read.
///
/// Lives no longer than the transaction whose handle it has: the public transactions, which cannot
/// leave their closures, see to that.
class LiveGraph {
  let path: String
  let generation: Generation
  let txn: KeptTransaction
  let tables = StoreTables()
  var state: StoreState

  init(path: String, generation: Generation, state: StoreState, handle: TransactionHandle) {
    self.path = path
    self.generation = generation
    self.state = state
    txn = KeptTransaction(handle)
  }

  // MARK: Types

  func node(_ type: NodeType) throws -> NodeTypeRecord {
    guard let node = state.catalog.node(type) else {
      throw HedgerowError(.usage, "no node type '\(type)' in \(path)")
    }
    return node
  }

  func edge(_ type: EdgeType) throws -> EdgeTypeRecord {
    guard let edge = state.catalog.edge(type) else {
      throw HedgerowError(.usage, "no edge type '\(type)' in \(path)")
    }
    return edge
  }

  func column(_ name: String, of node: NodeTypeRecord) throws -> ColumnRecord {
    guard let column = node.columns.first(where: { $0.name == name }) else {
      throw HedgerowError(.usage, "no column '\(node.name).\(name)' in \(path)")
    }
    return column
  }

  func column(_ name: String, of edge: EdgeTypeRecord) throws -> ColumnRecord {
    guard let column = edge.columns.first(where: { $0.name == name }) else {
      throw HedgerowError(.usage, "no column '\(edge.type).\(name)' in \(path)")
    }
    return column
  }

  // MARK: Nodes

  /// Whether a node is among those that were ever made and was not deleted.
  func contains(_ id: UInt32, of node: NodeTypeRecord) throws -> Bool {
    guard UInt64(id) < state.count(of: node).total else { return false }
    return try !isDeleted(id, of: node)
  }

  func requireNode(_ id: UInt32, of node: NodeTypeRecord) throws {
    guard try contains(id, of: node) else {
      throw HedgerowError(.badData, "there is no node \(id) of type '\(node.name)'")
    }
  }

  func isDeleted(_ id: UInt32, of node: NodeTypeRecord) throws -> Bool {
    guard state.count(of: node).other > 0 else { return false }
    return try deletedBlock(BlockKey(node.id, UInt16(id >> 16)))?.contains(id) ?? false
  }

  func deletedBlock(_ key: BlockKey) throws -> RoaringBitmap? {
    try txn.value(for: key, in: tables.deleted)?.members
  }

  /// The id that a key has or had, whether the node is there or not.
  func id(of key: String, _ node: NodeTypeRecord) throws -> UInt32? {
    // The table of keys has those of the nodes behind the dictionary only.
    if state.count(of: node).total > node.dictionaryCount {
      guard let bytes = node.keys.bytes(of: key) else { return nil }
      if let id = try id(ofAdded: bytes, node) { return id }
    }
    guard node.dictionaryCount > 0 else { return nil }
    return try generation.keys(node).id(of: key)
  }

  private func id(ofAdded bytes: [UInt8], _ node: NodeTypeRecord) throws -> UInt32? {
    if let entry = try txn.value(for: ExternalKeyEntry(node.id, bytes), in: tables.keys) {
      if bytes.count <= ExternalKeyEntry.wholeByteCount { return entry.ids.first }
      for id in entry.ids where try self.bytes(ofAdded: id, node) == bytes { return id }
    }
    return nil
  }

  func bytes(ofAdded id: UInt32, _ node: NodeTypeRecord) throws -> [UInt8] {
    guard let bytes = try txn.value(for: NodeKey(node.id, id), in: tables.keysByID) else {
      throw HedgerowError(
        .damaged, "node \(id) of type '\(node.name)' has no key", at: "data.mdb table keys.ids")
    }
    return bytes
  }

  func key(of id: UInt32, _ node: NodeTypeRecord) throws -> String {
    if UInt64(id) < node.dictionaryCount { return try generation.keys(node).key(of: id) }
    return node.keys.text(of: try bytes(ofAdded: id, node))
  }

  /// Ids of a type that are there, from one on, at most so many.
  func ids(of node: NodeTypeRecord, from first: UInt32, limit: Int) throws -> [UInt32] {
    let total = state.count(of: node).total
    var ids: [UInt32] = []
    var id = UInt64(first)
    while id < total && ids.count < limit {
      let end = min(total, (id >> 16 + 1) << 16)
      let gone =
        try state.count(of: node).other > 0
        ? deletedBlock(BlockKey(node.id, UInt16(id >> 16))) : nil
      while id < end && ids.count < limit {
        if gone?.contains(UInt32(id)) != true { ids.append(UInt32(id)) }
        id += 1
      }
    }
    return ids
  }

  /// Nodes whose keys begin with a text, in the order of keys.
  func ids(of node: NodeTypeRecord, keyPrefix: String, limit: Int) throws -> [UInt32] {
    guard node.keys == .string else {
      throw HedgerowError(
        .usage, "keys of node type '\(node.name)' are no texts: they have no beginnings")
    }
    let prefix = Array(keyPrefix.utf8)
    var found: [(key: [UInt8], id: UInt32)] = []
    if node.dictionaryCount > 0 {
      try generation.keys(node).visit(beginningWith: prefix) { key, id in
        if try !isDeleted(id, of: node) { found.append((key, id)) }
        return found.count < limit
      }
    }
    let storedCount = found.count
    var entries: [UInt8] = []
    appendBigEndian(node.id, to: &entries)
    entries += prefix.prefix(ExternalKeyEntry.wholeByteCount)
    try txn.walk(tables.keys, prefix: entries) { _, ids in
      for id in ids.ids where try !isDeleted(id, of: node) {
        let key = try bytes(ofAdded: id, node)
        if key.starts(with: prefix) { found.append((key, id)) }
      }
      return found.count < storedCount + limit ? .next : .stop
    }
    return found.sorted { $0.key.lexicographicallyPrecedes($1.key) }.prefix(limit).map(\.id)
  }

  // MARK: Cells

  func categories(_ key: ColumnKey, _ column: ColumnRecord, place: String) throws -> [String] {
    var texts = try generation.column(key.owner, key.type, column, place: place).categories
    var prefix: [UInt8] = []
    key.encode(into: &prefix)
    try txn.forEach(in: tables.categories, prefix: prefix) { _, text in texts.append(text) }
    return texts
  }

  func value(of cell: Cell, _ key: ColumnKey, _ column: ColumnRecord, place: String) throws
    -> PropertyValue?
  {
    let kind = try column.kind(at: place)
    return try cell.value(
      kind, categories: kind == .categorical ? categories(key, column, place: place) : [])
  }

  func value(_ id: UInt32, _ column: ColumnRecord, of node: NodeTypeRecord) throws -> PropertyValue?
  {
    let key = ColumnKey(.node, node.id, column.id)
    let place = "\(node.name).\(column.name)"
    if let bytes = try txn.value(for: CellKey(key, UInt64(id)), in: tables.cells) {
      return try value(of: Cell(bytes: bytes), key, column, place: place)
    }
    let stored = try generation.column(.node, node.id, column, place: place)
    if UInt64(id) < stored.rowCount { return try stored.value(UInt64(id)) }
    return try column.defaultCell.flatMap {
      try value(of: Cell(bytes: $0), key, column, place: place)
    }
  }

  // MARK: Edges

  /// An edge as it is found in a row.
  struct Neighbor {
    var id: UInt32
    var origin: Origin
  }
  enum Origin: Equatable {
    /// The ordinal among the segments' edges between the two nodes.
    case base(UInt32)
    case added(UInt64)
  }

  func adjacency(_ edge: EdgeTypeRecord, _ index: AdjacencyIndex) throws -> StoredAdjacency {
    let source = try node(edge.type.source)
    let target = try node(edge.type.target)
    return try generation.adjacency(
      edge, index, sourceCount: Int(source.count), targetCount: Int(target.count))
  }

  /// All entries of a row, sorted by neighbor, parallel ones in their order.
  func row(_ row: UInt32, _ edge: EdgeTypeRecord, _ index: AdjacencyIndex) throws -> [Neighbor] {
    let adjacency = try adjacency(edge, index)
    let extent = try adjacency.extent(of: row)
    var neighbors = try adjacency.neighbors(of: extent)
    // An index by time does not have parallel edges side by side; their order does not matter here.
    if index == .in && edge.timeColumn != nil { neighbors.sort() }
    var entries: [Neighbor] = []
    entries.reserveCapacity(neighbors.count)
    var ordinal: UInt32 = 0
    for (place, neighbor) in neighbors.enumerated() {
      ordinal = place > 0 && neighbors[place - 1] == neighbor ? ordinal + 1 : 0
      entries.append(Neighbor(id: neighbor, origin: .base(ordinal)))
    }
    var removed: Set<UInt64> = []
    var added: [Neighbor] = []
    try txn.forEach(
      in: tables.delta, prefix: DeltaKey.prefix(edge.id, index, row: row)
    ) { key, _ in
      switch key.kind {
      case .removed: removed.insert(UInt64(key.neighbor) << 32 | key.number)
      case .added: added.append(Neighbor(id: key.neighbor, origin: .added(key.number)))
      }
    }
    if !removed.isEmpty {
      entries.removeAll { entry in
        guard case .base(let ordinal) = entry.origin else { return false }
        return removed.contains(UInt64(entry.id) << 32 | UInt64(ordinal))
      }
    }
    if added.isEmpty { return entries }
    // Both are sorted: merge, with added ones behind their parallels.
    var merged: [Neighbor] = []
    merged.reserveCapacity(entries.count + added.count)
    var next = 0
    for entry in entries {
      while next < added.count && added[next].id < entry.id {
        merged.append(added[next])
        next += 1
      }
      merged.append(entry)
    }
    merged += added[next...]
    return merged
  }

  func degree(_ row: UInt32, _ edge: EdgeTypeRecord, _ index: AdjacencyIndex) throws -> Int {
    var count = Int(try adjacency(edge, index).extent(of: row).count)
    try txn.forEach(
      in: tables.delta, prefix: DeltaKey.prefix(edge.id, index, row: row)
    ) { key, _ in count += key.kind == .added ? 1 : -1 }
    return count
  }

  /// The edges between two nodes, in their order.
  func parallels(_ source: UInt32, _ target: UInt32, _ edge: EdgeTypeRecord) throws -> [Origin] {
    let out = try adjacency(edge, .out)
    var ordinals = try Array(
      0..<UInt32(out.places(of: target, in: out.extent(of: source)).count))
    var added: [Origin] = []
    try txn.forEach(
      in: tables.delta,
      prefix: DeltaKey.prefix(edge.id, .out, row: source, neighbor: target)
    ) { key, _ in
      switch key.kind {
      case .removed: ordinals.removeAll { UInt64($0) == key.number }
      case .added: added.append(.added(key.number))
      }
    }
    return ordinals.map { .base($0) } + added
  }

  /// Where an edge of the segments stands in their out order.
  func position(
    _ source: UInt32, _ target: UInt32, ordinal: UInt32, _ edge: EdgeTypeRecord
  ) throws -> UInt64 {
    let out = try adjacency(edge, .out)
    let extent = try out.extent(of: source)
    let places = try out.places(of: target, in: extent)
    guard UInt64(places.lowerBound) + UInt64(ordinal) < places.upperBound else {
      throw HedgerowError(
        .damaged, "a changed edge of '\(edge.type)' is not in the segments",
        at: "data.mdb table delta")
    }
    return out.index.position(of: extent.start + UInt64(places.lowerBound) + UInt64(ordinal))
  }

  func cells(
    ofAdded number: UInt64, _ source: UInt32, _ target: UInt32, _ edge: EdgeTypeRecord
  ) throws -> CellList {
    let key = DeltaKey(edge.id, .out, row: source, neighbor: target, .added, number)
    guard let bytes = try txn.value(for: key, in: tables.delta) else {
      throw HedgerowError(
        .damaged, "an added edge of '\(edge.type)' is missing", at: "data.mdb table delta")
    }
    return try CellList(decoding: bytes)
  }

  func value(
    _ origin: Origin, _ source: UInt32, _ target: UInt32, _ column: ColumnRecord,
    of edge: EdgeTypeRecord
  ) throws -> PropertyValue? {
    let key = ColumnKey(.edge, edge.id, column.id)
    let place = "\(edge.type).\(column.name)"
    var cell = column.defaultCell.map { Cell(bytes: $0) }
    switch origin {
    case .added(let number):
      cell = try cells(ofAdded: number, source, target, edge)[column.id] ?? cell
    case .base(let ordinal):
      let position = try position(source, target, ordinal: ordinal, edge)
      if let bytes = try txn.value(for: CellKey(key, position), in: tables.cells) {
        cell = Cell(bytes: bytes)
      } else {
        let stored = try generation.column(.edge, edge.id, column, place: place)
        if position < stored.rowCount { return try stored.value(position) }
      }
    }
    return try cell.flatMap { try value(of: $0, key, column, place: place) }
  }

  // MARK: Sets

  func set(_ name: String, of node: NodeTypeRecord) throws -> RoaringBitmap? {
    var found: RoaringBitmap?
    let prefix = SetName(type: node.id, name: name).prefix
    try txn.forEach(in: tables.sets, prefix: prefix) { _, set in
      if found == nil { found = RoaringBitmap() }
      found!.formUnion(set.members)
    }
    return found
  }

  func setNames(of node: NodeTypeRecord) throws -> [String] {
    var names: Set<String> = []
    var prefix: [UInt8] = []
    appendBigEndian(node.id, to: &prefix)
    try txn.forEach(in: tables.sets, prefix: prefix) { key, _ in names.insert(key.set.name) }
    return names.sorted()
  }
}

extension ColumnRecord {
  func kind(at place: String) throws -> PropertyKind {
    guard let kind = PropertyKind(kind) else {
      throw HedgerowError(
        .damaged, "column '\(place)' is of the unknown kind '\(self.kind)'",
        at: "data.mdb table catalog")
    }
    return kind
  }
}

extension KeyKind {
  /// The bytes by which the tables of changes keep a key, in the order of keys; `nil` for a text that
  /// is no key of this kind.
  func bytes(of key: String) -> [UInt8]? {
    switch self {
    case .identity, .int64:
      guard let number = Int64(key) else { return nil }
      var bytes: [UInt8] = []
      appendBigEndian(UInt64(bitPattern: number) ^ 1 << 63, to: &bytes)
      return bytes
    case .string: return Array(key.utf8)
    case .uuid: return UUIDKey(key).map { key in withUnsafeBytes(of: key) { [UInt8]($0) } }
    }
  }

  func text(of bytes: [UInt8]) -> String {
    switch self {
    case .identity, .int64:
      let number = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return String(Int64(bitPattern: number ^ 1 << 63))
    case .string: return String(decoding: bytes, as: UTF8.self)
    case .uuid:
      return bytes.withUnsafeBytes { $0.loadUnaligned(as: UUIDKey.self) }.description
    }
  }
}
