import CHedgerowKernels
public import HedgerowTensor

/// RMSprop: steps divided by the root of a running mean of the squared gradient.
///
/// For a parameter w with gradient g:
/// ```
/// g' = g + weightDecay w                   (-g in place of g when it maximizes)
/// v  = alpha v + (1 - alpha) g'^2          a = alpha a + (1 - alpha) g'
/// d  = g' / (sqrt(v) + epsilon)            or, centered, g' / (sqrt(v - a^2) + epsilon)
/// m  = momentum m + d
/// w  = w - learningRate m
/// ```
/// Without momentum a table of which only rows were taken is changed in these rows only, as are its
/// running means.
///
/// The same steps and defaults as `torch.optim.RMSprop`. Source: Tieleman and Hinton, Lecture 6.5 -
/// RMSprop, 2012; Graves, Generating Sequences With Recurrent Neural Networks, 2013 (centered).
public struct RMSprop: Optimizer {
  /// What the step is divided by the root of.
  public enum Normalization: Sendable {
    case square
    /// The gradient's variance.
    case centered
  }

  public struct Settings: OptimizerSettings {
    public var learningRate = 1e-2
    public var alpha = 0.99
    public var epsilon = 1e-8
    public var weightDecay = 0.0
    public var momentum = 0.0
    public var normalization = Normalization.square
    /// Goes up along the gradient instead of down.
    public var maximizes = false

    public var momentumFactor: Double {
      get { momentum }
      set { momentum = newValue }
    }
  }

  public var settings = Settings()
  public var groups: [ParameterGroup<Settings>] = []
  public var memories: [String: OptimizerMemory] = [:]
  public static let memoryNames = (always: ["square"], bySettings: ["mean", "velocity"])

  public init(learningRate: Double = 1e-2, momentum: Double = 0, weightDecay: Double = 0) {
    settings.learningRate = learningRate
    settings.momentum = momentum
    settings.weightDecay = weightDecay
  }

  public func step(
    _ parameter: Parameter, along gradient: Gradients.Gradient, by settings: Settings,
    _ memory: inout OptimizerMemory
  ) {
    let step = hr_rmsprop_step(
      sign: settings.maximizes ? -1 : 1, rate: Float(settings.learningRate),
      alpha: Float(settings.alpha), share: Float(1 - settings.alpha),
      epsilon: Float(settings.epsilon), decay: Float(settings.weightDecay),
      momentum: Float(settings.momentum))
    let (isCentered, isMoving) = (settings.normalization == .centered, settings.momentum > 0)
    // Velocity moves every row, whether it was taken or not.
    let moved = isMoving ? .dense(gradient.dense) : gradient
    let names = ["square"] + (isCentered ? ["mean"] : []) + (isMoving ? ["velocity"] : [])
    memory.change(names) { memories in
      parameter.forEachStretch(of: moved) { weights, first, gradient, count in
        hr_rmsprop_f32(
          weights, memories[0] + first, isCentered ? memories[1] + first : nil,
          isMoving ? memories.last! + first : nil, gradient, count, step)
      }
    }
  }
}
