import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Attention along edges of several relations: x_t' = b + sum over the edges e of t, of relation r from source
/// s, of a_e W_r x_s, where a_e is a softmax of what W_r x_s, W_r x_t and the edge's features give.
///
/// For each head and each of its `dimensions`, q_e = Q W_r x_t, k_e = K W_r x_s and c_e = E W_e f_e make the
/// score leakyRelu(q_e + k_e + c_e), or q_e k_e c_e. W_r x is made once for each relation and node with edges of
/// it, not for each edge.
///
/// Shapes: x [nodes, width], types [edges], edge features [edges, edge width], result [targets, heads x
/// dimensions x head width], or without heads when these are averaged. Names are those of PyTorch Geometric:
/// `weight`, or `basis` and `att`; `q`, `k`, `bias`, `lin_edge`, `e`; `w`, `l1`, `b1`, `l2`, `b2` of
/// ``Cardinality``.
///
/// Source: Busbridge et al., Relational Graph Attention Networks, 2019; Zhang and Xie, Improving Attention
/// Mechanism in Graph Neural Networks via Cardinality Preservation, IJCAI 2020.
public struct RGATConv: EdgeTypedFeaturedConvolution {
  /// What keeps an aggregate from forgetting how many edges it is of.
  public enum Cardinality: Sendable {
    case forgotten
    /// Messages (a_e + w) W_r x_s, w learned.
    case additive
    /// Results times L_2 relu(L_1 d + b_1) + b_2, d the target's degree.
    case scaled
    /// Weights a_e + 1.
    case fixedAdditive
    /// Weights d a_e.
    case fixedScaled
  }

  /// Over what the shares of attention are one together.
  public enum Scope: Sendable {
    /// All edges of a target.
    case acrossRelations
    /// Those of one relation.
    case withinRelations
  }

  public enum Scoring: Sendable {
    case additive
    case multiplicative
  }

  public struct Options: Sendable {
    public var regularization = RelationRegularization.none
    public var cardinality = Cardinality.forgotten
    public var scope = Scope.acrossRelations
    public var scoring = Scoring.additive
    public var heads = 1
    /// Scores of a head; additive ones are one.
    public var dimensions = 1
    /// What becomes of the heads' results.
    public var heading = HeadCombination.concatenated
    /// Of the leaky relu of additive scores.
    public var negativeSlope: Float = 0.2
    /// Rate of dropout of attention, in training.
    public var dropout = 0.0
    /// Width of the edges' features, where they have any.
    public var edgeWidth: Int?
    /// Learn b.
    public var bias = true

    public init() {}
  }

  let weights: RelationWeights
  let query: Parameter
  let key: Parameter
  let bias: Parameter?
  let fromEdge: Linear?
  let edgeScore: Parameter?
  let cardinalityWeight: Parameter
  let firstScale: Parameter
  let firstShift: Parameter
  let secondScale: Parameter
  let secondShift: Parameter
  public let options: Options
  public let relationCount: Int
  private let headWidth: Int

  public static let pathNames = [
    "weights": "", "query": "q", "key": "k", "fromEdge": "lin_edge", "edgeScore": "e",
    "cardinalityWeight": "w", "firstScale": "l1", "firstShift": "b1", "secondScale": "l2",
    "secondShift": "b2",
  ]

  public init(_ width: Int, _ headWidth: Int, relations: Int, options: Options = .init()) {
    require(
      options.heads >= 1 && options.dimensions >= 1
        && (options.scoring == .multiplicative || options.dimensions == 1),
      "\(options.heads) heads of \(options.dimensions) scores, which are one when additive")
    require(
      options.dropout == 0 || options.cardinality == .forgotten,
      "attention that is dropped out keeps no cardinality")
    let inner = options.heads * headWidth
    weights = RelationWeights(
      relations, width, inner, options.regularization,
      names: .init(weight: "weight", shares: "att", bases: "basis"))
    func scores() -> Parameter {
      Parameter(shape: [inner, options.heads * options.dimensions], from: .glorot)
    }
    (query, key) = (scores(), scores())
    let outputs =
      options.dimensions * headWidth * (options.heading == .concatenated ? options.heads : 1)
    bias = options.bias ? Parameter(shape: [outputs], from: .constant(0)) : nil
    fromEdge = options.edgeWidth.map { Linear($0, inner, bias: .absent, from: .glorot) }
    edgeScore = options.edgeWidth.map { _ in scores() }
    cardinalityWeight = Parameter(shape: [headWidth], from: .constant(1))
    firstScale = Parameter(shape: [1, headWidth], from: .constant(1))
    firstShift = Parameter(shape: [1, headWidth], from: .constant(0))
    secondScale = Parameter(
      shape: [headWidth, headWidth], from: .constant(1 / Float(max(1, headWidth))))
    secondShift = Parameter(shape: [1, headWidth], from: .constant(0))
    self.options = options
    self.headWidth = headWidth
    relationCount = relations
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, types: [UInt32]?, edges: Tensor?
  ) -> AffineSum<Float> {
    require(
      (edges != nil) == (fromEdge != nil),
      "edges \(edges == nil ? "without" : "with") features for a layer made for "
        + (fromEdge == nil ? "none" : "some"))
    let types = types ?? [UInt32](repeating: 0, count: block.edgeCount)
    let matrices = weights.matrices
    let targets = TypedRows(
      block.targetOfEachEntry, types: types, rowCount: block.targetCount, typeCount: relationCount)
    let sources = TypedRows(
      block.usedSources, types: types, rowCount: block.sourceCount, typeCount: relationCount)
    func transformed(_ x: Tensor, _ rows: TypedRows) -> Tensor {
      groupedMatmul(x.gathered(rows: rows.rows), matrices, by: rows.offsets)
    }
    let (x, y) = (transformed(source, sources), transformed(target, targets))
    // From here on the sources of an entry are pairs of a relation and a node.
    let entries = Block(
      offsets: block.usedOffsets, sources: sources.places, sourceCount: sources.rows.count,
      targetCount: block.targetCount)
    let queries = matmul(y, query.value).gathered(rows: targets.places)
    let keys = matmul(x, key.value).gathered(rows: sources.places)
    let features = edges.map { matmul(fromEdge!($0), edgeScore!.value) }
    var shares = shares(scores(queries, keys, features), entries, types)
    switch options.cardinality {
    case .fixedAdditive: shares = select(shares .> 0, shares + 1, otherwise: shares)
    case .fixedScaled:
      let degrees = entries.degrees(ofTargets: Float.self).reshaped(to: [entries.targetCount, 1])
      shares = shares * degrees.gathered(alongTargetsOf: entries)
    case .forgotten: shares = dropout(shares, rate: options.dropout)
    case .additive, .scaled: break
    }
    return AffineSum(headed(results(x, shares, entries))).adding(bias: bias)
  }

  private func scores(_ queries: Tensor, _ keys: Tensor, _ features: Tensor?) -> Tensor {
    switch options.scoring {
    case .additive:
      let sums = queries + keys
      return leakyRelu(features.map { sums + $0 } ?? sums, slope: options.negativeSlope)
    case .multiplicative:
      let products = queries * keys
      return features.map { products * $0 } ?? products
    }
  }

  private func shares(_ scores: Tensor, _ entries: Block, _ types: [UInt32]) -> Tensor {
    if options.scope == .acrossRelations {
      return edgeSoftmax(scores, along: entries)
    }
    let targets = entries.targetOfEachEntry
    let groups = RowGroups(
      zip(targets, types).map { $0 * UInt32(relationCount) + $1 },
      count: entries.targetCount * relationCount)
    return groups.apart(segmentSoftmax(groups.together(scores), by: groups.offsets))
  }

  /// What targets receive: [targets, heads, dimensions, head width].
  private func results(_ x: Tensor, _ shares: Tensor, _ entries: Block) -> Tensor {
    let (heads, dimensions) = (options.heads, options.dimensions)
    let shape = [entries.targetCount, heads, 1, headWidth]
    let shares = shares.reshaped(to: [entries.edgeCount, heads, dimensions])
    var result = concatenated(
      (0..<dimensions).map {
        aggregate(
          x, scaledBy: shares[0..., 0..., $0].contiguous, along: entries, by: .sum
        ).reshaped(to: shape)
      }, along: 2)
    switch options.cardinality {
    case .additive:
      let sums = aggregate(x, along: entries, by: .sum).reshaped(to: shape)
      result = result + sums * cardinalityWeight.value
    case .scaled:
      let degrees = entries.degrees(ofTargets: Float.self).reshaped(to: [entries.targetCount, 1])
      let hidden = relu(degrees * firstScale.value + firstShift.value)
      let scales = matmul(hidden, secondScale.value) + secondShift.value
      result = result * scales.reshaped(to: [entries.targetCount, 1, 1, headWidth])
    case .forgotten, .fixedAdditive, .fixedScaled: break
    }
    return result
  }

  private func headed(_ result: Tensor) -> Tensor {
    let width = options.dimensions * headWidth
    return options.heading == .concatenated
      ? result.reshaped(to: [result.shape[0], options.heads * width])
      : mean(result, along: 1).reshaped(to: [result.shape[0], width])
  }
}

extension Block {
  /// Shapes: [entries].
  var targetOfEachEntry: [UInt32] {
    var targets = [UInt32](repeating: 0, count: edgeCount)
    for target in 0..<targetCount {
      for entry in Int(offsets[target])..<Int(offsets[target + 1]) {
        targets[entry] = UInt32(target)
      }
    }
    return targets
  }
}
