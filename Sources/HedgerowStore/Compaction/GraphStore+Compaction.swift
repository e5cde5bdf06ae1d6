import Glibc
import HedgerowCore
import HedgerowLMDB
import HedgerowMapped

/// What a compaction did.
public struct CompactionReport: Sendable {
  /// The version that the segments hold now; later ones went on being written meanwhile.
  public var version: UInt64
  public var generation: UInt64
  /// Segment files that were written; all others stayed.
  public var writtenSegmentCount = 0
  public var writtenByteCount = 0
}

extension GraphStore {
  /// Folds what came since the last build or compaction into segments and lets old ones go once
  /// nobody reads them. Readers and writers go on meanwhile; snapshots stay as they are.
  ///
  /// Content and version do not change. Only ranges that changed are written. Memory: the changes, and
  /// one range's offsets or codes.
  /// - Parameters:
  ///   - seconds: how long to wait for a build or another compaction.
  ///   - onBlock: called often; throws to stop, and nothing has happened then.
  /// - Throws: `locked` when a build is still at work then.
  @discardableResult
  public func compact(
    waiting seconds: Double = 0, onBlock: () throws -> Void = {}
  ) throws -> CompactionReport {
    try requireWritable()
    let lock = try lock(StoreLayout.buildLock, waiting: seconds)
    return try withoutActuallyEscaping(onBlock) { onBlock in
      try compact([lock], isComplete: false, onBlock: onBlock)
    }
  }

  /// Compacts when so much has come since the last time that snapshots and the disk feel it: once the
  /// changes take a sixteenth of what the segments do, but 8 MiB at least and 128 MiB at most; while
  /// somebody reads a generation before the newest, twice that. Says whether it did; not when a build or
  /// another compaction is at work.
  ///
  /// Writes do it by themselves, on a thread of their own: see ``compactsAutomatically``.
  @discardableResult
  public func compactIfNeeded() throws -> Bool { try compactIfNeeded(waiting: 0) }

  private func compactIfNeeded(waiting seconds: Double) throws -> Bool {
    guard try changesToFold() != nil else { return false }
    try requireWritable()
    do {
      let lock = try lock(StoreLayout.buildLock, waiting: seconds)
      // Another one may have been at work until now.
      guard try changesToFold() != nil else { return false }
      _ = try compact([lock], isComplete: false, onBlock: {})
      return true
    } catch let error as HedgerowError where error.code == .locked {
      return false
    }
  }

  /// Bytes that changes take, and from how many on they are folded; `nil` when it is not time.
  private func changesToFold() throws -> (byteCount: Int, limit: Int)? {
    let limits = 8 << 20...128 << 20
    let (byteCount, limit) = try environment.read { txn in
      let tables = StoreTables()
      let byteCount = try txn.byteCount(in: tables.delta) + txn.byteCount(in: tables.cells)
      guard byteCount >= limits.lowerBound else { return (byteCount, Int.max) }
      let wanted = try state(in: txn).segmentByteCount / 16
      return (byteCount, min(max(wanted, limits.lowerBound), limits.upperBound))
    }
    guard byteCount >= limit else { return nil }
    // Files of three generations would lie side by side, and the readers of the oldest may soon be gone.
    if try byteCount / 2 < limit && isOlderGenerationRead() { return nil }
    return (byteCount, limit)
  }

  /// Starts a compaction beside the writers when it is time and none is at work. Once as much again has come
  /// since it began, waits for it, for a second at most: all of that it does again in its commit, which
  /// keeps all writers out.
  func compactInBackground() throws {
    guard compactsAutomatically, let changes = try changesToFold() else { return }
    let begun = compactions.start(at: changes.byteCount) { [self] in
      _ = try compactIfNeeded(waiting: 60)
    }
    if changes.byteCount - begun >= changes.limit { compactions.wait(seconds: 1) }
  }

  /// Gives pages of `data.mdb` that hold nothing back to the file system.
  private func releaseFreePages() throws {
    // Pages of the last commit's state before are kept by LMDB until the commit after it.
    try environment.write { txn in
      let tables = StoreTables()
      if let record = try txn.value(for: StoreTables.storeKey, in: tables.store) {
        try txn.put(record, for: StoreTables.storeKey, in: tables.store)
      }
    }
    try environment.releaseFreePages()
  }

  /// What a bulk build needs first: no changes outside of segments, a value for every row.
  func fold(_ locks: [FileLock]) throws {
    let snapshot = try snapshot()
    if !snapshot.state.hasChanges, try snapshot.isComplete() { return }
    _ = try compact(locks, isComplete: true, onBlock: {})
  }

  /// Runs `body` between two commits of whoever writes, here or in other processes.
  func withoutWriters<T>(waiting seconds: Double = 3600, _ body: () throws -> T) throws -> T {
    try writers.alone {
      let lock = try lockWriter(waiting: seconds)
      defer { withExtendedLifetime(lock) {} }
      return try body()
    }
  }

  /// - Parameter isComplete: for a build, which holds the writers' lock and needs a value for every row.
  private func compact(
    _ locks: [FileLock], isComplete: Bool, onBlock: @escaping () throws -> Void
  ) throws -> CompactionReport {
    // Let go of before old files go.
    func build() throws -> CompactionReport? {
      let snapshot = try snapshot()
      guard try snapshot.state.hasChanges || (isComplete && !snapshot.isComplete()) else {
        return nil
      }
      let builder = try GenerationBuilder(store: self, locks: locks, base: snapshot.state)
      do {
        try Compaction(
          builder: builder, snapshot: snapshot, isComplete: isComplete, onBlock: onBlock
        ).run()
        if isComplete { return try builder.publish(compactionOf: snapshot) }
        return try withoutWriters { try builder.publish(compactionOf: snapshot) }
      } catch {
        builder.abandon()
        throw error
      }
    }
    if let report = try build() {
      forgetGeneration()
      try? removeUnreferencedSegments()
      try? releaseFreePages()
      return report
    }
    try? removeUnreferencedSegments()
    let record = try state().record
    return CompactionReport(version: record.version, generation: record.generation)
  }
}

extension Snapshot {
  /// Whether the segments have a value for every row and dictionaries every key.
  func isComplete() throws -> Bool {
    for node in state.catalog.nodes {
      if node.dictionaryCount < node.count { return false }
      for column in node.columns {
        let stored = try segments.column(
          .node, node.id, column, place: "\(node.name).\(column.name)")
        if stored.rowCount < node.count { return false }
        if stored.kind == .categorical,
          state.segments(.nodeDictionary, type: node.id, column: column.id).isEmpty
        {
          return false
        }
      }
    }
    for edge in state.catalog.edges {
      for column in edge.columns {
        let stored = try segments.column(
          .edge, edge.id, column, place: "\(edge.type).\(column.name)")
        if stored.rowCount < edge.count { return false }
        if stored.kind == .categorical,
          state.segments(.edgeDictionary, type: edge.id, column: column.id).isEmpty
        {
          return false
        }
      }
    }
    return true
  }
}

extension GenerationBuilder {
  func edit(_ type: UInt16, _ body: (inout NodeTypeRecord) -> Void) {
    pending.withLock { pending in
      body(&pending.catalog.nodes[pending.catalog.nodes.firstIndex { $0.id == type }!])
    }
  }

  func edit(_ type: UInt16, _ body: (inout EdgeTypeRecord) -> Void) {
    pending.withLock { pending in
      body(&pending.catalog.edges[pending.catalog.edges.firstIndex { $0.id == type }!])
    }
  }

  func remove(_ records: [SegmentRecord]) { pending.withLock { $0.removed += records } }

  /// Says that a dictionary holds the first categories of a column now.
  func fold(_ column: ColumnKey, categoryCount: Int) {
    pending.withLock { $0.foldedCategories[column] = categoryCount }
  }

  /// Puts the segments in place of the changes that they hold; what came since the snapshot is done
  /// again over them, in the same commit.
  ///
  /// - Parameter finish: puts what else the commit changes, over the state that it leaves.
  func publish(
    compactionOf snapshot: Snapshot,
    finish: (inout StoreRecord, Pending, borrowing WriteTransaction) throws -> Void = { _, _, _ in }
  ) throws -> CompactionReport {
    let pending = pending.withLock { pending in
      require(!pending.isOver, "this build is over")
      require(pending.unfinished.isEmpty, "not finished: \(pending.unfinished.sorted())")
      return pending
    }
    try FileSystem.syncDirectory("\(store.path)/\(StoreLayout.segmentsDirectory)")
    try store.environment.write { txn in
      let tables = StoreTables()
      var state = try store.state(in: txn)
      guard state.record.generation == base.record.generation,
        state.record.layout == base.record.layout
      else {
        throw HedgerowError(.locked, "the store changed during the compaction", at: store.path)
      }
      try put(pending, in: txn)
      state.record.generation = generation
      state.record.foldedVersion = snapshot.version
      state.record.layout += 1
      try txn.put(JSON(state.record), for: StoreTables.storeKey, in: tables.store)
      state.catalog = pending.catalog
      state.manifest = base.manifest(without: pending.removed, with: pending.records)
      try txn.removeAll(in: tables.delta)
      try txn.removeAll(in: tables.cells)
      for (column, count) in pending.foldedCategories {
        for code in 0..<count {
          try txn.remove(CategoryKey(column, UInt32(code)), in: tables.categories)
        }
      }
      let writer = LiveWriter(
        path: store.path, generation: Generation(files: store.files, state: state, pin: nil),
        state: state, handle: txn.handle, isLogging: false)
      try txn.walk(tables.log, from: LogKey(snapshot.version + 1, 0)) { _, bytes in
        for change in try LoggedChange.decode(bytes) { try writer.apply(change) }
        return .next
      }
      try writer.finish()
      try finish(&state.record, pending, txn)
      try trimLog(below: snapshot.version, in: txn)
    }
    end()
    return CompactionReport(
      version: snapshot.version, generation: generation,
      writtenSegmentCount: pending.records.count,
      writtenByteCount: pending.records.reduce(0) { $0 + Int($1.fileByteCount) })
  }

  /// Parts of the log, of some 2 KiB, that are kept for whoever asks what changed: a twentieth of the
  /// segments, between half a MiB and 16 MiB.
  private var keptLogPartCount: Int {
    min(1 << 13, max(1 << 8, base.segmentByteCount / (20 << 11)))
  }

  private func trimLog(below version: UInt64, in txn: borrowing WriteTransaction) throws {
    let tables = StoreTables()
    let surplus = try txn.count(in: tables.log) - keptLogPartCount
    guard surplus > 0 else { return }
    var old: [LogKey] = []
    try txn.walk(tables.log) { key, _ in
      guard old.count < surplus && key.version <= version else { return .stop }
      old.append(key)
      return .next
    }
    // Commits go whole.
    if let last = old.last, last.version < version {
      old.removeAll { $0.version == last.version }
    }
    for key in old { try txn.remove(key, in: tables.log) }
  }
}

extension SegmentRecord: Comparable {
  static func < (a: SegmentRecord, b: SegmentRecord) -> Bool {
    (a.id.part.rawValue, a.id.type, a.id.column, a.id.range)
      < (b.id.part.rawValue, b.id.type, b.id.column, b.id.range)
  }
}
