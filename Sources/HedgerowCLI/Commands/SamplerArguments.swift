import ArgumentParser
import Hedgerow

/// `--sampler saint-walks --draws 200`: what makes the subgraphs of batches.
struct SamplerArguments: ParsableArguments {
  enum Sampler: String, NamedCase {
    static var noun: String { "sampler" }
    case neighbors, ladies, fastgcn, hgt, pagerank
    case saintNodes = "saint-nodes"
    case saintEdges = "saint-edges"
    case saintWalks = "saint-walks"
    case clusters, random

    /// Those that make batches of seeds.
    static let ofSeeds: [Sampler] = [.neighbors, .ladies, .fastgcn, .hgt, .pagerank]
    static let ofFanouts: [Sampler] = [.neighbors, .ladies, .fastgcn, .hgt]
    static let ofDraws: [Sampler] = [.saintNodes, .saintEdges, .saintWalks]
    static let ofParts: [Sampler] = [.clusters, .random]
  }

  enum Edges: String, NamedCase {
    static var noun: String { "choice of edges" }
    case sampled, induced, bidirectional
  }

  @Option(
    name: .customLong("sampler"),
    help: ArgumentHelp("What makes the subgraphs: \(Sampler.names).", valueName: "name"),
    transform: Sampler.parse)
  var givenSampler: Sampler?
  var sampler: Sampler { givenSampler ?? .neighbors }
  @Option(
    help: ArgumentHelp(
      "Of neighbors, which edges there are between the nodes that were found: \(Edges.names); induced "
        + "with --disjoint is ShaDow.", valueName: "which"),
    transform: Edges.parse)
  var edges: Edges?
  /// Whether each layer is the whole of a subgraph of neighbors.
  var hasOtherEdges: Bool { edges != nil && edges != .sampled }
  @Option(
    help: ArgumentHelp("Of pagerank, nodes for each seed; 32 unless given.", valueName: "count"))
  var nodes: Int?
  @Option(
    help: ArgumentHelp(
      "Of saint-..., what a batch draws: nodes, edges or roots of walks.", valueName: "count"))
  var draws: Int?
  @Flag(
    help: "Of saint-..., count how often nodes and edges come, and weigh losses and messages by it."
  )
  var normalize = false
  @Option(
    help: ArgumentHelp(
      "Of clusters and random, into how many parts the nodes are divided.", valueName: "count"))
  var parts: Int?
  @Option(
    help: ArgumentHelp("Of clusters, parts in a batch; 1 unless given.", valueName: "count"))
  var partsPerBatch: Int?

  /// An option, and the samplers that it is of.
  struct Rule {
    var option: String
    var isGiven: Bool
    var samplers: [Sampler]
    /// Whether these cannot do without.
    var isNeeded = false
  }

  private var rules: [Rule] {
    [
      Rule(option: "--edges", isGiven: edges != nil, samplers: [.neighbors]),
      Rule(option: "--nodes", isGiven: nodes != nil, samplers: [.pagerank]),
      Rule(
        option: "--draws", isGiven: draws != nil, samplers: Sampler.ofDraws, isNeeded: true),
      Rule(option: "--normalize", isGiven: normalize, samplers: Sampler.ofDraws),
      Rule(
        option: "--parts", isGiven: parts != nil, samplers: Sampler.ofParts, isNeeded: true),
      Rule(option: "--parts-per-batch", isGiven: partsPerBatch != nil, samplers: [.clusters]),
    ]
  }

  func validate() throws {
    try check(rules)
    try Self.check([
      ("--nodes", nodes, 1...1_000_000), ("--draws", draws, 1...100_000_000),
      ("--parts", parts, 1...1_000_000), ("--parts-per-batch", partsPerBatch, 1...1_000_000),
    ])
  }

  /// - Throws: for an option beyond its range.
  static func check(_ ranges: [(option: String, value: Int?, range: ClosedRange<Int>)]) throws {
    for case (let option, let value?, let range) in ranges where !range.contains(value) {
      throw ValidationError("\(option) is between \(range.lowerBound) and \(range.upperBound)")
    }
  }

  /// - Throws: for an option that is not of the sampler, and for one that the sampler needs.
  func check(_ rules: [Rule]) throws {
    for rule in rules {
      let isOfSampler = rule.samplers.contains(sampler)
      if rule.isGiven && !isOfSampler {
        let names = rule.samplers.map(\.rawValue).joined(separator: ", ")
        throw ValidationError(
          "\(rule.option) is of --sampler \(names), not of \(sampler.rawValue)")
      }
      if rule.isNeeded && isOfSampler && !rule.isGiven {
        throw ValidationError("--sampler \(sampler.rawValue) needs \(rule.option)")
      }
    }
  }

  /// Changes options of neighbor sampling as it was asked for.
  ///
  /// - Parameter layers: of the model, where each is the whole of a subgraph.
  func apply(to options: inout SamplingOptions, layers: Int) {
    switch edges {
    case .sampled?, nil: break
    case .induced?: options.edges = .induced(layers: layers)
    case .bidirectional?: options.edges = .bidirectional(layers: layers)
    }
  }

  /// As a library is told; `nil` for the sampler of neighbors.
  ///
  /// - Parameter walkLength: of saint-walks.
  func subgraphs(walkLength: Int?) -> SubgraphChoice? {
    switch sampler {
    case .neighbors: nil
    case .ladies: .ladies
    case .fastgcn: .fastgcn
    case .hgt: .hgt
    case .pagerank: .pagerank(nodesPerSeed: nodes ?? 32)
    case .saintNodes, .saintEdges, .saintWalks:
      .saint(draw(walkLength: walkLength), isNormalized: normalize)
    case .clusters: .clusters(parts: parts ?? 1, partsPerBatch: partsPerBatch ?? 1)
    case .random: .random(parts: parts ?? 1)
    }
  }

  /// What saint-... draws.
  func draw(walkLength: Int?) -> SubgraphChoice.SAINTDraw {
    let draws = draws ?? 1
    return switch sampler {
    case .saintEdges: .edges(draws)
    case .saintWalks: .walks(roots: draws, length: walkLength ?? 2)
    case .saintNodes, .neighbors, .ladies, .fastgcn, .hgt, .pagerank, .clusters, .random:
      .nodes(draws)
    }
  }

  /// The first option that is given, as it is written.
  var given: String? { sampler == .neighbors ? edges.map { _ in "--edges" } : "--sampler" }
}
