public import HedgerowCore
public import HedgerowGraph
public import HedgerowTensor

/// All nodes and edges of some types in memory, as one layer that every layer of a model shares: for
/// full-batch training of graphs that fit.
///
/// Targets and sources of a type are all its nodes, by id.
public struct WholeGraph: Sendable {
  /// By type, every id: what an embedding is asked for.
  public let nodes: PerNode<[UInt32]>
  /// By type, the rows of its inputs; types without inputs are not there.
  public var features: PerNode<Tensor>
  public let block: HeteroBlock

  /// Bytes that ``init(_:types:relations:inputs:checkInterruption:)`` will hold, with the reversed
  /// edges that gradients flow along and the self-loops that some layers add.
  public static func byteCount(
    _ graph: some Topology & FeatureSource, types: [NodeType], relations: [Relation],
    inputs: PerNode<[String]>
  ) -> Int {
    let perNode = types.reduce(0) { sum, type in
      let width = (inputs[optional: type] ?? []).reduce(0) {
        $0 + (graph.width(of: $1, of: type) ?? 0)
      }
      return sum + graph.count(of: type) * 4 * (width + 1)
    }
    return relations.reduce(perNode) { sum, relation in
      let nodes = graph.count(of: relation.source) + graph.count(of: relation.target)
      return sum + 4 * (4 * graph.count(of: relation.stored) + 3 * nodes)
    }
  }

  /// Reads rows in parts, so that nothing is held twice.
  ///
  /// - Parameters:
  ///   - inputs: feature columns by type, side by side in the order given.
  ///   - checkInterruption: called between parts; throws to stop.
  public init(
    _ graph: some Topology & FeatureSource, types: [NodeType], relations: [Relation],
    inputs: PerNode<[String]>, checkInterruption: () throws -> Void = {}
  ) throws {
    var nodes = PerNode<[UInt32]>()
    var features = PerNode<Tensor>()
    for type in types {
      let ids = (0..<UInt32(graph.count(of: type))).map { $0 }
      nodes[type] = ids
      let columns = try (inputs[optional: type] ?? []).map { column in
        guard let width = graph.width(of: column, of: type) else {
          throw HedgerowError(.usage, "'\(type).\(column)' is no column of numbers")
        }
        return (name: column, width: width)
      }
      try checkInterruption()
      if !columns.isEmpty { features[type] = try graph.rows(of: columns, ids, type) }
    }
    var blocks = PerEdge<Block>()
    for relation in relations {
      blocks[relation.name] = try Self.block(graph, relation, checkInterruption)
    }
    let counts = nodes.mapValues(\.count)
    block = HeteroBlock(blocks: blocks, sourceCounts: counts, targetCounts: counts)
    self.nodes = nodes
    self.features = features
  }

  private static func block(
    _ graph: some Topology, _ relation: Relation, _ checkInterruption: () throws -> Void
  ) throws -> Block {
    let count = graph.count(of: relation.target)
    var offsets: [UInt32] = [0]
    var sources: [UInt32] = []
    offsets.reserveCapacity(count + 1)
    sources.reserveCapacity(graph.count(of: relation.stored))
    for begin in stride(from: 0, to: count, by: 1 << 14) {
      try checkInterruption()
      let rows = (UInt32(begin)..<UInt32(min(count, begin + 1 << 14))).map { $0 }
      var addresses: [UInt64] = []
      for extent in try graph.extents(of: rows.span, along: relation) {
        let (end, isOver) = offsets.last!.addingReportingOverflow(extent.count)
        guard !isOver else {
          throw HedgerowError(
            .usage, "\(relation.name) has more than 2^32 edges: train from samples instead")
        }
        offsets.append(end)
        for entry in 0..<UInt64(extent.count) { addresses.append(extent.start + entry) }
      }
      sources += try graph.neighbors(at: addresses.span, along: relation)
    }
    return Block(
      offsets: offsets, sources: sources, sourceCount: graph.count(of: relation.source),
      targetCount: count)
  }
}
