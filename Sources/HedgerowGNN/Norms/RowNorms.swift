import HedgerowTensor

/// The lengths of rows, (sum of |x|^p)^(1/p); no gradient goes to a row of zeros.
///
/// Shapes: x [rows, width], result [rows], or [rows, 1] when the axis is kept.
func rowNorms(_ x: Tensor, p: Float, keeping axis: ReducedAxis = .dropped) -> Tensor {
  if p == 1 { return sum(abs(x), along: 1, keeping: axis) }
  if p == 2 { return root(sum(square(x), along: 1, keeping: axis)) }
  if p == .infinity { return max(abs(x), along: 1, keeping: axis) }
  let sums = sum(pow(abs(x), p), along: 1, keeping: axis)
  let isZero = sums .== 0
  return select(
    isZero, Tensor(0), otherwise: pow(select(isZero, Tensor(1), otherwise: sums), 1 / p))
}

/// Rows divided by their lengths, or by 1e-12 where they are shorter.
func normalizedRows(_ x: Tensor, p: Float) -> Tensor {
  if p == 2 { return rowsOfLengthOne(x) }
  return x / maximum(rowNorms(x, p: p, keeping: .one), Tensor(1e-12))
}

/// The root, with no gradient at zero.
func root(_ x: Tensor) -> Tensor {
  let isZero = x .== 0
  return select(isZero, Tensor(0), otherwise: sqrt(select(isZero, Tensor(1), otherwise: x)))
}
