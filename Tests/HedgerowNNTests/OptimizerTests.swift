import HedgerowCore
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct OptimizerTests {
  struct Model: Module {
    let a: Parameter
    let b: Parameter
  }

  /// One number w stepping along 2 w: the equations of torch.optim, in double precision.
  struct Reference {
    var w: Double
    var memory = [0.0, 0.0, 0.0, 0.0]
    var step = 0
  }

  /// Each optimizer, and the step of one number that it is.
  static let equations:
    [(name: String, optimizer: any Optimizer, step: @Sendable (inout Reference) -> Void)] = {
      var nesterov = SGD(learningRate: 0.05, momentum: .nesterov(0.8), weightDecay: 0.1)
      nesterov.maximizes = true
      var dampened = SGD(learningRate: 0.05, momentum: .plain(0.8))
      dampened.dampening = 0.4
      var largest = AdamW(learningRate: 0.02, weightDecay: 0.1)
      largest.normalization = .largestRunningMean
      largest.beta2 = 0.5
      var decaying = Adagrad(learningRate: 0.1)
      decaying.rateDecay = 0.1
      decaying.initialSum = 0.2
      var centered = RMSprop(learningRate: 0.02, momentum: 0.5, weightDecay: 0.1)
      centered.normalization = .centered
      @Sendable func adam(_ r: inout Reference, _ g: Double, beta2: Double = 0.999) -> (
        Double, Double
      ) {
        r.memory[0] = 0.9 * r.memory[0] + 0.1 * g
        r.memory[1] = beta2 * r.memory[1] + (1 - beta2) * g * g
        r.memory[2] = max(r.memory[2], r.memory[1])
        func power(_ base: Double) -> Double {
          (0..<r.step).reduce(1) { product, _ in product * base }
        }
        return (r.memory[0] / (1 - power(0.9)), 1 - power(beta2))
      }
      return [
        ("SGD", SGD(learningRate: 0.1, weightDecay: 0.3), { $0.w -= 0.1 * 2.3 * $0.w }),
        (
          "SGD, Nesterov, uphill", nesterov,
          {
            let g = -2 * $0.w + 0.1 * $0.w
            $0.memory[0] = $0.step == 1 ? g : 0.8 * $0.memory[0] + g
            $0.w -= 0.05 * (g + 0.8 * $0.memory[0])
          }
        ),
        (
          "SGD, dampened", dampened,
          {
            let g = 2 * $0.w
            $0.memory[0] = $0.step == 1 ? g : 0.8 * $0.memory[0] + 0.6 * g
            $0.w -= 0.05 * $0.memory[0]
          }
        ),
        (
          "Adam", Adam(learningRate: 0.01, weightDecay: 0.1),
          {
            let (m, correction) = adam(&$0, 2.1 * $0.w)
            $0.w -= 0.01 * m / (($0.memory[1] / correction).squareRoot() + 1e-8)
          }
        ),
        (
          "AdamW, AMSGrad", largest,
          {
            let (m, correction) = adam(&$0, 2 * $0.w, beta2: 0.5)
            $0.w -= 0.02 * 0.1 * $0.w
            $0.w -= 0.02 * m / (($0.memory[2] / correction).squareRoot() + 1e-8)
          }
        ),
        (
          "SparseAdam", SparseAdam(learningRate: 0.01),
          {
            let (m, correction) = adam(&$0, 2 * $0.w)
            $0.w -= 0.01 * m * correction.squareRoot() / ($0.memory[1].squareRoot() + 1e-8)
          }
        ),
        (
          "Adagrad", decaying,
          {
            let g = 2 * $0.w
            if $0.step == 1 { $0.memory[0] = 0.2 }
            $0.memory[0] += g * g
            $0.w -= 0.1 / (1 + Double($0.step - 1) * 0.1) * g / ($0.memory[0].squareRoot() + 1e-10)
          }
        ),
        (
          "RMSprop, centered", centered,
          {
            let g = 2.1 * $0.w
            $0.memory[0] = 0.99 * $0.memory[0] + 0.01 * g * g
            $0.memory[1] = 0.99 * $0.memory[1] + 0.01 * g
            let variance = $0.memory[0] - $0.memory[1] * $0.memory[1]
            $0.memory[2] = 0.5 * $0.memory[2] + g / (variance.squareRoot() + 1e-8)
            $0.w -= 0.02 * $0.memory[2]
          }
        ),
      ]
    }()

  @Test(arguments: equations.indices) func stepsAreThoseOfTheirEquations(index: Int) {
    let (name, start, step) = Self.equations[index]
    // Several parts of the pool's, and away from 0, where signs flip.
    let numbers = abs(Tensor.random([370, 111], seed: printedSeed())) + 0.5
    func run(_ optimizer: some Optimizer) -> Model {
      var optimizer = optimizer
      let model = Model(a: Parameter(numbers), b: Parameter(numbers))
      for _ in 0..<20 {
        let (_, gradients) = valueWithGradients(at: model) { sum(square(model.a.value)) }
        optimizer.update(model, along: gradients)
      }
      return model
    }
    let model = run(start)
    var worst = 0.0
    for (start, result) in zip(numbers.scalars, model.a.value.scalars) {
      var reference = Reference(w: Double(start))
      for _ in 0..<20 {
        reference.step += 1
        step(&reference)
      }
      worst = max(worst, Swift.abs(Double(result) - reference.w) / (1 + Swift.abs(reference.w)))
    }
    #expect(worst < 1e-5, "\(name)")
    #expect(model.b.value == numbers, "a parameter without a gradient stays")
  }

  @Test func groupsHaveTheirOwnSettings() {
    struct Nested: Module {
      let conv = Linear(2, 2)
      let conv2 = Linear(2, 2)
      let head = Linear(2, 2)
    }
    let model = Nested().initialized(seed: 1)
    let before = model.state.tensors
    var optimizer = SGD(learningRate: 0.1)
    optimizer.addGroup(["conv", "head.bias"]) { $0.learningRate = 0.5 }
    optimizer.addGroup(["head"]) { $0.maximizes = true }
    let (_, gradients) = valueWithGradients(at: model) {
      model.parameters.map { sum($0.value) }.reduce(Tensor(0), +)
    }
    optimizer.update(model, along: gradients)
    let steps: [String: Float] = [
      "conv.weight": -0.5, "conv.bias": -0.5, "conv2.weight": -0.1, "conv2.bias": -0.1,
      "head.weight": 0.1, "head.bias": -0.5,
    ]
    for (old, new) in zip(before, model.state.tensors) {
      let step = (new.value - old.value).scalars
      #expect(step.allSatisfy { Swift.abs($0 - steps[old.name]!) < 1e-6 }, "\(old.name)")
    }
    #expect(optimizer.learningRates == [0.1, 0.5, 0.1])
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
    for optimizer in [
      Adam(learningRate: 0.1), SGD(learningRate: 0.1), SparseAdam(learningRate: 0.1), Adagrad(),
      RMSprop(),
    ] as [any Optimizer] {
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
    for (_, variant, _) in Self.equations { try check(variant) }
    var moving = RMSprop(momentum: 0.9)
    moving.normalization = .square
    try check(moving)

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
      // Neither half a memory nor one of another kind.
      var (damaged, strange) = (state, state)
      damaged.metadata["a.step"] = "-1"
      strange.tensors.append(("a.other", .zeros([3, 4])))
      for bad in [damaged, strange] {
        let error = #expect(throws: HedgerowError.self) { try other.load(bad, for: model) }
        #expect(error?.code == .badData)
      }
    }
    let (model, whole) = trained([3, 4], Adam())
    var state = whole
    state.tensors.removeAll { $0.name == "a.square" }
    var adam = Adam()
    #expect(throws: HedgerowError.self) { try adam.load(state, for: model) }
    try check(Adam(learningRate: 0.1))
    try check(SGD(learningRate: 0.1, momentum: .plain(0.9)))
  }
}
