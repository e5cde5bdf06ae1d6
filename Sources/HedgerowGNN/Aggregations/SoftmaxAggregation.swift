import HedgerowCore
import HedgerowNN
public import HedgerowTensor

/// A number that an aggregation depends on, or one for each column.
public enum LearnedNumber: Sendable {
  case fixed
  /// One for all columns.
  case learned
  /// One for each of so many columns.
  case learnedPerColumn(Int)

  /// The parameter that begins as a number; `nil` where it is fixed.
  func parameter(startingAs start: Float) -> Parameter? {
    switch self {
    case .fixed: nil
    case .learned: Parameter(shape: [1], from: .constant(start))
    case .learnedPerColumn(let width): Parameter(shape: [width], from: .constant(start))
    }
  }
}

/// y_t = the sum over the rows x_e of t of softmax(s x_e) x_e, column by column: between the mean, where s is
/// 0, and the maximum, where it is large.
///
/// Shapes: as of ``Aggregator``; s is a number, `t` in a state, or one for each column.
///
/// Source: Li et al., DeeperGCN: All You Need to Train Deeper GCNs, 2020.
public struct SoftmaxAggregation: Aggregator {
  public struct Options: Sendable {
    /// What s is, or begins as.
    public var inverseTemperature: Float = 1
    public var learning = LearnedNumber.fixed
    /// Whether the gradient goes through the softmax, too; must where s is learned.
    public var gradient = SpreadGradient.full

    public init() {}
  }

  let scale: Parameter?
  public let options: Options
  public static let pathNames = ["scale": "t"]

  public init(options: Options = Options()) {
    self.options = options
    scale = options.learning.parameter(startingAs: options.inverseTemperature)
    require(
      scale == nil || options.gradient == .full,
      "a temperature is learned by the gradient through the softmax")
  }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    let x = options.gradient == .full ? messages : messages.detached
    let scaled: Tensor
    if let scale {
      scaled = x * scale.value
    } else {
      scaled = options.inverseTemperature == 1 ? x : options.inverseTemperature * x
    }
    return segmentSum(messages * segmentSoftmax(scaled, by: offsets), by: offsets)
  }
}

/// y_t = (the mean over the rows x_e of t of x_e^p)^(1/p), column by column; numbers and means are brought
/// into a range first, of positive numbers as a rule.
///
/// Shapes: as of ``Aggregator``; p is a number, or one for each column. Where p is 1 and not learned, this is
/// the mean, and nothing is brought into a range.
///
/// Source: Li et al., DeeperGCN: All You Need to Train Deeper GCNs, 2020.
public struct PowerMeanAggregation: Aggregator {
  public struct Options: Sendable {
    /// What p is, or begins as.
    public var power: Float = 1
    public var learning = LearnedNumber.fixed
    /// The smallest and the largest number; `nil` for no bound.
    public var smallest: Float? = 1e-4
    public var largest: Float? = 100

    public init() {}
  }

  let power: Parameter?
  public let options: Options
  public static let pathNames = ["power": "p"]

  public init(options: Options = Options()) {
    self.options = options
    power = options.learning.parameter(startingAs: options.power)
  }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    if let power = power?.value {
      let means = segmentMean(pow(bounded(messages), power), by: offsets)
      return pow(bounded(means), 1 / power)
    }
    if options.power == 1 { return segmentMean(messages, by: offsets) }
    let means = segmentMean(pow(bounded(messages), options.power), by: offsets)
    return pow(bounded(means), 1 / options.power)
  }

  private func bounded(_ x: Tensor) -> Tensor {
    let x = options.smallest.map { maximum(x, Tensor($0)) } ?? x
    return options.largest.map { minimum(x, Tensor($0)) } ?? x
  }
}
