import HedgerowCore

// What the rows of a segment make by their order, column by column: products and quantiles.

/// y_t = the product of the rows of segment t; ones for an empty one. Shapes: x [rows, ...], y [segments,
/// ...]. Gradients are right where numbers are zero.
@specialized(where Scalar == Float)
public func segmentProduct<Scalar>(
  _ x: NDTensor<Scalar>, by offsets: [UInt32]
) -> NDTensor<Scalar> {
  checkSegments(offsets, count: x.rowCount)
  let (count, width) = (offsets.count - 1, x.width)
  let size = segmentsPerPart(offsets, count, width: width)
  let y = NDTensor<Scalar>(uninitialized: [count] + x.shape.dropFirst())
  let input = x.detached
  let (from, to) = (input.storage.base, y.storage.base)
  Compute.forEachPart(of: count, size: size) { segments in
    for segment in segments {
      let product = to + segment * width
      Scalar.kernels.fill(product, 1, width)
      for row in Int(offsets[segment])..<Int(offsets[segment + 1]) {
        for column in 0..<width { product[column] *= from[row * width + column] }
      }
    }
  }
  return y.recorded(from: x) { dy in
    let dx = NDTensor<Scalar>(uninitialized: input.shape)
    let (slopes, from, to) = (dy.storage.base, input.storage.base, dx.storage.base)
    Compute.forEachPart(of: count, size: size) { segments in
      let others = NDTensor<Scalar>(uninitialized: [width])
      let product = others.storage.base
      for segment in segments {
        let rows = Int(offsets[segment])..<Int(offsets[segment + 1])
        // The product of the rows in front, then that of the rows behind.
        product.update(from: slopes + segment * width, count: width)
        for row in rows {
          for column in 0..<width {
            to[row * width + column] = product[column]
            product[column] *= from[row * width + column]
          }
        }
        Scalar.kernels.fill(product, 1, width)
        for row in rows.reversed() {
          for column in 0..<width {
            to[row * width + column] *= product[column]
            product[column] *= from[row * width + column]
          }
        }
      }
    }
    return dx
  }
}

/// What stands for a quantile between two numbers.
public enum QuantileInterpolation: String, Sendable, CaseIterable {
  /// The point on the line from one to the other.
  case linear
  case lower, higher
  /// The one that is nearer; of two equally near ones that whose place among all rows is even.
  case nearest
  /// Half of the two together.
  case midpoint
}

/// The quantiles of the rows of each segment, column by column: the number at place q (n - 1) of n sorted
/// ones.
///
/// Shapes: x [rows, width], y [segments, quantiles times width], one quantile's columns beside another's.
/// `fill` stands for those of an empty segment. The gradient goes to the numbers taken. Places are counted
/// over all rows in single precision, as by PyTorch Geometric. Time O(rows width log(rows of a segment)).
@specialized(where Scalar == Float)
public func segmentQuantiles<Scalar>(
  _ x: NDTensor<Scalar>, by offsets: [UInt32], _ quantiles: [Double],
  interpolation: QuantileInterpolation = .linear, fill: Scalar = 0
) -> NDTensor<Scalar> {
  require(x.shape.count == 2, "shape \(x.shape) is no matrix of features")
  require(
    !quantiles.isEmpty && quantiles.allSatisfy { (0...1).contains($0) },
    "quantiles \(quantiles) are not all between 0 and 1")
  let width = x.shape[1]
  let (filled, empty) = (0..<offsets.count - 1).reduce(into: ([Int](), [UInt32]())) {
    if offsets[$1] < offsets[$1 + 1] { $0.0.append($1) } else { $0.1.append(UInt32($1)) }
  }
  let count = filled.count * quantiles.count
  if count == 0 {
    return NDTensor(repeating: fill, shape: [empty.count, quantiles.count * width])
  }
  let sorted = segmentSortedPlaces(x, by: offsets)
  var (lower, higher): ([UInt32], [UInt32]) = ([], [])
  var fractions: [Scalar] = []
  lower.reserveCapacity(count * width)
  higher.reserveCapacity(count * width)
  for segment in filled {
    let (begin, end) = (offsets[segment], offsets[segment + 1])
    for quantile in quantiles {
      let point = Float(quantile) * Float(end - begin - 1) + Float(begin)
      func row(_ rule: FloatingPointRoundingRule) -> Int {
        min(max(Int(point.rounded(rule)), Int(begin)), Int(end) - 1)
      }
      let (low, high) =
        switch interpolation {
        case .lower: (row(.down), row(.down))
        case .higher: (row(.up), row(.up))
        case .nearest: (row(.toNearestOrEven), row(.toNearestOrEven))
        case .linear, .midpoint: (row(.down), row(.up))
        }
      lower += sorted[low * width..<(low + 1) * width]
      higher += sorted[high * width..<(high + 1) * width]
      fractions.append(
        interpolation == .midpoint ? 0.5 : Scalar(point - point.rounded(.down)))
    }
  }
  func taken(_ places: [UInt32]) -> NDTensor<Scalar> {
    x.picked(NDArray(places, shape: [count, width]), along: 0)
  }
  var result = taken(lower)
  if interpolation == .linear || interpolation == .midpoint {
    result = result + (taken(higher) - result) * NDTensor(fractions, shape: [count, 1])
  }
  result = result.reshaped(to: [filled.count, quantiles.count * width])
  if empty.isEmpty { return result }
  let rest = NDTensor(repeating: fill, shape: [empty.count, quantiles.count * width])
  var places = [UInt32](repeating: 0, count: offsets.count - 1)
  for (place, segment) in (filled.map { UInt32($0) } + empty).enumerated() {
    places[Int(segment)] = UInt32(place)
  }
  return concatenated(result, rest, along: 0).gathered(rows: places)
}

/// For each column the rows of each segment, from the smallest number to the largest; equal ones keep their
/// order. Shapes: [rows, width] in row-major order.
private func segmentSortedPlaces<Scalar>(
  _ x: NDTensor<Scalar>, by offsets: [UInt32]
) -> [UInt32] {
  checkSegments(offsets, count: x.rowCount)
  let (count, width) = (offsets.count - 1, x.width)
  let from = x.detached.storage.base
  return [UInt32](unsafeUninitializedCapacity: x.count) { places, initializedCount in
    nonisolated(unsafe) let to = places.baseAddress!
    Compute.forEachPart(
      of: count, size: segmentsPerPart(offsets, count, width: 8 * width)
    ) { segments in
      var order: [UInt32] = []
      for segment in segments {
        let (begin, end) = (offsets[segment], offsets[segment + 1])
        for column in 0..<width {
          order.removeAll(keepingCapacity: true)
          order += begin..<end
          order.sort { from[Int($0) * width + column] < from[Int($1) * width + column] }
          for (row, place) in order.enumerated() {
            to[(Int(begin) + row) * width + column] = place
          }
        }
      }
    }
    initializedCount = x.count
  }
}
