import HedgerowCore
public import HedgerowNN
public import HedgerowTensor

/// Batch normalization over all nodes, of whatever graph: ``BatchNorm`` under PyTorch Geometric's names,
/// `module.weight` and so on.
///
/// Source: Ioffe and Szegedy, Batch Normalization, ICML 2015.
public struct GraphBatchNorm: GraphNormalization {
  /// What becomes of a batch of one node, which has no variance.
  public enum SingleNode: Sendable {
    /// In training it ends the program.
    case rejected
    /// It is normalized by the running moments, which stay as they are.
    case byRunningMoments
  }

  public let module: BatchNorm
  public let singleNode: SingleNode

  public init(
    _ width: Int, options: BatchNorm.Options = .init(), singleNode: SingleNode = .rejected
  ) {
    require(
      singleNode == .rejected || options.running,
      "a single node is normalized by running moments, and there are none")
    module = BatchNorm(width, options: options)
    self.singleNode = singleNode
  }

  public func callAsFunction(_ x: Tensor, in graphs: RowGroups?) -> Tensor {
    guard singleNode == .byRunningMoments, x.rowCount <= 1 else { return module(x) }
    return batchNorm(
      x, weight: module.weight?.value, bias: module.bias?.value, epsilon: module.options.epsilon,
      by: .running(mean: module.runningMean!.value, variance: module.runningVariance!.value)
    ).y
  }
}

extension MLP.Normalization {
  /// ``GraphBatchNorm``, which takes a single row by its running moments: no batch is too small for it.
  public static var batchOfAnySize: MLP.Normalization {
    .made { GraphBatchNorm($0, singleNode: .byRunningMoments) }
  }
}

/// Batch normalization of each type of nodes by moments of its own: y = w_k (x - mean_k) / sqrt(max(variance_k,
/// epsilon)) + b_k for a row of type k.
///
/// Shapes: x [nodes, width], the others [types, width]. The gradient does not go through the moments. In
/// training running moments of the types that are there move towards the batch's. Names: `weight`, `bias`,
/// `running_mean`, `running_var`, `num_batches_tracked`.
public struct HeteroBatchNorm: Module {
  let affine: TypedAffine
  public let runningMean: Buffer?
  public let runningVariance: Buffer?
  let batchCount: Buffer?
  public let options: BatchNorm.Options
  public let typeCount: Int

  public static let pathNames = [
    "affine": "", "runningMean": "running_mean", "runningVariance": "running_var",
    "batchCount": "num_batches_tracked",
  ]

  public init(_ width: Int, types: Int, options: BatchNorm.Options = .init()) {
    self.options = options
    typeCount = types
    affine = TypedAffine(width, types: types, options.affine ? .learned : .absent)
    let shape = [types, width]
    runningMean = options.running ? Buffer(shape: shape, startingAs: 0) : nil
    runningVariance = options.running ? Buffer(shape: shape, startingAs: 1) : nil
    batchCount = options.running ? Buffer(shape: [], startingAs: 0) : nil
  }

  /// - Parameter types: of each row, below the count of types.
  public func callAsFunction(_ x: Tensor, types: [UInt32]) -> Tensor {
    let (mean, variance) = moments(x, types)
    let scale = rsqrt(maximum(variance, Tensor(options.epsilon)))
    return affine((x - mean.gathered(rows: types)) * scale.gathered(rows: types), types)
  }

  private func moments(_ x: Tensor, _ types: [UInt32]) -> (mean: Tensor, variance: Tensor) {
    if !Training.isActive, let runningMean, let runningVariance {
      return (runningMean.value, runningVariance.value)
    }
    let groups = RowGroups(types, count: typeCount)
    let rows = groups.together(x.detached)
    let mean = segmentMean(rows, by: groups.offsets)
    let variance = segmentVariance(rows, by: groups.offsets)
    if let runningMean, let runningVariance, Training.movesStatistics {
      batchCount!.value = batchCount!.value + 1
      let share: Float =
        switch options.momentum {
        case .share(let fixed): Float(fixed)
        case .cumulative: 1 / batchCount!.value.scalar
        }
      // Types that are not there stay as they are.
      let shares = Tensor(
        (0..<typeCount).map { groups.offsets[$0] < groups.offsets[$0 + 1] ? share : 0 },
        shape: [typeCount, 1])
      runningMean.value = runningMean.value + shares * (mean - runningMean.value)
      runningVariance.value = runningVariance.value + shares * (variance - runningVariance.value)
    }
    return (mean, variance)
  }
}

/// Layer normalization of each row, times the weight and plus the bias of its type.
///
/// Shapes: x [nodes, width], `weight` and `bias` [types, width].
///
/// Source: Ba, Kiros, Hinton: Layer Normalization, 2016.
public struct HeteroLayerNorm: Module {
  let affine: TypedAffine
  public let epsilon: Float
  public static let pathNames = ["affine": ""]

  public init(
    _ width: Int, types: Int, epsilon: Float = 1e-5, affine: NormalizationAffine = .learned
  ) {
    self.affine = TypedAffine(width, types: types, affine)
    self.epsilon = epsilon
  }

  /// - Parameter types: of each row, below the count of types.
  public func callAsFunction(_ x: Tensor, types: [UInt32]) -> Tensor {
    affine(layerNorm(x, epsilon: epsilon), types)
  }
}

/// What rows of each type are multiplied by, and what is added to them, as far as that is learned.
struct TypedAffine: Module {
  let weight: Parameter?
  let bias: Parameter?

  init(_ width: Int, types: Int, _ affine: NormalizationAffine) {
    let shape = [types, width]
    weight = affine == .learned ? Parameter(shape: shape, from: .constant(1)) : nil
    bias = affine == .learned ? Parameter(shape: shape, from: .constant(0)) : nil
  }

  func callAsFunction(_ x: Tensor, _ types: [UInt32]) -> Tensor {
    guard let weight, let bias else { return x }
    return x * weight.value.gathered(rows: types) + bias.value.gathered(rows: types)
  }
}
