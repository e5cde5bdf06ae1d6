import Glibc
public import HedgerowCore
import HedgerowMapped
import HedgerowStore

/// Reads files of many formats into a store.
///
/// ```swift
/// let report = try Ingest.run(
///   options, into: "cora.hedgerow", budget: MemoryBudget(total: 1 << 30), pool: ThreadPool())
/// ```
/// Other formats become tables of delimited text in a scratch directory first. Each table is read
/// twice: once to learn the kinds of its columns and its keys, once to encode and sort. What grows
/// with the data is sorted on disk within the budget. Everything appears in one commit; a run that
/// fails leaves the store as it was, or removes the one that it made. The result does not depend on
/// the budget or on the number of threads.
///
/// A run whose process was killed goes on when it is started again with the same options over the same
/// files, and comes to the same result: see ``IngestReport/resumed``.
///
/// With ``IngestOptions/ExistingTypes/append`` types that the store has are added to: their nodes keep
/// ids and values and come before the new ones; of their edges both indices are written anew.
public enum Ingest {
  /// - Parameters:
  ///   - path: a store, or where to make one.
  ///   - seconds: how long to wait for another writer.
  ///   - progress: called often, from any thread, one call at a time.
  ///   - isCancelled: asked often, from any thread; once true, the run ends with `interrupted`.
  /// - Throws: `badData` with `file:line` for input that cannot be used, `noInput` for a file that is
  ///   missing, `usage` for options that make no sense or do not fit the store, `io`, `locked`.
  @discardableResult
  public static func run(
    _ options: IngestOptions, into path: String, budget: MemoryBudget, pool: ThreadPool,
    waiting seconds: Double = 0,
    progress: @escaping @Sendable (IngestProgress) -> Void = { _ in },
    isCancelled: @escaping @Sendable () -> Bool = { false }
  ) throws -> IngestReport {
    let start = ContinuousClock.now
    try options.check()
    let isNew = !FileSystem.exists(path)
    if options.order != .input {
      guard isNew else { throw orderOfAStore(path) }
      return try runInOrder(
        options, into: path, budget: budget, pool: pool, progress: progress,
        isCancelled: isCancelled)
    }
    // An empty store with a checkpoint is what a run left that was killed while it made it.
    var isMade = isNew
    do {
      let faults = try Faults(options)
      let store = isNew ? try GraphStore.create(at: path) : try GraphStore.open(at: path)
      let builder = try store.beginBuild(waiting: seconds, for: options.purpose)
      let journal = try IngestJournal(builder, faults, every: options.checkpointSeconds)
      if builder.isResumed, try store.version == 0 { isMade = true }
      do {
        func build() throws -> IngestReport {
          // Let go of before the commit, so that files which it replaces go at once.
          let snapshot = try store.snapshot()
          let options = try options.resolved(
            scratch: builder.scratchDirectory, budget: budget, faults: faults,
            progress: progress, isCancelled: isCancelled)
          try options.check(against: snapshot.schema)
          var run = try IngestRun(
            options: options, scratch: builder.scratchDirectory, present: snapshot,
            budget: budget, pool: pool, faults: faults, progress: progress,
            isCancelled: isCancelled)
          return try run.build(into: builder, journal)
        }
        var report = try faults.finishing(build)
        report.version = try builder.publish()
        report.seconds = (ContinuousClock.now - start) / .seconds(1)
        report.peakResidentByteCount = ProcessResources.peakResidentByteCount
        return report
      } catch {
        builder.abandon()
        throw error
      }
    } catch {
      if isMade { try? GraphStore.discard(at: path) }
      throw error
    }
  }
}

extension Ingest {
  private static func orderOfAStore(_ path: String) -> HedgerowError {
    HedgerowError(
      .usage,
      "--order is for a new store, and this one is there: make one of it with hedgerow rebuild",
      at: path)
  }

  /// Makes a store in the input's order beside the new one, which is made of it.
  private static func runInOrder(
    _ options: IngestOptions, into path: String, budget: MemoryBudget, pool: ThreadPool,
    progress: @escaping @Sendable (IngestProgress) -> Void,
    isCancelled: @escaping @Sendable () -> Bool
  ) throws -> IngestReport {
    let start = ContinuousClock.now
    var inputOrder = options
    inputOrder.order = .input
    return try GraphStore.withScratch(beside: path) { scratch in
      let draft = "\(scratch)/store"
      var report = try run(
        inputOrder, into: draft, budget: budget, pool: pool, progress: progress,
        isCancelled: isCancelled)
      try Rebuild.run(
        from: draft, to: path, order: options.order, budget: budget,
        progress: {
          progress(
            IngestProgress(phase: .arrange, subject: $0.subject, done: $0.done, total: $0.total))
        }, isCancelled: isCancelled)
      report.version = try GraphStore.open(at: path, .readOnly).snapshot().version
      report.seconds = (ContinuousClock.now - start) / .seconds(1)
      report.peakResidentByteCount = ProcessResources.peakResidentByteCount
      return report
    }
  }

  /// Reads all files once and says what ``run(_:into:budget:pool:waiting:progress:isCancelled:)`` would
  /// do. Nothing is made or changed but files beside the store, which go again, and the one of the
  /// lines that are left out.
  ///
  /// - Throws: what `run` throws for the same input, as far as the first pass finds it.
  public static func plan(
    _ options: IngestOptions, into path: String, budget: MemoryBudget, pool: ThreadPool,
    progress: @escaping @Sendable (IngestProgress) -> Void = { _ in },
    isCancelled: @escaping @Sendable () -> Bool = { false }
  ) throws -> IngestPlan {
    let start = ContinuousClock.now
    try options.check()
    if options.order != .input, FileSystem.exists(path) { throw orderOfAStore(path) }
    let faults = try Faults(options)
    return try GraphStore.withScratch(beside: path) { scratch in
      let store =
        FileSystem.exists(path)
        ? try GraphStore.open(at: path, .readOnly) : try GraphStore.create(at: "\(scratch)/empty")
      let snapshot = try store.snapshot()
      var plan = try faults.finishing {
        let options = try options.resolved(
          scratch: scratch, budget: budget, faults: faults, progress: progress,
          isCancelled: isCancelled)
        try options.check(against: snapshot.schema)
        var run = try IngestRun(
          options: options, scratch: scratch, present: snapshot, budget: budget, pool: pool,
          faults: faults, progress: progress, isCancelled: isCancelled)
        return try run.plan()
      }
      if plan.scratchByteCount < budget.total / 2 { plan.scratchByteCount = 0 }
      plan.scanSeconds = (ContinuousClock.now - start) / .seconds(1)
      plan.seconds = plan.scanSeconds * IngestPlan.timeFactor(hasTextKeys: plan.hasTextKeys)
      plan.peakResidentByteCount = ProcessResources.peakResidentByteCount
      return plan
    }
  }
}

extension IngestOptions {
  /// The node types with files, then those at edges' ends, then those with features only.
  var nodeTypes: [NodeType] {
    var types: [NodeType] = []
    let mentioned =
      nodes.map(\.type) + edges.flatMap { [$0.type.source, $0.type.target] } + features.map(\.type)
      + sets.map(\.type)
    for type in mentioned where !types.contains(type) { types.append(type) }
    return types
  }

  /// The edge types in the order of their first file.
  var edgeTypes: [EdgeType] {
    var types: [EdgeType] = []
    for file in edges where !types.contains(file.type) { types.append(file.type) }
    return types
  }

  /// What can be said of the options without looking at a file.
  func check() throws {
    func refuse(_ message: String) -> HedgerowError { HedgerowError(.usage, message) }
    guard
      !nodes.isEmpty || !edges.isEmpty || !features.isEmpty || !graphs.isEmpty || !sets.isEmpty
        || !offsets.isEmpty
    else {
      throw refuse(
        "nothing to ingest: name files, or use --nodes, --edges, --features, --sets or --spec")
    }
    let paths =
      nodes.map(\.path) + edges.map(\.path) + graphs.map(\.path)
      + sets.map(\.path)
    guard paths.count(where: { $0 == "-" }) <= 1 else {
      throw refuse("standard input can be only one of the files")
    }
    for layout in [nodes.map(\.layout), edges.map(\.layout), sets.map(\.layout)].joined() {
      try Self.check(layout.delimiter ?? delimiter, layout.comment ?? comment)
    }
    try Self.check(delimiter, comment)
    guard badLinesPath == nil || badLines == .report || missingNodes == .skip else {
      throw refuse("--bad-lines needs --on-error report: the first bad line ends the run otherwise")
    }
    for time in times where weights.contains(time) {
      throw refuse("column '\(time.column)' of \(time.type) cannot be both time and weight")
    }
    for feature in features { try Identifier.check(feature.column, as: "column") }
  }

  private static func check(_ delimiter: UInt8?, _ comment: UInt8?) throws {
    if let delimiter, [0, 10, 13, 34].contains(delimiter) {
      throw HedgerowError(.usage, "a delimiter is no quote, line end or NUL")
    }
    guard let comment, comment != 0 else { return }
    if [10, 13, 34].contains(comment) {
      throw HedgerowError(.usage, "comments begin with no quote or line end")
    }
    if comment == delimiter {
      throw HedgerowError(.usage, "comments begin with the delimiter: no line would be data")
    }
  }

  /// A delimiter as people write it: one ASCII character, or a name.
  public static func delimiter(named text: String) -> UInt8? {
    switch text {
    case "tab", "\\t": return 9
    case "comma": return UInt8(ascii: ",")
    case "semicolon": return UInt8(ascii: ";")
    case "pipe": return UInt8(ascii: "|")
    case "space": return UInt8(ascii: " ")
    default:
      guard let byte = text.utf8.first, text.utf8.count == 1, byte < 0x80 else { return nil }
      return byte
    }
  }

  /// What ``delimiter(named:)`` knows, for messages.
  public static let delimiterNames =
    "write one ASCII character, or tab, comma, semicolon, pipe, space"

  /// What can be said once all files are tables.
  func checkTypes() throws {
    func refuse(_ message: String) -> HedgerowError { HedgerowError(.usage, message) }
    for type in edgeTypes where type.isReversed {
      throw refuse("relation '\(type.relation)' begins with 'rev_', the name of backward readings")
    }
    for (index, feature) in features.enumerated() {
      if features[..<index].contains(where: {
        $0.type == feature.type && $0.column == feature.column
      }) {
        throw refuse("--features \(feature.type).\(feature.column) is given twice")
      }
    }
    for split in splits where !nodes.contains(where: { $0.type == split.type }) {
      throw refuse("--split \(split.type).\(split.column) needs --nodes \(split.type)=FILE")
    }
    for type in undirected {
      guard edgeTypes.contains(type) else { throw refuse("no edge file has the type \(type)") }
      guard type.source == type.target else {
        throw refuse("\(type) cannot be undirected: its ends are of different types")
      }
    }
    for (columns, option) in [(times, "--time"), (weights, "--weight")] {
      for (index, column) in columns.enumerated() {
        guard edgeTypes.contains(column.type) else {
          throw refuse("\(option) names the edge type \(column.type), which has no file")
        }
        if columns[..<index].contains(where: { $0.type == column.type }) {
          throw refuse("\(option) is given twice for \(column.type)")
        }
      }
    }
    for (index, rule) in combinations.enumerated() {
      guard edgeTypes.contains(rule.column.type) else {
        throw refuse("--combine names the edge type \(rule.column.type), which has no file")
      }
      if combinations[..<index].contains(where: { $0.column == rule.column }) {
        throw refuse("--combine is given twice for \(rule.column.type).\(rule.column.column)")
      }
    }
    for type in nodeColumns.keys where !nodes.contains(where: { $0.type == type }) {
      throw refuse("--columns \(type) has no --nodes file to name the columns of")
    }
    for type in edgeColumns.keys where !edgeTypes.contains(type) {
      throw refuse("--columns \(type) has no --edges file to name the columns of")
    }
  }

  /// What can be said of the options once it is known what the store has.
  func check(against schema: GraphSchema) throws {
    func refuse(_ message: String) -> HedgerowError { HedgerowError(.usage, message) }
    if existingTypes == .refuse {
      let nodes = Set(nodes.map(\.type) + features.map(\.type) + sets.map(\.type))
      let known =
        schema.nodes.first { nodes.contains($0.type) }.map { "node type '\($0.type)'" }
        ?? schema.edges.first { edgeTypes.contains($0.type) }.map { "edge type '\($0.type)'" }
      guard let known else { return }
      throw refuse("\(known) is in the store already: add to it with --append")
    }
    for edge in schema.edges where edgeTypes.contains(edge.type) {
      guard undirected.contains(edge.type) == edge.isUndirected else {
        throw refuse(
          "edge type '\(edge.type)' is \(edge.isUndirected ? "" : "not ")undirected in the store: "
            + "\(edge.isUndirected ? "add" : "leave out") --undirected")
      }
      for (columns, stored, option) in [
        (times, edge.timeColumn, "--time"), (weights, edge.weightColumn, "--weight"),
      ] {
        guard let column = columns.first(where: { $0.type == edge.type })?.column,
          column != stored
        else { continue }
        let what = stored.map { "the column is '\($0)'" } ?? "there is none"
        throw refuse("\(option) \(edge.type).\(column): in the store \(what)")
      }
    }
  }
}
