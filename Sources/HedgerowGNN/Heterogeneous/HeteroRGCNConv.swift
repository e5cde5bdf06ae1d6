public import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// What the neighbors send in a relational graph convolution: the sum over the relations r into t's type of the
/// mean over r's sources s of t of W_r x_s.
///
/// ``RGCNConv`` over several node types; a target's own features are somebody else's term, as the relations of a
/// type may be many and its W_0 is one. All products of a layer are made at once, for those targets that have
/// edges of a relation (``groupedMatmul(_:_:by:)``).
///
/// Shapes: x[type] [sources, width], of one width for all types; result[type] [targets, output width]. Names:
/// `weight` [relations, width, output width], or [bases, ...] and `comp` [relations, bases].
///
/// Source: Schlichtkrull et al., Modeling Relational Data with Graph Convolutional Networks, ESWC 2018.
public struct HeteroRGCNConv: HeteroConvolution {
  let weights: RelationWeights
  public let relations: [EdgeType]
  public static let pathNames = ["weights": ""]

  public init(
    _ width: Int, _ outputWidth: Int, relations: [EdgeType],
    regularization: RelationRegularization = .none
  ) {
    require(!relations.isEmpty, "a layer over relations needs one")
    weights = RelationWeights(relations.count, width, outputWidth, regularization)
    self.relations = relations
  }

  public func terms(_ x: PerNode<Tensor>, _ block: HeteroBlock) -> PerNode<AffineSum<Float>> {
    let joint = JointBlock(relations, x, block)
    let sources = concatenated(joint.sourceTypes.map { x[$0] }, along: 0)
    let aggregates = aggregate(sources, along: joint.edges.pairs, by: .mean)
    let messages = groupedMatmul(aggregates, weights.matrices, by: joint.edges.typeOffsets)
    let sums = aggregate(messages, along: joint.edges.sums, by: .sum)
    return joint.targetRows.mapValues { AffineSum(sums.sliced($0, along: 0)) }
  }
}
