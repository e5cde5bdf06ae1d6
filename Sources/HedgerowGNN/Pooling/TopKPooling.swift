import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// The scores that nodes are kept by: f(p . x / |p|), or the softmax of p . x over each graph where nodes are kept by
/// their score.
///
/// Name: `weight` for p, [1, width].
public struct TopKSelection: Module {
  let weight: Parameter
  public let kept: KeptShare
  /// f
  public let activation: Activation

  public init(_ width: Int, keeping kept: KeptShare, activation: Activation = .tanh) {
    let bound = width > 0 ? 1 / Float(width).squareRoot() : 0
    weight = Parameter(shape: [1, width], from: .uniform(bound: bound))
    self.kept = kept
    self.activation = activation
  }

  /// The nodes kept, and their scores. Shapes: x [nodes, width], scores [kept].
  public func callAsFunction(
    _ x: Tensor, in graphs: RowGroups
  ) -> (nodes: [UInt32], scores: Tensor) {
    let products = sum(x * weight.value, along: 1, keeping: .one)
    let scores: Tensor
    if case .above = kept {
      scores = graphs.apart(segmentSoftmax(graphs.together(products), by: graphs.offsets))
    } else {
      scores = activation(products / sqrt(sum(square(weight.value))))
    }
    let nodes = kept.nodes(by: scores, in: graphs)
    return (nodes, scores.gathered(rows: nodes).reshaped(to: [nodes.count]))
  }
}

/// The graph of the nodes that are kept, each multiplied by its score, and what they were.
public struct SelectedGraph: Sendable {
  public var pooled: PooledGraph
  /// Node i of the pooled graph is node nodes[i].
  public var nodes: [UInt32]
  /// Of the nodes kept: [kept].
  public var scores: Tensor

  /// - Parameter multiplier: what features are multiplied by beside their scores.
  init(
    _ x: Tensor, _ block: Block, _ graphs: RowGroups, nodes: [UInt32], scores: Tensor,
    multiplier: Float
  ) {
    let kept = x.gathered(rows: nodes) * scores.reshaped(to: [nodes.count, 1])
    pooled = PooledGraph(
      x: multiplier == 1 ? kept : multiplier * kept, block: block.keeping(nodes),
      graphs: graphs.kept(nodes))
    self.nodes = nodes
    self.scores = scores
  }
}

/// Keeps the nodes whose features are longest in one learned direction.
///
/// Shapes: x [nodes, width]; the block is of whole graphs, and sources are targets. Name: `select.weight`.
///
/// Source: Gao and Ji, Graph U-Nets, ICML 2019; Knyazev, Taylor, Amer: Understanding Attention and Generalization in
/// Graph Neural Networks, NeurIPS 2019.
public struct TopKPooling: Module {
  public struct Options: Sendable {
    public var kept = KeptShare.ratio(0.5)
    /// What features are multiplied by beside their scores.
    public var multiplier: Float = 1
    public var activation = Activation.tanh

    public init() {}
  }

  let select: TopKSelection
  public let options: Options

  public init(_ width: Int, options: Options = .init()) {
    select = TopKSelection(width, keeping: options.kept, activation: options.activation)
    self.options = options
  }

  /// - Parameters:
  ///   - graphs: the graph of each node; all are of one when it is `nil`.
  ///   - attention: what nodes are chosen by in place of their features, [nodes, width].
  public func callAsFunction(
    _ x: Tensor, _ block: Block, in graphs: RowGroups? = nil, attention: Tensor? = nil
  ) -> SelectedGraph {
    let graphs = graphs ?? RowGroups(ofAll: x.rowCount)
    let (nodes, scores) = select(attention ?? x, in: graphs)
    return SelectedGraph(
      x, block, graphs, nodes: nodes, scores: scores, multiplier: options.multiplier)
  }
}

/// Keeps the nodes that a layer of one output scores highest: by features and edges.
///
/// Shapes: as of ``TopKPooling``; the layer is from rows of the width to [nodes, 1]. Names: `gnn...`,
/// `select.weight`.
///
/// Source: Lee, Lee, Kang: Self-Attention Graph Pooling, ICML 2019.
public struct SAGPooling: Module {
  let network: any Convolution
  let select: TopKSelection
  public let options: TopKPooling.Options
  public static let pathNames = ["network": "gnn"]

  public init(scoringBy network: any Convolution, options: TopKPooling.Options = .init()) {
    self.network = network
    select = TopKSelection(1, keeping: options.kept, activation: options.activation)
    self.options = options
  }

  /// - Parameters: as of ``TopKPooling/callAsFunction(_:_:in:attention:)``.
  public func callAsFunction(
    _ x: Tensor, _ block: Block, in graphs: RowGroups? = nil, attention: Tensor? = nil
  ) -> SelectedGraph {
    let graphs = graphs ?? RowGroups(ofAll: x.rowCount)
    let (nodes, scores) = select(network(attention ?? x, block), in: graphs)
    return SelectedGraph(
      x, block, graphs, nodes: nodes, scores: scores, multiplier: options.multiplier)
  }
}
