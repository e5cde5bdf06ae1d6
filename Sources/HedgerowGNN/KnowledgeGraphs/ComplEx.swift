import HedgerowNN
public import HedgerowTensor

/// The real part of the sum of h r conj(t) over columns, all of complex numbers: ``DistMult`` for relations that
/// go one way.
///
/// Shapes: h, r, t [triples, width], real and imaginary parts apart. Names: `node_emb`, `node_emb_im`,
/// `rel_emb`, `rel_emb_im`.
///
/// Source: Trouillon et al., Complex Embeddings for Simple Link Prediction, ICML 2016.
public struct ComplEx: KnowledgeGraphModel {
  let nodes: EmbeddingTable
  let relations: EmbeddingTable
  let imaginaryNodes: EmbeddingTable
  let imaginaryRelations: EmbeddingTable
  public static let pathNames = [
    "nodes": "node_emb", "relations": "rel_emb", "imaginaryNodes": "node_emb_im",
    "imaginaryRelations": "rel_emb_im",
  ]

  public init(nodes: Int, relations: Int, width: Int) {
    self.nodes = EmbeddingTable(nodes, width)
    self.relations = EmbeddingTable(relations, width)
    imaginaryNodes = EmbeddingTable(nodes, width)
    imaginaryRelations = EmbeddingTable(relations, width)
  }

  public var nodeCount: Int { nodes.weight.shape[0] }

  public var nodeWidth: Int { 2 * nodes.weight.shape[1] }

  public func rows(of nodes: [UInt32]) -> Tensor {
    concatenated(self.nodes(nodes), imaginaryNodes(nodes))
  }

  public func score(heads: Tensor, relations: [UInt32], tails: Tensor) -> Tensor {
    let ((a, b), (c, d)) = (heads.complexParts, tails.complexParts)
    let (p, q) = (self.relations(relations), imaginaryRelations(relations))
    return sum((a * p - b * q) * c + (b * p + a * q) * d, along: 1)
  }

  public func scores(
    _ queries: Tensor, relations: [UInt32], candidates: Tensor, for end: TripleEnd
  ) -> Tensor {
    let (a, b) = queries.complexParts
    let (p, q) = (self.relations(relations), imaginaryRelations(relations))
    // h r of heads, r conj(t) of tails, of which the other end takes the real part.
    let product =
      end == .tail
      ? concatenated(a * p - b * q, b * p + a * q) : concatenated(a * p + b * q, b * p - a * q)
    return matmul(product, candidates.transposed())
  }

  public func loss(_ scores: Tensor, against falseScores: Tensor) -> Tensor {
    crossEntropyLoss(scores, against: falseScores)
  }
}
