public import HedgerowCore
public import HedgerowGraph

/// How often nodes and edges come in the subgraphs of a ``SAINTSampler``, counted over many of them, and the
/// weights that make up for it (Zeng et al., ICLR 2020, section 3.2).
///
/// With C(v) subgraphs of N that have a node v, and C(u, v) that have an edge from u to v:
/// - a message along the edge is to be multiplied by C(v) / C(u, v), by which sums over neighbors are right
///   on average;
/// - the loss of a node is to be multiplied by N / (C(v) |V|), by which the sum over a batch is on average
///   the mean over all |V| nodes of the type.
///
/// What was never counted, as it may come to a batch yet, is taken as counted once. Memory: 4 bytes a
/// node and an edge.
public struct SAINTNormalization: Sendable {
  public let sampleCount: Int
  private var nodes = PerNode<[UInt32]>()
  /// By stored type, in the order of edges.
  private var edges = PerEdge<[UInt32]>()

  /// Draws subgraphs until they have `coverage` nodes for each node of the graph.
  ///
  /// - Parameter checkInterruption: called for each subgraph; throws to stop.
  public init<Graph: Topology>(
    _ sampler: SAINTSampler<Graph>, coverage: Double = 50,
    checkInterruption: () throws -> Void = {}
  ) throws {
    require(coverage > 0, "a coverage of \(coverage)")
    let graph = sampler.graph
    let schema = graph.schema
    for node in schema.nodes {
      nodes[node.type] = .init(repeating: 0, count: graph.count(of: node.type))
    }
    for edge in schema.edges {
      edges[edge.type] = .init(repeating: 0, count: graph.count(of: edge.type))
    }
    let wanted = coverage * Double(nodes.values.reduce(0) { $0 + $1.count })
    let forward = schema.relations(includingReverse: false)
    let workspace = SamplingWorkspace()
    var (found, samples) = (0.0, 0)
    while found < wanted {
      try checkInterruption()
      // An epoch that no training comes to.
      let drawn = try sampler.nodes(epoch: .max, batch: samples)
      samples += 1
      var induced = InducedSubgraph(
        graph: graph, types: schema.nodes.map(\.type), relations: forward, workspace: workspace)
      try induced.begin(with: drawn)
      let subgraph = try induced.finish(
        seedType: drawn.keys[0], layers: 1, edgeIDs: .present)
      for (type, members) in drawn {
        found += Double(members.count)
        // Taken out, as one that is changed in its place would be copied for each node.
        var counts = nodes[type]
        nodes[type] = []
        for node in members { counts[Int(node)] += 1 }
        nodes[type] = counts
      }
      for part in subgraph.edges {
        var counts = edges[part.relation.stored]
        edges[part.relation.stored] = []
        for edge in part.ids { counts[Int(edge)] += 1 }
        edges[part.relation.stored] = counts
      }
    }
    sampleCount = samples
  }

  /// What the loss of each of these nodes is to be multiplied by.
  public func lossWeights(of members: [UInt32], _ type: NodeType) -> [Float] {
    let counts = nodes[type]
    return members.map {
      Float(Double(sampleCount) / (Double(max(1, counts[Int($0)])) * Double(counts.count)))
    }
  }

  /// Gives the edges of a subgraph, which has their ids, their weights.
  public func weigh(_ subgraph: inout SampledSubgraph) {
    for place in subgraph.edges.indices {
      let part = subgraph.edges[place]
      let targets = subgraph.nodes[part.relation.target]
      let ofTargets = nodes[part.relation.target]
      let ofEdges = edges[part.relation.stored]
      var weights = [Float](repeating: 0, count: part.ids.count)
      for row in 0..<part.offsets.count - 1 {
        let count = Float(max(1, ofTargets[Int(targets[row])]))
        for entry in Int(part.offsets[row])..<Int(part.offsets[row + 1]) {
          weights[entry] = count / Float(max(1, ofEdges[Int(part.ids[entry])]))
        }
      }
      subgraph.edges[place].weights = weights
    }
  }
}
