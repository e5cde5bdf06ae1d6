import ArgumentParser
import Hedgerow
import Synchronization

/// `hedgerow ingest STORE --nodes paper=nodes.tsv --edges paper:cites:paper=edges.tsv`
struct IngestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest",
    abstract: "Read files of many formats into a new or an existing store.",
    discussion: """
      hedgerow ingest STORE FILE reads a file that says by itself what is in it: a plain edge list \
      (node type "node", edge type node:edge:node), also with comments, as SNAP has them; MatrixMarket; \
      N-Triples and N-Quads; property graphs as CSV of Neo4j, Gremlin and LDBC, several files or a \
      folder; GraphML; JSON exports of Neo4j. Other files are delimited text, JSON Lines, Parquet or Arrow whose types the options name. A file may be \
      compressed with gzip or zstd, or be - for standard input.

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
      "What these files are; by their names and first lines unless given.",
      valueName: GraphFormat.allCases.map(\.rawValue).joined(separator: "|")),
    transform: parseCase)
  var format: GraphFormat?

  @Option(
    help: ArgumentHelp("A file of nodes.", valueName: "type=file"), transform: parseNodeFile)
  var nodes: [IngestOptions.NodeFile] = []
  @Option(
    help: ArgumentHelp("A file of edges.", valueName: "source:relation:target=file"),
    transform: parseEdgeFile)
  var edges: [IngestOptions.EdgeFile] = []
  @Option(
    help: ArgumentHelp(
      "A .npy array; row i belongs to line i of the type's node file, or to the node with key i. "
        + "Its elements become another kind, as bfloat16 or int8*0.0078125, when that is named.",
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
    transform: parseDelimiter)
  var delimiter: UInt8?
  @Option(
    help: ArgumentHelp(
      "Begins lines that say nothing; # or % where a file begins with one, unless given; none for no "
        + "comments.",
      valueName: "character"),
    transform: { try $0 == "none" ? 0 : parseDelimiter($0) })
  var comment: UInt8?
  @Flag(exclusivity: .exclusive)
  var header = HeaderFlag.automatic
  @Option(
    help: ArgumentHelp(
      "row: divide each row of features by its sum, as PyTorch Geometric does.",
      valueName: "none|row"),
    transform: parseCase)
  var normalizeFeatures = IngestOptions.Normalization.none
  @Option(
    help: ArgumentHelp(
      "An edge names a node that its type's node file does not list.",
      valueName: "create|skip|fail"),
    transform: parseCase)
  var onMissing = IngestOptions.MissingNodes.create
  @Option(
    help: ArgumentHelp(
      "A line cannot be used: change nothing, or leave it out and count it.",
      valueName: "fail|report"),
    transform: parseCase)
  var onError = IngestOptions.BadLines.fail
  @Option(
    help: ArgumentHelp(
      "Several edges of a type between two nodes: store them all, the first, or refuse them.",
      valueName: "keep|first|fail"),
    transform: parseCase)
  var parallel = IngestOptions.ParallelEdges.keep
  @Flag(help: "Add to types that the store has: nodes and edges behind those that are there.")
  var append = false
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
    var options = IngestOptions()
    options.nodes = nodes
    options.edges = edges
    options.graphs = files.map { .init($0, as: format) }
    options.features = features
    options.splits = split
    options.times = time
    options.weights = weight
    options.delimiter = delimiter
    options.comment = comment
    options.header =
      switch header {
      case .automatic: .automatic
      case .present: .present
      case .absent: .absent
      }
    for names in columns {
      switch names.type {
      case .node(let type): options.nodeColumns[type] = names.names
      case .edge(let type): options.edgeColumns[type] = names.names
      }
    }
    options.normalization = normalizeFeatures
    options.missingNodes = onMissing
    options.badLines = onError
    options.parallelEdges = parallel
    options.existingTypes = append ? .append : .refuse
    options.isUndirected = undirected
    options.undirected = Set(undirectedType)
    options.sets = sets
    return options
  }

  func run() async throws {
    let bars = IngestProgressBars()
    let report = try Ingest.run(
      try options(), into: store, budget: global.makeBudget(), pool: global.makePool(),
      waiting: wait, progress: { bars.show($0) }, isCancelled: { Interruption.isRequested })
    bars.finish()
    if global.json { print(report.json) } else { printLines(report) }
  }

  private func printLines(_ report: IngestReport) {
    for (type, count) in report.nodes {
      let made = report.createdNodes[optional: type] ?? 0
      let added = report.addedNodes[type]
      let note =
        (added < count ? ", \(added.grouped) of them new" : "")
        + (made > 0 ? ", \(made.grouped) of them only in edge files" : "")
      print("node \(type): \(count.grouped)\(note)")
      for property in report.schema.node(type)?.properties ?? [] {
        print("  \(property.name): \(property.kind)")
      }
    }
    for (type, count) in report.edges {
      let added = report.addedEdges[type]
      let there = report.presentEdges[optional: type] ?? 0
      let note =
        (added < count ? ", \(added.grouped) of them new" : "")
        + (there > 0 ? "; \(there.grouped) were there already" : "")
      print("edge \(type): \(count.grouped)\(note)")
      for property in report.schema.edge(type)?.properties ?? [] {
        print("  \(property.name): \(property.kind)")
      }
    }
    if report.skipped > 0 {
      print("\(report.skipped.counting("line")) left out")
      for message in report.messages { print("  \(message)") }
    }
    let edges = report.edges.values.reduce(0, +)
    let rate = report.seconds > 0 ? Double(edges) / report.seconds / 1e6 : 0
    print(
      "version \(report.version) in \(report.seconds.formatted(decimals: 2)) s "
        + "(\(rate.formatted(decimals: 2)) M edges/s), peak "
        + ByteSize.format(report.peakResidentByteCount))
  }
}

extension IngestReport {
  var json: JSON {
    .object([
      .init(key: "version", value: .int(Int(version))),
      .init(
        key: "nodes",
        value: .object(nodes.map { .init(key: $0.name, value: .int($1)) })),
      .init(
        key: "edges",
        value: .object(edges.map { .init(key: "\($0)", value: .int($1)) })),
      .init(
        key: "added_nodes",
        value: .object(addedNodes.map { .init(key: $0.name, value: .int($1)) })),
      .init(
        key: "added_edges",
        value: .object(addedEdges.map { .init(key: "\($0)", value: .int($1)) })),
      .init(
        key: "present_edges",
        value: .object(presentEdges.map { .init(key: "\($0)", value: .int($1)) })),
      .init(
        key: "created_nodes",
        value: .object(createdNodes.map { .init(key: $0.name, value: .int($1)) })),
      .init(key: "skipped", value: .int(skipped)),
      .init(key: "messages", value: .array(messages.map { .string($0) })),
      .init(key: "seconds", value: .double(seconds)),
      .init(key: "peak_resident_bytes", value: .int(peakResidentByteCount)),
    ])
  }
}

/// One bar after the other, for the phases of an ingest.
private final class IngestProgressBars: Sendable {
  private struct State {
    var bar: ProgressBar?
    var name = ""
    var done = 0
  }
  private let state = Mutex(State())

  func show(_ progress: IngestProgress) {
    state.withLock { state in
      let name = "\(progress.phase.rawValue) \(progress.subject)"
      if state.name != name {
        state.bar?.finish()
        let unit: ProgressBar.Unit =
          switch progress.phase {
          case .convert, .scan, .read: .bytes
          case .features: .items("rows")
          case .write: .items("edges")
          }
        state = State(bar: ProgressBar(name, total: progress.total, unit: unit), name: name)
      }
      state.bar?.advance(by: progress.done - state.done)
      state.done = progress.done
    }
  }

  func finish() { state.withLock { $0.bar?.finish() } }
}

// MARK: - Arguments

func parseCase<T: RawRepresentable & CaseIterable>(_ text: String) throws -> T
where T.RawValue == String {
  guard let value = T(rawValue: text) else {
    let cases = T.allCases.map(\.rawValue).joined(separator: ", ")
    throw ValidationError("'\(text)' is none of \(cases)")
  }
  return value
}

private func parseNodeFile(_ text: String) throws -> IngestOptions.NodeFile {
  let (type, path) = try parsePair(text, at: "=", as: "node file: write paper=nodes.tsv")
  return try IngestOptions.NodeFile(NodeType(validating: type), path)
}

private func parseEdgeFile(_ text: String) throws -> IngestOptions.EdgeFile {
  let (type, path) = try parsePair(
    text, at: "=", as: "edge file: write paper:cites:paper=edges.tsv")
  return try IngestOptions.EdgeFile(EdgeType(validating: type), path)
}

private func parseFeatureFile(_ text: String) throws -> IngestOptions.FeatureFile {
  let (owner, path) = try parsePair(text, at: "=", as: "feature file: write paper.x=features.npy")
  var column = owner[...]
  var element: PropertyKind?
  if let colon = owner.lastIndex(of: ":") {
    element = PropertyKind(owner[owner.index(after: colon)...])
    guard element?.isNumeric == true else {
      throw ValidationError(
        "'\(owner[owner.index(after: colon)...])' is no kind of an array's elements: write "
          + "float32, float16, bfloat16 or int8*SCALE")
    }
    column = owner[..<colon]
  }
  let (type, name) = try parseColumn(String(column))
  return try IngestOptions.FeatureFile(NodeType(validating: type), name, path, as: element)
}

/// `paper.label`, `user:rates:item.time`: what follows the last point is the column.
private func parseColumn(_ text: String) throws -> (type: String, column: String) {
  guard let point = text.lastIndex(of: "."), point != text.startIndex,
    text.index(after: point) != text.endIndex
  else { throw ValidationError("'\(text)' is no column: write TYPE.COLUMN, as paper.label") }
  return (String(text[..<point]), String(text[text.index(after: point)...]))
}

private func parseEdgeColumn(_ text: String) throws -> IngestOptions.EdgeColumn {
  let (type, column) = try parseColumn(text)
  return try IngestOptions.EdgeColumn(EdgeType(validating: type), column)
}

/// The names that `--columns` gives to a type's files.
struct ColumnNames {
  enum Owner {
    case node(NodeType)
    case edge(EdgeType)
  }
  var type: Owner
  var names: [String]
}

private func parseColumnNames(_ text: String) throws -> ColumnNames {
  let (type, list) = try parsePair(
    text, at: "=", as: "list of columns: write user:rates:item=source,target,rating")
  let names = list.split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
  return ColumnNames(
    type: type.contains(":")
      ? .edge(try EdgeType(validating: type)) : .node(try NodeType(validating: type)),
    names: names)
}

private func parseDelimiter(_ text: String) throws -> UInt8 {
  switch text {
  case "tab", "\\t": return 9
  case "comma": return UInt8(ascii: ",")
  case "semicolon": return UInt8(ascii: ";")
  case "pipe": return UInt8(ascii: "|")
  case "space": return UInt8(ascii: " ")
  default:
    guard let byte = text.utf8.first, text.utf8.count == 1, byte < 0x80 else {
      throw ValidationError(
        "'\(text)' is no delimiter: write one ASCII character, or tab, comma, semicolon, pipe, space"
      )
    }
    return byte
  }
}
