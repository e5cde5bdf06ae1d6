public import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// Attention of each target to its sources, relation by relation, then of node types to their relations.
///
/// h = W_k x + b_k by node type; z_r = relu of the sum over r's sources s of t of a_st h_s, where a_st is the
/// softmax over s of leakyRelu(p_r . h_s + q_r . h_t), for each head apart; the result is the sum over the
/// relations into the type of b_r z_r, where b_r is the softmax over r of the mean over targets of q . tanh(K
/// z_r + c).
///
/// Shapes: x[type] [sources, width[type]], result[type] [targets, output width], of the types that relations lead
/// into; a relation without edges gives zeros. Names are those of PyTorch Geometric: `proj.<type>`,
/// `lin_src.<source>__<relation>__<target>` and `lin_dst...` [1, heads, head width], `k_lin`, `q` [1, output
/// width].
///
/// Source: Wang et al., Heterogeneous Graph Attention Network, WWW 2019.
public struct HANConv: Module {
  public struct Options: Sendable {
    public var heads = 1
    /// Of the leaky relu before the softmax.
    public var negativeSlope: Float = 0.2
    /// Rate of dropout of attention, in training.
    public var dropout = 0.0

    public init() {}
  }

  let projections: PerNode<Linear>
  let sourceAttention: RelationParameters
  let targetAttention: RelationParameters
  let relationKeys: Linear
  let relationQuery: Parameter
  public let relations: [EdgeType]
  public let options: Options
  private let heads: AttentionHeads

  public static let pathNames = [
    "projections": "proj", "sourceAttention": "lin_src", "targetAttention": "lin_dst",
    "relationKeys": "k_lin", "relationQuery": "q",
  ]

  /// - Parameter widths: of each node type's features.
  public init(
    _ widths: PerNode<Int>, to outputWidth: Int, relations: [EdgeType], options: Options = .init()
  ) {
    require(
      options.heads > 0 && outputWidth.isMultiple(of: options.heads),
      "\(options.heads) heads do not share a width of \(outputWidth)")
    let heads = AttentionHeads(
      options.heads, width: outputWidth / options.heads, dropout: options.dropout)
    func attention() -> RelationParameters {
      var values = PerEdge<Parameter>()
      for relation in relations { values[relation] = heads.vectors() }
      return RelationParameters(values: values)
    }
    self.heads = heads
    projections = widths.mapValues { Linear($0, outputWidth) }
    (sourceAttention, targetAttention) = (attention(), attention())
    relationKeys = Linear(outputWidth, outputWidth)
    relationQuery = Parameter(shape: [1, outputWidth], from: .glorot)
    self.relations = relations
    self.options = options
  }

  /// New features of the block's targets, of each type that a relation leads into.
  ///
  /// Ends the program, naming the relation, when its features or its block are missing.
  public func callAsFunction(_ x: PerNode<Tensor>, _ block: HeteroBlock) -> PerNode<Tensor> {
    var hidden = PerNode<Tensor>()
    var results = PerNode<[Tensor]>()
    for relation in relations {
      for type in [relation.source, relation.target] where hidden[optional: type] == nil {
        hidden[type] = projections[type](HeteroConv.input(of: type, from: x, for: relation))
      }
      let edges = HeteroConv.edges(of: relation, in: block)
      let source = hidden[relation.source]
      let target = hidden[relation.target].prefix(rows: edges.targetCount)
      let attended = heads.attend(
        source, sourceScores: heads.products(source, sourceAttention.values[relation]),
        targetScores: heads.products(target, targetAttention.values[relation]),
        slope: options.negativeSlope, along: edges)
      results[relation.target] = (results[optional: relation.target] ?? []) + [relu(attended)]
    }
    return results.mapValues(combined)
  }

  private func combined(_ results: [Tensor]) -> Tensor {
    if results.count == 1 || results[0].rowCount == 0 { return results[0] }
    let scores = results.map { result in
      let keys = relationKeys.applied(to: result, activation: .tanh)
      return sum(relationQuery.value * mean(keys, along: 0))
    }
    let parts = zip(softmax(stacked(scores)).split(every: 1, along: 0), results).map { $0 * $1 }
    return parts.dropFirst().reduce(parts[0], +)
  }
}
