import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// Several aggregates of one set, made into one.
///
/// Names: `aggrs.0`, ..., and `lin` of a projection, `lin_heads.lins.0`, ..., `multihead_attn` of attention.
///
/// Source: Corso et al., Principal Neighbourhood Aggregation for Graph Nets, NeurIPS 2020; Tailor et al.,
/// Adaptive Filters and Aggregator Fusion for Efficient Graph Convolutions, 2021.
public struct MultiAggregation: Aggregator {
  /// How aggregates become one. All but the first need some of one width.
  public enum Combination: Sendable {
    /// Side by side.
    case concatenated
    case sum, mean, max, min
    /// log(sum of exp)
    case logSumExp
    /// Divided by one less than how many aggregates there are.
    case standardDeviation, variance
    /// A linear map of all, side by side, of these widths together.
    case projected(from: [Int], to: Int, bias: Linear.Bias = .learned)
    /// The mean of what aggregates, each through a linear map, make of each other by attention.
    case attended(from: [Int], to: Int, heads: Int = 1)
  }

  public let aggregators: [any Aggregator]
  let projection: Linear?
  let heads: NamedLinears?
  let attention: MultiheadAttention?
  public let combination: Combination
  public static let pathNames = [
    "aggregators": "aggrs", "projection": "lin", "heads": "lin_heads",
    "attention": "multihead_attn",
  ]

  struct NamedLinears: Module {
    let lins: [Linear]
  }

  public init(_ aggregators: [any Aggregator], combining combination: Combination = .concatenated) {
    require(!aggregators.isEmpty, "no aggregates to make one of")
    self.aggregators = aggregators
    self.combination = combination
    if case .projected(let widths, let output, let bias) = combination {
      projection = Linear(widths.reduce(0, +), output, bias: bias)
    } else {
      projection = nil
    }
    if case .attended(let widths, let output, let heads) = combination {
      self.heads = NamedLinears(lins: widths.map { Linear($0, output) })
      attention = MultiheadAttention(output, heads: heads)
    } else {
      (heads, attention) = (nil, nil)
    }
  }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    combined(aggregators.map { $0(messages, by: offsets) })
  }

  public func callAsFunction(_ x: Tensor, along block: Block) -> Tensor {
    combined(aggregators.map { $0(x, along: block) })
  }

  public func callAsFunction(_ x: Tensor, scaledBy weights: Tensor, along block: Block) -> Tensor {
    combined(aggregators.map { $0(x, scaledBy: weights, along: block) })
  }

  private func combined(_ parts: [Tensor]) -> Tensor {
    if parts.count == 1 { return parts[0] }
    switch combination {
    case .concatenated: return HedgerowTensor.concatenated(parts)
    case .sum: return HedgerowTensor.sum(stacked(parts), along: 0)
    case .mean: return HedgerowTensor.mean(stacked(parts), along: 0)
    case .max: return HedgerowTensor.max(stacked(parts), along: 0)
    case .min: return HedgerowTensor.min(stacked(parts), along: 0)
    case .logSumExp: return HedgerowTensor.logSumExp(stacked(parts), along: [0])
    case .standardDeviation: return sqrt(HedgerowTensor.variance(stacked(parts), along: [0]))
    case .variance: return HedgerowTensor.variance(stacked(parts), along: [0])
    case .projected: return projection!(HedgerowTensor.concatenated(parts))
    case .attended:
      let rows = stacked(zip(heads!.lins, parts).map { $0($1) }, along: 1)
      return HedgerowTensor.mean(attention!(rows, rows, rows), along: 1)
    }
  }

  public func outputWidth(of width: Int) -> Int {
    switch combination {
    case .concatenated: aggregators.reduce(0) { $0 + $1.outputWidth(of: width) }
    case .projected(_, let output, _), .attended(_, let output, _): output
    default: aggregators[0].outputWidth(of: width)
    }
  }
}
