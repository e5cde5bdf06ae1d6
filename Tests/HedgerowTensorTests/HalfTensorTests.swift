import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Sums, extremes and attention over rows of 16 bits are those of the same numbers in float32, to the last
/// bit, and so are their gradients.
@Suite struct HalfTensorTests {
  func check<Half: HalfElement>(_: Half.Type, width: Int, heads: Int) {
    var stream = RandomStream(seed: printedSeed())
    let (sources, targets) = (700, 500)
    let rows = RandomRows(sources: sources, targets: targets, meanDegree: 9, from: &stream)
    let transposed = { rows.transposed }
    let exact = Tensor.random([sources, width], in: -3..<3, seed: stream.next())
    let rounded = Tensor(NDArray<Half>(exact))
    let drawn = Tensor.random([rows.edges.count, heads], seed: stream.next())
    let matrix = SparsityPattern(
      rows: rows.edges.map { UInt32($0.target) }, columns: rows.edges.map { UInt32($0.source) },
      rowCount: targets, columnCount: sources)

    /// Results and gradients as bits.
    func bits(
      _ x: Tensor,
      _ sums: (_ x: Tensor, _ weights: Tensor) -> [Tensor]
    ) -> [[UInt32]] {
      let (x, weights) = (Parameter(x), Parameter(drawn))
      var bits: [[UInt32]] = []
      let (_, gradients) = valueWithGradients(at: [x, weights]) {
        let results = sums(x.value, weights.value)
        bits = results.map { $0.scalars.map(\.bitPattern) }
        return results.enumerated().map { sum($1 * .random($1.shape, seed: UInt64($0))) }
          .reduce(Tensor(0), +)
      }
      return bits + [x, weights].map { gradients[$0]!.scalars.map(\.bitPattern) }
    }
    func values(_ weights: Tensor) -> Tensor { weights.sliced(0..<1, along: 1).squeezed(1) }
    let expected = bits(rounded) { x, weights in
      [
        segmentSum(x, over: rows.targets, transposed: transposed),
        segmentMean(x, over: rows.targets, transposed: transposed),
        segmentSum(x, over: rows.targets, weights: weights, transposed: transposed),
        matmul(SparseMatrix(matrix, values: values(weights)), x),
        segmentMax(x, over: rows.targets, transposed: transposed),
        segmentMin(x, over: rows.targets, transposed: transposed),
      ]
    }
    for threadCount in [1, 2, 3] {
      Compute.with(ThreadPool(threadCount: threadCount)) {
        let found = bits(exact) { x, weights in
          let x = HalfTensor<Half>(rounding: x)
          return [
            segmentSum(x, over: rows.targets, transposed: transposed),
            segmentMean(x, over: rows.targets, transposed: transposed),
            segmentSum(x, over: rows.targets, weights: weights, transposed: transposed),
            matmul(SparseMatrix(matrix, values: values(weights)), x),
            segmentMax(x, over: rows.targets, transposed: transposed),
            segmentMin(x, over: rows.targets, transposed: transposed),
          ]
        }
        #expect(Array(found[..<7]) == Array(expected[..<7]), "\(threadCount) threads")
        // Products of rows may add up in another order.
        let pairs = zip(found[7], expected[7]).map {
          (Float(bitPattern: $0), Float(bitPattern: $1))
        }
        #expect(pairs.allSatisfy { abs($0 - $1) < 1e-4 })
      }
    }
  }

  @Test(arguments: [(1, 1), (6, 3), (16, 2), (64, 4), (131, 1), (160, 1)])
  func sumsAndGradientsAreThoseOfFloat32(width: Int, heads: Int) {
    check(Float16.self, width: width, heads: heads)
    check(BFloat16.self, width: width, heads: heads)
  }

  func checkAttention<Half: HalfElement>(_: Half.Type, width: Int, heads: Int) {
    var stream = RandomStream(seed: printedSeed())
    let (sources, targets) = (300, 250)
    let rows = RandomRows(sources: sources, targets: targets, meanDegree: 9, from: &stream)
    let exact = Tensor.random([sources, width], in: -3..<3, seed: stream.next())
    let own = Tensor.random([sources, heads], in: -2..<2, seed: stream.next())
    let others = Tensor.random([targets, heads], in: -2..<2, seed: stream.next())
    let factors = Tensor.random([targets, width], seed: stream.next())

    /// The result, and the gradients of x and of both scores.
    func attention(isHalved: Bool) -> [Tensor] {
      let x = Parameter(isHalved ? exact : Tensor(NDArray<Half>(exact)))
      let (p, q) = (Parameter(own), Parameter(others))
      var result = Tensor(0)
      let (_, gradients) = valueWithGradients(at: [x, p, q]) {
        let y =
          isHalved
          ? attentionSum(
            HalfTensor<Half>(rounding: x.value), sourceScores: p.value, targetScores: q.value,
            slope: 0.2, over: rows.targets
          ) { rows.transposed }
          : attentionSum(
            x.value, sourceScores: p.value, targetScores: q.value, slope: 0.2,
            over: rows.targets
          ) { rows.transposed }
        result = y.detached
        return sum(y * factors)
      }
      return [result, gradients[x]!, gradients[p]!, gradients[q]!]
    }
    let expected = attention(isHalved: false)
    for threadCount in [1, 3] {
      Compute.with(ThreadPool(threadCount: threadCount)) {
        let found = attention(isHalved: true)
        #expect(found[0].scalars == expected[0].scalars)
        // Products of rows may add up in another order.
        for (found, expected) in zip(found, expected) {
          let scale = expected.scalars.map(abs).max()!
          #expect(
            zip(found.scalars, expected.scalars).allSatisfy { abs($0 - $1) < 1e-5 * scale },
            "\(threadCount) threads")
        }
      }
    }
  }

  @Test(arguments: [(1, 1), (6, 3), (16, 2), (64, 4), (131, 1), (128, 16)])
  func attentionAndItsGradientsAreThoseOfFloat32(width: Int, heads: Int) {
    checkAttention(Float16.self, width: width, heads: heads)
    checkAttention(BFloat16.self, width: width, heads: heads)
  }

  @Test func everyNumberOfSixteenBitsIsWidenedExactly() {
    // One source for each target, in rows of whole registers and of less.
    for width in [8, 1] {
      let halves = NDArray<Float16>(
        (0..<65_536).map { Float16(bitPattern: UInt16($0)) }, shape: [65_536 / width, width])
      let count = UInt32(65_536 / width)
      let rows = CompressedRows(
        offsets: Array(0...count), indices: Array(0..<count), rowCount: Int(count))
      let y = segmentSum(HalfTensor(halves), over: rows) { rows }
      #expect(
        zip(y.scalars, halves.scalars).allSatisfy { $0 == Float($1) || $0.isNaN && $1.isNaN })
    }
  }

  @Test func constantsHaveNoGradient() {
    let x = HalfTensor(NDArray<BFloat16>(Tensor([[1, 2], [3, 4]])))
    let rows = CompressedRows(offsets: [0, 2], indices: [0, 1], rowCount: 1)
    let weights = Parameter(Tensor([2, 10]))
    let (value, gradients) = valueWithGradients(at: [weights]) {
      sum(segmentSum(x, over: rows, weights: weights.value) { fatalError("not asked for") })
    }
    #expect(value.scalar == 76 && gradients[weights]!.scalars == [3, 7])
  }
}
