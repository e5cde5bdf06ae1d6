import CHedgerowBLAS
public import HedgerowCore

/// The library that makes matrix products of float32 and float64: OpenBLAS, which picks a core, its kernels
/// for a kind of processor, when the process starts.
///
/// It goes by what it knows of processors: one that is newer than the library may get a slow core, and one
/// that it takes for another a wrong one. The variable `OPENBLAS_CORETYPE` names the core instead.
public enum BLAS {
  /// The core that runs, as `SkylakeX`.
  public static var core: String { String(cString: openblas_get_corename()) }
  /// The library's version, and how it was built.
  public static var configuration: String { String(cString: openblas_get_config()) }

  /// Checks, once, products of small and of middling matrices in all orders: of whole numbers, so that they
  /// are exact. About a millisecond. The first product of a process checks too, and traps.
  ///
  /// - Throws: `usage` when one is wrong, and says what to set.
  public static func check() throws(HedgerowError) {
    if let problem { throw HedgerowError(.usage, problem) }
  }

  /// What is wrong with the library; `nil` when nothing is.
  static let problem: String? = {
    openblas_set_num_threads(1)
    let wrong = [
      isExact(Float.self) ? nil : "float32", isExact(Double.self) ? nil : "float64",
    ].compactMap { $0 }
    return wrong.isEmpty ? nil : message(core: core, wrong: wrong)
  }()

  static func message(core: String, wrong: [String]) -> String {
    "OpenBLAS multiplies matrices of \(wrong.joined(separator: " and ")) wrongly with its core "
      + "\(core), which is not made for this processor: set OPENBLAS_CORETYPE in the environment to "
      + "another one, as Haswell (AVX2) or Nehalem (any processor)"
  }

  /// Whether products are those of whole numbers: c = a b or c = c + a b, times a vector, is a times b
  /// times it.
  static func isExact<Scalar: TensorScalar>(
    _: Scalar.Type, multiply: Kernels<Scalar>.Multiply = Scalar.kernels.gemm
  ) -> Bool {
    var random = RandomStream(seed: 1)
    func numbers(_ count: Int) -> [Int] {
      (0..<count).map { _ in Int(random.next(below: 17)) - 8 }
    }
    // Kernels of their own make small products.
    for (m, n, k) in [(37, 29, 53), (131, 97, 211)] {
      let (a, b, before) = (numbers(m * k), numbers(k * n), numbers(m * n))
      let v = numbers(n).map { 2 * $0 + 1 }  // without a zero
      let bv = (0..<k).map { row in (0..<n).reduce(0) { $0 + b[row * n + $1] * v[$1] } }
      for order in 0..<8 {
        let (isA, isB, isAdded) = (order & 1 != 0, order & 2 != 0, order & 4 != 0)
        let x = (isA ? transposed(a, rows: m) : a).map { Scalar($0) }
        let y = (isB ? transposed(b, rows: k) : b).map { Scalar($0) }
        var c = before.map { Scalar($0) }
        multiply(
          isA ? CblasTrans : CblasNoTrans, isB ? CblasTrans : CblasNoTrans, Int32(m), Int32(n),
          Int32(k), x, Int32(isA ? m : k), y, Int32(isB ? k : n), isAdded ? 1 : 0, &c, Int32(n))
        for row in 0..<m {
          var (found, expected) = (0.0, 0)
          for column in 0..<n {
            found += Double(c[row * n + column]) * Double(v[column])
            if isAdded { expected += before[row * n + column] * v[column] }
          }
          for place in 0..<k { expected += a[row * k + place] * bv[place] }
          if found != Double(expected) { return false }
        }
      }
    }
    return true
  }

  private static func transposed(_ x: [Int], rows: Int) -> [Int] {
    let columns = x.count / rows
    return (0..<x.count).map { x[$0 % rows * columns + $0 / rows] }
  }
}
