import CHedgerowKernels
import HedgerowCore

/// The product with a dense matrix: [n, k] by [k, m] gives [n, m], and by a vector [k] gives [n].
///
/// Gradients flow to the dense factor - a product with the transposed matrix - and to the values: for each
/// entry the product of two rows. Terms are added in the order of ``SparsityPattern/byRow``. Time
/// O(entries m).
@specialized(where Scalar == Float)
public func matmul<Scalar>(
  _ a: SparseMatrix<Scalar>, _ x: NDTensor<Scalar>
) -> NDTensor<Scalar> {
  require(
    (1...2).contains(x.shape.count) && x.shape[0] == a.columnCount,
    "cannot multiply a sparse matrix of shape \(a.shape) with shape \(x.shape)")
  if x.shape.count == 1 { return matmul(a, x.unsqueezed(1)).squeezed(1) }
  let pattern = a.pattern
  return segmentSum(x, over: pattern.byRow, weights: a.values) { pattern.byColumn }
}

/// The product of two sparse matrices, by row (CSR), each place once and columns rising.
///
/// Entries that cancel stay, as zeros. Gradients flow to the values of both. Rows are made by Gustavson's
/// algorithm, in two passes of which the first counts the entries; terms are added in the order of a's rows
/// (``SparsityPattern/byRow``), on all threads over parts of the rows of about as many terms. Time
/// O(terms), where each entry of a has as many as its row of b has entries; traps when the product has
/// 2^32 entries or more.
///
/// Source: F. G. Gustavson, Two fast algorithms for sparse matrices, ACM TOMS 4 (1978).
@specialized(where Scalar == Float)
public func matmul<Scalar>(
  _ a: SparseMatrix<Scalar>, _ b: SparseMatrix<Scalar>
) -> SparseMatrix<Scalar> {
  require(
    a.columnCount == b.rowCount,
    "cannot multiply sparse matrices of shapes \(a.shape) and \(b.shape)")
  let (a, b) = (a.converted(to: .csr), b.converted(to: .csr))
  let plan = ProductPlan(a.pattern.byRow, b.pattern.byRow, width: b.columnCount)
  let y = plan.product(a.values.detached, b.values.detached)
  let pattern = SparsityPattern(y.rows, columnCount: b.columnCount)
  let (left, right) = (a.values.detached, b.values.detached)
  let values = y.values.recorded(from: [a.values, b.values]) { dy, isNeeded in
    // Of y = a b, and of its transpose.
    let da =
      isNeeded[0] ? plan.leftGradient(dy, at: y.rows, right: right) : nil
    guard isNeeded[1] else { return [da, nil] }
    let (p, q, r) = (b.pattern.byColumn, a.pattern.byColumn, pattern.byColumn)
    let transposed = ProductPlan(p, q, width: a.rowCount).leftGradient(
      dy.gathered(rows: r.entries), at: r, right: left.gathered(rows: q.entries))
    return [da, transposed.gathered(rows: inverse(of: p.entries))]
  }
  return SparseMatrix(pattern, values: values)
}

extension SparseMatrix {
  /// A A ... A, of `exponent` factors; the identity for none. Of square matrices, by row (CSR).
  ///
  /// Entries multiply: for the small powers that say what is few steps away.
  public func power(_ exponent: Int) -> SparseMatrix {
    require(
      rowCount == columnCount && exponent >= 0,
      "a matrix of shape \(shape) has no power \(exponent)")
    if exponent == 0 { return .identity(rowCount) }
    if exponent == 1 { return converted(to: .csr) }
    let half = power(exponent / 2)
    let square = matmul(half, half)
    return exponent.isMultiple(of: 2) ? square : matmul(square, self)
  }
}

/// Where each number of a permutation stands.
func inverse(of places: [UInt32]) -> [UInt32] {
  var inverse = [UInt32](repeating: 0, count: places.count)
  for (index, place) in places.enumerated() { inverse[Int(place)] = UInt32(index) }
  return inverse
}

/// The rows of two matrices, and how many terms each row of their product has.
private struct ProductPlan {
  let a: CompressedRows
  let b: CompressedRows
  /// Columns of b.
  let width: Int
  /// Terms of each row.
  private let bounds: [UInt64]
  /// Parts of the rows, of about ``termsPerPart``.
  private let parts: [Range<Int>]

  /// Terms of a part: enough to pay for a table that has a slot for each column.
  private static let termsPerPart: UInt64 = 1 << 19

  init(_ a: CompressedRows, _ b: CompressedRows, width: Int) {
    (self.a, self.b, self.width) = (a, b, width)
    let bounds = [UInt64](unsafeUninitializedCapacity: a.rowCount) { bounds, count in
      nonisolated(unsafe) let base = bounds.baseAddress
      Compute.forEachPart(of: a.rowCount, size: a.rowsPerPart(width: 1)) {
        hr_spgemm_bounds(base, a.offsets, a.indices, b.offsets, $0.lowerBound, $0.upperBound)
      }
      count = a.rowCount
    }
    var parts: [Range<Int>] = []
    var (first, terms): (Int, UInt64) = (0, 0)
    for row in 0..<a.rowCount {
      // An empty row is work, too.
      terms += bounds[row] + 1
      if terms >= Self.termsPerPart || row == a.rowCount - 1 {
        parts.append(first..<row + 1)
        (first, terms) = (row + 1, 0)
      }
    }
    (self.bounds, self.parts) = (bounds, parts)
  }

  func product<Scalar: TensorScalar>(
    _ left: NDTensor<Scalar>, _ right: NDTensor<Scalar>
  ) -> (rows: CompressedRows, values: NDTensor<Scalar>) {
    var offsets = counts()
    var count = 0
    for row in 0..<a.rowCount {
      count += Int(offsets[row + 1])
      require(count <= UInt32.max, "a product of sparse matrices has 2^32 entries or more")
      offsets[row + 1] = UInt32(count)
    }
    let values = NDTensor<Scalar>(uninitialized: [count])
    let (output, x, y) = (values.storage.base, left.storage.base, right.storage.base)
    let columns = [UInt32](unsafeUninitializedCapacity: count) { columns, initialized in
      nonisolated(unsafe) let base = columns.baseAddress
      forEachPart(sumsOf: Scalar.self) { rows, table in
        Scalar.graphKernels.product(
          base, output, offsets, bounds, a.offsets, a.indices, x, b.offsets, b.indices, y,
          UInt64(width), table, rows.lowerBound, rows.upperBound)
      }
      initialized = count
    }
    return (CompressedRows(offsets: offsets, indices: columns, rowCount: a.rowCount), values)
  }

  /// The gradient of a's values, where `dy` is that of the product's, whose rows are `rows`.
  func leftGradient<Scalar: TensorScalar>(
    _ dy: NDTensor<Scalar>, at rows: CompressedRows, right: NDTensor<Scalar>
  ) -> NDTensor<Scalar> {
    let da = NDTensor<Scalar>(uninitialized: [a.count])
    let (output, slopes, y) = (da.storage.base, dy.storage.base, right.storage.base)
    forEachPart(sumsOf: Scalar.self) { part, table in
      Scalar.graphKernels.productBackward(
        output, rows.offsets, rows.indices, slopes, a.offsets, a.indices, b.offsets, b.indices, y,
        UInt64(width), table, part.lowerBound, part.upperBound)
    }
    return da
  }

  /// A zero, then how many entries each row of the product has.
  private func counts() -> [UInt32] {
    [UInt32](unsafeUninitializedCapacity: a.rowCount + 1) { counts, count in
      counts[0] = 0
      nonisolated(unsafe) let base = counts.baseAddress! + 1
      forEachPart(sumsOf: Float.self) { rows, table in
        hr_spgemm_count(
          base, bounds, a.offsets, a.indices, b.offsets, b.indices, UInt64(width), table,
          rows.lowerBound, rows.upperBound)
      }
      count = a.rowCount + 1
    }
  }

  /// Calls `body`, on all threads, with each part of the rows and a table for them.
  private func forEachPart<Scalar: TensorScalar>(
    sumsOf: Scalar.Type, _ body: (Range<Int>, UnsafePointer<hr_spgemm_table>) -> Void
  ) {
    Compute.forEachPart(of: parts.count, size: 1) {
      for rows in parts[$0] {
        let capacity = Int(hr_spgemm_capacity(bounds[rows].max() ?? 0, UInt64(width)))
        let numbers = Storage<UInt32>(count: 4 * capacity)
        let sums = Storage<Scalar>(count: capacity)
        numbers.base.update(repeating: .max, count: capacity)
        var table = hr_spgemm_table(
          columns: numbers.base, slots: numbers.base + capacity, sums: sums.base,
          keys: numbers.base + 2 * capacity, capacity: UInt64(capacity))
        withExtendedLifetime((numbers, sums)) { body(rows, &table) }
      }
    }
  }
}
