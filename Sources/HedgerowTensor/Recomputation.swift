/// The result of `body`, whose inner results are not kept for the way back but made again there: a block
/// costs the memory of what it depends on and of its result, and twice the time.
///
/// `body` must do the same both times, and what it is made of must not change in between. It draws the
/// same random numbers. A tensor that leaves it in another way than as its result is a constant. Outside
/// of `valueWithGradients` this is `body()`.
/// ```swift
/// for layer in layers { x = recomputed { [x] in layer(x) } }
/// ```
/// Source: Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016.
@specialized(where Scalar == Float)
public func recomputed<Scalar>(_ body: @escaping () -> NDTensor<Scalar>) -> NDTensor<Scalar> {
  guard let outer = Tape<Scalar>.current else { return body() }
  let streamCount = outer.streamCount
  let probe = Tape(inside: outer, leaves: nil, streamCount: streamCount)
  let value = probe.record(body)
  outer.streamCount = probe.streamCount
  // What is of the outer recording, or a constant, needs nothing made again.
  guard probe.isTracked(value) else { return value }
  let leaves = probe.outerLeaves
  let precision = Precision.current
  // The pullback is kept by the recording that runs it.
  return outer.record(value.detached, from: leaves, "recomputed(_:)") {
    [unowned outer] cotangent, _ in
    let again = Tape(inside: outer, leaves: leaves, streamCount: streamCount)
    let value = again.record { withPrecision(precision, body) }
    return again.cotangentsOfOuterLeaves(of: value, .dense(cotangent))
  }
}
