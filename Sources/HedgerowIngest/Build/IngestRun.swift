import Glibc
import HedgerowCore
import HedgerowMapped
import HedgerowRoaring
import HedgerowStore

/// One ingest from its options to everything but the commit.
struct IngestRun {
  let options: IngestOptions
  let scratch: String
  let budget: MemoryBudget
  /// The store as it is: edges may lead to its nodes, and types of it may be added to.
  let present: Snapshot
  let runner: PassRunner
  let faults: Faults
  let readerShare: MemoryBudget.Reservation
  private let texts: TextShare

  var nodeTables = PerNode<InputTable>()
  var edgeTables = PerEdge<InputTable>()
  var features = PerNode<[FeatureBuild]>()
  /// Rows of the features of types without node files: they are the nodes.
  var featureRows = PerNode<Int>()
  /// And where they belong, for types that the store has.
  var keyedRows = PerNode<KeyedRows>()
  var forms = PerNode<NodeKeys.Form>()
  var duplicates = PerNode<Duplicates>()
  var setFiles: [(type: NodeType, file: InputFile)] = []

  /// Buffers, fields and encoded values of one chunk, twice read and once worked on.
  private static let chunkShare = 5 << 19

  init(
    options: IngestOptions, scratch: String, present: Snapshot, budget: MemoryBudget,
    pool: ThreadPool, faults: Faults, progress: @escaping @Sendable (IngestProgress) -> Void,
    isCancelled: @escaping @Sendable () -> Bool
  ) throws {
    self.options = options
    self.scratch = scratch
    self.present = present
    self.budget = budget
    let batchCount = max(
      1, min(4 * pool.threadCount, budget.available / 8 / Self.chunkShare))
    texts = TextShare(budget)
    readerShare = try budget.reserve(batchCount * Self.chunkShare, for: "reading input files")
    runner = PassRunner(
      pool: pool, batchCount: batchCount, progress: progress, isCancelled: isCancelled)
    self.faults = faults
    try openInputs()
  }

  /// The first pass.
  mutating func scanAll() throws -> PerNode<NodeKeys> {
    let keyMemory = budget.available * 3 / 8
    let keyShare = try budget.reserve(keyMemory, for: "key dictionaries")
    // What the dictionaries do not need goes to sorting.
    defer { keyShare.release() }
    return try scanAll(memory: keyMemory)
  }

  /// What the first pass says of the rest.
  mutating func plan() throws -> IngestPlan {
    let keys = try scanAll()
    var plan = IngestPlan()
    for type in options.nodeTypes where isWritten(type, keys[type]) {
      let added = keys[type].count - keys[type].storedCount
      plan.nodes[type] = added
      plan.duplicates += duplicates[type].count
      try checkFeatures(of: type)
      let features = (features[optional: type] ?? []).map(\.kind)
      plan.add(rows: added, of: nodeTables[type].properties.map(\.kind) + features)
      plan.addKeys(added, byteCount: keys[type].keyByteCount, keys[type].storedKind)
    }
    for (type, table) in edgeTables {
      let arcs = table.rowCount * (options.undirected.contains(type) ? 2 : 1)
      plan.edges[type] = arcs
      plan.add(rows: arcs, of: table.properties.map(\.kind))
      plan.addIndices(
        arcs, between: keys[type.source].count, and: keys[type.target].count,
        columns: table.properties.count)
      plan.addSorting(arcs, columns: table.properties.map(\.kind))
      _ = try combinations(of: type, table)
    }
    // Texts come to no more than the files that they are in.
    if plan.hasTexts { plan.storeByteCount += try textFileByteCount() }
    plan.leftOut = faults.leftOut
    plan.schema = schema(of: plan.nodes.keys.map { $0 })
    return plan
  }

  /// Rows of nodes that the store has cannot bring features, which are written once.
  func checkFeatures(of type: NodeType) throws {
    guard duplicates[type].reachStore, features[optional: type] != nil else { return }
    throw HedgerowError(
      .usage,
      "--on-duplicate \(options.duplicateNodes.rawValue) cannot change features of nodes that the "
        + "store has, and \(nodeTables[type].files[0].name) lists some of '\(type)': leave out "
        + "--features")
  }

  func textFileByteCount() throws -> Int {
    var tables = nodeTables.map { $1 } + edgeTables.map { $1 }
    tables.removeAll { !$0.codecs.contains { $0.kind.hasVariableLength } }
    return try tables.flatMap(\.files).reduce(0) { try $0 + FileSystem.byteCount(of: $1.path) }
  }

  /// Both passes, into everything but the commit.
  mutating func build(
    into builder: GenerationBuilder, _ journal: IngestJournal
  ) throws -> IngestReport {
    let keys = try scanAll()
    try journal.restoreFaults()
    let keptShare = try budget.reserve(
      keys.reduce(0) { $0 + $1.1.residentByteCount }, for: "key dictionaries")
    defer { keptShare.release() }

    var report = IngestReport()
    report.resumed = journal.resumed
    for type in options.nodeTypes where isWritten(type, keys[type]) {
      try checkFeatures(of: type)
      if !journal.isDone(type) {
        try NodeBuild(
          runner: runner, builder: builder, table: nodeTables[type], keys: keys[type],
          features: features[optional: type] ?? [],
          splits: options.splits.filter { $0.type == type }.map(\.column),
          listSplits: Set(options.listSplits.filter { $0.type == type }.map(\.column)),
          present: isPresent(type) ? present : nil, duplicates: duplicates[type],
          memory: budget.available / 4, keyed: keyedRows[optional: type]
        ).run()
        try journal.finish(type)
      }
      report.duplicates += duplicates[type].count
      duplicates[type].release()
      report.nodes[type] = keys[type].count
      report.addedNodes[type] = keys[type].count - keys[type].storedCount
      if hasFile(type) || (isPresent(type) && featureRows[optional: type] == nil) {
        report.createdNodes[type] = keys[type].createdCount
      }
    }
    for (index, file) in setFiles.enumerated() where !journal.isDone(setFile: index) {
      let memory = budget.available / 4
      let share = try budget.reserve(memory, for: "looking up members of sets")
      defer { share.release() }
      try SetBuild(
        runner: runner, builder: builder, faults: faults, file: file.file, keys: keys[file.type],
        present: isPresent(file.type) ? present : nil, memory: memory
      ).run()
      try journal.finish(setFile: index)
    }
    // The writers of a type with columns hold some of each column.
    let memory = budget.available / 8 * 7
    let sortShare = try budget.reserve(memory, for: "sorting edges")
    defer { sortShare.release() }
    for (index, (type, table)) in edgeTables.enumerated() {
      var counts: EdgeBuild.Counts
      if let done = journal.counts(of: type) {
        counts = done
      } else {
        counts = try EdgeBuild(
          runner: runner, builder: builder, faults: faults, type: type, table: table,
          source: keys[type.source], target: keys[type.target], missing: missing(type),
          areMemberships: areMemberships(type),
          isUndirected: options.undirected.contains(type),
          parallel: options.distinctTypes.contains(type) ? .fail : options.parallelEdges,
          combinations: combinations(of: type, table),
          present: isPresent(type) ? present : nil,
          memory: memory, journal: journal, name: "edges-\(index)"
        ).run()
        try journal.finish(type, counts)
      }
      report.edges[type] = counts.edges
      report.addedEdges[type] = counts.added
      if counts.presentEdges > 0 { report.presentEdges[type] = counts.presentEdges }
    }
    report.leftOut = faults.leftOut
    report.schema = schema(of: report.nodes.keys.map { $0 })
    return report
  }

  func combinations(
    of type: EdgeType, _ table: InputTable
  ) throws -> [CombinedEdges.Rule] {
    try options.combinations.filter { $0.column.type == type }.map { rule in
      let name = rule.column.column
      guard let column = table.codecs.firstIndex(where: { $0.name == name }) else {
        let names = table.codecs.map { "'\($0.name)'" }.joined(separator: ", ")
        throw HedgerowError(
          .usage,
          "--combine: type '\(type)' has no column '\(name)'; it has "
            + (names.isEmpty ? "none" : names))
      }
      let kind = table.codecs[column].kind
      guard CombinedEdges.takes(kind, rule.combination) else {
        throw HedgerowError(
          .usage,
          "--combine: column '\(name)' of '\(type)' is \(kind), which has no "
            + rule.combination.rawValue)
      }
      return .init(column: column, combination: rule.combination, kind: kind, name: name)
    }
  }

  /// The types that the run writes.
  func schema(of nodes: [NodeType]) -> GraphSchema {
    GraphSchema(
      nodes: nodes.map { type in
        NodeSchema(
          type,
          properties: nodeTables[type].properties
            + (features[optional: type] ?? []).map { PropertySchema($0.column, $0.kind) })
      },
      edges: edgeTables.map { type, table in
        EdgeSchema(
          type, properties: table.properties, isUndirected: options.undirected.contains(type),
          timeColumn: table.codecs.first { $0.requirement == .time }?.name,
          weightColumn: table.codecs.first { $0.requirement == .weight }?.name)
      })
  }

  /// Whether the store has a node type already.
  func isPresent(_ type: NodeType) -> Bool { present.schema.node(type) != nil }
  func isPresent(_ type: EdgeType) -> Bool { present.schema.edge(type) != nil }

  func hasFile(_ type: NodeType) -> Bool { !nodeTables[type].files.isEmpty }

  /// Whether the run changes a type: one that the store has may only be where edges lead.
  func isWritten(_ type: NodeType, _ keys: NodeKeys) -> Bool {
    !isPresent(type) || hasFile(type) || features[optional: type] != nil
      || keys.count > keys.storedCount
  }

  /// Only a type with a node file, or one that is in the store, can miss a node; the latter is given
  /// new ones only by who appends.
  func missing(_ type: EdgeType) -> IngestOptions.MissingNodes {
    let ends = [type.source, type.target]
    if options.existingTypes == .refuse, ends.contains(where: isPresent) {
      return options.missingNodes == .create ? .fail : options.missingNodes
    }
    return ends.contains { hasFile($0) || isPresent($0) } ? options.missingNodes : .create
  }

  // MARK: First pass

  mutating func scanAll(memory: Int) throws -> PerNode<NodeKeys> {
    let scan = Scan(runner: runner, faults: faults, texts: texts)
    let mark = faults.mark
    while true {
      var keys = PerNode<NodeKeys>()
      let share = memory / max(1, options.nodeTypes.count)
      for type in options.nodeTypes {
        keys[type] = NodeKeys(
          type, form: forms[type], memory: share, scratch: scratch)
        if isPresent(type) {
          try keys[type].addStored(from: present, onBlock: runner.checkCancelled)
          try keyedRows[optional: type]?.addMade(to: keys[type])
        } else if let rows = featureRows[optional: type] {
          try keys[type].addIdentityRows(rows)
        }
      }
      try texts.removeAll()
      var textKeyed: Set<NodeType> = []
      for (type, table) in nodeTables {
        var table = table
        table.resetScan()
        duplicates[type] = Duplicates(
          options.duplicateNodes, after: keys[type].storedCount,
          deleted: isPresent(type) ? present.deletedNodes(of: type) : RoaringBitmap(),
          scratch: scratch)
        if try !scan.scan(nodes: &table, keys: keys[type], duplicates[type]) {
          textKeyed.insert(type)
        }
        nodeTables[type] = table
      }
      for (edge, table) in edgeTables {
        var table = table
        table.resetScan()
        let ends = [edge.source, edge.target]
        let isInteger = try scan.scan(
          edges: &table,
          (0..<2).map { end in
            let isRow = end == 0 && areMemberships(edge)
            return Scan.KeyColumn(
              keys: keys[ends[end]], isGathered: gathers(ends[end]) && !isRow)
          })
        for end in 0..<2 where !isInteger[end] { textKeyed.insert(ends[end]) }
        edgeTables[edge] = table
      }
      if textKeyed.isEmpty {
        try seal(keys, scan)
        return keys
      }
      // Some key is no integer after all: the keys of its type are gathered again as texts.
      for type in textKeyed { forms[type] = .texts }
      try faults.rollBack(to: mark)
    }
  }

  mutating func seal(_ keys: PerNode<NodeKeys>, _ scan: Scan) throws {
    for (type, keys) in keys {
      try keys.seal(onBlock: runner.checkCancelled) { key, earlier, later in
        try scan.duplicate(
          key, earlier, later, in: nodeTables[type], after: keys.storedCount, duplicates[type])
      }
      try scan.reportRepeated(
        duplicates[type], in: nodeTables[type], after: keys.storedCount)
      if !keys.isResident { try duplicates[type].resolve() }
      guard hasFile(type) else { continue }
      if keys.keptRows > keys.storedCount { try requireFeatures(of: type) }
      let lineCount = keys.rowCount - keys.storedCount
      for feature in features[optional: type] ?? [] where feature.file.rowCount != lineCount {
        throw HedgerowError(
          .badData,
          "has \(feature.file.rowCount) rows, but node type '\(type)' has \(lineCount) lines: "
            + "each line needs its row",
          at: feature.file.name)
      }
    }
    for (type, table) in nodeTables {
      var table = table
      try table.makeCodecs()
      nodeTables[type] = table
    }
    for (type, table) in edgeTables {
      var table = table
      try table.makeCodecs()
      edgeTables[type] = table
    }
  }
}
