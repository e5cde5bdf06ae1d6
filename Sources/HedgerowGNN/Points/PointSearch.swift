import CHedgerowKernels
import HedgerowCore
import HedgerowTensor

/// Points of one or of several graphs, ordered for exact searches among those of one graph.
///
/// A k-d tree for each graph, whose leaves are blocks of points that are looked at side by side; a box is passed
/// over only when its distance, rounded as those of points are, is greater than the farthest that counts. In more
/// dimensions than ``treeDimensions``, where boxes exclude little, all blocks are looked at, each for several
/// targets while the cache has it. Of points that are equally far the lower row is the nearer one.
///
/// Source: Bentley, Multidimensional Binary Search Trees Used for Associative Searching, CACM 1975.
struct PointSearch: Sendable {
  static let treeDimensions = 8
  private static let block = Int(HR_POINT_BLOCK)

  private let dimensions: Int
  private let groups: RowGroups
  /// The blocks of group g begin with blockStarts[g].
  private let blockStarts: [Int]
  private let rows: [UInt32]
  private let coordinates: [Float]
  /// Two for each block; empty where there are no trees.
  private let boxes: [Float]

  /// Time O(points log points) for few dimensions. Shapes: points [points, dimensions], finite.
  init(_ points: Tensor, in groups: RowGroups) {
    let dimensions = points.shape[1]
    var blockStarts = [0]
    for group in 0..<groups.count {
      let size = Int(groups.offsets[group + 1] - groups.offsets[group])
      blockStarts.append(blockStarts[group] + (size + Self.block - 1) / Self.block)
    }
    let blockCount = blockStarts[groups.count]
    let hasTrees = (1...Self.treeDimensions).contains(dimensions)
    var rows = groups.order ?? (0..<UInt32(groups.rowCount)).map { $0 }
    var coordinates = [Float](repeating: 0, count: blockCount * Self.block * dimensions)
    var boxes = [Float](repeating: 0, count: hasTrees ? 4 * blockCount * dimensions : 0)
    points.withUnsafeBufferPointer { points in
      rows.withUnsafeMutableBufferPointer { rows in
        coordinates.withUnsafeMutableBufferPointer { coordinates in
          boxes.withUnsafeMutableBufferPointer { boxes in
            // Each part writes the stretches of its group, and all end before the closures do.
            nonisolated(unsafe) let points = points.baseAddress
            nonisolated(unsafe) let rows = rows.baseAddress
            nonisolated(unsafe) let coordinates = coordinates.baseAddress
            nonisolated(unsafe) let boxes = hasTrees ? boxes.baseAddress : nil
            Compute.pool.run(parts: groups.count) { group in
              let (first, end) = (Int(groups.offsets[group]), Int(groups.offsets[group + 1]))
              guard first < end else { return }
              hr_build_points(
                points, rows! + first, end - first, dimensions,
                coordinates.map { $0 + blockStarts[group] * Self.block * dimensions },
                boxes.map { $0 + 4 * blockStarts[group] * dimensions })
            }
          }
        }
      }
    }
    self.dimensions = dimensions
    self.groups = groups
    self.blockStarts = blockStarts
    self.rows = rows
    self.coordinates = coordinates
    self.boxes = boxes
  }

  /// What counts as a neighbor.
  struct Limits: Sendable {
    /// At most so many, the nearest; all when it is `nil`.
    var count: Int?
    /// Those whose squared distance is at most its square, in single precision; all when it is `nil`.
    var radius: Float?
    /// Target t is point t, which is no neighbor of itself.
    var excludesSelf = false

    fileprivate var mostKey: UInt64 {
      guard let radius else { return HR_ANY_POINT }
      return UInt64((radius * radius).bitPattern) << 32 | UInt64(UInt32.max)
    }
  }

  /// The neighbors of each target, the nearest first, in compressed form.
  ///
  /// Shapes: targets [targets, dimensions], finite; graphs: the group of each.
  func neighbors(
    of targets: Tensor, in graphs: [UInt32], within limits: Limits
  ) -> (offsets: [UInt32], sources: [UInt32]) {
    let partSize = 64
    var parts = [Found](repeating: Found(), count: (graphs.count + partSize - 1) / partSize)
    withTrees { trees in
      targets.withUnsafeBufferPointer { targets in
        parts.withUnsafeMutableBufferPointer { parts in
          // Each part writes its own element, and all end before the closures do.
          nonisolated(unsafe) let (targets, parts) = (targets.baseAddress, parts.baseAddress!)
          let count = graphs.count
          Compute.pool.run(parts: (count + partSize - 1) / partSize) { part in
            let range = part * partSize..<min(count, (part + 1) * partSize)
            parts[part] = found(range, targets, graphs, trees, limits)
          }
        }
      }
    }
    let edgeCount = parts.reduce(0) { $0 + $1.sources.count }
    require(edgeCount <= Int(UInt32.max), "\(edgeCount) neighbors are more than a block holds")
    var (offsets, sources): ([UInt32], [UInt32]) = ([0], [])
    offsets.reserveCapacity(graphs.count + 1)
    sources.reserveCapacity(edgeCount)
    for part in parts {
      for count in part.counts { offsets.append(offsets[offsets.count - 1] + count) }
      sources += part.sources
    }
    return (offsets, sources)
  }

  private struct Found: Sendable {
    var counts: [UInt32] = []
    var sources: [UInt32] = []
  }

  /// The trees of all groups, over memory that stays where it is inside of `body`.
  private func withTrees(_ body: ([hr_point_tree]) -> Void) {
    coordinates.withUnsafeBufferPointer { coordinates in
      rows.withUnsafeBufferPointer { rows in
        boxes.withUnsafeBufferPointer { boxes in
          body(
            (0..<groups.count).map { group in
              let first = Int(groups.offsets[group])
              return hr_point_tree(
                coordinates: coordinates.baseAddress.map {
                  $0 + blockStarts[group] * Self.block * dimensions
                },
                rows: rows.baseAddress.map { $0 + first },
                boxes: self.boxes.isEmpty
                  ? nil : boxes.baseAddress.map { $0 + 4 * blockStarts[group] * dimensions },
                count: Int(groups.offsets[group + 1]) - first, dimensions: dimensions)
            })
        }
      }
    }
  }

  /// The neighbors of a range of targets.
  private func found(
    _ range: Range<Int>, _ targets: UnsafePointer<Float>?, _ graphs: [UInt32],
    _ trees: [hr_point_tree], _ limits: Limits
  ) -> Found {
    let tile = boxes.isEmpty ? 8 : 1
    let most = range.reduce(0) { max($0, trees[Int(graphs[$1])].count) }
    let room = min(limits.count ?? most, most)
    // Pages that no search reaches are never touched.
    let keys = UnsafeMutablePointer<UInt64>.allocate(capacity: max(1, tile * room))
    let searches = UnsafeMutablePointer<hr_point_search>.allocate(capacity: tile)
    defer {
      keys.deallocate()
      searches.deallocate()
    }
    var found = Found()
    found.counts.reserveCapacity(range.count)
    if let count = limits.count {
      found.sources.reserveCapacity(
        range.reduce(0) { $0 + min(count, trees[Int(graphs[$1])].count) })
    }
    // Without coordinates there is nothing to point at.
    var nothing: Float = 0
    withUnsafePointer(to: &nothing) { nothing in
      var next = range.lowerBound
      while next < range.upperBound {
        let graph = graphs[next]
        var size = 0
        while size < tile, next + size < range.upperBound, graphs[next + size] == graph {
          let target = next + size
          (searches + size).initialize(
            to: hr_point_search(
              target: targets.map { $0 + target * dimensions } ?? nothing,
              keys: keys + size * room, limit: min(room, trees[Int(graph)].count), found: 0,
              most: limits.mostKey,
              excluded: limits.excludesSelf ? UInt32(target) : UInt32.max))
          size += 1
        }
        withUnsafePointer(to: trees[Int(graph)]) { hr_search_points($0, searches, size) }
        for search in 0..<size {
          let count = searches[search].found
          found.counts.append(UInt32(count))
          for place in 0..<count {
            found.sources.append(UInt32(truncatingIfNeeded: searches[search].keys[place]))
          }
        }
        next += size
      }
    }
    return found
  }
}

/// Traps unless a tensor is a matrix of numbers that distances can be made of.
func checkPoints(_ points: Tensor) {
  require(points.shape.count == 2, "points of shape \(points.shape) are no matrix")
  points.withUnsafeBufferPointer { numbers in
    if let place = numbers.firstIndex(where: { !$0.isFinite }) {
      fatalError(
        "coordinate \(place % points.width) of point \(place / points.width) is "
          + "\(numbers[place]): a distance needs finite numbers")
    }
  }
}
