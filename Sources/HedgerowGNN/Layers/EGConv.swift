import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Efficient graph convolution: for each head h, x_th' = sum over aggregators a and bases k of
/// c_thak (the aggregate a of B_k x over the sources of t, t itself included), plus b, where c = C x_t + d.
///
/// Shapes: x [sources, width], result [targets, output width], of which each head has an equal stretch. Parameters
/// as in PyTorch Geometric: `bases_lin.weight`, `comb_lin`, `bias`.
///
/// Source: Tailor et al., Do We Need Anisotropic Graph Neural Networks?, ICLR 2022.
public struct EGConv: Convolution {
  public enum Aggregator: Sendable {
    case sum, mean, max, min
    /// The sum of x_s / sqrt(d_s d_t), as of ``GCNConv``.
    case symmetricNormalized
    /// Not corrected for the mean's being the sources'.
    case variance
    /// The root of the variance, or of 1e-5 where that is less.
    case standardDeviation
  }

  public struct Options: Sendable {
    public var aggregators = [Aggregator.symmetricNormalized]
    /// They divide the output's width.
    public var heads = 8
    public var baseCount = 4
    /// Give each target an edge from itself where it has none.
    public var selfLoops = true
    /// Learn b.
    public var bias = true

    public init() {}
  }

  let bases: Linear
  let combination: Linear
  let bias: Parameter?
  private let options: Options
  private let headWidth: Int

  public static let pathNames = ["bases": "bases_lin", "combination": "comb_lin"]

  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    require(
      outputWidth.isMultiple(of: options.heads) && !options.aggregators.isEmpty,
      "\(options.heads) heads do not share width \(outputWidth)")
    headWidth = outputWidth / options.heads
    bases = Linear(width, headWidth * options.baseCount, bias: .absent, from: .glorot)
    combination = Linear(width, options.heads * options.baseCount * options.aggregators.count)
    bias = .bias(outputWidth, when: options.bias)
    self.options = options
  }

  public func terms(source: Tensor, target: Tensor, along given: Block) -> AffineSum<Float> {
    let block = options.selfLoops ? given.addingSelfLoops() : given
    let x = bases(source)
    let aggregates = options.aggregators.map { aggregated(x, along: block, by: $0) }
    let count = options.aggregators.count * options.baseCount
    let shares = combination(target).reshaped(to: [block.targetCount, options.heads, count])
    let all = concatenated(aggregates).reshaped(to: [block.targetCount, count, headWidth])
    return AffineSum(
      matmul(shares, all).reshaped(to: [block.targetCount, options.heads * headWidth])
    ).adding(bias: bias)
  }

  private func aggregated(
    _ x: Tensor, along block: Block, by aggregator: Aggregator
  ) -> Tensor {
    switch aggregator {
    case .sum: aggregate(x, along: block, by: .sum)
    case .mean: aggregate(x, along: block, by: .mean)
    case .max: aggregate(x, along: block, by: .max)
    case .min: aggregate(x, along: block, by: .min)
    case .symmetricNormalized: Propagation(block)(x)
    case .variance: variance(x, along: block)
    case .standardDeviation: sqrt(maximum(variance(x, along: block), Tensor(1e-5)))
    }
  }

  private func variance(_ x: Tensor, along block: Block) -> Tensor {
    segmentVariance(x, over: block.rows) { block.transposedRows }
  }
}
