import HedgerowCore
import HedgerowGNN
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// What reference values of evaluation do not show of normalizations.
@Suite struct NormTests {
  // Made anew for each test: tests run side by side.
  static var norms: [any GraphNormalization] {
    var running = InstanceNorm.Options()
    running.running = true
    var individual = PairNorm.Options()
    individual.scaling = .individual
    return [
      GraphBatchNorm(4), GraphLayerNorm(4), InstanceNorm(4), InstanceNorm(4, options: running),
      GraphNorm(4), GraphSizeNorm(), MeanSubtractionNorm(), PairNorm(),
      PairNorm(options: individual), DiffGroupNorm(4, groups: 3),
    ]
  }

  func isClose(_ a: Tensor, _ b: Tensor) -> Bool {
    a.shape == b.shape
      && zip(a.scalars, b.scalars).allSatisfy { abs($0 - $1) <= 1e-5 * (1 + abs($1)) }
  }

  @Test(arguments: norms.indices) func nodesOfAGraphMayLieAnywhere(_ index: Int) {
    let norm = Self.norms[index].initialized(seed: 1)
    var stream = RandomStream(seed: printedSeed())
    let graphs = (0..<30).map { _ in UInt32(stream.next(below: 4)) }
    let x = Tensor.random([30, 4], seed: 2)
    let order = graphs.indices.sorted { graphs[$0] < graphs[$1] }
    let sorted = norm(
      x.gathered(rows: order.map { UInt32($0) }),
      in: RowGroups(order.map { graphs[$0] }, count: 5))
    let result = norm(x, in: RowGroups(graphs, count: 5))
    #expect(isClose(result.gathered(rows: order.map { UInt32($0) }), sorted))
  }

  @Test(arguments: norms.indices) func aGraphDoesNotSeeOthers(_ index: Int) {
    // Batch normalizations do: by what they have seen in training.
    let norm = Self.norms[index].initialized(seed: 1)
    let x = Tensor.random([20, 4], seed: printedSeed())
    let both = norm(x, in: RowGroups((0..<20).map { $0 < 8 ? 0 : 1 }, count: 2))
    let alone = norm(x.prefix(rows: 8), in: RowGroups(ofAll: 8))
    #expect(isClose(both.prefix(rows: 8), alone))
  }

  @Test func runningMomentsOfInstancesMoveInTraining() {
    let seed = printedSeed()
    var options = InstanceNorm.Options()
    options.running = true
    options.momentum = 0.25
    let norm = InstanceNorm(3, options: options).initialized(seed: 1)
    let x = Tensor.random([10, 3], seed: seed)
    let graphs = RowGroups((0..<10).map { $0 < 4 ? 0 : 1 }, count: 2)
    _ = valueWithGradients(at: norm, randomness: RandomStream(seed: 1)) { sum(norm(x, in: graphs)) }
    for column in 0..<3 {
      let values = (0..<10).map { Double(x[$0, column]) }
      let parts = [values[..<4], values[4...]]
      let means = parts.map { $0.reduce(0, +) / Double($0.count) }
      let variances = zip(parts, means).map { part, mean in
        part.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(part.count - 1)
      }
      let (mean, variance) = (means.reduce(0, +) / 2, variances.reduce(0, +) / 2)
      #expect(abs(Double(norm.runningMean!.value[column]) - 0.25 * mean) < 1e-5)
      #expect(abs(Double(norm.runningVariance!.value[column]) - (0.75 + 0.25 * variance)) < 1e-5)
    }
  }

  @Test func momentsOfTypesThatAreNotThereStay() {
    let norm = HeteroBatchNorm(3, types: 3).initialized(seed: 1)
    let x = Tensor.random([12, 3], seed: printedSeed())
    let types = (0..<12).map { UInt32($0 % 2) * 2 }
    _ = valueWithGradients(at: norm, randomness: RandomStream(seed: 1)) {
      sum(norm(x, types: types))
    }
    for column in 0..<3 {
      let own = (0..<12).filter { types[$0] == 2 }.map { Double(x[$0, column]) }
      let mean = own.reduce(0, +) / Double(own.count)
      #expect(abs(Double(norm.runningMean!.value[2, column]) - 0.1 * mean) < 1e-5)
      #expect(norm.runningMean!.value[1, column] == 0)
      #expect(norm.runningVariance!.value[1, column] == 1)
    }
  }

  @Test func aSingleNodeIsNormalizedByRunningMomentsWhereThatIsAllowed() {
    let norm = GraphBatchNorm(3, singleNode: .byRunningMoments).initialized(seed: 1)
    let x = Tensor.random([1, 3], seed: printedSeed())
    var trained: Tensor?
    _ = valueWithGradients(at: norm, randomness: RandomStream(seed: 1)) {
      trained = norm(x)
      return sum(trained!)
    }
    #expect(trained!.detached == norm(x))
    #expect(norm.module.batchCount!.value.scalar == 0)
  }
}
