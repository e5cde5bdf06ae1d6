import CHedgerowKernels
public import HedgerowCore
public import HedgerowGraph

/// Uniform neighbor sampling over a heterogeneous graph, without replacement.
///
/// At each hop, every node that the hop before found draws up to `fanout` distinct neighbors along
/// every relation that arrives at its type; nodes found before are not drawn again (as in
/// GraphSAGE, Hamilton et al., NIPS'17, and PyTorch Geometric's loader). A choice is a pure function
/// of (seed, epoch, batch, hop, relation, node), so a batch is the same bits on any thread, from
/// any topology that holds the same graph, cold or warm.
///
/// Time O(sampled edges); distinct neighbors by Floyd's algorithm (Bentley and Floyd, CACM 1987).
public struct NeighborSampler<Graph: Topology>: Sendable {
  public let graph: Graph
  public let fanouts: Fanouts
  public let relations: [Relation]
  private let stream: RandomStream

  /// - Parameter relations: what to sample along; every relation of the schema by default, each
  ///   backward reading included.
  public init(_ graph: Graph, fanouts: Fanouts, relations: [Relation]? = nil, seed: UInt64 = 0) {
    self.graph = graph
    self.fanouts = fanouts
    self.relations = relations ?? graph.schema.relations()
    for type in fanouts.overrides.keys {
      require(
        self.relations.contains { $0.name == type }, "fanouts name '\(type)', which is not sampled")
    }
    stream = RandomStream(seed: seed).derive("neighbor sampling")
  }

  /// Samples around distinct seeds.
  ///
  /// - Parameters:
  ///   - seeds: ids below the type's count, each once.
  ///   - workspace: buffers that are kept from batch to batch; one a thread.
  /// - Throws: `damaged` from the topology; `usage` when a seed is there twice or out of range.
  public func sample(
    seeds: [UInt32], of type: NodeType, epoch: Int, batch: Int, workspace: SamplingWorkspace
  ) throws -> SampledSubgraph {
    let batchStream = stream.derive(UInt64(epoch), UInt64(batch))
    let hopCount = fanouts.hopCount
    let types = involvedTypes(seedType: type)
    workspace.begin(types: types.count, relations: relations.count)
    var known = PerNode<[Int]>()
    for name in types { known[name] = [] }

    try number(
      seeds, of: type, count: graph.count(of: type),
      in: workspace.tables[types.firstIndex(of: type)!])
    var edges = relations.map { SampledSubgraph.Edges(relation: $0) }
    let streams = relations.map { batchStream.derive($0.name.description) }
    var frontiers = types.map { $0 == type ? 0..<seeds.count : 0..<0 }
    for (index, name) in types.enumerated() { known[name].append(frontiers[index].count) }

    let ends = relations.map { relation in
      (
        source: types.firstIndex(of: relation.source), target: types.firstIndex(of: relation.target)
      )
    }
    for hop in 0..<hopCount {
      // Three passes over the relations, so that all that one hop reads is asked for ahead.
      for (index, relation) in relations.enumerated() {
        guard let target = ends[index].target, fanouts.fanout(of: relation, hop: hop) != 0,
          !frontiers[target].isEmpty
        else { continue }
        graph.prefetch(
          rows: workspace.tables[target].known.elements(frontiers[target]).span, along: relation)
      }
      for (index, relation) in relations.enumerated() {
        guard let target = ends[index].target, !frontiers[target].isEmpty else { continue }
        try pick(
          hop, index, workspace.tables[target].known.elements(frontiers[target]).span,
          streams[index].derive(UInt64(hop)), workspace)
        let picks = workspace.picks[index]
        if picks.count > 0 {
          graph.prefetch(addresses: picks.addresses.elements(0..<picks.count).span, along: relation)
        }
      }
      for index in relations.indices {
        guard let target = ends[index].target, !frontiers[target].isEmpty else { continue }
        let source = ends[index].source!
        try append(
          index, rows: frontiers[target].count, table: workspace.tables[source], to: &edges[index],
          workspace)
      }
      for (index, name) in types.enumerated() {
        frontiers[index] = frontiers[index].upperBound..<workspace.tables[index].count
        known[name].append(workspace.tables[index].count)
      }
    }
    var nodes = PerNode<[UInt32]>()
    for (index, name) in types.enumerated() {
      nodes[name] = workspace.tables[index].known.array(0..<workspace.tables[index].count)
    }
    // Nodes of the last hop are sources only: their rows stay empty.
    return SampledSubgraph(
      seedType: type, hopCount: hopCount, nodes: nodes, knownCounts: known,
      edges: zip(edges, ends).compactMap { $1.target == nil ? nil : $0 })
  }

  /// The seeds' type and all that relations lead to, in the order of the schema.
  private func involvedTypes(seedType: NodeType) -> [NodeType] {
    var reached: Set<NodeType> = [seedType]
    for _ in 0..<fanouts.hopCount {
      for relation in relations where reached.contains(relation.target) {
        reached.insert(relation.source)
      }
    }
    return graph.schema.nodes.map(\.type).filter(reached.contains)
  }

  private func number(
    _ seeds: [UInt32], of type: NodeType, count: Int, in table: NodeTable
  ) throws {
    if let wrong = seeds.first(where: { Int($0) >= count }) {
      throw HedgerowError(.usage, "seed \(wrong) is not among the \(count) nodes of type '\(type)'")
    }
    seeds.withUnsafeBufferPointer { table.number($0, into: nil) }
    guard table.count == seeds.count else {
      throw HedgerowError(.usage, "the seeds of a batch must be distinct")
    }
  }

  /// Chooses entries of every row of a frontier.
  private func pick(
    _ hop: Int, _ index: Int, _ rows: Span<UInt32>, _ stream: RandomStream,
    _ workspace: SamplingWorkspace
  ) throws {
    let relation = relations[index]
    let picks = workspace.picks[index]
    let fanout = Int64(fanouts.fanout(of: relation, hop: hop))
    let degrees = picks.degrees.reserve(rows.count)
    guard fanout != 0 else {
      degrees.update(repeating: 0, count: rows.count)
      picks.count = 0
      return
    }
    let extents = workspace.extents.reserve(rows.count)
    var span = UnsafeMutableBufferPointer(start: extents, count: rows.count).mutableSpan
    try graph.extents(of: rows, along: relation, into: &span)
    let raw = UnsafeRawPointer(extents).assumingMemoryBound(to: hr_extent.self)
    let total = Int(hr_pick_count(raw, rows.count, fanout))
    let scratch = workspace.scratch.reserve(max(1, 4 * Int(max(0, fanout))))
    let addresses = picks.addresses.reserve(max(1, total))
    picks.count = rows.withUnsafeBufferPointer { rows in
      hr_pick_uniform(
        raw, rows.baseAddress, rows.count, fanout, stream.key, scratch, addresses, degrees)
    }
  }

  /// Reads the chosen entries, numbers the nodes and adds a row for each node of the frontier.
  private func append(
    _ index: Int, rows: Int, table: NodeTable, to edges: inout SampledSubgraph.Edges,
    _ workspace: SamplingWorkspace
  ) throws {
    let picks = workspace.picks[index]
    let neighbors = workspace.neighbors.reserve(max(1, picks.count))
    var span = UnsafeMutableBufferPointer(start: neighbors, count: picks.count).mutableSpan
    try graph.read(
      picks.addresses.elements(0..<picks.count).span, along: relations[index], into: &span)
    let read = UnsafeBufferPointer(start: neighbors, count: picks.count)
    // In place: a number is written where its node was read.
    table.number(read, into: neighbors)
    guard edges.sources.count + picks.count <= Int(UInt32.max) else {
      throw HedgerowError(
        .usage,
        "a batch would hold 2^32 or more edges of '\(relations[index].name)': lower the fanouts")
    }
    edges.sources.append(contentsOf: read)
    var end = edges.offsets[edges.offsets.count - 1]
    let degrees = picks.degrees.reserve(rows)
    edges.offsets.reserveCapacity(edges.offsets.count + rows)
    for row in 0..<rows {
      end += degrees[row]
      edges.offsets.append(end)
    }
  }
}
