import CHedgerowKernels
import HedgerowCore

// Reductions over the rows of a graph without a tensor of messages: each target's sources are read
// where they are.

/// y_t = sum of x_s over the sources s of t, and zero for a target without any.
///
/// Shapes: x is [sources, width], y [targets, width].
///
/// - Parameters:
///   - targets: the sources of each target; traps when one is not a row of x.
///   - transposed: the targets of each source, in rising order; asked for on the way back, when
///     the gradient of x is needed: dx_s = sum over the targets t of s of dy_t.
@specialized(where Scalar == Float)
public func segmentSum<Scalar>(
  _ x: NDTensor<Scalar>, over targets: CompressedRows,
  transposed: @escaping () -> CompressedRows
) -> NDTensor<Scalar> {
  segmentSum(x, over: targets, sourceFactors: nil, targetFactors: nil, transposed: transposed)
}

/// y_t = mean of x_s over the sources s of t, and zero for a target without any.
///
/// Shapes and parameters as of ``segmentSum(_:over:transposed:)``.
@specialized(where Scalar == Float)
public func segmentMean<Scalar>(
  _ x: NDTensor<Scalar>, over targets: CompressedRows,
  transposed: @escaping () -> CompressedRows
) -> NDTensor<Scalar> {
  let shares: NDTensor<Scalar> = shares(of: targets.offsets, targets.rowCount)
  return segmentSum(
    x, over: targets, sourceFactors: nil, targetFactors: shares, transposed: transposed)
}

/// y_t = b_t times the sum of a_s x_s over the sources s of t: a product with a sparse matrix whose
/// entries come from its rows and its columns, of which none is ever stored.
///
/// The factors count as constants. Other shapes and parameters as of
/// ``segmentSum(_:over:transposed:)``.
///
/// - Parameters:
///   - sourceFactors: a, of shape [sources]; ones where it is `nil`.
///   - targetFactors: b, of shape [targets]; ones where it is `nil`.
@specialized(where Scalar == Float)
public func segmentSum<Scalar>(
  _ x: NDTensor<Scalar>, over targets: CompressedRows, sourceFactors: NDTensor<Scalar>?,
  targetFactors: NDTensor<Scalar>?, transposed: @escaping () -> CompressedRows
) -> NDTensor<Scalar> {
  let (a, b) = (sourceFactors?.detached, targetFactors?.detached)
  let y = sums(x, over: targets, inputFactors: a, outputFactors: b)
  let sourceCount = x.shape[0]
  return y.recordedCotangents(from: [x]) { dy, _ in
    let sources = targets.transposed(by: transposed, rowCount: sourceCount)
    let factors = a.map { a in sources.places.map { a.gathered(rows: $0) } ?? a }
    return [sources.cotangent(sums(dy, over: sources, inputFactors: b, outputFactors: factors))]
  }
}

/// For each row, its factor times the sum of rows of x times theirs; not recorded.
func sums<Scalar>(
  _ x: NDTensor<Scalar>, over rows: CompressedRows, inputFactors: NDTensor<Scalar>? = nil,
  outputFactors: NDTensor<Scalar>? = nil
) -> NDTensor<Scalar> {
  require(x.shape.count == 2, "shape \(x.shape) is no matrix of features")
  rows.check(bound: x.shape[0], "sources")
  require(
    (inputFactors?.shape ?? [x.shape[0]]) == [x.shape[0]]
      && (outputFactors?.shape ?? [rows.rowCount]) == [rows.rowCount],
    "factors of shapes \(String(describing: inputFactors?.shape)) and "
      + "\(String(describing: outputFactors?.shape)) for \(x.shape[0]) and \(rows.rowCount) rows")
  let width = x.shape[1]
  let y = NDTensor<Scalar>(uninitialized: [rows.rowCount, width])
  let isStreamed = y.isStreamed
  if inputFactors == nil, let x = (x as? Tensor)?.array.rowsInPlace, let result = y as? Tensor {
    let factors = (outputFactors as? Tensor)?.storage.base
    Compute.forEachPart(of: rows.rowCount, size: rows.rowsPerPart(width: width)) {
      x.sum(over: rows, factors: factors, into: result.storage.base, isStreamed: isStreamed, $0)
    }
    return y
  }
  let (output, input) = (y.storage.base, x.storage.base)
  let (inputFactors, outputFactors) = (inputFactors?.storage.base, outputFactors?.storage.base)
  Compute.forEachPart(of: rows.rowCount, size: rows.rowsPerPart(width: width)) { part in
    Scalar.kernels.segmentSum(
      output, input, rows.offsets, rows.indices, inputFactors, outputFactors, isStreamed,
      part.lowerBound, part.upperBound, width)
  }
  return y
}

/// For each segment, 1 over how many rows it has; 1 for an empty one.
func shares<Scalar: TensorScalar>(of offsets: [UInt32], _ count: Int) -> NDTensor<Scalar> {
  NDTensor(shape: [count]) { shares in
    for segment in 0..<count {
      shares[segment] = 1 / Scalar(max(1, offsets[segment + 1] - offsets[segment]))
    }
  }
}

extension CompressedRows {
  /// The gradient of the whole, of which these rows have the values and the others have zeros.
  func cotangent<Scalar>(_ values: NDTensor<Scalar>) -> Cotangent<Scalar> {
    guard let places else { return .dense(values) }
    return .rows([RowPiece(rows: places, values: values, order: .rising)])
  }
}

extension NDTensor {
  /// Whether a kernel that writes it once, row after row, should leave the caches to what it reads:
  /// it would not be there any more for who comes next. Rows begin on a register's boundary.
  var isStreamed: Bool {
    let byteCount = count * MemoryLayout<Scalar>.stride
    return byteCount > 16 << 20 && (width * MemoryLayout<Scalar>.stride).isMultiple(of: 32)
  }
}

/// y_t = sum over the entries e of t, from source s, of w_e x_s: a product with a sparse matrix.
///
/// Shapes: x is [sources, width], w [entries] or [entries, heads], y [targets, width]. With heads,
/// each of `heads` equal stretches of a row has weights of its own; traps when the width is no
/// multiple of them. Weights are in the order of the targets' entries, or in that of their numbers
/// (``CompressedRows/entries``) where they have such.
@specialized(where Scalar == Float)
public func segmentSum<Scalar>(
  _ x: NDTensor<Scalar>, over targets: CompressedRows, weights: NDTensor<Scalar>,
  transposed: @escaping () -> CompressedRows
) -> NDTensor<Scalar> {
  require(x.shape.count == 2, "shape \(x.shape) is no matrix of features")
  let (sourceCount, width) = (x.shape[0], x.shape[1])
  let heads = checkedHeads(of: weights, targets, sourceCount: sourceCount, width: width)
  let (input, factors) = (x.detached, weights.detached)
  return weightedSums(input, over: targets, weights: factors, heads: heads).recordedWeightedSum(
    of: x, rowCount: sourceCount, weights, over: targets, heads: heads, transposed: transposed
  ) { dots(input, $0, over: targets, heads: heads, shape: factors.shape) }
}

extension NDTensor {
  /// This, recorded as the weighted sum that it is; x has `sourceCount` rows, and `dots` gives the
  /// gradient of the weights for that of this.
  func recordedWeightedSum(
    of x: NDTensor, rowCount sourceCount: Int, _ weights: NDTensor, over targets: CompressedRows,
    heads: Int, transposed: @escaping () -> CompressedRows,
    dots: @escaping (NDTensor) -> NDTensor
  ) -> NDTensor {
    let factors = weights.detached
    return recordedCotangents(from: [x, weights]) { dy, isNeeded in
      var dx: Cotangent<Scalar>?
      if isNeeded[0] {
        let sources = targets.transposed(by: transposed, rowCount: sourceCount)
        sources.checkEntries(besides: targets)
        dx = sources.cotangent(weightedSums(dy, over: sources, weights: factors, heads: heads))
      }
      return [dx, isNeeded[1] ? .dense(dots(dy)) : nil]
    }
  }
}

/// How many weights an entry has; traps unless they are of these targets' entries.
func checkedHeads<Scalar>(
  of weights: NDTensor<Scalar>, _ targets: CompressedRows, sourceCount: Int, width: Int
) -> Int {
  targets.check(bound: sourceCount, "sources")
  if !targets.entries.isEmpty { targets.checkEntries() }
  let heads = weights.shape.count == 2 ? weights.shape[1] : 1
  require(
    (1...2).contains(weights.shape.count) && weights.shape[0] == targets.count && heads > 0
      && width.isMultiple(of: heads),
    "weights of shape \(weights.shape) for \(targets.count) entries of width \(width)")
  return heads
}

/// For each row, the sum over its entries of their weights times rows of x; not recorded.
func weightedSums<Scalar>(
  _ x: NDTensor<Scalar>, over rows: CompressedRows, weights: NDTensor<Scalar>, heads: Int
) -> NDTensor<Scalar> {
  let width = x.shape[1]
  let y = NDTensor<Scalar>(uninitialized: [rows.rowCount, width])
  let (output, input, weights) = (y.storage.base, x.storage.base, weights.storage.base)
  let isStreamed = y.isStreamed
  Compute.forEachPart(of: rows.rowCount, size: rows.rowsPerPart(width: width)) { part in
    rows.withEntries {
      Scalar.kernels.segmentWeightedSum(
        output, input, rows.offsets, rows.indices, weights, $0, heads, isStreamed,
        part.lowerBound, part.upperBound, width)
    }
  }
  return y
}

/// For each entry and head, the product of a row of x and one of y, those of its ends; not recorded.
func dots<Scalar>(
  _ x: NDTensor<Scalar>, _ y: NDTensor<Scalar>, over rows: CompressedRows, heads: Int,
  shape: [Int]
) -> NDTensor<Scalar> {
  let width = x.shape[1]
  let products = NDTensor<Scalar>(uninitialized: shape)
  let (output, left, right) = (products.storage.base, x.storage.base, y.storage.base)
  Compute.forEachPart(of: rows.rowCount, size: rows.rowsPerPart(width: width)) { part in
    rows.withEntries {
      Scalar.kernels.segmentDot(
        output, left, right, rows.offsets, rows.indices, $0, heads, part.lowerBound,
        part.upperBound, width)
    }
  }
  return products
}

/// y_t = the largest x_s over the sources s of t, column by column; zero for a target without any.
///
/// The gradient goes to the first source that has it. Shapes and parameters as of
/// ``segmentSum(_:over:transposed:)``.
@specialized(where Scalar == Float)
public func segmentMax<Scalar>(
  _ x: NDTensor<Scalar>, over targets: CompressedRows,
  transposed: @escaping () -> CompressedRows
) -> NDTensor<Scalar> {
  segmentExtreme(x, over: targets, sign: 1, transposed: transposed)
}

/// The smallest, as ``segmentMax(_:over:transposed:)``.
@specialized(where Scalar == Float)
public func segmentMin<Scalar>(
  _ x: NDTensor<Scalar>, over targets: CompressedRows,
  transposed: @escaping () -> CompressedRows
) -> NDTensor<Scalar> {
  segmentExtreme(x, over: targets, sign: -1, transposed: transposed)
}

private func segmentExtreme<Scalar>(
  _ x: NDTensor<Scalar>, over targets: CompressedRows, sign: Int32,
  transposed: @escaping () -> CompressedRows
) -> NDTensor<Scalar> {
  require(x.shape.count == 2, "shape \(x.shape) is no matrix of features")
  targets.check(bound: x.shape[0], "sources")
  let (y, places) = targets.indices.withUnsafeBufferPointer {
    extremes(
      x, targets.offsets, $0.baseAddress, rowCount: targets.rowCount, width: x.shape[1],
      sign: sign)
  }
  return y.recordedExtremes(
    at: places, of: x, rowCount: x.shape[0], over: targets, transposed: transposed)
}

extension NDTensor {
  /// This, recorded as the extremes of rows of x that it is, which come from the entries `places`.
  func recordedExtremes(
    at places: [UInt32], of x: NDTensor, rowCount sourceCount: Int, over targets: CompressedRows,
    transposed: @escaping () -> CompressedRows
  ) -> NDTensor {
    let width = self.width
    return recordedCotangents(from: [x]) { dy, _ in
      let sources = targets.transposed(by: transposed, rowCount: sourceCount)
      sources.checkEntries()
      let dx = NDTensor<Scalar>(uninitialized: [sources.rowCount, width])
      let (from, to) = (dy.storage.base, dx.storage.base)
      Compute.forEachPart(of: sources.rowCount, size: sources.rowsPerPart(width: width)) { rows in
        Scalar.kernels.segmentExtremeBackward(
          to, from, places, sources.offsets, sources.indices,
          sources.entries, rows.lowerBound, rows.upperBound, width)
      }
      return [sources.cotangent(dx)]
    }
  }
}

/// Extremes, and the entry that each comes from; `sources` is `nil` when entries are rows of x.
func extremes<Scalar>(
  _ x: NDTensor<Scalar>, _ offsets: [UInt32], _ sources: UnsafePointer<UInt32>?, rowCount: Int,
  width: Int, sign: Int32
) -> (NDTensor<Scalar>, [UInt32]) {
  let y = NDTensor<Scalar>(uninitialized: [rowCount, width])
  // Read only by the parts, which end before the caller's scope does.
  nonisolated(unsafe) let sources = sources
  let (from, to) = (x.storage.base, y.storage.base)
  let places = [UInt32](unsafeUninitializedCapacity: y.count) { places, count in
    nonisolated(unsafe) let base = places.baseAddress
    Compute.forEachPart(
      of: rowCount, size: segmentsPerPart(offsets, rowCount, width: width)
    ) { rows in
      Scalar.kernels.segmentExtreme(
        to, base, from, offsets, sources, sign, rows.lowerBound,
        rows.upperBound, width)
    }
    count = y.count
  }
  return (y, places)
}
