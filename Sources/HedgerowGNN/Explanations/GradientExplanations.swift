import HedgerowCore
import HedgerowTensor

/// The sizes of the gradients of the explained classes' logits with respect to the features and to the weights of
/// edges.
///
/// Source: Simonyan, Vedaldi, Zisserman, Deep Inside Convolutional Networks, ICLR 2014 (workshop).
public func saliency(of prediction: ExplainedPrediction) -> Explanation {
  let slopes = prediction.slopes(at: prediction.x, prediction.weights)
  return Explanation(edges: abs(slopes.weights), features: abs(slopes.x))
}

/// Which inputs of a prediction are attributed to.
public enum ExplainedInputs: Sendable { case features, edges, both }

/// Each input times the mean slope of the explained classes' logits on the straight way from zeros to the inputs, by
/// the midpoint rule: attributions that add to the difference of the logits at both ends, but for the error of the rule.
///
/// - Parameters:
///   - inputs: those that begin as zeros; the others are what they are all the way, and are attributed nothing.
///   - stepCount: points on the way, at least one.
///
/// Source: Sundararajan, Taly, Yan, Axiomatic Attribution for Deep Networks, ICML 2017.
public func integratedGradients(
  of prediction: ExplainedPrediction, over inputs: ExplainedInputs = .both, stepCount: Int = 50
) -> Explanation {
  require(stepCount >= 1, "a way has no \(stepCount) points")
  var x = Tensor.zeros(prediction.x.shape)
  var weights = Tensor.zeros(prediction.weights.shape)
  for step in 0..<stepCount {
    let share = (Float(step) + 0.5) / Float(stepCount)
    let slopes = prediction.slopes(
      at: inputs == .edges ? prediction.x : share * prediction.x,
      inputs == .features ? prediction.weights : share * prediction.weights)
    x = x + slopes.x
    weights = weights + slopes.weights
  }
  let factor = 1 / Float(stepCount)
  return Explanation(
    edges: inputs == .features ? nil : factor * (weights * prediction.weights),
    features: inputs == .edges ? nil : factor * (x * prediction.x))
}

extension ExplainedPrediction {
  /// The gradients of the score.
  fileprivate func slopes(at x: Tensor, _ weights: Tensor) -> (x: Tensor, weights: Tensor) {
    let inputs = [Parameter(x), Parameter(weights)]
    let gradients = valueWithGradients(at: inputs) {
      score(inputs[0].value, inputs[1].value)
    }.gradients
    return (
      gradients[inputs[0]] ?? .zeros(x.shape), gradients[inputs[1]] ?? .zeros(weights.shape)
    )
  }
}
