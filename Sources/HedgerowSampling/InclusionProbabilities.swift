import Glibc
public import HedgerowCore
public import HedgerowGraph

/// How likely each node is to be in a batch of a ``NeighborSampler``, and how large batches will be.
///
/// Probabilities go from the seeds to their neighbors hop by hop, as if choices were independent:
/// a node that hop h finds with probability f_h(t) takes k of its d entries, so that a neighbor is
/// found with
///
///     p_{h+1}(s) = 1 - exp(-sum over the entries of s's targets t of f_h(t) min(1, k / d_t))
///
/// Every choice counts as uniform. Time O(entries of the nodes that can be reached), hop by hop;
/// memory some 20 bytes a node of the types that are reached.
///
/// Source: Kaler et al., Communication-Efficient Graph Neural Networks with Probabilistic Neighborhood
/// Expansion Analysis and Caching (SALIENT++), MLSys 2023.
public struct InclusionProbabilities: Sendable {
  /// For each node of a type the probability that a batch holds it. Types that no batch reaches are
  /// not there.
  public private(set) var nodes = PerNode<[Float]>()
  /// For each node of a type the probability that a batch draws neighbors of it: that it is known before
  /// the last hop.
  public private(set) var expanded = PerNode<[Float]>()
  /// The nodes that are sure to be in a batch of an epoch, as seeds are, whatever is drawn around them. Types
  /// without any may not be there.
  public private(set) var certain = PerNode<BitRanks>()
  /// By type, nodes of a batch that are expected to be known after each hop; entry 0 counts seeds.
  public private(set) var knownCounts = PerNode<[Double]>()
  /// By relation, edges of a batch that each hop is expected to draw.
  public private(set) var edgeCounts = PerEdge<[Double]>()

  init(
    nodes: PerNode<[Float]>, expanded: PerNode<[Float]>, certain: PerNode<BitRanks>,
    knownCounts: PerNode<[Double]>, edgeCounts: PerEdge<[Double]>
  ) {
    (self.nodes, self.expanded, self.certain) = (nodes, expanded, certain)
    (self.knownCounts, self.edgeCounts) = (knownCounts, edgeCounts)
  }

  /// Bytes that computing them takes, at most.
  public static func byteCount(_ graph: some Topology, types: [NodeType]) -> Int {
    types.reduce(0) {
      $0 + 20 * graph.count(of: $1) + BitRanks.byteCount(bound: graph.count(of: $1))
    }
  }

  /// - Parameters:
  ///   - batchSize: seeds of a batch, each drawn with the same probability.
  ///   - repeatsSeeds: whether a node may be a seed of several batches of an epoch, or of none.
  ///   - forEachSeed: calls its argument with each node that may be a seed.
  ///   - checkInterruption: called now and then; throws to stop.
  /// - Throws: `damaged` from the topology.
  public init(
    _ graph: some Topology, seeds type: NodeType, count seedCount: Int, batchSize: Int,
    fanouts: Fanouts, relations: [Relation], repeatsSeeds: Bool = false,
    checkInterruption: () throws -> Void = {},
    forEachSeed: ((UInt32) -> Void) throws -> Void
  ) throws {
    /// Found at the hop before; found at this one, as a rate.
    var frontiers = PerNode<[Float]>()
    var rates = PerNode<[Float]>()
    func reach(_ type: NodeType) {
      guard nodes[optional: type] == nil else { return }
      let none = [Float](repeating: 0, count: graph.count(of: type))
      (nodes[type], frontiers[type], rates[type]) = (none, none, none)
    }
    reach(type)
    let share = Float(min(batchSize, seedCount)) / Float(max(1, seedCount))
    var first = frontiers.take(type)
    try forEachSeed { first[Int($0)] = share }
    nodes[type] = first
    frontiers[type] = first
    if !repeatsSeeds { certain[type] = BitRanks(bound: first.count) { first[$0] > 0 } }
    knownCounts[type] = [Double(min(batchSize, seedCount))]
    for hop in 0..<fanouts.hopCount {
      if hop == fanouts.hopCount - 1 { expanded = nodes }
      for relation in relations where frontiers[optional: relation.target] != nil {
        let fanout = fanouts.fanout(of: relation, hop: hop)
        reach(relation.source)
        var found = rates.take(relation.source)
        let count = try Self.draw(
          graph, relation, fanout, from: frontiers[relation.target], into: &found,
          checkInterruption)
        rates[relation.source] = found
        let earlier = edgeCounts[optional: relation.name] ?? [Double](repeating: 0, count: hop)
        edgeCounts[relation.name] = earlier + [count]
      }
      for type in nodes.keys {
        var (known, frontier, rate) = (nodes.take(type), frontiers.take(type), rates.take(type))
        var total = 0.0
        for node in known.indices {
          // What is known already is not found again.
          let new = (1 - known[node]) * (1 - expf(-rate[node]))
          known[node] += new
          frontier[node] = new
          rate[node] = 0
          total += Double(known[node])
        }
        (nodes[type], frontiers[type], rates[type]) = (known, frontier, rate)
        let earlier = knownCounts[optional: type] ?? [Double](repeating: 0, count: hop + 1)
        knownCounts[type] = earlier + [total]
      }
    }
  }

  /// Adds to each source's rate what the frontier's draws along a relation give it, and counts them.
  private static func draw(
    _ graph: some Topology, _ relation: Relation, _ fanout: Int, from frontier: [Float],
    into rates: inout [Float], _ checkInterruption: () throws -> Void
  ) throws -> Double {
    guard fanout != 0 else { return 0 }
    var total = 0.0
    var rows: [UInt32] = []
    for node in 0...frontier.count {
      if node < frontier.count && frontier[node] > 0 { rows.append(UInt32(node)) }
      guard rows.count == 4096 || node == frontier.count else { continue }
      try checkInterruption()
      let extents = try graph.extents(of: rows.span, along: relation)
      var (addresses, shares): ([UInt64], [Float]) = ([], [])
      func flush() throws {
        let neighbors = try graph.neighbors(at: addresses.span, along: relation)
        for (neighbor, share) in zip(neighbors, shares) { rates[Int(neighbor)] += share }
        addresses.removeAll(keepingCapacity: true)
        shares.removeAll(keepingCapacity: true)
      }
      for (row, extent) in zip(rows, extents) where extent.count > 0 {
        let taken = fanout < 0 ? Int(extent.count) : min(fanout, Int(extent.count))
        let share = frontier[Int(row)] * Float(taken) / Float(extent.count)
        total += Double(frontier[Int(row)]) * Double(taken)
        var done: UInt64 = 0
        while done < UInt64(extent.count) {
          let part = min(UInt64(extent.count) - done, 1 << 16)
          addresses.append(contentsOf: extent.start + done..<extent.start + done + part)
          shares.append(contentsOf: repeatElement(share, count: Int(part)))
          done += part
          if addresses.count >= 1 << 16 {
            try checkInterruption()
            try flush()
          }
        }
      }
      try flush()
      rows.removeAll(keepingCapacity: true)
    }
    return total
  }
}

extension PerNode<[Float]> {
  /// A type's array, of which nothing stays here: so that it can be written in place.
  fileprivate mutating func take(_ type: NodeType) -> [Float] {
    let array = self[type]
    self[type] = []
    return array
  }
}
