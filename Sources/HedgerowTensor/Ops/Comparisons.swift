import CHedgerowKernels
import HedgerowCore

// Masks: comparisons element by element, their logic, and what is done with them. Operators are those
// of the standard library's SIMD masks. Shapes broadcast as in arithmetic.

extension NDArray where Element: ComparableElement {
  private static func compared(
    _ comparison: hr_comparison, _ a: NDArray, _ b: NDArray
  ) -> Mask {
    pairwise(a, b) { out, x, xRow, xStep, y, yRow, yStep, rows, columns in
      Element.comparisons.compare(
        comparison, out, x, xRow, xStep, y, yRow, yStep, rows, columns)
    }
  }

  public static func .== (a: NDArray, b: NDArray) -> Mask { compared(hr_equal, a, b) }
  public static func .!= (a: NDArray, b: NDArray) -> Mask { compared(hr_unequal, a, b) }
  public static func .< (a: NDArray, b: NDArray) -> Mask { compared(hr_less, a, b) }
  public static func .<= (a: NDArray, b: NDArray) -> Mask { compared(hr_less_or_equal, a, b) }
  public static func .> (a: NDArray, b: NDArray) -> Mask { b .< a }
  public static func .>= (a: NDArray, b: NDArray) -> Mask { b .<= a }

  public static func .== (a: NDArray, b: Element) -> Mask { a .== NDArray(b) }
  public static func .!= (a: NDArray, b: Element) -> Mask { a .!= NDArray(b) }
  public static func .< (a: NDArray, b: Element) -> Mask { a .< NDArray(b) }
  public static func .<= (a: NDArray, b: Element) -> Mask { a .<= NDArray(b) }
  public static func .> (a: NDArray, b: Element) -> Mask { NDArray(b) .< a }
  public static func .>= (a: NDArray, b: Element) -> Mask { NDArray(b) .<= a }
}

extension NDTensor {
  public static func .== (a: NDTensor, b: NDTensor) -> Mask { a.array .== b.array }
  public static func .!= (a: NDTensor, b: NDTensor) -> Mask { a.array .!= b.array }
  public static func .< (a: NDTensor, b: NDTensor) -> Mask { a.array .< b.array }
  public static func .<= (a: NDTensor, b: NDTensor) -> Mask { a.array .<= b.array }
  public static func .> (a: NDTensor, b: NDTensor) -> Mask { a.array .> b.array }
  public static func .>= (a: NDTensor, b: NDTensor) -> Mask { a.array .>= b.array }

  public static func .== (a: NDTensor, b: Scalar) -> Mask { a.array .== b }
  public static func .!= (a: NDTensor, b: Scalar) -> Mask { a.array .!= b }
  public static func .< (a: NDTensor, b: Scalar) -> Mask { a.array .< b }
  public static func .<= (a: NDTensor, b: Scalar) -> Mask { a.array .<= b }
  public static func .> (a: NDTensor, b: Scalar) -> Mask { a.array .> b }
  public static func .>= (a: NDTensor, b: Scalar) -> Mask { a.array .>= b }
}

extension NDArray where Element == Bool {
  private static func joined(_ comparison: hr_comparison, _ a: Mask, _ b: Mask) -> Mask {
    pairwise(a, b) { out, x, xRow, xStep, y, yRow, yStep, rows, columns in
      hr_compare_bool(comparison, out, x, xRow, xStep, y, yRow, yStep, rows, columns)
    }
  }

  public static func .& (a: Mask, b: Mask) -> Mask { joined(hr_both, a, b) }
  public static func .| (a: Mask, b: Mask) -> Mask { joined(hr_either, a, b) }
  public static func .^ (a: Mask, b: Mask) -> Mask { a .!= b }
  public static prefix func .! (mask: Mask) -> Mask { mask .== false }

  /// How many elements are true.
  public var trueCount: Int { withUnsafeBufferPointer { $0.count { $0 } } }

  /// The places of elements that are true, counted in row-major order.
  public var places: [UInt32] {
    require(count <= UInt32.max, "shape \(shape) is too large for this")
    return withUnsafeBufferPointer { elements in
      elements.indices.filter { elements[$0] }.map { UInt32($0) }
    }
  }

  /// As numbers: 1 where true, 0 elsewhere.
  public func numbers<Scalar: TensorScalar>(_: Scalar.Type = Float.self) -> NDTensor<Scalar> {
    select(self, NDTensor<Scalar>(1), otherwise: NDTensor<Scalar>(0))
  }
}

/// Where the mask is true the element of a, elsewhere that of b; all three broadcast.
///
/// The gradient goes to the one that was taken.
@specialized(where Scalar == Float)
public func select<Scalar>(
  _ mask: Mask, _ a: NDTensor<Scalar>, otherwise b: NDTensor<Scalar>
) -> NDTensor<Scalar> {
  let shape = broadcastShape(mask.shape, broadcastShape(a.shape, b.shape))
  let mask = mask.broadcast(to: shape)
  let (aShape, bShape) = (a.shape, b.shape)
  return selected(mask, a, b).recorded(from: [a, b]) { dy, isNeeded in
    [
      isNeeded[0] ? selected(mask, dy, NDTensor(0)).summed(to: aShape) : nil,
      isNeeded[1] ? selected(mask, NDTensor(0), dy).summed(to: bShape) : nil,
    ]
  }
}

/// Of numbers that broadcast to the mask's shape; not recorded.
private func selected<Scalar>(
  _ mask: Mask, _ a: NDTensor<Scalar>, _ b: NDTensor<Scalar>
) -> NDTensor<Scalar> {
  let result = NDTensor<Scalar>(uninitialized: mask.shape)
  if result.count == 0 { return result }
  func operand(_ x: NDTensor<Scalar>) -> (NDArray<Scalar>, step: Int) {
    x.count == 1 ? (x.array, 0) : (x.array.broadcast(to: mask.shape), 1)
  }
  let (u, v) = (operand(a), operand(b))
  let (m, x, y) = (mask.storage.base, u.0.storage.base, v.0.storage.base)
  withExtendedLifetime((u, v)) {
    forEachPart(of: result.count) {
      Scalar.kernels.select(
        result.storage.base + $0, m + $0, x + $0 * u.step, u.step, y + $0 * v.step, v.step, $1)
    }
  }
  return result
}
