import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct NormalizationTests {
  typealias Numbers = NDTensor<Double>

  @Test(arguments: [[4, 5], [1, 3], [3, 1], [2, 3, 4], [5, 40], [0, 3]])
  func gradientsAreDifferenceQuotients(shape: [Int]) {
    let seed = printedSeed()
    let x = Numbers.random(shape, seed: seed) + 3
    let weight = Numbers.random(Array(shape.suffix(1)), seed: seed + 1)
    let bias = Numbers.random(Array(shape.suffix(1)), seed: seed + 2)
    func check(_ inputs: [Numbers], _ function: ([Numbers]) -> Numbers) {
      #expect(GradientCheck.error(at: inputs, seed: seed, function) < 1e-7, "\(shape)")
    }
    check([x, weight, bias]) { layerNorm($0[0], weight: $0[1], bias: $0[2], epsilon: 0.1) }
    check([x, weight]) { layerNorm($0[0], weight: $0[1], epsilon: 0.1) }
    check([x, bias]) { layerNorm($0[0], bias: $0[1], epsilon: 0.1) }
    check([x]) { layerNorm($0[0], epsilon: 0.1) }
    guard shape.count == 2 else {
      let all = Numbers.random(Array(shape.suffix(2)), seed: seed + 3)
      check([x, all]) { layerNorm($0[0], weight: $0[1], epsilon: 0.1) }
      return
    }
    check([x, weight, bias]) { batchNorm($0[0], weight: $0[1], bias: $0[2], epsilon: 0.1).y }
    check([x]) { batchNorm($0[0], epsilon: 0.1).y }
    check([x, weight, bias]) {
      batchNorm(
        $0[0], weight: $0[1], bias: $0[2],
        by: .running(mean: weight.detached, variance: square(bias.detached))
      ).y
    }
  }

  @Test func attentionsGradients() {
    let seed = printedSeed()
    let (q, k) = (
      Numbers.random([2, 3, 4], seed: seed), Numbers.random([2, 5, 4], seed: seed + 1)
    )
    let (v, bias) = (
      Numbers.random([2, 5, 2], seed: seed + 2), Numbers.random([3, 5], seed: seed + 3)
    )
    let allowed = Mask((0..<15).map { $0 % 4 != 1 }, shape: [3, 5])
    for randomness in [nil, RandomStream(seed: seed)] {
      let error = GradientCheck.error(
        at: [q, k, v, bias], seed: seed, randomness: randomness
      ) {
        scaledDotProductAttention(
          $0[0], $0[1], $0[2], allowed: allowed, bias: $0[3], dropout: 0.3
        ).result
      }
      #expect(error < 1e-7)
    }
  }

  @Test func bitsAreTheSameForAnyNumberOfThreads() {
    func run(threadCount: Int) -> [[UInt32]] {
      Compute.with(ThreadPool(threadCount: threadCount)) {
        let parameters = [
          Parameter(.random([3000, 70], seed: 1)), Parameter(.random([70], seed: 2)),
          Parameter(.random([70], seed: 3)),
        ]
        let (_, gradients) = valueWithGradients(
          at: parameters, randomness: RandomStream(seed: 4)
        ) {
          let (x, w, b) = (parameters[0].value, parameters[1].value, parameters[2].value)
          let y = layerNorm(batchNorm(x, weight: w, bias: b).y, weight: b, bias: w)
          return crossEntropy(
            dropout(gelu(y), rate: 0.3), (0..<3000).map { Int32($0 % 70) }, weight: abs(w.detached),
            smoothing: 0.1)
        }
        return parameters.map { gradients[$0]!.scalars.map(\.bitPattern) }
      }
    }
    let expected = run(threadCount: 1)
    for threadCount in [2, 5] { #expect(run(threadCount: threadCount) == expected) }
  }
}
