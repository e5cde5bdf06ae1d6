public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// A graph transformer: features of nodes beside encodings of their places in the graph, layers of ``GPSConv``, and a
/// network of each graph's pooled rows.
///
/// Shapes: x [nodes, width], encodings [nodes, encoding width], result [graphs, outputs]; the block is of whole
/// graphs. Names are those of PyTorch Geometric's example: `node_emb`, `pe_norm`, `pe_lin`, `convs.0...`, `mlp.0`,
/// `mlp.2`, `mlp.4`.
///
/// Source: Rampasek et al., Recipe for a General, Powerful, Scalable Graph Transformer, NeurIPS 2022.
public struct GraphGPS: Module {
  public struct Options: Sendable {
    public var layers = 10
    public var hiddenWidth = 64
    /// How much of the hidden width encodings become; features become the rest.
    public var encodedWidth = 8
    /// Of each layer.
    public var layer = GPSConv.Options()
    public var readout = Aggregation.sum

    public init() {}
  }

  let nodes: Linear
  let encodingNorm: BatchNorm
  let encoding: Linear
  let layers: [GPSConv]
  let head: Sequential
  public let options: Options

  public static let pathNames = [
    "nodes": "node_emb", "encodingNorm": "pe_norm", "encoding": "pe_lin", "layers": "convs",
    "head": "mlp",
  ]

  /// - Parameter conv: makes each layer's local layer, of rows of a width; ``GINConv`` of a network of two layers unless
  ///   another is given.
  public init(
    _ width: Int, encodingWidth: Int, outputs: Int, options: Options = .init(),
    conv: (_ width: Int) -> any Convolution = { width in
      GINConv(Sequential(Linear(width, width), Activation.relu, Linear(width, width)))
    }
  ) {
    let hidden = options.hiddenWidth
    nodes = Linear(width, hidden - options.encodedWidth)
    encodingNorm = BatchNorm(encodingWidth)
    encoding = Linear(encodingWidth, options.encodedWidth)
    layers = (0..<options.layers).map { _ in
      GPSConv(hidden, conv: conv(hidden), options: options.layer)
    }
    head = Sequential(
      Linear(hidden, hidden / 2), Activation.relu, Linear(hidden / 2, hidden / 4),
      Activation.relu, Linear(hidden / 4, outputs))
    self.options = options
  }

  /// - Parameters:
  ///   - encodings: of random walks or of the Laplacian, say.
  ///   - graphs: the graph of each node; all are of one when it is `nil`.
  ///   - local: as of ``GPSConv/callAsFunction(_:_:in:local:)``.
  public func callAsFunction(
    _ x: Tensor, encodings: Tensor, _ block: Block, in graphs: RowGroups? = nil,
    local: ((any Convolution, Tensor, Block) -> Tensor)? = nil
  ) -> Tensor {
    let start = concatenated(nodes(x), encoding(encodingNorm(encodings)))
    let rows = layers.reduce(start) { $1($0, block, in: graphs, local: local) }
    return head(options.readout(rows, in: graphs ?? RowGroups(ofAll: x.rowCount)))
  }
}
