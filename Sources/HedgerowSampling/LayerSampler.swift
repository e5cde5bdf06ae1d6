public import HedgerowCore
public import HedgerowGraph

/// Samples so many nodes a hop for all nodes of the hop before together, so that a batch grows by a sum
/// where neighbor sampling grows by a product; its edges carry weights that make sums over neighbors
/// right on average.
///
/// Along each relation a hop makes so many draws, with replacement. A source u that was drawn m times,
/// of probability q(u), becomes a source of all rows that it has an edge to, with the weight
/// m / (draws q(u)): so the weighted sum over a row is, on average, the sum over all of its entries. Where
/// there are no more entries than draws, all are taken, with weight 1.
///
/// - ``Importance/frontier``: q is in proportion to the edges that lead from u to the rows at hand, as in
///   LADIES (Zou et al., Layer-dependent importance sampling, NeurIPS 2019), of the adjacency matrix
///   itself. Each draw finds an edge.
/// - ``Importance/graph``: q is in proportion to all edges from u, whatever the rows, as in FastGCN
///   (Chen et al., ICLR 2018). Draws of nodes without an edge to the rows are for nothing.
///
/// Time O(entries of the rows) and O(draws log edges).
public struct LayerSampler<Graph: Topology>: SubgraphSampler {
  public enum Importance: Hashable, Sendable { case frontier, graph }

  public let graph: Graph
  /// Draws along each relation at each hop.
  public let drawsPerHop: [Int]
  public let importance: Importance
  public let relations: [Relation]
  public var edgeIDs = SamplingOptions.EdgeIDs.absent
  private let stream: RandomStream

  /// - Parameter relations: every relation of the schema by default, backward readings included.
  public init(
    _ graph: Graph, drawsPerHop: [Int], importance: Importance = .frontier,
    relations: [Relation]? = nil, seed: UInt64 = 0
  ) {
    require(
      !drawsPerHop.isEmpty && drawsPerHop.allSatisfy { $0 >= 1 },
      "a hop draws 1 source along a relation or more: \(drawsPerHop)")
    self.graph = graph
    self.drawsPerHop = drawsPerHop
    self.importance = importance
    self.relations = relations ?? graph.schema.relations()
    stream = RandomStream(seed: seed).derive("layer sampling")
  }

  public func sample(
    _ seeds: SamplingSeeds, epoch: Int, batch: Int, workspace: SamplingWorkspace
  ) throws -> SampledSubgraph {
    guard seeds.times == nil, seeds.excluded.isEmpty, let seedType = seeds.nodes.keys.first else {
      throw HedgerowError(
        .usage, "a layer sampler takes seeds without times, and leaves out no edges")
    }
    let stream = stream.derive(UInt64(epoch), UInt64(batch))
    let neighbors = NeighborSampler(graph, fanouts: Fanouts(drawsPerHop), relations: relations)
    let types = neighbors.involvedTypes(Set(seeds.nodes.keys))
    workspace.begin(types: types.count, relations: relations.count)
    for (type, nodes) in seeds.nodes {
      try neighbors.number(
        nodes, of: type, firstTree: 0, in: workspace.tables[types.firstIndex(of: type)!])
    }
    var known = PerNode<[Int]>()
    for (index, type) in types.enumerated() { known[type] = [workspace.tables[index].count] }
    var frontiers = workspace.tables.prefix(types.count).map { 0..<$0.count }
    var edges = relations.map { SampledSubgraph.Edges(relation: $0) }
    for (hop, count) in drawsPerHop.enumerated() {
      for (index, relation) in relations.enumerated() {
        guard let target = types.firstIndex(of: relation.target), !frontiers[target].isEmpty,
          let source = types.firstIndex(of: relation.source)
        else { continue }
        let rows = workspace.tables[target].known.array(frontiers[target])
        let stream = stream.derive(UInt64(hop)).derive(relation.name.description)
        let layer = try layer(of: rows, along: relation, draws: count, stream)
        try append(layer, of: rows, to: &edges[index], numbering: workspace.tables[source])
      }
      for (index, type) in types.enumerated() {
        frontiers[index] = frontiers[index].upperBound..<workspace.tables[index].count
        known[type].append(workspace.tables[index].count)
      }
    }
    var nodes = PerNode<[UInt32]>()
    for (index, type) in types.enumerated() {
      nodes[type] = workspace.tables[index].known.array(0..<workspace.tables[index].count)
    }
    return SampledSubgraph(
      seedType: seedType, hopCount: drawsPerHop.count, nodes: nodes, knownCounts: known,
      edges: edges.filter { types.contains($0.relation.target) })
  }

  /// What rows take along a relation at one hop.
  private struct Layer {
    var sources: [UInt32] = []
    var weights: [Float] = []
    var addresses: [UInt64] = []
    var degrees: [UInt32]
  }

  private func layer(
    of rows: [UInt32], along relation: Relation, draws: Int, _ stream: RandomStream
  ) throws -> Layer {
    let extents = try graph.extents(of: rows.span, along: relation)
    let entryCount = extents.reduce(0) { $0 + Int($1.count) }
    var layer = Layer(degrees: [UInt32](repeating: 0, count: rows.count))
    var drawn: [UInt32: Double]?
    if entryCount > draws {
      let sources =
        switch importance {
        case .frontier: try sourcesOfEntries(extents, entryCount, relation, draws, stream)
        case .graph: try sourcesOfEdges(relation, draws, stream)
        }
      drawn = sources.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
    // Entries of each drawn source among the rows.
    var counts: [UInt32: Int] = [:]
    try forEachBlock(of: extents, along: relation) { row, addresses, neighbors in
      for (address, neighbor) in zip(addresses, neighbors) {
        if let drawn {
          guard drawn[neighbor] != nil else { continue }
          counts[neighbor, default: 0] += 1
        }
        layer.sources.append(neighbor)
        layer.addresses.append(address)
        layer.degrees[row] += 1
      }
    }
    guard let drawn else {
      layer.weights = [Float](repeating: 1, count: layer.sources.count)
      return layer
    }
    let weights = try weights(drawn, counts, entryCount, relation, draws)
    layer.weights = layer.sources.map { weights[$0]! }
    return layer
  }

  /// m / (draws q(u)) for each source.
  private func weights(
    _ drawn: [UInt32: Double], _ counts: [UInt32: Int], _ entryCount: Int, _ relation: Relation,
    _ draws: Int
  ) throws -> [UInt32: Float] {
    let nodes = counts.keys.sorted()
    let total: Int
    let shares: [Int]
    switch importance {
    case .frontier: (total, shares) = (entryCount, nodes.map { counts[$0]! })
    case .graph:
      total = graph.count(of: relation.stored)
      shares = try graph.extents(of: nodes.span, along: relation.reversed).map { Int($0.count) }
    }
    return Dictionary(
      uniqueKeysWithValues: zip(nodes, shares).map { node, share in
        (node, Float(drawn[node]! * Double(total) / (Double(draws) * Double(share))))
      })
  }

  /// The sources of entries that are drawn from all rows together.
  private func sourcesOfEntries(
    _ extents: [Extent], _ entryCount: Int, _ relation: Relation, _ draws: Int,
    _ stream: RandomStream
  ) throws -> [UInt32] {
    var stream = stream
    let places = (0..<draws).map { _ in stream.next(below: UInt64(entryCount)) }.sorted()
    var addresses: [UInt64] = []
    var (row, before) = (0, UInt64(0))
    for place in places {
      while place >= before + UInt64(extents[row].count) {
        before += UInt64(extents[row].count)
        row += 1
      }
      addresses.append(extents[row].start + place - before)
    }
    return try graph.neighbors(at: addresses.span, along: relation)
  }

  /// The sources of edges that are drawn from all edges of the relation's type.
  private func sourcesOfEdges(
    _ relation: Relation, _ draws: Int, _ stream: RandomStream
  ) throws -> [UInt32] {
    var stream = stream
    let count = UInt64(graph.count(of: relation.stored))
    let edges = (0..<draws).map { _ in stream.next(below: count) }
    let (sources, targets) = try graph.endpoints(of: edges.span, relation.stored)
    return relation.direction == .forward ? sources : targets
  }

  /// Goes over the entries of rows, part by part.
  private func forEachBlock(
    of extents: [Extent], along relation: Relation,
    _ body: (_ row: Int, _ addresses: Range<UInt64>, _ neighbors: ArraySlice<UInt32>) -> Void
  ) throws {
    var parts: [(row: Int, addresses: Range<UInt64>)] = []
    var stretches: [Extent] = []
    var entryCount = 0
    func take() throws {
      var neighbors = [UInt32](repeating: 0, count: entryCount)
      do {
        var span = neighbors.mutableSpan
        try graph.read(stretches.span, along: relation, into: &span)
      }
      var first = 0
      for part in parts {
        body(part.row, part.addresses, neighbors[first..<first + part.addresses.count])
        first += part.addresses.count
      }
      (entryCount, parts, stretches) = (0, [], [])
    }
    for (row, extent) in extents.enumerated() {
      var rest = extent
      while rest.count > 0 {
        let count = min(rest.count, UInt32(EntryScan.blockCount - entryCount))
        parts.append((row, rest.start..<rest.start + UInt64(count)))
        stretches.append(Extent(start: rest.start, count: count))
        entryCount += Int(count)
        rest.start += UInt64(count)
        rest.count -= count
        if entryCount == EntryScan.blockCount { try take() }
      }
    }
    if entryCount > 0 { try take() }
  }

  private func append(
    _ layer: Layer, of rows: [UInt32], to edges: inout SampledSubgraph.Edges,
    numbering table: NodeTable
  ) throws {
    if edgeIDs == .present {
      let owners = zip(rows, layer.degrees).flatMap { repeatElement($0, count: Int($1)) }
      edges.ids += try graph.edges(
        at: layer.addresses.span, in: owners.span, along: edges.relation)
    }
    var numbers = layer.sources
    numbers.withUnsafeMutableBufferPointer {
      table.number(UnsafeBufferPointer($0), into: $0.baseAddress)
    }
    edges.sources += numbers
    edges.weights += layer.weights
    layer.degrees.withUnsafeBufferPointer { edges.appendRows($0.baseAddress!, rows.count) }
  }
}
