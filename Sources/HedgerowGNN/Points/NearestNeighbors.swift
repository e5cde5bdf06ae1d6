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

/// For each target the `count` sources of its graph that are nearest to it, the nearest first, those equally far
/// in their order; all of them where there are fewer. Not differentiable.
///
/// Shapes: sources [sources, dimensions], targets [targets, dimensions]. Time O(targets x sources of a graph x
/// dimensions): every pair is looked at.
///
/// - Parameter graphs: which graph each belongs to; `nil` when all are of one.
public func nearestNeighbors(
  of targets: Tensor, among sources: Tensor, count: Int, in graphs: PairedGroups? = nil
) -> Block {
  require(
    sources.shape.count == 2 && targets.shape.count == 2 && sources.shape[1] == targets.shape[1],
    "no distances between points of shapes \(sources.shape) and \(targets.shape)")
  let (sourceCount, targetCount) = (sources.shape[0], targets.shape[0])
  let graphs =
    graphs
    ?? PairedGroups(
      sources: RowGroups(ofAll: sourceCount), targets: RowGroups(ofAll: targetCount))
  require(
    graphs.sources.rowCount == sourceCount && graphs.targets.rowCount == targetCount
      && graphs.sources.count >= graphs.targets.count,
    "graphs of \(graphs.sources.rowCount) sources and \(graphs.targets.rowCount) targets for "
      + "\(sourceCount) and \(targetCount)")
  var members = [[UInt32]](repeating: [], count: graphs.sources.count)
  for (row, graph) in graphs.sources.groups.enumerated() { members[Int(graph)].append(UInt32(row)) }
  let found = NeighborSearch(
    sources: sources.scalars, targets: targets.scalars, dimensions: sources.shape[1]
  ).nearest(count, among: graphs.targets.groups.map { members[Int($0)] })
  var offsets: [UInt32] = [0]
  for row in found { offsets.append(offsets[offsets.count - 1] + UInt32(row.count)) }
  return Block(
    offsets: offsets, sources: Array(found.joined()), sourceCount: sourceCount,
    targetCount: targetCount)
}

private struct NeighborSearch: Sendable {
  let sources: [Float]
  let targets: [Float]
  let dimensions: Int

  /// For each target the nearest of its candidates.
  func nearest(_ count: Int, among candidates: [[UInt32]]) -> [[UInt32]] {
    candidates.indices.map { target in
      let pairs = candidates[target].map { (distance($0, target), $0) }
      return pairs.sorted { $0 < $1 }.prefix(count).map(\.1)
    }
  }

  /// Squared.
  private func distance(_ source: UInt32, _ target: Int) -> Float {
    var sum: Float = 0
    for dimension in 0..<dimensions {
      let difference =
        sources[Int(source) * dimensions + dimension] - targets[target * dimensions + dimension]
      sum += difference * difference
    }
    return sum
  }
}
