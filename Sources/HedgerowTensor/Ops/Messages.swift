import CHedgerowKernels
import HedgerowCore

// Reductions over tensors that have a row for each edge, edges of one target together: segment t is
// rows offsets[t]..<offsets[t + 1]. Trap unless the offsets cut all rows.

/// y_t = sum of the rows of segment t; zero for an empty one. Shapes: x [rows, ...], y [segments, ...].
@specialized(where Scalar == Float)
public func segmentSum<Scalar>(_ x: NDTensor<Scalar>, by offsets: [UInt32]) -> NDTensor<Scalar> {
  segmentSum(x, by: offsets, isMean: false)
}

/// y_t = mean of the rows of segment t; zero for an empty one.
@specialized(where Scalar == Float)
public func segmentMean<Scalar>(_ x: NDTensor<Scalar>, by offsets: [UInt32]) -> NDTensor<Scalar> {
  segmentSum(x, by: offsets, isMean: true)
}

private func segmentSum<Scalar>(
  _ x: NDTensor<Scalar>, by offsets: [UInt32], isMean: Bool
) -> NDTensor<Scalar> {
  checkSegments(offsets, count: x.rowCount)
  let (count, width) = (offsets.count - 1, x.width)
  let y = NDTensor<Scalar>(uninitialized: [count] + x.shape.dropFirst())
  let shares: NDTensor<Scalar>? = isMean ? shares(of: offsets, count) : nil
  let (output, input, factors) = (y.storage.base, x.storage.base, shares?.storage.base)
  let isStreamed = y.isStreamed
  Compute.forEachPart(of: count, size: segmentsPerPart(offsets, count, width: width)) { part in
    Scalar.kernels.segmentSum(
      output, input, offsets, nil, nil, factors, isStreamed, part.lowerBound, part.upperBound,
      width)
  }
  return y.recorded(from: x) { dy in repeated(dy, offsets, isMean: isMean) }
}

/// Row t of x for each row of segment t: what every edge sees of its target.
@specialized(where Scalar == Float)
public func repeated<Scalar>(_ x: NDTensor<Scalar>, by offsets: [UInt32]) -> NDTensor<Scalar> {
  checkSegments(offsets, count: Int(offsets.last ?? 0))
  require(
    x.rowCount == offsets.count - 1, "shape \(x.shape) for \(offsets.count - 1) segments")
  return repeated(x, offsets, isMean: false).recorded(from: x) { dy in
    segmentSum(dy, by: offsets)
  }
}

private func repeated<Scalar>(
  _ x: NDTensor<Scalar>, _ offsets: [UInt32], isMean: Bool
) -> NDTensor<Scalar> {
  let (count, width) = (offsets.count - 1, x.width)
  let y = NDTensor<Scalar>(uninitialized: [Int(offsets[count])] + x.shape.dropFirst())
  let (from, to) = (x.storage.base, y.storage.base)
  Compute.forEachPart(of: count, size: segmentsPerPart(offsets, count, width: width)) { part in
    Scalar.kernels.segmentSpread(
      to, from, offsets, isMean, part.lowerBound, part.upperBound, width)
  }
  return y
}

/// y_t = the largest of the rows of segment t, column by column; zero for an empty one. The gradient
/// goes to the first of equals.
@specialized(where Scalar == Float)
public func segmentMax<Scalar>(_ x: NDTensor<Scalar>, by offsets: [UInt32]) -> NDTensor<Scalar> {
  segmentExtreme(x, by: offsets, sign: 1)
}

/// The smallest, as ``segmentMax(_:by:)``.
@specialized(where Scalar == Float)
public func segmentMin<Scalar>(_ x: NDTensor<Scalar>, by offsets: [UInt32]) -> NDTensor<Scalar> {
  segmentExtreme(x, by: offsets, sign: -1)
}

private func segmentExtreme<Scalar>(
  _ x: NDTensor<Scalar>, by offsets: [UInt32], sign: Int32
) -> NDTensor<Scalar> {
  checkSegments(offsets, count: x.rowCount)
  let (count, width) = (offsets.count - 1, x.width)
  let (matrix, places) = extremes(
    x, offsets, nil, rowCount: count, width: width, sign: sign)
  let shape = x.shape
  return NDTensor(sharing: matrix.storage, shape: [count] + shape.dropFirst())
    .recorded(from: x) { dy in
      let dx = NDTensor<Scalar>(uninitialized: shape)
      let (from, to) = (dy.storage.base, dx.storage.base)
      Compute.forEachPart(of: count, size: segmentsPerPart(offsets, count, width: width)) { part in
        Scalar.kernels.segmentExtremeSpread(
          to, from, places, offsets, part.lowerBound, part.upperBound, width)
      }
      return dx
    }
}

/// exp(x) / sum of exp(x) over each segment, column by column: attention over a target's edges.
@specialized(where Scalar == Float)
public func segmentSoftmax<Scalar>(
  _ x: NDTensor<Scalar>, by offsets: [UInt32]
) -> NDTensor<Scalar> {
  checkSegments(offsets, count: x.rowCount)
  let (count, width) = (offsets.count - 1, x.width)
  let size = segmentsPerPart(offsets, count, width: width)
  let y = NDTensor<Scalar>(uninitialized: x.shape)
  let (from, to) = (x.storage.base, y.storage.base)
  Compute.forEachPart(of: count, size: size) { part in
    Scalar.kernels.segmentSoftmax(
      to, from, offsets, part.lowerBound, part.upperBound, width)
  }
  return y.recorded(from: x) { dy in
    let dx = NDTensor<Scalar>(uninitialized: y.shape)
    let (slopes, from, to) = (dy.storage.base, y.storage.base, dx.storage.base)
    Compute.forEachPart(of: count, size: size) { part in
      Scalar.kernels.segmentSoftmaxBackward(
        to, slopes, from, offsets, part.lowerBound, part.upperBound, width)
    }
    return dx
  }
}
