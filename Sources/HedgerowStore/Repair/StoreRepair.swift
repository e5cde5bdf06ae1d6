import HedgerowCore
import HedgerowLMDB
import HedgerowMapped

/// Makes a damaged store whole again, as far as it holds what is damaged a second time.
///
/// An index of an edge type is made again of the other one, the sorted side of a key dictionary of the
/// keys, checksums of what they are of, counts of what they count; files that no version names go. New
/// segments are published by one commit; the version stays when nothing is lost. Ranges of a column are
/// there once only: they become null, and categories get names, when that is accepted. `data.mdb`, the
/// keys of nodes, and edges that are damaged in both indices are beyond repair.
///
/// Reads every byte twice: to find what is damaged, and to prove that nothing is any more. Memory: the
/// edges of a range of 2^18 nodes, or what is given; 4 bytes a key.
public struct StoreRepair {
  /// - Parameters:
  ///   - memory: for sorting edges.
  ///   - seconds: how long to wait for another writer.
  ///   - progress: called with the bytes read since the last call; may throw to stop.
  /// - Returns: what was found. Where it says that the store is not whole, nothing was written, unless
  ///   it also says that.
  /// - Throws: `noInput` when there is no store, `newerFormat`, `locked`, `io`. Damage is reported.
  public static func repair(
    at path: String, losses: LossPolicy, memory: Int = 256 << 20, waiting seconds: Double = 0,
    progress: (Int) throws -> Void = { _ in }
  ) throws -> RepairReport {
    try GraphStore.requireStore(at: path)
    return try withoutActuallyEscaping(progress) { progress in
      var report = RepairReport()
      let check = try LMDBFileCheck(path, .values, progress: progress)
      for problem in check.problems {
        report.unrepairable.append(
          .init("\(StoreLayout.dataFile) at byte \(problem.offset)", problem.what))
      }
      guard report.isWhole else { return report }
      let wrongTables = StoreTables().problems(ofNames: Set(check.tableNames))
      do {
        // Says of a newer build's store that it is one, and not that its tables are wrong.
        let store = try GraphStore.open(at: path)
        report.unrepairable += wrongTables.map { .init(StoreLayout.dataFile, $0) }
        guard report.isWhole else { return report }
        var repair = StoreRepair(store: store, losses: losses, memory: memory, progress: progress)
        report = try repair.run(waiting: seconds)
      } catch let error as HedgerowError
        where error.code == .damaged || (error.code == .noInput && !wrongTables.isEmpty)
      {
        report.unrepairable.append(
          .init(FileSystem.name(of: error.place ?? path), error.message))
        report.unrepairable += wrongTables.map { .init(StoreLayout.dataFile, $0) }
        return report
      }
      guard report.isWhole else { return report }
      for problem in try StoreVerifier.verify(at: path, progress: progress).problems {
        report.unrepairable.append(.init(problem.file, problem.what))
      }
      return report
    }
  }

  private let store: GraphStore
  private let losses: LossPolicy
  private let memory: Int
  private let progress: (Int) throws -> Void
  private var report = RepairReport()

  private init(
    store: GraphStore, losses: LossPolicy, memory: Int, progress: @escaping (Int) throws -> Void
  ) {
    self.store = store
    self.losses = losses
    self.memory = memory
    self.progress = progress
  }

  private mutating func run(waiting seconds: Double) throws -> RepairReport {
    let locks = [
      try store.lock(StoreLayout.buildLock, waiting: seconds),
      try store.lockWriter(waiting: seconds),
    ]
    let state = try store.state()
    report.version = state.record.version
    let damaged = try state.damagedSegments(in: store.files, progress: progress)
    judge(damaged, state)
    let counts = try correctedCounts(state)
    guard report.unrepairable.isEmpty, report.lost.isEmpty || losses == .accept else {
      report.repaired = []
      return report
    }
    let files = try fileNames()
    if damaged.isEmpty && counts.isEmpty {
      try store.removeLeftovers()
    } else {
      let builder = try GenerationBuilder(store: store, locks: locks, base: state)
      do {
        try rewrite(damaged, state, builder)
        report.version = try builder.publish(repairing: counts, hasLosses: !report.lost.isEmpty)
        report.isWritten = true
      } catch let error as HedgerowError where error.code == .damaged {
        builder.abandon()
        report.repaired = []
        report.unrepairable.append(
          .init(FileSystem.name(of: error.place ?? store.path), error.message))
        return report
      } catch {
        builder.abandon()
        throw error
      }
    }
    // Whatever the manifest named is no leftover.
    let known = Set(state.manifest.map(\.fileName))
    for name in files.subtracting(try fileNames()).subtracting(known).sorted() {
      report.repaired.append(.init(name, "no version names it: removed"))
      report.isWritten = true
    }
    withExtendedLifetime(locks) {}
    return report
  }

  private func fileNames() throws -> Set<String> {
    var names = Set(
      try FileSystem.names(in: "\(store.path)/\(StoreLayout.segmentsDirectory)"))
    if FileSystem.exists("\(store.path)/\(StoreLayout.scratchDirectory)") {
      names.insert(StoreLayout.scratchDirectory)
    }
    return names
  }

  // MARK: What can be done

  private func edge(_ id: UInt16, _ state: StoreState) -> EdgeTypeRecord? {
    state.catalog.edges.first { $0.id == id }
  }

  private func column(_ id: SegmentID, _ state: StoreState) -> (owner: String, ColumnRecord)? {
    switch id.part {
    case .nodeColumn, .nodeDictionary, .nodeIndex:
      state.catalog.nodes.first { $0.id == id.type }.flatMap { node in
        node.columns.first { $0.id == id.column }.map { (node.name, $0) }
      }
    default:
      edge(id.type, state).flatMap { edge in
        edge.columns.first { $0.id == id.column }.map { ("\(edge.type)", $0) }
      }
    }
  }

  /// Says what of the damage nothing can be done about, and what is lost.
  private mutating func judge(_ damaged: [SegmentDamage], _ state: StoreState) {
    for damage in damaged where !damage.isSectionsWhole {
      func giveUp(_ what: String) {
        report.unrepairable.append(.init(damage.fileName, "\(damage.what): \(what)"))
      }
      switch damage.id.part {
      case .adjacencyOut, .adjacencyIn:
        if edge(damage.id.type, state) == nil { giveUp("no edge type has its number") }
      case .keys:
        if !KeyRepair.isPossible(damage) { giveUp("keys of nodes are gone") }
      case .nodeColumn, .edgeColumn:
        guard let (owner, column) = column(damage.id, state) else {
          giveUp("no column has its number")
          continue
        }
        if let edge = edge(damage.id.type, state), damage.id.part == .edgeColumn,
          edge.timeColumn == column.name || edge.weightColumn == column.name
        {
          giveUp(
            "the \(edge.timeColumn == column.name ? "times" : "weights") of '\(owner)' are gone")
          continue
        }
        report.lost.append(
          .init(
            damage.fileName,
            "\(damage.what): \(damage.record.rowCount) values of '\(owner).\(column.name)' are null"
          ))
      case .nodeIndex:
        if column(damage.id, state) == nil { giveUp("no column has its number") }
      case .nodeDictionary, .edgeDictionary:
        guard let (owner, column) = column(damage.id, state) else {
          giveUp("no column has its number")
          continue
        }
        report.lost.append(
          .init(
            damage.fileName,
            "\(damage.what): categories of '\(owner).\(column.name)' are named lost-N"))
      }
    }
  }

  // MARK: Doing it

  private mutating func rewrite(
    _ damaged: [SegmentDamage], _ state: StoreState, _ builder: GenerationBuilder
  ) throws {
    let broken = damaged.filter { !$0.isSectionsWhole }
    for damage in damaged where damage.isSectionsWhole {
      try copySections(of: damage, builder)
      report.repaired.append(
        .init(damage.fileName, "\(damage.what): written anew, all that it holds is whole"))
    }
    let columns = ColumnRepair(builder: builder, state: state)
    for edge in state.catalog.edges {
      for index in AdjacencyIndex.allCases {
        let part: SegmentID.Part = index == .out ? .adjacencyOut : .adjacencyIn
        let ranges = broken.filter { $0.id.part == part && $0.id.type == edge.id }
        guard !ranges.isEmpty else { continue }
        let progress = progress
        _ = try AdjacencyRepair(
          builder: builder, state: state, edge: edge, index: index, damaged: broken,
          memory: memory, onBlock: { try progress(0) }
        ).run()
        for range in ranges {
          report.repaired.append(
            .init(
              range.fileName,
              "\(range.what): \(range.record.edgeCount) edges of '\(edge.type)' made again of the "
                + "\(index == .out ? "in" : "out") index"))
        }
      }
    }
    var cleared: Set<SegmentID> = []
    for damage in broken {
      switch damage.id.part {
      case .adjacencyOut, .adjacencyIn: break
      case .keys:
        try KeyRepair(builder: builder, damage: damage).run { try progress(0) }
        report.repaired.append(
          .init(damage.fileName, "\(damage.what): \(damage.record.rowCount) keys sorted anew"))
      case .nodeColumn, .edgeColumn:
        var key = damage.id
        key.range = 0
        guard cleared.insert(key).inserted, let (_, column) = column(damage.id, state) else {
          break
        }
        try columns.clear(
          broken.filter {
            $0.id.part == key.part && $0.id.type == key.type && $0.id.column == key.column
          }, of: column)
      case .nodeDictionary, .edgeDictionary:
        try builder.writeDictionary(damage.id, texts: columns.texts(of: damage).texts)
      case .nodeIndex:
        report.repaired.append(
          .init(damage.fileName, "\(damage.what): the index is made again of its column"))
      }
    }
    // An index says what its column says, and that may be null now.
    for node in state.catalog.nodes {
      for column in node.columns
      where broken.contains(where: {
        ($0.id.part == .nodeIndex || $0.id.part == .nodeColumn) && $0.id.type == node.id
          && $0.id.column == column.id
      }) && !state.segments(.nodeIndex, type: node.id, column: column.id).isEmpty {
        let progress = progress
        try builder.rebuildIndex(
          of: column, node.id, place: "\(node.name).\(column.name)", onBlock: { try progress(0) })
      }
    }
  }

  private func copySections(of damage: SegmentDamage, _ builder: GenerationBuilder) throws {
    let segment = damage.segment!
    let writer = try builder.segmentWriter(damage.id, damage.id.kind)
    for id in segment.sectionIDs {
      try writer.beginSection(id, elementByteCount: segment.elementByteCount(of: id))
      try writer.append(segment.section(id)!)
    }
    var record = damage.record
    record.generation = builder.generation
    record.fileByteCount = try writer.finish(
      attributes: segment.attributes, features: segment.features)
    builder.add(record)
  }

  // MARK: Counts

  /// Counts that are not those of what they count.
  private mutating func correctedCounts(_ state: StoreState) throws -> RepairedCounts {
    var counts = RepairedCounts()
    let tables = StoreTables()
    try store.environment.read { txn in
      for var node in state.catalog.nodes {
        if node.keys != .identity, let record = state.segments(.keys, type: node.id).first,
          record.rowCount != node.dictionaryCount
        {
          note("node type '\(node.name)'", "keys", node.dictionaryCount, record.rowCount)
          if node.dictionaryCount == node.count { node.count = record.rowCount }
          node.dictionaryCount = record.rowCount
          counts.nodes.append(node)
        }
        var prefix: [UInt8] = []
        appendBigEndian(node.id, to: &prefix)
        var right = Counts(total: node.dictionaryCount)
        try txn.forEach(in: tables.keysByID, prefix: prefix) { _, _ in right.total += 1 }
        try txn.forEach(in: tables.deleted, prefix: prefix) { _, set in
          right.other += UInt64(set.members.count)
        }
        let known = state.count(of: node)
        if known != right {
          note("node type '\(node.name)'", "nodes", known.total, right.total)
          counts.counts.append((OwnerKey(.node, node.id), right))
        }
      }
      for var edge in state.catalog.edges {
        let sums = [SegmentID.Part.adjacencyOut, .adjacencyIn].map { part in
          state.segments(part, type: edge.id).reduce(UInt64(0)) { $0 + $1.edgeCount }
        }
        guard sums[0] == sums[1] else {
          report.unrepairable.append(
            .init(
              "edge type '\(edge.type)'",
              "one index has \(sums[0]) edges and the other one \(sums[1])"))
          continue
        }
        if sums[0] != edge.count {
          note("edge type '\(edge.type)'", "edges in segments", edge.count, sums[0])
          edge.count = sums[0]
          counts.edges.append(edge)
        }
        var right = Counts(total: edge.count, other: state.count(of: edge).other)
        try txn.forEach(in: tables.delta, prefix: DeltaKey.prefix(edge.id, .out)) { key, _ in
          if key.kind == .added { right.total += 1 } else { right.total -= 1 }
        }
        let known = state.count(of: edge)
        if known != right {
          note("edge type '\(edge.type)'", "edges", known.total, right.total)
          counts.counts.append((OwnerKey(.edge, edge.id), right))
        }
      }
    }
    return counts
  }

  private mutating func note(_ place: String, _ what: String, _ said: UInt64, _ found: UInt64) {
    report.repaired.append(.init(place, "the count of \(what) is \(found), not \(said)"))
  }
}

/// Records of types and counts to be put in the place of wrong ones.
struct RepairedCounts {
  var nodes: [NodeTypeRecord] = []
  var edges: [EdgeTypeRecord] = []
  var counts: [(key: OwnerKey, counts: Counts)] = []
  var isEmpty: Bool { nodes.isEmpty && edges.isEmpty && counts.isEmpty }
}

extension GenerationBuilder {
  /// Puts the segments in the place of those of the same parts. The changes that are not in segments
  /// stay as they are. Returns the store's version.
  func publish(repairing counts: RepairedCounts, hasLosses: Bool) throws -> UInt64 {
    let pending = pending.withLock { pending in
      require(!pending.isOver, "this build is over")
      return pending
    }
    try FileSystem.syncDirectory("\(store.path)/\(StoreLayout.segmentsDirectory)")
    var record = base.record
    record.generation = generation
    record.layout += 1
    if hasLosses {
      record.version += 1
      record.dataVersion = record.version
      if !base.hasChanges { record.foldedVersion = record.version }
    }
    try store.environment.write { txn in
      let tables = StoreTables()
      guard
        try txn.value(for: StoreTables.storeKey, in: tables.store)?.value.version
          == base.record.version
      else {
        throw HedgerowError(.locked, "the store changed during the repair", at: store.path)
      }
      for segment in pending.records { try txn.put(segment, for: segment.id, in: tables.manifest) }
      for node in counts.nodes { try txn.put(JSON(node), for: TypeKey(node.id), in: tables.nodes) }
      for edge in counts.edges { try txn.put(JSON(edge), for: TypeKey(edge.id), in: tables.edges) }
      for (key, counts) in counts.counts { try txn.put(counts, for: key, in: tables.counts) }
      if hasLosses {
        try LogWriter.write(
          [.build(generation: generation)], version: record.version,
          to: KeptTransaction(txn.handle))
      }
      try txn.put(JSON(record), for: StoreTables.storeKey, in: tables.store)
    }
    end()
    return record.version
  }
}
