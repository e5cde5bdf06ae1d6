import CHedgerowBLAS
import HedgerowCore

/// The matrix product: [..., n, k] by [k, m], or by [..., k, m] with the same extents in front, gives
/// [..., n, m].
public func matmul<Scalar>(
  _ a: NDTensor<Scalar>, _ b: NDTensor<Scalar>
) -> NDTensor<Scalar> {
  let (rank, inner) = (a.shape.count, a.shape.last ?? 0)
  require(
    rank >= 2 && b.shape.count >= 2 && b.shape[b.shape.count - 2] == inner
      && (b.shape.count == 2 || b.shape.dropLast(2) == a.shape.dropLast(2)),
    "cannot multiply matrices of shapes \(a.shape) and \(b.shape)")
  if b.shape.count > 2 { return batchedProduct(a, b) }
  if rank > 2 {
    return matmul(a.reshaped(to: [a.shape.dropLast().reduce(1, *), inner]), b)
      .reshaped(to: a.shape.dropLast() + [b.shape[1]])
  }
  let (x, w) = (a.detached, b.detached)
  return product(x, w).recorded(from: [a, b]) { dy, isNeeded in
    [
      isNeeded[0] ? product(dy, w, isTransposed: true) : nil,
      isNeeded[1] ? transposedProduct(x, dy) : nil,
    ]
  }
}

/// One product for each place of the extents in front; not cut into rows.
private func batchedProduct<Scalar>(
  _ a: NDTensor<Scalar>, _ b: NDTensor<Scalar>
) -> NDTensor<Scalar> {
  let (x, w) = (a.detached, b.detached)
  return batched(x, w, .none).recorded(from: [a, b]) { dy, isNeeded in
    [isNeeded[0] ? batched(dy, w, .second) : nil, isNeeded[1] ? batched(x, dy, .first) : nil]
  }
}

private enum TransposedOperand { case none, first, second }

private func batched<Scalar>(
  _ a: NDTensor<Scalar>, _ b: NDTensor<Scalar>, _ transposed: TransposedOperand
) -> NDTensor<Scalar> {
  let (aRows, aColumns) = (a.shape[a.shape.count - 2], a.shape[a.shape.count - 1])
  let (bRows, bColumns) = (b.shape[b.shape.count - 2], b.shape[b.shape.count - 1])
  let (m, k) = transposed == .first ? (aColumns, aRows) : (aRows, aColumns)
  let n = transposed == .second ? bRows : bColumns
  let c = NDTensor<Scalar>(uninitialized: a.shape.dropLast(2) + [m, n])
  let size = max(1, Compute.elementsPerPart / max(1, m * max(n, k)))
  Compute.forEachPart(of: a.shape.dropLast(2).reduce(1, *), size: size) {
    for place in $0 {
      gemm(
        transposed == .first ? CblasTrans : CblasNoTrans,
        transposed == .second ? CblasTrans : CblasNoTrans, m, n, k,
        a.storage.base + place * aRows * aColumns, aColumns,
        b.storage.base + place * bRows * bColumns, bColumns, isAdded: false,
        c.storage.base + place * m * n, n)
    }
  }
  return c
}

/// Rows of a product that one BLAS call makes: few enough to spread and to stay in a core's cache
/// for what follows, enough to pay for packing the other matrix.
let rowsPerProduct = 512

/// x w, or x w^T when `isTransposed`; not recorded.
func product<Scalar>(
  _ x: NDTensor<Scalar>, _ w: NDTensor<Scalar>, isTransposed: Bool = false
) -> NDTensor<Scalar> {
  let y = NDTensor<Scalar>(uninitialized: [x.shape[0], w.shape[isTransposed ? 0 : 1]])
  Compute.forEachPart(of: x.shape[0], size: rowsPerProduct) { rows in
    let (inner, outer) = (x.shape[1], y.shape[1])
    gemm(
      CblasNoTrans, isTransposed ? CblasTrans : CblasNoTrans, rows.count, outer, inner,
      x.storage.base + rows.lowerBound * inner, inner, w.storage.base, w.shape[1],
      isAdded: false, y.storage.base + rows.lowerBound * outer, outer)
  }
  return y
}

/// Rows of x w^T, into `y` or onto it.
func multiplyRows<Scalar>(
  _ rows: Range<Int>, of x: NDTensor<Scalar>, _ w: NDTensor<Scalar>,
  into y: UnsafeMutablePointer<Scalar>, isAdded: Bool
) {
  let (inner, outer) = (x.shape[1], w.shape[0])
  gemm(
    CblasNoTrans, CblasTrans, rows.count, outer, inner,
    x.storage.base + rows.lowerBound * inner, inner, w.storage.base, inner, isAdded: isAdded, y,
    outer)
}

/// x^T y, the gradient of a weight; not recorded.
///
/// Parts of the rows are multiplied apart, then added in their order.
func transposedProduct<Scalar>(
  _ x: NDTensor<Scalar>, _ y: NDTensor<Scalar>
) -> NDTensor<Scalar> {
  let shape = [x.shape[1], y.shape[1]]
  return sumOverRowParts(of: x.shape[0], shape: shape) { rows, sum in
    gemm(
      CblasTrans, CblasNoTrans, shape[0], shape[1], rows.count,
      x.storage.base + rows.lowerBound * shape[0], shape[0],
      y.storage.base + rows.lowerBound * shape[1], shape[1], isAdded: false, sum, shape[1])
  }
}

/// The sum over parts of the rows of what `body` writes for each, of the given shape.
///
/// At most 64 parts, of at least 512 rows, whatever the number of threads.
func sumOverRowParts<Scalar>(
  of rowCount: Int, shape: [Int],
  _ body: (_ rows: Range<Int>, _ sum: UnsafeMutablePointer<Scalar>) -> Void
) -> NDTensor<Scalar> {
  if rowCount == 0 { return .zeros(shape) }
  let rowsPerPart = max(512, (rowCount + 63) / 64)
  let partCount = Compute.partCount(of: rowCount, size: rowsPerPart)
  let partials = NDTensor<Scalar>(uninitialized: [partCount] + shape)
  let count = partials.width
  Compute.forEachPart(of: rowCount, size: rowsPerPart) { rows in
    body(rows, partials.storage.base + rows.lowerBound / rowsPerPart * count)
  }
  if partCount > 1 {
    Compute.forEachPart(of: count, size: Compute.elementsPerPart / 8) { part in
      let sum = partials.storage.base + part.lowerBound
      for index in 1..<partCount {
        Scalar.kernels.add(sum, sum, sum + index * count, part.count)
      }
    }
  }
  return NDTensor(sharing: partials.storage, shape: shape)
}

/// c = a b, or c += a b, of row-major matrices: c is [m, n], the inner extent is k.
private func gemm<Scalar: TensorScalar>(
  _ transposeA: CBLAS_TRANSPOSE, _ transposeB: CBLAS_TRANSPOSE, _ m: Int, _ n: Int, _ k: Int,
  _ a: UnsafePointer<Scalar>, _ strideA: Int, _ b: UnsafePointer<Scalar>, _ strideB: Int,
  isAdded: Bool, _ c: UnsafeMutablePointer<Scalar>, _ strideC: Int
) {
  if m == 0 || n == 0 { return }
  if k == 0 {
    if !isAdded { Scalar.kernels.fill(c, 0, m * n) }
    return
  }
  Compute.singleThreadedBLAS
  Scalar.kernels.gemm(
    transposeA, transposeB, Int32(m), Int32(n), Int32(k), a, Int32(strideA), b, Int32(strideB),
    isAdded ? 1 : 0, c, Int32(strideC))
}
