import HedgerowCore
import HedgerowGraph
import HedgerowSampling
import HedgerowTestSupport
import Testing

/// What random choices among the 40,000 neighbors of one node are distributed as, by `HEDGEROW_DRAWS` draws.
@Suite struct HubDistributionTests {
  private static let node: NodeType = "node"
  private static let degree = 40_000
  private static let to = EdgeType("node", "to", "node")

  private var draws: Int { testCount("HEDGEROW_DRAWS", otherwise: 100_000) }

  private func weight(_ entry: Int) -> Double { Double(1 + entry % 5) + Double(entry) / 20_000 }

  /// Node 0, to which all others lead by edges of several weights.
  private var hub: MemoryGraph {
    var graph = MemoryGraph()
    let others = 1...UInt32(Self.degree)
    graph[Self.to] = MemoryGraph.Edges(
      EdgeList(sources: Array(others), targets: others.map { _ in 0 }),
      columns: ["w": .numbers((0..<Self.degree).map(weight))], weight: "w")
    return graph
  }

  /// Counts of entries in 200 bins, by places and by weights.
  private struct Bins {
    var places = [Int](repeating: 0, count: 200)
    var residues = [Int](repeating: 0, count: 5)

    mutating func add(_ entry: Int, count: Int = 1) {
      places[entry * 200 / HubDistributionTests.degree] += count
      residues[entry % 5] += count
    }
  }

  private func check(_ bins: Bins, _ name: String, weight: (Int) -> Double = { _ in 1 }) {
    var (places, residues) = ([Double](repeating: 0, count: 200), [Double](repeating: 0, count: 5))
    var total = 0.0
    for entry in 0..<Self.degree {
      places[entry * 200 / Self.degree] += weight(entry)
      residues[entry % 5] += weight(entry)
      total += weight(entry)
    }
    func probability(_ counts: [Int], _ expected: [Double]) -> Double {
      let scale = Double(counts.reduce(0, +)) / total
      let statistic = zip(counts, expected).reduce(0.0) { sum, pair in
        let wanted = pair.1 * scale
        return sum + (Double(pair.0) - wanted) * (Double(pair.0) - wanted) / wanted
      }
      return chiSquareProbability(statistic, degreesOfFreedom: counts.count - 1)
    }
    let (p, q) = (probability(bins.places, places), probability(bins.residues, residues))
    print("\(name): \(bins.places.reduce(0, +)) draws, p = \(p) by place, \(q) by residue")
    #expect(p > 1e-6 && p < 1 - 1e-6 && q > 1e-6, "\(name)")
  }

  @Test func neighborsOfAHub() throws {
    let seed = printedSeed()
    let graph = hub
    let workspace = SamplingWorkspace()
    func run(
      _ name: String, fanout: Int, draws: Int, weight: (Int) -> Double = { _ in 1 },
      _ change: (inout SamplingOptions) -> Void
    ) throws {
      var options = SamplingOptions()
      change(&options)
      let sampler = try NeighborSampler(
        graph, fanouts: [fanout], relations: [graph.schema.relations()[0]], options: options,
        seed: seed)
      var bins = Bins()
      for batch in 0..<max(1, draws / fanout) {
        let sample = try sampler.sample(
          seeds: [0], of: Self.node, epoch: 0, batch: batch, workspace: workspace)
        let nodes = sample.nodes[Self.node]
        for source in sample.edges[0].sources { bins.add(Int(nodes[Int(source)]) - 1) }
      }
      check(bins, name, weight: weight)
    }
    // Distinct picks are so few of all that their counts are as good as independent.
    try run("uniform", fanout: 20, draws: draws) { _ in }
    try run("uniform, with replacement", fanout: 2000, draws: draws) { $0.replacement = .with }
    try run("shared numbers", fanout: 100, draws: draws) { $0.coupling = .shared() }
    try run("by weight, with replacement", fanout: 2000, draws: draws, weight: weight) {
      $0.selection = .weighted()
      $0.replacement = .with
    }
    try run("by weight", fanout: 1, draws: max(1000, draws / 2000), weight: weight) {
      $0.selection = .weighted()
    }
    try run("by weight, shared", fanout: 1, draws: max(1000, draws / 2000), weight: weight) {
      $0.selection = .weighted()
      $0.coupling = .shared()
    }
  }

  @Test func stepsFromAHub() throws {
    let graph = hub
    let walker = try RandomWalker(
      graph, along: [graph.schema.relations()[0]], seed: printedSeed())
    var bins = Bins()
    for batch in 0..<max(1, draws / 100_000) {
      let walks = try walker.walks(
        from: [0], walksPerNode: min(draws, 100_000), length: 1, batch: batch)
      for walk in 0..<walks.count { bins.add(Int(walks[walk].last!) - 1) }
    }
    check(bins, "steps of walks")
  }

  @Test func layersAndSubgraphsOfAHub() throws {
    let seed = printedSeed()
    let graph = hub
    let workspace = SamplingWorkspace()
    let forward = [graph.schema.relations()[0]]
    for importance in [LayerSampler<MemoryGraph>.Importance.frontier, .graph] {
      let count = 2000
      let sampler = LayerSampler(
        graph, drawsPerHop: [count], importance: importance, relations: forward, seed: seed)
      var bins = Bins()
      for batch in 0..<max(1, draws / count) {
        let sample = try sampler.sample(
          seeds: [0], of: Self.node, epoch: 0, batch: batch, workspace: workspace)
        let edges = sample.edges[0]
        for (source, weight) in zip(edges.sources, edges.weights) {
          // A weight is how often the source was drawn, times this.
          let times = Double(weight) * Double(count) / Double(Self.degree)
          bins.add(Int(sample.nodes[Self.node][Int(source)]) - 1, count: Int(times.rounded()))
        }
      }
      check(bins, "layers by \(importance)")
    }
    for (name, draw) in [
      ("nodes", SAINTSampler<MemoryGraph>.Draw.nodes(20)), ("edges", .edges(20)),
      ("walks", .walks(roots: 1, of: Self.node, length: 1)),
    ] {
      let sampler = SAINTSampler(graph, draw, seed: seed)
      var bins = Bins()
      for batch in 0..<max(1, draws / 20) {
        for node in try sampler.nodes(epoch: 0, batch: batch)[Self.node] where node > 0 {
          bins.add(Int(node) - 1)
        }
      }
      check(bins, "GraphSAINT's \(name)")
    }
  }

  @Test func negativesOfAHub() throws {
    let seed = printedSeed()
    var graph = MemoryGraph()
    // Node 0 leads to nobody but itself; the others have edges from node 1, some several.
    let type = Self.to
    var list = EdgeList(sources: [0], targets: [0])
    for entry in 0..<Self.degree {
      for _ in 0...entry % 5 {
        list.sources.append(1)
        list.targets.append(UInt32(entry + 2))
      }
    }
    graph[type].edges = list
    let workspace = SamplingWorkspace()
    for distribution in [NegativeSampling.Distribution.uniform, .byDegree] {
      var negatives = NegativeSampling()
      negatives.distribution = distribution
      negatives.count = 1000
      let sampler = try LinkSampler(
        NeighborSampler(graph, fanouts: []), edges: type, negatives: negatives, seed: seed)
      var bins = Bins()
      for batch in 0..<max(1, draws / 1000) {
        let sample = try sampler.sample(edges: [0], epoch: 0, batch: batch, workspace: workspace)
        let nodes = sample.subgraph.nodes[Self.node]
        for target in sample.negatives.targets where nodes[Int(target)] >= 2 {
          bins.add(Int(nodes[Int(target)]) - 2)
        }
      }
      check(bins, "negatives \(distribution)") {
        distribution == .uniform ? 1 : Double(1 + $0 % 5)
      }
    }
  }
}
