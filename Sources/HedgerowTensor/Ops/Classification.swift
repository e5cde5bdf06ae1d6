import HedgerowCore

/// Rows of classification that one part computes; an exponential costs more than a sum.
private let rowsPerPart = 256

/// Each row's exp(x) / sum of exp(x): the probabilities that logits stand for.
public func softmax<Scalar>(_ x: NDTensor<Scalar>) -> NDTensor<Scalar> {
  require(x.shape.count == 2, "shape \(x.shape) is no matrix of logits")
  let width = x.shape[1]
  let y = NDTensor<Scalar>(uninitialized: x.shape)
  if x.count > 0 {
    Compute.forEachPart(of: x.shape[0], size: rowsPerPart) { rows in
      let first = rows.lowerBound * width
      Scalar.kernels.softmax(y.storage.base + first, x.storage.base + first, rows.count, width)
    }
  }
  return y.recorded(from: x) { dy in
    // dx = y (dy - sum over the row of y dy)
    let weighted = dy * y
    let ones = NDTensor<Scalar>.ones([width, 1])
    let row = NDTensor<Scalar>.ones([1, width])
    return weighted + Scalar(-1) * (product(product(weighted, ones), row) * y)
  }
}

/// The column of the largest element of each row, the first of equals.
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
