import HedgerowNN
public import HedgerowTensor

/// y = w (x - mean) / sqrt(variance + epsilon) + b, by the moments over all nodes and columns of a graph, or over
/// the columns of each node.
///
/// Where all nodes are of one graph, and no groups are given, they are divided by sqrt(variance) + epsilon, as
/// by PyTorch Geometric. Names: `weight`, `bias`, [width].
///
/// Source: Ba, Kiros, Hinton: Layer Normalization, 2016.
public struct GraphLayerNorm: GraphNormalization {
  public enum Mode: Sendable {
    /// By the moments of each graph.
    case graph
    /// By those of each node.
    case node
  }

  public struct Options: Sendable {
    public var epsilon: Float = 1e-5
    public var affine = NormalizationAffine.learned
    public var mode = Mode.graph

    public init() {}
  }

  let affine: AffineColumns
  public let options: Options
  public static let pathNames = ["affine": ""]

  public init(_ width: Int, options: Options = Options()) {
    self.options = options
    affine = AffineColumns(width, options.affine)
  }

  public func callAsFunction(_ x: Tensor, in graphs: RowGroups?) -> Tensor {
    if options.mode == .node {
      return layerNorm(
        x, weight: affine.weight?.value, bias: affine.bias?.value, epsilon: options.epsilon)
    }
    guard let graphs else {
      let centered = x - mean(x)
      return affine(centered / (sqrt(mean(square(centered))) + options.epsilon))
    }
    // Columns are as many in each row: the mean over both is that of the rows' means.
    func moment(_ x: Tensor) -> Tensor { graphs.mean(mean(x, along: 1, keeping: .one)) }
    let centered = x - graphs.spread(moment(x))
    return affine(centered * graphs.spread(rsqrt(moment(square(centered)) + options.epsilon)))
  }
}
