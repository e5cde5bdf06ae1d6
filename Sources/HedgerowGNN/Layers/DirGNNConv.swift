import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Convolution along edges of both directions, each by weights of its own: x' = (1 - alpha) times the
/// convolution along the edges, plus alpha times the one against them, plus W x + b.
///
/// The convolutions see neighbors alone, where they can leave out self-loops and a node's own features
/// (``NeighborConvolution``). It runs on whole graphs. Shapes: x [nodes, width], result [nodes, output width].
/// Parameters as in PyTorch Geometric: `conv_in...`, `conv_out...`, `lin`.
///
/// Source: Rossi et al., Edge Directionality Improves Learning on Heterophilic Graphs, 2023.
public struct DirGNNConv: Convolution {
  public struct Options: Sendable {
    /// The share of the edges' other direction.
    public var alpha: Float = 0.5
    /// Let a node's own features take part, by W.
    public var rootWeight = true

    public init() {}
  }

  let incoming: any Convolution
  let outgoing: any Convolution
  let root: Linear?
  private let alpha: Float

  public static let pathNames = [
    "incoming": "conv_in", "outgoing": "conv_out", "root": "lin",
  ]

  /// - Parameters:
  ///   - incoming: along the edges, from the width to the output's.
  ///   - outgoing: against them.
  public init(
    _ width: Int, _ outputWidth: Int, incoming: any Convolution, outgoing: any Convolution,
    options: Options = .init()
  ) {
    self.incoming = incoming
    self.outgoing = outgoing
    root = options.rootWeight ? Linear(width, outputWidth) : nil
    alpha = options.alpha
  }

  public func terms(source: Tensor, target: Tensor, along block: Block) -> AffineSum<Float> {
    require(
      block.sourceCount == block.targetCount, "the other direction of edges needs a whole graph")
    func result(_ convolution: any Convolution, along block: Block) -> Tensor {
      let terms =
        (convolution as? any NeighborConvolution)?.neighborTerms(
          source: source, target: target, along: block)
        ?? convolution.terms(source: source, target: target, along: block)
      return terms.evaluated()
    }
    let both =
      (1 - alpha) * result(incoming, along: block)
      + alpha * result(outgoing, along: block.reversed())
    return AffineSum(both).adding(root, of: source)
  }
}
