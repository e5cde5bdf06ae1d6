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
/// Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015; the same steps as
/// `torch.optim.Adam`, whose defaults these are.
public struct Adam: Optimizer {
  public var learningRate: Float
  public var beta1: Float = 0.9
  public var beta2: Float = 0.999
  public var epsilon: Float = 1e-8
  /// Times w, added to the gradient (L2 regularization).
  public var weightDecay: Float = 0

  /// What Adam remembers of each parameter, by its path.
  private var memories: [String: Memory] = [:]

  private struct Memory {
    var step = 0
    var mean: Tensor
    var square: Tensor
  }

  public init(learningRate: Float = 1e-3, weightDecay: Float = 0) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }

  public mutating func update(_ model: some Module, along gradients: Gradients) {
    for (path, parameter) in model.namedParameters {
      guard let gradient = gradients[parameter] else { continue }
      var memory =
        memories.removeValue(forKey: path)
        ?? Memory(mean: .zeros(parameter.shape), square: .zeros(parameter.shape))
      step(parameter, along: gradient, &memory, path: path)
      memories[path] = memory
    }
  }

  private func step(
    _ parameter: Parameter, along gradient: Tensor, _ memory: inout Memory, path: String
  ) {
    require(
      memory.mean.shape == parameter.shape,
      "\(path) was of shape \(memory.mean.shape) in earlier steps and is now \(parameter.shape)")
    memory.step += 1
    let rate = Double(learningRate) / (1 - pow(Double(beta1), Double(memory.step)))
    let root = 1 / (1 - pow(Double(beta2), Double(memory.step))).squareRoot()
    memory.mean.withUnsafeMutableBufferPointer { mean in
      memory.square.withUnsafeMutableBufferPointer { square in
        gradient.withUnsafeBufferPointer { gradient in
          parameter.withUnsafeMutableBufferPointer { weights in
            Compute.forEachPart(of: weights.count, size: Compute.elementsPerPart) { part in
              let first = part.lowerBound
              hr_adam_f32(
                weights.baseAddress! + first, mean.baseAddress! + first,
                square.baseAddress! + first, gradient.baseAddress! + first, part.count,
                Float(rate), Float(root), beta1, beta2, epsilon, weightDecay)
            }
          }
        }
      }
    }
  }
}
