import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct ActivationTests {
  static let activations: [Activation] = [
    .identity, .relu, .relu6, .leakyRelu(slope: 0.2), .elu(alpha: 1.5), .selu, .celu(alpha: 0.7),
    .gelu, .geluTanh, .silu, .mish, .softplus(beta: 2, threshold: 3), .sigmoid, .tanh,
    .hardtanh(min: -0.5, max: 1.5), .hardswish, .hardsigmoid, .softsign, .tanhshrink,
    .softshrink(lambda: 0.3), .hardshrink(lambda: 0.3), .threshold(0.2, value: -3), .logSigmoid,
  ]

  @Test(arguments: activations.indices) func gradientsAreDifferenceQuotients(index: Int) {
    let seed = printedSeed()
    let activation = Self.activations[index]
    for (shape, scale) in [([3, 7], 1.0), ([5], 4), ([1], 4), ([0, 3], 1), ([], 2)] {
      let x = scale * NDTensor<Double>.random(shape, seed: seed)
      #expect(
        GradientCheck.error(at: [x], seed: seed) { activation.callAsFunction($0[0]) } < 1e-7,
        "\(activation)")
    }
  }

  /// Single precision, with functions of its own, against double precision, with the system's.
  @Test(arguments: activations.indices) func singlePrecisionIsClose(index: Int) {
    let activation = Self.activations[index]
    var numbers: [Float] = [0, -0.0, 1e-30, -1e-30, 80, -80, 100, -100, 1e4, -1e4]
    numbers += stride(from: Float(-20), to: 20, by: 0.003)
    let x = Parameter(Tensor(numbers))
    let reference = NDParameter(NDTensor(numbers.map(Double.init)))
    let (_, gradients) = valueWithGradients(at: [x]) { sum(activation(x.value)) }
    let (_, expected) = valueWithGradients(at: [reference]) { sum(activation(reference.value)) }
    for (a, b) in [
      (activation(x.value), activation(reference.value)), (gradients[x]!, expected[reference]!),
    ] {
      for (number, (a, b)) in zip(numbers, zip(a.scalars, b.scalars)) {
        #expect(
          Swift.abs(Double(a) - b) <= 4e-6 * (1 + Swift.abs(b)), "\(activation) of \(number)")
      }
    }
  }

  /// Bias, activation and dropout in one pass, against one after the other.
  @Test(arguments: activations.indices) func aLayersPassIsItsParts(index: Int) {
    let seed = printedSeed()
    let activation = Self.activations[index]
    for (rows, width) in [(0, 3), (1, 1), (37, 61), (700, 5)] {
      func run(rate: Double, isFused: Bool) -> (Tensor, [Tensor?]) {
        let parameters = [
          Parameter(.random([rows, 4], seed: seed)),
          Parameter(.random([width, 4], seed: seed + 1)),
          Parameter(.random([width], seed: seed + 2)),
        ]
        var result = Tensor(0)
        let (_, gradients) = valueWithGradients(
          at: parameters, randomness: RandomStream(seed: seed)
        ) {
          let sum = AffineSum(
            parameters[0].value, weight: parameters[1].value, bias: parameters[2].value)
          result =
            isFused
            ? sum.evaluated(activation: activation, dropout: rate)
            : dropout(activation(sum.evaluated()), rate: rate)
          return HedgerowTensor.sum(result * result)
        }
        return (result.detached, parameters.map { gradients[$0] })
      }
      for rate in [0, 0.4] {
        let (fused, parts) = (run(rate: rate, isFused: true), run(rate: rate, isFused: false))
        #expect(fused.0 == parts.0, "\(activation)")
        for (a, b) in zip(fused.1, parts.1) {
          #expect(
            zip(a!.scalars, b!.scalars).allSatisfy {
              Swift.abs($0 - $1) <= 2e-5 * (1 + Swift.abs($1))
            }, "\(activation)")
        }
      }
    }
  }

  @Test func gatesAndLearnedSlopes() {
    let seed = printedSeed()
    let x = 2 * NDTensor<Double>.random([4, 6, 2], seed: seed)
    for axis in -3..<3 {
      #expect(GradientCheck.error(at: [x], seed: seed) { glu($0[0], along: axis) } < 1e-7)
      #expect(GradientCheck.error(at: [x], seed: seed) { softmin($0[0], along: axis) } < 1e-7)
    }
    let slopes = NDTensor<Double>.random([6], seed: seed + 1)
    #expect(GradientCheck.error(at: [x, slopes], seed: seed) { prelu($0[0], slope: $0[1]) } < 1e-7)
    let single = NDTensor<Double>([0.3])
    #expect(GradientCheck.error(at: [x, single], seed: seed) { prelu($0[0], slope: $0[1]) } < 1e-7)
    #expect(prelu(Tensor([-2, 0, 3]), slope: Tensor([0.5])) == Tensor([-1, 0, 3]))
    #expect(glu(Tensor([2, 3, 0, 0])) == Tensor([1, 1.5]))
  }

  @Test func nothingNaNIsHidden() {
    for activation in Self.activations {
      #expect(activation(Tensor([.nan])).scalar.isNaN, "\(activation)")
    }
  }
}
