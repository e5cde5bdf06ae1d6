import HedgerowCore

/// Calls `body` with the first element and the length of each part of a tensor of `count` elements.
private func forEachPart(of count: Int, _ body: (_ first: Int, _ length: Int) -> Void) {
  Compute.forEachPart(of: count, size: Compute.elementsPerPart) { body($0.lowerBound, $0.count) }
}

extension NDTensor {
  /// Element by element; both of one shape.
  public static func + (a: NDTensor, b: NDTensor) -> NDTensor {
    require(a.shape == b.shape, "cannot add shapes \(a.shape) and \(b.shape)")
    let result = NDTensor(uninitialized: a.shape)
    forEachPart(of: a.count) {
      Scalar.kernels.add(result.storage.base + $0, a.storage.base + $0, b.storage.base + $0, $1)
    }
    return result.recorded(from: [a, b]) { dy, _ in [dy, dy] }
  }

  /// Element by element; both of one shape.
  public static func * (a: NDTensor, b: NDTensor) -> NDTensor {
    require(a.shape == b.shape, "cannot multiply shapes \(a.shape) and \(b.shape)")
    let result = NDTensor(uninitialized: a.shape)
    forEachPart(of: a.count) {
      Scalar.kernels.multiply(
        result.storage.base + $0, a.storage.base + $0, b.storage.base + $0, $1)
    }
    let (x, y) = (a.detached, b.detached)
    return result.recorded(from: [a, b]) { dy, isNeeded in
      [isNeeded[0] ? dy * y : nil, isNeeded[1] ? dy * x : nil]
    }
  }

  /// Every element times one number.
  public static func * (factor: Scalar, x: NDTensor) -> NDTensor {
    let result = NDTensor(uninitialized: x.shape)
    forEachPart(of: x.count) {
      Scalar.kernels.scale(result.storage.base + $0, x.storage.base + $0, factor, $1)
    }
    return result.recorded(from: x) { dy in factor * dy }
  }
}

/// max(x, 0), element by element; its derivative at 0 is 0.
public func relu<Scalar>(_ x: NDTensor<Scalar>) -> NDTensor<Scalar> {
  let y = NDTensor<Scalar>(uninitialized: x.shape)
  forEachPart(of: x.count) {
    Scalar.kernels.relu(y.storage.base + $0, x.storage.base + $0, $1)
  }
  return y.recorded(from: x) { dy in reluPullback(dy, y: y, factor: 1) }
}

/// The gradient through max(x, 0), and through the dropout after it, which the zeros of y show.
func reluPullback<Scalar>(
  _ dy: NDTensor<Scalar>, y: NDTensor<Scalar>, factor: Scalar
) -> NDTensor<Scalar> {
  let dx = NDTensor<Scalar>(uninitialized: y.shape)
  forEachPart(of: y.count) {
    Scalar.kernels.reluBackward(
      dx.storage.base + $0, dy.storage.base + $0, y.storage.base + $0, factor, $1)
  }
  return dx
}

/// In training, x with each element zeroed with probability `rate` and the others divided by
/// 1 - rate, so that sums keep their expectation; x itself otherwise.
///
/// Which elements fall is a function of the training randomness, the number of random layers
/// before this one, and the element's index. Traps when the rate is not in `0..<1`.
///
/// Source: Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting,
/// JMLR 2014; scaled in training, as in PyTorch.
public func dropout<Scalar>(_ x: NDTensor<Scalar>, rate: Double) -> NDTensor<Scalar> {
  guard let mask = DropoutMask<Scalar>(rate: rate) else { return x }
  return mask.applied(to: x).recorded(from: x) { dy in mask.applied(to: dy) }
}

/// Which elements a dropout keeps: recomputed from a key where it is needed, never stored.
struct DropoutMask<Scalar: TensorScalar> {
  private let key: UInt64
  private let threshold: UInt32
  /// 1 / (1 - rate).
  let factor: Scalar

  /// The mask of the next random layer; `nil` outside training or when nothing is dropped.
  init?(rate: Double) {
    require(0 <= rate && rate < 1, "a dropout rate is in 0..<1, not \(rate)")
    guard rate > 0, let stream = Training.nextStream() else { return nil }
    key = stream.key
    threshold = UInt32(rate * 0x1p32)
    factor = Scalar(1 / (1 - rate))
  }

  /// Masks the elements from index `first` on, which is even.
  func apply(
    to x: UnsafePointer<Scalar>, into y: UnsafeMutablePointer<Scalar>, first: Int, count: Int
  ) {
    Scalar.kernels.dropout(y, x, factor, threshold, key, UInt64(first), count)
  }

  func applied(to x: NDTensor<Scalar>) -> NDTensor<Scalar> {
    let y = NDTensor<Scalar>(uninitialized: x.shape)
    forEachPart(of: x.count) {
      apply(to: x.storage.base + $0, into: y.storage.base + $0, first: $0, count: $1)
    }
    return y
  }
}
