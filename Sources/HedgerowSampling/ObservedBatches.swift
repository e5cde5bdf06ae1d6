import HedgerowCore
public import HedgerowGraph

/// What batches hold, counted: of samplers of which nothing else says how likely a node is in one.
///
/// Memory: 24 bytes a node of the types that were met.
public struct ObservedBatches {
  private struct Tally {
    /// Batches that held a node which was no seed of theirs.
    var found: [UInt32]
    var asSeed: [UInt32]
    /// The batch that was counted last, from 1 on; a node may be in several trees of one.
    var last: [UInt32]

    init(count: Int) {
      found = [UInt32](repeating: 0, count: count)
      asSeed = found
      last = found
    }

    mutating func add(_ nodes: ArraySlice<UInt32>, seedCount: Int, batch: UInt32) {
      for (place, node) in nodes.enumerated() where last[Int(node)] != batch {
        last[Int(node)] = batch
        if place < seedCount { asSeed[Int(node)] += 1 } else { found[Int(node)] += 1 }
      }
    }
  }

  private let nodeCounts: (NodeType) -> Int
  private let batchesPerEpoch: Int
  private let repeatsSeeds: Bool
  public private(set) var batchCount = 0
  private var nodes = PerNode<Tally>()
  private var expanded = PerNode<Tally>()
  private var knownCounts = PerNode<[Int]>()
  private var edgeCounts = PerEdge<Int>()

  /// - Parameters:
  ///   - batchesPerEpoch: of which some are counted, or all, or those of several epochs.
  ///   - repeatsSeeds: whether a node may be a seed of several batches of an epoch, or of none.
  public init(_ graph: some Topology, batchesPerEpoch: Int, repeatsSeeds: Bool = false) {
    nodeCounts = { graph.count(of: $0) }
    (self.batchesPerEpoch, self.repeatsSeeds) = (max(1, batchesPerEpoch), repeatsSeeds)
  }

  public mutating func add(_ subgraph: SampledSubgraph) {
    batchCount += 1
    func count(
      _ found: ArraySlice<UInt32>, _ seedCount: Int, of type: NodeType,
      in tallies: inout PerNode<Tally>
    ) {
      var tally = tallies[optional: type] ?? Tally(count: nodeCounts(type))
      // The only reference while it is written to.
      tallies[type] = Tally(count: 0)
      tally.add(found, seedCount: seedCount, batch: UInt32(batchCount))
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
      let counts = subgraph.knownCounts[optional: type] ?? []
      let seedCount = repeatsSeeds ? 0 : counts.first ?? 0
      count(found[...], seedCount, of: type, in: &nodes)
      count(found.prefix(rowCounts[optional: type] ?? 0), seedCount, of: type, in: &expanded)
      let before = knownCounts[optional: type] ?? []
      knownCounts[type] = counts.indices.map {
        counts[$0] + ($0 < before.count ? before[$0] : 0)
      }
    }
  }

  /// How likely a batch holds each node.
  ///
  /// - Parameter areAll: whether each epoch has the batches that were counted, and no others.
  public func probabilities(areAll: Bool = false) -> InclusionProbabilities {
    let count = Double(max(1, batchCount))
    return InclusionProbabilities(
      nodes: nodes.mapValues { shares($0, areAll: areAll) },
      expanded: expanded.mapValues { shares($0, areAll: areAll) },
      certain: nodes.mapValues { tally in
        let seeds = seedShares(tally)
        return BitRanks(bound: tally.found.count) { node in
          tally.asSeed[node] > 0 || (areAll && tally.found[node] > 0) || seeds.areAllNodes
        }
      },
      knownCounts: knownCounts.mapValues { $0.map { Double($0) / count } },
      edgeCounts: edgeCounts.mapValues { [Double($0) / count] })
  }

  /// For each node the share of batches that hold it.
  ///
  /// Of nodes that one batch found, or none, chance alone says which is which, unless there are no other batches:
  /// they share evenly what these came to.
  private func shares(_ tally: Tally, areAll: Bool) -> [Float] {
    let share = 1 / Float(max(1, batchCount))
    let seeds = seedShares(tally)
    let (unseen, once) = tally.found.reduce(into: (0, 0)) { counts, times in
      if times == 0 { counts.0 += 1 } else if times == 1 { counts.1 += 1 }
    }
    let rare = share * Float(once) / Float(max(1, unseen + once))
    return tally.found.indices.map { node in
      let times = tally.found[node]
      let found = times > 1 || areAll ? Float(times) * share : rare
      return 1 - (1 - found) * (1 - (tally.asSeed[node] > 0 ? seeds.ofSeed : seeds.ofOther))
    }
  }

  /// The share of batches that have one of the seeds that were seen as a seed, and one of the other nodes, of which
  /// some are seeds of the batches that are left of an epoch; or all are.
  private func seedShares(
    _ tally: Tally
  ) -> (ofSeed: Float, ofOther: Float, areAllNodes: Bool) {
    let ofSeed = 1 / Float(batchesPerEpoch)
    let seen = tally.asSeed.reduce(0) { $0 + ($1 > 0 ? 1 : 0) }
    let others = tally.asSeed.count - seen
    guard batchCount > 0, batchCount < batchesPerEpoch, others > 0 else {
      return (ofSeed, 0, false)
    }
    let left = Float(seen) * (Float(batchesPerEpoch) / Float(batchCount) - 1)
    // Batches that divide all nodes are not all of one size.
    let areAllNodes = left > 0.9 * Float(others)
    return (ofSeed, areAllNodes ? ofSeed : ofSeed * left / Float(others), areAllNodes)
  }
}
