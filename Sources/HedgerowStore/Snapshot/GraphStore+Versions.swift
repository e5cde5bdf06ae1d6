import Glibc
import HedgerowCore
import HedgerowLMDB
import HedgerowMapped
import HedgerowRoaring

extension GraphStore {
  /// An earlier version, as a snapshot of it would have been.
  ///
  /// Kept are the versions since the last build, compaction or change of the schema. Time and memory
  /// grow with the changes since; they are done again in a private database in the system's directory
  /// for temporary files.
  /// - Throws: `usage` for a version that is not there yet or no longer kept.
  public func snapshot(at version: UInt64) throws -> Snapshot {
    if try self.version == version { return try snapshot() }
    return try withGeneration { txn, state, generation in
      guard version <= state.record.version else {
        throw HedgerowError(
          .usage, "version \(version) is not there yet: the newest is \(state.record.version)",
          at: path)
      }
      if version == state.record.version {
        return try Snapshot(
          store: self, state: state, generation: generation, KeptTransaction(txn.handle))
      }
      let oldest = max(state.record.foldedVersion, state.record.schemaVersion)
      guard version >= oldest else {
        throw HedgerowError(
          .usage, "version \(version) is no longer kept: the oldest is \(oldest)", at: path)
      }
      return try snapshot(at: version, state, generation, KeptTransaction(txn.handle))
    }
  }

  private func snapshot(
    at version: UInt64, _ newest: StoreState, _ generation: Generation, _ txn: KeptTransaction
  ) throws -> Snapshot {
    let tables = StoreTables()
    var state = newest
    state.record.version = version
    state.record.dataVersion = version
    var changes = SnapshotChanges()
    var sets = try Snapshot.sets(in: txn)
    try txn.forEach(in: tables.deleted) { key, set in
      changes.deleted[key.type, default: RoaringBitmap()].formUnion(set.members)
    }
    // What came later is taken back, the last first.
    var later: [LoggedChange] = []
    try txn.walk(tables.log, from: LogKey(version + 1, 0)) { _, bytes in
      later += try LoggedChange.decode(bytes)
      return .next
    }
    for change in later.reversed() {
      switch change {
      case .insertNode(let type, let id, _, let again):
        let key = OwnerKey(.node, type)
        var counts = state.count(key)
        if again {
          changes.deleted[type, default: RoaringBitmap()].insert(id)
          counts.other += 1
        } else {
          counts.total -= 1
        }
        state.counts[key] = counts
      case .deleteNode(let type, let id):
        changes.deleted[type]?.remove(id)
        var counts = state.count(OwnerKey(.node, type))
        counts.other -= 1
        state.counts[OwnerKey(.node, type)] = counts
      case .insertMember(let type, let id, let set):
        sets[SetName(type: type, name: set)]?.remove(id)
      case .removeMember(let type, let id, let set):
        sets[SetName(type: type, name: set)]?.insert(id)
      case .makeSet(let type, let set): sets[SetName(type: type, name: set)] = nil
      case .dropSet(let type, let set): sets[SetName(type: type, name: set)] = RoaringBitmap()
      case .setCell, .connect, .disconnect, .setEdgeCell, .build, .schema: break
      }
    }
    let deleted = changes.deleted
    try changes.readNodes(state, txn)
    changes.deleted = deleted

    // What came before is done again over the segments.
    let pattern = "hedgerow-" + String(repeating: "X", count: 6)
    var template = Array("\(Self.temporaryDirectory)/\(pattern)".utf8CString)
    guard template.withUnsafeMutableBufferPointer({ mkdtemp($0.baseAddress!) }) != nil else {
      throw FileSystem.failure("make a directory in", Self.temporaryDirectory)
    }
    let scratch = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { try? FileSystem.removeTree(scratch) }
    let environment = try LMDBEnvironment.open(scratch, .readWrite)
    try environment.write { scratch in
      try tables.create(in: scratch)
      let writer = LiveWriter(
        path: path, generation: generation, state: state, handle: scratch.handle, isLogging: false)
      let first = LogKey(state.record.foldedVersion + 1, 0)
      try txn.walk(tables.log, from: first) { key, bytes in
        guard key.version <= version else { return .stop }
        for change in try LoggedChange.decode(bytes) { try writer.apply(change) }
        return .next
      }
      try changes.readValues(state, generation, KeptTransaction(scratch.handle))
    }
    for edge in state.catalog.edges {
      let key = OwnerKey(.edge, edge.id)
      let net = changes.edges[edge.id]?.out.netCount ?? 0
      state.counts[key] = Counts(
        total: UInt64(Int(edge.count) + net), other: state.count(key).other)
    }
    return try Snapshot(
      store: self, state: state, generation: generation, changes: changes, sets: sets)
  }

  private static var temporaryDirectory: String {
    getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
  }
}
