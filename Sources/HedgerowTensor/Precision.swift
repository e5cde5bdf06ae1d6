import CHedgerowKernels

/// What factors of matrix products are rounded to.
public enum Precision: String, CaseIterable, Codable, Sendable {
  /// Not at all.
  case float32
  /// To 8 bits of fraction. Products of such numbers are exact in float32, which they are summed in;
  /// processors with the instruction for it multiply twice as many of them in the same time.
  case bfloat16
  /// To 11 bits of fraction, within 6e-8 and 65504: gradients are mostly smaller, so that losses are
  /// scaled (`LossScaler`). Saves memory as ``bfloat16`` does, and no time: products are made in float32.
  case float16

  @TaskLocal static var current = Precision.float32

  /// Whether products of bfloat16 are made by the processor's instruction for it. Otherwise the factors
  /// are rounded, widened and multiplied by BLAS, with results that differ by the order of sums.
  @TaskLocal package static var usesInstruction = hr_gemm_bf16_is_supported()
}

/// Runs `body` with the factors of its matrix products rounded to `precision`, those of gradients among
/// them.
///
/// Everything else - parameters, results, sums, what optimizers do - stays float32, and so do products of
/// `NDTensor<Double>`. What gradients need of a factor is kept rounded, in half of the memory. It holds for
/// products that begin in `body`, on its thread or in its task; the way back from them has the precision
/// that they had. Results are the same bits for any number of threads.
/// ```swift
/// let (loss, gradients) = withPrecision(.bfloat16) {
///   valueWithGradients(at: model) { crossEntropy(model(x), labels) }
/// }
/// ```
public func withPrecision<Result>(
  _ precision: Precision, _ body: () throws -> Result
) rethrows -> Result {
  try Precision.$current.withValue(precision, operation: body)
}

/// The same.
public func withPrecision<Result>(
  _ precision: Precision, isolation: isolated (any Actor)? = #isolation,
  _ body: () async throws -> Result
) async rethrows -> Result {
  try await Precision.$current.withValue(precision, operation: body, isolation: isolation)
}
