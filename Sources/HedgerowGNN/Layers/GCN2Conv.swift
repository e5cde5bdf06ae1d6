import Glibc
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// The layer of GCNII: x' = ((1 - alpha) P x + alpha x_0) ((1 - beta) I + beta W_1), with
/// beta = log(theta / layer + 1), P the ``Propagation`` of ``GCNConv`` and x_0 the network's first features.
///
/// With a weight W_2 of their own, x_0 take part by alpha x_0 ((1 - beta) I + beta W_2).
///
/// Shapes: x [sources, width], x_0 [targets, width], weights [edges], result [targets, width]. Parameters as in
/// PyTorch Geometric: `weight1`, `weight2` [width, width].
///
/// Source: Chen et al., Simple and Deep Graph Convolutional Networks, ICML 2020.
public struct GCN2Conv: InitialResidualConvolution {
  public struct Options: Sendable {
    /// The share of the first features.
    public var alpha: Float
    /// How fast weights fade with depth, and which layer this is, from 1; `nil` for a beta of 1.
    public var decay: (theta: Double, layer: Int)?
    /// Let W_2 be W_1.
    public var sharedWeights = true
    /// Give each target an edge from itself where it has none.
    public var selfLoops = true
    /// Divide an edge's number by sqrt(d_s d_t); without, there are no self-loops.
    public var normalization = Propagation.Normalization.symmetric

    public init(alpha: Float) { self.alpha = alpha }
  }

  let weight: Parameter
  let initialWeight: Parameter?
  private let options: Options
  private let beta: Float

  public static let pathNames = ["weight": "weight1", "initialWeight": "weight2"]

  public init(_ width: Int, options: Options) {
    weight = Parameter(shape: [width, width], from: .glorot)
    initialWeight =
      options.sharedWeights ? nil : Parameter(shape: [width, width], from: .glorot)
    beta = options.decay.map { Float(log($0.theta / Double($0.layer) + 1)) } ?? 1
    self.options = options
  }

  public func terms(
    source: Tensor, initial: Tensor, along block: Block, weights: Tensor?
  ) -> AffineSum<Float> {
    let hasLoops = options.selfLoops && options.normalization != .none
    let propagation = Propagation(
      block, weights: weights, selfLoopWeight: hasLoops ? 1 : nil,
      normalization: options.normalization)
    let smoothed = (1 - options.alpha) * propagation(source)
    let first = options.alpha * initial
    func mapped(_ x: Tensor, _ weight: Parameter) -> Tensor {
      (1 - beta) * x + beta * matmul(x, weight.value)
    }
    return AffineSum(
      initialWeight.map { mapped(smoothed, weight) + mapped(first, $0) }
        ?? mapped(smoothed + first, weight))
  }
}
