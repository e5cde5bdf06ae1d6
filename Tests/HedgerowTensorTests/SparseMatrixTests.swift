import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Sparse matrices against loops over their entries in plain arrays.
@Suite struct SparseMatrixTests {
  typealias Matrix = SparseMatrix<Double>
  typealias Entry = (row: Int, column: Int, value: Double)

  static let layouts: [SparsityPattern.Layout] = [.coo, .csr, .csc]
  static let shapes = [[0, 0], [0, 5], [5, 0], [1, 7], [7, 1], [1, 1], [13, 11], [12, 12]]

  /// Entries in no order, some of them at one place.
  static func entries(_ shape: [Int], from stream: inout RandomStream) -> [Entry] {
    let elements = shape[0] * shape[1]
    if elements == 0 { return [] }
    return (0..<elements / 2 + 2).map { _ in
      (
        Int(stream.next(below: UInt64(shape[0]))), Int(stream.next(below: UInt64(shape[1]))),
        2 * stream.nextUnit() - 1
      )
    }
  }

  /// The matrix of these entries in a layout; compressed rows and columns are in no order within.
  static func matrix<S: TensorScalar>(
    _ entries: [Entry], _ shape: [Int], _ layout: SparsityPattern.Layout, of _: S.Type = S.self
  ) -> SparseMatrix<S> {
    switch layout {
    case .coo:
      return SparseMatrix(
        rows: entries.map { UInt32($0.row) }, columns: entries.map { UInt32($0.column) },
        values: NDTensor(entries.map { S($0.value) }), shape: shape)
    case .csr:
      let lists = (0..<shape[0]).map { row in entries.filter { $0.row == row } }
      var offsets: [UInt32] = [0]
      for list in lists { offsets.append(offsets.last! + UInt32(list.count)) }
      let all = lists.flatMap { $0 }
      return SparseMatrix(
        CompressedRows(
          offsets: offsets + [.max], indices: all.map { UInt32($0.column) } + [.max],
          rowCount: shape[0]),
        columnCount: shape[1], values: NDTensor(all.map { S($0.value) }))
    case .csc:
      return matrix(
        entries.map { ($0.column, $0.row, $0.value) }, shape.reversed(), .csr, of: S.self
      ).transposed()
    }
  }

  static func dense(_ entries: [Entry], _ shape: [Int]) -> [[Double]] {
    var rows = [[Double]](repeating: [Double](repeating: 0, count: shape[1]), count: shape[0])
    for entry in entries { rows[entry.row][entry.column] += entry.value }
    return rows
  }

  func product(_ a: [[Double]], _ b: [[Double]], width: Int) -> [[Double]] {
    a.map { row in
      (0..<width).map { column in
        zip(row, b).reduce(0) { $0 + $1.0 * $1.1[column] }
      }
    }
  }

  func isClose(_ a: NDTensor<Double>, _ b: [[Double]]) -> Bool {
    a.count == b.reduce(0) { $0 + $1.count }
      && zip(a.scalars, b.flatMap { $0 }).allSatisfy { abs($0 - $1) < 1e-12 || $0 == $1 }
  }

  /// Calls `body` with matrices of every shape in every layout, and their elements.
  func forEachMatrix(
    squareOnly: Bool = false,
    _ body: (_ a: Matrix, _ entries: [Entry], _ elements: [[Double]]) -> Void
  ) {
    var stream = RandomStream(seed: printedSeed())
    for shape in Self.shapes where !squareOnly || shape[0] == shape[1] {
      let entries = Self.entries(shape, from: &stream)
      for layout in Self.layouts {
        let a = Self.matrix(entries, shape, layout, of: Double.self)
        #expect(a.layout == layout && a.shape == shape && a.count == entries.count)
        body(a, entries, Self.dense(entries, shape))
      }
    }
  }

  @Test func layoutsAreReadingsOfOneMatrix() {
    forEachMatrix { a, _, elements in
      #expect(isClose(a.dense, elements))
      #expect(a.transposed().dense == a.dense.transposed())
      #expect(a.transposed().transposed().layout == a.layout)
      for layout in Self.layouts {
        let b = a.converted(to: layout)
        #expect(b.layout == layout && b.count == a.count && b.shape == a.shape)
        #expect(isClose(b.dense, elements))
        #expect(isClose(b.converted(to: a.layout).dense, elements))
        #expect(isClose(b.transposed().converted(to: .coo).transposed().dense, elements))
      }
      let b = Matrix(a.dense)
      #expect(b.layout == .csr && b.dense == a.dense && b.count == a.coalesced().count)
    }
  }

  @Test func coalescedEntriesAreSortedAndEachPlaceIsThereOnce() {
    forEachMatrix { a, entries, elements in
      func key(_ entry: Entry) -> Int { entry.row * a.columnCount + entry.column }
      let groups = Dictionary(grouping: entries, by: key)
      let cases: [(Matrix.Duplicates, ([Double]) -> Double)] = [
        (.sum, { $0.reduce(0, +) }), (.mean, { $0.reduce(0, +) / Double($0.count) }),
        (.max, { $0.max()! }), (.min, { $0.min()! }),
      ]
      for (duplicates, combined) in cases {
        let b = a.coalesced(duplicates)
        #expect(b.layout == a.layout && b.count == groups.count)
        let (rows, columns) = b.pattern.coordinates
        let keys =
          a.layout == .csc
          ? zip(columns, rows).map { Int($0) * a.rowCount + Int($1) }
          : zip(rows, columns).map { Int($0) * a.columnCount + Int($1) }
        #expect(keys == keys.sorted() && Set(keys).count == keys.count)
        for (entry, value) in b.values.scalars.enumerated() {
          let group = groups[Int(rows[entry]) * a.columnCount + Int(columns[entry])]!
          #expect(abs(value - combined(group.map(\.value))) < 1e-12)
        }
      }
      #expect(isClose(a.coalesced().dense, elements))
    }
    let nan = Matrix(
      rows: [0, 0, 0], columns: [1, 1, 0], values: NDTensor([1, .nan, 2]), shape: [1, 2])
    #expect(nan.coalesced(.max).values.scalars[1].isNaN && nan.coalesced(.min).values[0] == 2)
  }

  @Test func selfLoopsAreAddedAndRemoved() {
    forEachMatrix { a, entries, elements in
      let extent = min(a.rowCount, a.columnCount)
      var (everywhere, missing, without) = (elements, elements, elements)
      for place in 0..<extent {
        everywhere[place][place] += 2
        if !entries.contains(where: { $0.row == place && $0.column == place }) {
          missing[place][place] = 2
        }
        without[place][place] = 0
      }
      #expect(isClose(a.addingSelfLoops(2, .everywhere).dense, everywhere))
      #expect(isClose(a.addingSelfLoops(2).dense, missing))
      #expect(isClose(a.removingSelfLoops().dense, without))
      #expect(
        a.addingSelfLoops().layout == a.layout && a.removingSelfLoops().layout == a.layout)
      #expect(a.removingSelfLoops().addingSelfLoops(1).diagonal() == .ones([extent]))
    }
  }

  @Test func sumsScalesSlicesAndAdditions() {
    forEachMatrix { a, entries, elements in
      let (n, m) = (a.rowCount, a.columnCount)
      let columns = (0..<m).map { column in elements.map { $0[column] }.reduce(0, +) }
      #expect(isClose(sum(a, along: 1), [elements.map { $0.reduce(0, +) }]))
      #expect(isClose(sum(a, along: 0), [columns]))
      #expect(
        a.degrees(along: 1).scalars
          == (0..<n).map { row in Double(entries.count { $0.row == row }) })
      #expect(
        a.degrees(along: 0).scalars
          == (0..<m).map { column in Double(entries.count { $0.column == column }) })
      #expect(isClose(a.diagonal(), [(0..<min(n, m)).map { elements[$0][$0] }]))
      let (p, q) = (NDTensor<Double>.random([n], seed: 1), NDTensor<Double>.random([m], seed: 2))
      let scaled = a.scaled(rows: p).scaled(columns: q)
      #expect(scaled.layout == a.layout)
      #expect(
        isClose(
          scaled.dense, (0..<n).map { i in (0..<m).map { p[i] * elements[i][$0] * q[$0] } }))
      #expect(isClose(a.mapValues { -$0 }.dense, elements.map { $0.map { -$0 } }))
      let (rows, places) = (n / 3..<n, m / 4..<m - m / 4)
      let part = a.sliced(rows, along: 0).sliced(places, along: 1)
      #expect(part.layout == a.layout && part.shape == [rows.count, places.count])
      #expect(isClose(part.dense, elements[rows].map { Array($0[places]) }))
      let chosen = n == 0 ? [] : [n - 1, 0, n / 2, 0]
      #expect(
        isClose(a.gathered(rows: chosen.map { UInt32($0) }).dense, chosen.map { elements[$0] }))
      for layout in Self.layouts {
        let both = a + a.converted(to: layout).mapValues { 2 * $0 }
        #expect(both.layout == a.layout && both.count == a.coalesced().count)
        #expect(isClose(both.dense, elements.map { $0.map { 3 * $0 } }))
      }
    }
  }

  @Test func normalizationDividesBySums() {
    forEachMatrix(squareOnly: true) { signed, _, _ in
      // Sums that are positive, and some that are zero.
      let a = signed.mapValues { abs($0) }.scaled(
        rows: NDTensor((0..<signed.rowCount).map { $0 % 5 == 2 ? 0 : 1 }))
      let elements = (0..<a.rowCount).map { i in (0..<a.columnCount).map { a.dense[i, $0] } }
      let sums = elements.map { $0.reduce(0, +) }
      let columns = (0..<a.columnCount).map { j in elements.map { $0[j] }.reduce(0, +) }
      func inverse(_ x: Double) -> Double { x == 0 ? 0 : 1 / x }
      func expected(_ factor: (Int, Int) -> Double) -> [[Double]] {
        elements.indices.map { i in elements[i].indices.map { factor(i, $0) * elements[i][$0] } }
      }
      #expect(
        isClose(
          a.normalized(.symmetric).dense,
          expected { inverse(sums[$0].squareRoot()) * inverse(sums[$1].squareRoot()) }))
      #expect(isClose(a.normalized(.rows).dense, expected { i, _ in inverse(sums[i]) }))
      #expect(isClose(a.normalized(.columns).dense, expected { _, j in inverse(columns[j]) }))
    }
  }

  @Test func productsAreThoseOfTheElements() {
    forEachMatrix { a, _, elements in
      let (n, m) = (a.rowCount, a.columnCount)
      for width in [0, 1, 5, 33] {
        let x = NDTensor<Double>.random([m, width], seed: 3)
        let rows = (0..<m).map { i in (0..<width).map { x[i, $0] } }
        let y = matmul(a, x)
        #expect(y.shape == [n, width] && isClose(y, product(elements, rows, width: width)))
      }
      let x = NDTensor<Double>.random([m], seed: 4)
      let y = matmul(a, x)
      #expect(y.shape == [n] && isClose(y, product(elements, x.scalars.map { [$0] }, width: 1)))
      // With its own transpose, in every layout.
      let rows = (0..<m).map { column in elements.map { $0[column] } }
      for layout in Self.layouts {
        let b = matmul(a, a.transposed().converted(to: layout))
        #expect(b.layout == .csr && b.shape == [n, n])
        #expect(isClose(b.dense, product(elements, rows, width: n)))
        #expect(b.coalesced().count == b.count && b.coalesced().values == b.values)
      }
    }
    forEachMatrix(squareOnly: true) { a, _, elements in
      var expected = Matrix.identity(a.rowCount).dense
      for exponent in 0..<6 {
        let power = a.power(exponent).dense
        #expect(zip(power.scalars, expected.scalars).allSatisfy { abs($0 - $1) < 1e-10 })
        expected = matmul(expected, a.dense)
      }
    }
  }

  /// Rows of a product that go through a hash table, sorted in each of the ways, or a slot a column.
  @Test(arguments: [(40, 300, 3), (60, 100_000, 6), (60, 5000, 40), (50, 400, 300)])
  func productsOfEveryDensity(rows: Int, columns: Int, degree: Int) {
    var stream = RandomStream(seed: printedSeed())
    func drawn(_ shape: [Int], _ degree: Int) -> (Matrix, [[Int: Double]]) {
      var lists = [[Int: Double]](repeating: [:], count: shape[0])
      var entries: [Entry] = []
      for row in lists.indices {
        for _ in 0..<stream.next(below: UInt64(2 * degree)) {
          let (column, value) = (Int(stream.next(below: UInt64(shape[1]))), stream.nextUnit())
          lists[row][column, default: 0] += value
          entries.append((row, column, value))
        }
      }
      return (Self.matrix(entries, shape, .coo), lists)
    }
    let (a, left) = drawn([rows, rows], degree)
    let (b, right) = drawn([rows, columns], degree)
    let y = matmul(a, b)
    var expected = [[Int: Double]](repeating: [:], count: rows)
    for row in 0..<rows {
      for (k, factor) in left[row] {
        for (column, value) in right[k] { expected[row][column, default: 0] += factor * value }
      }
    }
    #expect(y.count == expected.reduce(0) { $0 + $1.count })
    let (places, found) = y.pattern.coordinates
    #expect(
      zip(zip(places, found), y.values.scalars).allSatisfy { place, value in
        abs(value - expected[Int(place.0)][Int(place.1)]!) < 1e-10
      })
    let offsets = y.pattern.byRow.offsets
    for row in 0..<rows {
      let columns = Array(found[Int(offsets[row])..<Int(offsets[row + 1])])
      #expect(columns == columns.sorted())
    }
  }

  @Test(arguments: layouts) func gradientsAreTheDerivatives(layout: SparsityPattern.Layout) {
    var stream = RandomStream(seed: printedSeed())
    for shape in Self.shapes {
      let entries = Self.entries(shape, from: &stream)
      let pattern = Self.matrix(entries, shape, layout, of: Double.self).pattern
      let values = NDTensor<Double>.random([entries.count], seed: stream.next())
      let dense = NDTensor<Double>.random([shape[1], 3], seed: stream.next())
      func check(
        _ inputs: [NDTensor<Double>], location: SourceLocation = #_sourceLocation,
        _ function: (Matrix, NDTensor<Double>) -> NDTensor<Double>
      ) {
        let error = GradientCheck.error(at: inputs, seed: 1) {
          function(Matrix(pattern, values: $0[0]), $0[1])
        }
        #expect(error < 1e-7, "\(shape)", sourceLocation: location)
      }
      func check(
        location: SourceLocation = #_sourceLocation, _ function: (Matrix) -> NDTensor<Double>
      ) {
        check([values, dense], location: location) { a, _ in function(a) }
      }
      check([values, dense], matmul)
      check([values, dense]) { a, x in matmul(a, sum(x, along: 1)) }
      check([values, dense]) { a, x in matmul(a.transposed(), matmul(a, x)) }
      check { $0.dense }
      check { Matrix($0.dense).dense }
      check { $0.diagonal() }
      check { sum($0, along: 0) * 2 }
      check { sum($0, along: 1) * 2 }
      for other in Self.layouts { check { $0.converted(to: other).values } }
      for duplicates in [Matrix.Duplicates.sum, .mean, .max, .min] {
        check { $0.coalesced(duplicates).values }
      }
      check { ($0 + $0.mapValues { $0 * $0 }).values }
      check { $0.sliced(0..<shape[0] / 2, along: 0).values }
      check { $0.sliced(shape[1] / 2..<shape[1], along: 1).values }
      check { $0.gathered(rows: shape[0] == 0 ? [] : [0, 0]).values }
      check { $0.addingSelfLoops(2).removingSelfLoops().values }
      check { matmul($0, $0.transposed()).values }
      check([values, dense]) { a, x in a.scaled(columns: sum(x, along: 1)).values }
      let positive = [abs(values) + 0.1, dense]
      check(positive) { a, _ in a.normalized(.rows).values }
      check(positive) { a, _ in a.normalized(.columns).values }
      if shape[0] == shape[1] {
        check(positive) { a, _ in a.normalized(.symmetric).values }
        check { $0.power(3).values }
      }
    }
  }

  @Test(arguments: layouts) func bitsAreTheSameForAnyNumberOfThreads(
    layout: SparsityPattern.Layout
  ) {
    var stream = RandomStream(seed: printedSeed())
    let (n, m) = (3000, 2500)
    let entries = (0..<60_000).map { _ in
      let column = stream.next(below: 4) == 0 ? 7 : Int(stream.next(below: UInt64(m)))
      return (Int(stream.next(below: UInt64(n))), column, stream.nextUnit() - 0.5)
    }
    let coordinates = Self.matrix(entries, [n, m], .coo, of: Float.self)
    let pattern = coordinates.converted(to: layout).pattern
    let weights = Parameter(coordinates.converted(to: layout).values)
    let dense = Parameter(Tensor.random([m, 40], seed: 1))
    let results = [1, 2, 3].map { threadCount in
      Compute.with(ThreadPool(threadCount: threadCount)) {
        var bits: [[UInt32]] = []
        let (_, gradients) = valueWithGradients(at: [weights, dense]) {
          let a = SparseMatrix(pattern, values: weights.value)
          let y = matmul(a, dense.value)
          let b = matmul(a.transposed(), a.normalized(.rows)).coalesced()
          bits += [y, b.values, a.dense, sum(a, along: 0)].map { $0.scalars.map(\.bitPattern) }
          return sum(y * y) + sum(b.values * .random([b.count], seed: 2))
            + sum(square(sum(a + a, along: 1)))
        }
        return bits + [weights, dense].map { gradients[$0]!.scalars.map(\.bitPattern) }
      }
    }
    #expect(results[1] == results[0] && results[2] == results[0])
  }

  @Test func infinityReachesOnlyRowsThatHaveAnEntryForIt() {
    let a = Matrix(
      rows: [0, 1, 2], columns: [0, 1, 1], values: NDTensor([0, 1, .nan]), shape: [3, 2])
    let y = matmul(a, NDTensor([.infinity, 2]))
    #expect(y[0].isNaN && y[1] == 2 && y[2].isNaN)
    let b = Matrix(NDTensor([[0, .nan], [-0.0, -.infinity]]))
    #expect(b.count == 2 && b.values[0].isNaN && b.values[1] == -.infinity)
    #expect(a.normalized(.rows).values[0] == 0)
    #expect(matmul(a, a.transposed()).dense[1, 2].isNaN)
    #expect(matmul(Matrix.identity(2), b).values[1] == -.infinity)
  }

  @Test func whatDoesNotFitTraps() async {
    await #expect(processExitsWith: .failure) {
      _ = Matrix(rows: [0, 2], columns: [0, 0], values: NDTensor([1, 2]), shape: [2, 1])
    }
    await #expect(processExitsWith: .failure) {
      _ = Matrix(rows: [0], columns: [1], values: NDTensor([1]), shape: [2, 1])
    }
    await #expect(processExitsWith: .failure) {
      _ = Matrix(
        CompressedRows(offsets: [0, 2, 1], indices: [0, 0], rowCount: 2), columnCount: 1,
        values: NDTensor([1]))
    }
    await #expect(processExitsWith: .failure) {
      _ = Matrix(rows: [0], columns: [0], values: NDTensor([1, 2]), shape: [1, 1])
    }
    await #expect(processExitsWith: .failure) {
      _ = matmul(Matrix.identity(3), NDTensor<Double>.ones([2, 2]))
    }
    await #expect(processExitsWith: .failure) { _ = Matrix.identity(3).sliced(1..<4, along: 0) }
  }
}
