import HedgerowNN
public import HedgerowTensor

/// The sum of h r t over columns: a relation is a diagonal matrix.
///
/// Shapes: h, r, t [triples, width]. Names: `node_emb.weight`, `rel_emb.weight`.
///
/// Source: Yang et al., Embedding Entities and Relations for Learning and Inference in Knowledge Bases, ICLR
/// 2015.
public struct DistMult: KnowledgeGraphModel {
  let nodes: EmbeddingTable
  let relations: EmbeddingTable
  public let margin: Float
  public static let pathNames = ["nodes": "node_emb", "relations": "rel_emb"]

  /// - Parameter margin: by how much a true triple's score should be above a false one's.
  public init(nodes: Int, relations: Int, width: Int, margin: Float = 1) {
    self.nodes = EmbeddingTable(nodes, width)
    self.relations = EmbeddingTable(relations, width)
    self.margin = margin
  }

  public var nodeCount: Int { nodes.weight.shape[0] }

  public var nodeWidth: Int { nodes.weight.shape[1] }

  public func rows(of nodes: [UInt32]) -> Tensor { self.nodes(nodes) }

  public func score(heads: Tensor, relations: [UInt32], tails: Tensor) -> Tensor {
    sum(heads * self.relations(relations) * tails, along: 1)
  }

  public func scores(
    _ queries: Tensor, relations: [UInt32], candidates: Tensor, for end: TripleEnd
  ) -> Tensor {
    matmul(queries * self.relations(relations), candidates.transposed())
  }

  public func loss(_ scores: Tensor, against falseScores: Tensor) -> Tensor {
    marginRankingLoss(scores, falseScores, .ones(scores.shape), margin: margin)
  }
}
