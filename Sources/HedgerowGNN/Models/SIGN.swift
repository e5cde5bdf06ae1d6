import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// A network of features that were smoothed over one hop, two hops and so on before training, which then needs no
/// graph: a linear layer for each, and one of all of them side by side.
/// ```swift
/// let hops = SIGN.hops(of: x, 3, along: graph)               // once
/// let y = model(hops.map { $0.gathered(rows: batch) })       // in each step
/// ```
/// Shapes: hops [rows, width] each, result [rows, outputs]. Names: `lins.0...` to `lins.hops`, `lin`.
///
/// Source: Rossi et al., SIGN: Scalable Inception Graph Neural Networks, 2020.
public struct SIGN: Module {
  public struct Options: Sendable {
    public var activation = Activation.relu
    /// Rate of dropout of what the hops give, in training.
    public var dropout = 0.0

    public init() {}
  }

  let linears: [Linear]
  let output: Linear
  public let options: Options
  public static let pathNames = ["linears": "lins", "output": "lin"]

  public init(
    _ width: Int, _ hiddenWidth: Int, hops: Int, outputs: Int, options: Options = .init()
  ) {
    linears = (0...hops).map { _ in Linear(width, hiddenWidth) }
    output = Linear((hops + 1) * hiddenWidth, outputs)
    self.options = options
  }

  /// Features, and what they are after each of some steps of ``Propagation``, without self-loops: one more than there
  /// are steps, [nodes, width] each.
  ///
  /// - Parameter weights: of the edges, [edges]; ones where they are `nil`.
  public static func hops(
    of x: Tensor, _ count: Int, along block: Block, weights: Tensor? = nil
  ) -> [Tensor] {
    let hop = Propagation(block, weights: weights)
    return powers(of: [Propagation](repeating: hop, count: count), x)
  }

  public func callAsFunction(_ hops: [Tensor]) -> Tensor {
    require(hops.count == linears.count, "\(hops.count) tensors for \(linears.count - 1) hops")
    return output(
      concatenated(
        zip(linears, hops).map { linear, x in
          linear.terms(x).evaluated(activation: options.activation, dropout: options.dropout)
        }))
  }
}
