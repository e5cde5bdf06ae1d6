import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct RecomputationTests {
  /// A stack of layers with dropout over rows of a table; layers are recomputed, or not.
  static func step(recomputes: Bool, seed: UInt64) -> ([[UInt32]], peak: Int) {
    let table = Parameter(Tensor.random([500, 32], seed: seed))
    let weights = (0..<12).map { Parameter(Tensor.random([32, 32], seed: seed + 1 + $0)) }
    let rows = (0..<2000).map { UInt32($0 * 7 % 400) }
    let before = BufferPool.liveByteCount
    var peak = 0
    func run(_ body: @escaping () -> Tensor) -> Tensor { recomputes ? recomputed(body) : body() }
    let (value, gradients) = valueWithGradients(
      at: weights + [table], randomness: RandomStream(seed: seed)
    ) {
      var x = run { 2 * table.value.gathered(rows: rows) }
      for weight in weights {
        x = run { [x] in
          let hidden = dropout(relu(matmul(x, weight.value)), rate: 0.3)
          // A recomputation inside of another.
          return run { tanh(hidden * hidden) } + x
        }
      }
      peak = BufferPool.liveByteCount - before
      return mean(dropout(x, rate: 0.2))
    }
    guard case .rows? = gradients.gradient(of: table) else {
      Issue.record("the gradient of the table is not kept by rows")
      return ([], 0)
    }
    return (
      [[value.scalar.bitPattern]]
        + (weights + [table]).map { gradients[$0]!.scalars.map(\.bitPattern) }, peak
    )
  }

  @Test(arguments: UInt64(0)..<3) func gradientsAreTheSameBits(seed: UInt64) {
    let kept = Self.step(recomputes: false, seed: seed)
    let recomputed = Self.step(recomputes: true, seed: seed)
    #expect(kept.0.count == 14)
    #expect(kept.0 == recomputed.0)
  }

  @Test func innerResultsAreNotKept() async {
    // In a process of its own: other tests of this one hold tensors too.
    await #expect(processExitsWith: .success) {
      let kept = RecomputationTests.step(recomputes: false, seed: 1)
      let recomputed = RecomputationTests.step(recomputes: true, seed: 1)
      // Of a layer only its result is left, of six tensors.
      #expect(3 * recomputed.peak < kept.peak)
    }
  }

  @Test func whatDependsOnNothingOrIsOfOutsideIsThat() {
    let w = Parameter(Tensor([1, 2, 3]))
    #expect(recomputed { Tensor([4]) } == Tensor([4]))
    let (value, gradients) = valueWithGradients(at: [w]) {
      let outside = w.value * w.value
      return sum(recomputed { outside }) + sum(recomputed { Tensor([1, 1]) })
    }
    #expect(value.scalar == 16)
    #expect(gradients[w] == Tensor([2, 4, 6]))
  }

  @Test func memoryIsFreedAsTheWayBackGoes() async {
    await #expect(processExitsWith: .success) {
      let w = Parameter(Tensor.random([256, 256], seed: 1))
      var live: [Int] = []
      _ = valueWithGradients(at: [w]) {
        var x = w.value
        for _ in 0..<20 {
          // Keeps its input, and notes what is held when its turn comes.
          let input = x.detached
          x = exp(0.1 * x)
          x = x.detached.recorded(from: x) { dy in
            live.append(BufferPool.liveByteCount)
            return dy + 0 * input
          }
        }
        return sum(x)
      }
      #expect(live.count == 20)
      let step = 256 * 256 * 4
      #expect(zip(live, live.dropFirst()).dropFirst().allSatisfy { $1 <= $0 - step })
    }
  }
}

@Suite struct FiniteCheckTests {
  let w = Parameter(Tensor([[4, 1], [0, 2]]))

  /// What is found in the gradient of a sum of what `body` makes of w.
  func found(_ body: @escaping @Sendable (Tensor) -> Tensor) -> NonFinite? {
    let found = Found()
    let note: @Sendable (NonFinite) -> Void = { found.first = found.first ?? $0 }
    checkingFinite(orElse: note) {
      _ = valueWithGradients(at: [w]) { sum(body(w.value)) }
    }
    return found.first
  }
  /// Written by the thread that runs the check alone.
  final class Found: @unchecked Sendable { var first: NonFinite? }

  @Test func theOperationThatMadeItIsNamed() throws {
    #expect(found { exp($0) * 2 } == nil)
    let logarithm = try #require(found { 1 + log(2 * $0) * 3 })
    #expect(logarithm.operation == "log(_:)" && logarithm.direction == .forward)
    #expect(logarithm.index == [1, 0] && logarithm.shape == [2, 2])
    #expect(logarithm.value == -.infinity && !logarithm.isFromInput)
    #expect(
      logarithm.description
        == "the result of log(_:), of shape [2, 2], is -inf at [1, 0]")
    let root = try #require(found { sqrt($0) })
    #expect(root.operation == "sqrt(_:)" && root.direction == .backward && root.index == [1, 0])
    let quotient = try #require(found { $0 / ($0 - 4) })
    #expect(quotient.operation == "/(_:_:)" && quotient.index == [0, 0])
    let data = try #require(found { $0 + Tensor([.nan, 0]) })
    #expect(data.isFromInput && data.value.isNaN)
    // What is recomputed is looked at too.
    let inner = try #require(found { x in recomputed { log(x) } })
    #expect(inner.operation == "log(_:)")
  }

  @Test func unlessToldOtherwiseTheProgramEnds() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let w = Parameter(Tensor([0]))
      checkingFinite { _ = valueWithGradients(at: [w]) { sum(reciprocal(w.value)) } }
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("reciprocal(_:)") && text.contains("inf at [0]"))
  }
}
