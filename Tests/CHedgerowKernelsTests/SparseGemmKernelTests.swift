import CHedgerowKernels
import HedgerowCore
import HedgerowTestSupport
import Testing

/// Products that skip zeros, against sums in `Double`.
@Suite(.enabled(if: hr_this_processor().has_avx2)) struct SparseGemmKernelTests {
  /// A matrix whose rows or columns stand together, with room between them, that the kernel must not read.
  struct Drawn {
    let rows: Int, columns: Int, step: Int
    let isByColumns: Bool
    var numbers: [Float]

    /// - Parameter share: of numbers that are not zero.
    init(
      _ rows: Int, _ columns: Int, isByColumns: Bool, share: Double = 1,
      from stream: inout RandomStream
    ) {
      (self.rows, self.columns, self.isByColumns) = (rows, columns, isByColumns)
      step = (isByColumns ? rows : columns) + Int(stream.next(below: 4))
      numbers = [Float](repeating: .nan, count: max(1, step * (isByColumns ? columns : rows)))
      for row in 0..<rows {
        for column in 0..<columns {
          numbers[place(row, column)] =
            stream.nextUnit() < share ? Float(stream.nextUnit() * 2 - 1) : 0
        }
      }
    }

    func place(_ row: Int, _ column: Int) -> Int {
      isByColumns ? column * step + row : row * step + column
    }
    func number(_ row: Int, _ column: Int) -> Double { Double(numbers[place(row, column)]) }

    func withFloats<Result>(_ body: (hr_floats) -> Result) -> Result {
      numbers.withUnsafeBufferPointer {
        body(
          hr_floats(
            base: $0.baseAddress, row_step: isByColumns ? 1 : step,
            column_step: isByColumns ? step : 1))
      }
    }

    func isWorthSkipping(columns: Int) -> Bool {
      withFloats { hr_is_worth_skipping($0, rows, columns, self.columns) }
    }
  }

  static func multiply(
    _ a: Drawn, _ b: Drawn, onto c: [Float], step: Int, isAdded: Bool
  ) -> [Float] {
    multiply(a, [b], onto: [c], step: step, isAdded: isAdded)[0]
  }

  /// Several products of one factor.
  static func multiply(
    _ a: Drawn, _ factors: [Drawn], onto results: [[Float]], step: Int, isAdded: Bool
  ) -> [[Float]] {
    let scratch = UnsafeMutableRawPointer.allocate(
      byteCount: 4 * hr_gemm_skipping_scratch_count(), alignment: 64)
    defer { scratch.deallocate() }
    // What is not written is no number.
    let numbers = scratch.initializeMemory(
      as: Float.self, repeating: .nan, count: hr_gemm_skipping_scratch_count())
    var results = results
    var products: [hr_product] = []
    func multiply(_ next: Int) {
      guard next < factors.count else {
        a.withFloats { left in
          hr_gemm_skipping(products, products.count, left, a.rows, a.columns, isAdded, numbers)
        }
        return
      }
      factors[next].withFloats { right in
        var result = results[next]
        result.withUnsafeMutableBufferPointer {
          products.append(
            hr_product(b: right, n: factors[next].columns, c: $0.baseAddress!, c_step: step))
          multiply(next + 1)
        }
        results[next] = result
      }
    }
    multiply(0)
    return results
  }

  static let shapes = [
    [1, 1, 1], [3, 5, 0], [3, 0, 7], [0, 4, 3], [8, 64, 8], [17, 49, 33], [61, 65, 97],
    [7, 200, 96], [256, 24, 95], [257, 63, 193], [531, 131, 301],
  ]

  @Test(arguments: shapes) func productsOfEveryForm(shape: [Int]) {
    var stream = RandomStream(seed: printedSeed())
    let (m, n, k) = (shape[0], shape[1], shape[2])
    for share in [0, 0.02, 0.25, 1] {
      for form in 0..<4 {
        let a = Drawn(m, k, isByColumns: form & 1 != 0, share: share, from: &stream)
        let b = Drawn(k, n, isByColumns: form & 2 != 0, from: &stream)
        let step = n + Int(stream.next(below: 4))
        let c = (0..<max(1, m * step)).map { _ in Float(stream.nextUnit()) }
        for isAdded in [false, true] {
          let product = Self.multiply(a, b, onto: c, step: step, isAdded: isAdded)
          let worst = worstError(
            of: product, onto: c, m: m, n: n, k: k, step: step, isAdded: isAdded, a.number, b.number
          )
          #expect(worst < 1e-6, "share \(share), form \(form), added \(isAdded)")
        }
      }
    }
  }

  @Test func productsOfOneFactorAreThoseByThemselves() {
    var stream = RandomStream(seed: printedSeed())
    let (m, k, step) = (277, 105, 131)
    let a = Drawn(m, k, isByColumns: true, share: 0.3, from: &stream)
    let factors = [131, 7, 0, 64].map { Drawn(k, $0, isByColumns: $0 == 7, from: &stream) }
    let results = factors.map { _ in (0..<m * step).map { _ in Float(stream.nextUnit()) } }
    for isAdded in [false, true] {
      let together = Self.multiply(a, factors, onto: results, step: step, isAdded: isAdded)
      for (index, factor) in factors.enumerated() {
        let alone = Self.multiply(a, factor, onto: results[index], step: step, isAdded: isAdded)
        #expect(together[index].map(\.bitPattern) == alone.map(\.bitPattern))
      }
    }
  }

  @Test func anElementIsTheSameInEveryPartOfAProduct() {
    var stream = RandomStream(seed: printedSeed())
    let (m, n, k) = (300, 90, 200)
    let b = Drawn(k, n, isByColumns: false, from: &stream)
    let rows = Drawn(m, k, isByColumns: false, share: 0.3, from: &stream)
    var columns = Drawn(m, k, isByColumns: true, from: &stream)
    for row in 0..<m {
      for p in 0..<k {
        columns.numbers[columns.place(row, p)] = rows.numbers[rows.place(row, p)]
      }
    }
    let empty = [Float](repeating: 0, count: m * n)
    let whole = Self.multiply(rows, b, onto: empty, step: n, isAdded: false)
    #expect(
      Self.multiply(columns, b, onto: empty, step: n, isAdded: false).map(\.bitPattern)
        == whole.map(\.bitPattern))
    for row in [0, 1, 255, 256, 299] {
      var one = Drawn(1, k, isByColumns: false, from: &stream)
      for p in 0..<k { one.numbers[p] = rows.numbers[rows.place(row, p)] }
      let part = Self.multiply(one, b, onto: Array(empty[..<n]), step: n, isAdded: false)
      #expect(part.map(\.bitPattern) == whole[row * n..<(row + 1) * n].map(\.bitPattern))
    }
  }

  @Test(arguments: [false, true]) func numbersThatAreNoneStay(isByColumns: Bool) {
    var stream = RandomStream(seed: printedSeed())
    var a = Drawn(3, 9, isByColumns: isByColumns, share: 0, from: &stream)
    var b = Drawn(9, 11, isByColumns: false, from: &stream)
    a.numbers[a.place(0, 4)] = .nan
    a.numbers[a.place(1, 8)] = .infinity
    b.numbers[b.place(2, 5)] = .nan
    b.numbers[b.place(3, 6)] = .infinity
    a.numbers[a.place(2, 0)] = -0.0
    let c = Self.multiply(a, b, onto: [Float](repeating: 1, count: 33), step: 11, isAdded: false)
    #expect(c[..<11].allSatisfy { $0.isNaN })
    #expect(c[11..<22].allSatisfy { $0.isInfinite })
    #expect(c[22...].allSatisfy { $0 == 0 }, "zeros count as nothing, whatever they meet")
  }

  @Test(arguments: [false, true]) func skippingPaysWhereMostIsZero(isByColumns: Bool) {
    var stream = RandomStream(seed: printedSeed())
    let few = Drawn(512, 256, isByColumns: isByColumns, share: 0.2, from: &stream)
    let many = Drawn(512, 256, isByColumns: isByColumns, share: 0.9, from: &stream)
    #expect(few.isWorthSkipping(columns: 256))
    #expect(!few.isWorthSkipping(columns: 8), "lists cost more than so few columns")
    #expect(!many.isWorthSkipping(columns: 256))
    #expect(!Drawn(0, 256, isByColumns: isByColumns, from: &stream).isWorthSkipping(columns: 256))
    #expect(!Drawn(512, 0, isByColumns: isByColumns, from: &stream).isWorthSkipping(columns: 256))
    #expect(!few.isWorthSkipping(columns: 0))
  }
}
