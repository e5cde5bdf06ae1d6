import HedgerowCore
import HedgerowNN
import HedgerowTensor
import Testing

@Suite struct LossScalerTests {
  struct Model: Module {
    let w: Parameter
    let table: Parameter
  }

  static func model() -> Model {
    Model(
      w: Parameter(.random([5, 3], seed: 1)), table: Parameter(.random([7, 3], seed: 2)))
  }

  /// A loss whose gradients are finite multiples of `factor`, some of them of rows only.
  static func gradients(of model: Model, _ scaler: LossScaler, times factor: Float) -> Gradients {
    valueWithGradients(at: model) {
      scaler.scaled(
        factor * (sum(model.w.value) + sum(model.table.value.gathered(rows: [1, 4, 1]))))
    }.gradients
  }

  @Test func stepsAreThoseOfTheLossItself() {
    let (scaled, plain) = (Self.model(), Self.model())
    var (a, b) = (Adam(learningRate: 0.01), Adam(learningRate: 0.01))
    var scaler = LossScaler()
    for step in 1...5 {
      let factor = Float(step) / 3
      scaler.update(scaled, along: Self.gradients(of: scaled, scaler, times: factor), with: &a)
      b.update(plain, along: Self.gradients(of: plain, LossScaler(scale: 1), times: factor))
    }
    #expect(scaled.w.value == plain.w.value && scaled.table.value == plain.table.value)
    #expect(scaled.w.value != Self.model().w.value)
  }

  @Test(arguments: [Float.infinity, .nan]) func whatIsNotFiniteIsLeftOut(factor: Float) {
    let model = Self.model()
    let before = (model.w.value, model.table.value)
    var (scaler, optimizer) = (LossScaler(scale: 8), SGD(learningRate: 1))
    let isTaken = scaler.update(
      model, along: Self.gradients(of: model, scaler, times: factor), with: &optimizer)
    #expect(!isTaken && scaler.scale == 4)
    #expect(model.w.value == before.0 && model.table.value == before.1)
    // One of rows alone, too.
    let (_, gradients) = valueWithGradients(at: model) {
      factor * sum(model.table.value.gathered(rows: [2]))
    }
    #expect(!scaler.update(model, along: gradients, with: &optimizer) && scaler.scale == 2)
  }

  @Test func theFactorGrowsAfterStepsInARow() {
    let model = Self.model()
    var (scaler, optimizer) = (LossScaler(scale: 1), SGD(learningRate: 1e-3))
    scaler.growthInterval = 3
    let factors: [Float] = [1, 1, .nan, 1, 1, 1, 1, 1, 1, 1, .infinity]
    let scales = factors.map { factor in
      scaler.update(
        model, along: Self.gradients(of: model, scaler, times: factor), with: &optimizer)
      return scaler.scale
    }
    #expect(scales == [1, 1, 0.5, 0.5, 0.5, 1, 1, 1, 2, 2, 1])
  }

  /// Gradients that are zero in float16 come back when the loss is scaled.
  @Test func smallGradientsAreKept() {
    let model = Model(
      w: Parameter(.random([4, 3], seed: 5)), table: Parameter(.zeros([1])))
    let x = Tensor.random([6, 4], in: 1..<2, seed: 6)
    func gradient(_ precision: Precision, _ scaler: LossScaler) -> Tensor {
      withPrecision(precision) {
        valueWithGradients(at: model) { scaler.scaled(1e-9 * sum(matmul(x, model.w.value))) }
      }.gradients[model.w]!
    }
    let exact = gradient(.float32, LossScaler(scale: 1))
    #expect(gradient(.float16, LossScaler(scale: 1)) == .zeros([4, 3]))
    let kept = gradient(.float16, LossScaler()).scalars.map { $0 / 65536 }
    #expect(zip(kept, exact.scalars).allSatisfy { abs($0 - $1) < 2e-3 * $1 })
  }
}
