import HedgerowCore
public import HedgerowGraph

/// Counts what no sample around nodes may have that respects time, by looking at each anew.
///
/// ```swift
/// var audit = TemporalAudit()
/// for try await batch in loader.epoch(0) { try audit.add(batch.subgraph, of: sampler) }
/// precondition(audit.lateEntries == 0)
/// ```
public struct TemporalAudit: Hashable, Sendable {
  public var batchCount = 0
  public var seedCount = 0
  /// Edges and nodes of trees that are later than the tree's seed may see.
  public var lateEntries = 0

  public init() {}

  /// Looks at a sample around seeds that have the times of their nodes. Times of edges are looked at when
  /// the sampler gives edge ids.
  ///
  /// - Throws: `usage` for a sampler that has no constraint by time.
  public mutating func add<Graph: Topology>(
    _ subgraph: SampledSubgraph, of sampler: NeighborSampler<Graph>
  ) throws {
    guard let constraint = sampler.options.time else {
      throw HedgerowError(.usage, "a sampler without a constraint by time has nothing too late")
    }
    var seeds = PerNode<[UInt32]>()
    var given = PerNode<Set<UInt32>>()
    for (type, nodes) in subgraph.nodes {
      let count = subgraph.knownCounts[type][0]
      guard count > 0 else { continue }
      seeds[type] = Array(nodes.prefix(count))
      given[type] = Set(0..<UInt32(count))
    }
    let times = try sampler.times(of: SamplingSeeds(seeds))
    batchCount += 1
    seedCount += times.count
    lateEntries += try subgraph.lateEntryCount(
      times, given: given, constraint, in: sampler.graph)
  }
}

extension SampledSubgraph {
  /// How many edges and nodes are later than the seed of their tree may see.
  ///
  /// - Parameters:
  ///   - treeTimes: the time of each tree's seed.
  ///   - given: nodes by their numbers that nobody chose.
  func lateEntryCount(
    _ treeTimes: [Int64], given: PerNode<Set<UInt32>>, _ constraint: TemporalConstraint,
    in graph: some Topology
  ) throws -> Int {
    func isLate(_ time: Int64, _ tree: UInt32) -> Bool {
      let seed = treeTimes[Int(tree)]
      return constraint.boundary == .before ? time >= seed : time > seed
    }
    var count = 0
    for edges in edges where !edges.ids.isEmpty && constraint.edges != nil {
      let stored = edges.relation.stored
      guard
        case .column(let column)? = constraint.edges?[stored]
          ?? graph.schema.edge(stored)?.timeColumn.map({ .column($0) })
      else { continue }
      let read = try graph.integers(
        of: column, of: .edges(stored), at: edges.ids.span, null: .max)
      let trees = trees[edges.relation.target]
      for row in 0..<edges.offsets.count - 1 {
        for entry in Int(edges.offsets[row])..<Int(edges.offsets[row + 1])
        where isLate(read[entry], trees[row]) { count += 1 }
      }
    }
    for (type, nodes) in nodes {
      guard case .column(let column)? = constraint.nodes?[type] else { continue }
      let read = try graph.integers(of: column, of: type, at: nodes, null: .max)
      let given = given[optional: type] ?? []
      for node in nodes.indices where !given.contains(UInt32(node)) {
        if isLate(read[node], trees[type][node]) { count += 1 }
      }
    }
    return count
  }
}
