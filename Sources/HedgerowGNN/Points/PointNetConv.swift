import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// x_t' = g(max over the sources s of t, t itself included, of f(x_s, p_s - p_t)), features and positions side by
/// side.
///
/// Where f begins with a linear layer, that is applied to points, not to edges. Without features f takes
/// positions alone.
///
/// Shapes: as of ``PointConvolution``; f [edges, width + dimensions] to [edges, inner], g [targets, inner] to
/// [targets, output]. Names: `local_nn` for f, `global_nn` for g.
///
/// Source: Qi et al., PointNet: Deep Learning on Point Sets for 3D Classification and Segmentation, CVPR 2017;
/// PointNet++, NIPS 2017.
public struct PointNetConv: PointConvolution {
  public struct Options: Sendable {
    public var aggregation: any Aggregator = Aggregation.max
    /// Give each target one edge from itself.
    public var selfLoops = true

    public init() {}
  }

  let local: (any Layer)?
  let global: (any Layer)?
  let aggregator: any Aggregator
  let selfLoops: Bool
  public static let pathNames = [
    "local": "local_nn", "global": "global_nn", "aggregator": "aggr_module",
  ]

  /// - Parameters:
  ///   - local: f; rows are taken as they are when it is `nil`.
  ///   - global: g, likewise.
  public init(local: (any Layer)?, global: (any Layer)?, options: Options = .init()) {
    self.local = local
    self.global = global
    aggregator = options.aggregation
    selfLoops = options.selfLoops
  }

  public func callAsFunction(
    source: Tensor?, target: Tensor?, positions: (source: Tensor, target: Tensor), _ block: Block
  ) -> Tensor {
    let block = selfLoops ? block.withOneSelfLoop() : block
    let rows = source.map { concatenated($0, positions.source) } ?? positions.source
    let width = rows.width
    let messages = EdgeNetwork(local ?? Activation.identity)(
      source: .init(rows, columns: 0),
      target: .init(-positions.target, columns: width - positions.target.width), width: width,
      along: block)
    let aggregated = aggregator(messages, by: block.usedOffsets)
    return global?(aggregated) ?? aggregated
  }
}
