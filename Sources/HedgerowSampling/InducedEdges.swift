import CHedgerowKernels
import HedgerowCore
import HedgerowGraph

/// All edges of one relation between nodes that a batch knows.
///
/// Rows go by some entries at a time, so memory does not grow with the degree of a hub.
struct InducedEdges<Graph: Topology> {
  let graph: Graph
  let relation: Relation
  /// `nil` where time does not count.
  let plan: RelationPlan?
  /// For each tree the times that it sees; empty without a constraint.
  let bounds: [(first: Int64, last: Int64)]
  let excluded: [UInt64: [UInt32]]
  let edgeIDs: SamplingOptions.EdgeIDs
  let workspace: SamplingWorkspace

  private static var blockCount: Int { 1 << 16 }

  /// A row for each known node, in the order of numbers, entries in the order of the graph's rows.
  func edges(from source: NodeTable, to target: NodeTable) throws -> SampledSubgraph.Edges {
    var edges = SampledSubgraph.Edges(relation: relation)
    let ids = target.known.array(0..<target.count)
    let trees = target.hasTrees ? target.trees.array(0..<target.count) : []
    let extents = try graph.extents(of: ids.span, along: relation)
    var degrees = [UInt32](repeating: 0, count: ids.count)
    // Rows of a block, the last of them maybe in part.
    var part = Part()
    func take() throws {
      try self.take(part, source, into: &edges, &degrees)
      part = Part()
    }
    for row in ids.indices {
      var rest = extents[row]
      while rest.count > 0 {
        let count = min(rest.count, UInt32(Self.blockCount - part.entryCount))
        part.append(
          row, ids[row], trees.isEmpty ? nil : trees[row],
          Extent(start: rest.start, count: count))
        rest.start += UInt64(count)
        rest.count -= count
        if part.entryCount == Self.blockCount { try take() }
      }
    }
    try take()
    degrees.withUnsafeBufferPointer { edges.appendRows($0.baseAddress!, ids.count) }
    return edges
  }

  /// Stretches of rows.
  private struct Part {
    var rows: [Int] = []
    var ids: [UInt32] = []
    var trees: [UInt32] = []
    var extents: [Extent] = []
    var entryCount = 0

    mutating func append(_ row: Int, _ id: UInt32, _ tree: UInt32?, _ extent: Extent) {
      rows.append(row)
      ids.append(id)
      if let tree { trees.append(tree) }
      extents.append(extent)
      entryCount += Int(extent.count)
    }
  }

  private func take(
    _ part: Part, _ source: NodeTable, into edges: inout SampledSubgraph.Edges,
    _ degrees: inout [UInt32]
  ) throws {
    guard !part.rows.isEmpty else { return }
    let picks = SamplingWorkspace.Picks()
    let firsts = part.trees.map { bounds.isEmpty ? Int64.min : bounds[Int($0)].first }
    let lasts = part.trees.map { bounds.isEmpty ? Int64.max : bounds[Int($0)].last }
    var extents = part.extents
    try part.ids.withUnsafeBufferPointer { ids in
      try part.trees.withUnsafeBufferPointer { trees in
        try firsts.withUnsafeBufferPointer { firsts in
          try lasts.withUnsafeBufferPointer { lasts in
            try extents.withUnsafeMutableBufferPointer { extents in
              var rows = FrontierRows(
                ids: ids, trees: trees.isEmpty ? nil : trees.baseAddress, excluded: excluded)
              if !bounds.isEmpty {
                (rows.firsts, rows.lasts) = (firsts.baseAddress, lasts.baseAddress)
              }
              var plan = plan
              plan?.weight = nil
              try Choice(
                graph: graph, plan: plan, relation: relation, options: SamplingOptions(),
                fanout: -1, rows: rows,
                extents: extents.baseAddress!, shared: nil, key: 0, hubs: HubWeights(),
                workspace: workspace
              ).run(into: picks)
            }
          }
        }
      }
    }
    guard picks.count > 0 else { return }
    let addresses = picks.addresses.elements(0..<picks.count)
    var numbers = try graph.neighbors(at: addresses.span, along: relation)
    // The stretch of each entry.
    let picked = picks.degrees.elements(0..<part.rows.count)
    var stretches: [Int] = []
    stretches.reserveCapacity(picks.count)
    for (stretch, count) in picked.enumerated() {
      stretches.append(contentsOf: repeatElement(stretch, count: Int(count)))
    }
    let entryTrees = part.trees.isEmpty ? [] : stretches.map { part.trees[$0] }
    numbers.withUnsafeMutableBufferPointer { numbers in
      entryTrees.withUnsafeBufferPointer { trees in
        source.find(
          UnsafeBufferPointer(numbers), in: trees.isEmpty ? nil : trees.baseAddress,
          into: numbers.baseAddress!)
      }
    }
    var kept: [UInt64] = []
    var keptRows: [UInt32] = []
    for entry in numbers.indices where numbers[entry] != .max {
      edges.sources.append(numbers[entry])
      degrees[part.rows[stretches[entry]]] += 1
      if edgeIDs == .present {
        kept.append(addresses[entry])
        keptRows.append(part.ids[stretches[entry]])
      }
    }
    if !kept.isEmpty {
      edges.ids += try graph.edges(at: kept.span, in: keptRows.span, along: relation)
    }
  }
}
