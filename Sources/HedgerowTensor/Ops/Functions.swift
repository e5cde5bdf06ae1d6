import CHedgerowKernels
import HedgerowCore

/// Calls `body` with the first element and the length of each part of a tensor of `count` elements.
func forEachPart(of count: Int, _ body: (_ first: Int, _ length: Int) -> Void) {
  Compute.forEachPart(of: count, size: Compute.elementsPerPart) { body($0.lowerBound, $0.count) }
}

/// A function of each element; its slope stands beside it in the kernels.
private func apply<Scalar>(
  _ function: hr_unary, _ x: NDTensor<Scalar>, parameter: Scalar = 0,
  operation: StaticString = #function
) -> NDTensor<Scalar> {
  let y = NDTensor<Scalar>(uninitialized: x.shape)
  let (from, to) = (x.storage.base, y.storage.base)
  forEachPart(of: x.count) {
    Scalar.kernels.unary(function, to + $0, from + $0, parameter, $1)
  }
  let input = x.detached
  return y.recorded(from: x, operation: operation) { dy in
    let dx = NDTensor<Scalar>(uninitialized: y.shape)
    let (slopes, to) = (dy.storage.base, dx.storage.base)
    let (from, values) = (input.storage.base, y.storage.base)
    forEachPart(of: y.count) {
      Scalar.kernels.unaryBackward(
        function, to + $0, slopes + $0, from + $0, values + $0, parameter, $1)
    }
    return dx
  }
}

/// 1 / x
@specialized(where S == Float)
public func reciprocal<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_reciprocal, x) }
/// |x|; its derivative at 0 is 0.
@specialized(where S == Float)
public func abs<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_absolute, x) }
/// x^2
@specialized(where S == Float)
public func square<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_square, x) }
/// The square root.
@specialized(where S == Float)
public func sqrt<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_square_root, x) }
/// 1 / sqrt(x)
@specialized(where S == Float)
public func rsqrt<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_reciprocal_square_root, x) }
/// e^x
@specialized(where S == Float)
public func exp<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_exponential, x) }
/// The natural logarithm.
@specialized(where S == Float)
public func log<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_logarithm, x) }
/// log(1 + x), exact for small x.
@specialized(where S == Float)
public func log1p<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_logarithm_of_one_plus, x) }
/// e^x - 1, exact for small x.
@specialized(where S == Float)
public func expm1<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_exponential_minus_one, x) }
/// The sine.
@specialized(where S == Float)
public func sin<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_sine, x) }
/// The cosine.
@specialized(where S == Float)
public func cos<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_cosine, x) }
/// The tangent.
@specialized(where S == Float)
public func tan<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_tangent, x) }
/// The arc tangent.
@specialized(where S == Float)
public func atan<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_arc_tangent, x) }
/// The error function.
@specialized(where S == Float)
public func erf<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_error_function, x) }
/// The next whole number below; its derivative is 0, as that of the next three.
@specialized(where S == Float)
public func floor<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_floor, x) }
/// The next whole number above.
@specialized(where S == Float)
public func ceil<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_ceiling, x) }
/// The nearest whole number, of two equally near ones the even one.
@specialized(where S == Float)
public func round<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_nearest, x) }
/// -1, 0 or 1.
@specialized(where S == Float)
public func sign<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_sign, x) }
/// x^exponent
@specialized(where S == Float)
public func pow<S>(_ x: NDTensor<S>, _ exponent: S) -> NDTensor<S> {
  apply(hr_power, x, parameter: exponent)
}
