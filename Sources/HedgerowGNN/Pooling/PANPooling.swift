import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// Keeps the nodes of the largest b_1 p . x + b_2 w, where w is the sum of the weights of the edges that leave a node:
/// those that many paths lead through, in a graph of paths.
///
/// Shapes: as of ``TopKPooling``; weights [edges], in the order of the block's entries. Names: `p` [width], `beta` [2],
/// `select.weight`.
///
/// Source: Ma et al., Path Integral Based Convolution and Pooling for Graph Neural Networks, NeurIPS 2020.
public struct PANPooling: Module {
  let direction: Parameter
  let shares: Parameter
  let select: TopKSelection
  public let options: TopKPooling.Options
  public static let pathNames = ["direction": "p", "shares": "beta"]

  public init(_ width: Int, options: TopKPooling.Options = .init()) {
    direction = Parameter(shape: [width], from: .constant(1))
    shares = Parameter(shape: [2], from: .constant(0.5))
    select = TopKSelection(1, keeping: options.kept, activation: options.activation)
    self.options = options
  }

  /// What is kept, and the weights of its edges in the order of the new block's entries.
  public func callAsFunction(
    _ x: Tensor, _ block: Block, weights: Tensor, in graphs: RowGroups? = nil
  ) -> (selected: SelectedGraph, weights: Tensor) {
    let graphs = graphs ?? RowGroups(ofAll: x.rowCount)
    let leaving = scatterSum(weights, to: NDArray(block.usedSources), of: block.sourceCount)
    let both = stacked([sum(x * direction.value, along: 1), leaving], along: 1)
    let (nodes, scores) = select(sum(both * shares.value, along: 1, keeping: .one), in: graphs)
    let numbered = Block(
      offsets: block.usedOffsets, sources: block.usedSources, sourceCount: block.sourceCount,
      targetCount: block.targetCount)
    let selected = SelectedGraph(
      x, numbered, graphs, nodes: nodes, scores: scores, multiplier: options.multiplier)
    return (selected, weights.gathered(rows: selected.pooled.block.edges))
  }
}
