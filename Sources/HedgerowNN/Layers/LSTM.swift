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
      var state = start.map { ($0.hidden[index], $0.cell[index]) } ?? (zeros, zeros)
      let outputs = steps.map { step in
        let gates = (AffineSum(step) + weights.ofHidden(state.0)).evaluated()
        state = weights.memoryStep(gates, cell: state.1)
        return state.0
      }
      hidden.append(state.0)
      cells.append(state.1)
      return outputs
    }
    return (outputs, stacked(hidden), stacked(cells))
  }
}
