import CHedgerowKernels

/// The inner loops of layers and losses for one element type, as `CHedgerowKernels` declares them;
/// only this module's ops call them.
public struct LayerKernels<Scalar>: Sendable {
  typealias Input = UnsafePointer<Scalar>
  typealias Output = UnsafeMutablePointer<Scalar>
  typealias Labels = UnsafePointer<Int32>

  let activate: @Sendable (hr_activation, Output?, Input?, Scalar, Scalar, Int) -> Void
  let activateBackward:
    @Sendable (hr_activation, Output?, Input?, Input?, Input?, Scalar, Scalar, Int) -> Void
  let reluBackward: @Sendable (Output?, Input?, Input?, Scalar, Int) -> Void
  let dropout: @Sendable (Output?, Input?, Scalar, UInt32, UInt64, UInt64, Int) -> Void
  let biasActivate:
    @Sendable (
      hr_activation, Output?, Output?, Input?, Scalar, Scalar, hr_mask, UInt64, Int, Int
    ) -> Void
  let biasActivateBackward:
    @Sendable (
      hr_activation, Output?, Input?, Input?, Input?, Scalar, Scalar, hr_mask, UInt64, Int
    ) -> Void
  let softmax: @Sendable (Output?, Input?, Int, Int) -> Void
  let softmaxBackward: @Sendable (Output?, Input?, Input?, Int, Int) -> Void
  let logSoftmax: @Sendable (Output?, Input?, Int, Int) -> Void
  let logSoftmaxBackward: @Sendable (Output?, Input?, Input?, Int, Int) -> Void
  let crossEntropy:
    @Sendable (Output?, Output?, Input?, Labels?, Input?, Scalar, Int32, Int, Int) -> Void
  let crossEntropyBackward:
    @Sendable (
      Output?, Input?, Int, Input?, Input?, Labels?, Input?, Scalar, Scalar, Int32, Int, Int
    ) -> Void
  let loss: @Sendable (hr_loss, Output?, Input?, Input?, Scalar, Int) -> Void
  let lossBackward:
    @Sendable (hr_loss, Output?, Output?, Input?, Int, Input?, Input?, Scalar, Int) -> Void
  let layerNorm:
    @Sendable (Output?, Output?, Output?, Input?, Input?, Input?, Scalar, Int, Int) -> Void
  let layerNormBackward:
    @Sendable (
      Output?, Output?, Output?, Input?, Input?, Input?, Input?, Input?, Int, Int
    ) -> Void
  let columnSquares: @Sendable (Output?, Input?, Input?, Int, Int) -> Void
  let columnProducts: @Sendable (Output?, Input?, Input?, Input?, Int, Int) -> Void
  let scaleColumns: @Sendable (Output?, Input?, Input?, Input?, Input?, Int, Int) -> Void
  let combineColumns:
    @Sendable (Output?, Input?, Input?, Input?, Input?, Input?, Input?, Int, Int) -> Void
}

extension Float {
  public static let layerKernels = LayerKernels<Float>(
    activate: hr_activate_f32, activateBackward: hr_activate_backward_f32,
    reluBackward: hr_relu_backward_f32, dropout: hr_dropout_f32,
    biasActivate: hr_bias_activate_f32, biasActivateBackward: hr_bias_activate_backward_f32,
    softmax: hr_softmax_f32, softmaxBackward: hr_softmax_backward_f32,
    logSoftmax: hr_log_softmax_f32, logSoftmaxBackward: hr_log_softmax_backward_f32,
    crossEntropy: hr_cross_entropy_f32, crossEntropyBackward: hr_cross_entropy_backward_f32,
    loss: hr_loss_f32, lossBackward: hr_loss_backward_f32, layerNorm: hr_layer_norm_f32,
    layerNormBackward: hr_layer_norm_backward_f32, columnSquares: hr_column_squares_f32,
    columnProducts: hr_column_products_f32, scaleColumns: hr_scale_columns_f32,
    combineColumns: hr_combine_columns_f32)
}

extension Double {
  public static let layerKernels = LayerKernels<Double>(
    activate: hr_activate_f64, activateBackward: hr_activate_backward_f64,
    reluBackward: hr_relu_backward_f64, dropout: hr_dropout_f64,
    biasActivate: hr_bias_activate_f64, biasActivateBackward: hr_bias_activate_backward_f64,
    softmax: hr_softmax_f64, softmaxBackward: hr_softmax_backward_f64,
    logSoftmax: hr_log_softmax_f64, logSoftmaxBackward: hr_log_softmax_backward_f64,
    crossEntropy: hr_cross_entropy_f64, crossEntropyBackward: hr_cross_entropy_backward_f64,
    loss: hr_loss_f64, lossBackward: hr_loss_backward_f64, layerNorm: hr_layer_norm_f64,
    layerNormBackward: hr_layer_norm_backward_f64, columnSquares: hr_column_squares_f64,
    columnProducts: hr_column_products_f64, scaleColumns: hr_scale_columns_f64,
    combineColumns: hr_combine_columns_f64)
}
