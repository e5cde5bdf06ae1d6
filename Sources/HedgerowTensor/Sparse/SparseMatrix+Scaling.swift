import HedgerowCore

// Sums over rows and columns, and what is divided by them.

extension SparseMatrix {
  /// How many entries each row (axis 1) or each column (axis 0) has.
  public func degrees(along axis: Int) -> NDTensor<Scalar> {
    let rows = pattern.reading(along: axis)
    return NDTensor(shape: [rows.rowCount]) { degrees in
      for row in 0..<rows.rowCount {
        degrees[row] = Scalar(rows.offsets[row + 1] - rows.offsets[row])
      }
    }
  }

  /// The matrix with row i times `factors[i]`: diag(factors) A.
  public func scaled(rows factors: NDTensor<Scalar>) -> SparseMatrix {
    mapValues { $0 * factors.taken(by: pattern, along: 1) }
  }

  /// The matrix with column j times `factors[j]`: A diag(factors).
  public func scaled(columns factors: NDTensor<Scalar>) -> SparseMatrix {
    mapValues { $0 * factors.taken(by: pattern, along: 0) }
  }

  /// What ``normalized(_:)`` divides by.
  public enum Normalization: Sendable {
    /// D^-1/2 A D^-1/2, with D the sums of rows on both sides: Kipf and Welling,
    /// https://arxiv.org/abs/1609.02907. Of square matrices.
    case symmetric
    /// D^-1 A, with D the sums of rows: a random walk from a row to a column.
    case rows
    /// A D^-1, with D the sums of columns.
    case columns
  }

  /// The matrix divided by the sums of its values along rows or columns. Rows, or columns, whose sum is
  /// zero become zeros; the root of a negative sum is NaN.
  public func normalized(_ kind: Normalization) -> SparseMatrix {
    switch kind {
    case .symmetric:
      require(rowCount == columnCount, "a matrix of shape \(shape) has no sums for both sides")
      let factors = sum(self, along: 1).inverse(rsqrt)
      return scaled(rows: factors).scaled(columns: factors)
    case .rows: return scaled(rows: sum(self, along: 1).inverse(reciprocal))
    case .columns: return scaled(columns: sum(self, along: 0).inverse(reciprocal))
    }
  }
}

/// The sums of rows (axis 1) or of columns (axis 0): a vector.
@specialized(where Scalar == Float)
public func sum<Scalar>(_ a: SparseMatrix<Scalar>, along axis: Int) -> NDTensor<Scalar> {
  a.values.summed(by: a.pattern, along: axis)
}

extension SparsityPattern {
  /// The entries of each row (axis 1) or of each column (axis 0).
  fileprivate func reading(along axis: Int) -> CompressedRows {
    require((0...1).contains(axis), "a matrix has no axis \(axis)")
    return axis == 1 ? byRow : byColumn
  }
}

extension NDTensor {
  /// Numbers for the entries of a pattern, added up in each row (axis 1) or column (axis 0).
  @specialized(where Scalar == Float)
  fileprivate func summed(by pattern: SparsityPattern, along axis: Int) -> NDTensor {
    let rows = pattern.reading(along: axis)
    let values = rows.entries.isEmpty ? detached : detached.gathered(rows: rows.entries)
    return segmentSum(values, by: rows.offsets).recorded(from: self) {
      $0.taken(by: pattern, along: axis)
    }
  }

  /// For each entry of a pattern, the number of its row (axis 1) or of its column (axis 0).
  @specialized(where Scalar == Float)
  fileprivate func taken(by pattern: SparsityPattern, along axis: Int) -> NDTensor {
    let extent = axis == 1 ? pattern.rowCount : pattern.columnCount
    require(shape == [extent], "shape \(shape) for \(extent) rows or columns of a sparse matrix")
    let (rows, columns) = pattern.coordinates
    return detached.gathered(rows: axis == 1 ? rows : columns).recorded(from: self) {
      $0.summed(by: pattern, along: axis)
    }
  }

  /// `function`, which has a pole at zero, but there zero.
  fileprivate func inverse(_ function: (NDTensor) -> NDTensor) -> NDTensor {
    let isZero = self .== 0
    return select(
      isZero, NDTensor(0), otherwise: function(select(isZero, NDTensor(1), otherwise: self)))
  }
}
