import HedgerowCore

/// What becomes of an axis that a reduction went over.
public enum ReducedAxis: Sendable {
  case dropped
  /// Kept with extent 1, so that the result broadcasts against what was reduced.
  case one
}

/// The sum of all elements, of shape `[]`.
///
/// Parts are summed apart, then added in their order.
@specialized(where Scalar == Float)
public func sum<Scalar>(_ x: NDTensor<Scalar>) -> NDTensor<Scalar> {
  let shape = x.shape
  return NDTensor(sumOfElements(x)).recorded(from: x) { dy in
    dy.detached.broadcast(to: shape)
  }
}

/// The mean of all elements, of shape `[]`; traps when there are none.
@specialized(where Scalar == Float)
public func mean<Scalar>(_ x: NDTensor<Scalar>) -> NDTensor<Scalar> {
  require(x.count > 0, "no mean of shape \(x.shape)")
  return (1 / Scalar(x.count)) * sum(x)
}

/// Sums along one axis; a negative axis counts from the end.
@specialized(where Scalar == Float)
public func sum<Scalar>(
  _ x: NDTensor<Scalar>, along axis: Int, keeping axisLeft: ReducedAxis = .dropped
) -> NDTensor<Scalar> {
  let axis = x.checked(axis: axis)
  let result = x.summed(over: axis..<axis + 1, keeping: axisLeft)
  let (shape, kept) = (x.shape, x.shape(reducing: axis, keeping: .one))
  return result.recorded(from: x) { dy in
    NDTensor(dy.array.reshaped(to: kept).broadcast(to: shape))
  }
}

/// Means along one axis; traps when it has no extent.
@specialized(where Scalar == Float)
public func mean<Scalar>(
  _ x: NDTensor<Scalar>, along axis: Int, keeping axisLeft: ReducedAxis = .dropped
) -> NDTensor<Scalar> {
  let extent = x.shape[x.checked(axis: axis)]
  require(extent > 0, "no mean along axis \(axis) of shape \(x.shape)")
  return (1 / Scalar(extent)) * sum(x, along: axis, keeping: axisLeft)
}

/// The largest numbers along one axis; the gradient goes to the first of equals.
///
/// `NaN` where there is one. Traps when the axis has no extent.
@specialized(where Scalar == Float)
public func max<Scalar>(
  _ x: NDTensor<Scalar>, along axis: Int, keeping axisLeft: ReducedAxis = .dropped
) -> NDTensor<Scalar> {
  let axis = x.checked(axis: axis)
  require(x.shape[axis] > 0, "no largest number along axis \(axis) of shape \(x.shape)")
  // Each place of the extents in front has as many rows, of what stands behind the axis, as the axis.
  let (extent, inner) = (x.shape[axis], x.shape[(axis + 1)...].reduce(1, *))
  let outer = x.shape[..<axis].reduce(1, *)
  require(outer * extent <= UInt32.max, "shape \(x.shape) is too large for this")
  let offsets = (0...outer).map { UInt32($0 * extent) }
  return segmentMax(x.reshaped(to: [outer * extent, inner]), by: offsets)
    .reshaped(to: x.shape(reducing: axis, keeping: axisLeft))
}

extension NDTensor {
  func shape(reducing axis: Int, keeping axisLeft: ReducedAxis) -> [Int] {
    shape[..<axis] + (axisLeft == .one ? [1] : []) + shape[(axis + 1)...]
  }

  /// The sum over consecutive axes; not recorded.
  func summed(over axes: Range<Int>, keeping axesLeft: ReducedAxis) -> NDTensor {
    let outer = shape[..<axes.lowerBound].reduce(1, *)
    let count = shape[axes].reduce(1, *)
    let inner = shape[axes.upperBound...].reduce(1, *)
    let ones = axesLeft == .one ? [Int](repeating: 1, count: axes.count) : []
    let resultShape = shape[..<axes.lowerBound] + ones + shape[axes.upperBound...]
    if outer == 1 && inner > 1 {
      let sums = columnSums(NDTensor(sharing: storage, shape: [count, inner]))
      return NDTensor(sharing: sums.storage, shape: Array(resultShape))
    }
    let result = NDTensor(uninitialized: Array(resultShape))
    let base = storage.base
    if inner == 1 {
      if outer == 1 {
        result.storage.base[0] = sumOfElements(detached)
        return result
      }
      Compute.forEachPart(of: outer, size: Swift.max(1, Compute.elementsPerPart / (count + 1))) {
        for row in $0 {
          result.storage.base[row] = Scalar.kernels.sum(base + row * count, count)
        }
      }
      return result
    }
    let size = Swift.max(1, Compute.elementsPerPart / (count * inner + 1))
    Compute.forEachPart(of: outer, size: size) {
      for row in $0 {
        let sums = result.storage.base + row * inner
        Scalar.kernels.fill(sums, 0, inner)
        Scalar.kernels.columnSums(sums, base + row * count * inner, count, inner)
      }
    }
    return result
  }
}

func sumOfElements<Scalar>(_ x: NDTensor<Scalar>) -> Scalar {
  let size = Compute.elementsPerPart
  let partials = NDTensor<Scalar>(uninitialized: [Compute.partCount(of: x.count, size: size)])
  Compute.forEachPart(of: x.count, size: size) { part in
    partials.storage.base[part.lowerBound / size] =
      Scalar.kernels.sum(x.storage.base + part.lowerBound, part.count)
  }
  return Scalar.kernels.sum(partials.storage.base, partials.count)
}

/// The sum of each column of a matrix; not recorded.
func columnSums<Scalar>(_ x: NDTensor<Scalar>) -> NDTensor<Scalar> {
  let width = x.shape[1]
  return sumOverRowParts(of: x.shape[0], shape: [width]) { rows, sum in
    Scalar.kernels.fill(sum, 0, width)
    Scalar.kernels.columnSums(
      sum, x.storage.base + rows.lowerBound * width, rows.count, width)
  }
}
