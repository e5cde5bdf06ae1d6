import HedgerowNN
public import HedgerowTensor

/// The quantiles of a set, column by column; see ``segmentQuantiles(_:by:_:interpolation:fill:)``.
///
/// Shapes: as of ``Aggregator``, a result for each quantile, side by side. The quantiles are a buffer `q`.
public struct QuantileAggregation: Aggregator {
  public struct Options: Sendable {
    public var interpolation = QuantileInterpolation.linear
    /// What stands for the quantiles of an empty set.
    public var fill: Float = 0

    public init() {}
  }

  let points: Buffer
  public let quantiles: [Double]
  public let options: Options
  public static let pathNames = ["points": "q"]

  public init(_ quantiles: [Double], options: Options = Options()) {
    self.quantiles = quantiles
    self.options = options
    points = Buffer(
      startingAs: Tensor(quantiles.map { Float($0) }, shape: [quantiles.count, 1]))
  }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    segmentQuantiles(
      messages, by: offsets, quantiles, interpolation: options.interpolation, fill: options.fill)
  }

  public func outputWidth(of width: Int) -> Int { quantiles.count * width }
}

/// The median of a set, column by column: the lower of the two in the middle where they are even in number.
public struct MedianAggregation: Aggregator {
  let quantile: QuantileAggregation
  public static let pathNames = ["quantile": ""]

  /// - Parameter fill: what stands for the median of an empty set.
  public init(fill: Float = 0) {
    var options = QuantileAggregation.Options()
    options.interpolation = .lower
    options.fill = fill
    quantile = QuantileAggregation([0.5], options: options)
  }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    quantile(messages, by: offsets)
  }
}
