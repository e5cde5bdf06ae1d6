import CHedgerowBLAS
import CHedgerowKernels
import HedgerowCore

/// A matrix where products can read it: rows or columns whose elements stand together, the next one any
/// step further.
struct Matrix<Scalar: TensorScalar> {
  /// What the elements are, and what becomes of them.
  enum Numbers {
    /// Multiplied as they are.
    case exact
    /// float32, rounded to bfloat16 on the way.
    case rounding
    /// bfloat16 already.
    case rounded

    var byteCount: Int {
      self == .rounded ? MemoryLayout<BFloat16>.stride : MemoryLayout<Scalar>.stride
    }
  }
  let numbers: Numbers
  private var base: UnsafeMutableRawPointer
  private(set) var rowCount: Int
  private(set) var columnCount: Int
  /// From one row to the next, or from one column when they are what stands together.
  private var step: Int
  private var isByColumns: Bool

  /// `nil` when neither rows nor columns stand together.
  init?(
    _ first: UnsafeMutableRawPointer, _ numbers: Numbers, rows: (Int, step: Int),
    columns: (Int, step: Int)
  ) {
    base = first
    self.numbers = numbers
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

  /// A factor that is a matrix, which must outlive this; one that cannot be read where it is is copied.
  init(_ factor: Factor<Scalar>) { self = MatrixBatch(factor, []).first }

  var transposed: Matrix {
    var result = self
    swap(&result.rowCount, &result.columnCount)
    result.isByColumns.toggle()
    return result
  }

  func rows(_ range: Range<Int>) -> Matrix {
    var result = moved(by: range.lowerBound * (isByColumns ? 1 : step))
    result.rowCount = range.count
    return result
  }

  func moved(by offset: Int) -> Matrix {
    var result = self
    result.base += offset * numbers.byteCount
    return result
  }

  /// c = a b, or c += a b, where rows of c begin `step` elements apart; both factors are exact.
  func multiplied(
    by other: Matrix, into c: UnsafeMutablePointer<Scalar>, step rowStep: Int, isAdded: Bool
  ) {
    let (m, n, k) = (rowCount, other.columnCount, columnCount)
    if m == 0 || n == 0 { return }
    if k == 0 {
      if !isAdded { for row in 0..<m { Scalar.kernels.fill(c + row * rowStep, 0, n) } }
      return
    }
    Compute.singleThreadedBLAS
    Scalar.kernels.gemm(
      isByColumns ? CblasTrans : CblasNoTrans, other.isByColumns ? CblasTrans : CblasNoTrans,
      Int32(m), Int32(n), Int32(k), base.assumingMemoryBound(to: Scalar.self), Int32(step),
      other.base.assumingMemoryBound(to: Scalar.self), Int32(other.step), isAdded ? 1 : 0, c,
      Int32(rowStep))
  }

  /// Whether so much of this is zero that its product with `columnCount` columns is faster without; both
  /// factors are exact.
  func isWorthSkippingZeros(columns columnCount: Int) -> Bool {
    Scalar.self == Float.self
      && hr_is_worth_skipping(floats, rowCount, columnCount, self.columnCount)
  }

  /// A right factor, and where its product goes, whose rows begin `step` elements apart.
  struct Place {
    let factor: Matrix
    let result: UnsafeMutablePointer<Scalar>
    let step: Int
  }

  /// Products of this with several factors, of float32, but that zeros of this count as nothing, even times
  /// infinity.
  func multipliedSkippingZeros(by places: [Place], isAdded: Bool) {
    let scratch = NDArray<Float>(uninitialized: [hr_gemm_skipping_scratch_count()])
    let products = places.map {
      hr_product(
        b: $0.factor.floats, n: $0.factor.columnCount,
        c: UnsafeMutableRawPointer($0.result).assumingMemoryBound(to: Float.self), c_step: $0.step)
    }
    withExtendedLifetime(scratch) {
      hr_gemm_skipping(
        products, products.count, floats, rowCount, columnCount, isAdded, scratch.storage.base)
    }
  }

  private var floats: hr_floats {
    hr_floats(
      base: base.assumingMemoryBound(to: Float.self), row_step: isByColumns ? 1 : step,
      column_step: isByColumns ? step : 1)
  }

  /// As the kernels of bfloat16 read it.
  var rounded: hr_factor {
    hr_factor(
      base: base, row_step: isByColumns ? 1 : step, column_step: isByColumns ? step : 1,
      is_bfloat16: numbers == .rounded)
  }
}

/// A factor that products read some rows of at a time.
///
/// Rows that somebody else keeps (``RowsInPlace``) are copied for each reading, as a matrix needs them one behind the
/// other: so there is memory for the rows that are multiplied just now, not for all.
enum FactorRows<Scalar: TensorScalar> {
  case matrix(Matrix<Scalar>)
  case inPlace(RowsInPlace)

  /// The factor must outlive this.
  init(_ factor: Factor<Scalar>) {
    if case .exact(let x) = factor, let rows = x.array.rowsInPlace {
      self = .inPlace(rows)
    } else {
      self = .matrix(Matrix(factor))
    }
  }

  var columnCount: Int {
    switch self {
    case .matrix(let matrix): matrix.columnCount
    case .inPlace(let rows): rows.width
    }
  }

  var isExact: Bool {
    switch self {
    case .matrix(let matrix): matrix.numbers == .exact
    case .inPlace: true
    }
  }

  /// A matrix of some rows, and the copy that it may be of, which must outlive it.
  func rows(_ range: Range<Int>) -> (matrix: Matrix<Scalar>, copy: NDArray<Float>?) {
    switch self {
    case .matrix(let matrix): return (matrix.rows(range), nil)
    case .inPlace(let rows):
      let copy = NDArray<Float>(uninitialized: [range.count, rows.width])
      let base = copy.storage.base
      rows.copy(range, to: base)
      let matrix = Matrix<Scalar>(
        UnsafeMutableRawPointer(base), .exact, rows: (range.count, step: rows.width),
        columns: (rows.width, step: 1))
      return (matrix!, copy)
    }
  }

  func withRows(_ range: Range<Int>, _ body: (Matrix<Scalar>) -> Void) {
    let (matrix, copy) = rows(range)
    withExtendedLifetime(copy) { body(matrix) }
  }
}

/// A matrix for each place of some extents, which the tensor's own broadcast to.
struct MatrixBatch<Scalar: TensorScalar> {
  let first: Matrix<Scalar>
  private let shape: [Int]
  private let strides: [Int]

  /// The last two axes are the matrices'. The factor must outlive this.
  init(_ factor: Factor<Scalar>, _ shape: [Int]) {
    switch factor {
    case .exact(let x): self.init(x.array, .exact, shape)
    case .rounding(let x): self.init(x.array, .rounding, shape)
    case .bfloat16(let x): self.init(x, .rounded, shape)
    case .float16: preconditionFailure("products are made of readable factors")
    }
  }

  private init<Element>(
    _ x: NDArray<Element>, _ numbers: Matrix<Scalar>.Numbers, _ shape: [Int]
  ) {
    let (row, column) = (x.shape.count - 2, x.shape.count - 1)
    let extents = x.shape
    func read(_ layout: Layout<Element>) -> Matrix<Scalar>? {
      Matrix(
        layout.first, numbers, rows: (extents[row], layout.strides[row]),
        columns: (extents[column], layout.strides[column]))
    }
    var layout = x.layout
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
