import HedgerowCore

/// Rows of classification that one part computes; an exponential costs more than a sum.
private let rowsPerPart = 256

/// exp(x) / sum of exp(x) along an axis, the last one unless another is named: the probabilities
/// that logits stand for.
@specialized(where Scalar == Float)
public func softmax<Scalar>(_ x: NDTensor<Scalar>, along axis: Int = -1) -> NDTensor<Scalar> {
  alongLast(x, axis) { x in
    let y = rowwise(x, Scalar.layerKernels.softmax)
    return y.recorded(from: x) { dy in rowwise(dy, y, Scalar.layerKernels.softmaxBackward) }
  }
}

/// x - log(sum of exp(x)) along an axis, the last one unless another is named.
@specialized(where Scalar == Float)
public func logSoftmax<Scalar>(_ x: NDTensor<Scalar>, along axis: Int = -1) -> NDTensor<Scalar> {
  alongLast(x, axis) { x in
    let y = rowwise(x, Scalar.layerKernels.logSoftmax)
    return y.recorded(from: x) { dy in rowwise(dy, y, Scalar.layerKernels.logSoftmaxBackward) }
  }
}

/// exp(-x) / sum of exp(-x) along an axis, the last one unless another is named.
public func softmin<Scalar>(_ x: NDTensor<Scalar>, along axis: Int = -1) -> NDTensor<Scalar> {
  softmax(-x, along: axis)
}

/// The function of the last axis, applied along another.
private func alongLast<Scalar>(
  _ x: NDTensor<Scalar>, _ axis: Int, _ function: (NDTensor<Scalar>) -> NDTensor<Scalar>
) -> NDTensor<Scalar> {
  let (axis, last) = (x.checked(axis: axis), x.shape.count - 1)
  if axis == last { return function(x) }
  var axes = Array(x.shape.indices)
  axes.swapAt(axis, last)
  return function(x.transposed(by: axes)).transposed(by: axes)
}

/// Rows are stretches of the last axis.
private func rowwise<Scalar>(
  _ x: NDTensor<Scalar>,
  _ kernel: (UnsafeMutablePointer<Scalar>?, UnsafePointer<Scalar>?, Int, Int) -> Void
) -> NDTensor<Scalar> {
  let y = NDTensor<Scalar>(uninitialized: x.shape)
  guard x.count > 0, let width = x.shape.last else { return y }
  let (from, to) = (x.storage.base, y.storage.base)
  Compute.forEachPart(of: x.count / width, size: rowsPerPart) { rows in
    let first = rows.lowerBound * width
    kernel(to + first, from + first, rows.count, width)
  }
  return y
}

private func rowwise<Scalar>(
  _ dy: NDTensor<Scalar>, _ y: NDTensor<Scalar>,
  _ kernel: (
    UnsafeMutablePointer<Scalar>?, UnsafePointer<Scalar>?, UnsafePointer<Scalar>?, Int, Int
  ) -> Void
) -> NDTensor<Scalar> {
  let dx = NDTensor<Scalar>(uninitialized: y.shape)
  guard y.count > 0, let width = y.shape.last else { return dx }
  let from = dy.storage.base
  Compute.forEachPart(of: y.count / width, size: rowsPerPart) { rows in
    let first = rows.lowerBound * width
    kernel(dx.storage.base + first, from + first, y.storage.base + first, rows.count, width)
  }
  return dx
}

/// The column of the largest element of each row, the first of equals.
@specialized(where Scalar == Float)
public func argMax<Scalar>(_ x: NDTensor<Scalar>) -> [Int32] {
  require(x.shape.count == 2 && x.shape[1] > 0, "no largest column in shape \(x.shape)")
  return [Int32](unsafeUninitializedCapacity: x.shape[0]) { buffer, count in
    let base = buffer.baseAddress
    Compute.forEachPart(of: x.shape[0], size: rowsPerPart) { rows in
      Scalar.kernels.argMax(
        base! + rows.lowerBound, x.storage.base + rows.lowerBound * x.shape[1], rows.count,
        x.shape[1])
    }
    count = x.shape[0]
  }
}
