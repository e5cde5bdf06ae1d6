public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// What makes one row of the messages that reach a target: a sum, or a module that learns how.
///
/// The rows of a segment, and nothing else, decide its result; so an aggregator also pools the nodes of
/// each graph of a batch. One function makes an aggregator; the others have faster forms where a sum of
/// sources need not store them.
public protocol Aggregator: Module {
  /// y_t = the aggregate of the rows offsets[t]..<offsets[t + 1], in their order.
  ///
  /// Shapes: messages [rows, width], y [segments, outputWidth(of: width)].
  func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor

  /// y_t = the aggregate of x_s over the sources s of t, in the order of the block's entries.
  ///
  /// Shapes: x [sources, width], y [targets, outputWidth(of: width)].
  func callAsFunction(_ x: Tensor, along block: Block) -> Tensor

  /// y_t = the aggregate of w_e x_s over the entries e of t, from source s.
  ///
  /// Shapes: as before; weights [edges] or [edges, heads], as of ``Message/scaledSource(by:)``.
  func callAsFunction(_ x: Tensor, scaledBy weights: Tensor, along block: Block) -> Tensor

  /// How wide the aggregate of rows of a width is.
  func outputWidth(of width: Int) -> Int
}

extension Aggregator {
  public func callAsFunction(_ x: Tensor, along block: Block) -> Tensor {
    self(x.gathered(alongSourcesOf: block), by: block.usedOffsets)
  }

  public func callAsFunction(_ x: Tensor, scaledBy weights: Tensor, along block: Block) -> Tensor {
    self(x.gathered(alongSourcesOf: block).scaled(by: weights), by: block.usedOffsets)
  }

  public func outputWidth(of width: Int) -> Int { width }
}

extension NDTensor {
  /// Each row times its weight, or each of a row's equal stretches times its own.
  ///
  /// Shapes: [rows, width]; weights [rows] or [rows, stretches].
  func scaled(by weights: NDTensor) -> NDTensor {
    let stretches = weights.shape.count == 2 ? weights.shape[1] : 1
    let parts = reshaped(to: [rowCount, stretches, width / stretches])
    return (parts * weights.reshaped(to: [rowCount, stretches, 1])).reshaped(to: shape)
  }
}
