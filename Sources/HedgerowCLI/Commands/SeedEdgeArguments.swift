import ArgumentParser
import Hedgerow

/// `--seeds user:rates:item --negatives 5 --audit`: what is told of seeds that are edges.
struct SeedEdgeArguments: ParsableArguments {
  @OptionGroup var pairs: PairArguments
  @Option(
    help: ArgumentHelp(
      "An edge type that holds the same edges the other way round, left out, too; may be given again.",
      valueName: "type"))
  var reverseType: [String] = []
  @Flag(help: "Leave the seed edges in the neighborhoods of their batch.")
  var keepSeedEdges = false

  /// The first option that is given, as it is written.
  var given: String? {
    let others = [
      ("--reverse-type", !reverseType.isEmpty), ("--keep-seed-edges", keepSeedEdges),
    ]
    return (pairs.options + others).first { $0.1 }?.0
  }

  /// Memory for each pair while a batch draws it.
  static var bytesOfNegative: Int { 64 }

  /// Pairs that are no edges, of a batch of so many that are.
  func negativeCount(in edgeCount: Int) -> Int {
    edgeCount * (pairs.negatives ?? NegativeSampling().count)
  }

  func validate() throws { try pairs.check(negatives: 0...10_000) }

  /// The edges of a type, or those that are in a part and that a filter takes.
  func seeds(_ type: EdgeType, in part: String?, where filter: Filter?) -> SeedEdges {
    let isIn = part.map { Filter.column(pairs.split ?? "split") == .text($0) }
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
    if let negatives = pairs.negatives { options.negatives.count = negatives }
    if let from = pairs.negativesFrom { options.negatives.distribution = from.distribution }
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
