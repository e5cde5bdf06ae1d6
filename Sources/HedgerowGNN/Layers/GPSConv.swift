import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// A local layer and attention among all nodes of a graph, added: h = N_1(conv(x) + x) + N_2(attention(x) + x), and
/// then N_3(h + MLP(h)).
///
/// Shapes: x [nodes, width], result the same; the block is of whole graphs, and sources are targets. Names:
/// `conv...`, `attn...`, `mlp.0`, `mlp.3`, `norm1`, `norm2`, `norm3`.
///
/// Source: Rampasek et al., Recipe for a General, Powerful, Scalable Graph Transformer, NeurIPS 2022.
public struct GPSConv: Module {
  public struct Options: Sendable {
    public var heads = 1
    /// Rate of dropout of what is added to x, in training.
    public var dropout = 0.0
    /// Between the two linear layers of the MLP, of which the first is twice as wide.
    public var activation = Activation.relu
    public var attention = Attention.multihead()

    public init() {}
  }

  public enum Attention: Sendable {
    /// ``MultiheadAttention``, with a rate of dropout of its shares.
    case multihead(dropout: Double = 0, bias: Linear.Bias = .learned)
    case performer(PerformerAttention.Options = .init())
  }

  let conv: (any Convolution)?
  let multihead: MultiheadAttention?
  let performer: PerformerAttention?
  let network: Sequential
  let norms: Norms?
  public let options: Options

  public static let pathNames = [
    "multihead": "attn", "performer": "attn", "network": "mlp", "norms": "",
  ]

  struct Norms: Module {
    let norm1: any GraphNormalization
    let norm2: any GraphNormalization
    let norm3: any GraphNormalization
  }

  /// - Parameters:
  ///   - conv: the local layer, from rows of a width to the same; `nil` for attention alone.
  ///   - norm: makes each of three normalizations, of rows of the width; `nil` for none.
  public init(
    _ width: Int, conv: (any Convolution)?, norm: ((_ width: Int) -> any GraphNormalization)?,
    options: Options = .init()
  ) {
    self.conv = conv
    self.options = options
    switch options.attention {
    case .multihead(let dropout, let bias):
      multihead = MultiheadAttention(width, heads: options.heads, dropout: dropout, bias: bias)
      performer = nil
    case .performer(let own):
      multihead = nil
      performer = PerformerAttention(width, heads: options.heads, options: own)
    }
    network = Sequential(
      Linear(width, 2 * width), options.activation, Dropout(options.dropout),
      Linear(2 * width, width), Dropout(options.dropout))
    norms = norm.map { Norms(norm1: $0(width), norm2: $0(width), norm3: $0(width)) }
  }

  /// A layer with batch normalization.
  public init(_ width: Int, conv: (any Convolution)?, options: Options = .init()) {
    self.init(width, conv: conv, norm: { GraphBatchNorm($0) }, options: options)
  }

  /// - Parameters:
  ///   - graphs: the graph of each node; all are of one when it is `nil`.
  ///   - local: what the local layer makes of x and the block; that of features and edges unless it is given, so
  ///     that edges may bring along what they have.
  public func callAsFunction(
    _ x: Tensor, _ block: Block, in graphs: RowGroups? = nil,
    local: ((any Convolution, Tensor, Block) -> Tensor)? = nil
  ) -> Tensor {
    require(
      block.sourceCount == block.targetCount && block.sourceCount == x.rowCount,
      "a block of \(block.sourceCount) sources and \(block.targetCount) targets is of no whole "
        + "graphs of \(x.rowCount) nodes")
    func added(_ h: Tensor, _ norm: (any GraphNormalization)?) -> Tensor {
      let sum = dropout(h, rate: options.dropout) + x
      return norm?(sum, in: graphs) ?? sum
    }
    let attended = added(attention(x, in: graphs), norms?.norm2)
    var h = attended
    if let conv {
      h = added(local?(conv, x, block) ?? conv(x, block), norms?.norm1) + attended
    }
    h = h + network(h)
    return norms?.norm3(h, in: graphs) ?? h
  }

  private func attention(_ x: Tensor, in graphs: RowGroups?) -> Tensor {
    let groups = graphs ?? RowGroups(ofAll: x.rowCount)
    let padded = PaddedGroups(groups.offsets)
    let rows = padded.padded(groups.together(x))
    let attended: Tensor
    if let performer {
      attended = performer(rows, padded.mask)
    } else {
      var masks = MultiheadAttention.Masks()
      masks.keys = padded.mask
      attended = multihead!(rows, rows, rows, masks)
    }
    return groups.apart(padded.rows(attended))
  }
}
