import Glibc
public import HedgerowCore
import HedgerowLMDB
import HedgerowMapped
import HedgerowRoaring
import Synchronization

/// A heterogeneous graph on disk: one directory, one process that writes, many that read.
///
/// LMDB is the one place where a commit happens; the graph itself lies in immutable segment files
/// that readers map. ``snapshot()`` gives a value that never changes.
/// ```swift
/// let store = try GraphStore.open(at: "movies.hedgerow", .readOnly)
/// let graph = try store.snapshot()
/// ```
public final class GraphStore: Sendable {
  public enum Access: Sendable { case readOnly, readWrite }

  /// The store's directory.
  public let path: String
  public let access: Access
  // Goes before the mapping that it is of.
  private let note: MappedFileNote?
  let environment: LMDBEnvironment
  var files: StoreFiles { StoreFiles(path: path) }
  private let cache = Mutex(Cache())
  let writers = WriterQueue()
  /// Whether changes are folded into segments by themselves once there are many: see
  /// ``compactIfNeeded()``. True unless set.
  public var compactsAutomatically: Bool {
    get { automatic.load(ordering: .relaxed) }
    set { automatic.store(newValue, ordering: .relaxed) }
  }
  private let automatic = Atomic(true)
  let compactions = BackgroundCompaction()
  /// When commits last looked whether a generation has lost its readers.
  let swept = Mutex<ContinuousClock.Instant?>(nil)

  /// What was read last, good as long as nobody commits.
  private struct Cache {
    var commit = -1
    var state: StoreState?
    var generation: Generation?
  }

  /// Makes an empty store.
  ///
  /// The directory appears whole, by one rename, or not at all.
  /// - Parameter rangeBits: a node range holds 2^rangeBits rows, 2^6 to 2^20; files are cut by it.
  /// - Throws: `usage` when something is there already.
  public static func create(
    at path: String, rangeBits: Int = 18
  ) throws -> GraphStore {
    require((6...20).contains(rangeBits), "a range has 2^6 to 2^20 rows, not 2^\(rangeBits)")
    try makeWhole(at: path) { try fill($0, rangeBits: rangeBits) }
    return try open(at: path)
  }

  /// Makes an empty store of a directory.
  static func fill(_ directory: String, rangeBits: Int) throws {
    try FileSystem.makeDirectory("\(directory)/\(StoreLayout.segmentsDirectory)")
    try FileSystem.makeDirectory("\(directory)/\(StoreLayout.generationsDirectory)")
    let environment = try LMDBEnvironment.open(directory, .readWrite)
    let record = StoreRecord(
      format: StoreLayout.format, uuid: StoreIdentity().bytes, version: 0, generation: 0,
      rangeBits: rangeBits, nextNodeType: 0, nextEdgeType: 0, foldedVersion: 0, dataVersion: 0,
      schemaVersion: 0, layout: 0)
    try environment.write { txn in
      try StoreTables().create(in: txn)
      try txn.put(JSON(record), for: StoreTables.storeKey, in: StoreTables().store)
    }
  }

  /// Opens a store that exists.
  ///
  /// - Throws: `noInput` when there is no store, `newerFormat` when this build is too old for it,
  ///   `badData` when the store has an older format: see ``upgrade(at:waiting:)``; `damaged` when its
  ///   records do not hold.
  public static func open(at path: String, _ access: Access = .readWrite) throws -> GraphStore {
    try GraphStore(opening: path, access)
  }

  /// Whether there is something at a path that could be a store.
  static func exists(at path: String) -> Bool { FileSystem.exists(path) }

  init(opening path: String, _ access: Access) throws {
    let data = try Self.requireData(at: path)
    self.path = path
    self.access = access
    environment = try LMDBEnvironment.open(path, access == .readOnly ? .readOnly : .readWrite)
    note = environment.mapping.map { MappedFileNote($0, path: data) }
    let record = try state().record
    if access == .readWrite { try record.requireWritable(at: path) }
  }

  /// Throws `noInput` where there is nothing that could be a store.
  static func requireStore(at path: String) throws {
    guard FileSystem.isDirectory(path) else {
      throw HedgerowError(
        .noInput, FileSystem.exists(path) ? "not a store: it is a file" : "no such store", at: path)
    }
    guard FileSystem.exists("\(path)/\(StoreLayout.dataFile)") else {
      throw HedgerowError(.noInput, "not a store: it has no \(StoreLayout.dataFile)", at: path)
    }
  }

  /// The path of the store's data, which are there. A store appears with its first commit in it; LMDB
  /// would begin an empty file anew.
  @discardableResult static func requireData(at path: String) throws -> String {
    try requireStore(at: path)
    let data = "\(path)/\(StoreLayout.dataFile)"
    guard try FileSystem.byteCount(of: data) > 0 else {
      throw HedgerowError(.damaged, "is empty: restore a copy", at: data)
    }
    return data
  }

  /// The types and columns of the newest version.
  public var schema: GraphSchema { get throws { try state().catalog.schema() } }

  /// The number of the newest commit; 0 for an empty store.
  public var version: UInt64 { get throws { try state().record.version } }

  /// Begins a bulk build, as the store's one writer. Changes that are not in segments yet are folded
  /// into them first.
  ///
  /// - Parameter seconds: how long to wait for another writer.
  /// - Throws: `locked` when another writer is still at work then.
  public func beginBuild(waiting seconds: Double = 0) throws -> GenerationBuilder {
    try beginBuild(waiting: seconds, for: nil)
  }

  /// The same, for a purpose: goes on from the checkpoint of a build for it whose process was killed.
  package func beginBuild(waiting seconds: Double, for purpose: String?) throws -> GenerationBuilder
  {
    try requireWritable()
    let locks = [
      try lock(StoreLayout.buildLock, waiting: seconds), try lockWriter(waiting: seconds),
    ]
    try fold(locks)
    return try GenerationBuilder(store: self, locks: locks, base: state(), purpose: purpose)
  }

  /// The newest version as a value that never changes, however much is written afterwards.
  ///
  /// Takes a pin, so that no file of it is removed while the snapshot lives. Memory and time grow with
  /// what came since the segments were written, which ``compactIfNeeded()`` bounds.
  ///
  /// - Parameter budget: takes the share that the changes need, for as long as the snapshot lives.
  /// - Throws: `usage` when the budget does not hold them: compact the store then.
  public func snapshot(budget: MemoryBudget? = nil) throws -> Snapshot {
    let (state, generation, copied) = try withGeneration { txn, state, generation in
      (state, generation, try CopiedChanges(state.catalog, KeptTransaction(txn.handle)))
    }
    let snapshot = try Snapshot(store: self, state: state, generation: generation, copied)
    try snapshot.charge(to: budget)
    return snapshot
  }

  /// Runs `body` over the newest state and the segments of its generation.
  func withGeneration<T>(
    _ body: (borrowing ReadTransaction, StoreState, Generation) throws -> T
  ) throws -> T {
    // A build may retire the generation between the look and the pin: then look again.
    while true {
      let generation = try generation(of: state())
      let result = try environment.read { txn -> T? in
        let state = try state(in: txn)
        guard state.record.generation == generation.number else { return nil }
        return try body(txn, state, generation)
      }
      if let result { return result }
    }
  }

  /// The generation of a state, pinned. It may be gone already: whoever uses it looks again.
  func generation(of state: StoreState) throws -> Generation {
    if let known = cache.withLock({ $0.generation }), known.number == state.record.generation {
      return known
    }
    let made = Generation(
      files: files, state: state, pin: try pinGeneration(state.record.generation))
    cache.withLock { $0.generation = made }
    return made
  }

  /// Nodes of a type that were deleted.
  func deletedNodes(of type: NodeType) throws -> RoaringBitmap {
    try environment.read { txn in
      var deleted = RoaringBitmap()
      guard let node = try state(in: txn).catalog.node(type) else { return deleted }
      var prefix: [UInt8] = []
      appendBigEndian(node.id, to: &prefix)
      try txn.forEach(in: StoreTables().deleted, prefix: prefix) { deleted.formUnion($1.members) }
      return deleted
    }
  }

  /// Lets go of the generation that was read last, so that its files may go.
  func forgetGeneration() { cache.withLock { $0.generation = nil } }

  func segmentPath(_ name: String) -> String { files.segmentPath(name) }

  /// The record, catalog and manifest of one moment.
  func state() throws -> StoreState { try environment.read { try state(in: $0) } }

  func state(in txn: borrowing ReadTransaction) throws -> StoreState {
    try state(KeptTransaction(txn.handle), commit: txn.number)
  }

  /// The state that the transaction began from: what it changed itself is not in it.
  func state(in txn: borrowing WriteTransaction) throws -> StoreState {
    let state = try state(KeptTransaction(txn.handle), commit: txn.number - 1)
    try state.record.requireWritable(at: path)
    return state
  }

  private func state(_ txn: KeptTransaction, commit: Int) throws -> StoreState {
    let known = cache.withLock { $0 }
    if known.commit == commit, let state = known.state { return state }
    let state = try StoreState(reading: txn, known: known.state, at: path)
    cache.withLock { cache in
      if cache.commit < commit { (cache.commit, cache.state) = (commit, state) }
    }
    return state
  }
}

/// What one short read transaction sees.
struct StoreState: Sendable {
  var record: StoreRecord
  var catalog: Catalog
  /// In the order of part, type, column and range.
  var manifest: [SegmentRecord]
  /// Of all types in the catalog.
  var counts: [OwnerKey: Counts]

  /// Of a type that a build adds and has not published: none.
  func count(_ key: OwnerKey) -> Counts { counts[key] ?? Counts() }
  func count(of node: NodeTypeRecord) -> Counts { count(OwnerKey(.node, node.id)) }
  func count(of edge: EdgeTypeRecord) -> Counts { count(OwnerKey(.edge, edge.id)) }

  /// Bytes of all segment files.
  var segmentByteCount: Int { manifest.reduce(0) { $0 + Int($1.fileByteCount) } }

  /// Whether there are changes that are not in segments.
  var hasChanges: Bool { record.foldedVersion < record.version }

  /// The manifest after a build.
  func manifest(without removed: [SegmentRecord], with added: [SegmentRecord]) -> [SegmentRecord] {
    var records = Dictionary(uniqueKeysWithValues: manifest.map { ($0.id, $0) })
    for old in removed { records[old.id] = nil }
    for new in added { records[new.id] = new }
    return records.values.sorted()
  }

  /// The records of one part, by range.
  func segments(
    _ part: SegmentID.Part, type: UInt16, column: UInt16 = 0
  ) -> [SegmentRecord] {
    manifest.filter { $0.id.part == part && $0.id.type == type && $0.id.column == column }
  }
}
