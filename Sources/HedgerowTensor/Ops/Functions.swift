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
    let from = dy.storage.base
    forEachPart(of: y.count) {
      Scalar.kernels.unaryBackward(
        function, dx.storage.base + $0, from + $0, input.storage.base + $0, y.storage.base + $0,
        parameter, $1)
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
/// 1 / (1 + e^-x)
@specialized(where S == Float)
public func sigmoid<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_sigmoid, x) }
/// The hyperbolic tangent.
@specialized(where S == Float)
public func tanh<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_hyperbolic_tangent, x) }
/// x where x > 0, else slope x.
@specialized(where S == Float)
public func leakyRelu<S>(_ x: NDTensor<S>, slope: S = 0.01) -> NDTensor<S> {
  apply(hr_leaky_relu, x, parameter: slope)
}
/// x where x > 0, else alpha (e^x - 1).
///
/// Source: Clevert et al., Fast and Accurate Deep Network Learning by Exponential Linear Units, 2015.
@specialized(where S == Float)
public func elu<S>(_ x: NDTensor<S>, alpha: S = 1) -> NDTensor<S> {
  apply(hr_elu, x, parameter: alpha)
}
/// 1.0507 x where x > 0, else 1.0507 * 1.6733 (e^x - 1).
///
/// Source: Klambauer et al., Self-Normalizing Neural Networks, NIPS 2017.
@specialized(where S == Float)
public func selu<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_selu, x) }
/// x Phi(x), Phi the normal distribution.
///
/// Source: Hendrycks and Gimpel, Gaussian Error Linear Units, 2016.
@specialized(where S == Float)
public func gelu<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_gelu, x) }
/// ``gelu(_:)`` approximated by 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
@specialized(where S == Float)
public func geluTanh<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_gelu_tanh, x) }
/// x sigmoid(x)
@specialized(where S == Float)
public func silu<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_silu, x) }
/// log(1 + e^x)
@specialized(where S == Float)
public func softplus<S>(_ x: NDTensor<S>) -> NDTensor<S> { apply(hr_softplus, x) }

/// max(x, 0), element by element; its derivative at 0 is 0.
@specialized(where Scalar == Float)
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
