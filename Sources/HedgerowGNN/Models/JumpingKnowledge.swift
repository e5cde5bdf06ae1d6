import HedgerowCore
public import HedgerowNN
public import HedgerowTensor

/// One row of each node, made of those that several layers gave it.
///
/// Shapes: layers [nodes, width] each, result [nodes, ``outputWidth``]. Names: `lstm...` and `att` of ``Mode/lstm``.
///
/// Source: Xu et al., Representation Learning on Graphs with Jumping Knowledge Networks, ICML 2018.
public struct JumpingKnowledge: Module {
  public enum Mode: String, Sendable, Codable, CaseIterable {
    /// The last layer's.
    case last
    /// Side by side.
    case concatenated = "cat"
    /// The largest number of each column.
    case max
    /// The sum by a softmax of scores, which a bidirectional memory that reads the layers gives.
    case lstm
  }

  let lstm: BidirectionalLSTM?
  let attention: Linear?
  public let mode: Mode
  public let outputWidth: Int

  public static let pathNames = ["attention": "att"]

  /// - Parameters:
  ///   - width: of each layer's rows.
  ///   - layers: how many there will be.
  public init(_ mode: Mode, width: Int, layers: Int) {
    require(layers >= 1, "rows are of one layer at least, not of \(layers)")
    let hidden = layers * width / 2
    lstm = mode == .lstm ? BidirectionalLSTM(width, hidden) : nil
    attention = mode == .lstm ? Linear(2 * hidden, 1) : nil
    outputWidth = mode == .concatenated ? layers * width : width
    self.mode = mode
  }

  public func callAsFunction(_ layers: [Tensor]) -> Tensor {
    switch mode {
    case .last: return layers[layers.count - 1]
    case .concatenated: return concatenated(layers)
    case .max: return layers.dropFirst().reduce(layers[0], maximum)
    case .lstm:
      let x = stacked(layers)
      let (count, rows) = (x.shape[0], x.shape[1])
      let states = lstm!(x)
      let scores = attention!(states.reshaped(to: [count * rows, states.shape[2]]))
      return sum(softmax(scores.reshaped(to: [count, rows, 1]), along: 0) * x, along: 0)
    }
  }
}
