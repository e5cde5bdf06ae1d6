import Glibc
import HedgerowCore
import HedgerowGraph
import HedgerowSampling
import HedgerowTestSupport
import Testing

private let node: NodeType = "node"
private let edge = EdgeType("node", "edge", "node")

/// A star: edges from 1...degree to 0, and more rows if asked for.
private func star(_ weights: [Double], copies: Int = 1) -> MemoryGraph {
  var graph = MemoryGraph()
  var made = MemoryGraph.Edges()
  let count = UInt32(weights.count)
  made.edges = EdgeList(
    sources: (0..<UInt32(copies)).flatMap { _ in (0..<count).map { UInt32(copies) + $0 } },
    targets: (0..<UInt32(copies)).flatMap { Array(repeating: $0, count: weights.count) })
  made.columns["w"] = .numbers((0..<copies).flatMap { _ in weights })
  made.weightColumn = "w"
  graph[edge] = made
  return graph
}

private func sampler(
  _ graph: MemoryGraph, _ fanout: Int, seed: UInt64, _ change: (inout SamplingOptions) -> Void
) throws -> NeighborSampler<MemoryGraph> {
  var options = SamplingOptions()
  change(&options)
  return try NeighborSampler(
    graph, fanouts: [fanout], relations: [graph.schema.relations()[0]], options: options,
    seed: seed)
}

private func chiSquare(_ counts: [Int], _ expected: [Double]) -> Double {
  zip(counts, expected).reduce(0) {
    $1.1 == 0 ? $0 : $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) / $1.1
  }
}

@Suite struct WeightedSamplingTests {
  /// The probability of a set that is drawn one after the other from what is left.
  private func probability(of set: [Int], _ weights: [Double]) -> Double {
    func rest(_ left: [Int], _ total: Double) -> Double {
      if left.isEmpty { return 1 }
      return left.indices.reduce(0) { sum, index in
        var others = left
        let drawn = others.remove(at: index)
        return sum + weights[drawn] / total * rest(others, total - weights[drawn])
      }
    }
    return rest(set, weights.reduce(0, +))
  }

  /// All sets of 3 of 7, each as often as drawing one after the other gives it.
  @Test func setsAreDrawnAsOneAfterTheOther() throws {
    let seed = printedSeed()
    let weights = [1, 0, 2, 0.25, 8, 1, 3.5]
    let copies = 400
    let sampler = try sampler(star(weights, copies: copies), 3, seed: seed) {
      $0.selection = .weighted()
    }
    var sets: [[Int]: Int] = [:]
    let workspace = SamplingWorkspace()
    let runs = 250
    for batch in 0..<runs {
      let sample = try sampler.sample(
        seeds: (0..<UInt32(copies)).map { $0 }, of: node, epoch: 0, batch: batch,
        workspace: workspace)
      let nodes = sample.nodes[node]
      for row in 0..<copies {
        let range = Int(sample.edges[0].offsets[row])..<Int(sample.edges[0].offsets[row + 1])
        let set = sample.edges[0].sources[range].map { Int(nodes[Int($0)]) - copies }.sorted()
        #expect(set.count == 3)
        sets[set, default: 0] += 1
      }
    }
    var (counts, expected): ([Int], [Double]) = ([], [])
    for a in 0..<7 {
      for b in a + 1..<7 {
        for c in b + 1..<7 {
          let probability = probability(of: [a, b, c], weights)
          if probability == 0 {
            #expect(sets[[a, b, c]] == nil, "an edge of weight 0 is never taken")
            continue
          }
          counts.append(sets[[a, b, c]] ?? 0)
          expected.append(probability * Double(copies * runs))
        }
      }
    }
    #expect(abs(expected.reduce(0, +) - Double(copies * runs)) < 1e-3)
    let p = chiSquareProbability(
      chiSquare(counts, expected), degreesOfFreedom: counts.count - 1)
    print("p = \(p)")
    #expect(p > 1e-6 && p < 1 - 1e-6)
  }

  /// A hub of degree 20,000, whose row comes in several blocks: by bins of entries and of weights.
  @Test(arguments: [SamplingOptions.Replacement.with, .without], [true, false])
  func aHubIsDrawnByWeight(replacement: SamplingOptions.Replacement, isWeighted: Bool) throws {
    let seed = printedSeed()
    let degree = 20_000
    let weights = (0..<degree).map { isWeighted ? Double($0 % 5) + Double($0) / 9000 : 1 }
    let fanout = replacement == .with ? 2000 : 1
    let batches = replacement == .with ? 40 : 1500
    let sampler = try sampler(star(weights), fanout, seed: seed) {
      if isWeighted { $0.selection = .weighted() }
      $0.replacement = replacement
    }
    var bins = [Int](repeating: 0, count: 100)
    var residues = [Int](repeating: 0, count: 5)
    let workspace = SamplingWorkspace()
    for batch in 0..<batches {
      let sample = try sampler.sample(
        seeds: [0], of: node, epoch: 0, batch: batch, workspace: workspace)
      let nodes = sample.nodes[node]
      for source in sample.edges[0].sources {
        let entry = Int(nodes[Int(source)]) - 1
        bins[entry * 100 / degree] += 1
        residues[entry % 5] += 1
      }
    }
    let total = weights.reduce(0, +)
    let draws = Double(fanout * batches)
    #expect(bins.reduce(0, +) == fanout * batches)
    var expected = [Double](repeating: 0, count: 100)
    var expectedResidues = [Double](repeating: 0, count: 5)
    for (entry, weight) in weights.enumerated() {
      expected[entry * 100 / degree] += weight / total * draws
      expectedResidues[entry % 5] += weight / total * draws
    }
    let p = chiSquareProbability(chiSquare(bins, expected), degreesOfFreedom: 99)
    let q = chiSquareProbability(chiSquare(residues, expectedResidues), degreesOfFreedom: 4)
    print("\(replacement) weighted \(isWeighted): p = \(p), \(q)")
    #expect(p > 1e-6 && p < 1 - 1e-6)
    #expect(q > 1e-6)
  }

  @Test func badWeightsAreRefused() throws {
    for weight in [-1, .nan, .infinity] {
      let sampler = try sampler(star([1, weight, 2]), 2, seed: 0) { $0.selection = .weighted() }
      #expect(throws: HedgerowError.self) {
        try sampler.sample(
          seeds: [0], of: node, epoch: 0, batch: 0, workspace: SamplingWorkspace())
      }
    }
  }

  /// Any weights at all: huge, tiny, zero.
  @Test func extremeWeightsAreTaken() throws {
    for replacement in [SamplingOptions.Replacement.with, .without] {
      let sampler = try sampler(
        star([1e300, 0, 1e-300, 1e-305, 0, 1e300]), 4, seed: 1
      ) {
        $0.selection = .weighted()
        $0.replacement = replacement
      }
      for batch in 0..<50 {
        let sample = try sampler.sample(
          seeds: [0], of: node, epoch: 0, batch: batch, workspace: SamplingWorkspace())
        #expect(sample.edgeCount == 4)
        #expect(!sample.nodes[node].contains(2) && !sample.nodes[node].contains(5))
      }
    }
  }
}

@Suite struct SharedSamplingTests {
  /// Each row alone chooses uniformly, whatever the others do.
  @Test(arguments: [1, 8]) func picksOfARowAreUniform(period: Int) throws {
    let seed = printedSeed()
    let degree = 2000
    let sampler = try sampler(star([Double](repeating: 1, count: degree)), 20, seed: seed) {
      $0.coupling = .shared(batches: period)
    }
    var counts = [Int](repeating: 0, count: 100)
    let workspace = SamplingWorkspace()
    // Batches a period apart share nothing.
    for batch in 0..<2500 {
      let sample = try sampler.sample(
        seeds: [0], of: node, epoch: 0, batch: batch * period, workspace: workspace)
      #expect(sample.edgeCount == 20)
      for neighbor in sample.nodes[node].dropFirst() { counts[Int(neighbor - 1) / 20] += 1 }
    }
    let p = chiSquareProbability(
      chiSquareOfUniform(counts) / (1 - 20 / Double(degree)), degreesOfFreedom: 99)
    print("p = \(p)")
    #expect(p > 1e-6 && p < 1 - 1e-6)
  }

  /// On a skewed graph rows agree on sources, so a batch has fewer nodes; and batches that follow
  /// each other have more of them in common.
  @Test func rowsAndBatchesAgreeOnSources() throws {
    let seed = printedSeed()
    var random = RandomStream(seed: seed)
    var list = EdgeList(sources: [], targets: [])
    for _ in 0..<60_000 {
      let draw = random.nextUnit()
      list.sources.append(UInt32(draw * draw * draw * 3000))
      list.targets.append(UInt32(random.next(below: 3000)))
    }
    var graph = MemoryGraph()
    graph[edge].edges = list
    func nodes(_ coupling: SamplingOptions.Coupling, _ batch: Int) throws -> Set<UInt32> {
      let sampler = try sampler(graph, 5, seed: seed) { $0.coupling = coupling }
      let sample = try sampler.sample(
        seeds: (0..<500).map { $0 }, of: node, epoch: 0, batch: batch,
        workspace: SamplingWorkspace())
      #expect(sample.edgeCount > 2400)
      return Set(sample.nodes[node])
    }
    // One number more or less of a hub makes much of a batch: many of them.
    let shared = try nodes(.shared(), 0)
    let found = try (0..<20).map { batch in
      (
        independent: try nodes(.independent, batch).count - 500,
        shared: try nodes(.shared(), batch).count - 500
      )
    }
    let independentCount = found.reduce(0) { $0 + $1.independent }
    let sharedCount = found.reduce(0) { $0 + $1.shared }
    print("nodes beside seeds: \(independentCount) independent, \(sharedCount) shared")
    #expect(Double(sharedCount) < 0.8 * Double(independentCount))
    let fresh = try nodes(.shared(), 1)
    let (slow, slowNext) = (
      try nodes(.shared(batches: 10), 7), try nodes(.shared(batches: 10), 8)
    )
    #expect(slow.intersection(slowNext).count > fresh.intersection(shared).count + 20)
    #expect(slow != slowNext)
    // Across the border of two periods, too.
    let (before, after) = (
      try nodes(.shared(batches: 10), 9), try nodes(.shared(batches: 10), 10)
    )
    #expect(before.intersection(after).count > fresh.intersection(shared).count + 20)
  }
}
