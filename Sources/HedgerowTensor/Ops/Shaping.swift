import HedgerowCore

extension NDTensor {
  /// The same elements in the same order under another shape; one extent may be -1, which stands
  /// for what is left. Shares the elements. Traps when the counts differ.
  public func reshaped(to shape: [Int]) -> NDTensor {
    var target = shape
    if let open = target.firstIndex(of: -1) {
      let others = target.enumerated().reduce(1) { $1.offset == open ? $0 : $0 * $1.element }
      require(
        others > 0 && count.isMultiple(of: others), "shape \(self.shape) does not become \(shape)")
      target[open] = count / others
    }
    require(
      target.allSatisfy { $0 >= 0 } && target.reduce(1, *) == count,
      "shape \(self.shape) does not become \(shape)")
    if target == self.shape { return self }
    let own = self.shape
    return NDTensor(sharing: storage, shape: target).recorded(from: self) { dy in
      NDTensor(sharing: dy.storage, shape: own)
    }
  }

  /// Axis `axes[k]` becomes axis k. Time O(elements).
  public func transposed(by axes: [Int]) -> NDTensor {
    require(
      axes.sorted() == Array(shape.indices), "axes \(axes) are no order of those of shape \(shape)")
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() {
      strides[axis] = strides[axis + 1] * shape[axis + 1]
    }
    let result = NDTensor(uninitialized: axes.map { shape[$0] })
    let extents = result.shape
    let steps = axes.map { strides[$0] }
    let (width, step) = (extents.last ?? 1, steps.last ?? 1)
    let (from, to) = (storage.base, result.storage.base)
    let rowCount = result.count / max(width, 1)
    Compute.forEachPart(of: rowCount, size: max(1, Compute.elementsPerPart / max(width, 1))) {
      for row in $0 {
        var (rest, first) = (row, 0)
        for axis in extents.indices.dropLast().reversed() {
          first += rest % extents[axis] * steps[axis]
          rest /= extents[axis]
        }
        let out = to + row * width
        for column in 0..<width { out[column] = from[first + column * step] }
      }
    }
    var inverse = axes
    for (axis, from) in axes.enumerated() { inverse[from] = axis }
    return result.recorded(from: self) { $0.transposed(by: inverse) }
  }

  /// Rows of a matrix become columns.
  public func transposed() -> NDTensor {
    require(shape.count == 2, "shape \(shape) is no matrix")
    return transposed(by: [1, 0])
  }

  /// A stretch of one axis; a negative axis counts from the end. Time O(elements taken).
  public func sliced(_ range: Range<Int>, along axis: Int) -> NDTensor {
    let axis = checked(axis: axis)
    require(
      range.lowerBound >= 0 && range.upperBound <= shape[axis],
      "no \(range) along axis \(axis) of shape \(shape)")
    let result = NDTensor(uninitialized: shape[..<axis] + [range.count] + shape[(axis + 1)...])
    copy(from: range, of: axis, into: result)
    let own = shape
    return result.recorded(from: self) { dy in
      let dx = NDTensor.zeros(own)
      dx.paste(dy, at: range, of: axis)
      return dx
    }
  }

  private func copy(from range: Range<Int>, of axis: Int, into result: NDTensor) {
    let inner = shape[(axis + 1)...].reduce(1, *)
    let (own, taken) = (shape[axis] * inner, range.count * inner)
    guard taken > 0 else { return }
    let (from, to) = (storage.base + range.lowerBound * inner, result.storage.base)
    Compute.forEachPart(
      of: result.count / taken, size: max(1, Compute.elementsPerPart / taken)
    ) {
      for row in $0 { (to + row * taken).update(from: from + row * own, count: taken) }
    }
  }

  /// Writes into elements that nobody else holds yet.
  fileprivate func paste(_ part: NDTensor, at range: Range<Int>, of axis: Int) {
    let inner = shape[(axis + 1)...].reduce(1, *)
    let (own, taken) = (shape[axis] * inner, range.count * inner)
    guard taken > 0 else { return }
    let (from, to) = (part.storage.base, storage.base + range.lowerBound * inner)
    Compute.forEachPart(of: part.count / taken, size: max(1, Compute.elementsPerPart / taken)) {
      for row in $0 { (to + row * own).update(from: from + row * taken, count: taken) }
    }
  }
}

/// Tensors one behind the other along an axis, the last one unless another is named.
///
/// Traps when they differ in another extent.
public func concatenated<Scalar>(_ parts: NDTensor<Scalar>..., along axis: Int = -1)
  -> NDTensor<Scalar>
{
  concatenated(parts, along: axis)
}

/// Tensors one behind the other along an axis, the last one unless another is named.
public func concatenated<Scalar>(_ parts: [NDTensor<Scalar>], along axis: Int = -1)
  -> NDTensor<Scalar>
{
  guard let first = parts.first else { fatalError("nothing to put one behind the other") }
  if parts.count == 1 { return first }
  let axis = first.checked(axis: axis)
  var ranges: [Range<Int>] = []
  for part in parts {
    require(
      part.shape.count == first.shape.count
        && part.shape.indices.allSatisfy { $0 == axis || part.shape[$0] == first.shape[$0] },
      "cannot put shapes \(parts.map(\.shape)) one behind the other along axis \(axis)")
    let begin = ranges.last?.upperBound ?? 0
    ranges.append(begin..<begin + part.shape[axis])
  }
  var shape = first.shape
  shape[axis] = ranges.last!.upperBound
  let result = NDTensor<Scalar>(uninitialized: shape)
  for (part, range) in zip(parts, ranges) { result.paste(part, at: range, of: axis) }
  return result.recorded(from: parts) { dy, isNeeded in
    zip(ranges, isNeeded).map { $1 ? dy.sliced($0, along: axis) : nil }
  }
}
