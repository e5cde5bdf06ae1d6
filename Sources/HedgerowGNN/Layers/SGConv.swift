public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Simplified graph convolution: x' = P^K x W^T + b, P the ``Propagation`` of ``GCNConv``.
///
/// Shapes: x [sources, width], weights [edges], result [targets, output width]. Parameters as in PyTorch
/// Geometric: `lin.weight`, `lin.bias`.
///
/// Source: Wu et al., Simplifying Graph Convolutional Networks, ICML 2019.
public struct SGConv: MultiHopConvolution {
  public struct Options: Sendable {
    /// K
    public var hopCount = 1
    /// Give each target an edge from itself where it has none.
    public var selfLoops = true
    /// Learn b.
    public var bias = true

    public init() {}
  }

  let linear: Linear
  public let hopCount: Int
  private let selfLoops: Bool

  public static let pathNames = ["linear": "lin"]

  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    linear = Linear(width, outputWidth, bias: Linear.Bias(options.bias))
    hopCount = options.hopCount
    selfLoops = options.selfLoops
  }

  public func propagation(along block: Block, weights: Tensor?) -> Propagation {
    Propagation(block, weights: weights, selfLoopWeight: selfLoops ? 1 : nil)
  }

  public func terms(_ x: Tensor, by hops: [Propagation]) -> AffineSum<Float> {
    // W first where it narrows: propagation and product change places.
    guard let first = hops.first, linear.outputWidth < x.shape[1] else {
      return linear.terms(hops.reduce(x) { $1($0) })
    }
    let transformed = first.terms(x, weight: linear.weight.value).evaluated()
    return AffineSum(hops.dropFirst().reduce(transformed) { $1($0) }).adding(bias: linear.bias)
  }
}
