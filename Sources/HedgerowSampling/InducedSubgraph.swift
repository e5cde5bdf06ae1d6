import HedgerowCore
import HedgerowGraph

/// A subgraph of given nodes with all edges between them, which every layer of a model shares.
struct InducedSubgraph<Graph: Topology> {
  let graph: Graph
  /// In the order of the schema.
  let types: [NodeType]
  let relations: [Relation]
  let hasTrees: Bool
  let workspace: SamplingWorkspace
  private var seedCounts: [Int] = []

  init(
    graph: Graph, types: [NodeType], relations: [Relation], hasTrees: Bool = false,
    workspace: SamplingWorkspace
  ) {
    self.graph = graph
    self.types = types
    self.relations = relations
    self.hasTrees = hasTrees
    self.workspace = workspace
  }

  /// Numbers the seeds.
  mutating func begin(with seeds: PerNode<[UInt32]>) throws {
    workspace.begin(types: types.count, relations: relations.count, hasTrees: hasTrees)
    var options = SamplingOptions()
    if hasTrees { options.trees = .disjoint }
    let sampler = try NeighborSampler(
      graph, fanouts: [], relations: relations, options: options)
    var tree: UInt32 = 0
    for (type, nodes) in seeds {
      try sampler.number(
        nodes, of: type, firstTree: tree, in: workspace.tables[types.firstIndex(of: type)!])
      tree += UInt32(nodes.count)
    }
    seedCounts = types.indices.map { workspace.tables[$0].count }
  }

  /// Nodes that are known already keep their numbers.
  func add(_ nodes: [UInt32], ofTypeAt type: Int, tree: UInt32 = 0) {
    let trees = hasTrees ? [UInt32](repeating: tree, count: nodes.count) : []
    nodes.withUnsafeBufferPointer { nodes in
      trees.withUnsafeBufferPointer {
        workspace.tables[type].number(nodes, in: hasTrees ? $0.baseAddress : nil, into: nil)
      }
    }
  }

  func finish(
    seedType: NodeType, layers: Int, edgeIDs: SamplingOptions.EdgeIDs
  ) throws -> SampledSubgraph {
    var nodes = PerNode<[UInt32]>()
    var trees = PerNode<[UInt32]>()
    var known = PerNode<[Int]>()
    for (index, type) in types.enumerated() {
      let table = workspace.tables[index]
      nodes[type] = table.known.array(0..<table.count)
      if hasTrees { trees[type] = table.trees.array(0..<table.count) }
      known[type] = [seedCounts[index]] + Array(repeating: table.count, count: layers)
    }
    let edges = try relations.compactMap { relation -> SampledSubgraph.Edges? in
      guard let target = types.firstIndex(of: relation.target),
        let source = types.firstIndex(of: relation.source)
      else { return nil }
      return try InducedEdges(
        graph: graph, relation: relation, plan: nil, bounds: [], excluded: [:], edgeIDs: edgeIDs,
        workspace: workspace
      ).edges(from: workspace.tables[source], to: workspace.tables[target])
    }
    return SampledSubgraph(
      seedType: seedType, hopCount: layers, nodes: nodes, knownCounts: known, edges: edges,
      trees: trees)
  }
}
