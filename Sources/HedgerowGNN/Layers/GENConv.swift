import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Generalized convolution: x_t' = network(V x_t + the aggregate over the edges (s, t) of
/// relu(W x_s + U e_st) + epsilon).
///
/// A map is left out where widths agree without it. The network has linear layers, with a normalization and relu
/// between. Shapes: source [sources, source width], target [targets, target width], edges [edges, edge width],
/// result [targets, output width]. Parameters as in PyTorch Geometric: `lin_src`, `lin_edge`, `lin_dst`,
/// `lin_aggr_out`, `mlp.0.weight` and on, `msg_norm.scale`, `aggr_module...`.
///
/// Source: Li et al., DeeperGCN: All You Need to Train Deeper GCNs, 2020.
public struct GENConv: EdgeFeaturedConvolution {
  /// Between the network's layers.
  public enum Normalization: Sendable {
    case none
    case batch
    case layer
    /// Each row by its own mean and variance, nothing learned.
    case instance
  }

  public struct Options: Sendable {
    /// Softmax, as in the paper, or another one; see ``PowerMeanAggregation``.
    public var aggregation: any Aggregator = SoftmaxAggregation()
    /// Scale the aggregate to the length of the target's features (``MessageNorm``); its scale is learned or not.
    public var messageNormalization: LearnedNumber?
    public var normalization = Normalization.batch
    /// Of the network.
    public var layerCount = 2
    /// How many times as wide as the result the network's hidden layers are.
    public var expansion = 2
    /// Added to messages.
    public var epsilon: Float = 1e-7
    /// Learn biases of all linear maps.
    public var bias = false
    /// Width of the edges' features, where they have any.
    public var edgeWidth: Int?

    public init() {}
  }

  let fromSource: Linear?
  let fromEdge: Linear?
  let fromAggregate: Linear?
  let fromTarget: Linear?
  let network: Sequential
  let norm: MessageNorm?
  let aggregator: any Aggregator
  private let options: Options

  public static let pathNames = [
    "fromSource": "lin_src", "fromEdge": "lin_edge", "fromAggregate": "lin_aggr_out",
    "fromTarget": "lin_dst", "network": "mlp", "norm": "msg_norm", "aggregator": "aggr_module",
  ]

  /// For sources and targets of two widths.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to outputWidth: Int,
    options: Options = .init()
  ) {
    let bias = Linear.Bias(options.bias)
    func map(from width: Int) -> Linear? {
      width == outputWidth ? nil : Linear(width, outputWidth, bias: bias)
    }
    fromSource = map(from: sourceWidth)
    fromEdge = options.edgeWidth.flatMap(map)
    fromAggregate = map(from: options.aggregation.outputWidth(of: outputWidth))
    fromTarget = map(from: targetWidth)
    let hidden = [Int](
      repeating: options.expansion * outputWidth, count: max(0, options.layerCount - 1))
    network = Self.network([outputWidth] + hidden + [outputWidth], options, bias)
    norm = options.messageNormalization.map { MessageNorm(learning: $0) }
    aggregator = options.aggregation
    self.options = options
  }

  /// For sources and targets of one width.
  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    self.init(source: width, target: width, to: outputWidth, options: options)
  }

  private static func network(
    _ widths: [Int], _ options: Options, _ bias: Linear.Bias
  ) -> Sequential {
    var layers: [any Layer] = []
    for (index, (input, output)) in zip(widths, widths.dropFirst()).enumerated() {
      layers.append(Linear(input, output, bias: bias))
      if index == widths.count - 2 { break }
      switch options.normalization {
      case .none: break
      case .batch: layers.append(BatchNorm(output))
      case .layer: layers.append(LayerNorm(output))
      case .instance: layers.append(LayerNorm(output, learning: .nothing))
      }
      // Names count a dropout of rate 0 there, too.
      layers += [Activation.relu, Activation.identity]
    }
    return Sequential(layers)
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, edges: Tensor?
  ) -> AffineSum<Float> {
    checkEdges(edges, width: options.edgeWidth, of: block)
    let x = fromSource?(source) ?? source
    var result: Tensor
    if let edges {
      let messages =
        (fromEdge?.terms(edges) ?? AffineSum(edges))
        + AffineSum(x.gathered(alongSourcesOf: block))
      result = aggregator(
        messages.evaluated(activation: .relu) + options.epsilon, by: block.usedOffsets)
    } else {
      result = aggregator(relu(x) + options.epsilon, along: block)
    }
    result = fromAggregate?(result) ?? result
    result = norm?(target, messages: result) ?? result
    return AffineSum(network(result + (fromTarget?(target) ?? target)))
  }
}
