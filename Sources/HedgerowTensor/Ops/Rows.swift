import CHedgerowKernels
import HedgerowCore

extension NDTensor {
  /// The first `count` rows, sharing the elements: the targets of a block among its sources.
  @specialized(where Scalar == Float)
  public func prefix(rows count: Int) -> NDTensor {
    require(
      !shape.isEmpty && 0 <= count && count <= rowCount, "no first \(count) rows in shape \(shape)")
    if count == rowCount { return self }
    let result = NDTensor(array.prefix(rows: count))
    // The gradient of the first rows alone: the others' is zero.
    return result.recorded(from: self) { dy in dy }
  }

  /// Row `rows[i]` as row i, for each i; a row may be taken several times.
  ///
  /// Traps when a row is not below ``rowCount``. The gradient is that of the rows taken; those of a
  /// row that was taken several times are added in rising order of i.
  @specialized(where Scalar == Float)
  public func gathered(rows: [UInt32]) -> NDTensor {
    require(!shape.isEmpty, "a single number has no rows")
    require(
      hr_indices_are_valid(rows, rows.count, UInt32(clamping: rowCount)),
      "rows up to \(rows.max() ?? 0) are outside shape \(shape)")
    let width = self.width
    let result = NDTensor(uninitialized: [rows.count] + shape.dropFirst())
    let size = max(1, Compute.elementsPerPart / max(width, 1))
    rows.withUnsafeBufferPointer { rows in
      // Read only by the parts, which end before the closure does.
      nonisolated(unsafe) let rows = rows.baseAddress
      let (from, to) = (storage.base, result.storage.base)
      Compute.forEachPart(of: result.rowCount, size: size) { part in
        Scalar.kernels.gatherRows(
          to + part.lowerBound * width, from, rows! + part.lowerBound, part.count, width)
      }
    }
    return result.recorded(from: self, rows: rows)
  }
}

extension NDTensor {
  /// ``gathered(rows:)``, but no gradient goes to one row of the table.
  @specialized(where Scalar == Float)
  public func gathered(rows: [UInt32], freezing frozen: UInt32) -> NDTensor {
    let places = rows.indices.filter { rows[$0] != frozen }.map { UInt32($0) }
    if places.count == rows.count { return gathered(rows: rows) }
    return detached.gathered(rows: rows).recordedCotangents(from: [self]) { dy, _ in
      [.rows([RowPiece(rows: places.map { rows[Int($0)] }, values: dy.gathered(rows: places))])]
    }
  }
}

/// Each row x of a matrix as x / max(length of x, `least`), the length in the Euclidean sense.
@specialized(where Scalar == Float)
public func rowsOfLengthOne<Scalar>(
  _ x: NDTensor<Scalar>, least: Scalar = 1e-12
) -> NDTensor<Scalar> {
  require(x.shape.count == 2, "shape \(x.shape) is no matrix")
  let (rowCount, width) = (x.shape[0], x.shape[1])
  let size = max(1, Compute.elementsPerPart / max(width, 1))
  let y = NDTensor<Scalar>(uninitialized: x.shape)
  let (from, to) = (x.storage.base, y.storage.base)
  Compute.forEachPart(of: rowCount, size: size) { rows in
    let first = rows.lowerBound * width
    Scalar.kernels.unitRows(to + first, from + first, least, rows.count, width)
  }
  let input = x.detached
  return y.recorded(from: x) { dy in
    let dx = NDTensor<Scalar>(uninitialized: input.shape)
    Compute.forEachPart(of: rowCount, size: size) { rows in
      let first = rows.lowerBound * width
      Scalar.kernels.unitRowsBackward(
        dx.storage.base + first, dy.storage.base + first, input.storage.base + first, least,
        rows.count, width)
    }
    return dx
  }
}
