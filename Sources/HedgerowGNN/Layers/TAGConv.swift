public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Topology adaptive graph convolution: x' = sum over k = 0...K of P^k x W_k^T, plus b.
///
/// P is a ``Propagation`` without self-loops. Shapes: x [sources, width], weights [edges], result [targets,
/// output width]. Parameters as in PyTorch Geometric: `lins.k.weight`, `bias`.
///
/// Source: Du et al., Topology Adaptive Graph Convolutional Networks, 2017.
public struct TAGConv: MultiHopConvolution {
  public struct Options: Sendable {
    /// K
    public var hopCount = 3
    /// Divide an edge's number by sqrt(d_s d_t).
    public var normalization = Propagation.Normalization.symmetric
    /// Learn b.
    public var bias = true

    public init() {}
  }

  let linears: [Linear]
  let bias: Parameter?
  public let hopCount: Int
  private let normalization: Propagation.Normalization

  public static let pathNames = ["linears": "lins"]

  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    linears = (0...options.hopCount).map { _ in Linear(width, outputWidth, bias: .absent) }
    bias = .bias(outputWidth, when: options.bias)
    hopCount = options.hopCount
    normalization = options.normalization
  }

  public func propagation(along block: Block, weights: Tensor?) -> Propagation {
    Propagation(block, weights: weights, normalization: normalization)
  }

  public func terms(_ x: Tensor, by hops: [Propagation]) -> AffineSum<Float> {
    let terms = zip(linears, lastTargets(powers(of: hops, x))).map { $0.terms($1) }
    return terms.dropFirst().reduce(terms[0], +).adding(bias: bias)
  }
}
