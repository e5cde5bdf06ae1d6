import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// What holds for every aggregator, whatever its equation.
@Suite struct AggregatorTests {
  static let width = 6

  /// One of each kind, by its type's name.
  // Made anew for each test: tests run side by side, and each draws its weights.
  static var aggregators: [any Aggregator] {
    var quantiles = QuantileAggregation.Options()
    quantiles.interpolation = .midpoint
    var softmax = SoftmaxAggregation.Options()
    softmax.learning = .learnedPerColumn(width)
    var power = PowerMeanAggregation.Options()
    (power.power, power.learning) = (2, .learned)
    var transformer = SetTransformerAggregation.Options()
    (transformer.heads, transformer.seeds, transformer.layerNorm) = (2, 3, .present)
    return Aggregation.allCases.map { $0 as any Aggregator } + [
      VarianceAggregation(gradient: .half), StandardDeviationAggregation(gradient: .half),
      VariancePreservingAggregation(), SoftmaxAggregation(options: softmax),
      PowerMeanAggregation(options: power), MedianAggregation(fill: 3),
      QuantileAggregation([0.25, 0.5], options: quantiles), LSTMAggregation(width, 4),
      GRUAggregation(width, 4), Set2Set(width, steps: 2), SortAggregation(k: 2),
      AttentionalAggregation(gate: Linear(width, 1), network: Linear(width, 3), outputWidth: 3),
      DeepSetsAggregation(local: Linear(width, 3), global: nil, outputWidth: 3),
      SetTransformerAggregation(width, options: transformer),
      GraphMultisetTransformer(width, k: 2),
      MLPAggregation(Linear(3 * width, 4), longest: 3, outputWidth: 4),
      MultiAggregation([Aggregation.mean, Aggregation.max]),
      MultiAggregation(
        [Aggregation.mean, Aggregation.max],
        combining: .attended(from: [width, width], to: 4, heads: 2)),
      DegreeScalerAggregation(
        Aggregation.sum, scalers: DegreeScaler.allCases,
        means: DegreeMeans(histogram: [1, 4, 2])),
    ]
  }

  /// Rows of eight groups, one of them empty, in any order.
  func rows(_ count: Int, _ seed: UInt64) -> (x: Tensor, groups: RowGroups) {
    var stream = RandomStream(seed: seed)
    let groups = (0..<count).map { _ in UInt32(stream.next(below: 7)) + 1 }
    return (
      Tensor.random([count, Self.width], in: 0.1..<1, seed: seed), RowGroups(groups, count: 8)
    )
  }

  @Test(arguments: aggregators.indices) func resultsAreAsWideAsTheySay(_ index: Int) {
    let aggregator = Self.aggregators[index].initialized(seed: 1)
    let (x, groups) = rows(40, printedSeed())
    let y = aggregator(x, in: groups)
    #expect(y.shape == [8, aggregator.outputWidth(of: Self.width)], "\(aggregator)")
    #expect(y.scalars.allSatisfy { $0.isFinite }, "\(aggregator)")
  }

  @Test(arguments: aggregators.indices) func rowsOfAGroupMayLieAnywhere(_ index: Int) {
    let aggregator = Self.aggregators[index].initialized(seed: 1)
    let (x, groups) = rows(40, printedSeed())
    let order = groups.groups.indices.sorted { groups.groups[$0] < groups.groups[$1] }
    let sorted = RowGroups(order.map { groups.groups[$0] }, count: 8)
    let together = x.gathered(rows: order.map { UInt32($0) })
    #expect(aggregator(x, in: groups) == aggregator(together, in: sorted), "\(aggregator)")
  }

  @Test(arguments: aggregators.indices) func sourcesOfABlockAreItsMessages(_ index: Int) {
    let aggregator = Self.aggregators[index].initialized(seed: 1)
    let seed = printedSeed()
    var stream = RandomStream(seed: seed)
    let edges = (0..<50).map { _ in
      (UInt32(stream.next(below: 20)), UInt32(stream.next(below: 9)))
    }
    let block = Block(
      sources: edges.map(\.0), targets: edges.map(\.1), sourceCount: 20, targetCount: 10)
    let x = Parameter(Tensor.random([20, Self.width], in: 0.1..<1, seed: seed))
    func run(_ body: () -> Tensor) -> [Tensor] {
      let (_, gradients) = valueWithGradients(at: [x] + aggregator.parameters) {
        sum(square(body()))
      }
      return [body()] + ([x] + aggregator.parameters).map { gradients[$0] ?? .zeros($0.shape) }
    }
    let fused = run { aggregator(x.value, along: block) }
    let stored = run {
      aggregator(x.value.gathered(rows: block.sources), by: block.offsets)
    }
    for (a, b) in zip(fused, stored) {
      let isSame = zip(a.scalars, b.scalars).allSatisfy { abs($0 - $1) <= 1e-4 * (1 + abs($1)) }
      #expect(a.shape == b.shape && isSame, "\(aggregator)")
    }
  }

  @Test(arguments: aggregators.indices) func bitsAreTheSameForAnyNumberOfThreads(_ index: Int) {
    let aggregator = Self.aggregators[index].initialized(seed: 1)
    let (x, groups) = rows(3000, printedSeed())
    let results = [1, 2, 4].map { threads in
      Compute.with(ThreadPool(threadCount: threads)) { aggregator(x, in: groups) }
    }
    #expect(results[0] == results[1] && results[0] == results[2], "\(aggregator)")
  }
}
