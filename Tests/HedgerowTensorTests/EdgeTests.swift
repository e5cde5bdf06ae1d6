import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// What entries make of their two ends, against gathered rows.
@Suite struct EdgeTests {
  typealias Matrix = NDTensor<Double>

  /// Entries in no order, read in each layout.
  static func patterns(
    sources: Int, targets: Int, from stream: inout RandomStream
  ) -> [SparsityPattern] {
    let count = sources * targets == 0 ? 0 : 3 * max(sources, targets)
    let coordinates = SparsityPattern(
      rows: (0..<count).map { _ in UInt32(stream.next(below: UInt64(targets))) },
      columns: (0..<count).map { _ in UInt32(stream.next(below: UInt64(sources))) },
      rowCount: targets, columnCount: sources)
    let matrix = SparseMatrix<Double>(coordinates, values: .zeros([count]))
    return [.coo, .csr, .csc].map { matrix.converted(to: $0).pattern }
  }

  @Test(arguments: [(0, 3, 4), (3, 0, 4), (1, 1, 1), (20, 30, 6), (40, 9, 66), (15, 15, 256)])
  func endsAreThoseOfEachEntry(sources: Int, targets: Int, width: Int) {
    var stream = RandomStream(seed: printedSeed())
    let x = Matrix.random([sources, width], seed: stream.next())
    let y = Matrix.random([targets, width], seed: stream.next())
    let a = Matrix.random([2 * width], seed: stream.next())
    func isClose(_ a: Matrix, _ b: Matrix) -> Bool {
      a.shape == b.shape && zip(a.scalars, b.scalars).allSatisfy { abs($0 - $1) < 1e-11 }
    }
    for pattern in Self.patterns(sources: sources, targets: targets, from: &stream) {
      let (rows, columns) = pattern.coordinates
      let (from, to) = (x.gathered(rows: columns), y.gathered(rows: rows))
      #expect(isClose(edgeDot(x, y, over: pattern), sum(from * to, along: 1)))
      for heads in [1, 2, 3] where width.isMultiple(of: heads) {
        let parts = (from * to).reshaped(to: [pattern.count, heads, width / heads])
        #expect(isClose(edgeDot(x, y, heads: heads, over: pattern), sum(parts, along: 2)))
      }
      #expect(edgeSum(x, y, over: pattern) == from + to)
      #expect(isClose(edgeScore(x, y, a, over: pattern), matmul(concatenated(from, to), a)))
    }
  }

  @Test(arguments: [(0, 3), (3, 0), (1, 1), (6, 4)])
  func gradientsAreTheDerivatives(sources: Int, targets: Int) {
    var stream = RandomStream(seed: printedSeed())
    let inputs = [
      Matrix.random([sources, 4], seed: stream.next()),
      Matrix.random([targets, 4], seed: stream.next()), Matrix.random([8], seed: stream.next()),
    ]
    for pattern in Self.patterns(sources: sources, targets: targets, from: &stream) {
      let functions: [([Matrix]) -> Matrix] = [
        { edgeDot($0[0], $0[1], over: pattern) },
        { edgeDot($0[0], $0[1], heads: 2, over: pattern) },
        { edgeSum($0[0], $0[1], over: pattern) },
        { edgeScore($0[0], $0[1], $0[2], over: pattern) },
        {
          segmentSum($0[0], over: pattern.byRow, weights: edgeDot($0[0], $0[1], over: pattern)) {
            pattern.byColumn
          }
        },
      ]
      for (index, function) in functions.enumerated() {
        let error = GradientCheck.error(at: inputs, seed: 1, function)
        #expect(error < 1e-7, "function \(index), \(pattern.layout)")
      }
    }
  }

  /// Sources without entries are left out of the transposed rows, as blocks of samples do.
  @Test func gradientsOfSomeSourcesAlone() {
    let targets = CompressedRows(offsets: [0, 2, 3], indices: [4, 1, 4], rowCount: 2)
    let transposed = CompressedRows(
      offsets: [0, 1, 3], indices: [0, 0, 1], rowCount: 2, entries: [1, 0, 2], places: [1, 4])
    let inputs = [Matrix.random([6, 3], seed: 1), Matrix.random([2, 3], seed: 2)]
    let functions: [([Matrix]) -> Matrix] = [
      { edgeDot($0[0], $0[1], over: targets) { transposed } },
      { edgeSum($0[0], $0[1], over: targets) { transposed } },
      { segmentVariance($0[0], over: targets) { transposed } },
      { segmentLogSumExp($0[0], over: targets) { transposed } },
      { segmentSoftmax($0[0], over: targets) { transposed } },
    ]
    for (index, function) in functions.enumerated() {
      #expect(GradientCheck.error(at: inputs, seed: 3, function) < 1e-7, "function \(index)")
    }
  }
}
