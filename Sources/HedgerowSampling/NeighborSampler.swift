import CHedgerowKernels
public import HedgerowCore
public import HedgerowGraph

/// Neighbor sampling over a heterogeneous graph: uniform, by weight, or by time.
///
/// At each hop, every node that the hop before found draws up to `fanout` neighbors along every
/// relation that arrives at its type; nodes found before are not drawn again (as in GraphSAGE,
/// Hamilton et al., NIPS'17, and PyTorch Geometric's loader). A choice is a pure function of (seed,
/// epoch, batch, hop, relation, node) and of the tree where trees are disjoint, so a batch is the same
/// bits on any thread, from any topology that holds the same graph, cold or warm.
///
/// Time O(sampled edges) for uniform choices, by Floyd's algorithm (Bentley and Floyd, CACM 1987), and
/// for those by time where rows are sorted by it; O(entries of the rows) for all that have to look at
/// each: see ``SamplingOptions``.
public struct NeighborSampler<Graph: Topology>: SubgraphSampler {
  public let graph: Graph
  public let fanouts: Fanouts
  public let relations: [Relation]
  public let options: SamplingOptions
  /// One a relation; none where neither weights nor times nor sets count.
  let plans: [RelationPlan]
  let nodeTypes: [NodeType]
  let stream: RandomStream
  let hubs = HubWeights()

  /// Uniform sampling without replacement.
  ///
  /// - Parameter relations: what to sample along; every relation of the schema by default, each
  ///   backward reading included.
  public init(_ graph: Graph, fanouts: Fanouts, relations: [Relation]? = nil, seed: UInt64 = 0) {
    let relations = relations ?? graph.schema.relations()
    for type in fanouts.overrides.keys {
      require(
        relations.contains { $0.name == type }, "fanouts name '\(type)', which is not sampled")
    }
    self.init(graph, fanouts, relations, SamplingOptions(), [], seed)
  }

  /// - Throws: `usage` for options that do not go together, for columns that are not there, and for
  ///   types without a time where samples respect it.
  public init(
    _ graph: Graph, fanouts: Fanouts, relations: [Relation]? = nil, options: SamplingOptions,
    seed: UInt64 = 0
  ) throws {
    let relations = relations ?? graph.schema.relations()
    try options.check(fanouts)
    for type in fanouts.overrides.keys where !relations.contains(where: { $0.name == type }) {
      throw HedgerowError(.usage, "fanouts name '\(type)', which is not sampled")
    }
    self.init(
      graph, fanouts, relations, options,
      try relations.map { try RelationPlan($0, in: graph, options) }, seed)
  }

  private init(
    _ graph: Graph, _ fanouts: Fanouts, _ relations: [Relation], _ options: SamplingOptions,
    _ plans: [RelationPlan], _ seed: UInt64
  ) {
    self.graph = graph
    self.fanouts = fanouts
    self.relations = relations
    self.options = options
    // A plan that asks for nothing is none.
    self.plans = plans.contains { !$0.isEmpty } ? plans : []
    nodeTypes = graph.schema.nodes.map(\.type)
    stream = RandomStream(seed: seed).derive("neighbor sampling")
  }

  /// Nothing but the number of a row's entries counts.
  private var choosesUniformly: Bool {
    plans.isEmpty && options.replacement == .without && options.coupling == .independent
  }

  var isDisjoint: Bool { options.trees == .disjoint }

  public func sample(
    _ seeds: SamplingSeeds, epoch: Int, batch: Int, workspace: SamplingWorkspace
  ) throws -> SampledSubgraph {
    var run = try Run(self, seeds, epoch, batch, workspace)
    return try run.sample()
  }

  /// One batch.
  struct Run {
    let sampler: NeighborSampler
    let workspace: SamplingWorkspace
    /// The seeds' types and all that relations lead to, in the order of the schema.
    let types: [NodeType]
    /// The places of each relation's ends among the types; `nil` where nothing leads to it.
    let ends: [(source: Int, target: Int)?]
    let streams: [RandomStream]
    var edges: [SampledSubgraph.Edges]
    var frontiers: [Range<Int>]
    var known = PerNode<[Int]>()
    let seedType: NodeType
    /// For each tree the times that it sees.
    var bounds: [(first: Int64, last: Int64)] = []
    /// By relation and row, the neighbors that are left out; none where none are.
    let excluded: [[UInt64: [UInt32]]]
    let sharedNumbers: (NodeType) -> EntryScan.SharedNumbers?

    var graph: Graph { sampler.graph }

    /// Numbers the seeds.
    init(
      _ sampler: NeighborSampler, _ seeds: SamplingSeeds, _ epoch: Int, _ batch: Int,
      _ workspace: SamplingWorkspace
    ) throws {
      let relations = sampler.relations
      guard let seedType = seeds.nodes.keys.first else {
        throw HedgerowError(.usage, "a batch has seeds of one type at least")
      }
      self.sampler = sampler
      self.workspace = workspace
      self.seedType = seedType
      let types = sampler.involvedTypes(Set(seeds.nodes.keys))
      self.types = types
      ends = relations.map { relation in
        types.firstIndex(of: relation.target).map {
          (source: types.firstIndex(of: relation.source)!, target: $0)
        }
      }
      workspace.begin(
        types: types.count, relations: relations.count, hasTrees: sampler.isDisjoint)
      edges = relations.map { SampledSubgraph.Edges(relation: $0) }
      let batchStream = sampler.stream.derive(UInt64(epoch), UInt64(batch))
      streams = relations.map { batchStream.derive($0.name.description) }
      sharedNumbers = sampler.sharedNumbers(epoch, batch)
      excluded = try sampler.exclusions(seeds)
      frontiers = types.map { _ in 0..<0 }
      var tree: UInt32 = 0
      for (type, nodes) in seeds.nodes {
        let place = types.firstIndex(of: type)!
        try sampler.number(nodes, of: type, firstTree: tree, in: workspace.tables[place])
        frontiers[place] = 0..<nodes.count
        tree += UInt32(nodes.count)
      }
      for (index, type) in types.enumerated() { known[type] = [frontiers[index].count] }
      bounds = try sampler.bounds(of: seeds)
    }

    mutating func sample() throws -> SampledSubgraph {
      let relations = sampler.relations
      for hop in 0..<sampler.fanouts.hopCount {
        // Three passes over the relations, so that all that one hop reads is asked for ahead.
        for (index, relation) in relations.enumerated() {
          guard let end = ends[index], !frontiers[end.target].isEmpty,
            sampler.fanouts.fanout(of: relation, hop: hop) != 0
          else { continue }
          graph.prefetch(rows: frontier(end.target).span, along: relation)
        }
        for (index, relation) in relations.enumerated() {
          guard let end = ends[index], !frontiers[end.target].isEmpty else { continue }
          try pick(hop, index, end.target)
          let picks = workspace.picks[index]
          if picks.count > 0 {
            graph.prefetch(
              addresses: picks.addresses.elements(0..<picks.count).span, along: relation)
          }
        }
        for index in relations.indices {
          guard let end = ends[index], !frontiers[end.target].isEmpty else { continue }
          try append(index, end)
        }
        for (index, name) in types.enumerated() {
          frontiers[index] = frontiers[index].upperBound..<workspace.tables[index].count
          known[name].append(workspace.tables[index].count)
        }
      }
      var hopCount = sampler.fanouts.hopCount
      switch sampler.options.edges {
      case .sampled: break
      case .induced(let layers), .bidirectional(let layers):
        hopCount = layers
        known = known.mapValues { [$0[0]] + Array(repeating: $0[$0.count - 1], count: layers) }
      }
      if case .bidirectional = sampler.options.edges {
        edges = SampledSubgraph.Edges.bothWays(
          edges, ends.map { end in end.map { workspace.tables[$0.target].count } },
          undirected: Set(graph.schema.edges.filter(\.isUndirected).map(\.type)))
      }
      if case .induced = sampler.options.edges {
        for (index, relation) in relations.enumerated() {
          guard let end = ends[index] else { continue }
          edges[index] = try InducedEdges(
            graph: graph, relation: relation,
            plan: sampler.plans.isEmpty ? nil : sampler.plans[index], bounds: bounds,
            excluded: excluded.isEmpty ? [:] : excluded[index],
            edgeIDs: sampler.options.edgeIDs, workspace: workspace
          ).edges(from: workspace.tables[end.source], to: workspace.tables[end.target])
        }
      }
      var nodes = PerNode<[UInt32]>()
      var trees = PerNode<[UInt32]>()
      for (index, name) in types.enumerated() {
        let table = workspace.tables[index]
        nodes[name] = table.known.array(0..<table.count)
        if sampler.isDisjoint { trees[name] = table.trees.array(0..<table.count) }
      }
      // Nodes of the last hop are sources only: their rows stay empty.
      return SampledSubgraph(
        seedType: seedType, hopCount: hopCount, nodes: nodes, knownCounts: known,
        edges: zip(edges, ends).compactMap { $1 == nil ? nil : $0 }, trees: trees)
    }

    private func frontier(_ type: Int) -> UnsafeBufferPointer<UInt32> {
      workspace.tables[type].known.elements(frontiers[type])
    }

    /// Chooses entries of every row of a frontier.
    private func pick(_ hop: Int, _ index: Int, _ target: Int) throws {
      let relation = sampler.relations[index]
      let picks = workspace.picks[index]
      let ids = frontier(target)
      let fanout = sampler.fanouts.fanout(of: relation, hop: hop)
      guard fanout != 0 else {
        picks.degrees.reserve(ids.count).update(repeating: 0, count: ids.count)
        picks.count = 0
        return
      }
      let extents = workspace.extents.reserve(ids.count)
      var span = UnsafeMutableBufferPointer(start: extents, count: ids.count).mutableSpan
      try graph.extents(of: ids.span, along: relation, into: &span)
      let trees =
        sampler.isDisjoint
        ? workspace.tables[target].trees.elements(frontiers[target]).baseAddress : nil
      let key = streams[index].derive(UInt64(hop)).key
      if sampler.choosesUniformly && excluded.isEmpty {
        Choice<Graph>.pickUniformly(ids, trees, extents, fanout, key, into: picks, workspace)
        return
      }
      var rows = FrontierRows(
        ids: ids, trees: trees,
        excluded: excluded.isEmpty ? [:] : excluded[index])
      if !bounds.isEmpty {
        let firsts = workspace.scan.firsts.reserve(rows.count)
        let lasts = workspace.scan.lasts.reserve(rows.count)
        for row in 0..<rows.count {
          let bound = bounds[Int(rows.trees![row])]
          (firsts[row], lasts[row]) = (bound.first, bound.last)
        }
        (rows.firsts, rows.lasts) = (UnsafePointer(firsts), UnsafePointer(lasts))
      }
      try Choice(
        graph: graph, plan: sampler.plans.isEmpty ? nil : sampler.plans[index],
        relation: relation, options: sampler.options, fanout: fanout, rows: rows,
        extents: extents, shared: sharedNumbers(relation.source), key: key, hubs: sampler.hubs,
        workspace: workspace
      ).run(into: picks)
    }

    /// Reads the chosen entries, numbers the nodes and adds a row for each node of the frontier.
    private mutating func append(_ index: Int, _ end: (source: Int, target: Int)) throws {
      let relation = sampler.relations[index]
      let picks = workspace.picks[index]
      let rows = frontiers[end.target].count
      let neighbors = workspace.neighbors.reserve(max(1, picks.count))
      var span = UnsafeMutableBufferPointer(start: neighbors, count: picks.count).mutableSpan
      let addresses = picks.addresses.elements(0..<picks.count)
      try graph.read(addresses.span, along: relation, into: &span)
      let read = UnsafeBufferPointer(start: neighbors, count: picks.count)
      let degrees = UnsafePointer(picks.degrees.reserve(rows))
      guard edges[index].sources.count + picks.count <= Int(UInt32.max) else {
        throw HedgerowError(
          .usage,
          "a batch would hold 2^32 or more edges of '\(relation.name)': lower the fanouts")
      }
      if sampler.options.edgeIDs == .present {
        let target = frontier(end.target)
        let rowIDs = expand(target.baseAddress!, degrees, rows, picks.count)
        edges[index].ids += try graph.edges(
          at: addresses.span, in: UnsafeBufferPointer(start: rowIDs, count: picks.count).span,
          along: relation)
      }
      // In place: a number is written where its node was read.
      let table = workspace.tables[end.source]
      if sampler.isDisjoint {
        let trees = workspace.tables[end.target].trees.elements(frontiers[end.target])
        table.number(
          read, in: expand(trees.baseAddress!, degrees, rows, picks.count), into: neighbors)
      } else {
        table.number(read, into: neighbors)
      }
      edges[index].sources.append(contentsOf: read)
      edges[index].appendRows(degrees, rows)
    }

    /// The value of each row, once for each of its picks.
    private func expand(
      _ values: UnsafePointer<UInt32>, _ degrees: UnsafePointer<UInt32>, _ rows: Int, _ count: Int
    ) -> UnsafePointer<UInt32> {
      let expanded = workspace.scan.rowIDs.reserve(max(1, count))
      var next = expanded
      for row in 0..<rows {
        next.update(repeating: values[row], count: Int(degrees[row]))
        next += Int(degrees[row])
      }
      return UnsafePointer(expanded)
    }
  }
}

extension SampledSubgraph.Edges {
  /// Adds rows of so many edges each, whose sources are there already.
  mutating func appendRows(_ degrees: UnsafePointer<UInt32>, _ rows: Int) {
    var end = offsets[offsets.count - 1]
    offsets.reserveCapacity(offsets.count + rows)
    for row in 0..<rows {
      end += degrees[row]
      offsets.append(end)
    }
  }
}
