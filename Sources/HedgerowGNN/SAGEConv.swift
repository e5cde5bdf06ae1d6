import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// GraphSAGE with the mean of the neighbors: x_t' = W_l mean over s of x_s + b + W_r x_t.
///
/// A target without sources has a mean of zero. Shapes: source [sources, source width], target
/// [targets, target width], result [targets, output width]. Parameters as in PyTorch Geometric:
/// `lin_l.weight`, `lin_l.bias`, `lin_r.weight`, and `lin.weight`, `lin.bias` of the projection.
///
/// Source: Hamilton, Ying, Leskovec: Inductive Representation Learning on Large Graphs, NIPS 2017.
public struct SAGEConv: Convolution {
  public struct Options: Sendable {
    /// Learn b.
    public var bias = true
    /// Let a target's own features take part, by W_r.
    public var rootWeight = true
    /// Pass sources through relu(W x + c), of the same width, before the mean.
    public var projection = false

    public init() {}
  }

  let projection: Linear?
  let neighbors: Linear
  let root: Linear?

  public static let pathNames = ["projection": "lin", "neighbors": "lin_l", "root": "lin_r"]

  /// For sources and targets of two widths.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to outputWidth: Int,
    options: Options = .init()
  ) {
    projection = options.projection ? Linear(sourceWidth, sourceWidth) : nil
    neighbors = Linear(sourceWidth, outputWidth, bias: options.bias ? .learned : .absent)
    root = options.rootWeight ? Linear(targetWidth, outputWidth, bias: .absent) : nil
  }

  /// For sources and targets of one width.
  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    self.init(source: width, target: width, to: outputWidth, options: options)
  }

  public func terms(source: Tensor, target: Tensor, along block: Block) -> AffineSum<Float> {
    let source = projection.map { $0.terms(source).evaluated(activation: .relu) } ?? source
    return Self.terms(
      source: source, target: target, along: block, neighborWeight: neighbors.weight.value,
      bias: neighbors.bias?.value, rootWeight: root?.weight.value)
  }

  /// The layer's equation for given weights, in any precision.
  public static func terms<Scalar>(
    source: NDTensor<Scalar>, target: NDTensor<Scalar>, along block: Block,
    neighborWeight: NDTensor<Scalar>, bias: NDTensor<Scalar>?, rootWeight: NDTensor<Scalar>?
  ) -> AffineSum<Scalar> {
    require(
      source.shape.count == 2 && source.rowCount == block.sourceCount
        && target.rowCount == block.targetCount,
      "features of shapes \(source.shape) and \(target.shape) for a block of "
        + "\(block.sourceCount) sources and \(block.targetCount) targets")
    var sum: AffineSum<Scalar>
    if isTransformedFirst(block, width: source.shape[1], outputWidth: neighborWeight.shape[0]) {
      // The mean is linear: W_l may come first. The bias may not: a target without sources has it.
      let transformed = AffineSum(source, weight: neighborWeight).evaluated()
      sum = AffineSum(segmentMean(transformed, along: block))
      if let bias { sum.add(bias: bias) }
    } else {
      sum = AffineSum(segmentMean(source, along: block), weight: neighborWeight, bias: bias)
    }
    if let rootWeight { sum = sum + AffineSum(target, weight: rootWeight) }
    return sum
  }

  /// Whether W_l x of all sources, then means of the output's width, cost less than means of the
  /// input's width, then W_l of the targets. Adding a number that has to be fetched costs about as
  /// much as four multiplications and additions in a product.
  static func isTransformedFirst(_ block: Block, width: Int, outputWidth: Int) -> Bool {
    let (edges, product) = (4 * block.edgeCount, width * outputWidth)
    return block.sourceCount * product + edges * outputWidth
      < block.targetCount * product + edges * width
  }
}
