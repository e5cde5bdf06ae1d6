import CHedgerowKernels

/// The inner loops of products of sparse matrices, as `CHedgerowKernels` declares them; only this module's
/// operations call them.
public struct SparseKernels<Scalar>: Sendable {
  typealias Input = UnsafePointer<Scalar>
  typealias Output = UnsafeMutablePointer<Scalar>
  typealias Rows = UnsafePointer<UInt32>
  typealias Table = UnsafePointer<hr_spgemm_table>

  let fill:
    @Sendable (
      UnsafeMutablePointer<UInt32>?, Output?, Rows?, UnsafePointer<UInt64>?, Rows?, Rows?, Input?,
      Rows?, Rows?, Input?, UInt64, Table?, Int, Int
    ) -> Void
  let backward:
    @Sendable (
      Output?, Rows?, Rows?, Input?, Rows?, Rows?, Rows?, Rows?, Input?, UInt64, Table?, Int, Int
    ) -> Void
}

extension Float {
  public static let sparseKernels = SparseKernels<Float>(
    fill: hr_spgemm_fill_f32, backward: hr_spgemm_backward_f32)
}

extension Double {
  public static let sparseKernels = SparseKernels<Double>(
    fill: hr_spgemm_fill_f64, backward: hr_spgemm_backward_f64)
}
