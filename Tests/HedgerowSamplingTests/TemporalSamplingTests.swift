import HedgerowCore
import HedgerowGraph
import HedgerowSampling
import HedgerowTestSupport
import Testing

private typealias G = TemporalTestGraph

@Suite struct TemporalSamplingTests {
  private func constraints(_ random: inout RandomStream) -> TemporalConstraint {
    let nodes: PerNode<TemporalConstraint.Clock> = [G.user: .column("born"), G.item: .timeless]
    let edges: PerEdge<TemporalConstraint.Clock> = [(G.user, "likes", G.user): .column("at")]
    var made: TemporalConstraint
    switch random.next(below: 3) {
    case 0: made = TemporalConstraint(nodes: nodes)
    case 1: made = TemporalConstraint(edges: edges)
    default: made = TemporalConstraint(nodes: nodes, edges: edges)
    }
    if random.next(below: 2) == 0 { made.window = Int64(1 + random.next(below: 8)) }
    if random.next(below: 2) == 0 { made.boundary = .before }
    return made
  }

  /// Every entry of every row, by brute force: what is seen is what the definition says, everything
  /// that is seen is taken where all are, the last ones are the last ones, and no pick is doubled.
  @Test func whatIsTakenIsWhatASeedSees() throws {
    var random = RandomStream(seed: printedSeed())
    for _ in 0..<testCount("HEDGEROW_GRAPHS", otherwise: 400) {
      let reference = G(&random)
      var options = SamplingOptions()
      options.trees = .disjoint
      options.edgeIDs = .present
      options.time = constraints(&random)
      options.selection = [.uniform, .mostRecent, .weighted()][Int(random.next(below: 3))]
      if options.selection != .mostRecent && random.next(below: 4) == 0 {
        options.replacement = .with
      }
      let fanouts = [1 + Int(random.next(below: 4)), options.replacement == .with ? 3 : -1, 2]
      let relations = reference.graph.schema.relations()
      let sampler = try NeighborSampler(
        reference.graph, fanouts: Fanouts(fanouts), options: options, seed: random.next())
      let count = reference.counts[G.user]
      let nodes = (0..<6).map { _ in UInt32(random.next(below: UInt64(count))) }
      let times = nodes.map { _ in Int64(random.next(below: 22)) }
      let sample = try sampler.sample(
        SamplingSeeds(nodes, of: G.user, times: times), epoch: 0, batch: 3,
        workspace: SamplingWorkspace())
      #expect(Array(sample.nodes[G.user].prefix(6)) == nodes)
      #expect(Array(sample.trees[G.user].prefix(6)) == [0, 1, 2, 3, 4, 5])
      for (edges, relation) in zip(sample.edges, relations) {
        try check(edges, sample, relation, reference, options, fanouts, times)
      }
    }
  }

  /// Seeds with the times of their nodes: an audit finds nothing, and what a sampler without the
  /// constraint takes.
  @Test func anAuditFindsWhatIsTooLate() throws {
    var random = RandomStream(seed: printedSeed())
    var (audit, free) = (TemporalAudit(), TemporalAudit())
    for _ in 0..<testCount("HEDGEROW_GRAPHS", otherwise: 100) {
      let reference = G(&random)
      var options = SamplingOptions()
      options.trees = .disjoint
      options.edgeIDs = .present
      let unconstrained = try NeighborSampler(reference.graph, fanouts: [3, 2], options: options)
      options.time = constraints(&random)
      options.time!.seedTimes = "born"
      let sampler = try NeighborSampler(reference.graph, fanouts: [3, 2], options: options)
      let seeds = SamplingSeeds([1, 0], of: G.user)
      try audit.add(
        sampler.sample(seeds, epoch: 0, batch: 0, workspace: SamplingWorkspace()), of: sampler)
      try free.add(
        unconstrained.sample(seeds, epoch: 0, batch: 0, workspace: SamplingWorkspace()),
        of: sampler)
    }
    #expect(audit.lateEntries == 0 && audit.seedCount == 2 * audit.batchCount)
    #expect(free.lateEntries > 100)
  }

  private func check(
    _ edges: SampledSubgraph.Edges, _ sample: SampledSubgraph, _ relation: Relation,
    _ reference: G, _ options: SamplingOptions, _ fanouts: [Int], _ times: [Int64]
  ) throws {
    let constraint = options.time!
    let list = reference.edges[relation.stored]
    let (sources, targets) = (sample.nodes[relation.source], sample.nodes[relation.target])
    let known = sample.knownCounts[relation.target]
    #expect(edges.ids.count == edges.sources.count)
    for row in 0..<edges.offsets.count - 1 {
      let hop = known.firstIndex { row < $0 }!
      let tree = Int(sample.trees[relation.target][row])
      let (time, fanout) = (times[tree], fanouts[hop])
      func isSeen(_ at: Int64) -> Bool {
        (constraint.boundary == .before ? at < time : at <= time)
          && (constraint.window.map { at > time - $0 } ?? true)
      }
      let seen = reference.row(targets[row], along: relation).filter { edge in
        if constraint.edges != nil && !isSeen(list[edge].time) { return false }
        guard constraint.nodes != nil, relation.source == G.user else { return true }
        let born = reference.times[G.user][Int(reference.neighbor(edge, along: relation))]
        return isSeen(born)
      }
      let range = Int(edges.offsets[row])..<Int(edges.offsets[row + 1])
      let taken = edges.ids[range].map { Int($0) }
      for entry in range {
        #expect(edges.ids[entry] < list.count)
        let source = Int(edges.sources[entry])
        #expect(
          sources[source] == reference.neighbor(Int(edges.ids[entry]), along: relation))
        #expect(Int(sample.trees[relation.source][source]) == tree, "no tree reaches another")
      }
      #expect(Set(taken).isSubset(of: seen), "nothing is taken that is not seen")
      let possible =
        options.selection == .weighted() ? seen.filter { list[$0].weight > 0 } : seen
      #expect(Set(taken).isSubset(of: possible))
      if options.replacement == .with {
        #expect(taken.count == (possible.isEmpty ? 0 : fanout))
        continue
      }
      #expect(Set(taken).count == taken.count)
      #expect(taken.count == (fanout < 0 ? possible.count : min(fanout, possible.count)))
      if options.selection == .mostRecent && fanout >= 0 {
        let byNode = constraint.edges == nil
        if byNode && relation.source == G.item { continue }
        let ranked = seen.enumerated().sorted { a, b in
          func time(_ edge: Int) -> Int64 {
            if !byNode { return list[edge].time }
            return reference.times[G.user][Int(reference.neighbor(edge, along: relation))]
          }
          return (time(a.element), a.offset) < (time(b.element), b.offset)
        }
        #expect(Set(taken) == Set(ranked.suffix(fanout).map(\.element)))
      }
    }
  }

  @Test func seedsHaveTheTimesOfTheirNodesUnlessGiven() throws {
    var random = RandomStream(seed: printedSeed())
    for _ in 0..<50 {
      let reference = G(&random)
      var options = SamplingOptions()
      options.trees = .disjoint
      options.time = TemporalConstraint(nodes: [G.user: .column("born"), G.item: .timeless])
      let sampler = try NeighborSampler(
        reference.graph, fanouts: [2, 2], options: options, seed: 5)
      let nodes = (0..<UInt32(reference.counts[G.user])).map { $0 }
      func sample(_ times: [Int64]?) throws -> SampledSubgraph {
        try sampler.sample(
          SamplingSeeds(nodes, of: G.user, times: times), epoch: 0, batch: 0,
          workspace: SamplingWorkspace())
      }
      var digests = (BatchDigest(), BatchDigest())
      try sample(nil).fold(into: &digests.0)
      try sample(reference.times[G.user]).fold(into: &digests.1)
      #expect(digests.0 == digests.1)
    }
  }

  @Test func wrongOptionsAndSeedsAreRefused() throws {
    var random = RandomStream(seed: printedSeed())
    let graph = G(&random).graph
    func options(_ change: (inout SamplingOptions) -> Void) -> SamplingOptions {
      var options = SamplingOptions()
      options.trees = .disjoint
      options.time = TemporalConstraint(edges: [(G.user, "likes", G.user): .column("at")])
      change(&options)
      return options
    }
    let likes: PerEdge<TemporalConstraint.Clock> = [(G.user, "likes", G.user): .timeless]
    let wrong: [SamplingOptions] = [
      options { $0.trees = .merged },
      options { $0.time = TemporalConstraint(edges: [:]) },  // `likes` declares no time
      options { $0.time = TemporalConstraint(nodes: [G.user: .column("born")], edges: likes) },
      options { $0.time = TemporalConstraint(edges: [(G.user, "likes", G.user): .column("w")]) },
      options { $0.time = TemporalConstraint(edges: [(G.user, "likes", G.user): .column("no")]) },
      options {
        $0.time = nil
        $0.selection = .mostRecent
      },
      options {
        $0.selection = .mostRecent
        $0.replacement = .with
      },
      options { $0.selection = .weighted(column: "no") },
      options {
        $0.coupling = .shared()
        $0.replacement = .with
      },
      options { $0.coupling = .shared(batches: 0) },
    ]
    for options in wrong {
      #expect(throws: HedgerowError.self, "\(options)") {
        try NeighborSampler(graph, fanouts: [2], options: options)
      }
    }
    #expect(throws: HedgerowError.self) {
      try NeighborSampler(graph, fanouts: [-1], options: options { $0.replacement = .with })
    }
    let sampler = try NeighborSampler(graph, fanouts: [2], options: options { _ in })
    for seeds in [
      SamplingSeeds([0], of: G.user), SamplingSeeds([0], of: G.user, times: [1, 2]),
      SamplingSeeds([99], of: G.user, times: [1]), SamplingSeeds(PerNode()),
    ] {
      #expect(throws: HedgerowError.self) {
        try sampler.sample(seeds, epoch: 0, batch: 0, workspace: SamplingWorkspace())
      }
    }
    #expect(throws: HedgerowError.self) {
      try NeighborSampler(graph, fanouts: [2]).sample(
        SamplingSeeds([0], of: G.user, times: [1]), epoch: 0, batch: 0,
        workspace: SamplingWorkspace())
    }
  }
}
