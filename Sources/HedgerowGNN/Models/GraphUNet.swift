import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// A U of graph convolutions: on the way down each level keeps the best nodes of the one above (``TopKPooling``), on
/// the way up their rows return to their places (``unpooled(_:to:of:)``) beside what the level had on the way down.
///
/// Before nodes are dropped, nodes two steps apart are joined, so that what is left stays connected: A becomes (A +
/// I)^2 without its diagonal. Shapes: x [nodes, width], result [nodes, outputs]; the block is of whole graphs. Names
/// are those of PyTorch Geometric: `down_convs.0...`, `pools.0...`, `up_convs.0...`.
///
/// Source: Gao and Ji, Graph U-Nets, ICML 2019.
public struct GraphUNet: NodeEncoder {
  /// How what a level had on the way down comes together with what comes from below.
  public enum Skip: Sendable {
    case added
    case concatenated
  }

  public struct Options: Sendable {
    /// What each level keeps of the one above.
    public var kept = KeptShare.ratio(0.5)
    public var skip = Skip.added
    /// Behind each convolution but the last.
    public var activation = Activation.relu

    public init() {}
  }

  let down: [GCNConv]
  let pools: [TopKPooling]
  let up: [GCNConv]
  public let options: Options
  public static let pathNames = ["down": "down_convs", "up": "up_convs"]

  /// - Parameter depth: levels below the first one; at least one.
  public init(
    _ width: Int, _ hiddenWidth: Int, outputs: Int, depth: Int, options: Options = .init()
  ) {
    require(depth >= 1, "a U has a level below the first one, not \(depth)")
    var convolution = GCNConv.Options()
    convolution.selfLoopWeight = 2
    var pooling = TopKPooling.Options()
    pooling.kept = options.kept
    down = (0...depth).map { level in
      GCNConv(level == 0 ? width : hiddenWidth, hiddenWidth, options: convolution)
    }
    pools = (0..<depth).map { _ in TopKPooling(hiddenWidth, options: pooling) }
    let joined = options.skip == .added ? hiddenWidth : 2 * hiddenWidth
    up = (0..<depth).map { level in
      GCNConv(joined, level == depth - 1 ? outputs : hiddenWidth, options: convolution)
    }
    self.options = options
  }

  public func callAsFunction(_ x: Tensor, _ block: Block) -> Tensor {
    self(x, block, in: nil)
  }

  /// - Parameters:
  ///   - graphs: the graph of each node; all are of one when it is `nil`.
  ///   - weights: of the edges, [edges]; ones where they are `nil`.
  public func callAsFunction(
    _ x: Tensor, _ block: Block, in graphs: RowGroups?, weights: Tensor? = nil
  ) -> Tensor {
    require(
      block.sourceCount == block.targetCount && block.sourceCount == x.rowCount,
      "a block of \(block.sourceCount) sources and \(block.targetCount) targets is of no whole "
        + "graphs of \(x.rowCount) nodes")
    func convolved(_ layer: GCNConv, _ x: Tensor, _ level: Level, _ activation: Activation)
      -> Tensor
    {
      layer.terms(source: x, target: x, along: level.block, weights: level.weights)
        .evaluated(activation: activation)
    }
    var level = Level(
      block: block, weights: weights ?? .ones([block.edgeCount]),
      graphs: graphs ?? RowGroups(ofAll: x.rowCount))
    var h = convolved(down[0], x, level, options.activation)
    var above: [(x: Tensor, level: Level, nodes: [UInt32])] = []
    for (pool, layer) in zip(pools, down.dropFirst()) {
      let joined = level.joiningSecondNeighbors()
      let selected = pool(h, joined.block, in: joined.graphs)
      above.append((h, level, selected.nodes))
      level = joined.pooled(selected.pooled)
      h = convolved(layer, selected.pooled.x, level, options.activation)
    }
    for (index, layer) in up.enumerated() {
      let (before, level, nodes) = above.removeLast()
      let returned = unpooled(h, to: nodes, of: before.rowCount)
      let joined = options.skip == .added ? before + returned : concatenated(before, returned)
      h = convolved(layer, joined, level, index == up.count - 1 ? .identity : options.activation)
    }
    return h
  }

  /// A graph of the U, with weights of the entries of its block.
  private struct Level {
    let block: Block
    let weights: Tensor
    let graphs: RowGroups

    /// (A + I)^2 without its diagonal, A without its own.
    func joiningSecondNeighbors() -> Level {
      let looped = block.numberedByEntries.withoutSelfLoops().addingSelfLoops()
      let places = looped.edges.map { $0 == Block.noEdge ? UInt32(block.edgeCount) : $0 }
      let values = concatenated(weights, .ones([1])).gathered(rows: places)
      let square = SparseMatrix(looped.rows, columnCount: looped.sourceCount, values: values)
        .power(2)
      let pairs = square.pattern.byRow
      let whole = Block(
        offsets: pairs.offsets, sources: pairs.indices, sourceCount: block.sourceCount,
        targetCount: block.targetCount)
      let others = whole.withoutSelfLoops()
      return Level(
        block: others.numberedByEntries, weights: square.values.gathered(rows: others.edges),
        graphs: graphs)
    }

    /// What is left of this one.
    func pooled(_ graph: PooledGraph) -> Level {
      Level(
        block: graph.block.numberedByEntries,
        weights: weights.gathered(rows: graph.block.edges), graphs: graph.graphs)
    }
  }
}
