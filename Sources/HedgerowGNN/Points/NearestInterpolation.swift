public import HedgerowTensor

/// Features of points from those of the nearest points that have some, weighed by 1 / squared distance.
///
/// Shapes: x [sources, width], positions [sources, dimensions] and [targets, dimensions], result [targets, width]. No
/// gradient goes to positions. Time as of ``nearestNeighbors(of:among:count:in:metric:)``.
///
/// - Parameters:
///   - count: how many points give each its features.
///   - graphs: which graph each point belongs to; `nil` when all are of one.
///
/// Source: Qi et al., PointNet++: Deep Hierarchical Feature Learning on Point Sets in a Metric Space, NIPS 2017.
public func nearestInterpolation(
  _ x: Tensor, from positions: Tensor, to targets: Tensor, count: Int = 3,
  in graphs: PairedGroups? = nil
) -> Tensor {
  let (sources, targets) = (positions.detached, targets.detached)
  let block = nearestNeighbors(of: targets, among: sources, count: count, in: graphs)
  let distances = sum(square(edgeSum(-sources, targets, along: block)), along: 1)
  let weights = 1 / maximum(distances, Tensor(1e-16))
  let sums = segmentSum(weights, by: block.usedOffsets).reshaped(to: [block.targetCount, 1])
  return aggregate(x, scaledBy: weights, along: block, by: .sum) / sums
}
