import HedgerowCore
import HedgerowGraph
import HedgerowSampling
import HedgerowTestSupport
import Testing

private typealias G = ReferenceGraph

@Suite struct NeighborSamplerTests {
  /// Every property that a sample must have, checked edge by edge against plain arrays.
  @Test(arguments: [[3, 2], [15, 10, 5], [-1, 2], [1], [0, 3], [60, 60]])
  func samplesAreDistinctRealAndComplete(fanouts: [Int]) throws {
    let seed = printedSeed()
    let reference = G(seed: seed)
    let graph = reference.memoryGraph
    let sampler = NeighborSampler(graph, fanouts: Fanouts(fanouts), seed: seed)
    var random = RandomStream(seed: seed)
    var seeds: [UInt32] = [3]  // the hub
    while seeds.count < 40 {
      let draw = UInt32(random.next(below: 500))
      if !seeds.contains(draw) { seeds.append(draw) }
    }
    let sample = try sampler.sample(
      seeds: seeds, of: G.item, epoch: 1, batch: 2, workspace: SamplingWorkspace())
    #expect(sample.seedCount == seeds.count)
    #expect(Array(sample.nodes[G.item].prefix(seeds.count)) == seeds)
    for (type, ids) in sample.nodes {
      #expect(Set(ids).count == ids.count, "a node has one number")
      #expect(sample.knownCounts[type].last == ids.count)
    }
    for edges in sample.edges {
      let relation = edges.relation
      let list = reference.edges[relation.stored]
      var rows = [UInt32: [UInt32]]()
      for (source, target) in zip(list.sources, list.targets) {
        let (from, to) = relation.direction == .forward ? (source, target) : (target, source)
        rows[to, default: []].append(from)
      }
      let targets = sample.nodes[relation.target]
      let sources = sample.nodes[relation.source]
      let known = sample.knownCounts[relation.target]
      #expect(edges.offsets.count - 1 == known[fanouts.count - 1])
      for row in 0..<edges.offsets.count - 1 {
        let hop = known.firstIndex { row < $0 }!
        let all = (rows[targets[row]] ?? []).sorted()
        let fanout = fanouts[hop]
        let picked = edges.sources[Int(edges.offsets[row])..<Int(edges.offsets[row + 1])]
          .map { sources[Int($0)] }
        #expect(picked.count == (fanout < 0 ? all.count : min(fanout, all.count)))
        // Distinct entries: no neighbor is drawn more often than it stands in the row.
        var left = all
        for neighbor in picked {
          let place = left.firstIndex(of: neighbor)
          #expect(place != nil)
          if let place { left.remove(at: place) }
        }
      }
    }
  }

  @Test func blocksArePrefixesThatFitTogether() throws {
    let seed = printedSeed()
    let graph = G(seed: seed).memoryGraph
    let sample = try NeighborSampler(graph, fanouts: [4, 3, 2], seed: seed).sample(
      seeds: [1, 2, 3, 250], of: G.item, epoch: 0, batch: 0, workspace: SamplingWorkspace())
    let blocks = sample.blocks
    #expect(blocks.count == 3)
    #expect(blocks[2].targetCounts[G.item] == 4)
    #expect(blocks[0].sourceCounts[G.item] == sample.nodes[G.item].count)
    for layer in 0..<2 {
      for (type, count) in blocks[layer].targetCounts {
        #expect(count == blocks[layer + 1].sourceCounts[type])
      }
    }
    for block in blocks {
      for (name, relation) in block.blocks {
        #expect(relation.sourceCount == block.sourceCounts[name.source])
        #expect(relation.targetCount == block.targetCounts[name.target])
        #expect(
          relation.sources.prefix(relation.edgeCount).allSatisfy { $0 < relation.sourceCount })
      }
    }
  }

  @Test func aSampleIsAFunctionOfItsNumbersAlone() throws {
    let seed = printedSeed()
    let graph = G(seed: seed).memoryGraph
    let sampler = NeighborSampler(graph, fanouts: [5, 5], seed: seed)
    func digest(_ epoch: Int, _ batch: Int, _ workspace: SamplingWorkspace) throws -> String {
      var digest = BatchDigest()
      try sampler.sample(
        seeds: Array(0..<50), of: G.item, epoch: epoch, batch: batch, workspace: workspace
      ).fold(into: &digest)
      return "\(digest)"
    }
    let used = SamplingWorkspace()
    for batch in 0..<5 { _ = try digest(0, batch, used) }
    #expect(try digest(3, 1, used) == digest(3, 1, SamplingWorkspace()))
    #expect(try digest(3, 1, used) != digest(3, 2, used))
    #expect(try digest(3, 1, used) != digest(4, 1, used))
  }

  @Test func fanoutsOfARelationOverrideTheGeneralOnes() throws {
    let seed = printedSeed()
    let graph = G(seed: seed).memoryGraph
    let fanouts = Fanouts([4], overriding: [(G.user, "rates", G.item): [0]])
    let sample = try NeighborSampler(graph, fanouts: fanouts, seed: seed).sample(
      seeds: [3], of: G.item, epoch: 0, batch: 0, workspace: SamplingWorkspace())
    #expect(sample.edgeCount == 0)
  }

  @Test func wrongSeedsAreRefused() throws {
    let sampler = NeighborSampler(G(seed: 1).memoryGraph, fanouts: [2])
    for seeds in [[500], [7, 7]] as [[UInt32]] {
      #expect(throws: HedgerowError.self) {
        try sampler.sample(
          seeds: seeds, of: G.item, epoch: 0, batch: 0, workspace: SamplingWorkspace())
      }
    }
  }

  /// Ten million draws of 10 from a hub of degree 40,000: every entry equally often, p > 1e-6; by
  /// the linear look and by the hash set alike.
  @Test(arguments: [10, 100]) func aHubsNeighborsAreDrawnUniformly(fanout: Int) throws {
    let seed = printedSeed()
    let degree = 40_000
    var graph = MemoryGraph()
    let node: NodeType = "node"
    graph[EdgeType(node, "edge", node)].edges = EdgeList(
      sources: (1...UInt32(degree)).map { $0 }, targets: [UInt32](repeating: 0, count: degree))
    let sampler = NeighborSampler(
      graph, fanouts: [fanout], relations: [graph.schema.relations()[0]], seed: seed)
    var counts = [Int](repeating: 0, count: degree)
    // Pairs of neighboring entries drawn together, in cells of 400 x 400: picks must not be linked.
    var pairs = [Int](repeating: 0, count: 100 * 100)
    let workspace = SamplingWorkspace()
    for batch in 0..<(10_000_000 / fanout) {
      let sample = try sampler.sample(
        seeds: [0], of: node, epoch: 0, batch: batch, workspace: workspace)
      let nodes = sample.nodes[node]
      for neighbor in nodes.dropFirst() { counts[Int(neighbor) - 1] += 1 }
      let cells = (Int(nodes[1] - 1) / 400, Int(nodes[2] - 1) / 400)
      pairs[cells.0 * 100 + cells.1] += 1
    }
    #expect(counts.reduce(0, +) == 10_000_000)
    // Without replacement the counts vary a little less than independent draws would.
    let shrunk = chiSquareOfUniform(counts) / (1 - Double(fanout) / Double(degree))
    let probability = chiSquareProbability(shrunk, degreesOfFreedom: degree - 1)
    let pairProbability = chiSquareProbability(
      chiSquareOfUniform(pairs), degreesOfFreedom: pairs.count - 1)
    print("fanout \(fanout): p = \(probability), of pairs \(pairProbability)")
    #expect(probability > 1e-6 && probability < 1 - 1e-6)
    #expect(pairProbability > 1e-6)
  }
}
