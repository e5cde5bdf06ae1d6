import CHedgerowKernels
import Glibc
public import HedgerowTensor

/// Adam: steps by running means of the gradient and of its square.
///
/// For a parameter w with gradient g, in its step t:
/// ```
/// g' = g + weightDecay w                   (-g in place of g when it maximizes)
/// m  = beta1 m + (1 - beta1) g'            v = beta2 v + (1 - beta2) g'^2
/// w  = w - learningRate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
/// ```
/// With ``Settings/decay`` `.decoupled` it is AdamW: w shrinks by learningRate weightDecay w beside the
/// step, and g' is g. A table of which only rows were taken is changed in these rows only, as are its
/// means, so that a step costs time in proportion to what was taken.
///
/// Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015; Loshchilov and
/// Hutter, Decoupled Weight Decay Regularization, ICLR 2019; Reddi et al., On the Convergence of
/// Adam and Beyond, ICLR 2018. The same steps and defaults as `torch.optim.Adam`.
public struct Adam: Optimizer {
  /// How weight decay takes part.
  public enum Decay: Sendable {
    /// Added to the gradient: L2 regularization.
    case inGradient
    /// Beside the step: AdamW.
    case decoupled
  }
  /// What the step is divided by.
  public enum Normalization: Sendable {
    case runningMean
    /// The largest that the running mean has been: AMSGrad.
    case largestRunningMean
  }
  /// Where epsilon stands.
  public enum Guard: Sendable {
    /// sqrt(v / (1 - beta2^t)) + epsilon
    case afterCorrection
    /// (sqrt(v) + epsilon) / sqrt(1 - beta2^t), as in `torch.optim.SparseAdam`.
    case beforeCorrection
  }

  public struct Settings: OptimizerSettings {
    public var learningRate = 1e-3
    public var beta1 = 0.9
    public var beta2 = 0.999
    public var epsilon = 1e-8
    public var weightDecay = 0.0
    public var decay = Decay.inGradient
    public var normalization = Normalization.runningMean
    public var epsilonPlace = Guard.afterCorrection
    /// Goes up along the gradient instead of down.
    public var maximizes = false

    public var momentumFactor: Double {
      get { beta1 }
      set { beta1 = newValue }
    }
  }

  public var settings = Settings()
  public var groups: [ParameterGroup<Settings>] = []
  public var memories: [String: OptimizerMemory] = [:]
  public static let memoryNames = (always: ["mean", "square"], bySettings: ["largest_square"])

  public init(learningRate: Double = 1e-3, weightDecay: Double = 0) {
    settings.learningRate = learningRate
    settings.weightDecay = weightDecay
  }

  public func step(
    _ parameter: Parameter, along gradient: Gradients.Gradient, by settings: Settings,
    _ memory: inout OptimizerMemory
  ) {
    settings.step(parameter, along: gradient, &memory)
  }
}

extension Adam.Settings {
  fileprivate func step(
    _ parameter: Parameter, along gradient: Gradients.Gradient, _ memory: inout OptimizerMemory
  ) {
    let count = Double(memory.stepCount)
    let correction = (1 - pow(beta2, count)).squareRoot()
    var (rate, root) = (learningRate / (1 - pow(beta1, count)), correction)
    if epsilonPlace == .beforeCorrection { (rate, root) = (rate * correction, 1) }
    let isDecoupled = decay == .decoupled
    let step = hr_adam_step(
      sign: maximizes ? -1 : 1, rate: Float(rate), root: Float(root),
      share1: Float(1 - beta1), beta2: Float(beta2), share2: Float(1 - beta2),
      epsilon: Float(epsilon), decay: Float(isDecoupled ? 0 : weightDecay),
      shrink: Float(isDecoupled ? 1 - learningRate * weightDecay : 1))
    let largest = normalization == .largestRunningMean ? ["largest_square"] : []
    memory.change(["mean", "square"] + largest) { memories in
      parameter.forEachStretch(of: gradient) { weights, first, gradient, count in
        hr_adam_f32(
          weights, memories[0] + first, memories[1] + first,
          memories.count > 2 ? memories[2] + first : nil, gradient, count, step)
      }
    }
  }
}

/// ``Adam`` whose weight decay stands beside its step, with the defaults of `torch.optim.AdamW`.
public struct AdamW: Optimizer {
  public var settings: Adam.Settings
  public var groups: [ParameterGroup<Adam.Settings>] = []
  public var memories: [String: OptimizerMemory] = [:]
  public static let memoryNames = Adam.memoryNames

  public init(learningRate: Double = 1e-3, weightDecay: Double = 1e-2) {
    settings = Adam.Settings(
      learningRate: learningRate, weightDecay: weightDecay, decay: .decoupled)
  }

  public func step(
    _ parameter: Parameter, along gradient: Gradients.Gradient, by settings: Adam.Settings,
    _ memory: inout OptimizerMemory
  ) {
    settings.step(parameter, along: gradient, &memory)
  }
}

/// ``Adam`` of tables of which rows are taken, with the steps of `torch.optim.SparseAdam`: rows that were
/// not taken stay, and so do their means. A gradient of all rows takes them all.
public struct SparseAdam: Optimizer {
  public var settings: Adam.Settings
  public var groups: [ParameterGroup<Adam.Settings>] = []
  public var memories: [String: OptimizerMemory] = [:]
  public static let memoryNames = Adam.memoryNames

  public init(learningRate: Double = 1e-3) {
    settings = Adam.Settings(learningRate: learningRate, epsilonPlace: .beforeCorrection)
  }

  public func step(
    _ parameter: Parameter, along gradient: Gradients.Gradient, by settings: Adam.Settings,
    _ memory: inout OptimizerMemory
  ) {
    settings.step(parameter, along: gradient, &memory)
  }
}
