import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
import HedgerowSampling
import HedgerowTestSupport
import Testing

private typealias G = ReferenceGraph

/// Samples within a set, and edges in both readings.
@Suite struct WholeSampleTests {
  private func pairs(
    _ sample: SampledSubgraph, _ relation: Relation
  ) -> Set<[UInt32]> {
    let edges = sample.edges.first { $0.relation == relation }!
    var pairs: Set<[UInt32]> = []
    for row in 0..<edges.offsets.count - 1 {
      for entry in Int(edges.offsets[row])..<Int(edges.offsets[row + 1]) {
        pairs.insert([edges.sources[entry], UInt32(row)])
      }
    }
    return pairs
  }

  @Test func edgesAreTakenInBothReadings() throws {
    let seed = printedSeed()
    var graph = G(seed: seed).memoryGraph
    let knows = EdgeType("user", "knows", "user")
    let list = graph[G.follows].edges
    graph[knows].edges = EdgeList(
      sources: list.sources + list.targets, targets: list.targets + list.sources)
    graph[knows].isUndirected = true
    let workspace = SamplingWorkspace()
    var options = SamplingOptions()
    let plain = try NeighborSampler(graph, fanouts: [4, 3], options: options, seed: seed)
    options.edges = .bidirectional(layers: 3)
    let both = try NeighborSampler(graph, fanouts: [4, 3], options: options, seed: seed)
    for batch in 0..<5 {
      let seeds = (0..<UInt32(6)).map { $0 + UInt32(batch) * 10 }
      let found = try plain.sample(
        seeds: seeds, of: G.item, epoch: 0, batch: batch, workspace: workspace)
      let sample = try both.sample(
        seeds: seeds, of: G.item, epoch: 0, batch: batch, workspace: workspace)
      #expect(sample.nodes == found.nodes && sample.blocks.count == 3)
      for relation in plain.relations {
        let other = plain.relations.first {
          $0.stored == relation.stored && $0.direction != relation.direction
        }
        let turned = Set(pairs(found, other ?? relation).map { [$0[1], $0[0]] })
        #expect(pairs(sample, relation) == pairs(found, relation).union(turned))
        let edges = sample.edges.first { $0.relation == relation }!
        #expect(edges.offsets.count == sample.nodes[relation.target].count + 1)
      }
    }
  }

  @Test func nothingIsTakenFromOutsideOfASet() throws {
    let seed = printedSeed()
    let reference = G(seed: seed)
    var graph = reference.memoryGraph
    let train = Set(reference.train)
    // The same graph without the other items' edges.
    var rest = graph
    let list = graph[G.rates].edges
    let kept = list.targets.indices.filter { train.contains(list.targets[$0]) }
    rest[G.rates].edges = EdgeList(
      sources: kept.map { list.sources[$0] }, targets: kept.map { list.targets[$0] })
    graph[G.user].sets["other"] = RoaringBitmap([1])
    let workspace = SamplingWorkspace()
    var options = SamplingOptions()
    options.within = "train"
    let within = try NeighborSampler(graph, fanouts: [-1, -1], options: options, seed: seed)
    let expected = NeighborSampler(rest, fanouts: [-1, -1], seed: seed)
    let seeds = reference.train.prefix(8).map { $0 }
    let sample = try within.sample(
      seeds: seeds, of: G.item, epoch: 0, batch: 0, workspace: workspace)
    let other = try expected.sample(
      seeds: seeds, of: G.item, epoch: 0, batch: 0, workspace: SamplingWorkspace())
    #expect(sample.nodes[G.item].allSatisfy(train.contains))
    #expect(sample.nodes == other.nodes && sample.knownCounts == other.knownCounts)
    for (edges, others) in zip(sample.edges, other.edges) {
      #expect(edges.sources == others.sources && edges.offsets == others.offsets)
    }
    for (change, fanout) in [
      ({ (_: inout SamplingOptions) in }, 3), ({ $0.replacement = .with }, 3),
      ({ $0.coupling = .shared() }, 3), ({ $0.edges = .induced(layers: 1) }, 5),
    ] as [((inout SamplingOptions) -> Void, Int)] {
      var options = options
      change(&options)
      let sample = try NeighborSampler(
        graph, fanouts: [fanout, fanout], options: options, seed: seed
      ).sample(seeds: seeds, of: G.item, epoch: 0, batch: 1, workspace: workspace)
      #expect(sample.nodes[G.item].allSatisfy(train.contains))
      #expect(sample.nodes[G.item].count > seeds.count)
    }
    options.within = "none"
    #expect(throws: HedgerowError.self) {
      try NeighborSampler(graph, fanouts: [1], options: options)
    }
  }
}
