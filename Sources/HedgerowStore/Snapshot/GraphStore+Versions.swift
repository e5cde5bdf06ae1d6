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
    let (newest, generation, copied, log) = try withGeneration { txn, state, generation in
      guard version <= state.record.version else {
        throw HedgerowError(
          .usage, "version \(version) is not there yet: the newest is \(state.record.version)",
          at: path)
      }
      let folded = state.record.foldedVersion
      let oldest = max(folded, state.record.schemaVersion)
      guard version >= oldest else {
        throw HedgerowError(
          .usage, "version \(version) is no longer kept: the oldest is \(oldest)", at: path)
      }
      return (
        state, generation, try CopiedChanges(state.catalog, KeptTransaction(txn.handle)),
        try txn.copy(StoreTables().log, from: LogKey(folded + 1, 0))
      )
    }
    if version == newest.record.version {
      return try Snapshot(store: self, state: newest, generation: generation, copied)
    }
    return try snapshot(at: version, newest, generation, copied, log)
  }

  private func snapshot(
    at version: UInt64, _ newest: StoreState, _ generation: Generation, _ copied: CopiedChanges,
    _ log: TableCopy<LogKey, [UInt8]>
  ) throws -> Snapshot {
    var state = newest
    state.record.version = version
    state.record.dataVersion = version
    var changes = SnapshotChanges()
    changes.deleted = try copied.deletedNodes()
    var sets = try copied.namedSets()
    // What came later is taken back, the last first.
    var later: [LoggedChange] = []
    try log.visit { key, bytes in
      if key.version > version { later += try LoggedChange.decode(bytes) }
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
    try changes.readKeys(state, copied)

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
      try StoreTables().create(in: scratch)
      let writer = LiveWriter(
        path: path, generation: generation, state: state, handle: scratch.handle, isLogging: false)
      try log.walk { key, bytes in
        guard key.version <= version else { return .stop }
        for change in try LoggedChange.decode(bytes) { try writer.apply(change) }
        return .next
      }
      try changes.readValues(
        state, generation, CopiedChanges(state.catalog, KeptTransaction(scratch.handle)))
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
