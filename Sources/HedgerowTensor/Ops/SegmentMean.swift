import CHedgerowKernels
import HedgerowCore

/// Rows of a graph in compressed form: row r lists `indices[offsets[r]..<offsets[r + 1]]`.
///
/// The arrays may be longer than the rows need.
public struct CompressedRows: Sendable {
  public var offsets: [UInt32]
  public var indices: [UInt32]
  public var rowCount: Int

  public init(offsets: [UInt32], indices: [UInt32], rowCount: Int) {
    self.offsets = offsets
    self.indices = indices
    self.rowCount = rowCount
  }

  /// Traps unless offsets begin with 0 and do not fall, and every index is below `bound`.
  func check(bound: Int, _ what: String) {
    require(
      offsets.count > rowCount && Int(offsets[rowCount]) <= indices.count
        && hr_rows_are_valid(offsets, indices, rowCount, UInt32(clamping: bound)),
      "\(what) of \(rowCount) rows with indices below \(bound) are not well formed: "
        + "\(offsets.count) offsets, \(indices.count) indices")
  }

  /// Rows of one part: about as many elements as an element-wise part has.
  func rowsPerPart(width: Int) -> Int {
    let edges = Int(offsets[rowCount])
    let elementsPerRow = (1 + edges / max(rowCount, 1)) * max(width, 1)
    return max(16, Compute.elementsPerPart / elementsPerRow)
  }
}

/// y_t = mean of x_s over the sources s of t, and zero for a target without any.
///
/// Shapes: x is [sources, width], y [targets, width].
///
/// - Parameters:
///   - targets: the sources of each target; traps when one is not a row of x.
///   - transposed: the targets of each source, in rising order; asked for on the way back, when
///     the gradient of x is needed: dx_s = sum over the targets t of s of dy_t / degree(t).
public func segmentMean<Scalar>(
  _ x: NDTensor<Scalar>, over targets: CompressedRows,
  transposed: @escaping () -> CompressedRows
) -> NDTensor<Scalar> {
  require(x.shape.count == 2, "shape \(x.shape) is no matrix of features")
  targets.check(bound: x.shape[0], "sources")
  let (sourceCount, width) = (x.shape[0], x.shape[1])
  let y = NDTensor<Scalar>(uninitialized: [targets.rowCount, width])
  Compute.forEachPart(of: targets.rowCount, size: targets.rowsPerPart(width: width)) { rows in
    Scalar.kernels.segmentMean(
      y.storage.base, x.storage.base, targets.offsets, targets.indices, rows.lowerBound,
      rows.upperBound, width)
  }
  return y.recorded(from: x) { dy in
    let sources = transposed()
    sources.check(bound: targets.rowCount, "targets")
    require(
      sources.rowCount == sourceCount,
      "transposed rows of \(sources.rowCount) sources, not \(sourceCount)")
    let dx = NDTensor<Scalar>(uninitialized: [sourceCount, width])
    Compute.forEachPart(of: sourceCount, size: sources.rowsPerPart(width: width)) { rows in
      Scalar.kernels.segmentMeanBackward(
        dx.storage.base, dy.storage.base, sources.offsets, sources.indices, targets.offsets,
        rows.lowerBound, rows.upperBound, width)
    }
    return dx
  }
}
