import CHedgerowKernels
public import HedgerowCore
import HedgerowGraph
import HedgerowLMDB
import HedgerowMapped
public import HedgerowRoaring
import Synchronization

/// One version of a store, for as long as it is kept: it never changes and holds no transaction.
///
/// Segment files are mapped at their first use and shared by all threads. What is read from them is
/// checked on the way: bounds of rows, offsets and ids always, every byte by `verify`.
public final class Snapshot: Sendable {
  public let version: UInt64
  public let generation: UInt64
  public let schema: GraphSchema
  let store: GraphStore
  let state: StoreState
  let segments: Generation
  let changes: SnapshotChanges
  private let sets: [SetName: RoaringBitmap]

  private struct Opened {
    var adjacencies: [AdjacencyKey: SnapshotAdjacency] = [:]
    var columns: [ColumnKey: LayeredColumn] = [:]
    var keys: [UInt16: LayeredKeys] = [:]
  }
  private struct AdjacencyKey: Hashable {
    var type: UInt16
    var index: AdjacencyIndex
  }
  private let opened = Mutex(Opened())
  private let share = Mutex<MemoryBudget.Reservation?>(nil)

  /// Takes a share of the budget for the changes, for as long as the snapshot lives.
  func charge(to budget: MemoryBudget?) throws {
    guard let budget, privateByteCount > 0 else { return }
    let taken = try budget.reserve(
      privateByteCount, for: "what came since the last compaction (hedgerow compact folds it)")
    share.withLock { $0 = taken }
  }

  /// A state with what came since its segments were written.
  convenience init(
    store: GraphStore, state: StoreState, generation: Generation, _ copied: CopiedChanges
  ) throws {
    var changes = SnapshotChanges()
    changes.deleted = try copied.deletedNodes()
    try changes.readKeys(state, copied)
    try changes.readValues(state, generation, copied)
    try self.init(
      store: store, state: state, generation: generation, changes: changes,
      sets: copied.namedSets())
  }

  init(
    store: GraphStore, state: StoreState, generation: Generation, changes: SnapshotChanges,
    sets: [SetName: RoaringBitmap]
  ) throws {
    self.store = store
    self.state = state
    segments = generation
    version = state.record.version
    self.generation = state.record.generation
    schema = try state.catalog.schema()
    self.changes = changes
    self.sets = sets
  }

  /// The store's directory.
  public var path: String { store.path }

  /// Rows of a node type: ids are below it. Deleted nodes have rows, too.
  public func count(of type: NodeType) -> Int {
    Int(state.catalog.node(type).map { state.count(of: $0).total } ?? 0)
  }
  public func count(of type: EdgeType) -> Int {
    Int(state.catalog.edge(type).map { state.count(of: $0).total } ?? 0)
  }

  /// Nodes of a type that were deleted: they have rows, but no edges.
  public func deletedNodes(of type: NodeType) -> RoaringBitmap {
    state.catalog.node(type).flatMap { changes.deleted[$0.id] } ?? RoaringBitmap()
  }

  /// Nodes of a type that are there.
  public func liveCount(of type: NodeType) -> Int {
    guard let node = state.catalog.node(type) else { return 0 }
    let counts = state.count(of: node)
    return Int(counts.total - counts.other)
  }

  /// Private memory that holds what came since the segments were written.
  public var privateByteCount: Int { changes.privateByteCount }

  /// The members of a named set, or `nil` when there is no such set.
  public func set(named name: String, of type: NodeType) throws -> RoaringBitmap? {
    guard let node = state.catalog.node(type), let set = sets[SetName(type: node.id, name: name)]
    else { return nil }
    let count = state.count(of: node).total
    if let largest = set.max(), UInt64(largest) >= count {
      throw HedgerowError(
        .damaged, "set '\(name)' names node \(largest) of \(count)", at: "data.mdb table sets")
    }
    return set
  }

  /// The names of a type's sets, sorted.
  public func setNames(of type: NodeType) -> [String] {
    guard let node = state.catalog.node(type) else { return [] }
    return sets.keys.filter { $0.type == node.id }.map(\.name).sorted()
  }

  /// What `info` says of a column that a model wrote.
  public func provenance(of column: String, of type: NodeType) -> Provenance? {
    state.catalog.node(type)?.columns.first { $0.name == column }?.provenance
  }

  /// Which data this is: the same text as long as nothing is ingested or changed. Models, columns
  /// that they write, indices and compactions do not count.
  public var dataIdentity: String {
    let uuid = state.record.identity.description
    return "\(uuid)-\(state.record.dataVersion)"
  }

  /// How a node type's external keys are kept.
  public func keyKind(of type: NodeType) -> KeyKind? { state.catalog.node(type)?.keys }

  /// A model that the store keeps, as it was when this is called.
  public func model(named name: String) throws -> ModelRecord? {
    try store.environment.read { try $0.value(for: name, in: StoreTables().models)?.model }
  }

  /// Names of the models that the store keeps, sorted.
  public func modelNames() throws -> [String] {
    var names: [String] = []
    try store.environment.read { txn in
      try txn.forEach(in: StoreTables().models) { name, _ in names.append(name) }
    }
    return names
  }

  // MARK: Parts, opened at their first use

  func adjacency(_ edge: EdgeTypeRecord, _ index: AdjacencyIndex) throws -> SnapshotAdjacency {
    try opened.withLock { opened in
      let key = AdjacencyKey(type: edge.id, index: index)
      if let known = opened.adjacencies[key] { return known }
      let source = try state.endNode(edge.type.source, of: edge)
      let target = try state.endNode(edge.type.target, of: edge)
      func base(_ index: AdjacencyIndex) throws -> StoredAdjacency {
        try segments.adjacency(
          edge, index, sourceCount: Int(source.count), targetCount: Int(target.count))
      }
      let counts = (Int(state.count(of: source).total), Int(state.count(of: target).total))
      guard counts.0 >= Int(source.count), counts.1 >= Int(target.count) else {
        throw HedgerowError(
          .damaged, "there are fewer nodes than segments hold", at: "data.mdb table counts")
      }
      let made = SnapshotAdjacency(
        try base(index), index, overlay: changes.edges[edge.id],
        rowCount: index == .out ? counts.0 : counts.1,
        neighborCount: index == .out ? counts.1 : counts.0, out: try base(.out))
      guard made.index.edgeCount == Int(state.count(of: edge).total) else {
        throw HedgerowError(
          .damaged,
          "the \(index) index of '\(edge.type)' holds \(made.index.edgeCount) edges of "
            + "\(state.count(of: edge).total)", at: "data.mdb table counts")
      }
      opened.adjacencies[key] = made
      return made
    }
  }

  func nodeColumn(_ name: String, of type: NodeType) throws -> LayeredColumn? {
    guard let node = state.catalog.node(type),
      let column = node.columns.first(where: { $0.name == name })
    else { return nil }
    return try self.column(
      .node, node.id, column, rows: state.count(of: node).total, place: "\(type).\(name)")
  }

  func edgeColumn(_ name: String, of type: EdgeType) throws -> LayeredColumn? {
    guard let edge = state.catalog.edge(type),
      let column = edge.columns.first(where: { $0.name == name })
    else { return nil }
    return try self.column(
      .edge, edge.id, column, rows: state.count(of: edge).total, place: "\(type).\(name)")
  }

  func column(
    _ owner: Owner, _ type: UInt16, _ column: ColumnRecord, rows: UInt64, place: String
  ) throws -> LayeredColumn {
    try opened.withLock { opened in
      let key = ColumnKey(owner, type, column.id)
      if let known = opened.columns[key] { return known }
      let made = LayeredColumn(
        try segments.column(owner, type, column, place: place), column: column, rowCount: rows,
        cells: changes.cells[key] ?? [:], added: changes.categories[key] ?? [],
        edges: owner == .edge ? changes.edges[type] : nil)
      opened.columns[key] = made
      return made
    }
  }

  func keys(of type: NodeType) throws -> LayeredKeys {
    guard let node = state.catalog.node(type) else {
      throw HedgerowError(.usage, "no node type '\(type)' in \(store.path)")
    }
    return try opened.withLock { opened in
      if let known = opened.keys[node.id] { return known }
      let made = LayeredKeys(try segments.keys(node), added: changes.keys[node.id] ?? [])
      guard UInt64(made.count) == state.count(of: node).total else {
        throw HedgerowError(
          .damaged, "node type '\(type)' has \(made.count) keys", at: "data.mdb table keys.ids")
      }
      opened.keys[node.id] = made
      return made
    }
  }
}

extension StoreState {
  /// One of the two node types of an edge type.
  func endNode(_ type: NodeType, of edge: EdgeTypeRecord) throws -> NodeTypeRecord {
    guard let node = catalog.node(type) else {
      throw HedgerowError(
        .damaged, "edge type '\(edge.type)' names no node type", at: "data.mdb table catalog")
    }
    return node
  }

  /// Opens a segment of the manifest and holds its size and counts against it.
  func openSegment(
    _ record: SegmentRecord, _ kind: SegmentKind, in files: StoreFiles
  ) throws -> MappedSegment {
    let segment: MappedSegment
    do {
      segment = try MappedSegment(
        path: files.segmentPath(record.fileName), kind: kind, identity: self.record.identity)
    } catch let error as HedgerowError where error.code == .noInput {
      throw HedgerowError(
        .damaged, "a segment file is missing: restore it from a copy", at: error.place)
    }
    guard segment.byteCount == Int(record.fileByteCount), segment.generation == record.generation,
      segment.attributes[0] == record.rowCount
    else {
      throw HedgerowError(
        .damaged, "damaged segment: the manifest says other counts", at: segment.path)
    }
    return segment
  }
}
