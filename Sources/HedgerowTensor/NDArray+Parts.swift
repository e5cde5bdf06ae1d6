import HedgerowCore

// Arrays made of parts of others: what is done with indices, masks and numbers at rest, without a
// gradient. Those of tensors are in Ops.

extension NDArray {
  /// The elements at some places of an axis, in any order and repeated: the axis becomes those of
  /// `places`. Traps when there is no such place.
  public func gathered<Index: IndexElement>(
    _ places: NDArray<Index>, along axis: Int = 0
  ) -> NDArray {
    let axis = checked(axis: axis)
    let chosen = places.places(below: shape[axis])
    let (outer, inner) = (shape[..<axis].reduce(1, *), shape[(axis + 1)...].reduce(1, *))
    let result = NDArray(
      uninitialized: Array(shape[..<axis] + places.shape + shape[(axis + 1)...]))
    let (from, to) = (storage.base, result.storage.base)
    let extent = shape[axis]
    let size = Swift.max(1, Compute.elementsPerPart / Swift.max(inner, 1))
    Compute.forEachPart(of: outer * chosen.count, size: size) { part in
      for row in part {
        let (block, index) = row.quotientAndRemainder(dividingBy: chosen.count)
        let place = block * extent + Int(chosen[index])
        (to + row * inner).update(from: from + place * inner, count: inner)
      }
    }
    return result
  }

  /// The rows whose element of a mask is true, in their order.
  public func gathered(where mask: Mask) -> NDArray {
    require(mask.shape == [rowCount], "a mask of shape \(mask.shape) for rows of shape \(shape)")
    return gathered(NDArray<UInt32>(mask.places))
  }

  /// Arrays one behind the other along an axis; traps when they differ in another extent, or there is
  /// none.
  public static func concatenated(_ parts: [NDArray], along axis: Int) -> NDArray {
    guard let first = parts.first else { fatalError("nothing to put one behind the other") }
    let axis = first.checked(axis: axis)
    require(
      parts.allSatisfy { part in
        part.shape.count == first.shape.count
          && part.shape.indices.allSatisfy { $0 == axis || part.shape[$0] == first.shape[$0] }
      }, "cannot put shapes \(parts.map(\.shape)) one behind the other along axis \(axis)")
    var shape = first.shape
    shape[axis] = parts.reduce(0) { $0 + $1.shape[axis] }
    let result = NDArray(uninitialized: shape)
    var begin = 0
    for part in parts {
      let window = Window(begin..<begin + part.shape[axis], along: axis, of: shape)
      part.layout.copy(to: window.layout(in: result.storage.base, shape: shape))
      begin += part.shape[axis]
    }
    return result
  }
}
