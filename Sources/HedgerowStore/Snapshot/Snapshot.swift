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
  private let pin: FileLock?
  private let sets: [SetKey: RoaringBitmap]

  private struct Opened {
    var adjacencies: [AdjacencyKey: StoredAdjacency] = [:]
    var columns: [ColumnKey: StoredColumn] = [:]
    var keys: [UInt16: StoredKeys] = [:]
  }
  private struct AdjacencyKey: Hashable {
    var type: UInt16
    var index: AdjacencyIndex
  }
  private struct ColumnKey: Hashable {
    var part: SegmentID.Part
    var type: UInt16
    var column: UInt16
  }
  private let opened = Mutex(Opened())

  init(store: GraphStore, state: StoreState, pin: FileLock?) throws {
    self.store = store
    self.state = state
    self.pin = pin
    version = state.record.version
    generation = state.record.generation
    schema = try state.catalog.schema()
    var sets: [SetKey: RoaringBitmap] = [:]
    try store.environment.read { txn in
      try txn.forEach(in: StoreTables().sets) { key, set in sets[key] = set.members }
    }
    self.sets = sets
  }

  /// The store's directory.
  public var path: String { store.path }

  public func count(of type: NodeType) -> Int { Int(state.catalog.node(type)?.count ?? 0) }
  public func count(of type: EdgeType) -> Int { Int(state.catalog.edge(type)?.count ?? 0) }

  /// The members of a named set, or `nil` when there is no such set.
  public func set(named name: String, of type: NodeType) throws -> RoaringBitmap? {
    guard let node = state.catalog.node(type), let set = sets[SetKey(type: node.id, name: name)]
    else { return nil }
    if let largest = set.max(), UInt64(largest) >= node.count {
      throw HedgerowError(
        .damaged, "set '\(name)' names node \(largest) of \(node.count)", at: "data.mdb table sets")
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

  /// Which data this is: the same text as long as nothing is ingested. Models, columns that they
  /// write and indices do not count.
  public var dataIdentity: String {
    var predicted: Set<[UInt16]> = []
    for node in state.catalog.nodes {
      for column in node.columns where column.provenance != nil {
        predicted.insert([node.id, column.id])
      }
    }
    var bytes = state.record.uuid
    let counts =
      state.catalog.nodes.map { "\($0.id) \($0.name) \($0.count)" }
      + state.catalog.edges.map { "\($0.id) \($0.type) \($0.count)" }
    bytes += counts.joined(separator: "\n").utf8
    for segment in state.manifest {
      // What an index says, its column says.
      if segment.id.part == .nodeIndex { continue }
      let isOfNodes = segment.id.part == .nodeColumn || segment.id.part == .nodeDictionary
      if isOfNodes && predicted.contains([segment.id.type, segment.id.column]) { continue }
      segment.encode(into: &bytes)
    }
    for (key, members) in sets.sorted(by: {
      ($0.key.type, $0.key.name) < ($1.key.type, $1.key.name)
    }) {
      key.encode(into: &bytes)
      bytes += members.serialized()
    }
    return String(bytes.withUnsafeBytes { hr_crc32c(0, $0.baseAddress, $0.count) }, radix: 16)
      + "-\(bytes.count)"
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

  func adjacency(_ edge: EdgeTypeRecord, _ index: AdjacencyIndex) throws -> StoredAdjacency {
    try opened.withLock { opened in
      let key = AdjacencyKey(type: edge.id, index: index)
      if let known = opened.adjacencies[key] { return known }
      let made = try StoredAdjacency(store: store, state: state, edge: edge, index: index)
      opened.adjacencies[key] = made
      return made
    }
  }

  func nodeColumn(_ name: String, of type: NodeType) throws -> StoredColumn? {
    guard let node = state.catalog.node(type),
      let column = node.columns.first(where: { $0.name == name })
    else { return nil }
    return try self.column(.nodeColumn, node.id, column, place: "\(type).\(name)")
  }

  func edgeColumn(_ name: String, of type: EdgeType) throws -> StoredColumn? {
    guard let edge = state.catalog.edge(type),
      let column = edge.columns.first(where: { $0.name == name })
    else { return nil }
    return try self.column(.edgeColumn, edge.id, column, place: "\(type).\(name)")
  }

  func column(
    _ part: SegmentID.Part, _ type: UInt16, _ column: ColumnRecord, place: String
  ) throws -> StoredColumn {
    try opened.withLock { opened in
      let key = ColumnKey(part: part, type: type, column: column.id)
      if let known = opened.columns[key] { return known }
      let made = try StoredColumn(
        store: store, state: state, part: part, type: type, column: column, name: place)
      opened.columns[key] = made
      return made
    }
  }

  func keys(of type: NodeType) throws -> StoredKeys {
    guard let node = state.catalog.node(type) else {
      throw HedgerowError(.usage, "no node type '\(type)' in \(store.path)")
    }
    return try opened.withLock { opened in
      if let known = opened.keys[node.id] { return known }
      let made = try StoredKeys(store: store, state: state, node: node)
      opened.keys[node.id] = made
      return made
    }
  }
}

extension StoreState {
  /// Opens a segment of the manifest and holds its size and counts against it.
  func openSegment(
    _ record: SegmentRecord, _ kind: SegmentKind, in store: GraphStore
  ) throws -> MappedSegment {
    let segment: MappedSegment
    do {
      segment = try MappedSegment(
        path: store.segmentPath(record.fileName), kind: kind, identity: self.record.identity)
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
