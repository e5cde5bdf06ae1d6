import HedgerowCore

/// The matrix product: [..., n, k] by [..., k, m] gives [..., n, m]; extents in front broadcast. A vector
/// on the left is a row, on the right a column, and its axis is gone from the result.
///
/// Transposed operands, and slices of matrices, are multiplied where they are.
@specialized(where Scalar == Float)
public func matmul<Scalar>(
  _ a: NDTensor<Scalar>, _ b: NDTensor<Scalar>
) -> NDTensor<Scalar> {
  let (rank, inner) = (a.shape.count, a.shape.last ?? 0)
  require(
    rank >= 1 && b.shape.count >= 1 && b.shape[max(0, b.shape.count - 2)] == inner,
    "cannot multiply matrices of shapes \(a.shape) and \(b.shape)")
  if rank == 1 { return matmul(a.unsqueezed(0), b).squeezed(b.shape.count == 1 ? 0 : -2) }
  if b.shape.count == 1 { return matmul(a, b.unsqueezed(1)).squeezed(-1) }
  if rank > 2 && b.shape.count == 2 {
    return matmul(a.reshaped(to: [a.shape.dropLast().reduce(1, *), inner]), b)
      .reshaped(to: a.shape.dropLast() + [b.shape[1]])
  }
  let precision = Precision.current
  let (x, w) = (Factor(kept: a, precision), Factor(kept: b, precision))
  if rank == 2 && b.shape.count == 2 {
    return product(x, w).recorded(from: [a, b]) { dy, isNeeded in
      let dy = Factor(dy, precision)
      return [
        isNeeded[0] ? product(dy, w, isTransposed: true) : nil,
        isNeeded[1] ? transposedProduct(x, dy) : nil,
      ]
    }
  }
  return batchedProduct(x, w).recorded(from: [a, b]) { dy, isNeeded in
    let dy = Factor(dy, precision)
    return [
      isNeeded[0] ? batchedProduct(dy, w.transposed).summed(to: x.shape) : nil,
      isNeeded[1] ? batchedProduct(x.transposed, dy).summed(to: w.shape) : nil,
    ]
  }
}

/// One product for each place of the extents in front, cut into rows; not recorded.
private func batchedProduct<Scalar>(
  _ a: Factor<Scalar>, _ b: Factor<Scalar>
) -> NDTensor<Scalar> {
  let (a, b) = (a.readable, b.readable)
  defer { withExtendedLifetime((a, b)) {} }
  let shape = broadcastShape(a.shape.dropLast(2), b.shape.dropLast(2))
  let (x, y) = (MatrixBatch(a, shape), MatrixBatch(b, shape))
  let (m, n, k) = (x.first.rowCount, y.first.columnCount, x.first.columnCount)
  let c = NDTensor<Scalar>(uninitialized: shape + [m, n])
  let blocks = max(1, Compute.partCount(of: m, size: rowsPerProduct))
  let size = blocks > 1 ? 1 : max(1, Compute.elementsPerPart / max(1, m * max(n, k)))
  Compute.forEachPart(of: shape.reduce(1, *) * blocks, size: size) {
    for index in $0 {
      let (place, block) = index.quotientAndRemainder(dividingBy: blocks)
      let first = block * rowsPerProduct
      multiply(
        x[place].rows(first..<min(m, first + rowsPerProduct)), RightFactor(y[place]),
        into: c.storage.base + (place * m + first) * n, isAdded: false)
    }
  }
  return c
}

/// Rows of a product that are made at once: few enough to spread and to stay in a core's cache
/// for what follows, enough to pay for packing the other matrix.
let rowsPerProduct = 512

/// x w, or x w^T when `isTransposed`; not recorded.
func product<Scalar>(
  _ x: Factor<Scalar>, _ w: Factor<Scalar>, isTransposed: Bool = false
) -> NDTensor<Scalar> {
  let (x, w) = (x.readable, w.readable)
  defer { withExtendedLifetime((x, w)) {} }
  let a = Matrix(x)
  let b = RightFactor(isTransposed ? Matrix(w).transposed : Matrix(w))
  let width = b.matrix.columnCount
  let y = NDTensor<Scalar>(uninitialized: [a.rowCount, width])
  Compute.forEachPart(of: a.rowCount, size: b.rowsPerProduct(of: a.rowCount)) { rows in
    multiply(a.rows(rows), b, into: y.storage.base + rows.lowerBound * width, isAdded: false)
  }
  return y
}

/// x^T y, the gradient of a weight; not recorded.
func transposedProduct<Scalar>(_ x: Factor<Scalar>, _ y: Factor<Scalar>) -> NDTensor<Scalar> {
  transposedProducts(x, [y])[0]
}

/// x^T y for several y, gradients of weights that are used with different inputs; not recorded.
///
/// Parts of the rows are multiplied apart, then added in their order. Where zeros of x are skipped, they are
/// looked for once.
func transposedProducts<Scalar>(
  _ x: Factor<Scalar>, _ factors: [Factor<Scalar>]
) -> [NDTensor<Scalar>] {
  if factors.isEmpty { return [] }
  let (x, readable) = (x.readable, factors.map(\.readable))
  defer { withExtendedLifetime((x, readable)) {} }
  let (a, others) = (Matrix(x), readable.map { FactorRows($0) })
  // Results lie one behind the other, so that parts of all are added at once.
  let width = others.reduce(0) { $0 + $1.columnCount }
  var end = 0
  let places = others.map { other in
    let begin = end
    end += a.columnCount * other.columnCount
    return begin..<end
  }
  let sums = sumOverRowParts(of: a.rowCount, shape: [end]) { rows, sum in
    let part = a.rows(rows).transposed
    let isSkipping = others[0].isExact && part.isWorthSkippingZeros(columns: width)
    if isSkipping {
      let copies = others.map { $0.rows(rows) }
      let products = zip(copies, places).map { other, place in
        Matrix<Scalar>.Place(
          factor: other.matrix, result: sum + place.lowerBound, step: other.matrix.columnCount)
      }
      withExtendedLifetime(copies) { part.multipliedSkippingZeros(by: products, isAdded: false) }
    } else {
      for (other, place) in zip(others, places) {
        other.withRows(rows) {
          multiply(part, RightFactor($0), into: sum + place.lowerBound, isAdded: false)
        }
      }
    }
  }
  return zip(others, places).map { other, place in
    sums.sliced(place, along: 0).reshaped(to: [a.columnCount, other.columnCount])
  }
}

/// The sum over parts of the rows of what `body` writes for each, of the given shape.
///
/// At most 64 parts, of at least 512 rows and of 1,024 where that leaves eight, whatever the number of threads:
/// each has a sum of its own.
func sumOverRowParts<Scalar>(
  of rowCount: Int, shape: [Int],
  _ body: (_ rows: Range<Int>, _ sum: UnsafeMutablePointer<Scalar>) -> Void
) -> NDTensor<Scalar> {
  if rowCount == 0 { return .zeros(shape) }
  let rowsPerPart = max(512, min(1024, rowCount / 8), (rowCount + 63) / 64)
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
