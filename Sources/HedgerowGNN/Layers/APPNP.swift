public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Approximate personalized propagation of predictions, nothing of it learned: z = x, then K times
/// z = (1 - alpha) P z + alpha x, P the ``Propagation`` of ``GCNConv``.
///
/// Shapes: x [sources, width], weights [edges], result [targets, width].
///
/// Source: Gasteiger, Bojchevski, Günnemann, Predict then Propagate: Graph Neural Networks meet Personalized
/// PageRank, ICLR 2019.
public struct APPNP: MultiHopConvolution {
  public struct Options: Sendable {
    /// K
    public var hopCount: Int
    /// The share of the first features at each step: the probability of a walk's return.
    public var alpha: Float
    /// Rate of dropout of edges, in training, anew at each step.
    public var dropout = 0.0
    /// Give each target an edge from itself where it has none.
    public var selfLoops = true
    /// Divide an edge's number by sqrt(d_s d_t); without, there are no self-loops.
    public var normalization = Propagation.Normalization.symmetric

    public init(hopCount: Int, alpha: Float) {
      self.hopCount = hopCount
      self.alpha = alpha
    }
  }

  private let options: Options

  public init(options: Options) { self.options = options }

  public var hopCount: Int { options.hopCount }

  public func propagation(along block: Block, weights: Tensor?) -> Propagation {
    let hasLoops = options.selfLoops && options.normalization != .none
    return Propagation(
      block, weights: weights, selfLoopWeight: hasLoops ? 1 : nil,
      normalization: options.normalization)
  }

  public func terms(_ x: Tensor, by hops: [Propagation]) -> AffineSum<Float> {
    let z = hops.reduce(x) { z, hop in
      let next = hop.droppingEdges(rate: options.dropout)(z)
      return (1 - options.alpha) * next + options.alpha * x.prefix(rows: next.rowCount)
    }
    return AffineSum(z)
  }
}
