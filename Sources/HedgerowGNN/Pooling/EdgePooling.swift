import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// Contracts edges, the highest score first, unless one of their nodes is of a contracted edge already; a new node's
/// features are the sum of its nodes' times the edge's score, and nodes that are left stay as they are.
///
/// Scores are f(W [x_s, x_t] + b) + a, f the softmax over the edges of a target unless another is chosen.
///
/// Shapes: x [nodes, width]; the block is of whole graphs, and sources are targets. Each pair of new nodes that had
/// edges between them has one. Name: `lin`.
///
/// Source: Diehl, Edge Contraction Pooling for Graph Neural Networks, 2019.
public struct EdgePooling: Module {
  public enum Scoring: Sendable { case softmax, tanh, sigmoid }

  public struct Options: Sendable {
    /// f
    public var scoring = Scoring.softmax
    /// a
    public var addend: Float = 0.5
    /// Rate of dropout of scores, before f, in training.
    public var dropout = 0.0

    public init() {}
  }

  /// What is left, and what undoes it.
  public struct Result: Sendable {
    public var pooled: PooledGraph
    /// The new node that each node became.
    public var clusters: [UInt32]
    /// What each new node was multiplied by: [new nodes].
    public var scores: Tensor

    /// New nodes' features divided by their scores, for each of the nodes that they were.
    public func unpooled(_ x: Tensor) -> Tensor {
      (x / scores.reshaped(to: [scores.count, 1])).gathered(rows: clusters)
    }
  }

  let linear: Linear
  public let options: Options
  public static let pathNames = ["linear": "lin"]

  public init(_ width: Int, options: Options = .init()) {
    linear = Linear(2 * width, 1)
    self.options = options
  }

  /// - Parameter graphs: the graph of each node; all are of one when it is `nil`.
  public func callAsFunction(
    _ x: Tensor, _ block: Block, in graphs: RowGroups? = nil
  ) -> Result {
    let graphs = graphs ?? RowGroups(ofAll: x.rowCount)
    let scores = scores(x, block)
    let (contracted, clusters, count) = contraction(scores.scalars, block)
    let sums = scatterSum(x, to: NDArray(clusters), of: count)
    let factors = concatenated(
      scores.gathered(rows: contracted), .ones([count - contracted.count, 1]), along: 0)
    var groups = [UInt32](repeating: 0, count: count)
    for (node, cluster) in clusters.enumerated() { groups[Int(cluster)] = graphs.groups[node] }
    let pooled = PooledGraph(
      x: sums * factors, block: block.mapped(to: clusters, of: count).coalesced(),
      graphs: RowGroups(groups, count: graphs.count))
    return Result(pooled: pooled, clusters: clusters, scores: factors.reshaped(to: [count]))
  }

  /// [edges, 1], in the order of the block's entries.
  private func scores(_ x: Tensor, _ block: Block) -> Tensor {
    let width = x.width
    let raw = dropout(
      EdgeNetwork(linear)(
        source: .init(x, columns: 0),
        target: .init(x.prefix(rows: block.targetCount), columns: width), width: 2 * width,
        along: block), rate: options.dropout)
    return switch options.scoring {
    case .softmax: segmentSoftmax(raw, by: block.usedOffsets) + options.addend
    case .tanh: tanh(raw) + options.addend
    case .sigmoid: sigmoid(raw) + options.addend
    }
  }

  /// The edges contracted, in their order, and the new node of each node: those of edges first.
  private func contraction(
    _ scores: [Float], _ block: Block
  ) -> (edges: [UInt32], clusters: [UInt32], count: Int) {
    let targets = block.targetOfEachEntry
    var clusters = [UInt32](repeating: Block.dropped, count: block.sourceCount)
    var contracted: [UInt32] = []
    // Of equal ones that which the block's edges had first.
    func number(_ entry: Int) -> Int { block.edges.isEmpty ? entry : Int(block.edges[entry]) }
    let order = scores.indices.sorted {
      scores[$0] == scores[$1] ? number($0) < number($1) : scores[$0] > scores[$1]
    }
    for entry in order {
      let (source, target) = (Int(block.sources[entry]), Int(targets[entry]))
      guard clusters[source] == Block.dropped, clusters[target] == Block.dropped else { continue }
      clusters[source] = UInt32(contracted.count)
      clusters[target] = UInt32(contracted.count)
      contracted.append(UInt32(entry))
    }
    var count = contracted.count
    for node in clusters.indices where clusters[node] == Block.dropped {
      clusters[node] = UInt32(count)
      count += 1
    }
    return (contracted, clusters, count)
  }
}
