import HedgerowCore

/// Which numbers come first. `NaN` is larger than all others, and equal numbers keep their order.
public enum SortOrder: Sendable { case rising, falling }

/// The places that sort the numbers along an axis. Time O(n log n) for each row of n.
@specialized(where Scalar == Float)
public func argSorted<Scalar>(
  _ x: NDTensor<Scalar>, along axis: Int = -1, _ order: SortOrder = .rising
) -> NDArray<Int32> {
  let (axis, last) = (x.checked(axis: axis), x.shape.count - 1)
  var axes = Array(x.shape.indices)
  axes.swapAt(axis, last)
  let rows = x.array.transposed(by: axes)
  let result = NDArray<Int32>(uninitialized: rows.shape)
  let columns = rows.shape[last]
  require(columns <= Int32.max, "shape \(x.shape) is too large for this")
  if rows.count == 0 { return result.transposed(by: axes) }
  let (from, to) = (rows.storage.base, result.storage.base)
  withExtendedLifetime(rows) {
    Compute.forEachPart(
      of: rows.count / columns, size: max(1, Compute.elementsPerPart / 16 / columns)
    ) { part in
      let scratch = NDArray<Int32>(uninitialized: [columns])
      let first = part.lowerBound * columns
      Scalar.kernels.sortRows(
        to + first, scratch.storage.base, from + first, part.count, columns, order == .falling)
    }
  }
  return result.transposed(by: axes)
}

/// The numbers along an axis sorted, and the places that they were at.
@specialized(where Scalar == Float)
public func sorted<Scalar>(
  _ x: NDTensor<Scalar>, along axis: Int = -1, _ order: SortOrder = .rising
) -> (values: NDTensor<Scalar>, places: NDArray<Int32>) {
  let places = argSorted(x, along: axis, order)
  return (x.picked(places, along: axis), places)
}

/// The k largest numbers along an axis, falling, and the places that they were at; traps when there are
/// fewer.
@specialized(where Scalar == Float)
public func topK<Scalar>(
  _ x: NDTensor<Scalar>, _ k: Int, along axis: Int = -1
) -> (values: NDTensor<Scalar>, places: NDArray<Int32>) {
  let places = argSorted(x, along: axis, .falling).sliced(0..<k, along: axis)
  return (x.picked(places, along: axis), places)
}

/// The sum of all numbers along an axis up to each.
@specialized(where Scalar == Float)
public func cumulativeSum<Scalar>(
  _ x: NDTensor<Scalar>, along axis: Int = -1
) -> NDTensor<Scalar> {
  let axis = x.checked(axis: axis)
  func summed(_ x: NDTensor<Scalar>, isBackward: Bool) -> NDTensor<Scalar> {
    let y = NDTensor<Scalar>(uninitialized: x.shape)
    let (extent, inner) = (x.shape[axis], x.shape[(axis + 1)...].reduce(1, *))
    let (from, to) = (x.storage.base, y.storage.base)
    let size = max(1, Compute.elementsPerPart / max(1, extent * inner))
    Compute.forEachPart(of: x.shape[..<axis].reduce(1, *), size: size) {
      for place in $0 {
        let first = place * extent * inner
        Scalar.kernels.cumulativeSum(to + first, from + first, extent, inner, isBackward)
      }
    }
    return y
  }
  return summed(x.detached, isBackward: false).recorded(from: x) { summed($0, isBackward: true) }
}
