import HedgerowCore
import HedgerowNN

/// A ``GraphNetwork`` of graph convolutions.
///
/// Source: Kipf and Welling, Semi-Supervised Classification with Graph Convolutional Networks, ICLR 2017.
public typealias GCN = GraphNetwork<GCNConv>

/// A ``GraphNetwork`` of layers that aggregate neighbors beside a node's own features.
///
/// Source: Hamilton, Ying, Leskovec: Inductive Representation Learning on Large Graphs, NIPS 2017.
public typealias GraphSAGE = GraphNetwork<SAGEConv>

/// A ``GraphNetwork`` of sums, each through a perceptron of two layers.
///
/// Source: Xu et al., How Powerful are Graph Neural Networks?, ICLR 2019.
public typealias GIN = GraphNetwork<GINConv>

/// A ``GraphNetwork`` of graph attention.
///
/// Source: Velickovic et al., Graph Attention Networks, ICLR 2018.
public typealias GAT = GraphNetwork<GATConv>

/// A ``GraphNetwork`` of graph attention whose ranking of sources depends on the target.
///
/// Source: Brody, Alon, Yahav, How Attentive are Graph Attention Networks?, ICLR 2022.
public typealias GATv2 = GraphNetwork<GATv2Conv>

/// A ``GraphNetwork`` of several aggregates, scaled by degrees.
///
/// Source: Corso et al., Principal Neighbourhood Aggregation for Graph Nets, NeurIPS 2020.
public typealias PNA = GraphNetwork<PNAConv>

/// A ``GraphNetwork`` of networks of both ends of each edge.
///
/// Source: Wang et al., Dynamic Graph CNN for Learning on Point Clouds, ACM TOG 2019.
public typealias EdgeCNN = GraphNetwork<EdgeConv>

// What an aggregator learns that stands in a convolution's options is shared by all layers: the initializer with
// a closure gives each layer its own.

extension GraphNetwork where Layer == GCNConv {
  public init(
    _ width: Int, _ hiddenWidth: Int, layers: Int, outputs: Int? = nil,
    convolution: GCNConv.Options = .init(), options: GraphNetworkOptions = .init()
  ) {
    self.init(
      width, hiddenWidth, layers: layers, outputs: outputs, options: options,
      layer: { GCNConv($1, $2, options: convolution) })
  }
}

extension GraphNetwork where Layer == SAGEConv {
  public init(
    _ width: Int, _ hiddenWidth: Int, layers: Int, outputs: Int? = nil,
    convolution: SAGEConv.Options = .init(), options: GraphNetworkOptions = .init()
  ) {
    self.init(
      width, hiddenWidth, layers: layers, outputs: outputs, options: options,
      layer: { SAGEConv($1, $2, options: convolution) })
  }
}

extension GraphNetwork where Layer == GINConv {
  public init(
    _ width: Int, _ hiddenWidth: Int, layers: Int, outputs: Int? = nil,
    convolution: GINConv.Options = .init(), options: GraphNetworkOptions = .init()
  ) {
    self.init(
      width, hiddenWidth, layers: layers, outputs: outputs, options: options,
      layer: { GINConv(options.perceptron($1, $2), options: convolution) })
  }
}

extension GraphNetwork where Layer == EdgeConv {
  public init(
    _ width: Int, _ hiddenWidth: Int, layers: Int, outputs: Int? = nil,
    aggregation: Aggregation = .max, options: GraphNetworkOptions = .init()
  ) {
    self.init(
      width, hiddenWidth, layers: layers, outputs: outputs, options: options,
      layer: { EdgeConv(options.perceptron(2 * $1, $2), aggregation: aggregation) })
  }
}

extension GraphNetwork where Layer == PNAConv {
  /// - Parameter degrees: how many nodes of the graph have each degree, from 0 on.
  public init(
    _ width: Int, _ hiddenWidth: Int, layers: Int, outputs: Int? = nil, degrees: [Int],
    convolution: PNAConv.Options = .init(), options: GraphNetworkOptions = .init()
  ) {
    self.init(
      width, hiddenWidth, layers: layers, outputs: outputs, options: options,
      layer: { PNAConv($1, $2, degrees: degrees, options: convolution) })
  }
}

extension GraphNetwork where Layer == GATConv {
  /// Heads share a layer's width; those of a last layer that gives `outputs` are averaged. Attention is dropped at
  /// the rate of the network's dropout. Traps when heads do not divide a width that they share.
  public init(
    _ width: Int, _ hiddenWidth: Int, layers: Int, outputs: Int? = nil,
    convolution: GATConv.Options = .init(), options: GraphNetworkOptions = .init()
  ) {
    self.init(
      width, hiddenWidth, layers: layers, outputs: outputs, options: options,
      layer: { index, input, output in
        var own = convolution
        own.dropout = options.dropout
        let isResult = index == layers - 1 && outputs != nil && options.jumping == nil
        if isResult { own.heading = .averaged }
        return GATConv(input, own.heading.headWidth(of: output, heads: own.heads), options: own)
      })
  }
}

extension GraphNetwork where Layer == GATv2Conv {
  /// Heads as of ``GAT``.
  public init(
    _ width: Int, _ hiddenWidth: Int, layers: Int, outputs: Int? = nil,
    convolution: GATv2Conv.Options = .init(), options: GraphNetworkOptions = .init()
  ) {
    self.init(
      width, hiddenWidth, layers: layers, outputs: outputs, options: options,
      layer: { index, input, output in
        var own = convolution
        own.dropout = options.dropout
        let isResult = index == layers - 1 && outputs != nil && options.jumping == nil
        if isResult { own.heading = .averaged }
        return GATv2Conv(input, own.heading.headWidth(of: output, heads: own.heads), options: own)
      })
  }
}

extension HeadCombination {
  /// Of each of the heads that make rows of a width; traps when they cannot share it.
  fileprivate func headWidth(of width: Int, heads: Int) -> Int {
    if self == .averaged { return width }
    require(width.isMultiple(of: heads), "\(heads) heads do not divide a width of \(width)")
    return width / heads
  }
}

extension GraphNetworkOptions {
  /// Two linear layers, with the network's normalization and activation between them.
  fileprivate func perceptron(_ width: Int, _ outputWidth: Int) -> MLP {
    var own = MLP.Options()
    own.activation = activation
    own.activationPlace = activationPlace
    if let norm { own.normalization = .made { norm($0) } }
    return MLP([width, outputWidth, outputWidth], options: own)
  }
}
