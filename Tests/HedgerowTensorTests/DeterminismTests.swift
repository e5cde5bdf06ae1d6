import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct DeterminismTests {
  /// One step of everything: value, result and gradients as bits.
  func step(_ rows: RandomRows, width: Int, seed: UInt64) -> [[UInt32]] {
    let sources = rows.transposed.rowCount
    let x = Parameter(Tensor.random([sources, width], seed: seed))
    let w1 = Parameter(Tensor.random([65, width], seed: seed + 1))
    let w2 = Parameter(Tensor.random([65, width], seed: seed + 2))
    let bias = Parameter(Tensor.random([65], seed: seed + 3))
    let labels = (0..<rows.targets.rowCount).map { Int32($0 % 66) - 1 }
    let parameters = [x, w1, w2, bias]
    let (value, gradients) = valueWithGradients(
      at: parameters, randomness: RandomStream(seed: seed)
    ) {
      let dropped = dropout(x.value, rate: 0.2)
      let mean = segmentMean(dropped, over: rows.targets) { rows.transposed }
      // Everything that reduces over edges or rows.
      let offsets = Array(rows.targets.offsets[...rows.targets.rowCount])
      let scores = sum(
        dropped.gathered(rows: Array(rows.targets.indices[..<rows.edges.count])), along: 1)
      let attention = segmentSoftmax(scores, by: offsets)
      let attended =
        segmentSum(dropped, over: rows.targets, weights: attention) { rows.transposed }
        + segmentMax(dropped, over: rows.targets) { rows.transposed }
      let reached = mean + attended * sum(attended, along: 0)
      let hidden =
        (AffineSum(reached, weight: w1.value, bias: bias.value)
        + AffineSum(dropped.prefix(rows: rows.targets.rowCount), weight: w2.value))
        .evaluated(activation: .relu, dropout: 0.5)
      return crossEntropy(hidden, labels) + 1e-3 * sum(x.value * x.value)
    }
    return [[value.scalar.bitPattern]]
      + parameters.map { gradients[$0]!.scalars.map(\.bitPattern) }
  }

  @Test(arguments: UInt64(0)..<4) func bitsAreTheSameForAnyNumberOfThreads(seed: UInt64) {
    var stream = RandomStream(seed: seed)
    let targets = 1 + Int(stream.next(below: 3000))
    let rows = RandomRows(
      sources: targets + Int(stream.next(below: 3000)), targets: targets, from: &stream)
    let width = 1 + Int(stream.next(below: 130))
    let expected = Compute.with(ThreadPool(threadCount: 1)) {
      step(rows, width: width, seed: seed)
    }
    for threadCount in [2, 4, 7] {
      Compute.with(ThreadPool(threadCount: threadCount)) {
        #expect(step(rows, width: width, seed: seed) == expected, "\(threadCount) threads")
      }
    }
  }
}
