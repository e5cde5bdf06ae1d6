import CHedgerowKernels
import HedgerowCore

// Reductions that look at the rows of a graph's sources more than once, where they are. In the form of
// segments, row e of x is the only source of entry e, which has one target.

/// y_t = mean of (x_s - m_t)^2 over the sources s of t, where m_t is their mean, column by column: not
/// corrected for the mean's being theirs. Zero for a target without any.
///
/// Shapes and parameters as of ``segmentSum(_:over:transposed:)``.
@specialized(where Scalar == Float)
public func segmentVariance<Scalar>(
  _ x: NDTensor<Scalar>, over targets: CompressedRows, transposed: @escaping () -> CompressedRows
) -> NDTensor<Scalar> {
  let width = x.width
  let means = NDTensor<Scalar>(uninitialized: [targets.rowCount, width])
  return reduction(
    x, over: targets, rowWork: width, transposed: transposed,
    forward: { y, x, part in
      Scalar.graphKernels.variance(
        y, means.storage.base, x, targets.offsets, targets.indices, part.lowerBound,
        part.upperBound, width)
    },
    backward: { dx, dy, x, _, sources, places, part in
      Scalar.graphKernels.varianceBackward(
        dx, dy, x, means.storage.base, sources.offsets, sources.indices, places, targets.offsets,
        part.lowerBound, part.upperBound, width)
    })
}

/// A reduction of the rows of x, and its gradient as a sum over transposed rows.
///
/// - Parameters:
///   - rowWork: the width of rows of which a sum is as much work.
///   - backward: makes a part of dx from dy, x and y.
private func reduction<Scalar>(
  _ x: NDTensor<Scalar>, over targets: CompressedRows, rowWork: Int,
  transposed: @escaping () -> CompressedRows,
  forward: (
    _ y: UnsafeMutablePointer<Scalar>, _ x: UnsafePointer<Scalar>, _ part: Range<Int>
  ) -> Void,
  backward:
    @escaping (
      _ dx: UnsafeMutablePointer<Scalar>, _ dy: UnsafePointer<Scalar>, _ x: UnsafePointer<Scalar>,
      _ y: UnsafePointer<Scalar>, _ sources: CompressedRows, _ places: UnsafePointer<UInt32>?,
      _ part: Range<Int>
    ) -> Void
) -> NDTensor<Scalar> {
  require(x.shape.count == 2, "shape \(x.shape) is no matrix of features")
  targets.check(bound: x.shape[0], "sources")
  let (sourceCount, width) = (x.shape[0], x.shape[1])
  let y = NDTensor<Scalar>(uninitialized: [targets.rowCount, width])
  let (output, input) = (y.storage.base, x.storage.base)
  Compute.forEachPart(of: targets.rowCount, size: targets.rowsPerPart(width: rowWork)) {
    forward(output, input, $0)
  }
  let (kept, result) = (x.detached, y.detached)
  return y.recordedCotangents(from: [x]) { dy, _ in
    let sources = targets.transposed(by: transposed, rowCount: sourceCount)
    let dx = NDTensor<Scalar>(uninitialized: [sources.rowCount, width])
    let (output, slopes) = (dx.storage.base, dy.storage.base)
    let (input, values) = (kept.storage.base, result.storage.base)
    Compute.forEachPart(of: sources.rowCount, size: sources.rowsPerPart(width: rowWork)) { part in
      sources.withPlaces { backward(output, slopes, input, values, sources, $0, part) }
    }
    return [sources.cotangent(dx)]
  }
}

/// The root of ``segmentVariance(_:over:transposed:)``; zero, without a gradient, where the variance is
/// at most `epsilon`.
@specialized(where Scalar == Float)
public func segmentStandardDeviation<Scalar>(
  _ x: NDTensor<Scalar>, over targets: CompressedRows, epsilon: Scalar = 1e-5,
  transposed: @escaping () -> CompressedRows
) -> NDTensor<Scalar> {
  root(segmentVariance(x, over: targets, transposed: transposed), epsilon)
}

/// y_t = log(sum of exp(x_s)) over the sources s of t, column by column, without overflow; zero for a
/// target without any.
///
/// Shapes and parameters as of ``segmentSum(_:over:transposed:)``.
@specialized(where Scalar == Float)
public func segmentLogSumExp<Scalar>(
  _ x: NDTensor<Scalar>, over targets: CompressedRows, transposed: @escaping () -> CompressedRows
) -> NDTensor<Scalar> {
  let width = x.width
  // Exponentials are work.
  return reduction(
    x, over: targets, rowWork: 4 * width, transposed: transposed,
    forward: { y, x, part in
      Scalar.graphKernels.logSumExp(
        y, x, targets.offsets, targets.indices, part.lowerBound, part.upperBound, width)
    },
    backward: { dx, dy, x, y, sources, places, part in
      Scalar.graphKernels.logSumExpBackward(
        dx, dy, x, y, sources.offsets, sources.indices, places, part.lowerBound, part.upperBound,
        width)
    })
}

/// exp(x_s) / sum of exp(x_s) over the sources s of t, for each entry of each t, column by column.
///
/// Shapes: x is [sources, width], y [entries, width]. Parameters as of
/// ``segmentSum(_:over:transposed:)``, and the transposed rows say which entries theirs are.
@specialized(where Scalar == Float)
public func segmentSoftmax<Scalar>(
  _ x: NDTensor<Scalar>, over targets: CompressedRows, transposed: @escaping () -> CompressedRows
) -> NDTensor<Scalar> {
  require(x.shape.count == 2, "shape \(x.shape) is no matrix of features")
  targets.check(bound: x.shape[0], "sources")
  let sourceCount = x.shape[0]
  var rows = targets
  rows.trim()
  let taken = x.detached.gathered(rows: rows.indices).recordedCotangents(from: [x]) { dy, _ in
    let sources = targets.transposed(by: transposed, rowCount: sourceCount)
    sources.checkEntries()
    return [sources.cotangent(entrySums(dy, over: sources))]
  }
  return segmentSoftmax(taken, by: rows.offsets)
}

/// The sum of the rows of x that the entries of each row number; not recorded.
func entrySums<Scalar>(_ x: NDTensor<Scalar>, over rows: CompressedRows) -> NDTensor<Scalar> {
  let places = rows.entries.isEmpty ? (0..<rows.count).map { UInt32($0) } : rows.entries
  return sums(
    x, over: CompressedRows(offsets: rows.offsets, indices: places, rowCount: rows.rowCount))
}

/// y_t = variance of the rows of segment t (``segmentVariance(_:over:transposed:)``). Shapes:
/// x [rows, ...], y [segments, ...].
@specialized(where Scalar == Float)
public func segmentVariance<Scalar>(
  _ x: NDTensor<Scalar>, by offsets: [UInt32]
) -> NDTensor<Scalar> {
  reduced(x, by: offsets) { segmentVariance($0, over: $1, transposed: $2) }
}

/// y_t = standard deviation of the rows of segment t, as
/// ``segmentStandardDeviation(_:over:epsilon:transposed:)``.
@specialized(where Scalar == Float)
public func segmentStandardDeviation<Scalar>(
  _ x: NDTensor<Scalar>, by offsets: [UInt32], epsilon: Scalar = 1e-5
) -> NDTensor<Scalar> {
  root(segmentVariance(x, by: offsets), epsilon)
}

/// y_t = log(sum of exp) of the rows of segment t, as ``segmentLogSumExp(_:over:transposed:)``.
@specialized(where Scalar == Float)
public func segmentLogSumExp<Scalar>(
  _ x: NDTensor<Scalar>, by offsets: [UInt32]
) -> NDTensor<Scalar> {
  reduced(x, by: offsets) { segmentLogSumExp($0, over: $1, transposed: $2) }
}

/// A reduction of sources as one of segments.
private func reduced<Scalar>(
  _ x: NDTensor<Scalar>, by offsets: [UInt32],
  _ reduce: (NDTensor<Scalar>, CompressedRows, @escaping () -> CompressedRows) -> NDTensor<Scalar>
) -> NDTensor<Scalar> {
  checkSegments(offsets, count: x.rowCount)
  let (rowCount, shape) = (x.rowCount, x.shape)
  let segments = CompressedRows(
    offsets: offsets, indices: (0..<rowCount).map { UInt32($0) }, rowCount: offsets.count - 1)
  let y = reduce(x.reshaped(to: [rowCount, x.width]), segments) {
    CompressedRows(
      offsets: (0...rowCount).map { UInt32($0) }, indices: segments.rowOfEachEntry(),
      rowCount: rowCount)
  }
  return y.reshaped(to: [offsets.count - 1] + shape.dropFirst())
}

/// The root, and zero where there is no more than `epsilon` under it. That of NaN is NaN.
private func root<Scalar>(_ x: NDTensor<Scalar>, _ epsilon: Scalar) -> NDTensor<Scalar> {
  let isSmall = x .<= epsilon
  return select(isSmall, NDTensor(0), otherwise: sqrt(select(isSmall, NDTensor(1), otherwise: x)))
}
