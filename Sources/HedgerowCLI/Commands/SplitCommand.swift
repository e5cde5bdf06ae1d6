import ArgumentParser
import Hedgerow

/// `hedgerow split STORE paper --by class --column label`
struct SplitCommand: ParsableCommand {
  enum Method: String, CaseIterable, ExpressibleByArgument {
    case random, time, key
    case labels = "class"
  }

  static let configuration = CommandConfiguration(
    commandName: "split",
    abstract: "Divide nodes into named sets, or edges into parts that a column names.",
    discussion: """
      Of a node type each part becomes a set of its name, as train, valid and test. Of an edge type a \
      categorical column says in which part each edge is; an edge and the one back are in the same. A \
      split is a function of the graph and --seed alone; one by key does not even depend on what else is \
      there.
      """)

  @OptionGroup var store: StoreArgument
  @Argument(
    help: ArgumentHelp("A node type, or an edge type source:relation:target.", valueName: "type"))
  var type: String
  @Option(
    help: ArgumentHelp(
      "What decides: random, class (chance, for each class by itself), time, or key (a hash of it).",
      valueName: "how"))
  var by = Method.random
  @Option(
    help: ArgumentHelp(
      "The column of classes or times; of edges the time column that their type declares unless given.",
      valueName: "column"))
  var column: String?
  @Option(
    help: ArgumentHelp(
      "The parts in order, with their shares; what these leave is in none.",
      valueName: "name=share,..."))
  var parts = "train=0.8,valid=0.1,test=0.1"
  @Option(
    help: ArgumentHelp(
      "The column of edges that is written; split unless given.", valueName: "column"))
  var write: String?
  @Option(
    help: ArgumentHelp(
      "An edge type that holds the same edges the other way round, which are split with them; may be given again.",
      valueName: "type"))
  var reverse: [String] = []
  @Flag(help: "Replace sets, or a column, of the same name.")
  var replace = false
  @Option(help: ArgumentHelp("Wait so long for another writer.", valueName: "seconds"))
  var wait = 0.0
  @OptionGroup var global: GlobalOptions

  private var isOfEdges: Bool { type.contains(":") }

  func validate() throws {
    _ = try parsedParts()
    if (by == .labels || (by == .time && !isOfEdges)) && column == nil {
      throw ValidationError("--by \(by.rawValue) needs a --column of \(type)")
    }
    if column != nil && (by == .random || by == .key) {
      throw ValidationError("--column is of --by class and --by time")
    }
    if !isOfEdges && (write != nil || !reverse.isEmpty) {
      throw ValidationError("--write and --reverse are of edge types: nodes are split into sets")
    }
  }

  private func parsedParts() throws -> [Split.Part] {
    try parts.split(separator: ",", omittingEmptySubsequences: false).map { part in
      let (name, share) = try parsePair(
        String(part), at: "=", as: "part: write NAME=SHARE, as train=0.8")
      guard let share = Double(share), share.isFinite else {
        throw ValidationError("'\(share)' is no share: write NAME=SHARE, as train=0.8")
      }
      return Split.Part(name, share)
    }
  }

  func run() throws {
    let store = try GraphStore.open(at: store.path)
    let parts = try parsedParts()
    let method: Split.Method =
      switch by {
      case .random: .random
      case .labels: .stratified(by: column!)
      case .time: .byTime(column)
      case .key: .byKey
      }
    let split = Split(method, parts: parts, seed: global.seed)
    let report =
      isOfEdges
      ? try store.split(
        EdgeType(validating: type), split, column: write ?? "split",
        reverseTypes: reverse.map { try EdgeType(validating: $0) }, replaces: replace, waiting: wait
      )
      : try store.split(NodeType(type), split, replaces: replace, waiting: wait)
    if global.json {
      print(
        JSON.object([
          .init(key: "type", value: .string(type)),
          .init(
            key: "parts",
            value: .object(
              zip(parts, report.counts).map { .init(key: $0.name, value: .int($1)) })),
          .init(key: "rest", value: .int(report.restCount)),
          .init(key: "version", value: .int(Int(report.version))),
        ]))
      return
    }
    let counts = zip(parts, report.counts).map { "\($0.name) \($1.grouped)" }
    let rest = report.restCount > 0 ? ", none \(report.restCount.grouped)" : ""
    print(
      "split \(type): \(counts.joined(separator: ", "))\(rest); the store is at version "
        + "\(report.version)")
  }
}
