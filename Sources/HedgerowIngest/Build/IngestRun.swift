import Glibc
import HedgerowCore
import HedgerowMapped
import HedgerowStore

/// One ingest from its options to everything but the commit.
struct IngestRun {
  let options: IngestOptions
  let builder: GenerationBuilder
  let budget: MemoryBudget
  /// The store as it is: edges may lead to its nodes.
  private let present: Snapshot
  private let runner: PassRunner
  private let faults: Faults
  private let readerShare: MemoryBudget.Reservation

  private var nodeTables = PerNode<InputTable>()
  private var edgeTables = PerEdge<InputTable>()
  private var features = PerNode<[FeatureBuild]>()
  /// Rows of the features of types without node files: they are the nodes.
  private var featureRows = PerNode<Int>()
  private var forms = PerNode<NodeKeys.Form>()

  /// Buffers, fields and encoded values of one chunk, twice read and once worked on.
  private static let chunkShare = 5 << 19

  init(
    options: IngestOptions, builder: GenerationBuilder, present: Snapshot, budget: MemoryBudget,
    pool: ThreadPool, progress: @escaping @Sendable (IngestProgress) -> Void,
    isCancelled: @escaping @Sendable () -> Bool
  ) throws {
    self.options = options
    self.builder = builder
    self.present = present
    self.budget = budget
    let batchCount = max(
      1, min(4 * pool.threadCount, budget.available / 8 / Self.chunkShare))
    readerShare = try budget.reserve(batchCount * Self.chunkShare, for: "reading input files")
    runner = PassRunner(
      pool: pool, batchCount: batchCount, progress: progress, isCancelled: isCancelled)
    faults = Faults(options.badLines)
    try openInputs()
  }

  mutating func build() throws -> IngestReport {
    let keyMemory = budget.available * 3 / 8
    let keyShare = try budget.reserve(keyMemory, for: "key dictionaries")
    let keys = try scanAll(memory: keyMemory)
    // What the dictionaries do not need goes to sorting.
    keyShare.release()
    let keptShare = try budget.reserve(
      keys.reduce(0) { $0 + $1.1.residentByteCount }, for: "key dictionaries")
    defer { keptShare.release() }

    var report = IngestReport()
    for type in options.nodeTypes where !isPresent(type) {
      let table = nodeTables[optional: type] ?? InputTable()
      try NodeBuild(
        runner: runner, builder: builder, table: table, keys: keys[type],
        features: features[optional: type] ?? [],
        splits: options.splits.filter { $0.type == type }.map(\.column)
      ).run()
      report.nodes[type] = keys[type].count
      if !table.files.isEmpty { report.createdNodes[type] = keys[type].createdCount }
    }
    // The writers of a type with columns hold some of each column.
    let memory = budget.available / 8 * 7
    let sortShare = try budget.reserve(memory, for: "sorting edges")
    defer { sortShare.release() }
    for (type, table) in edgeTables {
      report.edges[type] = try EdgeBuild(
        runner: runner, builder: builder, faults: faults, type: type, table: table,
        source: keys[type.source], target: keys[type.target], missing: missing(type),
        isUndirected: options.undirected.contains(type), memory: memory
      ).run()
    }
    report.skipped = faults.count
    report.messages = faults.messages
    report.schema = schema()
    return report
  }

  private func schema() -> GraphSchema {
    GraphSchema(
      nodes: options.nodeTypes.filter { !isPresent($0) }.map { type in
        NodeSchema(
          type,
          properties: (nodeTables[optional: type]?.properties ?? [])
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
  private func isPresent(_ type: NodeType) -> Bool { present.schema.node(type) != nil }

  /// Only a type with a node file, or one that is in the store, can miss a node; the latter cannot
  /// be given new ones.
  private func missing(_ type: EdgeType) -> IngestOptions.MissingNodes {
    if [type.source, type.target].contains(where: isPresent) {
      return options.missingNodes == .create ? .fail : options.missingNodes
    }
    let hasFile = [type.source, type.target].contains { nodeTables[optional: $0] != nil }
    return hasFile ? options.missingNodes : .create
  }

  // MARK: Opening

  private mutating func openInputs() throws {
    for type in options.nodeTypes {
      var table = InputTable()
      for file in options.nodes where file.type == type {
        try table.add(
          open(file.path, .nodes, names: options.nodeColumns[type]), requirement: { _ in .none })
      }
      for split in options.splits where split.type == type {
        try Self.check(split.column, of: "\(type)", for: "--split", in: table)
      }
      if !table.files.isEmpty { nodeTables[type] = table }
    }
    for type in options.edgeTypes {
      let time = options.times.first { $0.type == type }?.column
      let weight = options.weights.first { $0.type == type }?.column
      var table = InputTable()
      for file in options.edges where file.type == type {
        try table.add(open(file.path, .edges, names: options.edgeColumns[type])) { name in
          name == time ? .time : name == weight ? .weight : .none
        }
      }
      if let time { try Self.check(time, of: "\(type)", for: "--time", in: table) }
      if let weight { try Self.check(weight, of: "\(type)", for: "--weight", in: table) }
      edgeTables[type] = table
    }
    for feature in options.features { try open(feature) }
    for (type, rows) in featureRows {
      for (edge, table) in edgeTables {
        var table = table
        if edge.source == type { table.keyLimits[0] = rows }
        if edge.target == type { table.keyLimits[1] = rows }
        edgeTables[edge] = table
      }
    }
    for type in options.nodeTypes { forms[type] = guessForm(of: type) }
  }

  private static func check(
    _ column: String, of type: String, for option: String, in table: InputTable
  ) throws {
    guard !table.profiles.contains(where: { $0.name == column }) else { return }
    let names = table.profiles.map { "'\($0.name)'" }.joined(separator: ", ")
    throw HedgerowError(
      .usage,
      "\(option): type '\(type)' has no column '\(column)'; "
        + (names.isEmpty ? "it has none" : "it has \(names)"))
  }

  private func open(
    _ path: String, _ role: TextLayout.Role, names: [String]?
  ) throws -> InputFile {
    var local = path
    var name = path
    if path == "-" {
      name = "standard input"
      local = try spool(0, called: name, in: builder.scratchDirectory)
    } else if Self.isPipe(path) {
      let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw FileSystem.failure("open", path) }
      defer { close(descriptor) }
      local = try spool(descriptor, called: path, in: builder.scratchDirectory)
    }
    let layout = try TextLayout(
      detecting: local, called: name, role: role,
      hints: TextLayoutHints(delimiter: options.delimiter, header: options.header, names: names))
    return InputFile(name: name, path: local, layout: layout)
  }

  private static func isPipe(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0
      && (status.st_mode & S_IFMT == S_IFIFO || status.st_mode & S_IFMT == S_IFCHR)
  }

  private mutating func open(_ feature: IngestOptions.FeatureFile) throws {
    let build = try FeatureBuild(
      feature.column, path: feature.path, normalization: options.normalization)
    features[feature.type] = (features[optional: feature.type] ?? []) + [build]
    guard nodeTables[optional: feature.type] == nil else { return }
    let rows = build.file.rowCount
    if let other = featureRows[optional: feature.type], other != rows {
      throw HedgerowError(
        .badData, "has \(rows) rows where other features of '\(feature.type)' have \(other)",
        at: feature.path)
    }
    featureRows[feature.type] = rows
  }

  /// Integers, unless the first lines show otherwise or a header wants strings.
  private func guessForm(of type: NodeType) -> NodeKeys.Form {
    if featureRows[optional: type] != nil { return .integers }
    if isPresent(type) { return present.keyKind(of: type) == .string ? .texts : .integers }
    var isInteger = true
    func look(_ layout: TextLayout, _ end: Int) {
      let kind = layout.columns[layout.keyColumns[end]].kind
      isInteger =
        isInteger && layout.looksInteger[end] && kind != .string && kind != .categorical
    }
    for file in nodeTables[optional: type]?.files ?? [] { look(file.layout, 0) }
    for (edge, table) in edgeTables where gathers(type) {
      for file in table.files {
        if edge.source == type { look(file.layout, 0) }
        if edge.target == type { look(file.layout, 1) }
      }
    }
    return isInteger ? .integers : .texts
  }

  /// Whether keys in edge files become nodes of the type.
  private func gathers(_ type: NodeType) -> Bool {
    featureRows[optional: type] == nil && !isPresent(type)
      && (nodeTables[optional: type] == nil || options.missingNodes == .create)
  }

  // MARK: First pass

  private mutating func scanAll(memory: Int) throws -> PerNode<NodeKeys> {
    let scan = Scan(runner: runner, faults: faults)
    while true {
      var keys = PerNode<NodeKeys>()
      let share = memory / max(1, options.nodeTypes.count)
      for type in options.nodeTypes {
        keys[type] = NodeKeys(
          type, form: forms[type], memory: share, scratch: builder.scratchDirectory)
        if let rows = featureRows[optional: type] { try keys[type].addIdentityRows(rows) }
        if isPresent(type) { try addPresent(to: keys[type]) }
      }
      var texts: Set<NodeType> = []
      for (type, table) in nodeTables {
        var table = table
        table.resetScan()
        if try !scan.scan(nodes: &table, keys: keys[type]) { texts.insert(type) }
        nodeTables[type] = table
      }
      for (edge, table) in edgeTables {
        var table = table
        table.resetScan()
        let ends = [edge.source, edge.target]
        let isInteger = try scan.scan(
          edges: &table,
          ends.map { Scan.KeyColumn(keys: keys[$0], isGathered: gathers($0)) })
        for end in 0..<2 where !isInteger[end] { texts.insert(ends[end]) }
        edgeTables[edge] = table
      }
      if texts.isEmpty {
        try seal(keys, scan)
        return keys
      }
      // Some key is no integer after all: the keys of its type are gathered again as texts.
      for type in texts { forms[type] = .texts }
      faults.reset()
    }
  }

  /// The keys of a node type of the store, each with the id that it has.
  private func addPresent(to keys: NodeKeys) throws {
    let count = present.count(of: keys.type)
    if present.keyKind(of: keys.type) == .identity { return try keys.addIdentityRows(count) }
    let unique: NodeKeys.OnDuplicate = { key, first, second in
      throw HedgerowError(
        .damaged, "nodes \(first) and \(second) of type '\(keys.type)' have the key '\(key)'",
        at: present.path)
    }
    for start in stride(from: 0, to: count, by: 4096) {
      try runner.checkCancelled()
      let texts = try (start..<min(count, start + 4096)).map {
        try present.key(of: NodeID(UInt32($0)), of: keys.type)
      }
      if keys.form == .integers {
        let integers = texts.compactMap { Int64($0) }
        try integers.withUnsafeBufferPointer {
          try keys.addRows(integers: $0, row: { start + $0 }, onDuplicate: unique)
        }
      } else {
        for (index, text) in texts.enumerated() {
          try Array(text.utf8).withUnsafeBufferPointer {
            try keys.addRows(texts: [$0], row: { start + index + $0 }, onDuplicate: unique)
          }
        }
      }
    }
    try keys.endRows(at: count, dropping: EmptyCollection())
  }

  private mutating func seal(_ keys: PerNode<NodeKeys>, _ scan: Scan) throws {
    for (type, keys) in keys {
      try keys.seal { key, earlier, later in
        try scan.duplicate(key, earlier, later, in: nodeTables[type])
      }
      for feature in features[optional: type] ?? [] where feature.file.rowCount != keys.rowCount {
        throw HedgerowError(
          .badData,
          "has \(feature.file.rowCount) rows, but node type '\(type)' has \(keys.rowCount) lines: "
            + "each line needs its row",
          at: feature.file.path)
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
