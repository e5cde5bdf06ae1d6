import CHedgerowKernels
import HedgerowCore

/// A function of each element that a layer applies to its result, under PyTorch's name.
///
/// A layer runs it in one pass with its bias and its dropout (``AffineSum/evaluated(activation:dropout:)``);
/// alone it is called: `Activation.elu(alpha: 0.5)(x)`, or by a function of the same name, `elu(x, alpha: 0.5)`.
public enum Activation: Sendable, Equatable {
  case identity
  /// max(x, 0); its derivative at 0 is 0.
  case relu
  /// x where x > 0, else slope x.
  case leakyRelu(slope: Double = 0.01)
  /// x where x > 0, else alpha (e^x - 1).
  ///
  /// Source: Clevert et al., Fast and Accurate Deep Network Learning by Exponential Linear Units, 2015.
  case elu(alpha: Double = 1)
  /// 1.0507 x where x > 0, else 1.0507 * 1.6733 (e^x - 1).
  ///
  /// Source: Klambauer et al., Self-Normalizing Neural Networks, NIPS 2017.
  case selu
  /// x where x > 0, else alpha (e^(x / alpha) - 1).
  ///
  /// Source: Barron, Continuously Differentiable Exponential Linear Units, 2017.
  case celu(alpha: Double = 1)
  /// x Phi(x), Phi the normal distribution.
  ///
  /// Source: Hendrycks and Gimpel, Gaussian Error Linear Units, 2016.
  case gelu
  /// ``gelu`` approximated by 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
  case geluTanh
  /// x sigmoid(x)
  case silu
  /// x tanh(log(1 + e^x))
  ///
  /// Source: Misra, Mish: A Self Regularized Non-Monotonic Activation Function, BMVC 2020.
  case mish
  /// log(1 + e^(beta x)) / beta, and x where beta x > threshold.
  case softplus(beta: Double = 1, threshold: Double = 20)
  /// 1 / (1 + e^-x)
  case sigmoid
  case tanh
  /// x, but at least `min` and at most `max`; the derivative is 0 at both.
  case hardtanh(min: Double = -1, max: Double = 1)
  /// x, but at least 0 and at most 6.
  case relu6
  /// x min(max(x + 3, 0), 6) / 6
  ///
  /// Source: Howard et al., Searching for MobileNetV3, ICCV 2019.
  case hardswish
  /// min(max(x + 3, 0), 6) / 6
  case hardsigmoid
  /// x / (1 + |x|)
  case softsign
  /// x - tanh(x)
  case tanhshrink
  /// x moved by lambda towards 0, and 0 where |x| <= lambda.
  case softshrink(lambda: Double = 0.5)
  /// x where |x| > lambda, else 0.
  case hardshrink(lambda: Double = 0.5)
  /// x where x > threshold, else value.
  case threshold(Double, value: Double)
  /// -log(1 + e^-x)
  case logSigmoid

  /// The function of each element.
  @specialized(where Scalar == Float)
  public func callAsFunction<Scalar>(_ x: NDTensor<Scalar>) -> NDTensor<Scalar> {
    if self == .identity { return x }
    let (function, p, q) = kernel(Scalar.self)
    let y = NDTensor<Scalar>(uninitialized: x.shape)
    let (from, to) = (x.storage.base, y.storage.base)
    forEachPart(of: x.count) {
      Scalar.layerKernels.activate(function, to + $0, from + $0, p, q, $1)
    }
    if self == .relu {
      return y.recordedInPlace(from: [x]) { dy, _ in [reluPullback(&dy, y: y, factor: 1)] }
    }
    let input = x.detached
    return y.recorded(from: x) { dy in
      let dx = NDTensor<Scalar>(uninitialized: y.shape)
      let (slopes, to) = (dy.storage.base, dx.storage.base)
      let (from, values) = (input.storage.base, y.storage.base)
      forEachPart(of: y.count) {
        Scalar.layerKernels.activateBackward(
          function, to + $0, slopes + $0, from + $0, values + $0, p, q, $1)
      }
      return dx
    }
  }

  private func kernel<Scalar: TensorScalar>(
    _: Scalar.Type
  ) -> (function: hr_activation, p: Scalar, q: Scalar) {
    switch self {
    case .identity: (hr_identity, 0, 0)
    case .relu: (hr_relu, 0, 0)
    case .leakyRelu(let slope): (hr_leaky_relu, Scalar(slope), 0)
    case .elu(let alpha): (hr_elu, Scalar(alpha), 1)
    case .selu: (hr_selu, 0, 0)
    case .celu(let alpha): (hr_elu, Scalar(alpha), Scalar(1 / alpha))
    case .gelu: (hr_gelu, 0, 0)
    case .geluTanh: (hr_gelu_tanh, 0, 0)
    case .silu: (hr_silu, 0, 0)
    case .mish: (hr_mish, 0, 0)
    case .softplus(let beta, let threshold): (hr_softplus, Scalar(beta), Scalar(threshold))
    case .sigmoid: (hr_sigmoid, 0, 0)
    case .tanh: (hr_tanh, 0, 0)
    case .hardtanh(let min, let max): (hr_hardtanh, Scalar(min), Scalar(max))
    case .relu6: (hr_hardtanh, 0, 6)
    case .hardswish: (hr_hardswish, 0, 0)
    case .hardsigmoid: (hr_hardsigmoid, 0, 0)
    case .softsign: (hr_softsign, 0, 0)
    case .tanhshrink: (hr_tanhshrink, 0, 0)
    case .softshrink(let lambda): (hr_softshrink, Scalar(lambda), 0)
    case .hardshrink(let lambda): (hr_hardshrink, Scalar(lambda), 0)
    case .threshold(let threshold, let value): (hr_threshold, Scalar(threshold), Scalar(value))
    case .logSigmoid: (hr_log_sigmoid, 0, 0)
    }
  }
}

extension Activation {
  /// Rows z of a layer, to which a bias is still to be added, through the activation and a dropout.
  ///
  /// `y` may be `z`. The first element has number `first` in the layer's result, which is even.
  func apply<Scalar>(
    to z: UnsafeMutablePointer<Scalar>, bias: UnsafeMutablePointer<Scalar>?,
    into y: UnsafeMutablePointer<Scalar>, _ mask: DropoutMask<Scalar>?, first: Int, rows: Int,
    columns: Int
  ) {
    let (function, p, q) = kernel(Scalar.self)
    Scalar.layerKernels.biasActivate(
      function, y, z, bias, p, q, mask?.kernelMask ?? hr_mask(), UInt64(first), rows, columns)
  }

  /// The gradient with respect to z of y = dropout(f(z)).
  func pullback<Scalar>(
    _ dy: inout NDTensor<Scalar>, z: NDTensor<Scalar>, y: NDTensor<Scalar>,
    _ mask: DropoutMask<Scalar>?
  ) -> NDTensor<Scalar> {
    let (function, p, q) = kernel(Scalar.self)
    let dz = dy.room()
    let (slopes, to) = (dy.storage.base, dz.storage.base)
    let (from, values) = (z.storage.base, y.storage.base)
    let kernelMask = mask?.kernelMask ?? hr_mask()
    forEachPart(of: y.count) {
      Scalar.layerKernels.biasActivateBackward(
        function, to + $0, slopes + $0, from + $0, values + $0, p, q, kernelMask, UInt64($0), $1)
    }
    return dz
  }
}

/// The gradient through max(x, 0), and through the dropout after it, which the zeros of y show.
func reluPullback<Scalar>(
  _ dy: inout NDTensor<Scalar>, y: NDTensor<Scalar>, factor: Scalar
) -> NDTensor<Scalar> {
  let dx = dy.room()
  let (slopes, values, to) = (dy.storage.base, y.storage.base, dx.storage.base)
  forEachPart(of: y.count) {
    Scalar.layerKernels.reluBackward(to + $0, slopes + $0, values + $0, factor, $1)
  }
  return dx
}
