import HedgerowCore

/// Rows x of the last axes as (x - mean) / sqrt(variance + epsilon), times `weight`, plus `bias`.
///
/// Shapes: weight and bias are of x's last axes, which one row stretches over; without both, that is the
/// last axis. One pass forward, one back.
///
/// Source: Ba et al., Layer Normalization, 2016.
@specialized(where Scalar == Float)
public func layerNorm<Scalar>(
  _ x: NDTensor<Scalar>, weight: NDTensor<Scalar>? = nil, bias: NDTensor<Scalar>? = nil,
  epsilon: Scalar = 1e-5
) -> NDTensor<Scalar> {
  let own = weight?.shape ?? bias?.shape ?? Array(x.shape.suffix(1))
  require(
    !own.isEmpty && Array(x.shape.suffix(own.count)) == own && (bias?.shape ?? own) == own,
    "weights of shape \(own) and a bias of shape \(bias?.shape ?? own) do not fit \(x.shape)")
  let columns = own.reduce(1, *)
  let rowCount = columns == 0 ? 0 : x.count / columns
  let (means, scales) = (
    NDTensor<Scalar>(uninitialized: [rowCount]), NDTensor<Scalar>(uninitialized: [rowCount])
  )
  let y = NDTensor<Scalar>(uninitialized: x.shape)
  let (input, w) = (x.detached, weight?.detached)
  let (from, factors, offsets) = (input.storage.base, w?.storage.base, bias?.storage.base)
  let (to, toMeans, toScales) = (y.storage.base, means.storage.base, scales.storage.base)
  Compute.forEachPart(of: rowCount, size: max(1, Compute.elementsPerPart / max(1, columns))) {
    rows in
    let first = rows.lowerBound * columns
    Scalar.layerKernels.layerNorm(
      to + first, toMeans + rows.lowerBound, toScales + rows.lowerBound, from + first, factors,
      offsets, epsilon, rows.count, columns)
  }
  let inputs = [x] + [weight, bias].compactMap { $0 }
  return y.recorded(from: inputs) { dy, _ in
    let dx = NDTensor<Scalar>(uninitialized: input.shape)
    let (slopes, from, to) = (dy.storage.base, input.storage.base, dx.storage.base)
    let (means, scales, factors) = (means.storage.base, scales.storage.base, w?.storage.base)
    // The gradients of weight and bias, one behind the other.
    let sums = sumOverRowParts(of: rowCount, shape: [2, columns]) { rows, sums in
      let first = rows.lowerBound * columns
      Scalar.kernels.fill(sums, 0, 2 * columns)
      Scalar.layerKernels.layerNormBackward(
        to + first, sums, sums + columns, slopes + first, from + first, means + rows.lowerBound,
        scales + rows.lowerBound, factors, rows.count, columns)
    }
    let parts = [w == nil ? nil : 0, bias == nil ? nil : 1].compactMap { $0 }
    return [dx] + parts.map { sums.sliced($0..<$0 + 1, along: 0).reshaped(to: own) }
  }
}

/// The means and variances of the columns of a matrix, over all its rows; not recorded.
func columnMoments<Scalar>(
  _ x: NDTensor<Scalar>
) -> (mean: NDTensor<Scalar>, variance: NDTensor<Scalar>) {
  let (rowCount, width) = (x.shape[0], x.shape[1])
  let share = 1 / Scalar(max(1, rowCount))
  let mean = share * columnSums(x.detached)
  let from = x.storage.base
  let squares = sumOverRowParts(of: rowCount, shape: [width]) { rows, sums in
    Scalar.kernels.fill(sums, 0, width)
    Scalar.layerKernels.columnSquares(
      sums, from + rows.lowerBound * width, mean.storage.base, rows.count, width)
  }
  return (mean, share * squares)
}

/// What the columns of a batch are normalized by.
public enum BatchMoments<Scalar: TensorScalar>: Sendable {
  /// Their own means and variances, which the gradient goes through.
  case ownBatch
  /// Constants.
  case running(mean: NDTensor<Scalar>, variance: NDTensor<Scalar>)
}

/// Columns of a matrix as (x - mean) / sqrt(variance + epsilon), times `weight`, plus `bias`; with the
/// means and variances that they were normalized by.
///
/// Shapes: x [rows, width], the others [width]. A variance is divided by the number of rows.
///
/// Source: Ioffe and Szegedy, Batch Normalization, ICML 2015.
@specialized(where Scalar == Float)
public func batchNorm<Scalar>(
  _ x: NDTensor<Scalar>, weight: NDTensor<Scalar>? = nil, bias: NDTensor<Scalar>? = nil,
  epsilon: Scalar = 1e-5, by moments: BatchMoments<Scalar> = .ownBatch
) -> (y: NDTensor<Scalar>, mean: NDTensor<Scalar>, variance: NDTensor<Scalar>) {
  require(x.shape.count == 2, "shape \(x.shape) is no matrix of features")
  let (rowCount, width) = (x.shape[0], x.shape[1])
  let input = x.detached
  let mean: NDTensor<Scalar>
  let variance: NDTensor<Scalar>
  let isOwn: Bool
  switch moments {
  case .ownBatch: ((mean, variance), isOwn) = (columnMoments(input), true)
  case .running(let m, let v): (mean, variance, isOwn) = (m.detached, v.detached, false)
  }
  for given in [mean, variance, weight, bias].compactMap({ $0 }) {
    require(given.shape == [width], "shape \(given.shape) does not fit columns of \(x.shape)")
  }
  let scale = rsqrt(variance + epsilon)
  let factors = weight.map { scale * $0.detached } ?? scale
  let offsets = bias?.detached ?? .zeros([width])
  let y = NDTensor<Scalar>(uninitialized: x.shape)
  let size = max(1, Compute.elementsPerPart / max(1, width))
  let (from, center) = (input.storage.base, mean.storage.base)
  let (scales, shifts) = (factors.storage.base, offsets.storage.base)
  defer { withExtendedLifetime((factors, offsets)) {} }
  Compute.forEachPart(of: rowCount, size: size) { rows in
    let first = rows.lowerBound * width
    Scalar.layerKernels.scaleColumns(
      y.storage.base + first, from + first, center, scales, shifts, rows.count, width)
  }
  let inputs = [x] + [weight, bias].compactMap { $0 }
  let result = y.recorded(from: inputs) { dy, _ in
    let slopes = dy.storage.base
    let along = sumOverRowParts(of: rowCount, shape: [width]) { rows, sums in
      let first = rows.lowerBound * width
      Scalar.kernels.fill(sums, 0, width)
      Scalar.layerKernels.columnProducts(
        sums, slopes + first, input.storage.base + first, mean.storage.base, rows.count,
        width)
    }
    let total = columnSums(dy.detached)
    // The batch's own moments move with x.
    let share = isOwn ? -1 / Scalar(max(1, rowCount)) : 0
    let tilt = share * (factors * scale * scale * along)
    let shift = share * (factors * total)
    let dx = NDTensor<Scalar>(uninitialized: input.shape)
    Compute.forEachPart(of: rowCount, size: size) { rows in
      let first = rows.lowerBound * width
      Scalar.layerKernels.combineColumns(
        dx.storage.base + first, slopes + first, input.storage.base + first,
        mean.storage.base, factors.storage.base, tilt.storage.base, shift.storage.base,
        rows.count, width)
    }
    return [dx] + (weight == nil ? [] : [scale * along]) + (bias == nil ? [] : [total])
  }
  return (result, mean, variance)
}
