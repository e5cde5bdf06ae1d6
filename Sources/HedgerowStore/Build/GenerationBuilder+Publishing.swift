import HedgerowCore
import HedgerowLMDB
import HedgerowMapped

// How a build ends.

extension GenerationBuilder {
  /// Publishes all that was written by one synced commit, and ends the build.
  ///
  /// Traps when a declared part was not finished or counts disagree: that is a caller's mistake.
  /// - Returns: the store's new version.
  @discardableResult
  public func publish() throws -> UInt64 {
    if let folded = pending.withLock({ $0.folded }) { return try publish(besideChangesTo: folded) }
    let pending = pending.withLock { pending in
      require(!pending.isOver, "this build is over")
      require(
        pending.unfinished.isEmpty, "not finished: \(pending.unfinished.sorted())")
      for (type, counts) in pending.edgeCounts {
        require(
          counts.allSatisfy { $0 == counts[0] },
          "the indices and columns of edge type \(type) hold \(counts) edges")
      }
      return pending
    }
    try FileSystem.syncDirectory("\(store.path)/\(StoreLayout.segmentsDirectory)")
    var record = base.record
    record.version += 1
    record.generation = generation
    record.nextNodeType = pending.nextNodeType
    record.nextEdgeType = pending.nextEdgeType
    record.foldedVersion = record.version
    record.layout += 1
    if pending.changesData { record.dataVersion = record.version }
    try store.environment.write { txn in
      let tables = StoreTables()
      guard
        try txn.value(for: StoreTables.storeKey, in: tables.store)?.value.version
          == base.record.version
      else {
        throw HedgerowError(.locked, "the store changed during the build", at: store.path)
      }
      try put(pending, in: txn)
      for node in pending.catalog.nodes {
        let key = OwnerKey(.node, node.id)
        let counts = Counts(total: node.count, other: base.count(key).other)
        try txn.put(counts, for: key, in: tables.counts)
      }
      for edge in pending.catalog.edges {
        let key = OwnerKey(.edge, edge.id)
        let counts = Counts(total: edge.count, other: base.count(key).other)
        try txn.put(counts, for: key, in: tables.counts)
      }
      for set in pending.sets {
        let name = SetName(type: set.type, name: set.name)
        try txn.removeAll(in: tables.sets, prefix: name.prefix)
        for (block, members) in set.members.blocks() {
          try txn.put(StoredSet(members), for: SetKey(name, block: block), in: tables.sets)
        }
      }
      try store.put(pending.models, as: record, in: txn)
    }
    end()
    return record.version
  }

  /// Publishes what was added to the content of a snapshot; what came since then is done again over it.
  func publish(besideChangesTo folded: Snapshot) throws -> UInt64 {
    try store.withoutWriters {
      var version: UInt64 = 0
      _ = try publish(compactionOf: folded) { record, pending, txn in
        let isFolded = record.version == folded.version
        record.version += 1
        version = record.version
        if isFolded { record.foldedVersion = version }
        // Versions before have other columns.
        record.schemaVersion = version
        if pending.changesData { record.dataVersion = version }
        try store.put(pending.models, as: record, in: txn)
      }
      return version
    }
  }

  /// Types, segments, and that keys are in dictionaries: what a build and a compaction both put.
  func put(_ pending: Pending, in txn: borrowing WriteTransaction) throws {
    let tables = StoreTables()
    for node in pending.catalog.nodes {
      try txn.put(JSON(node), for: TypeKey(node.id), in: tables.nodes)
    }
    for edge in pending.catalog.edges {
      try txn.put(JSON(edge), for: TypeKey(edge.id), in: tables.edges)
    }
    for old in pending.removed { try txn.remove(old.id, in: tables.manifest) }
    for new in pending.records { try txn.put(new, for: new.id, in: tables.manifest) }
    for type in pending.keyed {
      let count = pending.catalog.nodes.first { $0.id == type }!.count
      var prefix: [UInt8] = []
      appendBigEndian(type, to: &prefix)
      var added: [[UInt8]] = []
      try txn.forEach(in: tables.keysByID, prefix: prefix) { key, bytes in
        if UInt64(key.id) < count { added.append(bytes) }
      }
      for bytes in added {
        let entry = ExternalKeyEntry(type, bytes)
        guard let ids = try txn.value(for: entry, in: tables.keys)?.ids else { continue }
        let left = ids.filter { UInt64($0) >= count }
        if left.isEmpty {
          try txn.remove(entry, in: tables.keys)
        } else {
          try txn.put(NodeIDs(left), for: entry, in: tables.keys)
        }
      }
      for id in 0..<added.count {
        let id = UInt32(count - UInt64(added.count) + UInt64(id))
        try txn.remove(NodeKey(type, id), in: tables.keysByID)
      }
    }
  }

  /// Lets go of all that the build held, once it is published.
  func end() {
    pending.withLock { pending in
      pending.isOver = true
      pending.folded = nil
    }
    // Published is published: what cannot be removed now, the next build removes.
    try? FileSystem.removeTree(scratchDirectory)
    store.forgetGeneration()
    try? store.removeUnreferencedSegments()
    pending.withLock { $0.locks = [] }
  }

  /// Gives the build up and removes what it wrote. Nothing was ever visible.
  public func abandon() {
    let records = pending.withLock { pending -> [SegmentRecord]? in
      defer { pending.isOver = true }
      pending.folded = nil
      return pending.isOver ? nil : pending.records
    }
    guard let records else { return }
    // When the commit failed and may be on the disk all the same, its files stay: after a crash the
    // store may be of that version. If it is not, the next build removes them.
    if !store.environment.isPoisoned {
      for record in records {
        try? FileSystem.removeFile(store.segmentPath(record.fileName))
      }
    }
    try? FileSystem.removeTree(scratchDirectory)
    pending.withLock { $0.locks = [] }
  }
}
