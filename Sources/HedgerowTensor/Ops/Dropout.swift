import CHedgerowKernels
import HedgerowCore

/// In training, x with each element zeroed with probability `rate` and the others divided by
/// 1 - rate, so that sums keep their expectation; x itself otherwise.
///
/// Which elements fall is a function of the training randomness, the number of random layers
/// before this one, and the element's index. Traps when the rate is not in `0..<1`.
///
/// Source: Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting,
/// JMLR 2014; scaled in training, as in PyTorch.
@specialized(where Scalar == Float)
public func dropout<Scalar>(_ x: NDTensor<Scalar>, rate: Double) -> NDTensor<Scalar> {
  guard let mask = DropoutMask<Scalar>(rate: rate) else { return x }
  return mask.applied(to: x).recorded(from: x) { dy in mask.applied(to: dy) }
}

/// Which elements a dropout keeps: recomputed from a key where it is needed, never stored.
struct DropoutMask<Scalar: TensorScalar> {
  /// As the kernels take it.
  let kernelMask: hr_mask
  /// 1 / (1 - rate).
  var factor: Scalar { Scalar(kernelMask.factor) }

  /// The mask of the next random layer; `nil` outside training or when nothing is dropped.
  init?(rate: Double) {
    require(0 <= rate && rate < 1, "a dropout rate is in 0..<1, not \(rate)")
    guard rate > 0, let stream = Training.nextStream() else { return nil }
    kernelMask = hr_mask(
      factor: 1 / (1 - rate), threshold: UInt32(rate * 0x1p32), key: stream.key)
  }

  func applied(to x: NDTensor<Scalar>) -> NDTensor<Scalar> {
    let y = NDTensor<Scalar>(uninitialized: x.shape)
    let (from, to) = (x.storage.base, y.storage.base)
    forEachPart(of: x.count) {
      Scalar.layerKernels.dropout(
        to + $0, from + $0, factor, kernelMask.threshold, kernelMask.key, UInt64($0), $1)
    }
    return y
  }
}
