import CHedgerowBLAS
import CHedgerowKernels

/// An element type that tensors compute in: `Float`, and `Double` to check gradients in.
public protocol TensorScalar: BinaryFloatingPoint, ComparableElement {
  static var kernels: Kernels<Self> { get }
  static var layerKernels: LayerKernels<Self> { get }
  static var graphKernels: GraphKernels<Self> { get }
}

extension Float: TensorScalar {
  public static let kernels = Kernels<Float>(
    fill: hr_fill_f32, add: hr_add_f32, addPlane: hr_add_plane_f32, scale: hr_scale_f32,
    unary: hr_unary_f32,
    unaryBackward: hr_unary_backward_f32, binary: hr_binary_f32, chosen: hr_chosen_f32,
    select: hr_select_f32, logSumExp: hr_log_sum_exp_f32,
    logSumExpBackward: hr_log_sum_exp_backward_f32, product: hr_product_f32,
    productBackward: hr_product_backward_f32, cumulativeSum: hr_cumulative_sum_f32,
    sortRows: hr_sort_rows_f32, normal: hr_normal_f32, firstNotFinite: hr_first_not_finite_f32,
    columnSums: hr_column_sums_f32, sum: hr_sum_f32, uniform: hr_uniform_f32,
    unitRows: hr_unit_rows_f32, unitRowsBackward: hr_unit_rows_backward_f32,
    argMax: hr_arg_max_f32,
    gatherRows: hr_gather_rows_f32,
    segmentSum: hr_segment_sum_f32,
    segmentWeightedSum: hr_segment_weighted_sum_f32, segmentDot: hr_segment_dot_f32,
    segmentSpread: hr_segment_spread_f32, segmentExtreme: hr_segment_extreme_f32,
    segmentExtremeBackward: hr_segment_extreme_backward_f32,
    segmentExtremeSpread: hr_segment_extreme_spread_f32,
    segmentSoftmax: hr_segment_softmax_f32,
    segmentSoftmaxBackward: hr_segment_softmax_backward_f32,
    attention: AttentionKernels(
      forward: hr_attention_f32, backwardTargets: hr_attention_backward_targets_f32,
      backwardSources: hr_attention_backward_sources_f32),
    gemm: { cblas_sgemm(CblasRowMajor, $0, $1, $2, $3, $4, 1, $5, $6, $7, $8, $9, $10, $11) })
}

extension Double: TensorScalar {
  public static let kernels = Kernels<Double>(
    fill: hr_fill_f64, add: hr_add_f64, addPlane: hr_add_plane_f64, scale: hr_scale_f64,
    unary: hr_unary_f64,
    unaryBackward: hr_unary_backward_f64, binary: hr_binary_f64, chosen: hr_chosen_f64,
    select: hr_select_f64, logSumExp: hr_log_sum_exp_f64,
    logSumExpBackward: hr_log_sum_exp_backward_f64, product: hr_product_f64,
    productBackward: hr_product_backward_f64, cumulativeSum: hr_cumulative_sum_f64,
    sortRows: hr_sort_rows_f64, normal: hr_normal_f64, firstNotFinite: hr_first_not_finite_f64,
    columnSums: hr_column_sums_f64, sum: hr_sum_f64, uniform: hr_uniform_f64,
    unitRows: hr_unit_rows_f64, unitRowsBackward: hr_unit_rows_backward_f64,
    argMax: hr_arg_max_f64,
    gatherRows: hr_gather_rows_f64,
    segmentSum: hr_segment_sum_f64,
    segmentWeightedSum: hr_segment_weighted_sum_f64, segmentDot: hr_segment_dot_f64,
    segmentSpread: hr_segment_spread_f64, segmentExtreme: hr_segment_extreme_f64,
    segmentExtremeBackward: hr_segment_extreme_backward_f64,
    segmentExtremeSpread: hr_segment_extreme_spread_f64,
    segmentSoftmax: hr_segment_softmax_f64,
    segmentSoftmaxBackward: hr_segment_softmax_backward_f64,
    attention: AttentionKernels(
      forward: hr_attention_f64, backwardTargets: hr_attention_backward_targets_f64,
      backwardSources: hr_attention_backward_sources_f64),
    gemm: { cblas_dgemm(CblasRowMajor, $0, $1, $2, $3, $4, 1, $5, $6, $7, $8, $9, $10, $11) })
}

/// The inner loops of one element type, as `CHedgerowKernels` declares them; only this module's
/// ops call them.
public struct Kernels<Scalar>: Sendable {
  typealias Input = UnsafePointer<Scalar>
  typealias Output = UnsafeMutablePointer<Scalar>
  typealias Rows = UnsafePointer<UInt32>

  let fill: @Sendable (Output?, Scalar, Int) -> Void
  let add: @Sendable (Output?, Input?, Input?, Int) -> Void
  let addPlane: @Sendable (Output?, Input?, hr_plane) -> Void
  let scale: @Sendable (Output?, Input?, Scalar, Int) -> Void
  let unary: @Sendable (hr_unary, Output?, Input?, Scalar, Int) -> Void
  let unaryBackward: @Sendable (hr_unary, Output?, Input?, Input?, Input?, Scalar, Int) -> Void
  let binary: @Sendable (hr_binary, Output?, Input?, Int, Int, Input?, Int, Int, Int, Int) -> Void
  let chosen: @Sendable (hr_binary, Output?, Input?, Input?, Input?, Int) -> Void
  let select: @Sendable (Output?, UnsafePointer<Bool>?, Input?, Int, Input?, Int, Int) -> Void
  let logSumExp: @Sendable (Output?, Input?, Int, Int) -> Void
  let logSumExpBackward: @Sendable (Output?, Input?, Input?, Input?, Int, Int) -> Void
  let product: @Sendable (Output?, Input?, Int, Int) -> Void
  let productBackward: @Sendable (Output?, Input?, Input?, Int, Int) -> Void
  let cumulativeSum: @Sendable (Output?, Input?, Int, Int, Bool) -> Void
  let sortRows:
    @Sendable (
      UnsafeMutablePointer<Int32>?, UnsafeMutablePointer<Int32>?, Input?, Int, Int, Bool
    ) -> Void
  let normal: @Sendable (Output?, Scalar, Scalar, UInt64, UInt64, Int) -> Void
  let firstNotFinite: @Sendable (Input?, Int) -> Int
  let columnSums: @Sendable (Output?, Input?, Int, Int) -> Void
  let sum: @Sendable (Input?, Int) -> Scalar
  let uniform: @Sendable (Output?, Scalar, Scalar, UInt64, UInt64, Int) -> Void
  let unitRows: @Sendable (Output?, Input?, Scalar, Int, Int) -> Void
  let unitRowsBackward: @Sendable (Output?, Input?, Input?, Scalar, Int, Int) -> Void
  let argMax: @Sendable (UnsafeMutablePointer<Int32>?, Input?, Int, Int) -> Void
  let gatherRows: @Sendable (Output?, Input?, Rows?, Int, Int) -> Void
  let segmentSum:
    @Sendable (Output?, Input?, Rows?, Rows?, Input?, Input?, Bool, Int, Int, Int) -> Void
  let segmentWeightedSum:
    @Sendable (Output?, Input?, Rows?, Rows?, Input?, Rows?, Int, Bool, Int, Int, Int) -> Void
  let segmentDot:
    @Sendable (Output?, Input?, Input?, Rows?, Rows?, Rows?, Int, Int, Int, Int) -> Void
  let segmentSpread: @Sendable (Output?, Input?, Rows?, Bool, Int, Int, Int) -> Void
  let segmentExtreme:
    @Sendable (
      Output?, UnsafeMutablePointer<UInt32>?, Input?, Rows?, Rows?, Int32, Int, Int, Int
    ) -> Void
  let segmentExtremeBackward:
    @Sendable (Output?, Input?, Rows?, Rows?, Rows?, Rows?, Int, Int, Int) -> Void
  let segmentExtremeSpread: @Sendable (Output?, Input?, Rows?, Rows?, Int, Int, Int) -> Void
  let segmentSoftmax: @Sendable (Output?, Input?, Rows?, Int, Int, Int) -> Void
  let segmentSoftmaxBackward: @Sendable (Output?, Input?, Input?, Rows?, Int, Int, Int) -> Void
  let attention: AttentionKernels<Scalar, Scalar>
  /// transposed a, transposed b, m, n, k, a, lda, b, ldb, beta, c, ldc.
  typealias Multiply =
    @Sendable (
      CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, Int32, Int32, Int32, Input?, Int32, Input?, Int32, Scalar,
      Output?, Int32
    ) -> Void
  let gemm: Multiply
}
