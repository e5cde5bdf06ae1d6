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

  @Test(arguments: UInt64(0)..<12) func arithmetic(seed: UInt64) {
    var draw = Draw(seed: seed)
    let (n, m) = (draw.extent(), draw.extent())
    let (a, b) = (draw.tensor(n, m), draw.tensor(n, m))
    let far = b + 3  // no pole nearby
    check([a, b], draw) { $0[0] + $0[1] }
    check([a, b], draw) { $0[0] - $0[1] }
    check([a, b], draw) { $0[0] * $0[1] }
    check([a, far], draw) { $0[0] / $0[1] }
    check([a, b], draw) { maximum($0[0], $0[1]) }
    check([a, b], draw) { minimum($0[0], $0[1]) }
    check([a], draw) { 2.5 * $0[0] }
    check([a], draw) { 1 - ($0[0] * 3 + 2) / 7 }
    check([far], draw) { 2 / $0[0] - 1 }
    check([a], draw) { -$0[0] }
    check([a], draw) { $0[0] + $0[0] * $0[0] }
    check([a], draw, randomness: RandomStream(seed: seed)) { dropout($0[0], rate: 0.4) }
  }

  /// Shapes whose extents of 1 and missing extents stand for others.
  @Test(arguments: UInt64(0)..<40) func broadcasting(seed: UInt64) {
    var draw = Draw(seed: seed)
    let shape = (0..<draw.extent(upTo: 4)).map { _ in draw.extent(upTo: 4) }
    func part() -> NDTensor<Double> {
      let kept = shape.map { draw.extent(upTo: 2) == 0 ? 1 : $0 }
      return .random(Array(kept.dropFirst(draw.extent(upTo: kept.count))), seed: draw.stream.next())
    }
    let (a, b) = (part(), part())
    check([a, b], draw) { $0[0] + $0[1] }
    check([a, b], draw) { $0[0] - $0[1] }
    check([a, b], draw) { $0[0] * $0[1] }
    check([a, b + 3], draw) { $0[0] / $0[1] }
    check([a, b], draw) { maximum($0[0], $0[1]) }
    check([a], draw) { $0[0].broadcast(to: (a + b).shape) }
  }

  @Test(arguments: UInt64(0)..<12) func functions(seed: UInt64) {
    var draw = Draw(seed: seed)
    let x = draw.tensor(draw.extent(), draw.extent(), 3)
    let positive = abs(x) + 0.1
    for function in [
      abs, square, exp, { pow($0, 3) },
    ] as [(NDTensor<Double>) -> NDTensor<Double>] {
      check([x], draw) { function($0[0]) }
      check([4 * x], draw) { function($0[0]) }
    }
    for function in [sqrt, rsqrt, log, reciprocal, { pow($0, -0.5) }]
      as [(NDTensor<Double>) -> NDTensor<Double>]
    {
      check([positive], draw) { function($0[0]) }
    }
  }

  @Test(arguments: UInt64(0)..<24) func axes(seed: UInt64) {
    var draw = Draw(seed: seed)
    let shape = (0..<1 + draw.extent(upTo: 3)).map { _ in 1 + draw.extent(upTo: 4) }
    let x = NDTensor<Double>.random(shape, seed: draw.stream.next())
    let axis = draw.extent(upTo: shape.count - 1)
    let fromEnd = axis - shape.count
    for kept in [ReducedAxis.dropped, .one] {
      check([x], draw) { sum($0[0], along: axis, keeping: kept) }
      check([x], draw) { mean($0[0], along: fromEnd, keeping: kept) }
      check([x], draw) { max($0[0], along: axis, keeping: kept) }
    }
    check([x], draw) { softmax($0[0], along: axis) }
    check([x], draw) { logSoftmax($0[0], along: fromEnd) }
    let extent = shape[axis]
    let begin = draw.extent(upTo: extent)
    let range = begin..<begin + draw.extent(upTo: extent - begin)
    check([x], draw) { $0[0].sliced(range, along: fromEnd) }
    check([x, 2 * x], draw) { concatenated($0[0], $0[1], $0[0], along: axis) }
    check([x], draw) { $0[0].reshaped(to: [-1, shape.last!]) }
    var axes = Array(shape.indices)
    for index in axes.indices { axes.swapAt(index, draw.extent(upTo: axes.count - 1)) }
    check([x], draw) { $0[0].transposed(by: axes) }
  }

  @Test(arguments: UInt64(0)..<12) func matrixProducts(seed: UInt64) {
    var draw = Draw(seed: seed)
    let (n, k, m) = (draw.extent(), draw.extent(), draw.extent())
    let (a, b) = (draw.tensor(n, k), draw.tensor(k, m))
    check([a, b], draw) { matmul($0[0], $0[1]) }
    check([a], draw) { $0[0].transposed() }
    check([a + 0.1], draw) { rowsOfLengthOne($0[0]) }
    check([a], draw) { rowsOfLengthOne($0[0], least: 3) }
    let (p, q) = (1 + draw.extent(upTo: 3), 1 + draw.extent(upTo: 3))
    let (c, d) = (draw.tensor(p, q, n, k), draw.tensor(p, q, k, m))
    check([c, d], draw) { matmul($0[0], $0[1]) }
    check([c, b], draw) { matmul($0[0], $0[1]) }
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
    // Terms of some rows, alone and beside others.
    let all = (0..<n).map { UInt32($0) }
    let (some, others) = (all.filter { _ in draw.extent(upTo: 1) == 0 }, all.filter { $0 % 2 == 0 })
    let parts = [
      draw.tensor(some.count, k), draw.tensor(others.count, m), draw.tensor(m, k), draw.tensor(m),
      inputs[6],
    ]
    check(parts, draw, randomness: RandomStream(seed: seed)) { x in
      (AffineSum(x[0], weight: x[2], bias: x[3], addedTo: some, of: n)
        + AffineSum(x[1], addedTo: others, of: n) + AffineSum(x[4]))
        .evaluated(activation: activation, dropout: rate)
    }
    check(parts, draw) { AffineSum($0[0], weight: $0[2], addedTo: some, of: n).evaluated() }
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
    // Rows of rows, and rows beside the whole.
    check([x], draw) { sum($0[0].gathered(rows: taken)) + sum($0[0].gathered(rows: [0, 0])) }
    check([x], draw) { x in
      let y = 2 * x[0]
      return sum(y.gathered(rows: taken)) + sum(y * y) + sum(y.gathered(rows: [0]))
    }
  }

  /// Transposed rows of the sources that send something, as gradients of few rows.
  @Test(arguments: UInt64(0)..<12) func segmentsOfFewSources(seed: UInt64) {
    var draw = Draw(seed: seed)
    let (sources, targets, width) = (40, draw.extent(), draw.extent())
    let rows = draw.rows(sources: sources, targets: targets)
    var transposed = rows.transposed
    let places = (0..<sources).filter { transposed.offsets[$0] < transposed.offsets[$0 + 1] }
    transposed.offsets = [0] + places.map { transposed.offsets[$0 + 1] }
    transposed.rowCount = places.count
    transposed.places = places.map { UInt32($0) }
    let few = transposed
    let x = draw.tensor(sources, width)
    let weights = draw.tensor(rows.edges.count)
    check([x], draw) { segmentSum($0[0], over: rows.targets) { few } }
    check([x], draw) { segmentMean($0[0], over: rows.targets) { few } }
    check([x], draw) { segmentMax($0[0], over: rows.targets) { few } }
    check([x], draw) { segmentSum($0[0], over: rows.targets, weights: weights) { few } }
    check([x], draw) { x in
      let y = 2 * x[0]
      func mean() -> NDTensor<Double> { segmentMean(y, over: rows.targets) { few } }
      return sum(mean()) + sum(y) + sum(y.gathered(rows: [3, 1, 3])) + sum(mean() * mean())
    }
  }

  @Test(arguments: UInt64(0)..<24) func segments(seed: UInt64) {
    var draw = Draw(seed: seed)
    let (sources, targets) = (draw.extent(), draw.extent())
    let heads = 1 + draw.extent(upTo: 3)
    let width = heads * draw.extent(upTo: 20)
    let rows = draw.rows(sources: sources, targets: targets)
    let x = draw.tensor(sources, width)
    check([x], draw) { segmentSum($0[0], over: rows.targets) { rows.transposed } }
    check([x], draw) { segmentMean($0[0], over: rows.targets) { rows.transposed } }
    check([x], draw) { segmentMax($0[0], over: rows.targets) { rows.transposed } }
    check([x], draw) { segmentMin($0[0], over: rows.targets) { rows.transposed } }
    let edges = rows.edges.count
    check([x, draw.tensor(edges, heads)], draw) {
      segmentSum($0[0], over: rows.targets, weights: $0[1]) { rows.transposed }
    }
    check([x, draw.tensor(edges)], draw) {
      segmentSum($0[0], over: rows.targets, weights: $0[1]) { rows.transposed }
    }
    let offsets = Array(rows.targets.offsets[...targets])
    let messages = draw.tensor(edges, heads, 2)
    check([messages], draw) { segmentSum($0[0], by: offsets) }
    check([messages], draw) { segmentMean($0[0], by: offsets) }
    check([messages], draw) { segmentMax($0[0], by: offsets) }
    check([messages], draw) { segmentMin($0[0], by: offsets) }
    check([messages], draw) { segmentSoftmax($0[0], by: offsets) }
    check([draw.tensor(targets, width)], draw) { repeated($0[0], by: offsets) }
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
    check([x], draw) { crossEntropy($0[0], labels, smoothing: 0.2) }
    let answers = 0.5 * (draw.tensor(n, classes) + 1)
    if n > 0 { check([3 * x], draw) { binaryCrossEntropyWithLogits($0[0], answers) } }
    check([x], draw) { crossEntropy($0[0], [Int32](repeating: -1, count: n)) }
  }
}
