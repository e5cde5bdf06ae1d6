public import HedgerowNN
public import HedgerowTensor

/// The class of each cloud of points: two levels of ``SetAbstraction``, one row for all, and a head.
///
/// Shapes: x [points, width] or none, places [points, dimensions], result [clouds, outputs]. Names are those of
/// PyTorch Geometric's example: `sa1_module.conv...`, `sa2_module...`, `sa3_module.nn...`, `mlp`.
///
/// Source: Qi et al., PointNet++: Deep Hierarchical Feature Learning on Point Sets in a Metric Space, NIPS 2017.
public struct PointNet2: Module {
  public struct Options: Sendable {
    /// Of the features that points have beside their places.
    public var featureWidth = 0
    public var dimensions = 3
    /// Shares of points that each level samples, and how far around each of them others count.
    public var ratios = (0.5, 0.25)
    public var radii: (Float, Float) = (0.2, 0.4)
    /// Of what the first level gives; others are two, four and eight times as wide.
    public var width = 128
    /// Rate of dropout in the head, in training.
    public var dropout = 0.5

    public init() {}
  }

  let levels: PointNet2Levels
  let head: MLP
  public static let pathNames = ["levels": "", "head": "mlp"]

  public init(outputs: Int, options: Options = .init()) {
    levels = PointNet2Levels(options)
    let width = options.width
    head = headNetwork([8 * width, 4 * width, 2 * width, outputs], dropout: options.dropout)
  }

  public func callAsFunction(_ points: PointClouds) -> Tensor {
    head(levels(points).last!.x!)
  }
}

/// A class of each point: the levels of ``PointNet2``, then ``FeaturePropagation`` back through them to all points.
///
/// Shapes: result [points, outputs]. Names are those of PyTorch Geometric's example: as of ``PointNet2``, and
/// `fp3_module.nn...`, `fp2_module...`, `fp1_module...`, `mlp`.
public struct PointNet2Segmentation: Module {
  let levels: PointNet2Levels
  let third: FeaturePropagation
  let second: FeaturePropagation
  let first: FeaturePropagation
  let head: MLP
  public static let pathNames = [
    "levels": "", "third": "fp3_module", "second": "fp2_module", "first": "fp1_module",
    "head": "mlp",
  ]

  public init(outputs: Int, options: PointNet2.Options = .init()) {
    levels = PointNet2Levels(options)
    let (width, own) = (options.width, options.featureWidth)
    third = FeaturePropagation([8 * width + 2 * width, 2 * width, 2 * width], count: 1)
    second = FeaturePropagation([2 * width + width, 2 * width, width], count: 3)
    first = FeaturePropagation([width + own, width, width, width], count: 3)
    head = headNetwork([width, width, width, outputs], dropout: options.dropout)
  }

  public func callAsFunction(_ points: PointClouds) -> Tensor {
    let level = levels(points)
    let back = second(third(level[3], to: level[2]), to: level[1])
    return head(first(back, to: level[0]).x!)
  }
}

/// What both models have on the way down.
struct PointNet2Levels: Module {
  let first: SetAbstraction
  let second: SetAbstraction
  let third: GlobalSetAbstraction
  static let pathNames = ["first": "sa1_module", "second": "sa2_module", "third": "sa3_module"]

  init(_ options: PointNet2.Options) {
    let (width, dimensions) = (options.width, options.dimensions)
    first = SetAbstraction(
      [options.featureWidth + dimensions, width / 2, width / 2, width],
      size: .ratio(options.ratios.0), radius: options.radii.0)
    second = SetAbstraction(
      [width + dimensions, width, width, 2 * width], size: .ratio(options.ratios.1),
      radius: options.radii.1)
    third = GlobalSetAbstraction([2 * width + dimensions, 2 * width, 4 * width, 8 * width])
  }

  /// The points, the sample of each level, and a row for each cloud.
  func callAsFunction(_ points: PointClouds) -> [PointClouds] {
    let sample = first(points)
    let smaller = second(sample)
    return [points, sample, smaller, third(smaller)]
  }
}
