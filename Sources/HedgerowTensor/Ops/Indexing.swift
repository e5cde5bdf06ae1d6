import CHedgerowKernels
import HedgerowCore

// Elements named by indices: gathered, summed up where they belong, and put together. All of them are
// rows of some reading of the tensor, so that their gradients are those of `gathered(rows:)`.

extension NDTensor {
  /// Row `rows[i...]` as row i..., for each index of `rows`: shape [rows..., width...].
  @specialized(where Scalar == Float, Index == UInt32)
  @specialized(where Scalar == Float, Index == Int32)
  public func gathered<Index: IndexElement>(rows: NDArray<Index>) -> NDTensor {
    require(!shape.isEmpty, "a single number has no rows")
    return gathered(rows: rows.places(below: rowCount))
      .reshaped(to: rows.shape + shape.dropFirst())
  }

  /// The elements at some places of an axis, in any order and repeated: the axis becomes those of
  /// `places`. Those of one place are added up in the gradient, in rising order.
  @specialized(where Scalar == Float, Index == UInt32)
  @specialized(where Scalar == Float, Index == Int32)
  public func gathered<Index: IndexElement>(
    _ places: NDArray<Index>, along axis: Int
  ) -> NDTensor {
    let axis = checked(axis: axis)
    let extent = shape[axis]
    let chosen = places.places(below: extent)
    let result = shape[..<axis] + places.shape + shape[(axis + 1)...]
    let (outer, inner) = (shape[..<axis].reduce(1, *), shape[(axis + 1)...].reduce(1, *))
    require(outer * extent <= UInt32.max, "shape \(shape) is too large for this")
    let rows = repeated(chosen, outer, extent)
    return reshaped(to: [outer * extent, inner]).gathered(rows: rows).reshaped(to: Array(result))
  }

  /// One element for each index of `places`, which names its place along an axis; the other axes are
  /// those of the index: y[i, j] = x[i, places[i, j]] along the last of two.
  ///
  /// Traps unless `places` has as many axes, and along the others their extents.
  @specialized(where Scalar == Float, Index == UInt32)
  @specialized(where Scalar == Float, Index == Int32)
  public func picked<Index: IndexElement>(_ places: NDArray<Index>, along axis: Int) -> NDTensor {
    let axis = checked(axis: axis)
    require(
      places.shape.count == shape.count
        && shape.indices.allSatisfy { $0 == axis || places.shape[$0] == shape[$0] },
      "places of shape \(places.shape) along axis \(axis) of shape \(shape)")
    require(count <= UInt32.max, "shape \(shape) is too large for this")
    let inner = shape[(axis + 1)...].reduce(1, *)
    let (extent, taken) = (shape[axis], places.shape[axis])
    var elements = places.places(below: extent)
    var index = 0
    for outer in 0..<shape[..<axis].reduce(1, *) {
      for _ in 0..<taken {
        for column in 0..<inner {
          let place = outer * extent + Int(elements[index])
          elements[index] = UInt32(place * inner + column)
          index += 1
        }
      }
    }
    return reshaped(to: [count, 1]).gathered(rows: elements).reshaped(to: places.shape)
  }

  /// The rows whose element of a mask is true, in their order.
  @specialized(where Scalar == Float)
  public func gathered(where mask: Mask) -> NDTensor {
    require(mask.shape == [rowCount], "a mask of shape \(mask.shape) for rows of shape \(shape)")
    return gathered(rows: mask.places)
  }

  /// With `values` added at some places of an axis; those of one place in rising order.
  @specialized(where Scalar == Float, Index == UInt32)
  @specialized(where Scalar == Float, Index == Int32)
  public func adding<Index: IndexElement>(
    _ values: NDTensor, at places: NDArray<Index>, along axis: Int
  ) -> NDTensor {
    let axis = checked(axis: axis)
    return self + scatterSum(values, to: places, of: shape[axis], along: axis)
  }
}

/// y_p = sum of x_i over the places i of an axis with `places[i]` = p: zero where there are none.
///
/// The axis becomes one of extent `count`. Sums are in rising order of i, for any number of threads.
/// The gradient of x_i is that of y_p.
@specialized(where Scalar == Float, Index == UInt32)
@specialized(where Scalar == Float, Index == Int32)
public func scatterSum<Scalar, Index: IndexElement>(
  _ x: NDTensor<Scalar>, to places: NDArray<Index>, of count: Int, along axis: Int = 0
) -> NDTensor<Scalar> {
  let axis = x.checked(axis: axis)
  require(
    places.shape == [x.shape[axis]],
    "places of shape \(places.shape) along axis \(axis) of shape \(x.shape)")
  let chosen = places.places(below: count)
  let (outer, inner) = (x.shape[..<axis].reduce(1, *), x.shape[(axis + 1)...].reduce(1, *))
  require(
    outer * max(count, chosen.count) < UInt32.max, "shape \(x.shape) is too large for this")
  let rows = repeated(chosen, outer, count)
  let sources = CompressedRows(grouping: rows, rowCount: outer * count)
  let sums = segmentSum(x.reshaped(to: [rows.count, inner]), over: sources) {
    CompressedRows(
      offsets: (0...rows.count).map { UInt32($0) }, indices: rows, rowCount: rows.count)
  }
  var shape = x.shape
  shape[axis] = count
  return sums.reshaped(to: shape)
}

/// Places of an axis of some extent, as rows of all places of the axes in front.
private func repeated(_ places: [UInt32], _ outer: Int, _ extent: Int) -> [UInt32] {
  if outer == 1 { return places }
  return (0..<outer).flatMap { place in places.map { UInt32(place * extent) + $0 } }
}

extension CompressedRows {
  /// The places of each number in `rows`, rising: a counting sort, in time O(rows + their bound).
  init(grouping rows: [UInt32], rowCount: Int) {
    let offsets = Self.offsets(counting: rows, rowCount: rowCount)
    var next = offsets
    var indices = [UInt32](repeating: 0, count: rows.count)
    for (place, row) in rows.enumerated() {
      indices[Int(next[Int(row)])] = UInt32(truncatingIfNeeded: place)
      next[Int(row)] += 1
    }
    self.init(offsets: offsets, indices: indices, rowCount: rowCount)
  }
}

/// Tensors of one shape along a new axis, which becomes axis `axis`; a negative one counts from the end
/// of the new shape.
@specialized(where Scalar == Float)
public func stacked<Scalar>(_ parts: [NDTensor<Scalar>], along axis: Int = 0) -> NDTensor<Scalar> {
  guard let first = parts.first else { fatalError("nothing to stack") }
  let place = axis < 0 ? axis + first.shape.count + 1 : axis
  return concatenated(parts.map { $0.unsqueezed(place) }, along: place)
}

extension NDTensor {
  /// Stretches of an axis, one behind the other; traps when they do not fill it.
  @specialized(where Scalar == Float)
  public func split(_ extents: [Int], along axis: Int) -> [NDTensor] {
    let axis = checked(axis: axis)
    require(
      extents.allSatisfy { $0 >= 0 } && extents.reduce(0, +) == shape[axis],
      "extents \(extents) do not fill axis \(axis) of shape \(shape)")
    var begin = 0
    return extents.map { extent in
      defer { begin += extent }
      return sliced(begin..<begin + extent, along: axis)
    }
  }

  /// Stretches of `extent` places of an axis, the last one what is left.
  @specialized(where Scalar == Float)
  public func split(every extent: Int, along axis: Int) -> [NDTensor] {
    let whole = shape[checked(axis: axis)]
    require(extent > 0, "stretches of \(extent) places")
    return split(
      stride(from: 0, to: whole, by: extent).map { min(extent, whole - $0) }, along: axis)
  }
}
