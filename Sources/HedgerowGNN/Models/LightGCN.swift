import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// Rows of users and items that are learned, and smoothed over the graph of who took what: the sum over layers l of
/// alpha_l times the rows after l steps of ``LGConv``; a pair's score is the product of both rows.
///
/// Users and items are numbered together, and edges go both ways. Shapes: `embedding.weight` [nodes, width], `alpha`
/// [layers + 1], a buffer.
///
/// Source: He et al., LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation, SIGIR
/// 2020; Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback, UAI 2009.
public struct LightGCN: Module {
  let embedding: EmbeddingTable
  let shares: Buffer
  let convolution: LGConv
  public static let pathNames = ["shares": "alpha"]

  /// - Parameter shares: alpha; all alike where it is `nil`.
  public init(
    nodes: Int, width: Int, layers: Int, shares: [Float]? = nil, options: LGConv.Options = .init()
  ) {
    let shares = shares ?? [Float](repeating: 1 / Float(layers + 1), count: layers + 1)
    require(
      shares.count == layers + 1, "\(shares.count) shares for \(layers) layers and what is first")
    embedding = EmbeddingTable(nodes, width)
    self.shares = Buffer(startingAs: Tensor(shares))
    convolution = LGConv(options: options)
  }

  public var layerCount: Int { shares.shape[0] - 1 }

  /// The rows of all nodes: [nodes, width].
  ///
  /// - Parameter weights: of the edges, [edges]; ones where they are `nil`.
  public func embeddings(_ block: Block, weights: Tensor? = nil) -> Tensor {
    let (alpha, table) = (shares.value.scalars, embedding.weight.value)
    var (x, result) = (table, alpha[0] * table)
    for share in alpha.dropFirst() {
      x = convolution.terms(source: x, target: x, along: block, weights: weights).evaluated()
      result = result + share * x
    }
    return result
  }

  /// The score of each pair, by the rows of ``embeddings(_:weights:)``: [pairs].
  public func scores(_ embeddings: Tensor, _ pairs: NodePairs) -> Tensor {
    innerProducts(embeddings, pairs)
  }

  /// For each source the targets that score highest, the best first: [sources.count x count].
  ///
  /// - Parameters:
  ///   - targets: what to choose from; all nodes where it is `nil`.
  ///   - count: at most as many as there are targets.
  public func recommendations(
    _ embeddings: Tensor, for sources: [UInt32], among targets: [UInt32]? = nil, count: Int
  ) -> [[UInt32]] {
    let chosen = targets.map { embeddings.gathered(rows: $0) } ?? embeddings
    require(
      count <= chosen.rowCount, "\(count) recommendations of \(chosen.rowCount) targets")
    let scores = matmul(embeddings.gathered(rows: sources), chosen.transposed())
    let places = topK(scores, count, along: 1).places.scalars
    return sources.indices.map { row in
      places[row * count..<(row + 1) * count].map { targets?[Int($0)] ?? UInt32($0) }
    }
  }

  /// The mean of -log sigmoid(score of a pair - score of the false one of the same source), plus regularization |x|^2
  /// / pairs, x being the learned rows.
  ///
  /// Shapes: scores [pairs], the i-th false one of the source of the i-th true one.
  ///
  /// - Parameter nodes: those whose rows are regularized, as a rule those of the pairs; all where it is `nil`.
  public func loss(
    _ scores: Tensor, against falseScores: Tensor, nodes: [UInt32]? = nil,
    regularization: Float = 1e-4
  ) -> Tensor {
    require(
      scores.shape == falseScores.shape,
      "scores of shapes \(scores.shape) and \(falseScores.shape) are no pairs")
    if scores.count == 0 { return Tensor(0) }
    let ranking = -mean(logSigmoid(scores - falseScores))
    if regularization == 0 { return ranking }
    let rows = nodes.map { embedding($0) } ?? embedding.weight.value
    return ranking + regularization / Float(scores.count) * sum(square(rows))
  }
}
