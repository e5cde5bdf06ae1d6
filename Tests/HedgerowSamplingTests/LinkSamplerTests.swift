import HedgerowCore
import HedgerowGraph
import HedgerowSampling
import HedgerowStore
import HedgerowTestSupport
import Testing

private typealias G = ReferenceGraph

@Suite struct LinkSamplerTests {
  private func sampler(
    _ graph: MemoryGraph, _ edge: EdgeType, seed: UInt64,
    _ negatives: NegativeSampling = NegativeSampling(), trees: SamplingOptions.Trees = .merged
  ) throws -> LinkSampler<MemoryGraph> {
    var options = SamplingOptions()
    options.trees = trees
    return try LinkSampler(
      try NeighborSampler(graph, fanouts: [6, 4], options: options, seed: seed), edges: edge,
      negatives: negatives, seed: seed)
  }

  /// A whole epoch of both types and all kinds of negatives, looked at anew: nothing leaks. When the
  /// seed edges are kept, the audit finds them.
  @Test(arguments: [SamplingOptions.Trees.merged, .disjoint])
  func anEpochLeaksNothing(trees: SamplingOptions.Trees) throws {
    let seed = printedSeed()
    let graph = G(seed: seed, edgeCount: 600).memoryGraph
    let workspace = SamplingWorkspace()
    for edge in [G.rates, G.follows] {
      for distribution in [NegativeSampling.Distribution.uniform, .byDegree, .inBatch] {
        var negatives = NegativeSampling()
        negatives.distribution = distribution
        negatives.count = 3
        var sampler = try sampler(graph, edge, seed: seed, negatives, trees: trees)
        var audit = LinkAudit()
        var kept = LinkAudit()
        for batch in 0..<12 {
          let edges = (0..<50).map { UInt64(batch * 50 + $0) }
          sampler.seedEdges = .leftOut
          let sample = try sampler.sample(
            edges: edges, epoch: 0, batch: batch, workspace: workspace)
          try audit.add(sample, of: sampler)
          check(sample, edges, graph)
          sampler.seedEdges = .kept
          try kept.add(
            sampler.sample(edges: edges, epoch: 0, batch: batch, workspace: workspace), of: sampler)
        }
        #expect(audit.violationCount == 0, "\(audit)")
        #expect(audit.positiveCount == 600 && audit.negativeCount > 1500)
        #expect(kept.seedEdgesSeen > 100)
      }
    }
  }

  private func check(_ sample: LinkSample, _ edges: [UInt64], _ graph: MemoryGraph) {
    let list = graph[sample.type].edges
    let order = list.sources.indices.sorted {
      (list.sources[$0], list.targets[$0], $0) < (list.sources[$1], list.targets[$1], $1)
    }
    let sources = sample.subgraph.nodes[sample.type.source]
    let targets = sample.subgraph.nodes[sample.type.target]
    for (place, edge) in edges.enumerated() {
      #expect(sources[Int(sample.positives.sources[place])] == list.sources[order[Int(edge)]])
      #expect(targets[Int(sample.positives.targets[place])] == list.targets[order[Int(edge)]])
    }
    for (place, owner) in sample.positiveOfNegative.enumerated() {
      #expect(
        sources[Int(sample.negatives.sources[place])]
          == sources[Int(sample.positives.sources[Int(owner)])])
    }
    #expect(sample.labelled.labels.count == sample.positives.count + sample.negatives.count)
    #expect(sample.labelled.labels.prefix(sample.positives.count).allSatisfy { $0 == 1 })
  }

  /// Which targets negatives have: all alike, or by their edges.
  @Test(arguments: [NegativeSampling.Distribution.uniform, .byDegree])
  func negativesFollowTheirDistribution(distribution: NegativeSampling.Distribution) throws {
    let seed = printedSeed()
    var graph = MemoryGraph()
    let edge = EdgeType("a", "to", "b")
    // Source 0 leads to target 0 alone; target t has 1 + t % 7 edges from other sources.
    var list = EdgeList(sources: [0], targets: [0])
    for target in 0..<200 {
      for copy in 0...target % 7 {
        list.sources.append(UInt32(1 + copy))
        list.targets.append(UInt32(target))
      }
    }
    graph[edge].edges = list
    var negatives = NegativeSampling()
    negatives.distribution = distribution
    negatives.count = 100
    let sampler = try sampler(graph, edge, seed: seed, negatives)
    var counts = [Int](repeating: 0, count: 200)
    let workspace = SamplingWorkspace()
    for batch in 0..<400 {
      let sample = try sampler.sample(edges: [0], epoch: 0, batch: batch, workspace: workspace)
      #expect(sample.negatives.count == 100)
      let targets = sample.subgraph.nodes["b" as NodeType]
      for target in sample.negatives.targets { counts[Int(targets[Int(target)])] += 1 }
    }
    #expect(counts[0] == 0, "the positive itself is no negative")
    let weights = (1..<200).map { distribution == .uniform ? 1 : Double(1 + $0 % 7) }
    let total = weights.reduce(0, +)
    let statistic = zip(counts.dropFirst(), weights).reduce(0.0) { sum, pair in
      let expected = pair.1 / total * 40_000
      return sum + (Double(pair.0) - expected) * (Double(pair.0) - expected) / expected
    }
    let p = chiSquareProbability(statistic, degreesOfFreedom: 198)
    print("\(distribution): p = \(p)")
    #expect(p > 1e-6 && p < 1 - 1e-6)
  }

  /// With times: nothing later than a seed is seen, and negatives were there already.
  @Test func timesAreRespected() throws {
    var random = RandomStream(seed: printedSeed())
    var audit = LinkAudit()
    var early = 0
    let count = testCount("HEDGEROW_GRAPHS", otherwise: 100)
    for _ in 0..<count {
      let reference = TemporalTestGraph(&random)
      typealias T = TemporalTestGraph
      for edge in [T.buys, T.likes] where !reference.edges[edge].isEmpty {
        var options = SamplingOptions()
        options.trees = .disjoint
        options.edgeIDs = .present
        options.time = TemporalConstraint(
          nodes: [T.user: .column("born"), T.item: .column("born")],
          edges: [(T.user, "likes", T.user): .column("at")])
        options.time!.boundary = random.next(below: 2) == 0 ? .before : .atOrBefore
        let sampler = try LinkSampler(
          try NeighborSampler(
            reference.graph, fanouts: [3, 3], options: options, seed: random.next()),
          edges: edge, seed: random.next())
        let edges = (0..<min(5, reference.edges[edge].count)).map { UInt64($0) }
        let sample = try sampler.sample(
          edges: edges, times: edges.map { reference.edges[edge][Int($0)].time }, epoch: 0,
          batch: 0, workspace: SamplingWorkspace())
        try audit.add(sample, of: sampler)
        early += sample.negatives.count
      }
    }
    #expect(audit.violationCount == 0, "\(audit)")
    #expect(early > 100)
  }

  /// Stores and memory give the same links, and know the same edges, changes included.
  @Test func aStoreAndAGraphInMemoryGiveTheSameLinks() throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var random = try RandomStore(at: directory("s"), seed: seed)
    for step in 0..<3 {
      try random.change(500)
      if step == 1 { try random.store.compact() }
      let snapshot = try random.store.snapshot()
      let memory = random.model.memoryGraph(snapshot.schema)
      for edge in snapshot.schema.edges {
        let type = edge.type
        let list = random.model.edges[type]!
        let order = random.model.outOrder(type)
        let places = order.indices.map { UInt64($0) }
        for graph in [snapshot as any Topology, memory] {
          var sources = [UInt32](repeating: 0, count: places.count)
          var targets = sources
          do {
            var sourceSpan = sources.mutableSpan
            var targetSpan = targets.mutableSpan
            try graph.endpoints(of: places.span, type, sources: &sourceSpan, targets: &targetSpan)
          }
          #expect(sources == order.map { list[$0].source })
          #expect(targets == order.map { list[$0].target })
          let (users, others) = (graph.count(of: type.source), graph.count(of: type.target))
          let pairs = (0..<300).map { place -> (UInt32, UInt32) in
            place % 2 == 0 && !list.isEmpty
              ? (list[place % list.count].source, list[place % list.count].target)
              : (UInt32(place * 7 % users), UInt32(place * 13 % others))
          }
          let asked = (pairs.map(\.0), pairs.map(\.1))
          let known = Set(list.map { [$0.source, $0.target] })
          #expect(
            try graph.contains(type, sources: asked.0.span, targets: asked.1.span)
              == pairs.map { known.contains([$0.0, $0.1]) })
        }
        func digest(_ graph: some Topology) throws -> [[UInt32]] {
          let sampler = try LinkSampler(
            NeighborSampler(graph, fanouts: [3, 2], seed: seed), edges: type, seed: seed)
          let sample = try sampler.sample(
            edges: Array(places.prefix(40)), epoch: 2, batch: 1, workspace: SamplingWorkspace())
          var audit = LinkAudit()
          try audit.add(sample, of: sampler)
          #expect(audit.seedEdgesSeen + audit.falseNegatives == 0)
          return sample.subgraph.edges.map(\.sources) + sample.subgraph.nodes.values
            + [sample.negatives.targets, sample.positives.sources]
        }
        // In memory no node is deleted, so a store's negatives may differ where it has such nodes.
        if !places.isEmpty && snapshot.deletedNodes(of: type.target).isEmpty {
          #expect(try digest(snapshot) == digest(memory))
        } else if !places.isEmpty {
          _ = try digest(snapshot)
        }
      }
    }
  }

  @Test func wrongEdgesAreRefused() throws {
    let graph = G(seed: printedSeed()).memoryGraph
    let sampler = try sampler(graph, G.rates, seed: 1)
    let workspace = SamplingWorkspace()
    func sample(_ edges: [UInt64], _ times: [Int64]?) throws {
      _ = try sampler.sample(
        edges: edges, times: times, epoch: 0, batch: 0, workspace: workspace)
    }
    for (edges, times) in [([4000], nil), ([], nil), ([1], [1]), ([1], [1, 2])]
      as [([UInt64], [Int64]?)]
    {
      #expect(throws: HedgerowError.self) { try sample(edges, times) }
    }
    #expect(throws: HedgerowError.self) {
      try sampler.sample(
        LinkSample.Pairs(sources: [300], targets: [1]), epoch: 0, batch: 0, workspace: workspace)
    }
    #expect(throws: HedgerowError.self) {
      try LinkSampler(NeighborSampler(graph, fanouts: [1]), edges: EdgeType("a", "b", "c"))
    }
  }
}
