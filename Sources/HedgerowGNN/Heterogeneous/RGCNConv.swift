import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// x_t' = b + W x_t + sum over relations r of the aggregate over r's sources s of t of W_r x_s.
///
/// Aggregates of each relation apart, of the sources' own features; then one product for all targets that have
/// edges of a relation, of however many relations (``groupedMatmul(_:_:by:)``).
///
/// Shapes: source [sources, source width], target [targets, target width], types [edges], result [targets,
/// output width]. Names: `weight` [relations, source width, output width], or [bases, ...] and `comp` [relations,
/// bases], or [relations, blocks, source width / blocks, output width / blocks]; `root` [target width, output
/// width]; `bias`.
///
/// Source: Schlichtkrull et al., Modeling Relational Data with Graph Convolutional Networks, ESWC 2018.
public struct RGCNConv: EdgeTypedConvolution {
  public struct Options: Sendable {
    public var aggregation: any Aggregator = Aggregation.mean
    public var regularization = RelationRegularization.none
    /// Let a target's own features take part, by W.
    public var rootWeight = true
    /// Learn b.
    public var bias = true

    public init() {}
  }

  let weights: RelationWeights
  let root: Parameter?
  let bias: Parameter?
  let aggregation: any Aggregator
  public let relationCount: Int
  public static let pathNames = ["weights": "", "aggregation": "aggr_module"]

  /// For sources and targets of two widths.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to outputWidth: Int, relations: Int,
    options: Options = .init()
  ) {
    weights = RelationWeights(relations, sourceWidth, outputWidth, options.regularization)
    root =
      options.rootWeight ? Parameter(shape: [targetWidth, outputWidth], from: .glorot) : nil
    bias = options.bias ? Parameter(shape: [outputWidth], from: .constant(0)) : nil
    aggregation = options.aggregation
    relationCount = relations
  }

  /// For sources and targets of one width.
  public init(_ width: Int, _ outputWidth: Int, relations: Int, options: Options = .init()) {
    self.init(
      source: width, target: width, to: outputWidth, relations: relations, options: options)
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, types: [UInt32]?
  ) -> AffineSum<Float> {
    let edges = TypedEdges(
      block, types: types ?? [UInt32](repeating: 0, count: block.edgeCount),
      typeCount: relationCount)
    let aggregates = aggregation(source, along: edges.pairs)
    let messages = groupedMatmul(aggregates, weights.matrices, by: edges.typeOffsets)
    let terms = AffineSum(aggregate(messages, along: edges.sums, by: .sum)).adding(bias: bias)
    return root.map { terms + AffineSum(target, weight: $0.value.transposed()) } ?? terms
  }
}
