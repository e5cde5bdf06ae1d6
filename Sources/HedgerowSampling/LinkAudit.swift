import HedgerowCore
public import HedgerowGraph

/// Counts what no batch of a link sampler may have, by looking at each batch anew.
///
/// ```swift
/// var audit = LinkAudit()
/// for batch in epoch { try audit.add(batch, of: sampler) }
/// precondition(audit.violationCount == 0)
/// ```
public struct LinkAudit: Hashable, Sendable {
  public var batchCount = 0
  public var positiveCount = 0
  public var negativeCount = 0
  /// Entries of neighborhoods that lead from one end of a seed edge to the other.
  public var seedEdgesSeen = 0
  /// Negatives that are edges of the graph, or their own positive.
  public var falseNegatives = 0
  /// Negatives whose target is deleted or no node of the type.
  public var wrongNodes = 0
  /// Edges and nodes of trees that are later than the tree's seed may see, and negatives that were
  /// not there yet.
  public var lateEntries = 0

  public init() {}

  public var violationCount: Int { seedEdgesSeen + falseNegatives + wrongNodes + lateEntries }

  /// Looks at a batch. Times of edges are looked at when the sampler gives edge ids.
  public mutating func add<Graph: Topology>(
    _ sample: LinkSample, of sampler: LinkSampler<Graph>
  ) throws {
    let graph = sampler.sampler.graph
    let type = sample.type
    let subgraph = sample.subgraph
    let (sources, targets) = (subgraph.nodes[type.source], subgraph.nodes[type.target])
    batchCount += 1
    positiveCount += sample.positives.count
    negativeCount += sample.negatives.count

    func ids(_ pairs: LinkSample.Pairs) -> ([UInt32], [UInt32]) {
      (pairs.sources.map { sources[Int($0)] }, pairs.targets.map { targets[Int($0)] })
    }
    let negatives = ids(sample.negatives)
    let areEdges = try graph.contains(type, sources: negatives.0.span, targets: negatives.1.span)
    let deleted = graph.deletedNodes(of: type.target)
    let positives = ids(sample.positives)
    for (place, owner) in sample.positiveOfNegative.enumerated() {
      if areEdges[place] || negatives.1[place] == positives.1[Int(owner)] { falseNegatives += 1 }
      if deleted.contains(negatives.1[place]) || negatives.1[place] >= graph.count(of: type.target)
      {
        wrongNodes += 1
      }
    }
    countSeedEdges(sample, sampler, positives)
    try countLate(sample, sampler)
  }

  /// In a merged batch no seed edge may be seen at all; in a disjoint one, none in a tree of its own.
  private mutating func countSeedEdges<Graph: Topology>(
    _ sample: LinkSample, _ sampler: LinkSampler<Graph>, _ positives: ([UInt32], [UInt32])
  ) {
    let (type, subgraph) = (sample.type, sample.subgraph)
    let isDisjoint = !subgraph.trees.keys.isEmpty
    let schema = sampler.sampler.graph.schema
    var pairs: Set<SeedPair> = []
    var trees = (0..<sample.positives.count).map { positive -> [UInt32] in
      guard isDisjoint else { return [0] }
      return [
        subgraph.trees[type.source][Int(sample.positives.sources[positive])],
        subgraph.trees[type.target][Int(sample.positives.targets[positive])],
      ]
    }
    if isDisjoint {
      for (place, owner) in sample.positiveOfNegative.enumerated() {
        trees[Int(owner)].append(
          subgraph.trees[type.target][Int(sample.negatives.targets[place])])
      }
    }
    let isUndirected = schema.edge(type)?.isUndirected ?? false
    for (positive, trees) in trees.enumerated() {
      let (source, target) = (positives.0[positive], positives.1[positive])
      for tree in trees {
        pairs.insert(SeedPair(type: type, source: source, target: target, tree: tree))
        for reverse in sampler.reverseTypes + (isUndirected ? [type] : []) {
          pairs.insert(SeedPair(type: reverse, source: target, target: source, tree: tree))
        }
      }
    }
    for edges in subgraph.edges {
      let relation = edges.relation
      let (from, to) = (subgraph.nodes[relation.source], subgraph.nodes[relation.target])
      for row in 0..<edges.offsets.count - 1 {
        let tree = isDisjoint ? subgraph.trees[relation.target][row] : 0
        for entry in Int(edges.offsets[row])..<Int(edges.offsets[row + 1]) {
          let (near, far) = (to[row], from[Int(edges.sources[entry])])
          let isForward = relation.direction == .forward
          let pair = SeedPair(
            type: relation.stored, source: isForward ? far : near,
            target: isForward ? near : far, tree: tree)
          if pairs.contains(pair) { seedEdgesSeen += 1 }
        }
      }
    }
  }

  private mutating func countLate<Graph: Topology>(
    _ sample: LinkSample, _ sampler: LinkSampler<Graph>
  ) throws {
    guard let constraint = sampler.sampler.options.time, let times = sample.times else { return }
    let type = sample.type
    // Ends of positives are given, not chosen.
    var given: PerNode<Set<UInt32>> = [type.source: Set(sample.positives.sources)]
    given[type.target] = (given[optional: type.target] ?? []).union(sample.positives.targets)
    lateEntries += try sample.subgraph.lateEntryCount(
      // Trees of sources, of targets and of negatives, in this order.
      times + times + sample.positiveOfNegative.map { times[Int($0)] }, given: given, constraint,
      in: sampler.sampler.graph)
  }
}

/// An edge that a tree must not have.
private struct SeedPair: Hashable {
  var type: EdgeType
  var source: UInt32
  var target: UInt32
  var tree: UInt32
}
