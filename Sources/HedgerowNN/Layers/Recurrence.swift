import HedgerowCore
import HedgerowTensor

/// The parameters of one recurrent cell: its gates' weights, one below the other.
///
/// Shapes: [gates * hidden, input] and [gates * hidden, hidden], biases [gates * hidden]. Begin uniform in plus
/// or minus 1 / sqrt(hidden), as in PyTorch.
struct RecurrentWeights: Sendable {
  let input: Parameter
  let hidden: Parameter
  let inputBias: Parameter?
  let hiddenBias: Parameter?
  let hiddenWidth: Int

  init(_ inputWidth: Int, _ hiddenWidth: Int, gates: Int, bias: Linear.Bias) {
    let bound = hiddenWidth > 0 ? 1 / Float(hiddenWidth).squareRoot() : 0
    func parameter(_ shape: [Int]) -> Parameter {
      Parameter(shape: shape, from: .uniform(bound: bound))
    }
    self.hiddenWidth = hiddenWidth
    input = parameter([gates * hiddenWidth, inputWidth])
    hidden = parameter([gates * hiddenWidth, hiddenWidth])
    inputBias = bias == .learned ? parameter([gates * hiddenWidth]) : nil
    hiddenBias = bias == .learned ? parameter([gates * hiddenWidth]) : nil
  }

  /// Under PyTorch's names, with what stands behind them.
  func named(_ suffix: String) -> [(name: String, value: Any)] {
    var named: [(name: String, value: Any)] = [
      ("weight_ih\(suffix)", input), ("weight_hh\(suffix)", hidden),
    ]
    if let inputBias, let hiddenBias {
      named += [("bias_ih\(suffix)", inputBias), ("bias_hh\(suffix)", hiddenBias)]
    }
    return named
  }

  func ofInput(_ x: Tensor) -> AffineSum<Float> {
    AffineSum(x, weight: input.value, bias: inputBias?.value)
  }
  func ofHidden(_ h: Tensor) -> AffineSum<Float> {
    AffineSum(h, weight: hidden.value, bias: hiddenBias?.value)
  }

  /// One gate's columns.
  func gate(_ index: Int, of x: Tensor) -> Tensor {
    x.sliced(index * hiddenWidth..<(index + 1) * hiddenWidth, along: -1)
  }
}

extension RecurrentWeights {
  /// One step of a gated recurrent unit: `inputs` are the input's gates.
  func gatedStep(_ inputs: Tensor, _ h: Tensor) -> Tensor {
    let hidden = ofHidden(h).evaluated()
    let reset = sigmoid(gate(0, of: inputs) + gate(0, of: hidden))
    let update = sigmoid(gate(1, of: inputs) + gate(1, of: hidden))
    let new = tanh(gate(2, of: inputs) + reset * gate(2, of: hidden))
    return new + update * (h - new)
  }

  /// One step of a long short-term memory: `gates` are the sum of the input's and the hidden state's.
  func memoryStep(_ gates: Tensor, cell: Tensor) -> (hidden: Tensor, cell: Tensor) {
    let kept = sigmoid(gate(1, of: gates)) * cell
    let next = kept + sigmoid(gate(0, of: gates)) * tanh(gate(2, of: gates))
    return (sigmoid(gate(3, of: gates)) * tanh(next), next)
  }

  /// What each step of a long short-term memory gives, of the inputs' gates; the state is that after the last.
  func memorySteps(
    _ steps: [Tensor], from state: inout (hidden: Tensor, cell: Tensor)
  ) -> [Tensor] {
    steps.map { step in
      let gates = (AffineSum(step) + ofHidden(state.hidden)).evaluated()
      state = memoryStep(gates, cell: state.cell)
      return state.hidden
    }
  }
}

/// The weights of a cell by itself.
struct RecurrentCell: NamedValues, Sendable {
  let cell: RecurrentWeights
  var namedValues: [(name: String, value: Any)] { cell.named("") }
}

/// The weights of layers one above the other, named by their places.
struct RecurrentStack: NamedValues, Sendable {
  let layers: [RecurrentWeights]

  init(_ inputWidth: Int, _ hiddenWidth: Int, layers: Int, gates: Int, bias: Linear.Bias) {
    require(layers > 0, "a recurrent network has layers, not \(layers)")
    self.layers = (0..<layers).map {
      RecurrentWeights($0 == 0 ? inputWidth : hiddenWidth, hiddenWidth, gates: gates, bias: bias)
    }
  }

  var namedValues: [(name: String, value: Any)] {
    layers.enumerated().flatMap { $1.named("_l\($0)") }
  }

  /// Runs each layer over the steps of what the one below gave.
  func run(
    _ x: Tensor,
    _ layer: (_ index: Int, _ weights: RecurrentWeights, _ steps: [Tensor]) -> [Tensor]
  ) -> Tensor {
    require(x.shape.count == 3, "shape \(x.shape) is none of [steps, rows, width]")
    let (stepCount, rowCount) = (x.shape[0], x.shape[1])
    var x = x
    for (index, weights) in layers.enumerated() {
      // The input's gates of all steps are one product.
      let gates = weights.ofInput(x.reshaped(to: [stepCount * rowCount, x.shape[2]])).evaluated()
      let steps = (0..<stepCount).map {
        gates.sliced($0 * rowCount..<($0 + 1) * rowCount, along: 0)
      }
      let outputs = layer(index, weights, steps)
      x = outputs.isEmpty ? .zeros([0, rowCount, weights.hiddenWidth]) : stacked(outputs)
    }
    return x
  }
}
