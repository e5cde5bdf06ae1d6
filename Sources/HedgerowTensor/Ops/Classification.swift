import HedgerowCore

/// Rows of classification that one part computes; an exponential costs more than a sum.
private let rowsPerPart = 256

/// exp(x) / sum of exp(x) along an axis, the last one unless another is named: the probabilities
/// that logits stand for.
@specialized(where Scalar == Float)
public func softmax<Scalar>(_ x: NDTensor<Scalar>, along axis: Int = -1) -> NDTensor<Scalar> {
  alongLast(x, axis) { x in
    let y = rowwise(x, Scalar.kernels.softmax)
    return y.recorded(from: x) { dy in rowwise(dy, y, Scalar.kernels.softmaxBackward) }
  }
}

/// x - log(sum of exp(x)) along an axis, the last one unless another is named.
@specialized(where Scalar == Float)
public func logSoftmax<Scalar>(_ x: NDTensor<Scalar>, along axis: Int = -1) -> NDTensor<Scalar> {
  alongLast(x, axis) { x in
    let y = rowwise(x, Scalar.kernels.logSoftmax)
    return y.recorded(from: x) { dy in rowwise(dy, y, Scalar.kernels.logSoftmaxBackward) }
  }
}

/// The function of the last axis, applied along another.
private func alongLast<Scalar>(
  _ x: NDTensor<Scalar>, _ axis: Int, _ function: (NDTensor<Scalar>) -> NDTensor<Scalar>
) -> NDTensor<Scalar> {
  let (axis, last) = (x.checked(axis: axis), x.shape.count - 1)
  if axis == last { return function(x) }
  var axes = Array(x.shape.indices)
  axes.swapAt(axis, last)
  return function(x.transposed(by: axes)).transposed(by: axes)
}

/// Rows are stretches of the last axis.
private func rowwise<Scalar>(
  _ x: NDTensor<Scalar>,
  _ kernel: (UnsafeMutablePointer<Scalar>?, UnsafePointer<Scalar>?, Int, Int) -> Void
) -> NDTensor<Scalar> {
  let y = NDTensor<Scalar>(uninitialized: x.shape)
  guard x.count > 0, let width = x.shape.last else { return y }
  let (from, to) = (x.storage.base, y.storage.base)
  Compute.forEachPart(of: x.count / width, size: rowsPerPart) { rows in
    let first = rows.lowerBound * width
    kernel(to + first, from + first, rows.count, width)
  }
  return y
}

private func rowwise<Scalar>(
  _ dy: NDTensor<Scalar>, _ y: NDTensor<Scalar>,
  _ kernel: (
    UnsafeMutablePointer<Scalar>?, UnsafePointer<Scalar>?, UnsafePointer<Scalar>?, Int, Int
  ) -> Void
) -> NDTensor<Scalar> {
  let dx = NDTensor<Scalar>(uninitialized: y.shape)
  guard y.count > 0, let width = y.shape.last else { return dx }
  let from = dy.storage.base
  Compute.forEachPart(of: y.count / width, size: rowsPerPart) { rows in
    let first = rows.lowerBound * width
    kernel(dx.storage.base + first, from + first, y.storage.base + first, rows.count, width)
  }
  return dx
}

/// The column of the largest element of each row, the first of equals.
@specialized(where Scalar == Float)
public func argMax<Scalar>(_ x: NDTensor<Scalar>) -> [Int32] {
  require(x.shape.count == 2 && x.shape[1] > 0, "no largest column in shape \(x.shape)")
  return [Int32](unsafeUninitializedCapacity: x.shape[0]) { buffer, count in
    let base = buffer.baseAddress
    Compute.forEachPart(of: x.shape[0], size: rowsPerPart) { rows in
      Scalar.kernels.argMax(
        base! + rows.lowerBound, x.storage.base + rows.lowerBound * x.shape[1], rows.count,
        x.shape[1])
    }
    count = x.shape[0]
  }
}

/// The mean over labelled rows of log(sum over c of exp(x_c)) - x_label: the negative logarithm of
/// the probability that the logits give to the label. Zero when no row is labelled.
///
/// Shapes: `logits` [rows, classes], `labels` [rows]; a label of -1 leaves its row out. Traps on
/// any other label outside the classes.
@specialized(where Scalar == Float)
public func crossEntropy<Scalar>(
  _ logits: NDTensor<Scalar>, _ labels: [Int32]
) -> NDTensor<Scalar> {
  require(
    logits.shape.count == 2 && logits.shape[0] == labels.count,
    "\(labels.count) labels do not fit logits of shape \(logits.shape)")
  let (rowCount, width) = (logits.shape[0], logits.shape[1])
  var labelled = 0
  for label in labels {
    require(
      -1 <= label && Int(label) < width, "label \(label) is none of \(width) classes, nor -1")
    if label >= 0 { labelled += 1 }
  }
  let losses = NDTensor<Scalar>(uninitialized: [rowCount])
  let x = logits.detached
  Compute.forEachPart(of: rowCount, size: rowsPerPart) { rows in
    labels.withUnsafeBufferPointer { labels in
      Scalar.kernels.crossEntropy(
        losses.storage.base + rows.lowerBound, x.storage.base + rows.lowerBound * width,
        labels.baseAddress! + rows.lowerBound, rows.count, width)
    }
  }
  let share = 1 / Scalar(max(labelled, 1))
  return NDTensor(share * sumOfElements(losses)).recorded(from: logits) { dy in
    let dx = NDTensor<Scalar>(uninitialized: x.shape)
    let factor = share * dy.scalar
    Compute.forEachPart(of: rowCount, size: rowsPerPart) { rows in
      let first = rows.lowerBound * width
      labels.withUnsafeBufferPointer { labels in
        Scalar.kernels.crossEntropyBackward(
          dx.storage.base + first, x.storage.base + first, labels.baseAddress! + rows.lowerBound,
          factor, rows.count, width)
      }
    }
    return dx
  }
}

/// ``crossEntropy(_:_:)`` against labels that are softened: the label's class has probability
/// 1 - smoothing, and smoothing is spread evenly over all classes.
///
/// Source: Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016.
@specialized(where Scalar == Float)
public func crossEntropy<Scalar>(
  _ logits: NDTensor<Scalar>, _ labels: [Int32], smoothing: Double
) -> NDTensor<Scalar> {
  require(0 <= smoothing && smoothing <= 1, "smoothing is in 0...1, not \(smoothing)")
  let hard = crossEntropy(logits, labels)
  let labelled = labels.indices.filter { labels[$0] >= 0 }.map { UInt32($0) }
  if smoothing == 0 || labelled.isEmpty { return hard }
  let even = mean(logSoftmax(logits.gathered(rows: labelled)))
  return Scalar(1 - smoothing) * hard - Scalar(smoothing) * even
}

/// The mean over all elements of -t log(p) - (1 - t) log(1 - p), p = sigmoid(logit): cross-entropy of
/// independent yes-or-no answers. Traps when there are none.
///
/// Shapes: logits and targets alike; targets are in 0...1 and constants.
@specialized(where Scalar == Float)
public func binaryCrossEntropy<Scalar>(
  _ logits: NDTensor<Scalar>, _ targets: NDTensor<Scalar>
) -> NDTensor<Scalar> {
  require(
    logits.shape == targets.shape && logits.count > 0,
    "targets of shape \(targets.shape) do not fit logits of shape \(logits.shape)")
  let losses = NDTensor<Scalar>(uninitialized: logits.shape)
  let (x, t) = (logits.detached, targets.detached)
  forEachPart(of: x.count) {
    Scalar.kernels.binaryCrossEntropy(
      losses.storage.base + $0, x.storage.base + $0, t.storage.base + $0, $1)
  }
  let share = 1 / Scalar(x.count)
  return NDTensor(share * sumOfElements(losses)).recorded(from: logits) { dy in
    let dx = NDTensor<Scalar>(uninitialized: x.shape)
    let factor = share * dy.scalar
    forEachPart(of: x.count) {
      Scalar.kernels.binaryCrossEntropyBackward(
        dx.storage.base + $0, x.storage.base + $0, t.storage.base + $0, factor, $1)
    }
    return dx
  }
}
