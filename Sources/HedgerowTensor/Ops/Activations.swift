import HedgerowCore

// The functions of ``Activation`` under their own names, and those that are more than a function of
// each element.

/// ``Activation/relu``
@specialized(where S == Float)
public func relu<S>(_ x: NDTensor<S>) -> NDTensor<S> { Activation.relu(x) }
/// ``Activation/relu6``
@specialized(where S == Float)
public func relu6<S>(_ x: NDTensor<S>) -> NDTensor<S> { Activation.relu6(x) }
/// ``Activation/leakyRelu(slope:)``
@specialized(where S == Float)
public func leakyRelu<S>(_ x: NDTensor<S>, slope: S = 0.01) -> NDTensor<S> {
  Activation.leakyRelu(slope: Double(slope))(x)
}
/// ``Activation/elu(alpha:)``
@specialized(where S == Float)
public func elu<S>(_ x: NDTensor<S>, alpha: S = 1) -> NDTensor<S> {
  Activation.elu(alpha: Double(alpha))(x)
}
/// ``Activation/selu``
@specialized(where S == Float)
public func selu<S>(_ x: NDTensor<S>) -> NDTensor<S> { Activation.selu(x) }
/// ``Activation/celu(alpha:)``
@specialized(where S == Float)
public func celu<S>(_ x: NDTensor<S>, alpha: S = 1) -> NDTensor<S> {
  Activation.celu(alpha: Double(alpha))(x)
}
/// ``Activation/gelu``
@specialized(where S == Float)
public func gelu<S>(_ x: NDTensor<S>) -> NDTensor<S> { Activation.gelu(x) }
/// ``Activation/geluTanh``
@specialized(where S == Float)
public func geluTanh<S>(_ x: NDTensor<S>) -> NDTensor<S> { Activation.geluTanh(x) }
/// ``Activation/silu``
@specialized(where S == Float)
public func silu<S>(_ x: NDTensor<S>) -> NDTensor<S> { Activation.silu(x) }
/// ``Activation/mish``
@specialized(where S == Float)
public func mish<S>(_ x: NDTensor<S>) -> NDTensor<S> { Activation.mish(x) }
/// ``Activation/softplus(beta:threshold:)``
@specialized(where S == Float)
public func softplus<S>(
  _ x: NDTensor<S>, beta: S = 1, threshold: S = 20
) -> NDTensor<S> {
  Activation.softplus(beta: Double(beta), threshold: Double(threshold))(x)
}
/// ``Activation/sigmoid``
@specialized(where S == Float)
public func sigmoid<S>(_ x: NDTensor<S>) -> NDTensor<S> { Activation.sigmoid(x) }
/// ``Activation/tanh``
@specialized(where S == Float)
public func tanh<S>(_ x: NDTensor<S>) -> NDTensor<S> { Activation.tanh(x) }
/// ``Activation/hardtanh(min:max:)``
@specialized(where S == Float)
public func hardtanh<S>(_ x: NDTensor<S>, min: S = -1, max: S = 1) -> NDTensor<S> {
  Activation.hardtanh(min: Double(min), max: Double(max))(x)
}
/// ``Activation/hardswish``
@specialized(where S == Float)
public func hardswish<S>(_ x: NDTensor<S>) -> NDTensor<S> { Activation.hardswish(x) }
/// ``Activation/hardsigmoid``
@specialized(where S == Float)
public func hardsigmoid<S>(_ x: NDTensor<S>) -> NDTensor<S> { Activation.hardsigmoid(x) }
/// ``Activation/softsign``
@specialized(where S == Float)
public func softsign<S>(_ x: NDTensor<S>) -> NDTensor<S> { Activation.softsign(x) }
/// ``Activation/tanhshrink``
@specialized(where S == Float)
public func tanhshrink<S>(_ x: NDTensor<S>) -> NDTensor<S> { Activation.tanhshrink(x) }
/// ``Activation/softshrink(lambda:)``
@specialized(where S == Float)
public func softshrink<S>(_ x: NDTensor<S>, lambda: S = 0.5) -> NDTensor<S> {
  Activation.softshrink(lambda: Double(lambda))(x)
}
/// ``Activation/hardshrink(lambda:)``
@specialized(where S == Float)
public func hardshrink<S>(_ x: NDTensor<S>, lambda: S = 0.5) -> NDTensor<S> {
  Activation.hardshrink(lambda: Double(lambda))(x)
}
/// ``Activation/threshold(_:value:)``
@specialized(where S == Float)
public func threshold<S>(_ x: NDTensor<S>, _ threshold: S, value: S) -> NDTensor<S> {
  Activation.threshold(Double(threshold), value: Double(value))(x)
}
/// ``Activation/logSigmoid``
@specialized(where S == Float)
public func logSigmoid<S>(_ x: NDTensor<S>) -> NDTensor<S> { Activation.logSigmoid(x) }

/// a sigmoid(b), a and b the halves of x along an axis; traps when its extent is odd.
///
/// Source: Dauphin et al., Language Modeling with Gated Convolutional Networks, ICML 2017.
@specialized(where S == Float)
public func glu<S>(_ x: NDTensor<S>, along axis: Int = -1) -> NDTensor<S> {
  let extent = x.shape[x.checked(axis: axis)]
  require(extent.isMultiple(of: 2), "axis \(axis) of shape \(x.shape) has no halves")
  let half = extent / 2
  return x.sliced(0..<half, along: axis) * sigmoid(x.sliced(half..<extent, along: axis))
}

/// x where x > 0, else a slope that is learned times x.
///
/// Shapes: `slope` has one element, or one for each place of axis 1 of x.
///
/// Source: He et al., Delving Deep into Rectifiers, ICCV 2015.
@specialized(where S == Float)
public func prelu<S>(_ x: NDTensor<S>, slope: NDTensor<S>) -> NDTensor<S> {
  require(
    slope.count == 1 || (x.shape.count > 1 && slope.count == x.shape[1]),
    "slopes of shape \(slope.shape) do not fit shape \(x.shape)")
  let channels =
    slope.count == 1 ? [] : [slope.count] + [Int](repeating: 1, count: x.shape.count - 2)
  return relu(x) + slope.reshaped(to: channels) * minimum(x, NDTensor(0))
}
