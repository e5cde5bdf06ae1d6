import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// Makes a cluster of each node and its neighbors, by attention, keeps the fittest clusters, and joins those whose
/// nodes had edges between them.
///
/// z is what a layer makes of x, or x itself; m_t the maximum over the sources s of t, t included, of z_s; a_st the
/// softmax over s of leakyRelu(w . [W m_t + b, z_s] + c); c_t = sum of a_st x_s; f = sigmoid of ``LEConv`` of c. Kept
/// are the clusters of the largest f, as c f; their edges have the weights S^T A S, of A the edges' weights and S the
/// a_st of the clusters that are kept.
///
/// Shapes: x [nodes, width]; the block is of whole graphs, and sources are targets. Names: `lin`, `att`,
/// `gnn_score...`, `gnn_intra_cluster...`, `select.weight`.
///
/// Source: Ranjan, Sanyal, Talukdar: ASAP: Adaptive Structure Aware Pooling for Learning Hierarchical Graph
/// Representations, AAAI 2020.
public struct ASAPooling: Module {
  public struct Options: Sendable {
    public var kept = KeptShare.ratio(0.5)
    /// From x to z, of rows of the same width; nothing when it is `nil`.
    public var network: (any EdgeWeightedConvolution)?
    /// Of the leaky relu.
    public var negativeSlope: Float = 0.2
    /// Rate of dropout of attention, in training.
    public var dropout = 0.0
    /// Give each new node an edge from itself, of weight 1 where it has none; otherwise it has none.
    public var selfLoops = false

    public init() {}
  }

  /// The new graph, the weights of its edges in the order of the block's entries, and what its nodes were.
  public struct Result: Sendable {
    public var pooled: PooledGraph
    /// [edges]
    public var weights: Tensor
    /// Node i of the pooled graph is the cluster of node nodes[i].
    public var nodes: [UInt32]
  }

  let linear: Linear
  let attention: Linear
  let fitness: LEConv
  let network: (any EdgeWeightedConvolution)?
  let select: TopKSelection
  public let options: Options
  public static let pathNames = [
    "linear": "lin", "attention": "att", "fitness": "gnn_score", "network": "gnn_intra_cluster",
  ]

  public init(_ width: Int, options: Options = .init()) {
    linear = Linear(width, width)
    attention = Linear(2 * width, 1)
    fitness = LEConv(width, 1)
    network = options.network
    select = TopKSelection(1, keeping: options.kept)
    self.options = options
  }

  /// - Parameters:
  ///   - graphs: the graph of each node; all are of one when it is `nil`.
  ///   - weights: [edges], in the order of the block's entries; ones when they are `nil`.
  public func callAsFunction(
    _ x: Tensor, _ block: Block, in graphs: RowGroups? = nil, weights: Tensor? = nil
  ) -> Result {
    let graphs = graphs ?? RowGroups(ofAll: x.rowCount)
    let (looped, weights) = block.addingSelfLoops(weights: weights)
    let shares = shares(of: x, looped, weights)
    let clusters = aggregate(x, scaledBy: shares, along: looped, by: .sum)
    let fit = sigmoid(fitness(clusters, looped))
    let (nodes, _) = select(fit, in: graphs)
    let (edges, newWeights) = joined(looped, weights, shares, keeping: nodes)
    let pooled = PooledGraph(
      x: clusters.gathered(rows: nodes) * fit.gathered(rows: nodes), block: edges,
      graphs: graphs.kept(nodes))
    return Result(pooled: pooled, weights: newWeights, nodes: nodes)
  }

  /// a_st, [edges].
  private func shares(of x: Tensor, _ block: Block, _ weights: Tensor) -> Tensor {
    let z =
      network?.terms(source: x, target: x, along: block, weights: weights).evaluated() ?? x
    let scores = EdgeNetwork(attention)(
      source: .init(z, columns: x.width),
      target: .init(linear(aggregate(z, along: block, by: .max)), columns: 0),
      width: 2 * x.width, along: block)
    let shares = edgeSoftmax(leakyRelu(scores, slope: options.negativeSlope), along: block)
    return dropout(shares, rate: options.dropout).reshaped(to: [block.edgeCount])
  }

  /// The edges between the clusters of some nodes, and their weights.
  private func joined(
    _ block: Block, _ weights: Tensor, _ shares: Tensor, keeping nodes: [UInt32]
  ) -> (block: Block, weights: Tensor) {
    func matrix(_ values: Tensor) -> SparseMatrix<Float> {
      SparseMatrix(block.rows, columnCount: block.sourceCount, values: values)
    }
    let members = matrix(shares).gathered(rows: nodes)
    let paths = matmul(members, matmul(matrix(weights).transposed(), members.transposed()))
    let joined = options.selfLoops ? paths.addingSelfLoops() : paths.removingSelfLoops()
    let (rows, columns) = joined.pattern.coordinates
    let edges = Block(
      sources: rows, targets: columns, sourceCount: nodes.count, targetCount: nodes.count)
    let values = joined.values.gathered(rows: edges.edges)
    return (edges.numberedByEntries, values)
  }
}

extension Block {
  /// The block with one edge from each target to itself, and the weights of its entries: those given, ones otherwise.
  fileprivate func addingSelfLoops(weights: Tensor?) -> (block: Block, weights: Tensor) {
    let looped = Block(
      offsets: usedOffsets, sources: usedSources, sourceCount: sourceCount,
      targetCount: targetCount
    ).addingSelfLoops(.whereMissing)
    guard let weights else { return (looped, .ones([looped.edgeCount])) }
    let places = looped.edges.map { $0 == Self.noEdge ? UInt32(edgeCount) : $0 }
    return (looped, concatenated(weights, .ones([1]), along: 0).gathered(rows: places))
  }
}
