import HedgerowCore

/// A matrix of float32 as numbers of 16 bits, for sums, extremes and attention over the rows of a graph:
/// they read each row for every entry that it is the source of, and so half as many bytes.
///
/// Sums are made in float32. Gradients are of float32 and flow to the tensor that was rounded as if it had
/// not been, as those of products do (``Precision``).
/// ```swift
/// let features = HalfTensor(NDArray<BFloat16>(table))       // at rest
/// let hidden = HalfTensor<BFloat16>(rounding: relu(layer))  // gradients flow through
/// segmentMean(hidden, over: targets) { transposed }
/// ```
/// Widening costs bfloat16 next to nothing. That of float16 is arithmetic, which no processor needs an
/// instruction for, and takes about the time that reading fewer bytes saves.
public struct HalfTensor<Half: HalfElement>: Sendable {
  /// [rows, width]
  public let halves: NDArray<Half>
  /// What gradients flow to: it has a place in a recording, and no numbers.
  let origin: Tensor

  /// A constant.
  public init(_ halves: NDArray<Half>) { self.init(halves, origin: nil) }

  /// The nearest numbers to those of a tensor.
  public init(rounding x: Tensor) { self.init(NDArray(x), origin: x.origin) }

  private init(_ halves: NDArray<Half>, origin: TapeIndex?) {
    require(halves.shape.count == 2, "shape \(halves.shape) is no matrix of features")
    self.halves = halves
    var place = Tensor(NDArray(repeating: 0, shape: halves.shape))
    place.origin = origin
    self.origin = place
  }

  public var shape: [Int] { halves.shape }
}

/// y_t = sum of x_s over the sources s of t, as ``segmentSum(_:over:transposed:)``.
public func segmentSum<Half>(
  _ x: HalfTensor<Half>, over targets: CompressedRows, transposed: @escaping () -> CompressedRows
) -> Tensor {
  segmentSum(x, over: targets, factors: nil, transposed: transposed)
}

/// y_t = mean of x_s over the sources s of t, as ``segmentMean(_:over:transposed:)``.
public func segmentMean<Half>(
  _ x: HalfTensor<Half>, over targets: CompressedRows, transposed: @escaping () -> CompressedRows
) -> Tensor {
  segmentSum(
    x, over: targets, factors: shares(of: targets.offsets, targets.rowCount),
    transposed: transposed)
}

private func segmentSum<Half>(
  _ x: HalfTensor<Half>, over targets: CompressedRows, factors: Tensor?,
  transposed: @escaping () -> CompressedRows
) -> Tensor {
  let (sourceCount, width) = (x.shape[0], x.shape[1])
  targets.check(bound: sourceCount, "sources")
  let y = Tensor(uninitialized: [targets.rowCount, width])
  let (output, input, shares) = (y.storage.base, x.halves.storage.bits, factors?.storage.base)
  let isStreamed = y.isStreamed
  withExtendedLifetime((x, factors)) {
    Compute.forEachPart(of: targets.rowCount, size: targets.rowsPerPart(width: width)) {
      Half.halves.segmentSum(
        output, input, targets.offsets, targets.indices, nil, shares, isStreamed, $0.lowerBound,
        $0.upperBound, width)
    }
  }
  return y.recordedCotangents(from: [x.origin]) { dy, _ in
    let sources = targets.transposed(by: transposed, rowCount: sourceCount)
    return [
      sources.cotangent(sums(dy, over: sources, inputFactors: factors, outputFactors: nil))
    ]
  }
}

/// y_t = sum over the entries e of t, from source s, of w_e x_s, as
/// ``segmentSum(_:over:weights:transposed:)``.
public func segmentSum<Half>(
  _ x: HalfTensor<Half>, over targets: CompressedRows, weights: Tensor,
  transposed: @escaping () -> CompressedRows
) -> Tensor {
  let (sourceCount, width) = (x.shape[0], x.shape[1])
  let heads = checkedHeads(of: weights, targets, sourceCount: sourceCount, width: width)
  let y = Tensor(uninitialized: [targets.rowCount, width])
  let (halves, factors) = (x.halves, weights.detached)
  let size = targets.rowsPerPart(width: width)
  let (output, input, w) = (y.storage.base, halves.storage.bits, factors.storage.base)
  let isStreamed = y.isStreamed
  Compute.forEachPart(of: targets.rowCount, size: size) { part in
    targets.withEntries {
      Half.halves.segmentWeightedSum(
        output, input, targets.offsets, targets.indices, w, $0, heads, isStreamed,
        part.lowerBound, part.upperBound, width)
    }
  }
  return y.recordedWeightedSum(
    of: x.origin, rowCount: sourceCount, weights, over: targets, heads: heads,
    transposed: transposed
  ) { dy in
    let gradient = Tensor(uninitialized: factors.shape)
    let (output, input, slopes) = (
      gradient.storage.base, halves.storage.bits, dy.storage.base
    )
    Compute.forEachPart(of: targets.rowCount, size: size) { part in
      targets.withEntries {
        Half.halves.segmentDot(
          output, input, slopes, targets.offsets, targets.indices, $0, heads, part.lowerBound,
          part.upperBound, width)
      }
    }
    return gradient
  }
}

/// y_t = the largest x_s over the sources s of t, column by column, as
/// ``segmentMax(_:over:transposed:)``.
public func segmentMax<Half>(
  _ x: HalfTensor<Half>, over targets: CompressedRows, transposed: @escaping () -> CompressedRows
) -> Tensor {
  segmentExtreme(x, over: targets, sign: 1, transposed: transposed)
}

/// The smallest, as ``segmentMax(_:over:transposed:)``.
public func segmentMin<Half>(
  _ x: HalfTensor<Half>, over targets: CompressedRows, transposed: @escaping () -> CompressedRows
) -> Tensor {
  segmentExtreme(x, over: targets, sign: -1, transposed: transposed)
}

private func segmentExtreme<Half>(
  _ x: HalfTensor<Half>, over targets: CompressedRows, sign: Int32,
  transposed: @escaping () -> CompressedRows
) -> Tensor {
  let (sourceCount, width) = (x.shape[0], x.shape[1])
  targets.check(bound: sourceCount, "sources")
  let y = Tensor(uninitialized: [targets.rowCount, width])
  let (output, input) = (y.storage.base, x.halves.storage.bits)
  let places = [UInt32](unsafeUninitializedCapacity: y.count) { places, count in
    nonisolated(unsafe) let base = places.baseAddress
    withExtendedLifetime(x) {
      Compute.forEachPart(of: targets.rowCount, size: targets.rowsPerPart(width: width)) { rows in
        Half.halves.segmentExtreme(
          output, base, input, targets.offsets, targets.indices, sign, rows.lowerBound,
          rows.upperBound, width)
      }
    }
    count = y.count
  }
  return y.recordedExtremes(
    at: places, of: x.origin, rowCount: sourceCount, over: targets, transposed: transposed)
}

/// The product of a sparse matrix and a dense one of 16 bits, in float32; gradients flow as from
/// ``matmul(_:_:)`` of float32.
public func matmul<Half>(_ a: SparseMatrix<Float>, _ x: HalfTensor<Half>) -> Tensor {
  require(
    x.shape[0] == a.columnCount,
    "cannot multiply a sparse matrix of shape \(a.shape) with shape \(x.shape)")
  let pattern = a.pattern
  return segmentSum(x, over: pattern.byRow, weights: a.values) { pattern.byColumn }
}
