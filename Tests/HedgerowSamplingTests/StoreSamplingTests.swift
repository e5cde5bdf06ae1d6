import HedgerowCore
import HedgerowGraph
import HedgerowSampling
import HedgerowStore
import HedgerowTestSupport
import Testing

@Suite struct StoreSamplingTests {
  private var variants: [SamplingOptions] {
    typealias S = RandomStore
    var made: [SamplingOptions] = []
    for selection in [SamplingOptions.Selection.uniform, .weighted(column: "at"), .mostRecent] {
      for isTemporal in [false, true] {
        for trees in [SamplingOptions.Trees.merged, .disjoint] {
          var options = SamplingOptions()
          options.selection = selection
          options.trees = trees
          options.edgeIDs = .present
          if isTemporal {
            options.time = TemporalConstraint(edges: [:])
            options.time!.window = selection == .uniform ? 6 : nil
          }
          if selection == .mostRecent && !isTemporal || isTemporal && trees == .merged { continue }
          made.append(options)
          if selection != .mostRecent {
            options.replacement = .with
            made.append(options)
            options.replacement = .without
            options.coupling = .shared(batches: 3)
            made.append(options)
          }
        }
      }
    }
    return made
  }

  /// Segments, changes over them and all folded: the same bits as from memory, for all that a sampler
  /// can be asked.
  @Test func aStoreAndAGraphInMemoryGiveTheSameSamples() throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var random = try RandomStore(at: directory("s"), seed: seed)
    for step in 0..<3 {
      try random.change(500)
      if step == 1 { try random.store.compact() }
      let snapshot = try random.store.snapshot()
      let memory = random.model.memoryGraph(snapshot.schema)
      let relations = snapshot.schema.relations().filter { $0.stored == RandomStore.sends }
      let users = snapshot.count(of: RandomStore.user)
      let nodes = (0..<UInt32(min(40, users))).map { $0 }
      for options in variants {
        var seeds = SamplingSeeds(nodes, of: RandomStore.user)
        if options.time != nil {
          seeds.times = [RandomStore.user: nodes.map { Int64($0) % 11 }]
        }
        seeds.excluded = nodes.prefix(9).flatMap { node in
          nodes.prefix(5).map {
            .init(RandomStore.sends, source: node, target: $0, trees: [node])
          }
        }
        func digest(_ graph: some Topology, _ workspace: SamplingWorkspace) throws -> BatchDigest {
          var digest = BatchDigest()
          try NeighborSampler(
            graph, fanouts: [4, 3], relations: relations, options: options, seed: seed
          ).sample(seeds, epoch: 1, batch: 4, workspace: workspace).fold(into: &digest)
          return digest
        }
        let workspace = SamplingWorkspace()
        let first = try digest(snapshot, workspace)
        #expect(try digest(memory, workspace) == first, "\(options)")
        #expect(try digest(memory, SamplingWorkspace()) == first)
      }
    }
  }

  @Test func excludedEdgesAreNotTaken() throws {
    let seed = printedSeed()
    let reference = ReferenceGraph(seed: seed)
    let graph = reference.memoryGraph
    typealias G = ReferenceGraph
    let list = graph[G.rates].edges
    for trees in [SamplingOptions.Trees.merged, .disjoint] {
      var options = SamplingOptions()
      options.trees = trees
      let sampler = try NeighborSampler(graph, fanouts: [10, 10], options: options, seed: seed)
      var seeds = SamplingSeeds([3, 4, 5, 6, 7, 8], of: G.item)
      let excluded = list.sources.indices.filter { list.targets[$0] < 9 && $0 % 2 == 0 }
      seeds.excluded = excluded.map {
        .init(
          G.rates, source: list.sources[$0], target: list.targets[$0],
          trees: [0, 1, 2, 3, 4, 5])
      }
      let sample = try sampler.sample(
        seeds, epoch: 0, batch: 0, workspace: SamplingWorkspace())
      let pairs = Set(seeds.excluded.map { [$0.source, $0.target] })
      // The others choose as if nothing was left out.
      var taken = 0
      for edges in sample.edges where edges.relation.stored == G.rates {
        let relation = edges.relation
        let (sources, targets) = (sample.nodes[relation.source], sample.nodes[relation.target])
        for row in 0..<edges.offsets.count - 1 {
          for entry in Int(edges.offsets[row])..<Int(edges.offsets[row + 1]) {
            let ends = [sources[Int(edges.sources[entry])], targets[row]]
            #expect(!pairs.contains(relation.direction == .forward ? ends : ends.reversed()))
            taken += 1
          }
        }
      }
      #expect(taken > 50)
    }
  }
}
