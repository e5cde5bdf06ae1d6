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

  public var nodeWidth: Int { 2 * nodes.weight.shape[1] }

  public func rows(of nodes: [UInt32]) -> Tensor {
    concatenated(self.nodes(nodes), imaginaryNodes(nodes))
  }

  public func score(heads: Tensor, relations: [UInt32], tails: Tensor) -> Tensor {
    let ((a, b), (c, d)) = (heads.complexParts, tails.complexParts)
    let angles = self.relations(relations)
    let (p, q) = (cos(angles), sin(angles))
    let (real, imaginary) = (p * a - q * b - c, p * b + q * a - d)
    return margin - root(sum(square(real) + square(imaginary), along: 1))
  }

  public func scores(
    _ queries: Tensor, relations: [UInt32], candidates: Tensor, for end: TripleEnd
  ) -> Tensor {
    let (a, b) = queries.complexParts
    let angles = self.relations(relations)
    // Tails are turned back.
    let (p, q) = (cos(angles), end == .tail ? sin(angles) : -sin(angles))
    return margin
      - distances(concatenated(p * a - q * b, p * b + q * a), candidates) {
        root(sum(square($0), along: 1))
      }
  }

  public func loss(_ scores: Tensor, against falseScores: Tensor) -> Tensor {
    crossEntropyLoss(scores, against: falseScores)
  }
}
