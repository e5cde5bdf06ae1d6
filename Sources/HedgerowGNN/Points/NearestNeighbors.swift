import HedgerowCore
public import HedgerowGraph
public import HedgerowTensor

/// Which graph the sources and the targets of a search belong to.
public struct PairedGroups: Sendable {
  public var sources: RowGroups
  public var targets: RowGroups

  public init(sources: RowGroups, targets: RowGroups) {
    self.sources = sources
    self.targets = targets
  }

  /// Sources that are the targets.
  public init(_ both: RowGroups) { self.init(sources: both, targets: both) }
}

/// How far two points are from each other.
public enum PointMetric: Sendable {
  case euclidean
  /// One minus the cosine of the angle between them, as points from the origin: the order is that of distances
  /// between points scaled to length 1.
  case cosine

  fileprivate func placed(_ points: Tensor) -> Tensor {
    checkPoints(points)
    return self == .euclidean ? points.detached : rowsOfLengthOne(points.detached)
  }
}

/// For each target the `count` sources of its graph that are nearest to it, the nearest first, those equally far
/// in their order; all of them where there are fewer. Not differentiable.
///
/// Shapes: sources [sources, dimensions], targets [targets, dimensions]; traps when a coordinate is not finite. The
/// answer is that of looking at all pairs, for any number of threads. A k-d tree finds it in about O((sources +
/// targets) log sources) in up to eight dimensions; in more, every pair is looked at.
///
/// - Parameter graphs: which graph each belongs to; `nil` when all are of one.
public func nearestNeighbors(
  of targets: Tensor, among sources: Tensor, count: Int, in graphs: PairedGroups? = nil,
  metric: PointMetric = .euclidean
) -> Block {
  require(count >= 0, "there are no \(count) neighbors")
  return neighbors(
    of: metric.placed(targets), among: metric.placed(sources), .init(count: count), in: graphs)
}

/// For each target the sources of its graph at a distance of at most `radius`, the nearest first, those equally far
/// in their order. Not differentiable.
///
/// Squared distances are compared with the square of the radius, in single precision. Shapes, traps and time as of
/// ``nearestNeighbors(of:among:count:in:metric:)``, and time in proportion to what is found.
///
/// - Parameters:
///   - count: of more neighbors only so many, the nearest.
///   - graphs: which graph each belongs to; `nil` when all are of one.
public func radiusNeighbors(
  of targets: Tensor, among sources: Tensor, radius: Float, count: Int? = nil,
  in graphs: PairedGroups? = nil
) -> Block {
  checkRadius(radius, count)
  let (placed, from) = (
    PointMetric.euclidean.placed(targets), PointMetric.euclidean.placed(sources)
  )
  return neighbors(of: placed, among: from, .init(count: count, radius: radius), in: graphs)
}

/// How the graph of a cloud of points is made.
public struct PointGraphOptions: Sendable {
  /// Which way edges lead between a point, the center, and its neighbors.
  public enum Flow: Sendable {
    case toCenters
    case fromCenters
  }

  /// Let a point be a neighbor of itself: its nearest one, but for points that lie where it does.
  public var selfLoops = false
  public var flow = Flow.toCenters
  public var metric = PointMetric.euclidean

  public init() {}
}

/// Edges between each point and the `count` others of its graph that are nearest to it; to a center the nearest
/// first.
///
/// Shapes: points [points, dimensions]. Rules, traps and time as of ``nearestNeighbors(of:among:count:in:metric:)``.
///
/// - Parameter graphs: which graph each point belongs to; `nil` when all are of one.
public func nearestNeighborGraph(
  _ points: Tensor, count: Int, in graphs: RowGroups? = nil,
  options: PointGraphOptions = .init()
) -> Block {
  require(count >= 0, "there are no \(count) neighbors")
  return graph(of: points, .init(count: count), in: graphs, options)
}

/// Edges between each point and the others of its graph at a distance of at most `radius`; to a center the nearest
/// first.
///
/// Shapes: points [points, dimensions]. Rules, traps and time as of ``radiusNeighbors(of:among:radius:count:in:)``.
///
/// - Parameters:
///   - count: of more neighbors of a center only so many, the nearest.
///   - graphs: which graph each point belongs to; `nil` when all are of one.
public func radiusGraph(
  _ points: Tensor, radius: Float, count: Int? = nil, in graphs: RowGroups? = nil,
  options: PointGraphOptions = .init()
) -> Block {
  checkRadius(radius, count)
  return graph(of: points, .init(count: count, radius: radius), in: graphs, options)
}

private func checkRadius(_ radius: Float, _ count: Int?) {
  require(radius >= 0, "a radius is not \(radius)")
  require((count ?? 0) >= 0, "there are no \(count ?? 0) neighbors")
}

private func graph(
  of points: Tensor, _ limits: PointSearch.Limits, in graphs: RowGroups?,
  _ options: PointGraphOptions
) -> Block {
  let placed = options.metric.placed(points)
  var limits = limits
  limits.excludesSelf = !options.selfLoops
  let block = neighbors(of: placed, among: placed, limits, in: graphs.map { PairedGroups($0) })
  if options.flow == .toCenters { return block }
  let reversed = block.reversed()
  return Block(
    offsets: reversed.offsets, sources: reversed.sources, sourceCount: reversed.sourceCount,
    targetCount: reversed.targetCount)
}

private func neighbors(
  of targets: Tensor, among sources: Tensor, _ limits: PointSearch.Limits,
  in graphs: PairedGroups?
) -> Block {
  require(
    sources.shape[1] == targets.shape[1],
    "no distances between points of shapes \(sources.shape) and \(targets.shape)")
  let (sourceCount, targetCount) = (sources.shape[0], targets.shape[0])
  require(sourceCount < UInt32.max, "\(sourceCount) points are too many for a block")
  let graphs =
    graphs
    ?? PairedGroups(
      sources: RowGroups(ofAll: sourceCount), targets: RowGroups(ofAll: targetCount))
  require(
    graphs.sources.rowCount == sourceCount && graphs.targets.rowCount == targetCount
      && graphs.sources.count >= graphs.targets.count,
    "graphs of \(graphs.sources.rowCount) sources and \(graphs.targets.rowCount) targets for "
      + "\(sourceCount) and \(targetCount)")
  let found = PointSearch(sources, in: graphs.sources).neighbors(
    of: targets, in: graphs.targets.groups, within: limits)
  return Block(
    offsets: found.offsets, sources: found.sources, sourceCount: sourceCount,
    targetCount: targetCount)
}
