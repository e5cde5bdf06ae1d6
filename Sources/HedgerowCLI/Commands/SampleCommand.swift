import ArgumentParser
import Hedgerow

/// `hedgerow sample STORE --seeds paper --fanouts 15,10`
struct SampleCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample",
    abstract: "Sample mini-batches of neighborhoods, to measure or to compare.",
    discussion: """
      Goes through the seeds in an order drawn from --seed and --epoch and samples neighbors hop by \
      hop along every relation, backward readings included. With times, a seed sees nothing that came \
      after it, and a type that is sampled has a time or is said to be --timeless. The digest is a hash of every batch's \
      content in order: the same for any --threads and --memory.

      Seeds that are edges, as --seeds user:rates:item, come with others that are not there, and are left \
      out of the neighborhoods of their batch; --audit looks whether they are. Other samplers than that of \
      neighbors are named by --sampler; those without seeds go through the whole graph.
      """)

  @OptionGroup var store: StoreArgument
  @Option(
    help: ArgumentHelp(
      "The node type of the seeds, or their edge type, source:relation:target.", valueName: "type"))
  var seeds: String?
  @Option(
    name: .customLong("in"),
    help: ArgumentHelp(
      "Take the members of this set; of edges, those of this part of a split.", valueName: "set"))
  var set: String?
  @OptionGroup var filter: FilterOptions
  @Option(
    // -1 is a value here, not an option.
    parsing: .unconditional,
    help: ArgumentHelp(
      "Neighbors to take at each hop; -1 takes all. Of ladies and fastgcn, draws along each relation; of "
        + "hgt, nodes of each type.", valueName: "counts"),
    transform: parseFanouts)
  var fanouts: [Int] = []
  @Option(help: ArgumentHelp("Seeds in a batch; 1024 unless given.", valueName: "count"))
  var batchSize: Int?
  @Option(help: ArgumentHelp("Stop after so many batches of an epoch.", valueName: "count"))
  var batches: Int?
  @Option(help: ArgumentHelp("Which epoch's order and draws.", valueName: "number"))
  var epoch = 0
  @Option(
    help: ArgumentHelp(
      "How many epochs, beginning with --epoch: later ones find memory and indices warm.",
      valueName: "count"))
  var epochs = 1
  @Flag(help: "Gather the feature columns named x too.")
  var features = false
  @Flag(help: "Print a digest of all batches.")
  var digest = false
  @Flag(name: .customLong("no-reverse"), help: "Sample along stored edge types only.")
  var noReverse = false
  @Flag(
    help: "Look in each batch for what it may not have: seed edges, false negatives, what is late.")
  var audit = false
  @Option(
    help: ArgumentHelp(
      "Layers of the model where each is the whole of a batch's subgraph; 2 unless given. "
        + "Changes no digest.", valueName: "count"))
  var layers: Int?
  @OptionGroup(title: "Which sampler") var choice: SamplerArguments
  @Option(help: ArgumentHelp("Of saint-walks, steps; 2 unless given.", valueName: "count"))
  var walkLength: Int?
  @OptionGroup(title: "Which neighbors") var sampling: SamplingArguments
  @OptionGroup(title: "Seeds that are edges") var seedEdges: SeedEdgeArguments
  @OptionGroup(title: "Reading") var reading: ReadingOptions
  @OptionGroup var global: GlobalOptions

  var seedsPerBatch: Int { batchSize ?? 1024 }
  var layerCount: Int { layers ?? 2 }
  private var isAroundEdges: Bool { seeds?.contains(":") ?? false }

  func validate() throws {
    guard (1...1 << 30).contains(seedsPerBatch) else {
      throw ValidationError("--batch-size must be at least 1, and at most 1073741824")
    }
    guard epoch >= 0 else { throw ValidationError("--epoch must not be negative") }
    guard epochs > 0, epochs <= 1 << 20, epoch <= Int.max - epochs else {
      throw ValidationError("--epochs must be from 1 to 1048576")
    }
    if let batches, !(1...1 << 40).contains(batches) {
      throw ValidationError("--batches must be at least 1, and at most 1099511627776")
    }
    try checkSampler()
    try checkSeeds()
  }

  /// What a sampler does not go with, and what it needs.
  private func checkSampler() throws {
    typealias Sampler = SamplerArguments.Sampler
    typealias Rule = SamplerArguments.Rule
    let disjoint: [Sampler] = sampling.given == "--disjoint" ? [.pagerank] : []
    try choice.check(
      [
        Rule(
          option: "--seeds", isGiven: seeds != nil, samplers: Sampler.ofSeeds + [.saintWalks],
          isNeeded: true),
        Rule(
          option: "--fanouts", isGiven: !fanouts.isEmpty, samplers: Sampler.ofFanouts,
          isNeeded: true),
        Rule(
          option: "--layers", isGiven: layers != nil,
          samplers: [.neighbors, .pagerank] + Sampler.ofDraws + Sampler.ofParts),
        Rule(option: "--walk-length", isGiven: walkLength != nil, samplers: [.saintWalks]),
        Rule(option: "--in", isGiven: set != nil, samplers: Sampler.ofSeeds),
        Rule(option: "--where", isGiven: filter.text != nil, samplers: Sampler.ofSeeds),
        Rule(option: "--batch-size", isGiven: batchSize != nil, samplers: Sampler.ofSeeds),
        Rule(
          option: sampling.given ?? "", isGiven: sampling.given != nil,
          samplers: [.neighbors] + disjoint),
        Rule(
          option: reading.given ?? "", isGiven: reading.given != nil, samplers: [.neighbors]),
        Rule(
          option: "--seeds SOURCE:RELATION:TARGET", isGiven: isAroundEdges, samplers: [.neighbors]),
      ])
    if choice.sampler == .neighbors, layers != nil, !choice.hasOtherEdges {
      throw ValidationError(
        "--layers of --sampler neighbors is of --edges induced and bidirectional")
    }
    try SamplerArguments.check([
      ("--layers", layers, 1...1000), ("--walk-length", walkLength, 1...10_000),
    ])
    if choice.sampler != .neighbors, let fewest = fanouts.min(), fewest < 1 {
      throw ValidationError("--fanouts of --sampler \(choice.sampler.rawValue) are at least 1")
    }
  }

  private func checkSeeds() throws {
    if audit && sampling.edgeTimes && choice.edges == .bidirectional {
      throw ValidationError(
        "--audit looks at the times of edges: --edges bidirectional does not say which they are")
    }
    guard let seeds, isAroundEdges else {
      if let option = seedEdges.given {
        throw ValidationError(
          "\(option) is of seeds that are edges: write --seeds SOURCE:RELATION:TARGET")
      }
      if audit && !sampling.hasTime {
        throw ValidationError(
          "--audit is of seeds that are edges, and of --node-times or --edge-times")
      }
      return
    }
    do { _ = try EdgeType(validating: seeds) } catch {
      throw ValidationError("'\(seeds)' is no edge type: write SOURCE:RELATION:TARGET")
    }
    if seedEdges.pairs.split != nil && set == nil { throw ValidationError("--split is of --in") }
    if let option = reading.given {
      throw ValidationError("\(option) is of seeds that are nodes: leave it out")
    }
  }

  func run() async throws {
    let (_, graph) = try store.snapshot()
    let budget = global.makeBudget()
    let options = try loaderOptions(graph.schema, budget)
    var run = Run(
      command: self,
      report: SampleReport(
        threadCount: options.threads, firstEpoch: epoch, digest: digest ? BatchDigest() : nil))
    switch choice.sampler {
    case .neighbors where isAroundEdges: try await goAroundEdges(graph, options, budget, &run)
    case .neighbors: try await goAroundNodes(graph, options, budget, &run)
    case .ladies, .fastgcn, .hgt, .pagerank:
      try await run.go(
        through: try neighborLoader(graph, around: NodeType(seeds ?? ""), options))
    case .saintNodes, .saintEdges, .saintWalks:
      let share = try reserve(budget, graph, options)
      defer { share?.release() }
      try await run.go(through: try saintLoader(graph, options))
    case .clusters:
      let share = try reserve(budget, graph, options)
      defer { share?.release() }
      let (loader, cutShare) = try clusterLoader(graph, parts: choice.parts ?? 1, options)
      run.report.cutShare = cutShare
      try await run.go(through: loader)
    case .random:
      try await run.go(
        through: RandomNodeLoader(
          graph, parts: choice.parts ?? 1, layers: layerCount, seed: global.seed,
          options: options))
    }
    try options.trace?.finish()
    print(global.json ? run.report.json.description : run.report.text)
  }

  /// What a sampler takes that goes through the whole graph.
  private func reserve(
    _ budget: MemoryBudget, _ graph: Snapshot, _ options: LoaderOptions
  ) throws -> MemoryBudget.Reservation? {
    try choice.subgraphs(walkLength: walkLength).map {
      try budget.reserve(
        $0.loaderByteCount(graph, threads: options.threads), for: "drawing or dividing the nodes")
    }
  }

  private func goAroundEdges(
    _ graph: Snapshot, _ options: LoaderOptions, _ budget: MemoryBudget, _ run: inout Run
  ) async throws {
    let type = try EdgeType(validating: seeds ?? "")
    let edgeCount = graph.schema.edge(type).map { graph.count(of: $0.type) } ?? 0
    let pairs = seedEdges.negativeCount(in: min(seedsPerBatch, edgeCount))
    let share = try budget.reserve(
      options.threads * pairs * SeedEdgeArguments.bytesOfNegative,
      for: "drawing \(pairs) negatives for a batch")
    defer { share.release() }
    let loader = try linkLoader(graph, around: type, options)
    guard audit else { return try await run.go(through: loader) }
    let sampler = try loader.sampler()
    var found = LinkAudit()
    try await run.go(through: loader) { try found.add($0.links, of: sampler) }
    run.report.audit = .links(found)
  }

  private func goAroundNodes(
    _ graph: Snapshot, _ options: LoaderOptions, _ budget: MemoryBudget, _ run: inout Run
  ) async throws {
    var loader = try neighborLoader(graph, around: NodeType(seeds ?? ""), options)
    let batchCount = try loader.batchCount()
    let total = min(batchCount, batches ?? .max)
    let share = try pinRows(of: &loader, batchCount: epochs * total, budget)
    defer { share?.release() }
    if total == batchCount { try await packRows(of: &loader, budget) }
    guard audit else { return try await run.go(through: loader) }
    let sampler = try NeighborSampler(
      graph, fanouts: Fanouts(fanouts), relations: options.relations, options: options.sampling)
    var found = TemporalAudit()
    try await run.go(through: loader) { try found.add($0.subgraph, of: sampler) }
    run.report.audit = .times(found)
  }
}
