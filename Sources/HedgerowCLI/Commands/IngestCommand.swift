import ArgumentParser
import Glibc
import Hedgerow

/// `hedgerow ingest STORE --nodes paper=nodes.tsv --edges paper:cites:paper=edges.tsv`
struct IngestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest",
    abstract: "Read files of many formats into a new or an existing store.",
    discussion: """
      hedgerow ingest STORE FILE reads a file that says by itself what is in it: a plain edge list \
      (node type "node", edge type node:edge:node), also with comments, as SNAP has them; MatrixMarket; \
      N-Triples and N-Quads; property graphs as CSV of Neo4j, Gremlin and LDBC, several files or a \
      folder; GraphML; JSON exports of Neo4j; sparse matrices of SciPy; data sets of the Open Graph \
      Benchmark, TUDataset, DGL and GraphBolt and exports of Kuzu, by their folders; with --format \
      triples knowledge graphs of head, relation and tail. Other files are delimited text, JSON Lines, \
      Parquet or Arrow whose types the options name. A file may be compressed with gzip or zstd, or be \
      - for standard input.

      The first line is a header if it has a known name (id, source, target, label, split, time, \
      weight) or a typed one (year:int), or is not numeric where the next lines are. A node file's \
      key is column id, or the first; an edge file's ends are source and target, or the first two. \
      Other columns become properties; their kinds are found over the whole file or stated: int, \
      float, bool, string, bytes, categorical, timestamp[s|ms|us|ns], float32[N] and the like.

      Everything appears in one commit. A type that the store has is refused, unless --append is \
      given: then its nodes and edges stay as they are, and the new ones come behind them.
      """)

  @Argument(help: ArgumentHelp("The store's directory; made if absent.", valueName: "store"))
  var store: String
  @Argument(
    help: ArgumentHelp("Files that say by themselves what types there are.", valueName: "file"))
  var files: [String] = []
  @Option(
    help: ArgumentHelp(
      "A YAML or JSON file that says which file feeds which type; other options add to it.",
      valueName: "file"))
  var spec: String?
  @Option(
    help: ArgumentHelp(
      "What these files are; by their names and first lines unless given.",
      valueName: GraphFormat.allCases.map(\.rawValue).joined(separator: "|")),
    transform: parseCase)
  var format: GraphFormat?

  @Option(
    help: ArgumentHelp("A file of nodes.", valueName: "type=file"), transform: parseNodeFile)
  var nodes: [IngestOptions.NodeFile] = []
  @Option(
    help: ArgumentHelp(
      "A file of edges, or a .npy array of their ends.", valueName: "source:relation:target=file"),
    transform: parseEdgeFile)
  var edges: [IngestOptions.EdgeFile] = []
  @Option(
    help: ArgumentHelp(
      "A .npy array, or FILE.npz:NAME; row i belongs to line i of the type's node file, or to the node "
        + "with key i. Its elements become another kind, as bfloat16 or int8*0.0078125, when that is named.",
      valueName: "type.column[:kind]=file"),
    transform: parseFeatureFile)
  var features: [IngestOptions.FeatureFile] = []
  @Option(
    help: ArgumentHelp("Make a set of each value of a column.", valueName: "type.column"),
    transform: { text in
      let (type, column) = try parseColumn(text)
      return try IngestOptions.NodeColumn(NodeType(validating: type), column)
    })
  var split: [IngestOptions.NodeColumn] = []
  @Option(
    help: ArgumentHelp(
      "A file of members of sets: keys in column id, names of sets in column set.",
      valueName: "type=file"),
    transform: { text in
      let (type, path) = try parsePair(text, at: "=", as: "file of sets: write paper=sets.csv")
      return try IngestOptions.SetFile(NodeType(validating: type), path)
    })
  var sets: [IngestOptions.SetFile] = []
  @Flag(help: "Store both arcs of each edge, for every edge type within one node type.")
  var undirected = false
  @Option(
    help: ArgumentHelp(
      "Store both arcs of each edge of this type; may be there more than once.",
      valueName: "source:relation:target"),
    transform: { try EdgeType(validating: $0) })
  var undirectedType: [EdgeType] = []
  @Option(
    help: ArgumentHelp(
      "The time of an edge type's edges, for samples.", valueName: "type.column"),
    transform: parseEdgeColumn)
  var time: [IngestOptions.EdgeColumn] = []
  @Option(
    help: ArgumentHelp(
      "The weight of an edge type's edges, for samples.", valueName: "type.column"),
    transform: parseEdgeColumn)
  var weight: [IngestOptions.EdgeColumn] = []
  @Option(
    help: ArgumentHelp(
      "Names for the columns of a type's files, typed or not; an empty name leaves one out. Such "
        + "files have no header unless --header is given.",
      valueName: "type=name,..."),
    transform: parseColumnNames)
  var columns: [ColumnNames] = []
  @Option(
    help: ArgumentHelp(
      "Between fields: one character, or tab, comma, semicolon, pipe, space.",
      valueName: "character"),
    transform: { try parseDelimiter($0, as: "delimiter") })
  var delimiter: UInt8?
  @Option(
    help: ArgumentHelp(
      "Begins lines that say nothing; # or % where a file begins with one, unless given; none for no "
        + "comments.",
      valueName: "character"),
    transform: { try $0 == "none" ? 0 : parseDelimiter($0, as: "beginning of comments") })
  var comment: UInt8?
  @Flag(exclusivity: .exclusive)
  var header = HeaderFlag.automatic
  @Option(
    help: ArgumentHelp(
      "row: divide each row of features by its sum, as PyTorch Geometric does.",
      valueName: "none|row"),
    transform: parseCase)
  var normalizeFeatures: IngestOptions.Normalization?
  @Option(
    help: ArgumentHelp(
      "An edge names a node that its type's node file does not list.",
      valueName: "create|skip|fail"),
    transform: parseCase)
  var onMissing: IngestOptions.MissingNodes?
  @Option(
    help: ArgumentHelp(
      "A node's key is there already: a bad line, or keep the first, the last, or of each column the "
        + "last value; with --append also for nodes of the store.",
      valueName: "fail|keep-first|keep-last|merge"),
    transform: parseCase)
  var onDuplicate: IngestOptions.DuplicateNodes?
  @Option(
    help: ArgumentHelp(
      "A line cannot be used: change nothing, or leave it out and count it.",
      valueName: "fail|report"),
    transform: parseCase)
  var onError: IngestOptions.BadLines?
  @Option(
    help: ArgumentHelp(
      "A new file for all lines that are left out, each with file, line and reason.",
      valueName: "file"))
  var badLines: String?
  @Option(
    help: ArgumentHelp(
      "Several edges of a type between two nodes: store them all, the first, or refuse them.",
      valueName: "keep|first|fail"),
    transform: parseCase)
  var parallel: IngestOptions.ParallelEdges?
  @Option(
    help: ArgumentHelp(
      "Several edges of the type between two nodes become one with the sum, max or min of a column, or "
        + "their count as a new one; its other columns are the first one's.",
      valueName: "type.column=sum|max|min|count"),
    transform: parseCombination)
  var combine: [IngestOptions.EdgeCombination] = []
  @Option(
    help: ArgumentHelp(
      "The nodes' order in a new store: as they are listed, or as hedgerow rebuild has it.",
      valueName: "input|degree|bfs|rcm"),
    transform: parseCase)
  var order = NodeOrder.input
  @Flag(help: "Add to types that the store has: nodes and edges behind those that are there.")
  var append = false
  @Flag(
    help:
      "Go on reading the one file as it grows, or standard input: a commit now and then, until Ctrl-C."
  )
  var follow = false
  @Option(
    help: ArgumentHelp(
      "With --follow: the least time between two commits.", valueName: "seconds"))
  var every = 1.0
  @Option(
    help: ArgumentHelp(
      "With --follow: where to begin in the file, as the last commit of a run before said.",
      valueName: "byte"))
  var fromByte = 0
  @Flag(
    help:
      "Read everything once and say what would come of it, also how long it takes; change nothing.")
  var dryRun = false
  @Option(help: ArgumentHelp("Wait so long for another writer.", valueName: "seconds"))
  var wait = 0.0
  @OptionGroup var global: GlobalOptions

  enum HeaderFlag: EnumerableFlag {
    case automatic, present, absent

    static func name(for value: HeaderFlag) -> NameSpecification {
      switch value {
      case .automatic: .customLong("detect-header")
      case .present: .customLong("header")
      case .absent: .customLong("no-header")
      }
    }

    static func help(for value: HeaderFlag) -> ArgumentHelp? {
      switch value {
      case .automatic: "Find out whether the first line names the columns."
      case .present: "The first line names the columns."
      case .absent: "The first line is data."
      }
    }
  }

  private func options() throws -> IngestOptions {
    var options = try spec.map { try IngestOptions(spec: $0) } ?? IngestOptions()
    options.nodes += nodes
    options.edges += edges
    options.graphs += files.map { .init($0, as: format) }
    options.features += features
    options.splits += split
    options.times += time
    options.weights += weight
    options.sets += sets
    options.combinations += combine
    options.undirected.formUnion(undirectedType)
    if undirected { options.isUndirected = true }
    if let delimiter { options.delimiter = delimiter }
    if let comment { options.comment = comment }
    switch header {
    case .automatic: break
    case .present: options.header = .present
    case .absent: options.header = .absent
    }
    for names in columns {
      switch names.type {
      case .node(let type): options.nodeColumns[type] = names.names
      case .edge(let type): options.edgeColumns[type] = names.names
      }
    }
    if let normalizeFeatures { options.normalization = normalizeFeatures }
    if let onMissing { options.missingNodes = onMissing }
    if let onDuplicate { options.duplicateNodes = onDuplicate }
    if let onError { options.badLines = onError }
    if let badLines { options.badLinesPath = badLines }
    if let parallel { options.parallelEdges = parallel }
    options.order = order
    options.existingTypes = append ? .append : .refuse
    return options
  }

  func validate() throws {
    guard every >= 0, fromByte >= 0 else {
      throw ValidationError("--every and --from-byte are not negative")
    }
    guard follow || fromByte == 0 else { throw ValidationError("--from-byte goes with --follow") }
    guard !follow || !dryRun else {
      throw ValidationError("--dry-run reads once: leave out --follow")
    }
  }

  /// Reads a growing file until Control-C, or standard input until its end.
  private func runFollowing() throws {
    let bars = IngestProgressBars()
    let state = try Ingest.follow(
      try options(), into: store, from: fromByte, every: every, budget: global.makeBudget(),
      pool: global.makePool(), waiting: wait, progress: { bars.show($0) },
      isCancelled: { Interruption.isRequested },
      onRound: { round in
        bars.finish()
        if global.json {
          print(round.json)
        } else {
          let edges = round.report.addedEdges.reduce(0) { $0 + $1.1 }
          let nodes = round.report.addedNodes.reduce(0) { $0 + $1.1 }
          print(
            "version \(round.report.version): \(nodes.counting("node")) and "
              + "\(edges.counting("edge")) more, \(round.report.skipped.counting("line")) left out; "
              + "\(round.lineCount.counting("line")) up to byte \(round.byteCount)")
        }
        fflush(nil)
      })
    bars.finish()
    if Interruption.isRequested {
      throw HedgerowError(
        .interrupted,
        "stopped; what is before byte \(state.byteCount) is in the store: go on with --append "
          + "--follow --from-byte \(state.byteCount)")
    }
  }

  func run() async throws {
    if follow { return try runFollowing() }
    let bars = IngestProgressBars()
    if dryRun {
      let budget = global.makeBudget()
      let plan = try Ingest.plan(
        try options(), into: store, budget: budget, pool: global.makePool(),
        progress: { bars.show($0) }, isCancelled: { Interruption.isRequested })
      bars.finish()
      if global.json { print(plan.json) } else { printLines(plan, budget) }
      return
    }
    let report = try Ingest.run(
      try options(), into: store, budget: global.makeBudget(), pool: global.makePool(),
      waiting: wait, progress: { bars.show($0) }, isCancelled: { Interruption.isRequested })
    bars.finish()
    if global.json { print(report.json) } else { printLines(report) }
  }
}
