public import HedgerowCore
public import HedgerowTensor

/// A surface of triangles.
public struct Mesh: Sendable {
  /// [vertices, 3]
  public let positions: Tensor
  /// Three vertices of each triangle, counterclockwise where its front is seen.
  public let triangles: [(UInt32, UInt32, UInt32)]

  /// Traps when positions are not [vertices, 3] or a triangle has a vertex that is not there.
  public init(positions: Tensor, triangles: [(UInt32, UInt32, UInt32)]) {
    require(
      positions.shape.count == 2 && positions.width == 3,
      "vertices of shape \(positions.shape) are not in three dimensions")
    for (a, b, c) in triangles {
      require(
        max(a, b, c) < positions.rowCount, "no vertex \(max(a, b, c)) of \(positions.rowCount)")
    }
    self.positions = positions
    self.triangles = triangles
  }

  /// Points drawn uniformly from the surface, with replacement: a triangle by its area, then a place in it.
  ///
  /// Gives points [count, 3] and the normals of their triangles, of length one, [count, 3]. Each point is a function of
  /// the stream and of its place among the points.
  ///
  /// - Throws: `badData` when the surface has no area, or one that is not finite.
  public func sampled(
    _ count: Int, from stream: RandomStream
  ) throws -> (points: Tensor, normals: Tensor) {
    require(count >= 0, "there are no \(count) points")
    let numbers = positions.scalars.map { Double($0) }
    func vertex(_ row: UInt32) -> SIMD3<Double> {
      SIMD3(numbers[3 * Int(row)], numbers[3 * Int(row) + 1], numbers[3 * Int(row) + 2])
    }
    // The areas of all triangles up to each.
    var sums: [Double] = []
    sums.reserveCapacity(triangles.count)
    for (a, b, c) in triangles {
      let (u, v) = (vertex(b) - vertex(a), vertex(c) - vertex(a))
      sums.append((sums.last ?? 0) + cross(u, v).length / 2)
    }
    let area = sums.last ?? 0
    guard area > 0, area.isFinite else {
      throw HedgerowError(
        .badData, "a surface of \(triangles.count) triangles and area \(area) has no points to draw"
      )
    }
    var (points, normals): ([Float], [Float]) = ([], [])
    for place in 0..<count {
      var own = stream.derive(UInt64(place))
      let wanted = own.nextUnit() * area
      var (low, high) = (0, sums.count - 1)
      while low < high {
        let middle = low + (high - low) / 2
        if sums[middle] > wanted { high = middle } else { low = middle + 1 }
      }
      let (a, b, c) = triangles[low]
      let (u, v) = (vertex(b) - vertex(a), vertex(c) - vertex(a))
      var (s, t) = (own.nextUnit(), own.nextUnit())
      if s + t > 1 { (s, t) = (1 - s, 1 - t) }
      let point = vertex(a) + s * u + t * v
      let normal = cross(u, v)
      let unit = normal / max(normal.length, .leastNormalMagnitude)
      for axis in 0..<3 {
        points.append(Float(point[axis]))
        normals.append(Float(unit[axis]))
      }
    }
    return (Tensor(points, shape: [count, 3]), Tensor(normals, shape: [count, 3]))
  }
}

private func cross(_ a: SIMD3<Double>, _ b: SIMD3<Double>) -> SIMD3<Double> {
  SIMD3(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x)
}

extension SIMD3<Double> {
  fileprivate var length: Double { (self * self).sum().squareRoot() }
}
