import CHedgerowKernels
public import HedgerowCore

/// What arrays hold: numbers of a fixed size, and the truth values of masks.
///
/// Types of 1, 2, 4 or 8 bytes whose copies are their bytes. Tensors compute in those that are a
/// ``TensorScalar``; the others hold indices, masks, and numbers at rest.
public protocol ArrayElement: BitwiseCopyable, Equatable, Sendable {}

extension Float16: ArrayElement {}
extension BFloat16: ArrayElement {}

/// What elements of arrays can be compared with, element by element.
public protocol ComparableElement: ArrayElement {
  static var comparisons: Comparisons<Self> { get }
}

/// The loops that compare elements of one type; only this module's operations call them.
public struct Comparisons<Element>: Sendable {
  let compare:
    @Sendable (
      hr_comparison, UnsafeMutablePointer<Bool>?, UnsafePointer<Element>?, Int, Int,
      UnsafePointer<Element>?, Int, Int, Int, Int
    ) -> Void
}

extension Bool: ComparableElement {
  public static let comparisons = Comparisons<Bool>(compare: hr_compare_bool)
}
extension UInt8: ComparableElement {
  public static let comparisons = Comparisons<UInt8>(compare: hr_compare_u8)
}
extension Int32: ComparableElement {
  public static let comparisons = Comparisons<Int32>(compare: hr_compare_i32)
}
extension UInt32: ComparableElement {
  public static let comparisons = Comparisons<UInt32>(compare: hr_compare_u32)
}
extension Int64: ComparableElement {
  public static let comparisons = Comparisons<Int64>(compare: hr_compare_i64)
}
extension Float: ComparableElement {
  public static let comparisons = Comparisons<Float>(compare: hr_compare_f32)
}
extension Double: ComparableElement {
  public static let comparisons = Comparisons<Double>(compare: hr_compare_f64)
}

/// Whole numbers that name places of an axis.
public protocol IndexElement: ComparableElement, FixedWidthInteger {}

extension UInt8: IndexElement {}
extension Int32: IndexElement {}
extension UInt32: IndexElement {}
extension Int64: IndexElement {}

extension NDArray where Element: IndexElement {
  /// The places that the elements name of an axis, in row-major order; traps when there is none such.
  @specialized(where Element == UInt32)
  @specialized(where Element == Int32)
  @specialized(where Element == Int64)
  func places(below extent: Int) -> [UInt32] {
    withUnsafeBufferPointer { elements in
      elements.map { element in
        require(
          element >= 0 && element < extent && element <= UInt32.max,
          "index \(element) is outside an axis of extent \(extent)")
        return UInt32(truncatingIfNeeded: element)
      }
    }
  }
}

/// A truth value for each element of a tensor.
public typealias Mask = NDArray<Bool>
