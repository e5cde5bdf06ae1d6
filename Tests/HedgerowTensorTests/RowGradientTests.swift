import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Gradients of tables of which rows are taken.
@Suite struct RowGradientTests {
  @Test func rowsAreKeptOnceAndRisingAndAddUp() throws {
    var random = RandomStream(seed: printedSeed())
    let table = Parameter(Tensor.random([5000, 7], seed: 1))
    let taken = (0..<3).map { _ in (0..<400).map { _ in UInt32(random.next(below: 5000)) } }
    let weights = (0..<3).map { Tensor.random([400, 7], seed: UInt64($0)) }
    let (_, gradients) = valueWithGradients(at: [table]) {
      zip(taken, weights).map { sum(table.value.gathered(rows: $0) * $1) }.reduce(Tensor(0), +)
    }
    guard case .rows(let gradient)? = gradients.gradient(of: table) else {
      Issue.record("the gradient is not kept by rows")
      return
    }
    #expect(gradient.rows == Set(taken.flatMap { $0 }).sorted())
    var expected = [Double](repeating: 0, count: 5000 * 7)
    for (rows, weights) in zip(taken, weights) {
      for (index, row) in rows.enumerated() {
        for column in 0..<7 { expected[Int(row) * 7 + column] += Double(weights[index, column]) }
      }
    }
    let dense = try #require(gradients[table])
    #expect(dense == gradient.dense)
    #expect(zip(dense.scalars, expected).allSatisfy { abs(Double($0) - $1) < 1e-5 })
    let twice = gradients + gradients
    guard case .rows(let sum)? = twice.gradient(of: table) else {
      Issue.record("the sum is not kept by rows")
      return
    }
    #expect(sum.rows == gradient.rows && sum.values == 2 * gradient.values)
    let scaled = 0.5 * gradients
    #expect(scaled[table] == 0.5 * dense)
  }

  @Test func rowsBesideTheWholeAreDense() throws {
    let table = Parameter(Tensor.random([6, 2], seed: 1))
    let (_, gradients) = valueWithGradients(at: [table]) {
      sum(table.value.gathered(rows: [4, 4])) + sum(table.value)
    }
    guard case .dense(let gradient)? = gradients.gradient(of: table) else {
      Issue.record("the gradient is not dense")
      return
    }
    #expect(gradient.scalars == [1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 1, 1])
  }

  @Test func nothingTakenIsNoRow() throws {
    let table = Parameter(Tensor.random([6, 2], seed: 1))
    let (_, gradients) = valueWithGradients(at: [table]) {
      sum(table.value.gathered(rows: []))
    }
    #expect(gradients[table] == .zeros([6, 2]))
  }
}
