import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport

extension OperationTableTests {
  /// The rows of sparse matrices, of as many entries as their first input has numbers.
  static func sparse<S: TensorScalar>(_: S.Type) -> [Operation<S>] {
    typealias Row = Operation<S>
    func pattern(_ n: Int, _ m: Int) -> SparsityPattern {
      var stream = RandomStream(seed: 11)
      return SparsityPattern(
        rows: (0..<n * m).map { _ in UInt32(stream.next(below: UInt64(n))) },
        columns: (0..<n * m).map { _ in UInt32(stream.next(below: UInt64(m))) }, rowCount: n,
        columnCount: m)
    }
    func matrix(_ values: NDTensor<S>, _ n: Int, _ m: Int) -> SparseMatrix<S> {
      SparseMatrix(pattern(n, m), values: values)
    }
    let entries = Shapes { [[$0 * $1]] }
    let two = Shapes { [[$0 * $1], [$1, 3]] }
    let ends = Shapes { [[$1, 6], [$0, 6]] }
    return [
      Row("matmul", two) { x, n, m in matmul(matrix(x[0], n, m), x[1]) },
      Row("matmul", two) { x, n, m in matmul(matrix(x[0], n, m).converted(to: .csr), x[1]) },
      Row("matmul", two) { x, n, m in matmul(matrix(x[0], n, m).converted(to: .csc), x[1]) },
      Row("sum", entries) { x, n, m in sum(matrix(x[0], n, m), along: 0) },
      Row("spread", entries) { x, n, m in matrix(x[0], n, m).dense },
      Row("sampled") { x, n, m in SparseMatrix(x[0]).values * 2 },
      Row("permuted", entries) { x, n, m in matrix(x[0], n, m).converted(to: .csc).values },
      Row("coalesced", entries) { x, n, m in matrix(x[0], n, m).coalesced().values },
      Row("mapValues", entries) { x, n, m in matrix(x[0], n, m).mapValues { $0 * $0 }.values },
      Row("diagonal", entries) { x, n, m in matrix(x[0], n, m).diagonal() },
      Row("normalized", entries, in: .positive) { x, n, m in
        matrix(x[0], n, m).normalized(.rows).values
      },
      Row("edgeDot", ends) { x, n, m in edgeDot(x[0], x[1], heads: 2, over: pattern(n, m)) },
      Row("edgeSum", ends) { x, n, m in edgeSum(x[0], x[1], over: pattern(n, m)) },
      Row("edgeScore", Shapes { [[$1, 6], [$0, 2], [8]] }) { x, n, m in
        edgeScore(x[0], x[1], x[2], over: pattern(n, m))
      },
    ]
  }
}
