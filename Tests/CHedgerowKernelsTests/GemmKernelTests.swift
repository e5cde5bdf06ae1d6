import CHedgerowKernels
import HedgerowCore
import HedgerowTestSupport
import Testing

/// Products of bfloat16 against sums in `Double` of the rounded factors.
@Suite(.enabled(if: hr_gemm_bf16_is_supported())) struct GemmKernelTests {
  /// A factor of drawn numbers, stored in one of four ways with room between its rows or columns.
  struct Drawn {
    let rows: Int, columns: Int
    var floats: [Float]
    let halves: [UInt16]
    let (isByColumns, isRounded): (Bool, Bool)
    let step: Int

    init(_ rows: Int, _ columns: Int, form: Int, from stream: inout RandomStream) {
      (self.rows, self.columns) = (rows, columns)
      (isByColumns, isRounded) = (form & 1 != 0, form & 2 != 0)
      step = (isByColumns ? rows : columns) + Int(stream.next(below: 4))
      let count = step * (isByColumns ? columns : rows)
      floats = (0..<count).map { _ in Float(stream.nextUnit() * 2 - 1) }
      halves = floats.map { BFloat16($0).bitPattern }
    }

    func number(_ row: Int, _ column: Int) -> Double {
      let index = isByColumns ? column * step + row : row * step + column
      return Double(Float(BFloat16(floats[index])))
    }

    func withFactor<Result>(_ body: (hr_factor) -> Result) -> Result {
      let (rowStep, columnStep) = isByColumns ? (1, step) : (step, 1)
      return floats.withUnsafeBytes { floats in
        halves.withUnsafeBytes { halves in
          body(
            hr_factor(
              base: isRounded ? halves.baseAddress : floats.baseAddress, row_step: rowStep,
              column_step: columnStep, is_bfloat16: isRounded))
        }
      }
    }
  }

  /// Memory for packing, aligned as the kernels want it.
  static func withNumbers<Result>(
    _ count: Int, _ body: (UnsafeMutablePointer<UInt16>) -> Result
  ) -> Result {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: max(64, 2 * count), alignment: 64)
    defer { memory.deallocate() }
    // What is not written is no zero.
    memory.initializeMemory(as: UInt8.self, repeating: 0xFF, count: max(64, 2 * count))
    return body(memory.assumingMemoryBound(to: UInt16.self))
  }

  /// c = a b or c += a b in parts of so many rows and panels.
  static func multiply(
    _ a: Drawn, _ b: Drawn, onto c: [Float], step: Int, isAdded: Bool, rows: Int, panels: Int
  ) -> [Float] {
    var result = c
    let (m, n, k) = (a.rows, b.columns, a.columns)
    let panelCount = hr_gemm_bf16_panels(n)
    a.withFactor { a in
      b.withFactor { b in
        withNumbers(hr_gemm_bf16_packed_count(k, n)) { packed in
          for panel in stride(from: 0, to: panelCount, by: panels) {
            hr_gemm_bf16_pack(packed, b, k, n, panel, min(panelCount, panel + panels))
          }
          withNumbers(hr_gemm_bf16_scratch_count(min(m, rows), k)) { scratch in
            for row in stride(from: 0, to: m, by: rows) {
              for panel in stride(from: 0, to: panelCount, by: panels) {
                var part = a
                part.base += row * a.row_step * (a.is_bfloat16 ? 2 : 4)
                result.withUnsafeMutableBufferPointer {
                  hr_gemm_bf16(
                    $0.baseAddress! + row * step, step, part, packed, min(rows, m - row), n, k,
                    panel, min(panelCount, panel + panels), isAdded, scratch)
                }
              }
            }
          }
        }
      }
    }
    return result
  }

  static let shapes = [
    [1, 1, 1], [3, 5, 0], [3, 5, 7], [0, 4, 3], [4, 0, 3], [8, 48, 2], [17, 49, 33], [61, 97, 101],
    [9, 16, 768], [10, 33, 769], [201, 131, 1601],
  ]

  @Test(arguments: shapes) func productsOfEveryForm(shape: [Int]) {
    let seed = printedSeed()
    var stream = RandomStream(seed: seed)
    let (m, n, k) = (shape[0], shape[1], shape[2])
    for form in 0..<16 {
      let a = Drawn(m, k, form: form & 3, from: &stream)
      let b = Drawn(k, n, form: form >> 2, from: &stream)
      let step = n + Int(stream.next(below: 4))
      let c = (0..<max(1, m * step)).map { _ in Float(stream.nextUnit()) }
      for isAdded in [false, true] {
        let whole = Self.multiply(
          a, b, onto: c, step: step, isAdded: isAdded, rows: max(1, m), panels: 1 << 20)
        let worst = worstError(
          of: whole, onto: c, m: m, n: n, k: k, step: step, isAdded: isAdded, a.number, b.number)
        #expect(worst < 1e-6, "form \(form), added \(isAdded)")
        let parts = Self.multiply(
          a, b, onto: c, step: step, isAdded: isAdded, rows: 1 + Int(stream.next(below: 70)),
          panels: 1 + Int(stream.next(below: 2)))
        #expect(parts.map(\.bitPattern) == whole.map(\.bitPattern), "parts change no bit")
      }
    }
  }

  @Test(arguments: 0..<16) func specialNumbersAreThoseOfFloat32(form: Int) {
    let seed = printedSeed()
    var stream = RandomStream(seed: seed)
    // Odd extents, so that what is padded meets infinities.
    let (m, n, k) = (11, 21, 5)
    var a = Drawn(m, k, form: form & 1, from: &stream)
    var b = Drawn(k, n, form: form >> 1 & 1, from: &stream)
    func place(_ x: Drawn, _ row: Int, _ column: Int) -> Int {
      x.isByColumns ? column * x.step + row : row * x.step + column
    }
    a.floats[place(a, 1, 4)] = .infinity
    a.floats[place(a, 2, 0)] = .nan
    b.floats[place(b, 3, 7)] = -.infinity
    // A NaN that is none without the lower half of its bits, and what is rounded to infinity.
    b.floats[place(b, 2, 9)] = Float(bitPattern: 0x7F80_0001)
    a.floats[place(a, 5, 2)] = .greatestFiniteMagnitude
    // 0 times infinity.
    b.floats[place(b, 4, 11)] = 0
    let c = Self.multiply(
      a, b, onto: Array(repeating: 7, count: m * n), step: n, isAdded: false, rows: m, panels: 1)
    for row in 0..<m {
      for column in 0..<n {
        let sum = (0..<k).reduce(0.0) { $0 + a.number(row, $1) * b.number($1, column) }
        let found = Double(c[row * n + column])
        let isRight: Bool
        if sum.isNaN {
          isRight = found.isNaN
        } else {
          isRight = found == sum || abs(found - sum) < 1e-5
        }
        #expect(isRight, "(\(row), \(column)): \(found), not \(sum)")
      }
    }
  }

  @Test func numbersAreRoundedToTheNearestEven() {
    // 1 + 2^-8 lies between two numbers of bfloat16, and 1 + 3 2^-8; sums are not rounded so.
    let ties: [Float] = [1.00390625, 1.01171875, 1.0039064, -1.00390625, 0]
    var stream = RandomStream(seed: 1)
    var a = Drawn(5, 1, form: 0, from: &stream)
    for row in 0..<5 { a.floats[row * a.step] = ties[row] }
    var b = Drawn(1, 1, form: 0, from: &stream)
    b.floats[0] = 1
    let c = Self.multiply(
      a, b, onto: [1, 1, 1, 1, 1e-3], step: 1, isAdded: true, rows: 5, panels: 1)
    #expect(c == [2, 2.015625, 2.0078125, 0, 1e-3])
  }

  @Test func numbersBelowTheLeastNormalOneCountAsZero() {
    var stream = RandomStream(seed: 1)
    var a = Drawn(2, 1, form: 0, from: &stream)
    a.floats[0] = .leastNormalMagnitude / 4
    a.floats[a.step] = .leastNormalMagnitude
    var b = Drawn(1, 1, form: 0, from: &stream)
    b.floats[0] = 8
    let c = Self.multiply(a, b, onto: [1, 1], step: 1, isAdded: false, rows: 2, panels: 1)
    #expect(c == [0, 8 * Float.leastNormalMagnitude])
  }
}
