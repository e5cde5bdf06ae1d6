public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Simple spectral graph convolution: x' = (alpha x + (1 - alpha) / K times the sum of P^k x for k = 1...K) W^T
/// + b, P the ``Propagation`` of ``GCNConv``.
///
/// Shapes: x [sources, width], weights [edges], result [targets, output width]. Parameters as in PyTorch
/// Geometric: `lin.weight`, `lin.bias`.
///
/// Source: Zhu and Koniusz, Simple Spectral Graph Convolution, ICLR 2021.
public struct SSGConv: MultiHopConvolution {
  public struct Options: Sendable {
    /// How much of a node's own features stays.
    public var alpha: Float
    /// K
    public var hopCount = 1
    /// Give each target an edge from itself where it has none.
    public var selfLoops = true
    /// Learn b.
    public var bias = true

    public init(alpha: Float) { self.alpha = alpha }
  }

  let linear: Linear
  private let options: Options

  public static let pathNames = ["linear": "lin"]

  public init(_ width: Int, _ outputWidth: Int, options: Options) {
    linear = Linear(width, outputWidth, bias: Linear.Bias(options.bias))
    self.options = options
  }

  public var hopCount: Int { options.hopCount }

  public func propagation(along block: Block, weights: Tensor?) -> Propagation {
    Propagation(block, weights: weights, selfLoopWeight: options.selfLoops ? 1 : nil)
  }

  public func terms(_ x: Tensor, by hops: [Propagation]) -> AffineSum<Float> {
    let powers = lastTargets(powers(of: hops, x))
    let own = options.alpha * powers[0]
    guard let first = powers.dropFirst().first else { return linear.terms(own) }
    let sum = powers.dropFirst(2).reduce(first, +)
    return linear.terms(own + ((1 - options.alpha) / Float(hops.count)) * sum)
  }
}
