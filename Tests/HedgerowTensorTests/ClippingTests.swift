import Glibc
import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct ClippingTests {
  /// Gradients of a matrix, of a large vector and of three rows of a table.
  func gradients(_ seed: UInt64) -> ([Parameter], Gradients) {
    let parameters = [
      Parameter(.random([7, 3], seed: seed)), Parameter(.random([70_001], seed: seed + 1)),
      Parameter(.random([50, 4], seed: seed + 2)),
    ]
    let (_, gradients) = valueWithGradients(at: parameters) {
      sum(square(parameters[0].value)) + sum(square(parameters[1].value))
        + sum(square(parameters[2].value.gathered(rows: [3, 40, 3])))
    }
    return (parameters, gradients)
  }

  @Test func normsAreThoseOfAllElements() {
    let (parameters, gradients) = gradients(printedSeed())
    let all = parameters.flatMap { gradients[$0]!.scalars.map(Double.init) }
    func isClose(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-9 * b }
    #expect(isClose(gradients.norm(), all.reduce(0) { $0 + $1 * $1 }.squareRoot()))
    #expect(gradients.norm(.largest) == all.map { abs($0) }.max())
    #expect(isClose(gradients.norm(.exponent(1)), all.reduce(0) { $0 + abs($1) }))
    #expect(
      isClose(gradients.norm(.exponent(3)), cbrt(all.reduce(0) { $0 + pow(abs($1), 3) })))
    #expect(Gradients().norm() == 0)
  }

  @Test func clippedGradientsKeepTheirDirection() {
    let (parameters, gradients) = gradients(printedSeed())
    for norm in [GradientNorm.euclidean, .largest, .exponent(1.5)] {
      let clipped = gradients.clipped(toNorm: 0.5, norm)
      #expect(abs(clipped.norm(norm) - 0.5) < 1e-4)
      let factor = Float(0.5 / (gradients.norm(norm) + 1e-6))
      for parameter in parameters {
        #expect(clipped[parameter] == factor * gradients[parameter]!)
      }
      guard case .rows? = clipped.gradient(of: parameters[2]) else {
        Issue.record("rows have become a whole table")
        return
      }
    }
    let short = gradients.clipped(toNorm: 1e9)
    for parameter in parameters { #expect(short[parameter] == gradients[parameter]) }
  }

  @Test func valuesStayWithinTheirLimit() {
    let (parameters, gradients) = gradients(printedSeed())
    let clipped = gradients.clipped(toValue: 0.25)
    for parameter in parameters {
      #expect(
        clipped[parameter]!.scalars
          == gradients[parameter]!.scalars.map { max(-0.25, min(0.25, $0)) })
    }
  }

  @Test func whatIsNoNumberShows() {
    let parameter = Parameter(Tensor([1, .nan, 2]))
    let (_, gradients) = valueWithGradients(at: [parameter]) { sum(square(parameter.value)) }
    #expect(gradients.norm().isNaN && gradients.norm(.largest).isNaN)
    #expect(gradients.clipped(toValue: 1)[parameter]!.scalars[1].isNaN)
  }
}
