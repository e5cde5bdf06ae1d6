import HedgerowCore
public import HedgerowTensor

/// Each column as (x - mean) / sqrt(variance + epsilon), times a weight, plus a bias: by the batch's own
/// moments in training, by running ones otherwise.
///
/// Shapes: x [rows, width], the others [width]. In training - inside `valueWithGradients` with randomness
/// - the running moments move towards those of the batch, the variance divided by one less than the
/// number of rows, so a model that trains may run on one thread only. Names and defaults are those of
/// `torch.nn.BatchNorm1d`.
public struct BatchNorm: Layer {
  /// How far running moments move.
  public enum Momentum: Sendable {
    /// This share of the way.
    case share(Double)
    /// To the mean over all batches.
    case cumulative
  }

  public struct Options: Sendable {
    public var epsilon: Float = 1e-5
    public var momentum = Momentum.share(0.1)
    /// Whether a weight and a bias are learned.
    public var affine = true
    /// Whether moments are kept; without them a batch's own count in evaluation too.
    public var running = true

    public init() {}
  }

  public let weight: Parameter?
  public let bias: Parameter?
  public let runningMean: Buffer?
  public let runningVariance: Buffer?
  /// Batches that the moments have seen.
  public let batchCount: Buffer?
  public let options: Options

  public static let pathNames = [
    "runningMean": "running_mean", "runningVariance": "running_var",
    "batchCount": "num_batches_tracked",
  ]

  public init(_ width: Int, options: Options = Options()) {
    self.options = options
    weight = options.affine ? Parameter(shape: [width], from: .constant(1)) : nil
    bias = options.affine ? Parameter(shape: [width], from: .constant(0)) : nil
    runningMean = options.running ? Buffer(shape: [width], startingAs: 0) : nil
    runningVariance = options.running ? Buffer(shape: [width], startingAs: 1) : nil
    batchCount = options.running ? Buffer(shape: [], startingAs: 0) : nil
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let (weight, bias) = (weight?.value, bias?.value)
    guard let runningMean, let runningVariance, let batchCount else {
      return batchNorm(x, weight: weight, bias: bias, epsilon: options.epsilon).y
    }
    if !Training.isActive {
      return batchNorm(
        x, weight: weight, bias: bias, epsilon: options.epsilon,
        by: .running(mean: runningMean.value, variance: runningVariance.value)
      ).y
    }
    let (y, mean, variance) = batchNorm(x, weight: weight, bias: bias, epsilon: options.epsilon)
    if !Training.movesStatistics { return y }
    require(x.shape[0] > 1, "one row has no variance to train by")
    batchCount.value = batchCount.value + 1
    let share: Float
    switch options.momentum {
    case .share(let fixed): share = Float(fixed)
    case .cumulative: share = 1 / batchCount.value.scalar
    }
    let rows = Float(x.shape[0])
    runningMean.value = (1 - share) * runningMean.value + share * mean
    runningVariance.value =
      (1 - share) * runningVariance.value + (share * rows / (rows - 1)) * variance
    return y
  }
}
