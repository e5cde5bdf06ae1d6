import HedgerowCore
import HedgerowGraph
import HedgerowNN
import HedgerowTensor

/// What becomes of the results of several heads of attention.
public enum HeadCombination: Sendable {
  case concatenated
  case averaged
}

/// Heads of attention over a target's edges, each of a stretch of the width: what graph attentions share.
struct AttentionHeads: Sendable {
  let count: Int
  /// Of one head.
  let width: Int
  let combination: HeadCombination
  /// Rate of dropout of attention, in training.
  let dropout: Double

  init(
    _ count: Int, width: Int, combination: HeadCombination = .concatenated, dropout: Double = 0
  ) {
    require(count >= 1, "attention needs a head, not \(count)")
    self.count = count
    self.width = width
    self.combination = combination
    self.dropout = dropout
  }

  /// Of all heads side by side.
  var totalWidth: Int { count * width }
  var outputWidth: Int { combination == .concatenated ? totalWidth : width }

  /// A vector for each head, [1, heads, width], that begins as PyTorch Geometric's do.
  func vectors() -> Parameter {
    let bound = (6 / Float(max(1, count + width))).squareRoot()
    return Parameter(shape: [1, count, width], from: .uniform(bound: bound))
  }

  /// Each head's product with its vector: [rows, heads x width] gives [rows, heads].
  func products(_ x: Tensor, _ vectors: Parameter) -> Tensor { products(x, vectors.value) }

  /// Each head's product with its vector, [1, heads, width].
  func products(_ x: Tensor, _ vectors: Tensor) -> Tensor {
    // A product with a matrix of the heads' vectors, zero elsewhere, makes nothing as large as x.
    if count == 1 { return matmul(x, vectors.reshaped(to: [width, 1])) }
    let ownColumns = Tensor(shape: [totalWidth, count]) { matrix in
      matrix.initialize(repeating: 0)
      for row in 0..<totalWidth { matrix[row * count + row / width] = 1 }
    }
    return matmul(x, vectors.reshaped(to: [totalWidth, 1]) * ownColumns)
  }

  /// The shares that a target's edges have of it: softmax of their scores, [edges, heads].
  func shares(of scores: Tensor, along block: Block) -> Tensor {
    let shares = edgeSoftmax(scores, along: block)
    AttentionRecord.note(shares, along: block)
    return HedgerowTensor.dropout(shares, rate: dropout)
  }

  /// Each target's sum of values by its edges' scores. Shapes: values [sources, heads x width], scores
  /// [edges, heads], result [targets, output width].
  func attend(_ values: Tensor, scores: Tensor, along block: Block) -> Tensor {
    combined(
      aggregate(values, scaledBy: shares(of: scores, along: block), along: block, by: .sum))
  }

  /// The same, of scores leakyRelu(a source's + a target's): in one pass where no attention is dropped or
  /// recorded.
  ///
  /// Shapes: values [sources, heads x width], scores [sources, heads] and [targets, heads].
  func attend(
    _ values: Tensor, sourceScores: Tensor, targetScores: Tensor, slope: Float,
    along block: Block
  ) -> Tensor {
    guard count <= attentionHeadLimit, dropout == 0 || !Training.isActive,
      !AttentionRecord.isActive
    else {
      let scores = edgeSum(sourceScores, targetScores, along: block)
      return attend(values, scores: leakyRelu(scores, slope: slope), along: block)
    }
    return combined(
      attentionSum(
        values, sourceScores: sourceScores, targetScores: targetScores, slope: slope,
        over: block.rows
      ) { block.transposedRows })
  }

  /// The heads' results as one: [rows, heads x width] gives [rows, output width].
  func combined(_ x: Tensor) -> Tensor {
    combination == .concatenated || count == 1
      ? x : mean(x.reshaped(to: [x.rowCount, count, width]), along: 1)
  }
}

extension AffineSum<Float> {
  /// The sum with a bias, where there is one.
  func adding(bias: Parameter?) -> AffineSum<Float> {
    guard let bias else { return self }
    var sum = self
    sum.add(bias: bias.value)
    return sum
  }

  /// The sum with a linear map's terms, where there is one.
  func adding(_ linear: Linear?, of x: Tensor) -> AffineSum<Float> {
    linear.map { self + $0.terms(x) } ?? self
  }
}

extension Parameter {
  /// A vector that begins as zeros, when it is wanted.
  static func bias(_ width: Int, when isLearned: Bool) -> Parameter? {
    isLearned ? Parameter(shape: [width], from: .constant(0)) : nil
  }
}

extension Linear.Bias {
  init(_ isLearned: Bool) { self = isLearned ? .learned : .absent }
}
