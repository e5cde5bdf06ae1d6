import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Gaussian mixture convolution: x_t' = W x_t + b + the aggregate over the edges (s, t) of the sum over K kernels
/// of w_k(e_st) x_s G_k, where w_k(e) = exp(-1/2 sum over dimensions of (e - mu_k)^2 / sigma_k^2).
///
/// With separate Gaussians each pair of an input's and an output's column has kernels of its own.
///
/// Shapes: source [sources, source width], target [targets, target width], edges [edges, dimensions], result
/// [targets, output width]. Parameters as in PyTorch Geometric: `g` [source width, K x output width], `mu` and
/// `sigma` [K, dimensions], or [source width, output width, K, dimensions], `root.weight`, `bias`.
///
/// Source: Monti et al., Geometric Deep Learning on Graphs and Manifolds using Mixture Model CNNs, CVPR 2017.
public struct GMMConv: EdgeFeaturedConvolution {
  /// What has kernels of its own.
  public enum Kernels: Sendable {
    case shared
    case separate
  }

  public struct Options: Sendable {
    /// Width of the edges' pseudo-coordinates.
    public var dimensions: Int
    /// K
    public var kernelCount: Int
    public var kernels = Kernels.shared
    public var aggregation: any Aggregator = Aggregation.mean
    /// Let a target's own features take part, by W.
    public var rootWeight = true
    /// Learn b.
    public var bias = true

    public init(dimensions: Int, kernelCount: Int) {
      self.dimensions = dimensions
      self.kernelCount = kernelCount
    }
  }

  let g: Parameter
  let mu: Parameter
  let sigma: Parameter
  let root: Linear?
  let bias: Parameter?
  let aggregator: any Aggregator
  private let widths: (source: Int, output: Int)
  private let options: Options

  public static let pathNames = ["aggregator": "aggr_module"]

  /// For sources and targets of two widths.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to outputWidth: Int, options: Options
  ) {
    g = Parameter(shape: [sourceWidth, options.kernelCount * outputWidth], from: .glorot)
    let front = options.kernels == .shared ? [] : [sourceWidth, outputWidth]
    let shape = front + [options.kernelCount, options.dimensions]
    let bound = (6 / Float(max(1, shape.suffix(2).reduce(0, +)))).squareRoot()
    mu = Parameter(shape: shape, from: .uniform(bound: bound))
    sigma = Parameter(shape: shape, from: .uniform(bound: bound))
    root =
      options.rootWeight
      ? Linear(targetWidth, outputWidth, bias: .absent, from: .glorot) : nil
    bias = .bias(outputWidth, when: options.bias)
    aggregator = options.aggregation
    widths = (sourceWidth, outputWidth)
    self.options = options
  }

  /// For sources and targets of one width.
  public init(_ width: Int, _ outputWidth: Int, options: Options) {
    self.init(source: width, target: width, to: outputWidth, options: options)
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, edges: Tensor?
  ) -> AffineSum<Float> {
    checkEdges(edges, width: options.dimensions, of: block)
    let sum =
      options.kernels == .shared
      ? byShared(source, along: block, edges!) : bySeparate(source, along: block, edges!)
    return AffineSum(sum).adding(root, of: target).adding(bias: bias)
  }

  /// w for each edge: [edges, ...] of `mu` without its last axis.
  private func densities(_ edges: Tensor) -> Tensor {
    let front = [Int](repeating: 1, count: mu.shape.count - 1)
    let distances = square(
      edges.reshaped(to: [edges.shape[0]] + front + [options.dimensions]) - mu.value)
    return exp(-0.5 * HedgerowTensor.sum(distances / (square(sigma.value) + 1e-15), along: -1))
  }

  private func byShared(_ source: Tensor, along block: Block, _ edges: Tensor) -> Tensor {
    let (x, densities) = (matmul(source, g.value), densities(edges))
    func overKernels(_ x: Tensor) -> Tensor {
      HedgerowTensor.sum(
        x.reshaped(to: [x.shape[0], options.kernelCount, widths.output]), along: 1)
    }
    // Kernels are heads of one weighted sum, where messages need not be added up first.
    if let aggregation = aggregator as? Aggregation, aggregation.isLinear {
      return overKernels(aggregate(x, scaledBy: densities, along: block, by: aggregation))
    }
    let messages = overKernels(x.gathered(alongSourcesOf: block).scaled(by: densities))
    return aggregator(messages, by: block.usedOffsets)
  }

  private func bySeparate(_ source: Tensor, along block: Block, _ edges: Tensor) -> Tensor {
    let (input, output) = widths
    let kernels = g.value.reshaped(to: [1, input, output, options.kernelCount])
    let weights = HedgerowTensor.sum(densities(edges) * kernels, along: -1)
    let x = source.gathered(alongSourcesOf: block).reshaped(to: [block.edgeCount, 1, input])
    let messages = matmul(x, weights).reshaped(to: [block.edgeCount, output])
    return aggregator(messages, by: block.usedOffsets)
  }
}
