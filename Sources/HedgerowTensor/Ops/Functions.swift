import CHedgerowKernels
import HedgerowCore

/// Calls `body` with the first element and the length of each part of a tensor of `count` elements.
func forEachPart(of count: Int, _ body: (_ first: Int, _ length: Int) -> Void) {
  Compute.forEachPart(of: count, size: Compute.elementsPerPart) { body($0.lowerBound, $0.count) }
}

/// A function of each element; its slope stands beside it in the kernels.
private func apply<Scalar>(
  _ function: hr_unary, _ x: NDTensor<Scalar>, parameter: Scalar = 0
) -> NDTensor<Scalar> {
  let y = NDTensor<Scalar>(uninitialized: x.shape)
  forEachPart(of: x.count) {
    Scalar.kernels.unary(function, y.storage.base + $0, x.storage.base + $0, parameter, $1)
  }
  let input = x.detached
  return y.recorded(from: x) { dy in
    let dx = NDTensor<Scalar>(uninitialized: y.shape)
    forEachPart(of: y.count) {
      Scalar.kernels.unaryBackward(
        function, dx.storage.base + $0, dy.storage.base + $0, input.storage.base + $0,
        y.storage.base + $0, parameter, $1)
    }
    return dx
  }
}

/// 1 / x
public func reciprocal<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_reciprocal, x) }
/// |x|; its derivative at 0 is 0.
public func abs<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_absolute, x) }
/// x^2
public func square<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_square, x) }
/// The square root.
public func sqrt<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_square_root, x) }
/// 1 / sqrt(x)
public func rsqrt<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_reciprocal_square_root, x) }
/// e^x
public func exp<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_exponential, x) }
/// The natural logarithm.
public func log<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_logarithm, x) }
/// x^exponent
public func pow<S>(_ x: NDTensor<S>, _ exponent: S) -> NDTensor<S> {
  apply(hr_power, x, parameter: exponent)
}
