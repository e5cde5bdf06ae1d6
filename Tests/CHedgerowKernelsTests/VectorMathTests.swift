import CHedgerowKernels
import Glibc
import HedgerowCore
import Testing

/// The functions of float that loops vectorize, against the system's in double precision.
@Suite struct VectorMathTests {
  /// The largest error, in units of the last place of what is right.
  func error(
    _ function: hr_unary, _ numbers: [Float], _ reference: (Double) -> Double
  ) -> Double {
    var results = numbers
    hr_unary_f32(function, &results, numbers, 0, numbers.count)
    return zip(numbers, results).reduce(0) { worst, pair in
      let right = reference(Double(pair.0))
      return max(worst, abs(Double(pair.1) - right) / Double(Float(right).ulp))
    }
  }

  @Test func exponentialsAndLogarithms() {
    let exponents = stride(from: Float(-87), to: 88.7, by: 0.0007)
    #expect(error(hr_exponential, Array(exponents), exp) < 2)
    let numbers = (0..<200_000).map { Float(bitPattern: 1 + UInt32($0) * 10_690) }.filter(
      \.isFinite)
    #expect(error(hr_logarithm, numbers.filter { $0 > 0 }, log) < 3)
  }

  @Test func theirLimits() {
    func values(_ function: hr_unary, _ numbers: [Float]) -> [Float] {
      var results = numbers
      hr_unary_f32(function, &results, numbers, 0, numbers.count)
      return results
    }
    let infinity = Float.infinity
    #expect(
      values(hr_exponential, [0, -infinity, infinity, 200, -200, 88.72])
        == [1, 0, infinity, infinity, 0, Float(exp(Double(Float(88.72))))])
    let tiny = values(hr_exponential, [-95])[0]
    #expect(abs(Double(tiny) / exp(-95) - 1) < 1e-3, "numbers below the least normal one")
    #expect(values(hr_logarithm, [1, 0, infinity]) == [0, -infinity, infinity])
    #expect(values(hr_logarithm, [-1, .nan]).allSatisfy { $0.isNaN })
    #expect(values(hr_exponential, [.nan]).allSatisfy { $0.isNaN })
    let least = Float.leastNonzeroMagnitude
    #expect(abs(values(hr_logarithm, [least])[0] - Float(log(Double(least)))) < 1e-5)
  }

  /// Where an element stands among the lanes of a vector changes nothing.
  @Test func everyElementIsComputedAlike() {
    let numbers = (0..<37).map { _ in Float(1.234_567) }
    for function in [hr_gelu, hr_silu, hr_mish, hr_tanh, hr_elu, hr_softplus] {
      var results = numbers
      hr_activate_f32(function, &results, numbers, 1, 20, numbers.count)
      #expect(Set(results.map(\.bitPattern)).count == 1)
    }
  }
}
