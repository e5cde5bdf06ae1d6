import CHedgerowBLAS

/// A matrix where BLAS can read it: rows or columns whose elements stand together, the next one any
/// step further.
struct Matrix<Scalar: TensorScalar> {
  private var base: UnsafeMutablePointer<Scalar>
  private(set) var rowCount: Int
  private(set) var columnCount: Int
  /// From one row to the next, or from one column when they are what stands together.
  private var step: Int
  private var isByColumns: Bool

  /// `nil` when neither rows nor columns stand together.
  init?(_ first: UnsafeMutablePointer<Scalar>, rows: (Int, step: Int), columns: (Int, step: Int)) {
    base = first
    (rowCount, columnCount) = (rows.0, columns.0)
    // The step along an axis of one place means nothing.
    if rowCount == 0 || columnCount == 0 {
      (step, isByColumns) = (max(1, columnCount), false)
    } else if columns.step == 1 || columnCount == 1, rows.step >= columnCount || rowCount == 1 {
      (step, isByColumns) = (rowCount == 1 ? columnCount : rows.step, false)
    } else if rows.step == 1 || rowCount == 1, columns.step >= rowCount || columnCount == 1 {
      (step, isByColumns) = (columnCount == 1 ? rowCount : columns.step, true)
    } else {
      return nil
    }
  }

  /// A tensor that is a matrix, which must outlive this; one that BLAS cannot read is copied.
  init(_ x: NDTensor<Scalar>) { self = MatrixBatch(x, []).first }

  var transposed: Matrix {
    var result = self
    swap(&result.rowCount, &result.columnCount)
    result.isByColumns.toggle()
    return result
  }

  func rows(_ range: Range<Int>) -> Matrix {
    var result = self
    result.base += range.lowerBound * (isByColumns ? 1 : step)
    result.rowCount = range.count
    return result
  }

  func moved(by offset: Int) -> Matrix {
    var result = self
    result.base += offset
    return result
  }

  /// c = a b, or c += a b, where c is contiguous.
  fileprivate func multiplied(
    by other: Matrix, into c: UnsafeMutablePointer<Scalar>, isAdded: Bool
  ) {
    let (m, n, k) = (rowCount, other.columnCount, columnCount)
    if m == 0 || n == 0 { return }
    if k == 0 {
      if !isAdded { Scalar.kernels.fill(c, 0, m * n) }
      return
    }
    Compute.singleThreadedBLAS
    Scalar.kernels.gemm(
      isByColumns ? CblasTrans : CblasNoTrans, other.isByColumns ? CblasTrans : CblasNoTrans,
      Int32(m), Int32(n), Int32(k), base, Int32(step), other.base, Int32(other.step),
      isAdded ? 1 : 0, c, Int32(n))
  }
}

/// a b, into `c` or onto it.
func multiply<Scalar>(
  _ a: Matrix<Scalar>, _ b: Matrix<Scalar>, into c: UnsafeMutablePointer<Scalar>, isAdded: Bool
) {
  a.multiplied(by: b, into: c, isAdded: isAdded)
}

/// A matrix for each place of some extents, which the tensor's own broadcast to.
struct MatrixBatch<Scalar: TensorScalar> {
  let first: Matrix<Scalar>
  private let shape: [Int]
  private let strides: [Int]

  /// The last two axes are the matrices'. The tensor must outlive this.
  init(_ x: NDTensor<Scalar>, _ shape: [Int]) {
    let (row, column) = (x.shape.count - 2, x.shape.count - 1)
    let extents = x.shape
    func read(_ layout: Layout<Scalar>) -> Matrix<Scalar>? {
      Matrix(
        layout.first, rows: (extents[row], layout.strides[row]),
        columns: (extents[column], layout.strides[column]))
    }
    var layout = x.array.layout
    if let matrix = read(layout) {
      first = matrix
    } else {
      layout = Layout(first: x.storage.base, shape: extents, strides: rowMajorStrides(extents))
      first = read(layout)!
    }
    let missing = shape.count - row
    self.shape = shape
    strides = shape.indices.map { axis in
      axis < missing || extents[axis - missing] == 1 ? 0 : layout.strides[axis - missing]
    }
  }

  subscript(place: Int) -> Matrix<Scalar> {
    var (rest, offset) = (place, 0)
    for axis in shape.indices.reversed() {
      offset += rest % shape[axis] * strides[axis]
      rest /= shape[axis]
    }
    return first.moved(by: offset)
  }
}
