import HedgerowCore

/// Rows of classification that one part computes; an exponential costs more than a sum.
private let rowsPerPart = 256

/// -w_t log(p_t) of the class t that a row is labelled with, p = softmax(logits): the mean over labelled
/// rows weighed by w_t, unless another reduction is asked for. Zero when no row is labelled.
///
/// Shapes: `logits` [rows, classes], or [rows, classes, ...], or [classes] of one row; `labels` one for
/// each place but the classes', in row-major order. Traps on a label outside the classes that is not
/// the ignored one.
///
/// - Parameters:
///   - weight: w, of each class, a constant; 1 when it is not given.
///   - smoothing: the label's class has probability 1 - smoothing, and smoothing is spread evenly over
///     all classes. Source: Szegedy et al., Rethinking the Inception Architecture for Computer Vision,
///     CVPR 2016.
///   - ignored: the label of rows that are left out.
@specialized(where Scalar == Float)
public func crossEntropy<Scalar>(
  _ logits: NDTensor<Scalar>, _ labels: [Int32], weight: NDTensor<Scalar>? = nil,
  smoothing: Double = 0, ignoring ignored: Int32 = -1, reduction: LossReduction = .mean
) -> NDTensor<Scalar> {
  checkSmoothing(smoothing)
  let (rows, shape) = classRows(logits, labels: labels.count)
  let (rowCount, width) = (rows.shape[0], rows.shape[1])
  let total = labelWeight(labels, weight, classes: width, ignored)
  let (losses, logs) = (
    NDTensor<Scalar>(uninitialized: shape), NDTensor<Scalar>(uninitialized: shape)
  )
  let x = rows.detached
  let softness = Scalar(smoothing)
  let (from, weights) = (x.storage.base, weight?.storage.base)
  let (to, toLogs) = (losses.storage.base, logs.storage.base)
  labels.withUnsafeBufferPointer { labels in
    // Read only by the parts, which end before the closure does.
    nonisolated(unsafe) let labels = labels.baseAddress
    Compute.forEachPart(of: rowCount, size: rowsPerPart) { rows in
      let first = rows.lowerBound
      Scalar.layerKernels.crossEntropy(
        to + first, toLogs + first, from + first * width, labels! + first, weights, softness,
        ignored, rows.count, width)
    }
  }
  let share: Scalar? = reduction == .mean ? (total > 0 ? 1 / total : 0) : reduction.share(of: shape)
  let result = share.map { NDTensor($0 * sumOfElements(losses)) } ?? losses
  let allClasses = weight.map(sumOfElements) ?? Scalar(width)
  return result.recorded(from: rows) { dy in
    // One factor for all rows, or one for each.
    let factors = share.map { NDTensor($0 * dy.scalar) } ?? dy
    let step = share == nil ? 1 : 0
    let dx = NDTensor<Scalar>(uninitialized: x.shape)
    let (slopes, to) = (factors.storage.base, dx.storage.base)
    let (from, logs) = (x.storage.base, logs.storage.base)
    let weights = weight?.storage.base
    defer { withExtendedLifetime(factors) {} }
    labels.withUnsafeBufferPointer { labels in
      nonisolated(unsafe) let labels = labels.baseAddress
      Compute.forEachPart(of: rowCount, size: rowsPerPart) { rows in
        let first = rows.lowerBound
        Scalar.layerKernels.crossEntropyBackward(
          to + first * width, slopes + first * step, step, logs + first, from + first * width,
          labels! + first, weights, allClasses, softness, ignored, rows.count, width)
      }
    }
    return dx
  }
}

/// -sum over classes c of w_c t_c log(p_c), p = softmax(logits), against probabilities t.
///
/// Shapes: both [rows, classes], or [rows, classes, ...], or [classes]; a mean is over all places but
/// the classes'. Gradients flow to both. Smoothed, t is (1 - smoothing) t + smoothing / classes.
@specialized(where Scalar == Float)
public func crossEntropy<Scalar>(
  _ logits: NDTensor<Scalar>, probabilities: NDTensor<Scalar>, weight: NDTensor<Scalar>? = nil,
  smoothing: Double = 0, reduction: LossReduction = .mean
) -> NDTensor<Scalar> {
  checkSmoothing(smoothing)
  require(
    logits.shape == probabilities.shape && !logits.shape.isEmpty,
    "probabilities of shape \(probabilities.shape) do not fit logits of shape \(logits.shape)")
  let axis = logits.shape.count > 1 ? 1 : 0
  let classes = logits.shape[axis]
  let soft =
    smoothing == 0
    ? probabilities
    : Scalar(1 - smoothing) * probabilities + Scalar(smoothing) / Scalar(classes)
  var terms = logSoftmax(logits, along: axis) * soft
  if let weight {
    require(weight.count == classes, "weights of shape \(weight.shape) for \(classes) classes")
    let behind = [Int](repeating: 1, count: logits.shape.count - axis - 1)
    terms = terms * weight.reshaped(to: [classes] + behind)
  }
  return reduction(-sum(terms, along: axis))
}

/// -w_t x_t of logarithms x of probabilities, t the class that a row is labelled with: what
/// ``crossEntropy(_:_:weight:smoothing:ignoring:reduction:)`` is of logits. Shapes and parameters as there.
@specialized(where Scalar == Float)
public func nllLoss<Scalar>(
  _ logarithms: NDTensor<Scalar>, _ labels: [Int32], weight: NDTensor<Scalar>? = nil,
  ignoring ignored: Int32 = -1, reduction: LossReduction = .mean
) -> NDTensor<Scalar> {
  let (rows, shape) = classRows(logarithms, labels: labels.count)
  let width = rows.shape[1]
  let total = labelWeight(labels, weight, classes: width, ignored)
  let share: Scalar? = reduction == .mean ? (total > 0 ? 1 / total : 0) : reduction.share(of: shape)
  // The slope of each row's loss, at the label.
  let slopes = labels.map { label in
    label == ignored ? 0 : -(weight.map { $0.storage.base[Int(label)] } ?? 1)
  }
  let losses = NDTensor<Scalar>(shape: shape) { losses in
    for (row, label) in labels.enumerated() {
      let value = label == ignored ? 0 : slopes[row] * rows.storage.base[row * width + Int(label)]
      losses.initializeElement(at: row, to: value)
    }
  }
  let result = share.map { NDTensor($0 * sumOfElements(losses)) } ?? losses
  let rowShape = rows.shape
  return result.recorded(from: rows) { dy in
    var dx = NDTensor<Scalar>.zeros(rowShape)
    dx.withUnsafeMutableBufferPointer { dx in
      for (row, label) in labels.enumerated() where label != ignored {
        dx[row * width + Int(label)] =
          slopes[row] * (share.map { $0 * dy.scalar } ?? dy.storage.base[row])
      }
    }
    return dx
  }
}

/// A matrix whose rows are the classes of each place, and the shape of those places.
private func classRows<Scalar>(
  _ x: NDTensor<Scalar>, labels: Int
) -> (rows: NDTensor<Scalar>, shape: [Int]) {
  require(!x.shape.isEmpty, "a single number has no classes")
  let axis = x.shape.count > 1 ? 1 : 0
  let shape = Array(x.shape[..<axis] + x.shape[(axis + 1)...])
  require(
    labels == shape.reduce(1, *), "\(labels) labels do not fit logits of shape \(x.shape)")
  let axes = Array(x.shape.indices)
  let order = axes.filter { $0 != axis } + [axis]
  let last = order == axes ? x : x.transposed(by: order)
  return (last.reshaped(to: [labels, x.shape[axis]]), shape)
}

/// The sum of the labelled rows' weights; traps on labels and weights that do not fit.
private func labelWeight<Scalar>(
  _ labels: [Int32], _ weight: NDTensor<Scalar>?, classes: Int, _ ignored: Int32
) -> Scalar {
  if let weight {
    require(weight.shape == [classes], "weights of shape \(weight.shape) for \(classes) classes")
  }
  var total = 0.0
  for label in labels where label != ignored {
    require(
      0 <= label && Int(label) < classes,
      "label \(label) is none of \(classes) classes, nor the ignored \(ignored)")
    total += weight.map { Double($0.storage.base[Int(label)]) } ?? 1
  }
  return Scalar(total)
}

private func checkSmoothing(_ smoothing: Double) {
  require(0 <= smoothing && smoothing <= 1, "smoothing is in 0...1, not \(smoothing)")
}
