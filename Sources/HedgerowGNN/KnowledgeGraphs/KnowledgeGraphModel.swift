public import HedgerowCore
public import HedgerowNN
public import HedgerowTensor

/// Facts of a knowledge graph: triple i says that node heads[i] has relation relations[i] to node tails[i].
public struct Triples: Sendable {
  public var heads: [UInt32]
  public var relations: [UInt32]
  public var tails: [UInt32]

  /// Traps when they are not as many.
  public init(heads: [UInt32], relations: [UInt32], tails: [UInt32]) {
    require(
      heads.count == relations.count && relations.count == tails.count,
      "\(heads.count) heads, \(relations.count) relations, \(tails.count) tails")
    (self.heads, self.relations, self.tails) = (heads, relations, tails)
  }

  public var count: Int { heads.count }
}

/// A model of which triples are true: learned rows for nodes and relations, and a score of three rows.
///
/// ```swift
/// let model = TransE(nodes: 14_541, relations: 237, width: 200).initialized(seed: 1)
/// let (loss, gradients) = valueWithGradients(at: model) {
///   model.loss(of: batch, against: model.corrupted(batch, from: stream))
/// }
/// ```
public protocol KnowledgeGraphModel: Module {
  var nodeCount: Int { get }
  /// How wide the rows of nodes are, real and imaginary parts together where there are both.
  var nodeWidth: Int { get }
  /// What is learned of nodes: [nodes, ``nodeWidth``].
  func rows(of nodes: [UInt32]) -> Tensor
  /// How likely each triple is, of rows of its nodes: the higher the more.
  ///
  /// Shapes: heads and tails [triples, ``nodeWidth``], result [triples].
  func score(heads: Tensor, relations: [UInt32], tails: Tensor) -> Tensor
  /// How likely each query is with each candidate in place of its head, or tail.
  ///
  /// Shapes: queries [queries, ``nodeWidth``], rows of the triples' other ends; candidates [candidates,
  /// ``nodeWidth``]; result [queries, candidates].
  func scores(
    _ queries: Tensor, relations: [UInt32], candidates: Tensor, for end: TripleEnd
  ) -> Tensor
  /// The loss of scores of true triples and of as many false ones.
  func loss(_ scores: Tensor, against falseScores: Tensor) -> Tensor
}

extension KnowledgeGraphModel {
  public func scores(
    _ queries: Tensor, relations: [UInt32], candidates: Tensor, for end: TripleEnd
  ) -> Tensor {
    scoresOneByOne(queries, relations: relations, candidates: candidates, for: end)
  }

  /// How likely each triple is: the higher the more. Shape: [triples].
  public func score(_ triples: Triples) -> Tensor {
    score(
      heads: rows(of: triples.heads), relations: triples.relations,
      tails: rows(of: triples.tails))
  }

  /// The loss of true triples and of false ones.
  public func loss(of triples: Triples, against others: Triples) -> Tensor {
    loss(score(triples), against: score(others))
  }

  /// Triples that are false as a rule: the first half of them with another head, the others with another tail.
  public func corrupted(_ triples: Triples, from stream: RandomStream) -> Triples {
    var (stream, result) = (stream, triples)
    for index in 0..<triples.count {
      let node = UInt32(stream.next(below: UInt64(nodeCount)))
      if index < triples.count / 2 {
        result.heads[index] = node
      } else {
        result.tails[index] = node
      }
    }
    return result
  }

  /// How many nodes score higher than the tail of each triple in its place; 0 is the best.
  ///
  /// Time O(triples nodes width); memory that of the scores of `batchSize` triples.
  public func ranks(of triples: Triples, batchSize: Int = 4096) -> [Int] {
    (0..<triples.count).map { index in
      let tail = triples.tails[index]
      func scores(_ tails: [UInt32]) -> [Float] {
        score(
          Triples(
            heads: tails.map { _ in triples.heads[index] },
            relations: tails.map { _ in triples.relations[index] }, tails: tails)
        ).scalars
      }
      let own = scores([tail])[0]
      return stride(from: 0, to: nodeCount, by: batchSize).reduce(0) { rank, first in
        let nodes = (first..<min(nodeCount, first + batchSize)).map { UInt32($0) }
        return rank + zip(nodes, scores(nodes)).count { $0 != tail && $1 > own }
      }
    }
  }
}

/// The binary cross entropy of true and of false triples together.
func crossEntropyLoss(_ scores: Tensor, against falseScores: Tensor) -> Tensor {
  binaryCrossEntropyWithLogits(
    concatenated(scores, falseScores, along: 0),
    concatenated(.ones(scores.shape), .zeros(falseScores.shape), along: 0))
}

/// A table of a row for each of `count`, which begins uniform.
struct EmbeddingTable: Module {
  let weight: Parameter

  init(_ count: Int, _ width: Int, from distribution: Parameter.Distribution = .glorot) {
    weight = Parameter(shape: [count, width], from: distribution)
  }

  /// A table that begins as these rows.
  init(_ start: Tensor) { weight = Parameter(start) }

  func callAsFunction(_ rows: [UInt32]) -> Tensor { weight.value.gathered(rows: rows) }
}

extension Tensor {
  /// The real and the imaginary parts of rows that have both, side by side.
  var complexParts: (real: Tensor, imaginary: Tensor) {
    let half = shape[1] / 2
    return (sliced(0..<half, along: 1), sliced(half..<2 * half, along: 1))
  }
}
