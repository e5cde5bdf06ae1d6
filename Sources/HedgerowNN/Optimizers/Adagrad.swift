import CHedgerowKernels
public import HedgerowTensor

/// Adagrad: steps divided by the root of the sum of all squared gradients.
///
/// For a parameter w with gradient g, in its step t:
/// ```
/// g' = g + weightDecay w                   (-g in place of g when it maximizes)
/// s  = s + g'^2
/// w  = w - learningRate / (1 + (t - 1) rateDecay) g' / (sqrt(s) + epsilon)
/// ```
/// A table of which only rows were taken is changed in these rows only.
///
/// The same steps and defaults as `torch.optim.Adagrad`. Source: Duchi et al., Adaptive Subgradient
/// Methods for Online Learning and Stochastic Optimization, JMLR 2011.
public struct Adagrad: Optimizer {
  public struct Settings: OptimizerSettings {
    public var learningRate = 1e-2
    public var rateDecay = 0.0
    public var weightDecay = 0.0
    /// What the sum of squares begins as.
    public var initialSum = 0.0
    public var epsilon = 1e-10
    /// Goes up along the gradient instead of down.
    public var maximizes = false
  }

  public var settings = Settings()
  public var groups: [ParameterGroup<Settings>] = []
  public var memories: [String: OptimizerMemory] = [:]
  public static let memoryNames = (always: ["sum"], bySettings: [String]())

  public init(learningRate: Double = 1e-2, weightDecay: Double = 0) {
    settings.learningRate = learningRate
    settings.weightDecay = weightDecay
  }

  public func step(
    _ parameter: Parameter, along gradient: Gradients.Gradient, by settings: Settings,
    _ memory: inout OptimizerMemory
  ) {
    let rate =
      settings.learningRate / (1 + Double(memory.stepCount - 1) * settings.rateDecay)
    let step = hr_adagrad_step(
      sign: settings.maximizes ? -1 : 1, rate: Float(rate), epsilon: Float(settings.epsilon),
      decay: Float(settings.weightDecay))
    memory.change(["sum"], startingAs: Float(settings.initialSum)) { memories in
      parameter.forEachStretch(of: gradient) { weights, first, gradient, count in
        hr_adagrad_f32(weights, memories[0] + first, gradient, count, step)
      }
    }
  }
}
