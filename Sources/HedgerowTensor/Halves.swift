import CHedgerowKernels
public import HedgerowCore

/// Numbers of 16 bits: at rest only, for tables of features and weights that would be too large as
/// float32, and for rows that sums read often (``HalfTensor``). What is computed with them is computed
/// in float32.
public protocol HalfElement: ArrayElement {
  static var halves: HalfKernels { get }
}

/// The loops that convert and sum numbers of one type; only this module's operations call them.
public struct HalfKernels: Sendable {
  typealias Input = UnsafePointer<Float>
  typealias Output = UnsafeMutablePointer<Float>
  typealias Halves = UnsafePointer<UInt16>
  typealias Rows = UnsafePointer<UInt32>

  let widen: @Sendable (UnsafeMutablePointer<Float>?, UnsafePointer<UInt16>?, Int) -> Void
  let narrow: @Sendable (UnsafeMutablePointer<UInt16>?, UnsafePointer<Float>?, Int) -> Void
  let element: hr_element
  let segmentSum:
    @Sendable (Output?, Halves?, Rows?, Rows?, Input?, Input?, Bool, Int, Int, Int) -> Void
  let segmentWeightedSum:
    @Sendable (Output?, Halves?, Rows?, Rows?, Input?, Rows?, Int, Bool, Int, Int, Int) -> Void
  let segmentDot:
    @Sendable (Output?, Halves?, Input?, Rows?, Rows?, Rows?, Int, Int, Int, Int) -> Void
  let segmentExtreme:
    @Sendable (
      Output?, UnsafeMutablePointer<UInt32>?, Halves?, Rows?, Rows?, Int32, Int, Int, Int
    ) -> Void
  let attention: AttentionKernels<Float, UInt16>
}

extension Float16: HalfElement {
  public static let halves = HalfKernels(
    widen: hr_from_half, narrow: hr_to_half, element: hr_float16,
    segmentSum: hr_segment_sum_f16, segmentWeightedSum: hr_segment_weighted_sum_f16,
    segmentDot: hr_segment_dot_f16, segmentExtreme: hr_segment_extreme_f16,
    attention: AttentionKernels(
      forward: hr_attention_f16, backwardTargets: hr_attention_backward_targets_f16,
      backwardSources: hr_attention_backward_sources_f16))
}
extension BFloat16: HalfElement {
  public static let halves = HalfKernels(
    widen: hr_from_bfloat, narrow: hr_to_bfloat, element: hr_bfloat16,
    segmentSum: hr_segment_sum_bf16, segmentWeightedSum: hr_segment_weighted_sum_bf16,
    segmentDot: hr_segment_dot_bf16, segmentExtreme: hr_segment_extreme_bf16,
    attention: AttentionKernels(
      forward: hr_attention_bf16, backwardTargets: hr_attention_backward_targets_bf16,
      backwardSources: hr_attention_backward_sources_bf16))
}

extension NDArray where Element: HalfElement {
  /// The nearest numbers, of two equally near ones those whose last bit is 0; what is too large is
  /// infinite.
  public init(_ x: Tensor) {
    self.init(uninitialized: x.shape)
    let (from, to) = (x.storage.base, storage.bits)
    withExtendedLifetime(x) {
      forEachPart(of: count) { Element.halves.narrow(to + $0, from + $0, $1) }
    }
  }

  /// Row `rows[i]` as row i, in float32; traps when there is none such.
  public func gathered(rows: [UInt32]) -> Tensor {
    require(!shape.isEmpty, "a single number has no rows")
    let width = self.width
    let result = Tensor(uninitialized: [rows.count] + shape.dropFirst())
    nonisolated(unsafe) let range = hr_matrix_range(
      rows: storage.base, validity: nil, row_count: rowCount)
    let size = max(1, Compute.elementsPerPart / max(width, 1))
    Compute.forEachPart(of: rows.count, size: size) { part in
      let missing = withUnsafePointer(to: range) { range in
        rows.withUnsafeBufferPointer {
          hr_gather_rows(
            range, 1, 32, width * MemoryLayout<Element>.stride, Element.halves.element, 1, width,
            $0.baseAddress! + part.lowerBound, nil, part.count,
            result.storage.base + part.lowerBound * width)
        }
      }
      require(missing < 0, "rows up to \(rows.max() ?? 0) are outside shape \(shape)")
    }
    return result
  }
}

extension NDTensor where Scalar == Float {
  /// The same numbers in float32, exactly.
  public init<Half: HalfElement>(_ halves: NDArray<Half>) {
    self.init(uninitialized: halves.shape)
    let (from, to) = (halves.storage.bits, storage.base)
    withExtendedLifetime(halves) {
      forEachPart(of: count) { Half.halves.widen(to + $0, from + $0, $1) }
    }
  }
}

extension Storage where Element: HalfElement {
  var bits: UnsafeMutablePointer<UInt16> {
    UnsafeMutableRawPointer(base).assumingMemoryBound(to: UInt16.self)
  }
}

extension NDArray {
  /// What `transform` makes of each element.
  public func mapped<Other: ArrayElement>(_ transform: (Element) -> Other) -> NDArray<Other> {
    withUnsafeBufferPointer { elements in
      NDArray<Other>(shape: shape) { result in
        for index in elements.indices { result[index] = transform(elements[index]) }
      }
    }
  }
}
