import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct AffineSumTests {
  /// Gradients of the weights of several inputs, one of them of some rows, where most of what comes back is
  /// zero, so that zeros are skipped in float32, and where little is.
  @Test(arguments: [0.15, 0.9]) func weightsOfSeveralInputsHaveTheirGradients(share: Double) {
    var stream = RandomStream(seed: printedSeed())
    // More than two parts of rows, and widths of their own.
    let (count, width, inputs) = (1100, 33, [96, 72, 17])
    let rows = (0..<UInt32(count)).filter { $0 % 3 == 0 }
    func numbers(_ shape: [Int], share: Double = 1) -> NDTensor<Double> {
      let drawn = (0..<shape.reduce(1, *)).map { _ in
        stream.nextUnit() < share ? Double(Float(stream.nextUnit() * 2 - 1)) : 0
      }
      return NDTensor(drawn, shape: shape)
    }
    let x = inputs.enumerated().map { numbers([$0 == 2 ? rows.count : count, $1]) }
    let weights = inputs.map { numbers([width, $0]) }
    let cotangent = numbers([count, width], share: share)

    func gradients<Scalar: TensorScalar>(_: Scalar.Type) -> [[Double]] {
      func converted(_ x: NDTensor<Double>) -> NDTensor<Scalar> {
        NDTensor(x.scalars.map { Scalar($0) }, shape: x.shape)
      }
      let parameters = weights.map { NDParameter(converted($0)) }
      let (_, gradients) = valueWithGradients(at: parameters) {
        let sum =
          AffineSum(converted(x[0]), weight: parameters[0].value)
          + AffineSum(converted(x[1]), weight: parameters[1].value)
          + AffineSum(converted(x[2]), weight: parameters[2].value, addedTo: rows, of: count)
        return HedgerowTensor.sum(sum.evaluated() * converted(cotangent))
      }
      return parameters.map { gradients[$0]?.scalars.map { Double($0) } ?? [] }
    }
    let (single, double) = (gradients(Float.self), gradients(Double.self))
    for (term, input) in inputs.enumerated() {
      var expected = [Double](repeating: 0, count: width * input)
      let (dz, values) = (cotangent.scalars, x[term].scalars)
      for place in 0..<x[term].shape[0] {
        let row = term == 2 ? Int(rows[place]) : place
        for output in 0..<width {
          for column in 0..<input {
            expected[output * input + column] +=
              dz[row * width + output] * values[place * input + column]
          }
        }
      }
      #expect(single[term].count == expected.count && double[term].count == expected.count)
      #expect(zip(double[term], expected).allSatisfy { abs($0 - $1) < 1e-10 }, "term \(term)")
      #expect(zip(single[term], expected).allSatisfy { abs($0 - $1) < 1e-4 }, "term \(term)")
    }
  }
}
