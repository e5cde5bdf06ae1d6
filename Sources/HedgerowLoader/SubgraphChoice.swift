public import HedgerowCore
public import HedgerowGraph
public import HedgerowSampling

/// What makes the subgraphs of batches where that is not ``NeighborSampler``, as options say it that are kept.
public enum SubgraphChoice: Codable, Hashable, Sendable {
  /// ``LayerSampler`` by the edges that lead to a hop's nodes.
  case ladies
  /// ``LayerSampler`` by all edges.
  case fastgcn
  /// ``BudgetSampler``
  case hgt
  /// ``PageRankSampler``
  case pagerank(nodesPerSeed: Int)
  /// ``SAINTLoader``, with ``SAINTNormalization`` or without.
  case saint(SAINTDraw, isNormalized: Bool)
  /// ``ClusterLoader`` over the parts of a ``StreamingPartitioner``.
  case clusters(parts: Int, partsPerBatch: Int)
  /// ``RandomNodeLoader``
  case random(parts: Int)

  /// What GraphSAINT draws for a batch.
  public enum SAINTDraw: Codable, Hashable, Sendable {
    case nodes(Int)
    case edges(Int)
    case walks(roots: Int, length: Int)
  }

  /// Whether all counts are such that batches can be made: whoever wrote them, they must not end the program.
  public var isSound: Bool {
    let counts =
      switch self {
      case .ladies, .fastgcn, .hgt: [Int]()
      case .pagerank(let count), .random(let count), .saint(.nodes(let count), _),
        .saint(.edges(let count), _):
        [count]
      case .saint(.walks(let roots, let length), _):
        // Walks are longer than that by mistake alone.
        length <= 10_000 ? [roots, length] : [0]
      case .clusters(let parts, let partsPerBatch): [parts, partsPerBatch]
      }
    return counts.allSatisfy { (1...100_000_000).contains($0) }
  }

  /// Whether batches are made around seeds, and not of the whole graph.
  public var isOfSeeds: Bool {
    switch self {
    case .ladies, .fastgcn, .hgt, .pagerank: true
    case .saint, .clusters, .random: false
    }
  }

  /// Whether edges are gone over the other way, too.
  public var goesBothWays: Bool {
    switch self {
    case .fastgcn, .saint, .clusters: true
    case .ladies, .hgt, .pagerank, .random: false
    }
  }

  /// Whether an epoch may have a node as the seed of several batches, or of none.
  public var repeatsSeeds: Bool {
    switch self {
    case .saint: true
    case .ladies, .fastgcn, .hgt, .pagerank, .clusters, .random: false
    }
  }

  /// Whether there is a number for each hop that says how much it takes.
  public var isOfHops: Bool {
    switch self {
    case .ladies, .fastgcn, .hgt: true
    case .pagerank, .saint, .clusters, .random: false
    }
  }

  /// Whether messages have weights, without which sums over neighbors would be wrong.
  public var weighsMessages: Bool {
    switch self {
    case .ladies, .fastgcn: true
    case .saint(_, let isNormalized): isNormalized
    case .hgt, .pagerank, .clusters, .random: false
    }
  }

  /// Whether what a model learns are sums over all neighbors, so that it is to be evaluated on all of them.
  public var takesAllNeighbors: Bool { weighsMessages && !isOfSeeds }

  /// What samples around seeds; `nil` for what makes batches of the whole graph.
  ///
  /// - Parameters:
  ///   - counts: for each hop, draws along each relation, or nodes of each type.
  ///   - layers: of the model, where each is the whole of a subgraph.
  public func sampler<Graph: Topology>(
    of graph: Graph, counts: [Int], layers: Int, relations: [Relation]?,
    trees: SamplingOptions.Trees = .merged, seed: UInt64
  ) -> (any SubgraphSampler)? {
    switch self {
    case .ladies, .fastgcn:
      return LayerSampler(
        graph, drawsPerHop: counts, importance: self == .ladies ? .frontier : .graph,
        relations: relations, seed: seed)
    case .hgt:
      return BudgetSampler(graph, nodesPerHop: counts, relations: relations, seed: seed)
    case .pagerank(let nodesPerSeed):
      var sampler = PageRankSampler(
        graph, nodesPerSeed: nodesPerSeed, layers: layers, relations: relations)
      sampler.trees = trees
      return sampler
    case .saint, .clusters, .random: return nil
    }
  }

  /// Memory, beside that of batches, that ``loader(of:target:layers:seed:options:checkInterruption:)`` takes and its
  /// threads need: counts of nodes and edges and what is drawn, or parts while the nodes are divided.
  public func loaderByteCount(_ graph: some Topology, threads: Int) -> Int {
    let types = graph.schema.nodes.map(\.type)
    let nodeCount = types.reduce(0) { $0 + graph.count(of: $1) }
    let edgeCount = graph.schema.edges.reduce(0) { $0 + graph.count(of: $1.type) }
    switch self {
    case .saint(let draw, let isNormalized):
      return threads * Self.bytesOfDraw * draw.nodeCount
        + (isNormalized ? 4 * (nodeCount + edgeCount) : 0)
    case .clusters(let parts, _):
      return 16 * nodeCount + Self.bytesOfPart * parts * types.count
    case .ladies, .fastgcn, .hgt, .pagerank, .random: return 0
    }
  }

  /// What is drawn, sorted and in a set.
  private static var bytesOfDraw: Int { 48 }
  /// An array and a bitmap.
  private static var bytesOfPart: Int { 256 }

  /// What makes batches of the whole graph, with as many of GraphSAINT's in an epoch as draw all nodes, edges, or nodes
  /// of the target's type once; `nil` for what samples around seeds.
  ///
  /// - Parameters:
  ///   - target: the type whose labels are read, and where walks begin.
  ///   - layers: of the model: each is the whole of a subgraph.
  ///   - checkInterruption: called now and then while the graph is divided, or subgraphs are counted; throws to stop.
  /// - Throws: what the graph throws; `usage` for a type that is not there.
  public func loader<Graph: Topology & FeatureSource>(
    of graph: Graph, target: NodeType, layers: Int, seed: UInt64, options: LoaderOptions,
    checkInterruption: () throws -> Void = {}
  ) throws -> (any BatchLoader<Batch>)? {
    switch self {
    case .ladies, .fastgcn, .hgt, .pagerank: return nil
    case .saint(let draw, let isNormalized):
      let (sampler, batchesPerEpoch) = draw.sampler(
        of: graph, from: target, relations: options.relations, seed: seed)
      return SAINTLoader(
        sampler, batchesPerEpoch: batchesPerEpoch, layers: layers,
        normalization: isNormalized
          ? try SAINTNormalization(sampler, checkInterruption: checkInterruption) : nil,
        target: target, seed: seed, options: options)
    case .clusters(let parts, let partsPerBatch):
      let partition = try StreamingPartitioner().partition(
        graph, into: parts, relations: options.relations ?? graph.schema.relations(),
        checkInterruption: checkInterruption)
      return ClusterLoader(
        graph, partition, partsPerBatch: partsPerBatch, layers: layers, target: target,
        seed: seed, options: options)
    case .random(let parts):
      return RandomNodeLoader(
        graph, parts: parts, layers: layers, target: target, seed: seed, options: options)
    }
  }
}

extension SubgraphChoice.SAINTDraw {
  /// Nodes that a batch draws, each time counted.
  fileprivate var nodeCount: Int {
    switch self {
    case .nodes(let count): count
    case .edges(let count): 2 * count
    case .walks(let roots, let length): roots * (length + 1)
    }
  }

  /// What draws so, and how many of its batches draw all nodes, edges, or nodes of the type once.
  ///
  /// - Parameter root: the type that walks begin at.
  public func sampler<Graph: Topology>(
    of graph: Graph, from root: NodeType, relations: [Relation]?, seed: UInt64
  ) -> (sampler: SAINTSampler<Graph>, batchesPerEpoch: Int) {
    let schema = graph.schema
    let (draw, count, drawable): (SAINTSampler<Graph>.Draw, Int, Int) =
      switch self {
      case .nodes(let count):
        (.nodes(count), count, schema.nodes.reduce(0) { $0 + graph.count(of: $1.type) })
      case .edges(let count):
        (.edges(count), count, schema.edges.reduce(0) { $0 + graph.count(of: $1.type) })
      case .walks(let roots, let length):
        (.walks(roots: roots, of: root, length: length), roots, graph.count(of: root))
      }
    return (
      SAINTSampler(graph, draw, relations: relations, seed: seed),
      max(1, (drawable + count - 1) / count)
    )
  }
}
