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

  @Test func onlyRowsThatWereTakenChange() {
    let start = Tensor.random([100, 8], seed: 1)
    for optimizer in [Adam(learningRate: 0.1), SGD(learningRate: 0.1)] as [any Optimizer] {
      func step(_ optimizer: some Optimizer) -> Tensor {
        var optimizer = optimizer
        let model = Model(a: Parameter(start), b: Parameter(start))
        for _ in 0..<3 {
          let (_, gradients) = valueWithGradients(at: model) {
            sum(square(model.a.value.gathered(rows: [7, 90, 7])))
          }
          optimizer.update(model, along: gradients)
        }
        return model.a.value
      }
      let after = step(optimizer)
      for row in 0..<100 {
        let isChanged = (0..<8).allSatisfy { after[row, $0] != start[row, $0] }
        let isSame = (0..<8).allSatisfy { after[row, $0] == start[row, $0] }
        #expect(row == 7 || row == 90 ? isChanged : isSame, "row \(row)")
      }
    }
  }

  /// Stopped after any step and restored from bytes, an optimizer goes on as if nothing had been.
  @Test func aRestoredOptimizerTakesTheSameSteps() throws {
    var variants: [any Optimizer] = [
      Adam(learningRate: 0.05, weightDecay: 0.1), SGD(learningRate: 0.1),
      SGD(learningRate: 0.1, momentum: .nesterov(0.9)),
    ]
    var largest = Adam(learningRate: 0.05)
    largest.normalization = .largestRunningMean
    largest.decay = .decoupled
    variants.append(largest)
    for variant in variants { try check(variant) }

    func check<Variant: Optimizer>(_ variant: Variant) throws {
      func run(stoppingAfter stop: Int) throws -> Tensor {
        let model = Model(
          a: Parameter(.random([9, 4], seed: 1)), b: Parameter(.random([5], seed: 2)))
        var optimizer = variant
        for step in 0..<8 {
          if step == stop {
            let state = try ModelState(decoding: optimizer.state.encoded())
            optimizer = variant
            try optimizer.load(state, for: model)
          }
          let (_, gradients) = valueWithGradients(at: model) {
            sum(square(model.a.value.gathered(rows: [UInt32(step), 0])))
              + sum(square(square(model.b.value)))
          }
          optimizer.update(model, along: gradients)
        }
        return concatenated(model.a.value.reshaped(to: [-1]), model.b.value)
      }
      let expected = try run(stoppingAfter: -1)
      for stop in 0..<8 { #expect(try run(stoppingAfter: stop) == expected) }
    }
  }

  @Test func theMemoryOfAnotherModelIsRefused() throws {
    func trained(_ shape: [Int], _ optimizer: some Optimizer) -> (Model, ModelState) {
      var optimizer = optimizer
      let model = Model(a: Parameter(.random(shape, seed: 1)), b: Parameter(.random([5], seed: 2)))
      let (_, gradients) = valueWithGradients(at: model) { sum(square(model.a.value)) }
      optimizer.update(model, along: gradients)
      return (model, optimizer.state)
    }
    func check<Variant: Optimizer>(_ variant: Variant) throws {
      let (model, state) = trained([3, 4], variant)
      var other = variant
      let error = #expect(throws: HedgerowError.self) {
        try other.load(trained([3, 5], variant).1, for: model)
      }
      #expect(error?.code == .badData && error?.place == "a")
      try other.load(state, for: model)
    }
    try check(Adam(learningRate: 0.1))
    try check(SGD(learningRate: 0.1, momentum: .plain(0.9)))
  }
}
