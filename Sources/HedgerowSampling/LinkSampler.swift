public import HedgerowCore
public import HedgerowGraph

/// How edges that are not there are drawn beside those that are.
public struct NegativeSampling: Hashable, Sendable {
  /// Where a negative's target comes from.
  public enum Distribution: Hashable, Sendable {
    /// All nodes of the target's type alike.
    case uniform
    /// In proportion to the edges of the type that arrive at them.
    case byDegree
    /// The targets of the batch's other positives.
    case inBatch
  }

  public var distribution = Distribution.uniform
  /// Negatives for each positive, with its source and another target.
  public var count = 1
  /// Draws for a negative before it is left out, because each was an edge, a node that is deleted or
  /// not there yet, or the positive's own source in a graph of one type.
  public var attempts = 32

  public init() {}
}

/// Whether neighborhoods have the edges that are to be predicted.
public enum SeedEdgeChoice: Hashable, Sendable { case leftOut, kept }

/// Edges to learn from, with edges that are not there, in the neighborhood of their nodes.
public struct LinkSample: Sendable {
  /// Pairs of nodes, as numbers among the subgraph's nodes of the edge type's source and target.
  public struct Pairs: Hashable, Sendable {
    public var sources: [UInt32] = []
    public var targets: [UInt32] = []
    public var count: Int { sources.count }

    public init(sources: [UInt32] = [], targets: [UInt32] = []) {
      self.sources = sources
      self.targets = targets
    }
  }

  public let type: EdgeType
  public var subgraph: SampledSubgraph
  public var positives = Pairs()
  public var negatives = Pairs()
  /// For each negative, which positive it belongs to: with its source, target and the negative's
  /// target they are triplets. Rising.
  public var positiveOfNegative: [UInt32] = []
  /// For each positive its time, where samples respect time.
  public var times: [Int64]?

  /// Positives, then negatives, with labels 1 and 0: for binary classification.
  public var labelled: (pairs: Pairs, labels: [Float]) {
    var pairs = positives
    pairs.sources += negatives.sources
    pairs.targets += negatives.targets
    return (
      pairs,
      Array(repeating: 1, count: positives.count) + Array(repeating: 0, count: negatives.count)
    )
  }
}

/// Samples around edges, as link prediction needs it.
///
/// The seed edges themselves, all parallel ones, and their backward readings are left out of the
/// neighborhoods of their batch, or where trees are disjoint of their own trees: else a model reads
/// off what it is asked for. Negatives are of the right type by construction, and true ones: no edge of
/// the type leads from their source to their target, at any time.
///
/// A batch is a pure function of the graph, the sampler, the edges and (epoch, batch).
public struct LinkSampler<Graph: Topology>: Sendable {
  public let sampler: NeighborSampler<Graph>
  /// The stored type of the edges.
  public let type: EdgeType
  public var negatives: NegativeSampling
  public var seedEdges = SeedEdgeChoice.leftOut
  /// Stored types that hold the same edges the other way round, which are left out, too.
  public var reverseTypes: [EdgeType] = []
  private let stream: RandomStream
  private let relation: Relation

  /// - Throws: `usage` for a type that is not there or a count below 0.
  public init(
    _ sampler: NeighborSampler<Graph>, edges type: EdgeType,
    negatives: NegativeSampling = NegativeSampling(), seed: UInt64 = 0
  ) throws {
    guard let index = sampler.graph.schema.edges.firstIndex(where: { $0.type == type }) else {
      throw HedgerowError(.usage, "there is no edge type '\(type)' to sample around")
    }
    guard negatives.count >= 0, negatives.attempts >= 1 else {
      throw HedgerowError(
        .usage, "\(negatives.count) negatives in \(negatives.attempts) attempts each")
    }
    self.sampler = sampler
    self.type = type
    self.negatives = negatives
    relation = Relation(type, .forward, index: index)
    stream = RandomStream(seed: seed).derive("link sampling")
  }

  private var graph: Graph { sampler.graph }

  /// Samples around edges by their places in the order of the type's edges.
  ///
  /// - Parameter times: one for each edge, where samples respect time.
  /// - Throws: `usage` for edges that are not there, and what the neighbor sampler throws.
  public func sample(
    edges: [UInt64], times: [Int64]? = nil, epoch: Int, batch: Int, workspace: SamplingWorkspace
  ) throws -> LinkSample {
    let count = graph.count(of: type)
    if let wrong = edges.first(where: { $0 >= count }) {
      throw HedgerowError(.usage, "edge \(wrong) is not among the \(count) of type '\(type)'")
    }
    let (sources, targets) = try graph.endpoints(of: edges.span, type)
    let pairs = LinkSample.Pairs(sources: sources, targets: targets)
    return try sample(pairs, times: times, epoch: epoch, batch: batch, workspace: workspace)
  }

  /// Samples around pairs of node ids, which need be no edges of the graph.
  public func sample(
    _ positives: LinkSample.Pairs, times: [Int64]? = nil, epoch: Int, batch: Int,
    workspace: SamplingWorkspace
  ) throws -> LinkSample {
    guard positives.count > 0, positives.targets.count == positives.count,
      times.map({ $0.count == positives.count }) ?? true
    else {
      throw HedgerowError(
        .usage,
        "\(positives.sources.count) sources, \(positives.targets.count) targets and "
          + "\(times?.count ?? 0) times of edges")
    }
    guard (times == nil) == (sampler.options.time == nil) else {
      throw HedgerowError(
        .usage, "edges have times where, and only where, the sampler has a constraint by time")
    }
    let (sourceCount, targetCount) = (graph.count(of: type.source), graph.count(of: type.target))
    guard positives.sources.allSatisfy({ $0 < sourceCount }),
      positives.targets.allSatisfy({ $0 < targetCount })
    else {
      throw HedgerowError(
        .usage, "an edge names a node that is not among \(sourceCount) and \(targetCount)")
    }
    let drawn = try NegativeDraw(
      graph: graph, relation: relation, options: negatives, time: sampler.options.time,
      stream: stream.derive(UInt64(epoch), UInt64(batch))
    ).draw(positives, times)
    var negativePairs = LinkSample.Pairs()
    negativePairs.sources = drawn.owners.map { positives.sources[Int($0)] }
    negativePairs.targets = drawn.targets

    return sampler.options.trees == .disjoint
      ? try disjoint(positives, drawn, times, epoch, batch, workspace)
      : try merged(positives, negativePairs, drawn, epoch, batch, workspace)
  }

  /// All edges that the positives are, to be left out of some trees.
  private func excluded(
    _ source: UInt32, _ target: UInt32, trees: [UInt32]
  ) -> [SamplingSeeds.ExcludedEdge] {
    guard seedEdges == .leftOut else { return [] }
    return [.init(type, source: source, target: target, trees: trees)]
      + reverseTypes.map { .init($0, source: target, target: source, trees: trees) }
  }

  /// Nodes are seeds once, whatever pairs they are of.
  private func merged(
    _ positives: LinkSample.Pairs, _ negatives: LinkSample.Pairs,
    _ drawn: NegativeDraw<Graph>.Drawn, _ epoch: Int, _ batch: Int, _ workspace: SamplingWorkspace
  ) throws -> LinkSample {
    var numbers = PerNode<[UInt32: UInt32]>()
    var nodes = PerNode<[UInt32]>()
    for end in [type.source, type.target] where nodes[optional: end] == nil {
      numbers[end] = [:]
      nodes[end] = []
    }
    func number(_ ids: [UInt32], _ end: NodeType) -> [UInt32] {
      var known = numbers[end]
      var list = nodes[end]
      let result = ids.map { id in
        if let number = known[id] { return number }
        let number = UInt32(list.count)
        known[id] = number
        list.append(id)
        return number
      }
      numbers[end] = known
      nodes[end] = list
      return result
    }
    let made = LinkSample.Pairs(
      sources: number(positives.sources, type.source),
      targets: number(positives.targets, type.target))
    // Their sources are sources of positives.
    let others = LinkSample.Pairs(
      sources: number(negatives.sources, type.source),
      targets: number(negatives.targets, type.target))
    var seeds = SamplingSeeds(nodes)
    seeds.excluded = zip(positives.sources, positives.targets).flatMap {
      excluded($0, $1, trees: [])
    }
    let subgraph = try sampler.sample(seeds, epoch: epoch, batch: batch, workspace: workspace)
    return LinkSample(
      type: type, subgraph: subgraph, positives: made, negatives: others,
      positiveOfNegative: drawn.owners, times: nil)
  }

  /// Each end of each pair has a tree of its own, at the time of its positive; a negative shares the
  /// tree of its source with its positive.
  private func disjoint(
    _ positives: LinkSample.Pairs, _ drawn: NegativeDraw<Graph>.Drawn, _ times: [Int64]?,
    _ epoch: Int, _ batch: Int, _ workspace: SamplingWorkspace
  ) throws -> LinkSample {
    let count = UInt32(positives.count)
    let isOneType = type.source == type.target
    var nodes: PerNode<[UInt32]> = [type.source: positives.sources]
    let targets = positives.targets + drawn.targets
    nodes[type.target] = isOneType ? positives.sources + targets : targets
    var seedTimes: PerNode<[Int64]>?
    if let times {
      let ofTargets = times + drawn.owners.map { times[Int($0)] }
      seedTimes = [type.source: times]
      seedTimes![type.target] = isOneType ? times + ofTargets : ofTargets
    }
    var seeds = SamplingSeeds(nodes, times: seedTimes)
    // Trees are numbered over all seeds, numbers of nodes by type.
    var trees = (0..<count).map { [$0, count + $0] }
    for (place, owner) in drawn.owners.enumerated() {
      trees[Int(owner)].append(2 * count + UInt32(place))
    }
    seeds.excluded = trees.enumerated().flatMap { place, trees in
      excluded(positives.sources[place], positives.targets[place], trees: trees)
    }
    let subgraph = try sampler.sample(seeds, epoch: epoch, batch: batch, workspace: workspace)
    let first = isOneType ? count : 0
    return LinkSample(
      type: type, subgraph: subgraph,
      positives: .init(sources: Array(0..<count), targets: (0..<count).map { first + $0 }),
      negatives: .init(
        sources: drawn.owners,
        targets: drawn.targets.indices.map { first + count + UInt32($0) }),
      positiveOfNegative: drawn.owners, times: times)
  }
}
