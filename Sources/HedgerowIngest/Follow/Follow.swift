import Glibc
public import HedgerowCore
import HedgerowMapped
import HedgerowStore

/// What one round of following brought into a store.
public struct FollowRound: Sendable {
  public var report = IngestReport()
  /// Everything in front of this byte of the file is in the store.
  public var byteCount: Int
  /// And so many lines of it.
  public var lineCount: Int
}

extension Ingest {
  /// Reads one delimited file and then, for as long as it grows, what is added to it: each round brings
  /// the whole lines that have come into the store, in one commit, as `--append` would.
  ///
  /// A round writes both indices of its type anew, so the next one begins after `seconds` at the earliest
  /// and not before four times the last one's duration has passed. Standard input and pipes end;
  /// a file is followed until `isCancelled`, which gives a round up that is not committed yet.
  /// - Parameters:
  ///   - options: with one file of nodes or edges and nothing else to read.
  ///   - start: the byte to begin with: ``FollowRound/byteCount`` of a run before.
  ///   - seconds: between the commits, at least.
  ///   - onRound: is told of each commit.
  /// - Returns: how far the input is in the store.
  /// - Throws: what ``run(_:into:budget:pool:waiting:progress:isCancelled:)`` throws; `io` when the file
  ///   is replaced or cut. What rounds before have brought stays.
  @discardableResult
  public static func follow(
    _ options: IngestOptions, into path: String, from start: Int = 0, every seconds: Double = 1,
    budget: MemoryBudget, pool: ThreadPool, waiting: Double = 0,
    progress: @escaping @Sendable (IngestProgress) -> Void = { _ in },
    isCancelled: @escaping @Sendable () -> Bool = { false },
    onRound: (FollowRound) throws -> Void = { _ in }
  ) throws -> FollowRound {
    try options.check()
    var followed = try FollowedFile(options)
    return try GraphStore.withScratch(beside: path) { scratch in
      let spool = try followed.spool(in: scratch)
      let file = try GrowingFile(followed.path, called: followed.name)
      guard try start <= file.byteCount(atLeast: 0) else {
        throw HedgerowError(.usage, "has no byte \(start) to go on from", at: file.name)
      }
      var state = FollowRound(byteCount: start, lineCount: try file.lineCount(before: start))
      var isFirst = true
      var due = ContinuousClock.now
      while true {
        let isOver = try spool?.hasEnded() ?? false
        let isDue = isOver || ContinuousClock.now >= due
        if isDue, try file.byteCount(atLeast: state.byteCount) > state.byteCount,
          let layout = try followed.layout(isOver: isOver)
        {
          let rows = try file.rows(
            from: state.byteCount, firstLine: state.lineCount + 1, delimiter: layout.delimiter,
            comment: layout.comment, isOver: isOver)
          if rows.end > rows.start {
            let begin = ContinuousClock.now
            do {
              state.report = try run(
                followed.options(rows, isFirst: isFirst), into: path, budget: budget, pool: pool,
                waiting: waiting, progress: progress, isCancelled: isCancelled)
            } catch let error as HedgerowError where error.code == .interrupted {
              return state
            }
            state.byteCount = rows.end
            state.lineCount += try file.lineCount(in: rows)
            isFirst = false
            spool?.release(upTo: rows.end)
            try onRound(state)
            let took = (ContinuousClock.now - begin) / .seconds(1)
            due = .now + .seconds(max(seconds, 4 * took))
          }
        }
        guard !isOver || !isFirst else {
          throw HedgerowError(.badData, "has ended and was empty", at: file.name)
        }
        if isOver || isCancelled() { return state }
        usleep(20_000)
      }
    }
  }
}

/// The one file of options that is followed.
private struct FollowedFile {
  private var base: IngestOptions
  private enum Role {
    case nodes(NodeType)
    case edges(EdgeType)
  }
  private let role: Role
  private var file: IngestOptions.FileLayout
  private(set) var path: String
  private(set) var name: String
  private var known: TextLayout?

  init(_ options: IngestOptions) throws {
    func refuse(_ message: String) -> HedgerowError { HedgerowError(.usage, message) }
    guard
      options.features.isEmpty, options.sets.isEmpty, options.offsets.isEmpty,
      options.nodes.count + options.edges.count + options.graphs.count == 1
    else { throw refuse("--follow reads one file of nodes or of edges, and nothing beside it") }
    guard options.order == .input else {
      throw refuse("--follow adds nodes behind those that are there: leave out --order")
    }
    guard options.badLinesPath == nil else {
      throw refuse("--bad-lines is for a run that ends: leave it out, or --follow")
    }
    base = options
    if let nodes = options.nodes.first {
      role = .nodes(nodes.type)
      (file, path) = (nodes.layout, nodes.path)
    } else if let edges = options.edges.first {
      role = .edges(edges.type)
      (file, path) = (edges.layout, edges.path)
    } else {
      let graph = options.graphs[0]
      guard graph.format == nil || graph.format == .edgeList else {
        throw refuse("--follow reads delimited text, not \(graph.format!.rawValue)")
      }
      role = .edges(EdgeType("node", "edge", "node"))
      (file, path) = (.init(), graph.path)
    }
    base.nodes = []
    base.edges = []
    base.graphs = []
    name = path == "-" ? "standard input" : path
  }

  /// Begins to copy what can be read only once.
  mutating func spool(in directory: String) throws -> SpooledInput? {
    var status = stat()
    var descriptor: Int32 = 0
    if path != "-" {
      guard stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG,
        status.st_mode & S_IFMT != S_IFDIR
      else { return nil }
      descriptor = open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw FileSystem.failure("open", path) }
    }
    let spool = try SpooledInput(descriptor, called: name, in: directory)
    path = spool.path
    file.name = name
    return spool
  }

  /// The file's layout, told once from what is there by then: nil as long as there is no whole line.
  mutating func layout(isOver: Bool) throws -> TextLayout? {
    if let known { return known }
    var role = TextLayout.Role.edges
    var names: [String]?
    switch self.role {
    case .nodes(let type):
      role = .nodes
      names = base.nodeColumns[type]
    case .edges(let type): names = base.edgeColumns[type]
    }
    // Throws for what is no plain text.
    _ = try ByteSource(
      path: path, called: name, stretch: FileStretch(start: 0, end: 0, firstLine: 1))
    let growing = try GrowingFile(path, called: name)
    let start = try growing.rows(from: 0, firstLine: 1, delimiter: 0, comment: 0, isOver: isOver)
    guard start.end > 0 else { return nil }
    let layout = try TextLayout(
      detecting: path, called: name, role: role, hints: base.hints(for: file, names: names))
    file.delimiter = layout.delimiter
    file.comment = layout.comment
    file.header = layout.hasHeader ? .present : .absent
    known = layout
    return layout
  }

  /// What brings a stretch of the file in.
  func options(_ rows: FileStretch, isFirst: Bool) -> IngestOptions {
    var options = base
    var layout = file
    layout.stretch = rows
    switch role {
    case .nodes(let type):
      options.nodes = [.init(type, path)]
      options.nodes[0].layout = layout
    case .edges(let type):
      options.edges = [.init(type, path)]
      options.edges[0].layout = layout
    }
    if !isFirst { options.existingTypes = .append }
    return options
  }
}
