import HedgerowCore
public import HedgerowGraph
public import HedgerowTensor

/// What is known of some nodes, spread over the graph: Y' = alpha D^(-1/2) A D^(-1/2) Y + (1 - alpha) Y_0, several
/// times.
///
/// Nothing of it is learned, and no gradient goes through it. Shapes: y [nodes, classes], result the same; the block
/// is of a whole graph.
///
/// Source: Zhu and Ghahramani, Learning from Labeled and Unlabeled Data with Label Propagation, 2002; as in Huang et
/// al., Combining Label Propagation and Simple Models Out-performs Graph Neural Networks, ICLR 2021.
public struct LabelPropagation: Sendable {
  public var steps: Int
  public var alpha: Float

  public init(steps: Int, alpha: Float) {
    self.steps = steps
    self.alpha = alpha
  }

  /// - Parameters:
  ///   - known: the nodes whose rows count, the others' being zero; all where it is `nil`.
  ///   - weights: what takes the place of the entries of D^(-1/2) A D^(-1/2), [edges].
  ///   - bounded: what becomes of Y' after each step; numbers are brought to 0...1 unless another is given.
  public func callAsFunction(
    _ y: Tensor, _ block: Block, known: [UInt32]? = nil, weights: Tensor? = nil,
    bounded: (Tensor) -> Tensor = { clamped($0, to: 0...1) }
  ) -> Tensor {
    require(
      y.rowCount == block.sourceCount && block.sourceCount == block.targetCount,
      "rows of shape \(y.shape) for a block of \(block.sourceCount) sources and "
        + "\(block.targetCount) targets")
    let start =
      known.map { select(rows($0, of: y), y.detached, otherwise: Tensor(0)) } ?? y.detached
    let step = Propagation(
      block, weights: weights, normalization: weights == nil ? .symmetric : .none)
    return (0..<steps).reduce(start) { y, _ in
      bounded(alpha * step(y) + (1 - alpha) * start)
    }
  }
}

/// Soft predictions of nodes, corrected by how wrong they are of nodes that are known, then smoothed by what is known
/// of these.
///
/// Both errors and labels spread by ``LabelPropagation``. Shapes: predictions and labels [nodes, classes].
///
/// Source: Huang et al., Combining Label Propagation and Simple Models Out-performs Graph Neural Networks, ICLR 2021.
public struct CorrectAndSmooth: Sendable {
  /// How far errors that were spread are corrected.
  public enum Scale: Sendable {
    /// For each node so far that its correction is as long as an error is on average.
    case automatic
    case fixed(Float)
  }

  public var correction: LabelPropagation
  public var smoothing: LabelPropagation
  public var scale: Scale

  public init(
    correction: LabelPropagation, smoothing: LabelPropagation, scale: Scale = .automatic
  ) {
    self.correction = correction
    self.smoothing = smoothing
    self.scale = scale
  }

  /// Both steps, one after the other.
  ///
  /// - Parameters:
  ///   - labels: of all nodes, of which those of `known` count, as rows of ones and zeros.
  ///   - weights: as of ``LabelPropagation``.
  public func callAsFunction(
    _ predictions: Tensor, labels: Tensor, known: [UInt32], _ block: Block, weights: Tensor? = nil
  ) -> Tensor {
    smoothed(
      corrected(predictions, labels: labels, known: known, block, weights: weights),
      labels: labels, known: known, block, weights: weights)
  }

  public func corrected(
    _ predictions: Tensor, labels: Tensor, known: [UInt32], _ block: Block, weights: Tensor? = nil
  ) -> Tensor {
    let isKnown = rows(known, of: predictions)
    let error = select(isKnown, labels - predictions, otherwise: Tensor(0))
    switch scale {
    case .automatic:
      let spread = correction(error, block, weights: weights) { clamped($0, to: -1...1) }
      let length = sum(abs(error)) / Float(max(1, known.count))
      let factor = length / sum(abs(spread), along: 1, keeping: .one)
      // Where nearly nothing came, or nothing at all, it is taken as it is.
      return predictions + select(factor .<= 1000, factor, otherwise: Tensor(1)) * spread
    case .fixed(let factor):
      let spread = correction(error, block, weights: weights) {
        select(isKnown, error, otherwise: $0)
      }
      return predictions + factor * spread
    }
  }

  public func smoothed(
    _ predictions: Tensor, labels: Tensor, known: [UInt32], _ block: Block, weights: Tensor? = nil
  ) -> Tensor {
    smoothing(
      select(rows(known, of: predictions), labels, otherwise: predictions), block,
      weights: weights)
  }
}

/// Which rows of a matrix are some: [rows, 1].
private func rows(_ some: [UInt32], of x: Tensor) -> Mask {
  var isSome = [Bool](repeating: false, count: x.rowCount)
  for row in some { isSome[Int(row)] = true }
  return Mask(isSome, shape: [x.rowCount, 1])
}
