import HedgerowCore

/// The sum of all elements, of shape `[]`.
///
/// Parts are summed apart, then added in their order.
public func sum<Scalar>(_ x: NDTensor<Scalar>) -> NDTensor<Scalar> {
  let shape = x.shape
  return NDTensor(sumOfElements(x)).recorded(from: x) { dy in
    NDTensor(repeating: dy.scalar, shape: shape)
  }
}

/// The mean of all elements, of shape `[]`; traps when there are none.
public func mean<Scalar>(_ x: NDTensor<Scalar>) -> NDTensor<Scalar> {
  require(x.count > 0, "no mean of shape \(x.shape)")
  return (1 / Scalar(x.count)) * sum(x)
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
