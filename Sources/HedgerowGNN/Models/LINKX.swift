import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// Features and the rows of the adjacency matrix, each by a network of its own, then both by one more: for graphs
/// whose neighbors are unlike.
/// ```
/// a_t = MLP_A(sum over the sources s of t of w_st E_s + b)       h_t = MLP_X(x_t)
/// y_t = MLP_f(relu(a_t + W_1 a_t + h_t + W_2 h_t))
/// ```
/// Shapes: x [targets, width], result [targets, outputs]; E [nodes, hidden width]: the sources of the block are all
/// nodes of the graph, by their numbers. Names are those of PyTorch Geometric: `edge_lin` for E and b, `edge_norm`
/// and `edge_mlp`, `node_mlp`, `cat_lin1`, `cat_lin2`, `final_mlp`.
///
/// Source: Lim et al., Large Scale Learning on Non-Homophilous Graphs, NeurIPS 2021.
public struct LINKX: Module {
  public struct Options: Sendable {
    /// Linear layers of MLP_f.
    public var layers = 2
    /// Of MLP_A, the sum over sources included, and of MLP_X.
    public var edgeLayers = 1
    public var nodeLayers = 1
    /// Rate of dropout in MLP_f, in training.
    public var dropout = 0.0

    public init() {}
  }

  let edges: AdjacencyLinear
  let edgeNorm: BatchNorm?
  let edgeNetwork: MLP?
  let nodeNetwork: MLP
  let fromEdges: Linear
  let fromNodes: Linear
  let network: MLP

  public static let pathNames = [
    "edges": "edge_lin", "edgeNorm": "edge_norm", "edgeNetwork": "edge_mlp",
    "nodeNetwork": "node_mlp", "fromEdges": "cat_lin1", "fromNodes": "cat_lin2",
    "network": "final_mlp",
  ]

  /// A linear map of the rows of the adjacency matrix.
  struct AdjacencyLinear: Module {
    let weight: Parameter
    let bias: Parameter

    init(_ nodes: Int, _ width: Int) {
      let bound = 1 / Float(max(1, nodes)).squareRoot()
      weight = Parameter(shape: [nodes, width], from: .uniform(bound: bound))
      bias = Parameter(shape: [width], from: .uniform(bound: bound))
    }

    func callAsFunction(_ block: Block, _ weights: Tensor?) -> Tensor {
      let rows = weight.value
      let sums =
        weights.map { aggregate(rows, scaledBy: $0, along: block, by: .sum) }
        ?? aggregate(rows, along: block, by: .sum)
      return sums + bias.value
    }
  }

  public init(
    nodes: Int, width: Int, hiddenWidth: Int, outputs: Int, options: Options = .init()
  ) {
    require(
      options.layers >= 1 && options.edgeLayers >= 1 && options.nodeLayers >= 1,
      "each of the networks has one layer at least")
    func network(_ widths: [Int], dropout: Double = 0) -> MLP {
      var own = MLP.Options()
      own.normalization = .batchOfAnySize
      own.activationPlace = .beforeNormalization
      own.dropout = dropout
      return MLP(widths, options: own)
    }
    func hidden(_ count: Int) -> [Int] { [Int](repeating: hiddenWidth, count: count) }
    edges = AdjacencyLinear(nodes, hiddenWidth)
    edgeNorm = options.edgeLayers > 1 ? BatchNorm(hiddenWidth) : nil
    edgeNetwork = options.edgeLayers > 1 ? network(hidden(options.edgeLayers)) : nil
    nodeNetwork = network([width] + hidden(options.nodeLayers))
    fromEdges = Linear(hiddenWidth, hiddenWidth)
    fromNodes = Linear(hiddenWidth, hiddenWidth)
    self.network = network(hidden(options.layers) + [outputs], dropout: options.dropout)
  }

  /// - Parameters:
  ///   - x: features of the targets; `nil` for edges alone.
  ///   - weights: of the edges, [edges]; ones where they are `nil`.
  public func callAsFunction(_ x: Tensor?, _ block: Block, weights: Tensor? = nil) -> Tensor {
    var h = edges(block, weights)
    if let edgeNorm, let edgeNetwork { h = edgeNetwork(edgeNorm(relu(h))) }
    h = h + fromEdges(h)
    if let x {
      let own = nodeNetwork(x)
      h = h + own + fromNodes(own)
    }
    return network(relu(h))
  }
}
