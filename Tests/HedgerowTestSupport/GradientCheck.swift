public import HedgerowCore
public import HedgerowTensor

/// Gradients by the tape against central finite differences, in double precision.
public enum GradientCheck {
  /// The largest difference between the two over all elements of all inputs, relative to
  /// 1 + |difference quotient|. About 1e-9 where a function is smooth and its gradient right.
  ///
  /// A result of several elements is weighed by numbers drawn from `seed`, so that errors that
  /// cancel in a plain sum show. A function that is random in training draws from `randomness`.
  ///
  /// A step may lead over a kink that drawn numbers happen to lie beside, of a rectified sum say. So an
  /// element that disagrees is looked at again with steps of a sixteenth and a 256th, and the least
  /// difference counts: a wrong gradient is wrong with any step. What is no number is infinitely wrong.
  public static func error(
    at inputs: [NDTensor<Double>], seed: UInt64, randomness: RandomStream? = nil,
    step: Double = 1e-5, _ function: ([NDTensor<Double>]) -> NDTensor<Double>
  ) -> Double {
    func weighed(_ inputs: [NDTensor<Double>]) -> NDTensor<Double> {
      let result = function(inputs)
      return sum(result * .random(result.shape, seed: seed))
    }
    let parameters = inputs.map { NDParameter($0) }
    let (_, gradients) = valueWithGradients(at: parameters, randomness: randomness) {
      weighed(parameters.map(\.value))
    }
    var worst = 0.0
    for index in inputs.indices {
      let gradient = gradients[parameters[index]]?.scalars
      for element in 0..<inputs[index].count {
        func value(shiftedBy shift: Double) -> Double {
          var shifted = inputs
          shifted[index].withUnsafeMutableBufferPointer { $0[element] += shift }
          return valueWithGradients(at: [], randomness: randomness) { weighed(shifted) }.value
            .scalar
        }
        func error(withStep step: Double) -> Double {
          let quotient = (value(shiftedBy: step) - value(shiftedBy: -step)) / (2 * step)
          let error = abs((gradient?[element] ?? 0) - quotient) / (1 + abs(quotient))
          return error.isNaN ? .infinity : error
        }
        var least = error(withStep: step)
        for smaller in [step / 16, step / 256] where least > 1e-7 {
          least = min(least, error(withStep: smaller))
        }
        worst = max(worst, least)
      }
    }
    return worst
  }
}
