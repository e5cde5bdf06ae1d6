public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// The layer of LightGCN: x_t' = sum over the edges (s, t) of w_st x_s / sqrt(d_s d_t), nothing of it learned.
///
/// Shapes: x [sources, width], weights [edges], result [targets, width]. See ``Propagation`` for d.
///
/// Source: He et al., LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation, SIGIR
/// 2020.
public struct LGConv: EdgeWeightedConvolution {
  public struct Options: Sendable {
    /// Divide by sqrt(d_s d_t).
    public var normalization = Propagation.Normalization.symmetric

    public init() {}
  }

  private let normalization: Propagation.Normalization

  public init(options: Options = .init()) { normalization = options.normalization }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, weights: Tensor?
  ) -> AffineSum<Float> {
    AffineSum(Propagation(block, weights: weights, normalization: normalization)(source))
  }
}
