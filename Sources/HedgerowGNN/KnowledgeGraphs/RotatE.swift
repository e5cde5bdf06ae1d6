import HedgerowNN
public import HedgerowTensor

/// m - |h e^(ir) - t|, of complex numbers: a relation turns each column of a head by an angle.
///
/// Shapes: h, t [triples, width], real and imaginary parts apart; r [triples, width]. Names: `node_emb`,
/// `node_emb_im`, `rel_emb`.
///
/// Source: Sun et al., RotatE: Knowledge Graph Embedding by Relational Rotation in Complex Space, ICLR 2019.
public struct RotatE: KnowledgeGraphModel {
  let nodes: EmbeddingTable
  let relations: EmbeddingTable
  let imaginaryNodes: EmbeddingTable
  /// m
  public let margin: Float
  public static let pathNames = [
    "nodes": "node_emb", "relations": "rel_emb", "imaginaryNodes": "node_emb_im",
  ]

  public init(nodes: Int, relations: Int, width: Int, margin: Float = 1) {
    self.nodes = EmbeddingTable(nodes, width)
    // Angles all around.
    self.relations = EmbeddingTable(relations, width, from: .uniform(bound: .pi))
    imaginaryNodes = EmbeddingTable(nodes, width)
    self.margin = margin
  }

  public var nodeCount: Int { nodes.weight.shape[0] }

  public func score(_ triples: Triples) -> Tensor {
    let (a, b) = (nodes(triples.heads), imaginaryNodes(triples.heads))
    let angles = relations(triples.relations)
    let (p, q) = (cos(angles), sin(angles))
    let real = p * a - q * b - nodes(triples.tails)
    let imaginary = p * b + q * a - imaginaryNodes(triples.tails)
    return margin - root(sum(square(real) + square(imaginary), along: 1))
  }

  public func loss(_ scores: Tensor, against falseScores: Tensor) -> Tensor {
    crossEntropyLoss(scores, against: falseScores)
  }
}
