import HedgerowCore
import HedgerowGraph
import HedgerowSampling
import HedgerowTestSupport
import Testing

private typealias G = ReferenceGraph

@Suite struct SAINTSamplerTests {
  private func statistic(_ found: [Int], _ expected: [Double]) -> Double {
    let total = Double(found.reduce(0, +)) / expected.reduce(0, +)
    return zip(found, expected).filter { $1 > 0 }.reduce(0) {
      $0 + (Double($1.0) - total * $1.1) * (Double($1.0) - total * $1.1) / (total * $1.1)
    }
  }

  @Test func singleDrawsHaveTheProbabilitiesOfThePaper() throws {
    let seed = printedSeed()
    let graph = G(seed: seed, users: 30, items: 40, edgeCount: 120).memoryGraph
    var degrees = PerNode<[Double]>()
    for type in [G.user, G.item] {
      degrees[type] = [Double](repeating: 0, count: graph.count(of: type))
    }
    var pairs: [[UInt32]: Double] = [:]
    for (number, type) in [G.rates, G.follows].enumerated() {
      let list = graph[type].edges
      for (source, target) in zip(list.sources, list.targets) {
        degrees[type.source][Int(source)] += 1
        degrees[type.target][Int(target)] += 1
        let out = Double(list.sources.count { $0 == source })
        let into = Double(list.targets.count { $0 == target })
        pairs[[UInt32(number), source, target], default: 0] += 1 / out + 1 / into
      }
    }
    let nodes = SAINTSampler(graph, .nodes(1), seed: seed)
    let edges = SAINTSampler(graph, .edges(1), seed: seed)
    var counts = degrees.mapValues { $0.map { _ in 0 } }
    var found: [[UInt32]: Int] = [:]
    for batch in 0..<30_000 {
      for (type, drawn) in try nodes.nodes(epoch: 0, batch: batch) {
        for node in drawn { counts[type][Int(node)] += 1 }
      }
      let drawn = try edges.nodes(epoch: 0, batch: batch)
      found[drawn[G.user] + [.max] + drawn[G.item], default: 0] += 1
    }
    let p = chiSquareProbability(
      statistic(counts.values.flatMap { $0 }, degrees.values.flatMap { $0 }),
      degreesOfFreedom: degrees.values.joined().count { $0 > 0 } - 1)
    print("nodes: p = \(p)")
    #expect(p > 1e-6)
    // An edge shows as the set of its ends: of a self-loop one, and both ways are the same.
    var expected: [[UInt32]: Double] = [:]
    for (pair, weight) in pairs {
      let key: [UInt32] =
        pair[0] == 0 ? [pair[1], .max, pair[2]] : Set(pair.dropFirst()).sorted() + [.max]
      expected[key, default: 0] += weight
    }
    #expect(Set(found.keys).isSubset(of: expected.keys))
    let keys = Array(expected.keys)
    let q = chiSquareProbability(
      statistic(keys.map { found[$0] ?? 0 }, keys.map { expected[$0]! }),
      degreesOfFreedom: keys.count - 1)
    print("edges: p = \(q)")
    #expect(q > 1e-6)
  }

  @Test func walksStayWithinReachOfTheirRoots() throws {
    let seed = printedSeed()
    let graph = G(seed: seed).memoryGraph
    let relations = graph.schema.relations()
    let sampler = SAINTSampler(graph, .walks(roots: 1, of: G.item, length: 3), seed: seed)
    var sizes: [Int] = []
    for batch in 0..<200 {
      let drawn = try sampler.nodes(epoch: 1, batch: batch)
      let all = drawn.flatMap { type, nodes in nodes.map { (type, $0) } }
      sizes.append(all.count)
      #expect(all.count <= 4 && !drawn[G.item].isEmpty)
      // Each node but the root is reached from one of the others in one step.
      var reached = 0
      for (type, node) in all {
        let isReached = try all.contains { from, other in
          try relations.contains { relation in
            try relation.target == from && relation.source == type
              && graph.neighbors(of: NodeID(other), along: relation).contains(node)
          }
        }
        if isReached { reached += 1 }
      }
      #expect(reached >= all.count - 1)
    }
    #expect(sizes.max() == 4)
  }

  /// Over fresh batches, weighted losses are the mean over all nodes, and weighted messages the sums over all
  /// neighbors.
  @Test func normalizationMakesBatchesRightOnAverage() throws {
    let seed = printedSeed()
    let graph = G(seed: seed, users: 60, items: 80, edgeCount: 400).memoryGraph
    for draw in [
      SAINTSampler<MemoryGraph>.Draw.nodes(60), .edges(40),
      .walks(roots: 25, of: G.user, length: 2),
    ] {
      let sampler = SAINTSampler(graph, draw, seed: seed)
      let normalization = try SAINTNormalization(sampler, coverage: 1500)
      func value(_ node: UInt32) -> Double { 1 + Double(node % 7) }
      let list = graph[G.rates].edges
      // Messages to nodes that are always there to be counted.
      let targets = (0..<80).map { target in
        zip(list.sources, list.targets).filter { $1 == target }.reduce(0) { $0 + value($1.0) }
      }
      var (losses, messages, counts) = (
        0.0, [Double](repeating: 0, count: 80), [Double](repeating: 0, count: 80)
      )
      let batches = 3000
      for batch in 0..<batches {
        let drawn = try sampler.nodes(epoch: 0, batch: batch)
        let users = drawn[G.user]
        losses += zip(users, normalization.lossWeights(of: users, G.user)).reduce(0) {
          $0 + value($1.0) * Double($1.1)
        }
        var options = SamplingOptions()
        options.edges = .induced(layers: 1)
        options.edgeIDs = .present
        var sample = try NeighborSampler(graph, fanouts: [], options: options).sample(
          SamplingSeeds(drawn), epoch: 0, batch: 0, workspace: SamplingWorkspace())
        normalization.weigh(&sample)
        let edges = sample.edges.first { $0.relation.name == G.rates }!
        for (row, target) in sample.nodes[G.item].enumerated() {
          counts[Int(target)] += 1
          for entry in Int(edges.offsets[row])..<Int(edges.offsets[row + 1]) {
            messages[Int(target)] +=
              Double(edges.weights[entry])
              * value(sample.nodes[G.user][Int(edges.sources[entry])])
          }
        }
      }
      // Users without edges are never drawn by edges.
      let drawable = (0..<UInt32(60)).filter { user in
        if case .walks = draw { return true }
        return list.sources.contains(user) || graph[G.follows].edges.sources.contains(user)
          || graph[G.follows].edges.targets.contains(user)
      }
      let mean = drawable.reduce(0) { $0 + value($1) } / 60
      #expect(abs(losses / Double(batches) - mean) < 0.05 * mean, "\(draw)")
      let found = (0..<80).reduce(0.0) { $0 + (counts[$1] > 50 ? messages[$1] / counts[$1] : 0) }
      let all = (0..<80).reduce(0.0) { $0 + (counts[$1] > 50 ? targets[$1] : 0) }
      #expect(abs(found - all) < 0.05 * all, "\(draw): \(found), not \(all)")
    }
  }
}
