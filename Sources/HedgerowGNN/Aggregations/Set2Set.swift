public import HedgerowNN
public import HedgerowTensor

/// A set by what a long short-term memory asks it, step after step:
/// ```
/// q = LSTM(q*)      a = softmax over the rows x of q . x      r = sum of a x      q* = [q, r]
/// ```
/// Shapes: messages [rows, width], result [segments, 2 width].
///
/// Source: Vinyals, Bengio, Kudlur: Order Matters: Sequence to Sequence for Sets, ICLR 2016.
public struct Set2Set: Aggregator {
  let lstm: LSTM
  let width: Int
  let layers: Int
  public let steps: Int

  public init(_ width: Int, steps: Int, layers: Int = 1, bias: Linear.Bias = .learned) {
    lstm = LSTM(2 * width, width, layers: layers, bias: bias)
    (self.width, self.layers, self.steps) = (width, layers, steps)
  }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    let count = offsets.count - 1
    let start = Tensor.zeros([layers, count, width])
    var state = (hidden: start, cell: start)
    var query = Tensor.zeros([count, 2 * width])
    for _ in 0..<steps {
      let (outputs, hidden, cell) = lstm(query.unsqueezed(0), from: state)
      state = (hidden, cell)
      let q: Tensor = outputs[0]
      let scores = sum(messages * repeated(q, by: offsets), along: 1, keeping: .one)
      let shares = segmentSoftmax(scores, by: offsets)
      query = concatenated(q, segmentSum(shares * messages, by: offsets))
    }
    return query
  }

  public func outputWidth(of width: Int) -> Int { 2 * width }
}
