public import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// A transformer over nodes and edges of several types: what a target gets of its edges e, of whatever relation r
/// from source s, is the sum of a_e V_r v_s, where a_e is the softmax over all of them of
/// p_r q_t . K_r k_s / sqrt(head width), for each head apart.
///
/// Keys k, queries q and values v are linear in the nodes' features, by node type. The result is W gelu(sum) + b,
/// by node type; where it is as wide as the target's features x, g of it and (1 - g) of x, g = sigmoid of a
/// number of the node type.
///
/// K_r is applied to the targets' queries, q . K k = (K^T q) . k, and V_r to what targets have gathered: matrices
/// of relations act on the rows of a block's targets, of which there are fewer than sources.
///
/// Shapes: x[type] [sources, width[type]], result[type] [targets, output width], of the types that relations lead
/// into; one whose relations have no edges gets W gelu(0) + b, and its share of x. Names are those of PyTorch
/// Geometric: `kqv_lin.lins.<type>`, `out_lin.lins.<type>`, `k_rel.weight` and `v_rel.weight` [heads x relations,
/// head width, head width], `skip.<type>`, `p_rel.<source>__<relation>__<target>`.
///
/// Source: Hu et al., Heterogeneous Graph Transformer, WWW 2020.
public struct HGTConv: Module {
  let inputs: TypedLinears
  let outputs: TypedLinears
  let keyMatrices: RelationMatrices
  let valueMatrices: RelationMatrices
  let skip: PerNode<Parameter>
  let priorities: RelationParameters
  public let relations: [EdgeType]
  public let heads: Int
  let outputWidth: Int

  public static let pathNames = [
    "inputs": "kqv_lin", "outputs": "out_lin", "keyMatrices": "k_rel", "valueMatrices": "v_rel",
    "priorities": "p_rel",
  ]

  struct TypedLinears: Module {
    let lins: PerNode<Linear>
  }

  struct RelationMatrices: Module {
    let weight: Parameter
  }

  /// - Parameter widths: of each node type's features.
  public init(_ widths: PerNode<Int>, to outputWidth: Int, relations: [EdgeType], heads: Int = 1) {
    require(
      heads > 0 && outputWidth.isMultiple(of: heads),
      "\(heads) heads do not share a width of \(outputWidth)")
    for relation in relations {
      for type in [relation.source, relation.target] {
        require(
          widths[optional: type] != nil,
          "relation \(relation) needs the width of '\(type)'; there are those of \(widths.keys)")
      }
    }
    inputs = TypedLinears(lins: widths.mapValues { Linear($0, 3 * outputWidth) })
    outputs = TypedLinears(lins: widths.mapValues { _ in Linear(outputWidth, outputWidth) })
    let (count, width) = (relations.count * heads, outputWidth / heads)
    func matrices() -> RelationMatrices {
      RelationMatrices(
        weight: Parameter(
          shape: [count, width, width],
          from: .uniform(bound: width > 0 ? 1 / Float(width).squareRoot() : 0)))
    }
    (keyMatrices, valueMatrices) = (matrices(), matrices())
    skip = widths.mapValues { _ in Parameter(shape: [1], from: .constant(1)) }
    var priorities = PerEdge<Parameter>()
    for relation in relations {
      priorities[relation] = Parameter(shape: [1, heads], from: .constant(1))
    }
    self.priorities = RelationParameters(values: priorities)
    (self.relations, self.heads, self.outputWidth) = (relations, heads, outputWidth)
  }

  /// New features of the block's targets, of each type that a relation leads into.
  ///
  /// Ends the program, naming the relation, when its features or its block are missing.
  public func callAsFunction(_ x: PerNode<Tensor>, _ block: HeteroBlock) -> PerNode<Tensor> {
    let joint = JointBlock(relations, x, block)
    let keys = projected(x, joint.sourceTypes, part: 0)
    let values = projected(x, joint.sourceTypes, part: 2)
    var targets = PerNode<Tensor>()
    for type in joint.targetTypes {
      targets[type] = x[type].prefix(rows: block.targetCounts[optional: type] ?? 0)
    }
    let queries = projected(targets, joint.targetTypes, part: 1)
    let edges = joint.edges
    let turned = groupedMatmul(
      queries.gathered(rows: edges.targets), turningMatrices, by: edges.typeOffsets)
    let shares = joint.shares(
      edgeDot(keys, turned, heads: heads, along: edges.pairs))
    let gathered = aggregate(values, scaledBy: shares, along: edges.pairs, by: .sum)
    let messages = groupedMatmul(
      gathered, matrices(valueMatrices), by: edges.typeOffsets)
    let hidden = gelu(aggregate(messages, along: edges.sums, by: .sum))
    var results = PerNode<Tensor>()
    for (type, rows) in joint.targetRows {
      let own = targets[type]
      let result = outputs.lins[type](hidden.sliced(rows, along: 0))
      guard own.width == outputWidth else {
        results[type] = result
        continue
      }
      results[type] = own + sigmoid(skip[type].value) * (result - own)
    }
    return results
  }

  /// Keys (0), queries (1) or values (2) of all nodes of some types, one type's below another's.
  private func projected(_ x: PerNode<Tensor>, _ types: [NodeType], part: Int) -> Tensor {
    let rows = part * outputWidth..<(part + 1) * outputWidth
    return concatenated(
      types.map { type in
        let linear = inputs.lins[type]
        return AffineSum(
          x[type], weight: linear.weight.value.sliced(rows, along: 0),
          bias: linear.bias?.value.sliced(rows, along: 0)
        ).evaluated()
      }, along: 0)
  }

  /// [relations, heads, head width, head width], from rows on the left.
  private func matrices(_ matrices: RelationMatrices) -> Tensor {
    let width = outputWidth / heads
    return matrices.weight.value.reshaped(to: [heads, relations.count, width, width])
      .swapped(0, 1)
  }

  /// What turns queries so that they can be multiplied with keys as they are.
  private var turningMatrices: Tensor {
    let width = outputWidth / heads
    let scales = stacked(relations.map { priorities.values[$0].value })
      .reshaped(to: [relations.count, heads, 1, 1])
    return matrices(keyMatrices).swapped(2, 3) * (scales / Float(width).squareRoot())
  }
}

/// The blocks of several relations as one, between all nodes of all types.
struct JointBlock {
  let sourceTypes: [NodeType]
  let targetTypes: [NodeType]
  let targetRows: PerNode<Range<Int>>
  let edges: TypedEdges
  private let entriesByTarget: RowGroups

  init(_ relations: [EdgeType], _ x: PerNode<Tensor>, _ block: HeteroBlock) {
    var (sourceFirst, sourceCount) = (PerNode<Int>(), 0)
    var (targetRows, targetCount) = (PerNode<Range<Int>>(), 0)
    for relation in relations {
      if sourceFirst[optional: relation.source] == nil {
        sourceFirst[relation.source] = sourceCount
        sourceCount += HeteroConv.input(of: relation.source, from: x, for: relation).rowCount
      }
      if targetRows[optional: relation.target] == nil {
        _ = HeteroConv.input(of: relation.target, from: x, for: relation)
        let count = block.targetCounts[optional: relation.target] ?? 0
        targetRows[relation.target] = targetCount..<targetCount + count
        targetCount += count
      }
    }
    var (sources, targets): ([UInt32], [UInt32]) = ([], [])
    var typeEnds: [Int] = []
    for relation in relations {
      let own = HeteroConv.edges(of: relation, in: block)
      let (first, firstTarget) = (
        UInt32(sourceFirst[relation.source]), UInt32(targetRows[relation.target].lowerBound)
      )
      sources += own.sources[..<own.edgeCount].map { first + $0 }
      targets += own.targetOfEachEntry.map { firstTarget + $0 }
      typeEnds.append(sources.count)
    }
    sourceTypes = sourceFirst.keys
    targetTypes = targetRows.keys
    self.targetRows = targetRows
    edges = TypedEdges(
      sources: sources, targets: targets, typeEnds: typeEnds, sourceCount: sourceCount,
      targetCount: targetCount)
    entriesByTarget = RowGroups(targets, count: targetCount)
  }

  /// The softmax over all edges of each target. Shapes: [edges, heads], by relation.
  func shares(_ scores: Tensor) -> Tensor {
    entriesByTarget.apart(
      segmentSoftmax(entriesByTarget.together(scores), by: entriesByTarget.offsets))
  }
}

/// A parameter for each relation, under the names of PyTorch Geometric's dictionaries of them.
struct RelationParameters: NamedValues, Sendable {
  let values: PerEdge<Parameter>

  var namedValues: [(name: String, value: Any)] {
    values.map { ("\($0.source)__\($0.relation)__\($0.target)", $1) }
  }
}
