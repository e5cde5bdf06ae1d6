import CHedgerowKernels
import HedgerowCore
public import HedgerowTensor

/// Stochastic gradient descent, with momentum when asked for.
///
/// For a parameter w with gradient g:
/// ```
/// g' = g + weightDecay w
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
    case plain(Float)
    case nesterov(Float)

    var factor: Float {
      switch self {
      case .none: 0
      case .plain(let factor), .nesterov(let factor): factor
      }
    }
    var isNesterov: Bool { if case .nesterov = self { true } else { false } }
  }

  public var learningRate: Float
  public var momentum: Momentum
  public var dampening: Float = 0
  public var weightDecay: Float = 0

  /// The running step of each parameter, by its path.
  private var velocities: [String: Tensor] = [:]

  public init(learningRate: Float, momentum: Momentum = .none, weightDecay: Float = 0) {
    self.learningRate = learningRate
    self.momentum = momentum
    self.weightDecay = weightDecay
  }

  public mutating func update(_ model: some Module, along gradients: Gradients) {
    for (path, parameter) in model.namedParameters {
      guard var gradient = gradients.gradient(of: parameter) else { continue }
      var velocity: Tensor?
      var isFirst = false
      if momentum != .none {
        // Velocity moves every row, whether it was taken or not.
        gradient = .dense(gradients[parameter]!)
        velocity = velocities.removeValue(forKey: path)
        isFirst = velocity == nil
        velocity = velocity ?? .zeros(parameter.shape)
        require(
          velocity!.shape == parameter.shape,
          "\(path) was of shape \(velocity!.shape) in earlier steps and is now \(parameter.shape)")
      }
      withMutableBase(&velocity) { velocity in
        parameter.forEachStretch(of: gradient) { weights, first, gradient, count in
          hr_sgd_f32(
            weights, velocity.map { $0 + first }, gradient, count, learningRate, momentum.factor,
            dampening, weightDecay, momentum.isNesterov ? 1 : 0, isFirst ? 1 : 0)
        }
      }
      velocities[path] = velocity
    }
  }

  public var state: ModelState {
    ModelState(tensors: velocities.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
  }

  public mutating func load(_ state: ModelState, for model: some Module) throws {
    try check(state.tensors.map { ($0.name, $0.value) }, against: model)
    velocities = Dictionary(state.tensors.map { ($0.name, $0.value) }) { $1 }
  }
}
