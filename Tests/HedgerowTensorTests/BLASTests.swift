import CHedgerowBLAS
import HedgerowCore
import Testing

@testable import HedgerowTensor

@Suite struct BLASTests {
  @Test func productsOfThisProcessorAreRight() throws {
    try BLAS.check()
    #expect(!BLAS.core.isEmpty && BLAS.configuration.contains("OpenBLAS"))
  }

  /// A core that errs in one element of one order, by one.
  @Test(arguments: 0..<8)
  func anyWrongElementIsSeen(order: Int) {
    var random = RandomStream(seed: UInt64(order))
    let place = Int(random.next(below: 37 * 29))
    func isExact<Scalar: TensorScalar>(_: Scalar.Type, wrongAt place: Int?) -> Bool {
      BLAS.isExact(Scalar.self) { a, b, m, n, k, x, lda, y, ldb, beta, c, ldc in
        Scalar.kernels.gemm(a, b, m, n, k, x, lda, y, ldb, beta, c, ldc)
        let isOrder =
          (a == CblasTrans) == (order & 1 != 0) && (b == CblasTrans) == (order & 2 != 0)
          && (beta != 0) == (order & 4 != 0)
        if let place, isOrder { c![place] += 1 }
      }
    }
    #expect(isExact(Float.self, wrongAt: nil) && isExact(Double.self, wrongAt: nil))
    #expect(!isExact(Float.self, wrongAt: place))
    #expect(!isExact(Double.self, wrongAt: place))
  }

  @Test func theErrorSaysWhatToSet() {
    let message = BLAS.message(core: "Prescott", wrong: ["float32"])
    #expect(message.contains("float32") && message.contains("Prescott"))
    #expect(message.contains("OPENBLAS_CORETYPE"))
  }
}
