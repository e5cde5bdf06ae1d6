import HedgerowCore
import HedgerowNN
import HedgerowTensor
import Testing

@Suite struct AdamTests {
  struct Model: Module {
    let a: Parameter
    let b: Parameter
  }

  /// The equations of torch.optim.Adam, in double precision.
  func reference(_ w: [Double], decay: Double, steps: Int, gradient: (Double) -> Double) -> [Double]
  {
    w.map { start in
      var (w, m, v) = (start, 0.0, 0.0)
      var (power1, power2) = (1.0, 1.0)
      for _ in 0..<steps {
        let g = gradient(w) + decay * w
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        (power1, power2) = (power1 * 0.9, power2 * 0.999)
        w -= 0.01 * (m / (1 - power1)) / ((v / (1 - power2)).squareRoot() + 1e-8)
      }
      return w
    }
  }

  @Test(arguments: [0, 0.1 as Float]) func stepsAreTorchs(decay: Float) {
    let start = Tensor.random([37, 11], seed: 1)
    let model = Model(a: Parameter(start), b: Parameter(start))
    var optimizer = Adam(learningRate: 0.01, weightDecay: decay)
    for _ in 0..<30 {
      let (_, gradients) = valueWithGradients(at: model) { sum(model.a.value * model.a.value) }
      optimizer.update(model, along: gradients)
    }
    let expected = reference(
      start.scalars.map(Double.init), decay: Double(decay), steps: 30, gradient: { 2 * $0 })
    #expect(zip(model.a.value.scalars, expected).allSatisfy { abs(Double($0) - $1) < 1e-5 })
    #expect(model.b.value == start, "a parameter without a gradient stays")
  }

  @Test func aStepLeavesEarlierCopiesAndStates() {
    let model = Model(a: Parameter(Tensor([1, 2])), b: Parameter(Tensor([3])))
    let state = model.state
    var optimizer = Adam(learningRate: 0.5)
    let (_, gradients) = valueWithGradients(at: model) { sum(model.a.value) + sum(model.b.value) }
    optimizer.update(model, along: gradients)
    #expect(state.tensors.map(\.value) == [Tensor([1, 2]), Tensor([3])])
    #expect(model.a.value != Tensor([1, 2]))
  }

  @Test func bitsAreTheSameForAnyNumberOfThreads() {
    func result(threadCount: Int) -> [UInt32] {
      Compute.with(ThreadPool(threadCount: threadCount)) {
        let model = Model(
          a: Parameter(.random([500, 300], seed: 1)), b: Parameter(.random([7], seed: 2)))
        var optimizer = Adam(learningRate: 0.01, weightDecay: 0.01)
        for _ in 0..<3 {
          let (_, gradients) = valueWithGradients(at: model) {
            sum(model.a.value * model.a.value) + sum(model.b.value)
          }
          optimizer.update(model, along: gradients)
        }
        return model.parameters.flatMap { $0.value.scalars.map(\.bitPattern) }
      }
    }
    let expected = result(threadCount: 1)
    for threadCount in [2, 4, 7] { #expect(result(threadCount: threadCount) == expected) }
  }
}
