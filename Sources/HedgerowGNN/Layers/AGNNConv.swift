import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Propagation by attention alone: x_t' = sum over the sources s of t, t itself included, of a_st x_s, where
/// a_st = softmax over s of beta cos(x_s, x_t).
///
/// Shapes: x [sources, width], result [targets, width]. Parameters as in PyTorch Geometric: `beta` [1].
///
/// Source: Thekumparampil et al., Attention-based Graph Neural Network for Semi-supervised Learning, 2018.
public struct AGNNConv: Convolution {
  public struct Options: Sendable {
    /// Learn beta, which begins as 1.
    public var learning = true
    /// Give each target an edge from itself where it has none.
    public var selfLoops = true

    public init() {}
  }

  let beta: Parameter?
  let fixedBeta: Buffer?
  private let selfLoops: Bool

  public static let pathNames = ["fixedBeta": "beta"]

  public init(options: Options = .init()) {
    beta = options.learning ? Parameter(shape: [1], from: .constant(1)) : nil
    fixedBeta = options.learning ? nil : Buffer(shape: [1], startingAs: 1)
    selfLoops = options.selfLoops
  }

  public func terms(source: Tensor, target: Tensor, along given: Block) -> AffineSum<Float> {
    let block = selfLoops ? given.addingSelfLoops() : given
    let x = rowsOfLengthOne(source)
    let cosines = edgeDot(x, x.prefix(rows: block.targetCount), along: block)
    let scores = (beta?.value ?? fixedBeta!.value) * cosines
    return AffineSum(
      aggregate(source, scaledBy: edgeSoftmax(scores, along: block), along: block, by: .sum))
  }
}
