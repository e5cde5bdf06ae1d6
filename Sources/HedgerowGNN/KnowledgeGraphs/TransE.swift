import Glibc
import HedgerowNN
public import HedgerowTensor

/// -|h + r - t|_p, where h and t are rows of length one: a relation moves heads to tails.
///
/// Shapes: h, r, t [triples, width]. Names: `node_emb.weight`, `rel_emb.weight`.
///
/// Source: Bordes et al., Translating Embeddings for Modeling Multi-Relational Data, NIPS 2013.
public struct TransE: KnowledgeGraphModel {
  public struct Options: Sendable {
    /// By how much a true triple's score should be above a false one's.
    public var margin: Float = 1
    /// Lengths are (sum of |x|^p)^(1/p).
    public var p: Float = 1

    public init() {}
  }

  let nodes: EmbeddingTable
  let relations: EmbeddingTable
  public let options: Options
  public static let pathNames = ["nodes": "node_emb", "relations": "rel_emb"]

  public init(nodes: Int, relations: Int, width: Int, options: Options = Options()) {
    let bound = 6 / Float(max(1, width)).squareRoot()
    self.nodes = EmbeddingTable(nodes, width, from: .uniform(bound: bound))
    // Of length one or so, as rows of nodes count: longer ones would leave no sign of a difference to learn from.
    let p = options.p
    let relationBound = pow((p + 1) / Float(max(1, width)), 1 / p)
    self.relations = EmbeddingTable(relations, width, from: .uniform(bound: relationBound))
    self.options = options
  }

  public var nodeCount: Int { nodes.weight.shape[0] }

  public var nodeWidth: Int { nodes.weight.shape[1] }

  public func rows(of nodes: [UInt32]) -> Tensor { self.nodes(nodes) }

  public func score(heads: Tensor, relations: [UInt32], tails: Tensor) -> Tensor {
    let heads = normalizedRows(heads, p: options.p)
    let tails = normalizedRows(tails, p: options.p)
    return -rowNorms(heads + self.relations(relations) - tails, p: options.p)
  }

  public func scores(
    _ queries: Tensor, relations: [UInt32], candidates: Tensor, for end: TripleEnd
  ) -> Tensor {
    let own = normalizedRows(queries, p: options.p)
    let moves = self.relations(relations)
    return -distances(
      end == .tail ? own + moves : own - moves, normalizedRows(candidates, p: options.p)
    ) { rowNorms($0, p: options.p) }
  }

  public func loss(_ scores: Tensor, against falseScores: Tensor) -> Tensor {
    marginRankingLoss(scores, falseScores, .ones(scores.shape), margin: options.margin)
  }
}
