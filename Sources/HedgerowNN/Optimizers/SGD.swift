import CHedgerowKernels
public import HedgerowTensor

/// Stochastic gradient descent, with momentum when asked for.
///
/// For a parameter w with gradient g:
/// ```
/// g' = g + weightDecay w                  (-g in place of g when it maximizes)
/// m  = g' in the first step, then momentum m + (1 - dampening) g'
/// w  = w - learningRate m                 or, by Nesterov, w - learningRate (g' + momentum m)
/// ```
/// Without momentum m is g', and a table of which only rows were taken is changed in these rows only.
///
/// The same steps as `torch.optim.SGD`. Source: Sutskever et al., On the Importance of Initialization
/// and Momentum in Deep Learning, ICML 2013.
public struct SGD: Optimizer {
  public enum Momentum: Sendable, Equatable {
    case none
    case plain(Double)
    case nesterov(Double)
  }

  public struct Settings: OptimizerSettings {
    public var learningRate: Double
    public var momentum = Momentum.none
    public var dampening = 0.0
    public var weightDecay = 0.0
    /// Goes up along the gradient instead of down.
    public var maximizes = false

    public var momentumFactor: Double {
      get {
        switch momentum {
        case .none: 0
        case .plain(let factor), .nesterov(let factor): factor
        }
      }
      set {
        switch momentum {
        case .none: break
        case .plain: momentum = .plain(newValue)
        case .nesterov: momentum = .nesterov(newValue)
        }
      }
    }
  }

  public var settings: Settings
  public var groups: [ParameterGroup<Settings>] = []
  public var memories: [String: OptimizerMemory] = [:]
  public static let memoryNames = (always: [String](), bySettings: ["velocity"])

  public init(learningRate: Double = 1e-3, momentum: Momentum = .none, weightDecay: Double = 0) {
    settings = Settings(
      learningRate: learningRate, momentum: momentum, weightDecay: weightDecay)
  }

  public func step(
    _ parameter: Parameter, along gradient: Gradients.Gradient, by settings: Settings,
    _ memory: inout OptimizerMemory
  ) {
    var isNesterov = false
    if case .nesterov = settings.momentum { isNesterov = true }
    let step = hr_sgd_step(
      sign: settings.maximizes ? -1 : 1, rate: Float(settings.learningRate),
      momentum: Float(settings.momentumFactor), share: Float(1 - settings.dampening),
      decay: Float(settings.weightDecay), nesterov: isNesterov ? 1 : 0,
      first: memory.tensors["velocity"] == nil ? 1 : 0)
    let isMoving = settings.momentumFactor != 0
    // Velocity moves every row, whether it was taken or not.
    let moved = isMoving ? .dense(gradient.dense) : gradient
    memory.change(isMoving ? ["velocity"] : []) { memories in
      parameter.forEachStretch(of: moved) { weights, first, gradient, count in
        hr_sgd_f32(weights, memories.first.map { $0 + first }, gradient, count, step)
      }
    }
  }
}

extension Gradients.Gradient {
  /// With the zeros of rows that were not taken.
  var dense: Tensor {
    switch self {
    case .dense(let gradient): gradient
    case .rows(let gradient): gradient.dense
    }
  }
}
