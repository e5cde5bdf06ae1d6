import HedgerowCore
import HedgerowGraph
import HedgerowSampling
import HedgerowStore
import HedgerowTestSupport
import Testing

private typealias G = ReferenceGraph

@Suite struct PageRankSamplerTests {
  /// By power iteration over all nodes of all types.
  private func exact(
    _ graph: MemoryGraph, from seed: UInt32, of type: NodeType, returning: Double
  ) throws -> PerNode<[Double]> {
    let relations = graph.schema.relations()
    let types = graph.schema.nodes.map(\.type)
    var rows = PerNode<[[(NodeType, UInt32)]]>()
    for type in types {
      rows[type] = try (0..<graph.count(of: type)).map { node in
        try relations.filter { $0.target == type }.flatMap { relation in
          try graph.neighbors(of: NodeID(UInt32(node)), along: relation).map {
            (relation.source, $0)
          }
        }
      }
    }
    var walk = PerNode<[Double]>()
    var rank = PerNode<[Double]>()
    for type in types {
      walk[type] = [Double](repeating: 0, count: graph.count(of: type))
      rank[type] = walk[type]
    }
    walk[type][Int(seed)] = 1
    for _ in 0..<200 {
      var next = walk.mapValues { $0.map { _ in 0.0 } }
      for type in types {
        for (node, mass) in walk[type].enumerated() where mass > 0 {
          let row = rows[type][node]
          rank[type][node] += row.isEmpty ? mass : returning * mass
          for (to, neighbor) in row {
            next[to][Int(neighbor)] += (1 - returning) * mass / Double(row.count)
          }
        }
      }
      walk = next
    }
    return rank
  }

  @Test func ranksAreThoseOfPowerIteration() throws {
    let seed = printedSeed()
    let graph = G(seed: seed, users: 40, items: 60, edgeCount: 150).memoryGraph
    let sampler = PageRankSampler(
      graph, nodesPerSeed: 1000, layers: 1, returning: 0.2, tolerance: 1e-7)
    let seeds: [UInt32] = [0, 3, 17, 59]
    for (node, found) in zip(seeds, try sampler.ranks(from: seeds, of: G.item)) {
      let exact = try exact(graph, from: node, of: G.item, returning: 0.2)
      #expect(found[0].type == G.item && found[0].node == node)
      var sum = 0.0
      for (type, node, rank) in found {
        #expect(abs(rank - exact[type][Int(node)]) < 1e-4)
        #expect(rank <= exact[type][Int(node)] + 1e-9)
        sum += rank
      }
      #expect(sum > 0.999)
      #expect(zip(found.dropFirst(), found.dropFirst(2)).allSatisfy { $0.rank >= $1.rank })
    }
  }

  @Test func ranksAreTheSameBitsWhateverTheOtherSeedsAre() throws {
    let graph = G(seed: printedSeed()).memoryGraph
    let sampler = PageRankSampler(graph, nodesPerSeed: 1000, layers: 1)
    let seeds: [UInt32] = [5, 3, 100, 5, 499]
    let all = try sampler.ranks(from: seeds, of: G.item)
    // A seed without edges has itself alone; not all of them are.
    #expect(all.contains { $0.count > 1 })
    for (seed, together) in zip(seeds, all) {
      let alone = try sampler.ranks(from: [seed], of: G.item)[0]
      #expect(together.elementsEqual(alone, by: ==))
    }
  }

  @Test(arguments: [SamplingOptions.Trees.merged, .disjoint])
  func samplesHaveTheNodesOfLargestRankAndAllEdgesBetweenThem(
    trees: SamplingOptions.Trees
  ) throws {
    let seed = printedSeed()
    let reference = G(seed: seed)
    let directory = TemporaryDirectory()
    let graph = reference.memoryGraph
    var sampler = PageRankSampler(graph, nodesPerSeed: 12, layers: 2)
    sampler.trees = trees
    let seeds: [UInt32] = [5, 3, 100, 499]
    let sample = try sampler.sample(
      seeds: seeds, of: G.item, epoch: 0, batch: 0, workspace: SamplingWorkspace())
    #expect(Array(sample.nodes[G.item].prefix(4)) == seeds && sample.blocks.count == 2)
    let ranks = try sampler.ranks(from: seeds, of: G.item)
    for type in [G.user, G.item] {
      let expected = ranks.enumerated().flatMap { tree, nodes in
        nodes.filter { $0.type == type }.map { [trees == .merged ? 0 : UInt32(tree), $0.node] }
      }
      let found = sample.nodes[type].enumerated().map { place, node in
        [trees == .merged ? 0 : sample.trees[type][place], node]
      }
      #expect(Set(found) == Set(expected) && Set(found).count == found.count)
    }
    for edges in sample.edges {
      let relation = edges.relation
      let (from, to) = (sample.nodes[relation.source], sample.nodes[relation.target])
      for (row, node) in to.enumerated() {
        let tree = trees == .merged ? 0 : sample.trees[relation.target][row]
        let here = Set(
          from.enumerated().filter { place, _ in
            trees == .merged || sample.trees[relation.source][place] == tree
          }.map(\.element))
        let entries = Int(edges.offsets[row])..<Int(edges.offsets[row + 1])
        #expect(
          entries.map { from[Int(edges.sources[$0])] }
            == (try graph.neighbors(of: NodeID(node), along: relation)).filter(here.contains))
      }
    }
    var (memory, stored) = (BatchDigest(), BatchDigest())
    sample.fold(into: &memory)
    var other = PageRankSampler(
      try reference.makeStore(at: directory("s")).snapshot(), nodesPerSeed: 12, layers: 2)
    other.trees = trees
    try other.sample(
      seeds: seeds, of: G.item, epoch: 7, batch: 9, workspace: SamplingWorkspace()
    ).fold(into: &stored)
    #expect(stored == memory)
  }
}
