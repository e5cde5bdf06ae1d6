import HedgerowCore

/// softmax(q k^T / sqrt(width) + mask) v, for each place of the axes in front: what each query takes of
/// the values, and the shares that it takes.
///
/// Shapes: q [..., queries, width], k [..., keys, width], v [..., keys, any], result [..., queries, any],
/// shares [..., queries, keys]. Masks broadcast against the shares. A query that may attend to no key
/// takes of all alike.
///
/// - Parameters:
///   - allowed: the keys that a query may attend to; all when it is not given.
///   - bias: added to the products; a gradient flows to it.
///   - dropout: of the shares, in training.
///
/// Source: Vaswani et al., Attention Is All You Need, NIPS 2017.
@specialized(where Scalar == Float)
public func scaledDotProductAttention<Scalar>(
  _ q: NDTensor<Scalar>, _ k: NDTensor<Scalar>, _ v: NDTensor<Scalar>, allowed: Mask? = nil,
  bias: NDTensor<Scalar>? = nil, dropout rate: Double = 0
) -> (result: NDTensor<Scalar>, shares: NDTensor<Scalar>) {
  require(
    q.shape.count >= 2 && k.shape.count >= 2 && q.shape.last == k.shape.last,
    "queries of shape \(q.shape) and keys of shape \(k.shape) have no products")
  let scale = 1 / Scalar(max(1, q.shape.last!)).squareRoot()
  var scores = matmul(scale * q, k.swapped(-2, -1))
  if let bias { scores = scores + bias }
  if let allowed {
    // A number, not infinity, so that a row without any key stays one of numbers.
    let never = NDTensor(-Scalar.greatestFiniteMagnitude / 2)
    scores = select(allowed, scores, otherwise: never)
  }
  let shares = softmax(scores)
  return (matmul(dropout(shares, rate: rate), v), shares)
}
