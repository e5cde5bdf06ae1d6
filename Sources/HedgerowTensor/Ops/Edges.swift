import HedgerowCore

// What an entry makes of the rows of its two ends, a source's and a target's: products of two dense matrices
// where a sparse one has entries (SDDMM), and sums. Nothing is kept of an entry but its result.
//
// Results are in the order of the targets' entries, or in that of their numbers where they have such
// (``CompressedRows/entries``): of entries that are given as coordinates or by source. A
// ``SparsityPattern`` has these readings of all three; its rows are the targets and its columns the sources.

/// e = (s, t) as the product of x_s and y_t: how alike the ends of an entry are.
///
/// Shapes: x is [sources, width], y [targets, width]; the result is [entries], and with `heads`
/// [entries, heads], the products of as many equal stretches of the rows. Traps when the width is no
/// multiple of them. Time O(entries width), forward and back.
///
/// - Parameters:
///   - targets: the sources of each target; traps when one is not a row of x.
///   - transposed: the targets of each source, in rising order, with the numbers of the entries; asked for
///     on the way back, when the gradient of x is needed.
@specialized(where Scalar == Float)
public func edgeDot<Scalar>(
  _ x: NDTensor<Scalar>, _ y: NDTensor<Scalar>, heads: Int? = nil, over targets: CompressedRows,
  transposed: @escaping () -> CompressedRows
) -> NDTensor<Scalar> {
  let parts = heads ?? 1
  checkEnds(x, y, targets)
  require(
    x.shape.count == 2 && parts > 0 && x.shape[1].isMultiple(of: parts),
    "\(parts) products of rows of shapes \(x.shape) and \(y.shape)")
  let (sourceCount, shape) = (x.shape[0], [targets.count] + (heads.map { [$0] } ?? []))
  let (left, right) = (x.detached, y.detached)
  return dots(left, right, over: targets, heads: parts, shape: shape)
    .recordedCotangents(from: [x, y]) { slopes, isNeeded in
      var (dx, dy): (Cotangent<Scalar>?, Cotangent<Scalar>?)
      if isNeeded[0] {
        let sources = targets.transposed(by: transposed, rowCount: sourceCount)
        sources.checkEntries(besides: targets)
        dx = sources.cotangent(weightedSums(right, over: sources, weights: slopes, heads: parts))
      }
      if isNeeded[1] {
        dy = .dense(weightedSums(left, over: targets, weights: slopes, heads: parts))
      }
      return [dx, dy]
    }
}

/// e = (s, t) as x_s + y_t.
///
/// Shapes: x is [sources, ...], y [targets, ...], the result [entries, ...]. Parameters as of
/// ``edgeDot(_:_:heads:over:transposed:)``. Time O(entries width), forward and back.
@specialized(where Scalar == Float)
public func edgeSum<Scalar>(
  _ x: NDTensor<Scalar>, _ y: NDTensor<Scalar>, over targets: CompressedRows,
  transposed: @escaping () -> CompressedRows
) -> NDTensor<Scalar> {
  checkEnds(x, y, targets)
  let (sourceCount, width, extents) = (x.shape[0], x.width, Array(x.shape.dropFirst()))
  let result = NDTensor<Scalar>(uninitialized: [targets.count] + extents)
  let (output, left, right) = (result.storage.base, x.storage.base, y.storage.base)
  Compute.forEachPart(of: targets.rowCount, size: targets.rowsPerPart(width: width)) { part in
    targets.withEntries {
      Scalar.graphKernels.endSums(
        output, left, right, targets.offsets, targets.indices, $0, part.lowerBound,
        part.upperBound, width)
    }
  }
  return result.recordedCotangents(from: [x, y]) { slopes, isNeeded in
    let matrix = slopes.reshaped(to: [targets.count, width])
    func cotangent(_ rows: CompressedRows) -> Cotangent<Scalar> {
      let sums = entrySums(matrix, over: rows)
      return rows.cotangent(sums.reshaped(to: [rows.rowCount] + extents))
    }
    var dx: Cotangent<Scalar>?
    if isNeeded[0] {
      let sources = targets.transposed(by: transposed, rowCount: sourceCount)
      sources.checkEntries(besides: targets)
      dx = cotangent(sources)
    }
    return [dx, isNeeded[1] ? cotangent(targets) : nil]
  }
}

/// e = (s, t) as the product of a vector and x_s and y_t, one behind the other, which are never put there:
/// the score of an entry in Veličković et al., https://arxiv.org/abs/1710.10903.
///
/// Shapes: x is [sources, p], y [targets, q], the vector [p + q], the result [entries]. It is the sum of
/// one number of each end. Parameters as of ``edgeDot(_:_:heads:over:transposed:)``. Time
/// O(sources p + targets q + entries).
@specialized(where Scalar == Float)
public func edgeScore<Scalar>(
  _ x: NDTensor<Scalar>, _ y: NDTensor<Scalar>, _ vector: NDTensor<Scalar>,
  over targets: CompressedRows, transposed: @escaping () -> CompressedRows
) -> NDTensor<Scalar> {
  require(
    x.shape.count == 2 && y.shape.count == 2 && vector.shape == [x.shape[1] + y.shape[1]],
    "a vector of shape \(vector.shape) for rows of shapes \(x.shape) and \(y.shape) together")
  let parts = vector.split([x.shape[1], y.shape[1]], along: 0)
  return edgeSum(
    matmul(x, parts[0]), matmul(y, parts[1]), over: targets, transposed: transposed)
}

/// ``edgeDot(_:_:heads:over:transposed:)`` for the entries of a pattern, in their order.
@specialized(where Scalar == Float)
public func edgeDot<Scalar>(
  _ x: NDTensor<Scalar>, _ y: NDTensor<Scalar>, heads: Int? = nil, over pattern: SparsityPattern
) -> NDTensor<Scalar> {
  edgeDot(x, y, heads: heads, over: pattern.byRow) { pattern.byColumn }
}

/// ``edgeSum(_:_:over:transposed:)`` for the entries of a pattern, in their order.
@specialized(where Scalar == Float)
public func edgeSum<Scalar>(
  _ x: NDTensor<Scalar>, _ y: NDTensor<Scalar>, over pattern: SparsityPattern
) -> NDTensor<Scalar> {
  edgeSum(x, y, over: pattern.byRow) { pattern.byColumn }
}

/// ``edgeScore(_:_:_:over:transposed:)`` for the entries of a pattern, in their order.
@specialized(where Scalar == Float)
public func edgeScore<Scalar>(
  _ x: NDTensor<Scalar>, _ y: NDTensor<Scalar>, _ vector: NDTensor<Scalar>,
  over pattern: SparsityPattern
) -> NDTensor<Scalar> {
  edgeScore(x, y, vector, over: pattern.byRow) { pattern.byColumn }
}

/// Traps unless x and y have rows for the sources and for the targets, of one shape.
private func checkEnds<Scalar>(
  _ x: NDTensor<Scalar>, _ y: NDTensor<Scalar>, _ targets: CompressedRows
) {
  require(
    !x.shape.isEmpty && !y.shape.isEmpty && x.shape.dropFirst() == y.shape.dropFirst()
      && y.shape[0] == targets.rowCount,
    "rows of shapes \(x.shape) and \(y.shape) for the ends of \(targets.rowCount) targets' entries")
  targets.check(bound: x.shape[0], "sources")
  if !targets.entries.isEmpty { targets.checkEntries() }
}
