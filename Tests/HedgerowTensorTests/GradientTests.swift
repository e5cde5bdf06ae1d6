import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Every op's pullback against central finite differences, over drawn shapes.
@Suite struct GradientTests {
  /// What a case draws its shapes and numbers from; its seed is the test's argument.
  struct Draw {
    var stream: RandomStream
    let seed: UInt64
    init(seed: UInt64) {
      self.seed = seed
      stream = RandomStream(seed: seed)
    }
    mutating func extent(upTo limit: Int = 7) -> Int { Int(stream.next(below: UInt64(limit + 1))) }
    mutating func tensor(_ shape: Int...) -> NDTensor<Double> {
      .random(shape, seed: stream.next())
    }
    mutating func rows(sources: Int, targets: Int) -> RandomRows {
      RandomRows(sources: sources, targets: targets, from: &stream)
    }
  }

  func check(
    _ inputs: [NDTensor<Double>], _ draw: Draw, randomness: RandomStream? = nil,
    location: SourceLocation = #_sourceLocation,
    _ function: ([NDTensor<Double>]) -> NDTensor<Double>
  ) {
    let error = GradientCheck.error(
      at: inputs, seed: draw.seed, randomness: randomness, function)
    #expect(error < 1e-7, "shapes \(inputs.map(\.shape))", sourceLocation: location)
  }

  @Test(arguments: UInt64(0)..<12) func elementwise(seed: UInt64) {
    var draw = Draw(seed: seed)
    let (n, m) = (draw.extent(), draw.extent())
    let (a, b) = (draw.tensor(n, m), draw.tensor(n, m))
    check([a, b], draw) { $0[0] + $0[1] }
    check([a, b], draw) { $0[0] * $0[1] }
    check([a], draw) { 2.5 * $0[0] }
    check([a], draw) { relu($0[0]) }
    check([a], draw) { $0[0] + $0[0] * $0[0] }
    check([a], draw, randomness: RandomStream(seed: seed)) { dropout($0[0], rate: 0.4) }
  }

  @Test(arguments: UInt64(0)..<12) func matrixProducts(seed: UInt64) {
    var draw = Draw(seed: seed)
    let (n, k, m) = (draw.extent(), draw.extent(), draw.extent())
    let (a, b) = (draw.tensor(n, k), draw.tensor(k, m))
    check([a, b], draw) { matmul($0[0], $0[1]) }
    check([a], draw) { $0[0].transposed() }
    check([a], draw) { matmul($0[0], $0[0].transposed()) }
  }

  @Test(arguments: UInt64(0)..<16) func affineSum(seed: UInt64) {
    var draw = Draw(seed: seed)
    let (n, k, l, m) = (draw.extent(), draw.extent(), draw.extent(), draw.extent())
    let inputs = [
      draw.tensor(n, k), draw.tensor(m, k), draw.tensor(m), draw.tensor(n, l), draw.tensor(m, l),
      draw.tensor(m), draw.tensor(n, m), draw.tensor(m, k),
    ]
    let activation: Activation = seed % 2 == 0 ? .relu : .identity
    let rate = seed % 4 < 2 ? 0.3 : 0
    check(inputs, draw, randomness: RandomStream(seed: seed)) { x in
      (AffineSum(x[0], weight: x[1], bias: x[2]) + AffineSum(x[3], weight: x[4], bias: x[5])
        + AffineSum(x[6]) + AffineSum(x[0], weight: x[7]))
        .evaluated(activation: activation, dropout: rate)
    }
    check(Array(inputs[..<2]), draw) { AffineSum($0[0], weight: $0[1]).evaluated() }
    check([inputs[6]], draw) { AffineSum($0[0]).evaluated(activation: activation) }
  }

  @Test(arguments: UInt64(0)..<12) func rows(seed: UInt64) {
    var draw = Draw(seed: seed)
    let (n, m) = (1 + draw.extent(), draw.extent())
    let x = draw.tensor(n, m)
    let count = draw.extent(upTo: n)
    let taken = (0..<draw.extent()).map { _ in UInt32(draw.extent(upTo: n - 1)) }
    check([x], draw) { $0[0].prefix(rows: count) }
    check([x], draw) { $0[0].gathered(rows: taken) }
    // Gradients of some rows and of all meet in one tensor, in either order.
    check([x], draw) { sum($0[0].prefix(rows: count)) + sum($0[0] * $0[0]) }
    check([x], draw) { x in
      let y = 2 * x[0]
      return sum(y * y) + sum(y.prefix(rows: count)) + sum(y.prefix(rows: count / 2))
    }
    check([x], draw) { (2 * $0[0]).prefix(rows: count) }
  }

  @Test(arguments: UInt64(0)..<12) func segmentMeans(seed: UInt64) {
    var draw = Draw(seed: seed)
    let (sources, targets, width) = (draw.extent(), draw.extent(), draw.extent())
    let rows = draw.rows(sources: sources, targets: targets)
    check([draw.tensor(sources, width)], draw) {
      segmentMean($0[0], over: rows.targets) { rows.transposed }
    }
  }

  @Test(arguments: UInt64(0)..<12) func reductionsAndClassification(seed: UInt64) {
    var draw = Draw(seed: seed)
    let (n, classes) = (draw.extent(), 1 + draw.extent())
    let x = draw.tensor(n, classes)
    let labels = (0..<n).map { _ in Int32(draw.extent(upTo: classes)) - 1 }
    check([x], draw) { sum($0[0]) }
    if n > 0 { check([x], draw) { mean($0[0]) } }
    check([x], draw) { softmax($0[0]) }
    check([x], draw) { crossEntropy($0[0], labels) }
    check([x], draw) { crossEntropy($0[0], [Int32](repeating: -1, count: n)) }
  }
}
