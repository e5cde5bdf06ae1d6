import HedgerowNN
public import HedgerowTensor

/// What the gradient of a spread goes through.
public enum SpreadGradient: Sendable {
  case full
  /// The mean alone, not the mean of squares.
  case half
}

/// y_t = mean of (x - m_t)^2 over the rows of t, where m_t is their mean, column by column; zero for an empty
/// set.
///
/// ``Aggregation/variance`` with a choice of gradient.
public struct VarianceAggregation: Aggregator {
  public let gradient: SpreadGradient

  public init(gradient: SpreadGradient = .full) { self.gradient = gradient }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    if gradient == .full { return segmentVariance(messages, by: offsets) }
    let mean = segmentMean(messages, by: offsets)
    return segmentMean(square(messages.detached), by: offsets) - square(mean)
  }
}

/// The square root of the variance; zero, without a gradient, where that is at most 1e-5.
///
/// ``Aggregation/standardDeviation`` with a choice of gradient.
public struct StandardDeviationAggregation: Aggregator {
  public let gradient: SpreadGradient

  public init(gradient: SpreadGradient = .full) { self.gradient = gradient }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    if gradient == .full { return segmentStandardDeviation(messages, by: offsets) }
    let variance = VarianceAggregation(gradient: .half)(messages, by: offsets)
    let isSmall = variance .<= 1e-5
    return select(
      isSmall, Tensor(0), otherwise: sqrt(select(isSmall, Tensor(1), otherwise: variance)))
  }
}

/// y_t = the sum over the rows of t divided by the root of how many there are, which keeps their variance.
///
/// Source: Schneckenreiter et al., GNN-VPA: A Variance-Preserving Aggregation Strategy for Graph Neural
/// Networks, 2024.
public struct VariancePreservingAggregation: Aggregator {
  public init() {}

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    let scales = zip(offsets.dropFirst(), offsets).map {
      1 / Float(max(1, $0 - $1)).squareRoot()
    }
    return segmentSum(messages, by: offsets) * Tensor(scales, shape: [scales.count, 1])
  }
}
