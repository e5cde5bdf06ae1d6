public import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// One convolution for each relation; a node type's result is the sum over the relations into it,
/// or another ``Combination`` of them.
///
/// ```swift
/// let conv = HeteroConv([
///   ("user", "rates", "item"): SAGEConv(source: 64, target: 128, to: 128),
///   ("item", "rev_rates", "user"): SAGEConv(source: 128, target: 64, to: 128),
/// ])
/// let hidden = conv(x, block, activation: .relu)
/// ```
/// The result has the node types that some relation of the layer leads into, and no others. A
/// relation without edges takes part like any other: its means are zero, its bias and the
/// targets' own features count. Relations of the block that have no convolution are left out. Weights of the block's
/// messages count in each ``EdgeWeightedConvolution``; others have no place for them.
///
/// Source: Schlichtkrull et al., Modeling Relational Data with Graph Convolutional Networks,
/// ESWC 2018; names as in PyTorch Geometric's `HeteroConv`: `convs.<user___rates___item>...`.
public struct HeteroConv: Module {
  /// How the results of several relations into one node type become one.
  public enum Combination: String, Sendable, CaseIterable {
    case sum, mean, max, min
    /// Side by side, in the order of the relations.
    case concatenated
  }

  let convs: PerEdge<any Convolution>
  let combination: Combination

  public init(
    _ convolutions: PerEdge<any Convolution>, combining combination: Combination = .sum
  ) {
    convs = convolutions
    self.combination = combination
  }

  /// The relations that have a convolution.
  public var relations: [EdgeType] { convs.keys }

  /// New features of the block's targets, by node type, through an activation and then dropout.
  ///
  /// Shapes: x[type] [sourceCounts[type], width]; result [targetCounts[type], output width].
  ///
  /// Ends the program, naming the relation, when its features or its block are missing.
  public func callAsFunction(
    _ x: PerNode<Tensor>, _ block: HeteroBlock, activation: Activation = .identity,
    dropout rate: Double = 0
  ) -> PerNode<Tensor> {
    terms(x, block).mapValues { $0.evaluated(activation: activation, dropout: rate) }
  }

  /// The same, not computed yet: to be added to other terms, or followed by an activation.
  public func terms(_ x: PerNode<Tensor>, _ block: HeteroBlock) -> PerNode<AffineSum<Float>> {
    var targets = PerNode<Tensor>()
    var results = PerNode<[AffineSum<Float>]>()
    for (relation, convolution) in convs {
      let source = Self.input(of: relation.source, from: x, for: relation)
      if targets[optional: relation.target] == nil {
        let count = block.targetCounts[optional: relation.target] ?? 0
        targets[relation.target] =
          Self.input(of: relation.target, from: x, for: relation).prefix(rows: count)
      }
      let terms = Self.terms(
        convolution, source, targets[relation.target], along: relation, in: block)
      results[relation.target] = (results[optional: relation.target] ?? []) + [terms]
    }
    return results.mapValues(combined)
  }

  private static func terms(
    _ convolution: any Convolution, _ source: Tensor, _ target: Tensor, along relation: EdgeType,
    in block: HeteroBlock
  ) -> AffineSum<Float> {
    let edges = edges(of: relation, in: block)
    guard let weights = block.weights[optional: relation],
      let weighted = convolution as? any EdgeWeightedConvolution
    else { return convolution.terms(source: source, target: target, along: edges) }
    return weighted.terms(
      source: source, target: target, along: edges,
      weights: Tensor(Array(weights.prefix(edges.edgeCount)), shape: [edges.edgeCount]))
  }

  private func combined(_ results: [AffineSum<Float>]) -> AffineSum<Float> {
    func reduced(_ combine: (Tensor, Tensor) -> Tensor) -> Tensor {
      let tensors = results.map { $0.evaluated() }
      return tensors.dropFirst().reduce(tensors[0], combine)
    }
    if results.count == 1 { return results[0] }
    return switch combination {
    case .sum: results.dropFirst().reduce(results[0], +)
    case .mean: AffineSum(reduced { $0 + $1 } / Float(results.count))
    case .max: AffineSum(reduced(maximum))
    case .min: AffineSum(reduced(minimum))
    case .concatenated: AffineSum(HedgerowTensor.concatenated(results.map { $0.evaluated() }))
    }
  }

  /// The features that a relation needs; ends the program when they are missing.
  static func input(
    of type: NodeType, from x: PerNode<Tensor>, for relation: EdgeType
  ) -> Tensor {
    guard let features = x[optional: type] else {
      fatalError("relation \(relation) needs features of '\(type)'; there are those of \(x.keys)")
    }
    return features
  }

  /// The edges of a relation; ends the program when they are missing.
  static func edges(of relation: EdgeType, in block: HeteroBlock) -> Block {
    guard let edges = block[relation] else {
      fatalError("relation \(relation) has no block; there are \(block.blocks.keys)")
    }
    return edges
  }
}
