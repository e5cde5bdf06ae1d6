import HedgerowCore
public import HedgerowGraph

/// What batches hold, counted: of samplers of which nothing else says how likely a node is in one.
///
/// Memory: 16 bytes a node of the types that were met.
public struct ObservedBatches {
  private struct Tally {
    var times: [UInt32]
    /// The batch that was counted last, from 1 on; a node may be in several trees of one.
    var last: [UInt32]

    init(count: Int) {
      times = [UInt32](repeating: 0, count: count)
      last = times
    }

    mutating func add(_ nodes: ArraySlice<UInt32>, batch: UInt32) {
      for node in nodes where last[Int(node)] != batch {
        last[Int(node)] = batch
        times[Int(node)] += 1
      }
    }

    /// For each node the share of batches that held it.
    ///
    /// Nodes that none held are taken to be as likely as each other, and to come as often, all together, as nodes
    /// did that only one batch held (Good, The population frequencies of species, Biometrika 1953).
    func shares(of batchCount: Int) -> [Float] {
      let (unseen, once) = times.reduce(into: (0, 0)) { counts, times in
        if times == 0 { counts.0 += 1 } else if times == 1 { counts.1 += 1 }
      }
      let share = 1 / Float(max(1, batchCount))
      let rest = min(share, Float(once) * share / Float(max(1, unseen)))
      return times.map { $0 == 0 ? rest : Float($0) * share }
    }
  }

  private let nodeCounts: (NodeType) -> Int
  public private(set) var batchCount = 0
  private var nodes = PerNode<Tally>()
  private var expanded = PerNode<Tally>()
  private var knownCounts = PerNode<[Int]>()
  private var edgeCounts = PerEdge<Int>()

  public init(_ graph: some Topology) { nodeCounts = { graph.count(of: $0) } }

  public mutating func add(_ subgraph: SampledSubgraph) {
    batchCount += 1
    func count(_ found: ArraySlice<UInt32>, of type: NodeType, in tallies: inout PerNode<Tally>) {
      var tally = tallies[optional: type] ?? Tally(count: nodeCounts(type))
      // The only reference while it is written to.
      tallies[type] = Tally(count: 0)
      tally.add(found, batch: UInt32(batchCount))
      tallies[type] = tally
    }
    var rowCounts = PerNode<Int>()
    for edges in subgraph.edges {
      edgeCounts[edges.relation.name] =
        (edgeCounts[optional: edges.relation.name] ?? 0) + edges.sources.count
      let target = edges.relation.target
      rowCounts[target] = max(rowCounts[optional: target] ?? 0, edges.offsets.count - 1)
    }
    for (type, found) in subgraph.nodes {
      count(found[...], of: type, in: &nodes)
      count(found.prefix(rowCounts[optional: type] ?? 0), of: type, in: &expanded)
      let counts = subgraph.knownCounts[optional: type] ?? []
      let before = knownCounts[optional: type] ?? []
      knownCounts[type] = counts.indices.map {
        counts[$0] + ($0 < before.count ? before[$0] : 0)
      }
    }
  }

  /// How likely a batch holds each node.
  public var probabilities: InclusionProbabilities {
    let count = Double(max(1, batchCount))
    return InclusionProbabilities(
      nodes: nodes.mapValues { $0.shares(of: batchCount) },
      expanded: expanded.mapValues { $0.shares(of: batchCount) },
      knownCounts: knownCounts.mapValues { $0.map { Double($0) / count } },
      edgeCounts: edgeCounts.mapValues { [Double($0) / count] })
  }

  /// The same of all batches of an epoch as if they were one, where these divide the nodes among them.
  public var probabilitiesOfWhole: InclusionProbabilities {
    var result = probabilities
    result.holdAllNodes()
    return result
  }
}
