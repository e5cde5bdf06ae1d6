import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Neighbors at several distances side by side: x' = [P^p x W_p^T for each power p], plus b, P the
/// ``Propagation`` of ``GCNConv``.
///
/// Shapes: x [sources, width], weights [edges], result [targets, powers x output width]. Parameters as in
/// PyTorch Geometric: `lins.p.weight`, `bias`.
///
/// Source: Abu-El-Haija et al., MixHop: Higher-Order Graph Convolutional Architectures via Sparsified
/// Neighborhood Mixing, ICML 2019.
public struct MixHopConv: MultiHopConvolution {
  public struct Options: Sendable {
    public var powers = [0, 1, 2]
    /// Give each target an edge from itself where it has none.
    public var selfLoops = true
    /// Learn b.
    public var bias = true

    public init() {}
  }

  /// By power; the identity where the power is not wanted.
  let layers: [any Layer]
  let bias: Parameter?
  private let options: Options

  public static let pathNames = ["layers": "lins"]

  /// - Parameter outputWidth: of each power.
  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    require(
      options.powers.allSatisfy { $0 >= 0 } && !options.powers.isEmpty,
      "no powers of propagation: \(options.powers)")
    layers = (0...options.powers.max()!).map { power -> any Layer in
      options.powers.contains(power)
        ? Linear(width, outputWidth, bias: .absent) : Activation.identity
    }
    bias = .bias(options.powers.count * outputWidth, when: options.bias)
    self.options = options
  }

  public var hopCount: Int { layers.count - 1 }

  public func propagation(along block: Block, weights: Tensor?) -> Propagation {
    Propagation(block, weights: weights, selfLoopWeight: options.selfLoops ? 1 : nil)
  }

  public func terms(_ x: Tensor, by hops: [Propagation]) -> AffineSum<Float> {
    let powers = lastTargets(powers(of: hops, x))
    let results = options.powers.map { layers[$0](powers[$0]) }
    return AffineSum(concatenated(results)).adding(bias: bias)
  }
}
