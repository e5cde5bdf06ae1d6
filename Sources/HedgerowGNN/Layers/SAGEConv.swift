import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// GraphSAGE: x_t' = W_l aggregate over s of x_s + b + W_r x_t.
///
/// A target without sources has an aggregate of zero. Shapes: source [sources, source width], target
/// [targets, target width], result [targets, output width]. Parameters as in PyTorch Geometric:
/// `lin_l.weight`, `lin_l.bias`, `lin_r.weight`, and `lin.weight`, `lin.bias` of the projection.
///
/// Source: Hamilton, Ying, Leskovec: Inductive Representation Learning on Large Graphs, NIPS 2017.
public struct SAGEConv: NeighborConvolution {
  public struct Options: Sendable {
    public var aggregation: any Aggregator = Aggregation.mean
    /// Learn b.
    public var bias = true
    /// Let a target's own features take part, by W_r.
    public var rootWeight = true
    /// Pass sources through relu(W x + c), of the same width, before they are aggregated.
    public var projection = false
    /// Scale each row of the result to length 1.
    public var normalization = false

    public init() {}
  }

  let projection: Linear?
  let neighbors: Linear
  let root: Linear?
  let aggregator: any Aggregator
  let options: Options

  public static let pathNames = [
    "projection": "lin", "neighbors": "lin_l", "root": "lin_r", "aggregator": "aggr_module",
  ]

  /// For sources and targets of two widths.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to outputWidth: Int,
    options: Options = .init()
  ) {
    projection = options.projection ? Linear(sourceWidth, sourceWidth) : nil
    aggregator = options.aggregation
    neighbors = Linear(
      aggregator.outputWidth(of: sourceWidth), outputWidth,
      bias: options.bias ? .learned : .absent)
    root = options.rootWeight ? Linear(targetWidth, outputWidth, bias: .absent) : nil
    self.options = options
  }

  /// For sources and targets of one width.
  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    self.init(source: width, target: width, to: outputWidth, options: options)
  }

  public func terms(source: Tensor, target: Tensor, along block: Block) -> AffineSum<Float> {
    terms(source: source, target: target, along: block, root: root)
  }

  public func neighborTerms(
    source: Tensor, target: Tensor, along block: Block
  ) -> AffineSum<Float> {
    terms(source: source, target: target, along: block, root: nil)
  }

  private func terms(
    source: Tensor, target: Tensor, along block: Block, root: Linear?
  ) -> AffineSum<Float> {
    let source = projection.map { $0.terms(source).evaluated(activation: .relu) } ?? source
    let sum = terms(of: source, target, along: block, root: root)
    return options.normalization ? AffineSum(rowsOfLengthOne(sum.evaluated())) : sum
  }

  private func terms(
    of source: Tensor, _ target: Tensor, along block: Block, root: Linear?
  ) -> AffineSum<Float> {
    guard let aggregation = aggregator as? Aggregation else {
      return neighbors.terms(aggregator(source, along: block)).adding(root, of: target)
    }
    return Self.terms(
      source: source, target: target, along: block, aggregation: aggregation,
      neighborWeight: neighbors.weight.value, bias: neighbors.bias?.value,
      rootWeight: root?.weight.value)
  }

  /// The layer's equation for given weights, in any precision.
  public static func terms<Scalar>(
    source: NDTensor<Scalar>, target: NDTensor<Scalar>, along block: Block,
    aggregation: Aggregation = .mean, neighborWeight: NDTensor<Scalar>, bias: NDTensor<Scalar>?,
    rootWeight: NDTensor<Scalar>?
  ) -> AffineSum<Scalar> {
    require(
      source.shape.count == 2 && source.rowCount == block.sourceCount
        && target.rowCount == block.targetCount,
      "features of shapes \(source.shape) and \(target.shape) for a block of "
        + "\(block.sourceCount) sources and \(block.targetCount) targets")
    // Only targets that have edges are computed where the others' aggregate is zero.
    let some = aggregation == .product ? nil : block.reached
    let (rows, reached) = some.map { ($0.targets as [UInt32]?, $0.block) } ?? (nil, block)
    var terms: AffineSum<Scalar>
    if aggregation.isLinear
      && isTransformedFirst(reached, width: source.shape[1], outputWidth: neighborWeight.shape[0])
    {
      let transformed = AffineSum(source, weight: neighborWeight).evaluated()
      let aggregated = aggregate(transformed, along: reached, by: aggregation)
      terms =
        rows.map { AffineSum(aggregated, addedTo: $0, of: block.targetCount) }
        ?? AffineSum(aggregated)
    } else {
      let aggregated = aggregate(source, along: reached, by: aggregation)
      terms =
        rows.map {
          AffineSum(aggregated, weight: neighborWeight, addedTo: $0, of: block.targetCount)
        } ?? AffineSum(aggregated, weight: neighborWeight)
    }
    if let bias { terms.add(bias: bias) }
    return rootWeight.map { terms + AffineSum(target, weight: $0) } ?? terms
  }
}
