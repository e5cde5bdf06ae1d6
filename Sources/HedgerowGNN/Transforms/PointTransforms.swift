import Glibc
public import HedgerowCore
public import HedgerowTensor

/// Points, each moved along each axis by a number drawn uniformly from -distance..<distance.
///
/// Shapes: points [points, dimensions], distances one for each dimension; traps unless they are not negative.
public func jittered(
  _ points: Tensor, by distances: [Float], from stream: RandomStream
) -> Tensor {
  require(
    points.shape.count == 2 && points.width == distances.count,
    "\(distances.count) distances for points of shape \(points.shape)")
  require(distances.allSatisfy { $0 >= 0 && $0.isFinite }, "distances are not \(distances)")
  return points + Tensor.random(points.shape, from: stream) * Tensor(distances)
}

/// The axis that points in three dimensions are turned around.
public enum RotationAxis: Sendable { case x, y, z }

/// Points turned around the origin by an angle.
///
/// Shapes: points [points, 2] or [points, 3]. A positive angle turns from the second of the other axes to the first,
/// and in two dimensions from y to x, as `RandomRotate` of PyTorch Geometric.
///
/// - Parameters:
///   - radians: the angle.
///   - axis: of points in three dimensions.
public func rotated(_ points: Tensor, by radians: Double, around axis: RotationAxis = .x) -> Tensor
{
  require(
    points.shape.count == 2 && (2...3).contains(points.width),
    "points of shape \(points.shape) are not turned")
  let (s, c) = (Float(Glibc.sin(radians)), Float(Glibc.cos(radians)))
  let matrix: [[Float]] =
    if points.width == 2 {
      [[c, s], [-s, c]]
    } else {
      switch axis {
      case .x: [[1, 0, 0], [0, c, s], [0, -s, c]]
      case .y: [[c, 0, -s], [0, 1, 0], [s, 0, c]]
      case .z: [[c, s, 0], [-s, c, 0], [0, 0, 1]]
      }
    }
  return matmul(points, Tensor(matrix).transposed())
}

/// Points turned around the origin by an angle drawn uniformly from a range, in radians.
public func rotated(
  _ points: Tensor, in range: ClosedRange<Double>, around axis: RotationAxis = .x,
  from stream: RandomStream
) -> Tensor {
  rotated(points, by: number(in: range, from: stream), around: axis)
}

/// Points times a factor drawn uniformly from a range.
public func scaled(
  _ points: Tensor, in range: ClosedRange<Double>, from stream: RandomStream
) -> Tensor {
  Float(number(in: range, from: stream)) * points
}

private func number(in range: ClosedRange<Double>, from stream: RandomStream) -> Double {
  require(
    range.lowerBound.isFinite && range.upperBound.isFinite, "no number is drawn from \(range)")
  var stream = stream
  return range.lowerBound + stream.nextUnit() * (range.upperBound - range.lowerBound)
}
