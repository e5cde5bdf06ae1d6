import CHedgerowKernels

/// The inner loops over the rows of graphs and of sparse matrices beyond those of ``Kernels``, as
/// `CHedgerowKernels` declares them; only this module's operations call them.
public struct GraphKernels<Scalar>: Sendable {
  typealias Input = UnsafePointer<Scalar>
  typealias Output = UnsafeMutablePointer<Scalar>
  typealias Rows = UnsafePointer<UInt32>
  typealias Table = UnsafePointer<hr_spgemm_table>

  let variance: @Sendable (Output?, Output?, Input?, Rows?, Rows?, Int, Int, Int) -> Void
  let varianceBackward:
    @Sendable (
      Output?, Input?, Input?, Input?, Rows?, Rows?, Rows?, Rows?, Int, Int, Int
    ) -> Void
  let logSumExp: @Sendable (Output?, Input?, Rows?, Rows?, Int, Int, Int) -> Void
  let logSumExpBackward:
    @Sendable (Output?, Input?, Input?, Input?, Rows?, Rows?, Rows?, Int, Int, Int) -> Void
  let endSums: @Sendable (Output?, Input?, Input?, Rows?, Rows?, Rows?, Int, Int, Int) -> Void
  let product:
    @Sendable (
      UnsafeMutablePointer<UInt32>?, Output?, Rows?, UnsafePointer<UInt64>?, Rows?, Rows?, Input?,
      Rows?, Rows?, Input?, UInt64, Table?, Int, Int
    ) -> Void
  let productBackward:
    @Sendable (
      Output?, Rows?, Rows?, Input?, Rows?, Rows?, Rows?, Rows?, Input?, UInt64, Table?, Int, Int
    ) -> Void
}

extension Float {
  public static let graphKernels = GraphKernels<Float>(
    variance: hr_segment_variance_f32, varianceBackward: hr_segment_variance_backward_f32,
    logSumExp: hr_segment_log_sum_exp_f32,
    logSumExpBackward: hr_segment_log_sum_exp_backward_f32, endSums: hr_segment_add_f32,
    product: hr_spgemm_fill_f32, productBackward: hr_spgemm_backward_f32)
}

extension Double {
  public static let graphKernels = GraphKernels<Double>(
    variance: hr_segment_variance_f64, varianceBackward: hr_segment_variance_backward_f64,
    logSumExp: hr_segment_log_sum_exp_f64,
    logSumExpBackward: hr_segment_log_sum_exp_backward_f64, endSums: hr_segment_add_f64,
    product: hr_spgemm_fill_f64, productBackward: hr_spgemm_backward_f64)
}

/// The inner loops of attention over sources' rows of one type, whose results are of another.
struct AttentionKernels<Scalar, Row>: Sendable {
  typealias Input = UnsafePointer<Scalar>
  typealias Output = UnsafeMutablePointer<Scalar>
  typealias Table = UnsafePointer<Row>
  typealias Rows = UnsafePointer<UInt32>

  let forward:
    @Sendable (
      Output?, Output?, Output?, Table?, Input?, Input?, Rows?, Rows?, Scalar, Int, Int, Int, Int
    ) -> Void
  let backwardTargets:
    @Sendable (
      Output?, Output?, Table?, Input?, Input?, Input?, Input?, Input?, Rows?, Rows?, Scalar, Int,
      Int, Int, Int
    ) -> Void
  let backwardSources:
    @Sendable (
      Output?, Output?, Input?, Table?, Input?, Input?, Rows?, Rows?, Rows?, Scalar, Int, Int, Int,
      Int
    ) -> Void
}
