import CHedgerowKernels
import HedgerowCore

extension NDTensor {
  /// Element by element. Shapes broadcast: aligned at their last extents, an extent of 1 or none
  /// stands for any other. Traps when shapes do not fit.
  @specialized(where Scalar == Float)
  public static func + (a: NDTensor, b: NDTensor) -> NDTensor {
    let (aShape, bShape) = (a.shape, b.shape)
    return broadcast(hr_plus, a, b).recorded(from: [a, b]) { dy, isNeeded in
      [isNeeded[0] ? dy.summed(to: aShape) : nil, isNeeded[1] ? dy.summed(to: bShape) : nil]
    }
  }

  /// Element by element, with broadcasting.
  @specialized(where Scalar == Float)
  public static func - (a: NDTensor, b: NDTensor) -> NDTensor {
    let (aShape, bShape) = (a.shape, b.shape)
    return broadcast(hr_minus, a, b).recorded(from: [a, b]) { dy, isNeeded in
      [isNeeded[0] ? dy.summed(to: aShape) : nil, isNeeded[1] ? -dy.summed(to: bShape) : nil]
    }
  }

  /// Element by element, with broadcasting.
  @specialized(where Scalar == Float)
  public static func * (a: NDTensor, b: NDTensor) -> NDTensor {
    let (x, y) = (a.detached, b.detached)
    return broadcast(hr_times, a, b).recorded(from: [a, b]) { dy, isNeeded in
      [
        isNeeded[0] ? (dy * y).summed(to: x.shape) : nil,
        isNeeded[1] ? (dy * x).summed(to: y.shape) : nil,
      ]
    }
  }

  /// Element by element, with broadcasting.
  @specialized(where Scalar == Float)
  public static func / (a: NDTensor, b: NDTensor) -> NDTensor {
    let (x, y) = (a.detached, b.detached)
    return broadcast(hr_divided, a, b).recorded(from: [a, b]) { dy, isNeeded in
      let quotient = dy / y
      return [
        isNeeded[0] ? quotient.summed(to: x.shape) : nil,
        isNeeded[1] ? -(quotient * (x / y)).summed(to: y.shape) : nil,
      ]
    }
  }

  /// Every element times one number.
  @specialized(where Scalar == Float)
  public static func * (factor: Scalar, x: NDTensor) -> NDTensor {
    let result = NDTensor(uninitialized: x.shape)
    let (from, to) = (x.storage.base, result.storage.base)
    forEachPart(of: x.count) { Scalar.kernels.scale(to + $0, from + $0, factor, $1) }
    return result.recorded(from: x) { dy in factor * dy }
  }

  public static func * (x: NDTensor, factor: Scalar) -> NDTensor { factor * x }
  public static func / (x: NDTensor, divisor: Scalar) -> NDTensor { (1 / divisor) * x }
  public static func / (dividend: Scalar, x: NDTensor) -> NDTensor { dividend * reciprocal(x) }
  public static func + (x: NDTensor, addend: Scalar) -> NDTensor { x + NDTensor(addend) }
  public static func + (addend: Scalar, x: NDTensor) -> NDTensor { x + NDTensor(addend) }
  public static func - (x: NDTensor, subtrahend: Scalar) -> NDTensor { x + NDTensor(-subtrahend) }
  public static func - (minuend: Scalar, x: NDTensor) -> NDTensor { NDTensor(minuend) - x }
  public static prefix func - (x: NDTensor) -> NDTensor { Scalar(-1) * x }

  /// The function of two numbers over all pairs; not recorded.
  fileprivate static func broadcast(
    _ function: hr_binary, _ a: NDTensor, _ b: NDTensor
  ) -> NDTensor {
    if a.shape == b.shape, let x = a.storage.presentBase, let y = b.storage.presentBase {
      let result = NDTensor(uninitialized: a.shape)
      let to = result.storage.base
      withExtendedLifetime((a, b)) {
        forEachPart(of: result.count) {
          Scalar.kernels.binary(
            function, to + $0, x + $0, 0, 1, y + $0, 0, 1, 1, $1)
        }
      }
      return result
    }
    return NDTensor(
      pairwise(a.array, b.array) { out, x, xRow, xStep, y, yRow, yStep, rows, columns in
        Scalar.kernels.binary(function, out, x, xRow, xStep, y, yRow, yStep, rows, columns)
      })
  }

  /// The sum over what broadcasting repeated, back to `shape`; not recorded.
  func summed(to shape: [Int]) -> NDTensor {
    if shape == self.shape { return detached }
    var result = detached
    let padded = [Int](repeating: 1, count: self.shape.count - shape.count) + shape
    var end = padded.count
    while end > 0 {
      guard padded[end - 1] == 1 && self.shape[end - 1] != 1 else {
        end -= 1
        continue
      }
      // Repeated extents that stand together are summed in one go.
      var begin = end - 1
      while begin > 0 && padded[begin - 1] == 1 && self.shape[begin - 1] != 1 { begin -= 1 }
      result = result.summed(over: begin..<end, keeping: .one)
      end = begin
    }
    return NDTensor(result.array.reshaped(to: shape))
  }
}

/// The larger of each pair of elements, with broadcasting; the gradient goes to the first of equals.
///
/// `NaN` where either is.
@specialized(where Scalar == Float)
public func maximum<Scalar>(_ a: NDTensor<Scalar>, _ b: NDTensor<Scalar>) -> NDTensor<Scalar> {
  chosen(hr_larger, a, b)
}

/// The smaller of each pair of elements, as ``maximum(_:_:)``.
@specialized(where Scalar == Float)
public func minimum<Scalar>(_ a: NDTensor<Scalar>, _ b: NDTensor<Scalar>) -> NDTensor<Scalar> {
  chosen(hr_smaller, a, b)
}

private func chosen<Scalar>(
  _ function: hr_binary, _ a: NDTensor<Scalar>, _ b: NDTensor<Scalar>,
  operation: StaticString = #function
) -> NDTensor<Scalar> {
  let (x, y) = (a.detached, b.detached)
  return NDTensor.broadcast(function, a, b).recorded(from: [a, b], operation: operation) {
    dy, isNeeded in
    // Where a was taken; what is left went to b.
    let (u, v) = (x.broadcast(to: dy.shape), y.broadcast(to: dy.shape))
    let da = NDTensor<Scalar>(uninitialized: dy.shape)
    forEachPart(of: dy.count) {
      Scalar.kernels.chosen(
        function, da.storage.base + $0, dy.storage.base + $0, u.storage.base + $0,
        v.storage.base + $0, $1)
    }
    return [
      isNeeded[0] ? da.summed(to: x.shape) : nil, isNeeded[1] ? (dy - da).summed(to: y.shape) : nil,
    ]
  }
}

/// a^b, element by element with broadcasting.
///
/// The gradient of the exponent is zero where a is zero.
@specialized(where Scalar == Float)
public func pow<Scalar>(_ a: NDTensor<Scalar>, _ b: NDTensor<Scalar>) -> NDTensor<Scalar> {
  let (x, y) = (a.detached, b.detached)
  let result = NDTensor.broadcast(hr_raised, a, b)
  return result.recorded(from: [a, b]) { dy, isNeeded in
    let logarithm = isNeeded[1] ? select(x .== 0, NDTensor(0), otherwise: log(x)) : nil
    return [
      isNeeded[0] ? (dy * (y * pow(x, y - 1))).summed(to: x.shape) : nil,
      logarithm.map { (dy * (result.detached * $0)).summed(to: y.shape) },
    ]
  }
}

/// Numbers below a range as its lower bound, above it as its upper one; the gradient goes through where
/// a number is in the range.
@specialized(where Scalar == Float)
public func clamped<Scalar>(
  _ x: NDTensor<Scalar>, to range: ClosedRange<Scalar>
) -> NDTensor<Scalar> {
  minimum(maximum(x, NDTensor(range.lowerBound)), NDTensor(range.upperBound))
}
