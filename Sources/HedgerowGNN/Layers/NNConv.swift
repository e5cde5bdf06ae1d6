import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// Convolution by a weight for each edge, which a network makes of its features: x_t' = W x_t + b + the
/// aggregate over the edges (s, t) of x_s network(e_st).
///
/// Shapes: source [sources, source width], target [targets, target width], edges [edges, edge width], the
/// network's result [edges, source width x output width], a matrix [source width, output width] for each; result
/// [targets, output width]. Parameters as in PyTorch Geometric: `nn...`, `lin.weight`, `bias`.
///
/// Source: Gilmer et al., Neural Message Passing for Quantum Chemistry, ICML 2017; Simonovsky and Komodakis,
/// Dynamic Edge-Conditioned Filters in Convolutional Neural Networks on Graphs, CVPR 2017.
public struct NNConv: EdgeFeaturedConvolution {
  public struct Options: Sendable {
    public var aggregation: any Aggregator = Aggregation.sum
    /// Let a target's own features take part, by W.
    public var rootWeight = true
    /// Learn b.
    public var bias = true

    public init() {}
  }

  let network: any Layer
  let root: Linear?
  let bias: Parameter?
  let aggregator: any Aggregator
  private let sourceWidth: Int
  private let outputWidth: Int

  public static let pathNames = ["network": "nn", "root": "lin", "aggregator": "aggr_module"]

  /// For sources and targets of two widths.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to outputWidth: Int, network: any Layer,
    options: Options = .init()
  ) {
    self.network = network
    root = options.rootWeight ? Linear(targetWidth, outputWidth, bias: .absent) : nil
    bias = .bias(outputWidth, when: options.bias)
    aggregator = options.aggregation
    self.sourceWidth = sourceWidth
    self.outputWidth = outputWidth
  }

  /// For sources and targets of one width.
  public init(
    _ width: Int, _ outputWidth: Int, network: any Layer, options: Options = .init()
  ) {
    self.init(source: width, target: width, to: outputWidth, network: network, options: options)
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, edges: Tensor?
  ) -> AffineSum<Float> {
    require(edges != nil, "a convolution by features of edges needs them")
    let count = block.edgeCount
    let weights = network(edges!).reshaped(to: [count, sourceWidth, outputWidth])
    let x = source.gathered(alongSourcesOf: block).reshaped(to: [count, 1, sourceWidth])
    let messages = matmul(x, weights).reshaped(to: [count, outputWidth])
    return AffineSum(aggregator(messages, by: block.usedOffsets))
      .adding(root, of: target).adding(bias: bias)
  }
}
