import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Attention that keeps nothing of an edge, against the same with tensors of edges.
@Suite struct AttentionTests {
  private func composed<S>(
    _ x: NDTensor<S>, _ p: NDTensor<S>, _ q: NDTensor<S>, slope: S, _ rows: RandomRows
  ) -> NDTensor<S> {
    let offsets = Array(rows.targets.offsets[...rows.targets.rowCount])
    let sources = Array(rows.targets.indices[..<rows.targets.count])
    let scores = p.gathered(rows: sources) + repeated(q, by: offsets)
    let weights = segmentSoftmax(leakyRelu(scores, slope: slope), by: offsets)
    return segmentSum(x, over: rows.targets, weights: weights) { rows.transposed }
  }

  private func fused<S>(
    _ x: NDTensor<S>, _ p: NDTensor<S>, _ q: NDTensor<S>, slope: S, _ rows: RandomRows
  ) -> NDTensor<S> {
    attentionSum(x, sourceScores: p, targetScores: q, slope: slope, over: rows.targets) {
      rows.transposed
    }
  }

  @Test(arguments: [
    [1, 1], [1, 7], [4, 8], [8, 8], [4, 16], [3, 16], [4, 32], [5, 32], [2, 64], [1, 130], [16, 3],
    [2, 128],
  ]) func itIsWhatItsPartsAre(form: [Int]) {
    let (heads, inside) = (form[0], form[1])
    var stream = RandomStream(seed: printedSeed())
    let targets = 1 + Int(stream.next(below: 60))
    let sources = 1 + Int(stream.next(below: 90))
    // More edges to a target than are looked at in one go.
    let rows = RandomRows(
      sources: sources, targets: targets, meanDegree: stream.next(below: 2) == 0 ? 3 : 90,
      from: &stream)
    let seed = stream.next()
    let shapes = [[sources, heads * inside], [sources, heads], [targets, heads]]
    let parameters = shapes.enumerated().map { index, shape in
      let drawn = 3 * NDTensor<Double>.random(shape, seed: seed &+ UInt64(index))
      if index == 0 { return NDParameter(drawn) }
      // Scores are sums of these, on the same side of the kink in both precisions: of whole numbers and
      // of halves, of 256ths.
      return NDParameter((floor(256 * drawn) + (index == 1 ? 0 : 0.5)) * (1.0 / 256))
    }
    let cotangent = NDTensor<Double>.random([targets, heads * inside], seed: seed &+ 9)
    func results(_ function: () -> NDTensor<Double>) -> [NDTensor<Double>] {
      var y: NDTensor<Double>?
      let (_, gradients) = valueWithGradients(at: parameters) {
        y = function()
        return sum(y! * cotangent)
      }
      return [y!] + parameters.map { gradients[$0]! }
    }
    let (x, p, q) = (parameters[0], parameters[1], parameters[2])
    let expected = results { composed(x.value, p.value, q.value, slope: 0.2, rows) }
    let found = results { fused(x.value, p.value, q.value, slope: 0.2, rows) }
    for (a, b) in zip(found, expected) {
      #expect(a.shape == b.shape)
      #expect(zip(a.scalars, b.scalars).allSatisfy { abs($0 - $1) <= 1e-10 * (1 + abs($1)) })
    }

    // Single precision, whose exponential is another one, against double.
    let singles = parameters.map {
      Parameter(Tensor($0.value.scalars.map { Float($0) }, shape: $0.shape))
    }
    var y: Tensor?
    let (_, gradients) = valueWithGradients(at: singles) {
      y = fused(singles[0].value, singles[1].value, singles[2].value, slope: 0.2, rows)
      return sum(y! * Tensor(cotangent.scalars.map { Float($0) }, shape: cotangent.shape))
    }
    let single = [y!.scalars] + singles.map { gradients[$0]!.scalars }
    for (a, b) in zip(single, expected) {
      let scale = b.scalars.map { abs($0) }.max() ?? 0
      #expect(zip(a, b.scalars).allSatisfy { abs(Double($0) - $1) <= 2e-5 * (1 + scale) })
    }
  }

  @Test func gradientsAreDifferenceQuotients() {
    var stream = RandomStream(seed: printedSeed())
    let rows = RandomRows(sources: 7, targets: 5, meanDegree: 3, from: &stream)
    let seed = stream.next()
    let error = GradientCheck.error(
      at: [
        .random([7, 6], seed: seed), .random([7, 2], seed: seed &+ 1),
        .random([5, 2], seed: seed &+ 2),
      ], seed: seed &+ 3
    ) { fused($0[0], $0[1], $0[2], slope: 0.2, rows) }
    #expect(error < 1e-7)
  }

  @Test func theBitsAreTheSameForAnyThreads() {
    var stream = RandomStream(seed: printedSeed())
    let rows = RandomRows(sources: 3000, targets: 2000, meanDegree: 9, from: &stream)
    let seed = stream.next()
    func step() -> [[UInt32]] {
      let parameters = [[3000, 64], [3000, 4], [2000, 4]].enumerated().map {
        Parameter(Tensor.random($1, seed: seed &+ UInt64($0)))
      }
      var y: Tensor?
      let (_, gradients) = valueWithGradients(at: parameters) {
        y = fused(
          parameters[0].value, parameters[1].value, parameters[2].value, slope: 0.2, rows)
        return sum(y! * y!)
      }
      return ([y!] + parameters.map { gradients[$0]! }).map { $0.scalars.map(\.bitPattern) }
    }
    let expected = Compute.with(ThreadPool(threadCount: 1)) { step() }
    for threads in [2, 3, 5] {
      Compute.with(ThreadPool(threadCount: threads)) { #expect(step() == expected) }
    }
  }

  @Test func largeScoresStayFinite() {
    // Weights of 1 and 0, whatever the scores' size.
    let rows = CompressedRows(offsets: [0, 2, 2], indices: [0, 1], rowCount: 2)
    let x = Tensor([[1, 2], [3, 4]])
    let y = attentionSum(
      x, sourceScores: Tensor([[3e38], [-3e38]]), targetScores: Tensor([[0], [5]]), slope: 0.2,
      over: rows
    ) { fatalError("nothing is recorded") }
    #expect(y == Tensor([[1, 2], [0, 0]]))
  }

  @Test func shapesThatDoNotFitTrap() async {
    await #expect(processExitsWith: .failure) {
      let rows = CompressedRows(offsets: [0, 1], indices: [0], rowCount: 1)
      _ = attentionSum(
        Tensor.zeros([1, 6]), sourceScores: .zeros([1, 4]), targetScores: .zeros([1, 4]),
        slope: 0.2, over: rows
      ) { rows }
    }
  }
}

/// Sums over rows of every width, which kernels cut into stretches, in a result that fits into caches
/// and in one that does not.
@Suite struct RowWidthTests {
  @Test(arguments: [
    1, 3, 4, 7, 8, 9, 15, 16, 31, 32, 33, 63, 64, 100, 127, 128, 129, 160, 200, 256, 300,
  ])
  func sumsOfEveryWidth(width: Int) {
    var stream = RandomStream(seed: printedSeed())
    let rows = RandomRows(sources: 50, targets: 40, meanDegree: 5, from: &stream)
    let x = Tensor.random([50, width], seed: stream.next())
    let w = Tensor.random([rows.targets.count], seed: stream.next())
    var plain = [Double](repeating: 0, count: 40 * width)
    var weighted = plain
    for target in 0..<40 {
      for entry in rows.targets.offsets[target]..<rows.targets.offsets[target + 1] {
        let source = Int(rows.targets.indices[Int(entry)])
        for column in 0..<width {
          plain[target * width + column] += Double(x[source, column])
          weighted[target * width + column] += Double(w[Int(entry)]) * Double(x[source, column])
        }
      }
    }
    func isClose(_ a: Tensor, _ b: [Double]) -> Bool {
      zip(a.scalars, b).allSatisfy { abs(Double($0) - $1) < 1e-5 * (1 + abs($1)) }
    }
    #expect(isClose(segmentSum(x, over: rows.targets) { rows.transposed }, plain))
    #expect(isClose(segmentSum(x, over: rows.targets, weights: w) { rows.transposed }, weighted))
  }

  @Test(arguments: [120, 128, 136]) func aResultPastTheCaches(width: Int) {
    let count = (20 << 20) / (4 * width)
    var stream = RandomStream(seed: printedSeed())
    let sources = (0..<2 * count).map { _ in UInt32(stream.next(below: 64)) }
    let rows = CompressedRows(
      offsets: (0...count).map { UInt32(2 * $0) }, indices: sources, rowCount: count)
    let x = Tensor.random([64, width], seed: stream.next())
    let y = segmentSum(x, over: rows) { rows }
    let half = Tensor(repeating: 0.5, shape: [2 * count])
    let z = segmentSum(x, over: rows, weights: half) { rows }
    for target in stride(from: 0, to: count, by: 97) {
      let (a, b) = (Int(sources[2 * target]), Int(sources[2 * target + 1]))
      for column in 0..<width {
        #expect(y[target, column] == x[a, column] + x[b, column])
        #expect(abs(z[target, column] - y[target, column] / 2) < 1e-6)
      }
    }
  }
}
