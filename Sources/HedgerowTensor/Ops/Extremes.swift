import HedgerowCore

/// The largest numbers along one axis; the gradient goes to the first of equals.
///
/// `NaN` where there is one. Traps when the axis has no extent.
@specialized(where Scalar == Float)
public func max<Scalar>(
  _ x: NDTensor<Scalar>, along axis: Int, keeping axisLeft: ReducedAxis = .dropped
) -> NDTensor<Scalar> {
  extreme(x, along: axis, keeping: axisLeft) { segmentMax($0, by: $1) }
}

/// The smallest numbers along one axis, as ``max(_:along:keeping:)``.
@specialized(where Scalar == Float)
public func min<Scalar>(
  _ x: NDTensor<Scalar>, along axis: Int, keeping axisLeft: ReducedAxis = .dropped
) -> NDTensor<Scalar> {
  extreme(x, along: axis, keeping: axisLeft) { segmentMin($0, by: $1) }
}

/// The largest numbers along axes; the gradient goes to the first of equals.
@specialized(where Scalar == Float)
public func max<Scalar>(
  _ x: NDTensor<Scalar>, along axes: [Int], keeping axesLeft: ReducedAxis = .dropped
) -> NDTensor<Scalar> {
  byRows(x, axes, axesLeft) { max($0, along: 1) }
}

/// The smallest numbers along axes.
@specialized(where Scalar == Float)
public func min<Scalar>(
  _ x: NDTensor<Scalar>, along axes: [Int], keeping axesLeft: ReducedAxis = .dropped
) -> NDTensor<Scalar> {
  byRows(x, axes, axesLeft) { min($0, along: 1) }
}

/// The place of the largest number along an axis, the first of equals; of `NaN` where there is one.
/// Traps when the axis has no extent.
@specialized(where Scalar == Float)
public func argMax<Scalar>(_ x: NDTensor<Scalar>, along axis: Int) -> NDArray<Int32> {
  argExtreme(x, along: axis, sign: 1)
}

/// The place of the smallest number along an axis, as ``argMax(_:along:)``.
@specialized(where Scalar == Float)
public func argMin<Scalar>(_ x: NDTensor<Scalar>, along axis: Int) -> NDArray<Int32> {
  argExtreme(x, along: axis, sign: -1)
}

/// Each place of the extents in front of an axis has as many rows, of what stands behind the axis, as
/// the axis has extent: segments of rows.
private struct AxisSegments<Scalar: TensorScalar> {
  let rows: NDTensor<Scalar>
  let offsets: [UInt32]

  init(_ x: NDTensor<Scalar>, along axis: Int) {
    let (extent, inner) = (x.shape[axis], x.shape[(axis + 1)...].reduce(1, *))
    let outer = x.shape[..<axis].reduce(1, *)
    require(extent > 0, "no largest or smallest number along axis \(axis) of shape \(x.shape)")
    require(outer * extent <= UInt32.max, "shape \(x.shape) is too large for this")
    rows = x.reshaped(to: [outer * extent, inner])
    offsets = (0...outer).map { UInt32($0 * extent) }
  }
}

private func extreme<Scalar>(
  _ x: NDTensor<Scalar>, along axis: Int, keeping axisLeft: ReducedAxis,
  _ reduce: (NDTensor<Scalar>, [UInt32]) -> NDTensor<Scalar>
) -> NDTensor<Scalar> {
  let axis = x.checked(axis: axis)
  let segments = AxisSegments(x, along: axis)
  return reduce(segments.rows, segments.offsets)
    .reshaped(to: x.shape(reducing: axis, keeping: axisLeft))
}

private func argExtreme<Scalar>(
  _ x: NDTensor<Scalar>, along axis: Int, sign: Int32
) -> NDArray<Int32> {
  let axis = x.checked(axis: axis)
  let segments = AxisSegments(x.detached, along: axis)
  let (_, places) = extremes(
    segments.rows, segments.offsets, nil, rowCount: segments.offsets.count - 1,
    width: segments.rows.shape[1], sign: sign)
  let extent = UInt32(x.shape[axis])
  return NDArray(
    places.map { Int32($0 % extent) }, shape: x.shape(reducing: axis, keeping: .dropped))
}
