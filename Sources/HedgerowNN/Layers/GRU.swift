import HedgerowCore
public import HedgerowTensor

/// One step of a gated recurrent unit.
/// ```
/// r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)      z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
/// n = tanh(W_in x + b_in + r (W_hn h + b_hn))     h' = (1 - z) n + z h
/// ```
/// Shapes: x [rows, input], h and h' [rows, hidden]. Names are those of `torch.nn.GRUCell`.
///
/// Source: Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014.
public struct GRUCell: Module {
  let weights: RecurrentCell
  public static let pathNames = ["weights": ""]

  public init(_ inputWidth: Int, _ hiddenWidth: Int, bias: Linear.Bias = .learned) {
    weights = RecurrentCell(
      cell: RecurrentWeights(inputWidth, hiddenWidth, gates: 3, bias: bias))
  }

  public func callAsFunction(_ x: Tensor, _ h: Tensor) -> Tensor {
    weights.cell.gatedStep(weights.cell.ofInput(x).evaluated(), h)
  }
}

/// Gated recurrent units over sequences, one layer above the other; see ``GRUCell``.
///
/// Shapes: x [steps, rows, input], result [steps, rows, hidden], last states [layers, rows, hidden]. Names are
/// those of `torch.nn.GRU`.
public struct GRU: Module {
  let weights: RecurrentStack
  public static let pathNames = ["weights": ""]

  public init(
    _ inputWidth: Int, _ hiddenWidth: Int, layers: Int = 1, bias: Linear.Bias = .learned
  ) {
    weights = RecurrentStack(inputWidth, hiddenWidth, layers: layers, gates: 3, bias: bias)
  }

  /// The states of the last layer after each step, and of every layer after the last.
  ///
  /// - Parameter start: of every layer; zeros when it is not given.
  public func callAsFunction(
    _ x: Tensor, from start: Tensor? = nil
  ) -> (outputs: Tensor, last: Tensor) {
    var last: [Tensor] = []
    let outputs = weights.run(x) { index, weights, steps in
      var h = start.map { $0[index] } ?? .zeros([x.shape[1], weights.hiddenWidth])
      let outputs = steps.map { step in
        h = weights.gatedStep(step, h)
        return h
      }
      last.append(h)
      return outputs
    }
    return (outputs, stacked(last))
  }
}
