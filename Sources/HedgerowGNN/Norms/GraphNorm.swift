import HedgerowNN
public import HedgerowTensor

/// c = x - a mean, y = w c / sqrt(mean of c^2 + epsilon) + b, means of each column over the nodes of each graph;
/// how much of the mean goes, a, is learned.
///
/// Names: `weight`, `bias`, `mean_scale`, [width].
///
/// Source: Cai et al., GraphNorm: A Principled Approach to Accelerating Graph Neural Network Training, ICML
/// 2021.
public struct GraphNorm: GraphNormalization {
  let affine: AffineColumns
  let meanScale: Parameter
  public let epsilon: Float
  public static let pathNames = ["affine": "", "meanScale": "mean_scale"]

  public init(_ width: Int, epsilon: Float = 1e-5) {
    affine = AffineColumns(width, .learned)
    meanScale = Parameter(shape: [width], from: .constant(1))
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Tensor, in graphs: RowGroups?) -> Tensor {
    let graphs = graphs ?? RowGroups(ofAll: x.rowCount)
    let centered = x - graphs.spread(graphs.mean(x) * meanScale.value)
    return affine(centered * graphs.spread(rsqrt(graphs.mean(square(centered)) + epsilon)))
  }
}

/// Each node divided by the root of how many its graph has.
///
/// Source: Dwivedi et al., Benchmarking Graph Neural Networks, 2020.
public struct GraphSizeNorm: GraphNormalization {
  public init() {}

  public func callAsFunction(_ x: Tensor, in graphs: RowGroups?) -> Tensor {
    guard let graphs else { return x / Float(x.rowCount).squareRoot() }
    return x * graphs.spread(rsqrt(graphs.sizes)).reshaped(to: [x.rowCount, 1])
  }
}

/// Each node without the mean of its graph.
///
/// Source: Yang et al., Revisiting "Over-smoothing" in Deep GCNs, 2020.
public struct MeanSubtractionNorm: GraphNormalization {
  public init() {}

  public func callAsFunction(_ x: Tensor, in graphs: RowGroups?) -> Tensor {
    guard let graphs else { return x - mean(x, along: 0) }
    return x - graphs.spread(graphs.mean(x))
  }
}

/// c = x - mean of the graph, y = s c / sqrt(epsilon + mean over its nodes of |c|^2): pairs of nodes stay as far
/// apart as they were, all together.
///
/// Source: Zhao and Akoglu, PairNorm: Tackling Oversmoothing in GNNs, ICLR 2020.
public struct PairNorm: GraphNormalization {
  public enum Scaling: Sendable {
    /// By one length for all nodes of a graph.
    case common
    /// Each node by its own, y = s c / (epsilon + |c|).
    case individual
  }

  public struct Options: Sendable {
    /// s
    public var scale: Float = 1
    public var scaling = Scaling.common
    public var epsilon: Float = 1e-5

    public init() {}
  }

  public let options: Options

  public init(options: Options = Options()) { self.options = options }

  public func callAsFunction(_ x: Tensor, in graphs: RowGroups?) -> Tensor {
    let graphs = graphs ?? RowGroups(ofAll: x.rowCount)
    let centered = x - graphs.spread(graphs.mean(x))
    let squares = sum(square(centered), along: 1, keeping: .one)
    let lengths =
      switch options.scaling {
      case .common: sqrt(options.epsilon + graphs.spread(graphs.mean(squares)))
      case .individual: options.epsilon + root(squares)
      }
    return options.scale * centered / lengths
  }
}
