import CHedgerowKernels
public import HedgerowCore
public import HedgerowTensor

/// How many points of each graph are sampled.
public enum PointSampleSize: Sendable {
  /// That share of them, rounded up.
  case ratio(Double)
  /// So many, or all where there are fewer.
  case count(Int)

  fileprivate func count(of size: Int) -> Int {
    switch self {
    case .count(let count): min(count, size)
    case .ratio(let ratio): min(size, Int((ratio * Double(size)).rounded(.up)))
    }
  }
}

/// The point that a sample of farthest points begins with.
public enum FirstPoint: Sendable {
  /// The first of each graph.
  case first
  /// One of each graph, with equal chances: that of graph g from the stream that g derives from this one.
  case drawn(RandomStream)
  /// These rows, one for each graph; that of an empty graph does not count.
  case given([UInt32])
}

/// Farthest point sampling: of each graph a first point, then again and again the one that is farthest from all
/// that were taken, the first of those equally far. No point is taken twice.
///
/// Shapes: points [points, dimensions], finite, else it traps. Gives the rows taken, graph by graph, in the order
/// in which they were taken; the same for any number of threads. Time O(points x taken x dimensions).
///
/// - Parameter graphs: which graph each point belongs to; `nil` when all are of one.
///
/// Source: Eldar et al., The Farthest Point Strategy for Progressive Image Sampling, IEEE Transactions on Image
/// Processing 1997; as PointNet++ samples (Qi et al., NIPS 2017).
public func farthestPoints(
  _ points: Tensor, _ size: PointSampleSize, in graphs: RowGroups? = nil,
  from start: FirstPoint = .first
) -> [UInt32] {
  checkPoints(points)
  switch size {
  case .ratio(let ratio): require((0...1).contains(ratio), "a ratio is not \(ratio)")
  case .count(let count): require(count >= 0, "there are no \(count) points")
  }
  let groups = graphs ?? RowGroups(ofAll: points.rowCount)
  if case .given(let rows) = start {
    require(rows.count == groups.count, "\(rows.count) first points for \(groups.count) graphs")
  }
  let together = groups.together(points.detached)
  var samples = [[UInt32]](repeating: [], count: groups.count)
  samples.withUnsafeMutableBufferPointer { samples in
    // Each part writes its own element, and all end before the closure does.
    nonisolated(unsafe) let samples = samples
    Compute.pool.run(parts: groups.count) { group in
      let range = Int(groups.offsets[group])..<Int(groups.offsets[group + 1])
      if range.isEmpty { return }
      let first = start.place(in: range, of: groups, group)
      let places = FarthestPointSample(together, range).taken(size.count(of: range.count), first)
      samples[group] = places.map {
        groups.order?[range.lowerBound + $0] ?? UInt32(range.lowerBound + $0)
      }
    }
  }
  return samples.flatMap { $0 }
}

extension FirstPoint {
  /// Its place among the rows of a group that were brought together.
  fileprivate func place(in range: Range<Int>, of groups: RowGroups, _ group: Int) -> Int {
    switch self {
    case .first: return 0
    case .drawn(let stream):
      var own = stream.derive(UInt64(group))
      return Int(own.next(below: UInt64(range.count)))
    case .given(let rows):
      let place = range.firstIndex { (groups.order?[$0] ?? UInt32($0)) == rows[group] }
      require(place != nil, "point \(rows[group]) is none of graph \(group)")
      return place! - range.lowerBound
    }
  }
}

/// The points of one graph, column by column.
private struct FarthestPointSample {
  let columns: Tensor
  let count: Int
  let dimensions: Int

  init(_ points: Tensor, _ range: Range<Int>) {
    columns = points.sliced(range, along: 0).transposed().contiguous
    (count, dimensions) = (range.count, points.shape[1])
  }

  /// The places of so many, from a first one on.
  func taken(_ wanted: Int, _ first: Int) -> [Int] {
    guard wanted > 0 else { return [] }
    var distances = [Float](repeating: .infinity, count: count)
    var point = [Float](repeating: 0, count: max(1, dimensions))
    let partCount = (count + Compute.elementsPerPart - 1) / Compute.elementsPerPart
    var farthest = [Int](repeating: 0, count: partCount)
    var places = [first]
    places.reserveCapacity(wanted)
    columns.withUnsafeBufferPointer { columns in
      distances.withUnsafeMutableBufferPointer { distances in
        point.withUnsafeMutableBufferPointer { point in
          farthest.withUnsafeMutableBufferPointer { farthest in
            // Parts write their own stretches, and end before the next point is looked for.
            nonisolated(unsafe) let columns = columns.baseAddress
            nonisolated(unsafe) let distances = distances.baseAddress!
            nonisolated(unsafe) let point = point.baseAddress!
            nonisolated(unsafe) let farthest = farthest.baseAddress!
            while places.count < wanted {
              let last = places[places.count - 1]
              for dimension in 0..<dimensions {
                point[dimension] = columns![dimension * count + last]
              }
              // Less than any distance: it is not taken again.
              distances[last] = -1
              Compute.forEachPart(of: count, size: Compute.elementsPerPart) { part in
                farthest[part.lowerBound / Compute.elementsPerPart] =
                  part.lowerBound
                  + hr_farthest_point(
                    columns.map { $0 + part.lowerBound }, count, dimensions, point,
                    distances + part.lowerBound, part.count)
              }
              var best = farthest[0]
              for part in 1..<max(1, partCount) where distances[farthest[part]] > distances[best] {
                best = farthest[part]
              }
              places.append(best)
            }
          }
        }
      }
    }
    return places
  }
}
