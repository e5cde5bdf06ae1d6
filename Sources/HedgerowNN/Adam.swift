import CHedgerowKernels
import Glibc
import HedgerowCore
public import HedgerowTensor

/// Adam: steps by running means of the gradient and of its square.
///
/// For a parameter w with gradient g, in its step t:
/// ```
/// g' = g + weightDecay w
/// m  = beta1 m + (1 - beta1) g'            v = beta2 v + (1 - beta2) g'^2
/// w  = w - learningRate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
/// ```
/// With ``decay`` `.decoupled` it is AdamW: w shrinks by learningRate weightDecay w beside the step,
/// and g' is g. A table of which only rows were taken is changed in these rows only, as are its
/// means (`torch.optim.SparseAdam`), so that a step costs time in proportion to what was taken.
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

  public var learningRate: Float
  public var beta1: Float = 0.9
  public var beta2: Float = 0.999
  public var epsilon: Float = 1e-8
  public var weightDecay: Float = 0
  public var decay = Decay.inGradient
  public var normalization = Normalization.runningMean

  /// What Adam remembers of each parameter, by its path.
  private var memories: [String: Memory] = [:]

  private struct Memory {
    var step = 0
    var mean: Tensor
    var square: Tensor
    var largestSquare: Tensor?
  }

  public init(learningRate: Float = 1e-3, weightDecay: Float = 0) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }

  public mutating func update(_ model: some Module, along gradients: Gradients) {
    for (path, parameter) in model.namedParameters {
      guard let gradient = gradients.gradient(of: parameter) else { continue }
      var memory =
        memories.removeValue(forKey: path)
        ?? Memory(
          mean: .zeros(parameter.shape), square: .zeros(parameter.shape),
          largestSquare: normalization == .runningMean ? nil : .zeros(parameter.shape))
      require(
        memory.mean.shape == parameter.shape,
        "\(path) was of shape \(memory.mean.shape) in earlier steps and is now \(parameter.shape)")
      step(parameter, along: gradient, &memory)
      memories[path] = memory
    }
  }

  private func step(
    _ parameter: Parameter, along gradient: Gradients.Gradient, _ memory: inout Memory
  ) {
    memory.step += 1
    let rate = Double(learningRate) / (1 - pow(Double(beta1), Double(memory.step)))
    let root = 1 / (1 - pow(Double(beta2), Double(memory.step))).squareRoot()
    let (added, shrink): (Float, Float) =
      decay == .inGradient ? (weightDecay, 1) : (0, 1 - learningRate * weightDecay)
    memory.mean.withUnsafeMutableBufferPointer { mean in
      memory.square.withUnsafeMutableBufferPointer { square in
        withMutableBase(&memory.largestSquare) { largest in
          parameter.forEachStretch(of: gradient) { weights, first, gradient, count in
            hr_adam_f32(
              weights, mean.baseAddress! + first, square.baseAddress! + first,
              largest.map { $0 + first }, gradient, count, Float(rate), Float(root), beta1, beta2,
              epsilon, added, shrink)
          }
        }
      }
    }
  }

  public var state: ModelState {
    var state = ModelState(tensors: [])
    for (path, memory) in memories.sorted(by: { $0.key < $1.key }) {
      state.metadata["\(path).step"] = "\(memory.step)"
      state.tensors.append(("\(path).mean", memory.mean))
      state.tensors.append(("\(path).square", memory.square))
      if let largest = memory.largestSquare {
        state.tensors.append(("\(path).largest_square", largest))
      }
    }
    return state
  }

  public mutating func load(_ state: ModelState, for model: some Module) throws {
    let tensors = Dictionary(state.tensors.map { ($0.name, $0.value) }) { $1 }
    var loaded: [String: Memory] = [:]
    for (name, mean) in tensors where name.hasSuffix(".mean") {
      let path = String(name.dropLast(".mean".count))
      guard let step = state.metadata["\(path).step"].flatMap(Int.init), step >= 0,
        let square = tensors["\(path).square"]
      else { throw HedgerowError(.badData, "the optimizer's memory is not whole", at: path) }
      let largest = tensors["\(path).largest_square"]
      try check(
        [mean, square, largest].compactMap { $0.map { (path, $0) } }, against: model)
      loaded[path] = Memory(step: step, mean: mean, square: square, largestSquare: largest)
    }
    memories = loaded
  }
}

/// Calls `body` with the elements for changing, or with `nil` when there is no tensor.
func withMutableBase(_ tensor: inout Tensor?, _ body: (UnsafeMutablePointer<Float>?) -> Void) {
  guard tensor != nil else { return body(nil) }
  tensor!.withUnsafeMutableBufferPointer { body($0.baseAddress) }
}
