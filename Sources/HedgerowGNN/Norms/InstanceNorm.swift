public import HedgerowNN
public import HedgerowTensor

/// y = w (x - mean) / sqrt(variance + epsilon) + b, by the moments of each column over the nodes of each graph.
///
/// With running moments - means over graphs, the variance divided by one less than the nodes - those count in
/// evaluation. Names: `weight`, `bias`, `running_mean`, `running_var`, `num_batches_tracked`.
///
/// Source: Ulyanov, Vedaldi, Lempitsky: Instance Normalization, 2016.
public struct InstanceNorm: GraphNormalization {
  public struct Options: Sendable {
    public var epsilon: Float = 1e-5
    /// How far running moments move.
    public var momentum = 0.1
    public var affine = NormalizationAffine.absent
    /// Whether running moments are kept.
    public var running = false

    public init() {}
  }

  let affine: AffineColumns
  public let runningMean: Buffer?
  public let runningVariance: Buffer?
  let batchCount: Buffer?
  public let options: Options

  public static let pathNames = [
    "affine": "", "runningMean": "running_mean", "runningVariance": "running_var",
    "batchCount": "num_batches_tracked",
  ]

  public init(_ width: Int, options: Options = Options()) {
    self.options = options
    affine = AffineColumns(width, options.affine)
    runningMean = options.running ? Buffer(shape: [width], startingAs: 0) : nil
    runningVariance = options.running ? Buffer(shape: [width], startingAs: 1) : nil
    batchCount = options.running ? Buffer(shape: [], startingAs: 0) : nil
  }

  public func callAsFunction(_ x: Tensor, in graphs: RowGroups?) -> Tensor {
    if !Training.isActive, let runningMean, let runningVariance {
      return affine(
        (x - runningMean.value) * rsqrt(runningVariance.value + options.epsilon))
    }
    let graphs = graphs ?? RowGroups(ofAll: x.rowCount)
    let means = graphs.mean(x)
    let centered = x - graphs.spread(means)
    let variances = graphs.mean(square(centered))
    if let runningMean, let runningVariance, Training.movesStatistics {
      let sizes = graphs.sizes.reshaped(to: [graphs.count, 1])
      let corrected = variances.detached * (sizes / maximum(sizes - 1, Tensor(1)))
      let share = Float(options.momentum)
      runningMean.value = (1 - share) * runningMean.value + share * mean(means.detached, along: 0)
      runningVariance.value =
        (1 - share) * runningVariance.value + share * mean(corrected, along: 0)
    }
    return affine(centered * graphs.spread(rsqrt(variances + options.epsilon)))
  }
}
