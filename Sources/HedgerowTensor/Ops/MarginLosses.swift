import HedgerowCore

// Losses that ask one number to be larger than another by a margin, as in `torch.nn.functional`.

/// max(0, margin - t (x1 - x2)): t is 1 where x1 should be larger, -1 where x2 should.
@specialized(where S == Float)
public func marginRankingLoss<S>(
  _ x1: NDTensor<S>, _ x2: NDTensor<S>, _ target: NDTensor<S>, margin: S = 0,
  reduction: LossReduction = .mean
) -> NDTensor<S> { reduction(relu(margin - target * (x1 - x2))) }

/// 1 - cos(x1, x2) where the target is 1, max(0, cos(x1, x2) - margin) where it is -1.
///
/// Shapes: x1 and x2 [..., width], target [...].
@specialized(where S == Float)
public func cosineEmbeddingLoss<S>(
  _ x1: NDTensor<S>, _ x2: NDTensor<S>, _ target: NDTensor<S>, margin: S = 0,
  reduction: LossReduction = .mean
) -> NDTensor<S> {
  let lengths = (sum(square(x1), along: -1) + S(1e-12)) * (sum(square(x2), along: -1) + S(1e-12))
  let cosine = sum(x1 * x2, along: -1) * rsqrt(lengths)
  func mask(_ value: S) -> NDTensor<S> {
    NDTensor(target.scalars.map { $0 == value ? 1 : 0 }, shape: target.shape)
  }
  return reduction(mask(1) * (1 - cosine) + mask(-1) * relu(cosine - margin))
}

/// (sum over the last axis of |x1 - x2 + epsilon|^p)^(1 / p); p may be infinity.
@specialized(where S == Float)
public func pairwiseDistance<S>(
  _ x1: NDTensor<S>, _ x2: NDTensor<S>, p: S = 2, epsilon: S = 1e-6
) -> NDTensor<S> {
  require(p > 0, "a norm has an exponent above 0, not \(p)")
  let difference = x1 - x2 + epsilon
  if p == 2 { return sqrt(sum(square(difference), along: -1)) }
  let size = abs(difference)
  if p == 1 { return sum(size, along: -1) }
  if p == .infinity { return max(size, along: -1) }
  return pow(sum(pow(size, p), along: -1), 1 / p)
}

/// How a triplet loss measures.
public struct TripletDistance: Sendable {
  public var margin = 1.0
  /// The exponent of the norm.
  public var p = 2.0
  /// Added to each difference.
  public var epsilon = 1e-6
  /// Also takes the negative's distance from the positive, where that is smaller.
  public var swap = false

  public init() {}
}

/// max(0, margin + d(anchor, positive) - d(anchor, negative)), d as ``pairwiseDistance(_:_:p:epsilon:)``.
///
/// Shapes: each [..., width].
///
/// Source: Balntas et al., Learning Shallow Convolutional Feature Descriptors with Triplet Losses, BMVC 2016.
@specialized(where S == Float)
public func tripletMarginLoss<S>(
  _ anchor: NDTensor<S>, _ positive: NDTensor<S>, _ negative: NDTensor<S>,
  by measure: TripletDistance = TripletDistance(), reduction: LossReduction = .mean
) -> NDTensor<S> {
  func distance(_ a: NDTensor<S>, _ b: NDTensor<S>) -> NDTensor<S> {
    pairwiseDistance(a, b, p: S(measure.p), epsilon: S(measure.epsilon))
  }
  var apart = distance(anchor, negative)
  if measure.swap { apart = minimum(apart, distance(positive, negative)) }
  return reduction(relu(S(measure.margin) + distance(anchor, positive) - apart))
}

/// The sum over classes c other than the label t of w_t max(0, margin - x_t + x_c)^p, divided by the
/// number of classes.
///
/// Shapes: x [rows, classes], labels [rows], weight [classes]. Traps unless p is 1 or 2.
@specialized(where S == Float)
public func multiMarginLoss<S>(
  _ x: NDTensor<S>, _ labels: [Int32], p: Int = 1, margin: S = 1, weight: NDTensor<S>? = nil,
  reduction: LossReduction = .mean
) -> NDTensor<S> {
  require(p == 1 || p == 2, "the exponent of a margin is 1 or 2, not \(p)")
  checkLabels(x, labels.map { [$0] })
  let classes = S(x.shape[1])
  return rowwise(x, reduction) { row, x, dx in
    let label = Int(labels[row])
    let factor = (weight?[label] ?? 1) / classes
    var loss: S = 0
    for column in x.indices where column != label {
      let excess = margin - x[label] + x[column]
      guard excess > 0 else { continue }
      loss += factor * (p == 1 ? excess : excess * excess)
      let slope = p == 1 ? factor : 2 * factor * excess
      dx[column] += slope
      dx[label] -= slope
    }
    return loss
  }
}

/// The sum over labels t of a row and classes c that are none of them of max(0, 1 - (x_t - x_c)), divided
/// by the number of classes.
///
/// Shapes: x [rows, classes]; labels: those of each row.
@specialized(where S == Float)
public func multilabelMarginLoss<S>(
  _ x: NDTensor<S>, _ labels: [[Int32]], reduction: LossReduction = .mean
) -> NDTensor<S> {
  checkLabels(x, labels)
  let share = 1 / S(x.shape[1])
  return rowwise(x, reduction) { row, x, dx in
    let own = Set(labels[row].map(Int.init))
    var loss: S = 0
    for label in labels[row].map(Int.init) {
      for column in x.indices where !own.contains(column) {
        let excess = 1 - (x[label] - x[column])
        guard excess > 0 else { continue }
        loss += share * excess
        dx[column] += share
        dx[label] -= share
      }
    }
    return loss
  }
}

private func checkLabels<S>(_ x: NDTensor<S>, _ labels: [[Int32]]) {
  require(
    x.shape.count == 2 && x.shape[0] == labels.count && x.shape[1] > 0,
    "labels of \(labels.count) rows do not fit shape \(x.shape)")
  for label in labels.joined() {
    require(
      0 <= label && Int(label) < x.shape[1], "label \(label) is none of \(x.shape[1]) classes")
  }
}

/// A loss of each row, and the gradient that it adds to its row of zeros.
private func rowwise<S>(
  _ x: NDTensor<S>, _ reduction: LossReduction,
  _ loss: (Int, UnsafeBufferPointer<S>, UnsafeMutableBufferPointer<S>) -> S
) -> NDTensor<S> {
  let width = x.shape[1]
  var slopes = NDTensor<S>.zeros(x.shape)
  let losses = slopes.withUnsafeMutableBufferPointer { slopes in
    x.withUnsafeBufferPointer { x in
      (0..<x.count / width).map { row in
        let columns = row * width..<(row + 1) * width
        return loss(
          row, UnsafeBufferPointer(rebasing: x[columns]),
          UnsafeMutableBufferPointer(rebasing: slopes[columns]))
      }
    }
  }
  let gradient = slopes
  return reduction(
    NDTensor(losses).recorded(from: x) { dy in gradient * dy.reshaped(to: [dy.count, 1]) })
}
