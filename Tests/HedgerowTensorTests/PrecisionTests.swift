import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Products in bfloat16 against sums in `Double` of the rounded factors, by the processor's instruction
/// and without it.
@Suite struct PrecisionTests {
  /// What products read of a tensor.
  static func rounded(_ x: Tensor) -> NDTensor<Double> {
    NDTensor(x.scalars.map { Double(Float(BFloat16($0))) }, shape: x.shape)
  }

  /// Whether these are the products of the rounded factors, but for what sums in float32 lose: errors
  /// grow with the sizes of the terms, not with that of a sum in which they cancel.
  ///
  /// Source: Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, section 3.5.
  static func isProduct(
    _ product: Tensor, _ a: NDTensor<Double>, _ b: NDTensor<Double>, summed: Bool = false
  ) -> Bool {
    func total(_ x: NDTensor<Double>) -> NDTensor<Double> {
      summed ? sum(x, along: 0).unsqueezed(0) : x
    }
    let (expected, sizes) = (total(matmul(a, b)), total(matmul(abs(a), abs(b))))
    return product.shape == expected.shape
      && zip(product.scalars, zip(expected.scalars, sizes.scalars)).allSatisfy {
        Swift.abs(Double($0) - $1.0) <= 5e-7 * $1.1
      }
  }

  /// Runs `body` by the instruction, if there is one, and without it.
  static func onBothPaths(_ body: () -> Void) {
    body()
    Precision.$usesInstruction.withValue(false, operation: body)
  }

  /// Matrices that are whole, transposed, parts of larger ones, and with columns apart.
  static func forms(_ rows: Int, _ columns: Int, seed: UInt64) -> [Tensor] {
    let wide = Tensor.random([rows + 3, columns + 5], seed: seed)
    let tall = Tensor.random([columns + 2, rows + 7], seed: seed + 1)
    return [
      .random([rows, columns], seed: seed + 2),
      Tensor.random([columns, rows], seed: seed + 3).transposed(),
      wide.sliced(1..<(rows + 1), along: 0).sliced(2..<(columns + 2), along: 1),
      tall.sliced(0..<columns, along: 0).sliced(4..<(rows + 4), along: 1).transposed(),
      Tensor.random([rows, columns, 2], seed: seed + 4).sliced(1..<2, along: 2).squeezed(2),
    ]
  }

  @Test(arguments: [
    [0, 3, 2], [1, 1, 1], [5, 0, 3], [7, 13, 50], [530, 37, 19], [97, 801, 53],
  ])
  func productsOfEveryForm(shape: [Int]) {
    let seed = printedSeed()
    let (m, k, n) = (shape[0], shape[1], shape[2])
    for a in Self.forms(m, k, seed: seed) {
      for b in Self.forms(k, n, seed: seed + 100) {
        let (x, y) = (Self.rounded(a), Self.rounded(b))
        Self.onBothPaths {
          let product = withPrecision(.bfloat16) { matmul(a, b) }
          #expect(Self.isProduct(product, x, y))
        }
      }
    }
  }

  @Test func batchesAndVectors() {
    let seed = printedSeed()
    let (a, b) = (
      Tensor.random([2, 1, 5, 7], seed: seed), Tensor.random([3, 7, 4], seed: seed + 1)
    )
    let v = Tensor.random([7], seed: seed + 2)
    Self.onBothPaths {
      withPrecision(.bfloat16) {
        #expect(Self.isProduct(matmul(a, b), Self.rounded(a), Self.rounded(b)))
        #expect(Self.isProduct(matmul(a, v), Self.rounded(a), Self.rounded(v)))
        #expect(Self.isProduct(matmul(v, b), Self.rounded(v), Self.rounded(b)))
      }
    }
  }

  /// The gradients of a weighed product: those of the rounded factors, of a rounded cotangent.
  @Test(arguments: [[4, 3, 2], [1, 1, 1], [600, 45, 33], [70, 900, 51]])
  func gradientsOfProducts(shape: [Int]) {
    let seed = printedSeed()
    let (m, k, n) = (shape[0], shape[1], shape[2])
    let (a, b) = (
      Parameter(.random([m, k], seed: seed)), Parameter(.random([n, k], seed: seed + 1))
    )
    let weights = Tensor.random([m, n], seed: seed + 2)
    let (x, y, dy) = (Self.rounded(a.value), Self.rounded(b.value), Self.rounded(weights))
    Self.onBothPaths {
      // The way back has the precision of the way there.
      let (_, plain) = valueWithGradients(at: [a, b]) {
        sum(withPrecision(.bfloat16) { matmul(a.value, b.value.transposed()) } * weights)
      }
      let (_, affine) = valueWithGradients(at: [a, b]) {
        sum(withPrecision(.bfloat16) { AffineSum(a.value, weight: b.value).evaluated() } * weights)
      }
      for gradients in [plain, affine] {
        #expect(Self.isProduct(gradients[a]!, dy, y))
        #expect(Self.isProduct(gradients[b]!, dy.transposed(), x))
      }
    }
  }

  @Test func gradientsOfBatches() {
    let seed = printedSeed()
    let (a, b) = (
      Parameter(.random([3, 5, 7], seed: seed)), Parameter(.random([1, 7, 4], seed: seed + 1))
    )
    let weights = Tensor.random([3, 5, 4], seed: seed + 2)
    let (x, w, dy) = (Self.rounded(a.value), Self.rounded(b.value), Self.rounded(weights))
    Self.onBothPaths {
      let (_, gradients) = withPrecision(.bfloat16) {
        valueWithGradients(at: [a, b]) { sum(matmul(a.value, b.value) * weights) }
      }
      #expect(Self.isProduct(gradients[a]!, dy, w.swapped(-1, -2)))
      #expect(Self.isProduct(gradients[b]!, x.swapped(-1, -2), dy, summed: true))
    }
  }

  /// A sum of products, one of them of some rows, through relu and dropout; a part that is recomputed; and a
  /// product of two results.
  static func network(_ x: Tensor, _ parameters: [Parameter]) -> Tensor {
    let p = parameters.map(\.value)
    let rows = (0..<UInt32(x.rowCount / 2)).map { 2 * $0 + 1 }
    let hidden =
      (AffineSum(x, weight: p[0], bias: p[1])
      + AffineSum(x.gathered(rows: rows), weight: p[2], addedTo: rows, of: x.rowCount))
      .evaluated(activation: .relu, dropout: 0.5)
    let again = recomputed { AffineSum(hidden, weight: p[3]).evaluated(activation: .relu) }
    return sum(matmul(again, hidden.transposed()))
  }

  static func drawn(_ rows: Int, seed: UInt64) -> (x: Tensor, parameters: [Parameter]) {
    (
      .random([rows, 37], seed: seed),
      [[51, 37], [51], [51, 37], [51, 51]].enumerated().map {
        Parameter(.random($1, seed: seed + 1 + UInt64($0)))
      }
    )
  }

  @Test(arguments: [2, 40, 1700]) func bitsAreTheSameForAnyNumberOfThreads(rows: Int) {
    let seed = printedSeed()
    let (x, parameters) = Self.drawn(rows, seed: seed)
    Self.onBothPaths {
      let steps = [1, 2, 3].map { threads in
        Compute.with(ThreadPool(threadCount: threads)) {
          withPrecision(.bfloat16) {
            let (value, gradients) = valueWithGradients(
              at: parameters, randomness: RandomStream(seed: seed)
            ) { Self.network(x, parameters) }
            return [value.scalars] + parameters.map { gradients[$0]!.scalars }
          }
        }
      }
      for step in steps { #expect(step == steps[0]) }
    }
  }

  @Test func gradientsAreNearThoseOfFloat32() {
    let seed = printedSeed()
    let (x, parameters) = Self.drawn(300, seed: seed)
    func gradients(_ precision: Precision) -> [Tensor] {
      let (_, gradients) = withPrecision(precision) {
        valueWithGradients(at: parameters, randomness: RandomStream(seed: seed)) {
          Self.network(x, parameters)
        }
      }
      return parameters.map { gradients[$0]! }
    }
    Self.onBothPaths {
      // A relu whose input is nearly 0 may be on its other side. Over 25 seeds, 0.037 and 0.021 at most.
      for (precision, bound) in [(Precision.bfloat16, 0.15 as Float), (.float16, 0.1)] {
        for (exact, rounded) in zip(gradients(.float32), gradients(precision)) {
          let error = exact - rounded
          let ratio = (sum(error * error).scalar / sum(exact * exact).scalar).squareRoot()
          #expect(ratio > 0 && ratio < bound, "relative error \(ratio) of \(precision)")
        }
      }
    }
  }

  /// Against factors that were rounded beforehand.
  @Test func float16RoundsFactorsAndGradients() {
    let seed = printedSeed()
    func rounded(_ x: Tensor) -> Tensor { Tensor(NDArray<Float16>(x)) }
    let (a, b) = (
      Parameter(.random([530, 45], seed: seed)), Parameter(.random([3, 45, 33], seed: seed + 1))
    )
    let weights = Tensor.random([3, 530, 33], seed: seed + 2)
    let (x, w, dy) = (rounded(a.value), rounded(b.value), rounded(weights))
    var product: Tensor?
    let (_, gradients) = withPrecision(.float16) {
      valueWithGradients(at: [a, b]) {
        let y = matmul(a.value, b.value)
        product = y.detached
        return sum(y * weights)
      }
    }
    // The library adds in an order of its own for each form of a product: not the same bits, but far
    // nearer than the rounding of the factors.
    func isNear(_ result: Tensor, _ expected: Tensor) -> Bool {
      let error = result - expected
      return result.shape == expected.shape
        && sum(error * error).scalar < 1e-10 * sum(expected * expected).scalar
    }
    #expect(isNear(product!, matmul(x, w)) && !isNear(product!, matmul(a.value, b.value)))
    #expect(isNear(gradients[a]!, sum(matmul(dy, w.swapped(-1, -2)), along: 0)))
    #expect(isNear(gradients[b]!, matmul(x.swapped(-1, -2), dy)))
  }

  @Test func whatIsOutsideIsExact() {
    let seed = printedSeed()
    let (a, b) = (Tensor.random([9, 11], seed: seed), Tensor.random([11, 5], seed: seed + 1))
    let exact = matmul(a, b)
    #expect(withPrecision(.bfloat16) { matmul(a, b) } != exact)
    #expect(withPrecision(.bfloat16) { withPrecision(.float32) { matmul(a, b) } } == exact)
    #expect(matmul(a, b) == exact)
    let (x, y) = (
      NDTensor<Double>.random([9, 11], seed: seed), NDTensor<Double>.random([11, 5], seed: seed)
    )
    #expect(withPrecision(.bfloat16) { matmul(x, y) } == matmul(x, y))
  }

  @Test func pullbacksKeepHalfOfTheBytes() async {
    // In a process of its own: other tests of this one hold tensors too.
    await #expect(processExitsWith: .success) {
      func keptBytes(_ precision: Precision) -> Int {
        let w = Parameter(.random([64, 64], seed: 1))
        let x = Tensor.random([1 << 14, 64], seed: 2)
        let before = BufferPool.liveByteCount
        var kept = 0
        _ = withPrecision(precision) {
          valueWithGradients(at: [w]) {
            var y = x
            for _ in 0..<8 { y = AffineSum(y, weight: w.value).evaluated(activation: .relu) }
            let total = sum(y)
            y = total
            kept = BufferPool.liveByteCount - before
            return total
          }
        }
        withExtendedLifetime(x) {}
        return kept
      }
      let (exact, rounded) = (keptBytes(.float32), keptBytes(.bfloat16))
      // 8 results of 4 MiB, against 8 and the first input of 2 MiB.
      #expect(exact >= 32 << 20 && exact < 33 << 20, "\(exact) bytes")
      #expect(rounded >= 18 << 20 && rounded < 19 << 20, "\(rounded) bytes")
    }
  }
}
