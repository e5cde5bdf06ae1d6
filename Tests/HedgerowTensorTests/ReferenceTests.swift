import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Results against slow loops that say what they mean.
@Suite struct ReferenceTests {
  func isClose(_ a: [Float], _ b: [Float]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= 1e-5 + 1e-5 * abs($1) }
  }

  @Test(arguments: [
    [0, 3, 2], [1, 1, 1], [5, 0, 3], [700, 37, 19], [513, 130, 64], [3, 200, 300],
  ])
  func matrixProductsInEveryForm(shape: [Int]) {
    let (n, k, m) = (shape[0], shape[1], shape[2])
    let a = Tensor.random([n, k], seed: 1)
    let b = Tensor.random([k, m], seed: 2)
    let expected = (0..<n).flatMap { i in
      (0..<m).map { j in
        Float((0..<k).reduce(0.0) { $0 + Double(a[i, $1]) * Double(b[$1, j]) })
      }
    }
    #expect(isClose(matmul(a, b).scalars, expected))
    #expect(isClose(AffineSum(a, weight: b.transposed()).evaluated().scalars, expected))
    // The gradient of a weight sums over rows, in parts.
    let weight = Parameter(Tensor.random([m, n], seed: 3))
    let (_, gradients) = valueWithGradients(at: [weight]) {
      sum(matmul(weight.value, a) * b.transposed())
    }
    let transposed = matmul(a, b)
    #expect(isClose(gradients[weight]!.scalars, transposed.transposed().scalars))
  }

  @Test(arguments: UInt64(0)..<6) func segmentMeanAndItsGradient(seed: UInt64) {
    var stream = RandomStream(seed: seed)
    let (sources, targets) = (Int(1 + stream.next(below: 900)), Int(1 + stream.next(below: 700)))
    let width = [1, 3, 16, 47, 128][Int(stream.next(below: 5))]
    let rows = RandomRows(sources: sources, targets: targets, meanDegree: 7, from: &stream)
    let x = Parameter(Tensor.random([sources, width], seed: seed))
    let weights = Tensor.random([targets, width], seed: seed + 100)
    var expected = [Float](repeating: 0, count: targets * width)
    var expectedGradient = [Float](repeating: 0, count: sources * width)
    for (source, target) in rows.edges {
      let degree = Float(rows.edges.count { $0.target == target })
      for column in 0..<width {
        expected[target * width + column] += x.value[source, column] / degree
        expectedGradient[source * width + column] += weights[target, column] / degree
      }
    }
    var mean: Tensor?
    let (_, gradients) = valueWithGradients(at: [x]) {
      let y = segmentMean(x.value, over: rows.targets) { rows.transposed }
      mean = y
      return sum(y * weights)
    }
    #expect(isClose(mean!.scalars, expected))
    #expect(isClose(gradients[x]!.scalars, expectedGradient))
  }

  /// Half of them go to one place: sums, and gradients of rows taken, are in the order of the indices.
  @Test func scatteringAndTheGradientOfGatheringAddInOrder() {
    var stream = RandomStream(seed: printedSeed())
    let (count, places, width) = (20_000, 300, 17)
    let indices = (0..<count).map { _ in
      UInt32(stream.next(below: 2) == 0 ? 7 : stream.next(below: UInt64(places - 1)))
    }
    let x = Tensor.random([count, width], seed: stream.next())
    var expected = [Float](repeating: 0, count: places * width)
    for (row, place) in indices.enumerated() {
      for column in 0..<width { expected[Int(place) * width + column] += x[row, column] }
    }
    let table = Parameter(Tensor.zeros([places, width]))
    for threadCount in [1, 2, 3] {
      Compute.with(ThreadPool(threadCount: threadCount)) {
        #expect(scatterSum(x, to: NDArray(indices), of: places).scalars == expected)
        let (_, gradients) = valueWithGradients(at: [table]) {
          sum(table.value.gathered(rows: indices) * x)
        }
        #expect(gradients[table]!.scalars == expected)
      }
    }
  }

  @Test func crossEntropyLeavesUnlabelledRowsOut() {
    let logits = Tensor([[1, 2, 3], [0, 0, 0], [5, 1, 1]])
    let expected = -(logSoftmax([1, 2, 3], 2) + logSoftmax([5, 1, 1], 0)) / 2
    #expect(abs(crossEntropy(logits, [2, -1, 0]).scalar - expected) < 1e-6)
    #expect(crossEntropy(logits, [-1, -1, -1]).scalar == 0)
    #expect(argMax(logits) == [2, 0, 0])
    // Large logits neither overflow nor lose the loss.
    #expect(crossEntropy(Tensor([[1000, 0], [0, -1000]]), [1, 1]).scalar == 1000)
  }

  func logSoftmax(_ row: [Double], _ label: Int) -> Float {
    var sum = 0.0
    for x in row { sum += exponential(x) }
    return Float(row[label] - logarithm(sum))
  }
  // By series and Newton's method: no library shared with the kernels.
  func exponential(_ x: Double) -> Double {
    var (term, sum) = (1.0, 1.0)
    for k in 1..<80 {
      term *= x / Double(k)
      sum += term
    }
    return sum
  }
  func logarithm(_ x: Double) -> Double {
    var y = 0.0
    for _ in 0..<60 { y += 2 * (x - exponential(y)) / (x + exponential(y)) }
    return y
  }

  @Test func dropoutKeepsByTheStreamOfItsElement() {
    let rate = 0.3
    let shape = [333, 7]
    let x = Tensor.ones(shape)
    let root = RandomStream(seed: 5)
    let (kept, _) = { () -> (Tensor, Tensor) in
      var result: Tensor?
      let (value, _) = valueWithGradients(at: [], randomness: root) {
        let y = dropout(x, rate: rate)
        result = y
        return sum(y)
      }
      return (result!, value)
    }()
    var stream = root.derive(1)
    var expected: [Float] = []
    while expected.count < x.count {
      let number = stream.next()
      for half in [UInt32(truncatingIfNeeded: number), UInt32(number >> 32)] {
        expected.append(Double(half) >= (rate * 0x1p32).rounded(.down) ? Float(1 / (1 - rate)) : 0)
      }
    }
    #expect(kept.scalars == Array(expected[..<x.count]))
    #expect(abs(sum(kept).scalar / Float(x.count) - 1) < 0.05)
    #expect(dropout(x, rate: rate) == x, "outside training dropout changes nothing")
  }

  @Test func uniformNumbersAreThoseOfTheStream() {
    var stream = RandomStream(seed: 9)
    let expected = (0..<1000).map { _ in Double(stream.next() >> 11) * 0x1p-53 * 2 - 1 }
    let doubles = NDTensor<Double>.random([10, 100], seed: 9)
    let floats = Tensor.random([10, 100], seed: 9)
    #expect(zip(doubles.scalars, expected).allSatisfy { abs($0 - $1) < 1e-15 })
    #expect(zip(floats.scalars, expected).allSatisfy { abs(Double($0) - $1) < 2.5e-7 })
    #expect(floats.scalars.allSatisfy { -1 <= $0 && $0 < 1 })
  }
}
