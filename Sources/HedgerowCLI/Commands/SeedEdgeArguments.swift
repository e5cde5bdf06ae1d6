import ArgumentParser
import Hedgerow

/// `--seeds user:rates:item --negatives 5 --audit`: what is told of seeds that are edges.
struct SeedEdgeArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The edges' column that --in names a part of; split unless given (hedgerow split writes one).",
      valueName: "column"))
  var split: String?
  @Option(
    help: ArgumentHelp(
      "Pairs that are no edges, for each seed edge; 1 unless given.", valueName: "count"))
  var negatives: Int?
  @Option(
    help: ArgumentHelp(
      "Where their targets come from: \(LinkTrainingOptions.Negatives.names).", valueName: "how"),
    transform: LinkTrainingOptions.Negatives.parse)
  var negativesFrom: LinkTrainingOptions.Negatives?
  @Option(
    help: ArgumentHelp(
      "An edge type that holds the same edges the other way round, left out, too; may be given again.",
      valueName: "type"))
  var reverseType: [String] = []
  @Flag(help: "Leave the seed edges in the neighborhoods of their batch.")
  var keepSeedEdges = false

  /// The first option that is given, as it is written.
  var given: String? {
    let options: [(String, Bool)] = [
      ("--split", split != nil), ("--negatives", negatives != nil),
      ("--negatives-from", negativesFrom != nil), ("--reverse-type", !reverseType.isEmpty),
      ("--keep-seed-edges", keepSeedEdges),
    ]
    return options.first { $0.1 }?.0
  }

  func validate() throws {
    if let negatives, !(0...10_000).contains(negatives) {
      throw ValidationError("--negatives is between 0 and 10000")
    }
  }

  /// The edges of a type, or those that are in a part and that a filter takes.
  func seeds(_ type: EdgeType, in part: String?, where filter: Filter?) -> SeedEdges {
    let isIn = part.map { Filter.column(split ?? "split") == .text($0) }
    let filters = [isIn, filter].compactMap { $0 }
    guard let first = filters.first else { return .edges(type) }
    return .edges(type, where: filters.dropFirst().reduce(first) { $0 && $1 })
  }

  /// - Parameter times: the column of the seed edges' own times.
  /// - Throws: `usage` for a type that cannot hold the same edges the other way round.
  func options(
    around type: EdgeType, times: String?, _ schema: GraphSchema
  ) throws -> LinkOptions {
    var options = LinkOptions()
    if let negatives { options.negatives.count = negatives }
    options.negatives.distribution =
      switch negativesFrom {
      case .uniform?, nil: .uniform
      case .degree?: .byDegree
      case .inBatch?: .inBatch
      }
    if keepSeedEdges { options.seedEdges = .kept }
    options.reverseTypes = try reverseType.map { name in
      let reverse = try EdgeType(validating: name)
      guard schema.edge(reverse) != nil else {
        throw HedgerowError(.usage, "--reverse-type: there is no edge type '\(name)'")
      }
      guard reverse.source == type.target, reverse.target == type.source else {
        throw HedgerowError(
          .usage,
          "--reverse-type: '\(name)' does not lead from '\(type.target)' to '\(type.source)'")
      }
      return reverse
    }
    options.times = times
    return options
  }
}
