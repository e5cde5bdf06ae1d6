import HedgerowCore
public import HedgerowTensor

/// One step of a long short-term memory.
/// ```
/// i, f, o = sigmoid(W_i x + b_i + W_h h + b_h), each with its own weights      g = tanh(the same)
/// c' = f c + i g                                                               h' = o tanh(c')
/// ```
/// Shapes: x [rows, input], h, c, h' and c' [rows, hidden]. Names are those of `torch.nn.LSTMCell`.
///
/// Source: Hochreiter and Schmidhuber, Long Short-Term Memory, 1997; Gers et al., Learning to Forget, 2000.
public struct LSTMCell: Module {
  let weights: RecurrentCell
  public static let pathNames = ["weights": ""]

  public init(_ inputWidth: Int, _ hiddenWidth: Int, bias: Linear.Bias = .learned) {
    weights = RecurrentCell(
      cell: RecurrentWeights(inputWidth, hiddenWidth, gates: 4, bias: bias))
  }

  public func callAsFunction(
    _ x: Tensor, _ state: (hidden: Tensor, cell: Tensor)
  ) -> (hidden: Tensor, cell: Tensor) {
    let cell = weights.cell
    let gates = (cell.ofInput(x) + cell.ofHidden(state.hidden)).evaluated()
    return cell.memoryStep(gates, cell: state.cell)
  }
}

/// Long short-term memories over sequences, one layer above the other; see ``LSTMCell``.
///
/// Shapes: x [steps, rows, input], result [steps, rows, hidden], last states [layers, rows, hidden]. Names are
/// those of `torch.nn.LSTM`.
public struct LSTM: Module {
  let weights: RecurrentStack
  public static let pathNames = ["weights": ""]

  public init(
    _ inputWidth: Int, _ hiddenWidth: Int, layers: Int = 1, bias: Linear.Bias = .learned
  ) {
    weights = RecurrentStack(inputWidth, hiddenWidth, layers: layers, gates: 4, bias: bias)
  }

  /// The hidden states of the last layer after each step, and both states of every layer after the last.
  ///
  /// - Parameter start: both states of every layer; zeros when they are not given.
  public func callAsFunction(
    _ x: Tensor, from start: (hidden: Tensor, cell: Tensor)? = nil
  ) -> (outputs: Tensor, hidden: Tensor, cell: Tensor) {
    var (hidden, cells): ([Tensor], [Tensor]) = ([], [])
    let outputs = weights.run(x) { index, weights, steps in
      let zeros = Tensor.zeros([x.shape[1], weights.hiddenWidth])
      var state = (hidden: start?.hidden[index] ?? zeros, cell: start?.cell[index] ?? zeros)
      let outputs = weights.memorySteps(steps, from: &state)
      hidden.append(state.hidden)
      cells.append(state.cell)
      return outputs
    }
    return (outputs, stacked(hidden), stacked(cells))
  }
}

/// Two long short-term memories over sequences, one of which reads from the end; see ``LSTMCell``.
///
/// Shapes: x [steps, rows, input], result [steps, rows, 2 hidden]: what each step gave on the way forth and on
/// the way back. Names are those of `torch.nn.LSTM` with `bidirectional=True` and one layer.
public struct BidirectionalLSTM: Module {
  let weights: BothWays
  public static let pathNames = ["weights": ""]

  struct BothWays: NamedValues, Sendable {
    let forth: RecurrentStack
    let back: RecurrentStack

    var namedValues: [(name: String, value: Any)] {
      forth.namedValues + back.namedValues.map { ("\($0.name)_reverse", $0.value) }
    }
  }

  public init(_ inputWidth: Int, _ hiddenWidth: Int, bias: Linear.Bias = .learned) {
    func stack() -> RecurrentStack {
      RecurrentStack(inputWidth, hiddenWidth, layers: 1, gates: 4, bias: bias)
    }
    weights = BothWays(forth: stack(), back: stack())
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    func run(_ stack: RecurrentStack, _ order: ([Tensor]) -> [Tensor]) -> Tensor {
      stack.run(x) { _, weights, steps in
        let zeros = Tensor.zeros([x.shape[1], weights.hiddenWidth])
        var state = (hidden: zeros, cell: zeros)
        return order(weights.memorySteps(order(steps), from: &state))
      }
    }
    return concatenated(run(weights.forth) { $0 }, run(weights.back) { $0.reversed() })
  }
}
