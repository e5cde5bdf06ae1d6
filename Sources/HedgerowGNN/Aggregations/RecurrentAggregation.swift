public import HedgerowNN
public import HedgerowTensor

/// The last hidden state of a long short-term memory that reads the rows of a set one after the other.
///
/// Not indifferent to the rows' order. Sets that are read together are padded with zeros to the length of the
/// longest, as by PyTorch Geometric, so that its state after the padding is the result.
///
/// Shapes: messages [rows, input], result [segments, output].
///
/// Source: Hamilton, Ying, Leskovec: Inductive Representation Learning on Large Graphs, NIPS 2017.
public struct LSTMAggregation: Aggregator {
  let lstm: LSTM
  let outputs: Int

  public init(
    _ inputWidth: Int, _ outputWidth: Int, layers: Int = 1, bias: Linear.Bias = .learned
  ) {
    lstm = LSTM(inputWidth, outputWidth, layers: layers, bias: bias)
    outputs = outputWidth
  }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    let (states, _, _) = lstm(steps(of: messages, by: offsets))
    return states[states.shape[0] - 1]
  }

  public func outputWidth(of width: Int) -> Int { outputs }
}

/// The last hidden state of gated recurrent units that read the rows of a set; as ``LSTMAggregation``.
///
/// Source: Buterez et al., Graph Neural Networks with Adaptive Readouts, NeurIPS 2022.
public struct GRUAggregation: Aggregator {
  let gru: GRU
  let outputs: Int

  public init(
    _ inputWidth: Int, _ outputWidth: Int, layers: Int = 1, bias: Linear.Bias = .learned
  ) {
    gru = GRU(inputWidth, outputWidth, layers: layers, bias: bias)
    outputs = outputWidth
  }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    let (states, _) = gru(steps(of: messages, by: offsets))
    return states[states.shape[0] - 1]
  }

  public func outputWidth(of width: Int) -> Int { outputs }
}

/// The rows of all sets step by step, [longest, sets, width].
private func steps(of messages: Tensor, by offsets: [UInt32]) -> Tensor {
  PaddedGroups(offsets).padded(messages).swapped(0, 1)
}
