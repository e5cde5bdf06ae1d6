import CHedgerowKernels
import HedgerowCore

/// y_t = sum over the entries e of t, from source s, of a_e x_s, where a_e is the softmax over t's
/// entries of leakyRelu(p_s + q_t), for each of `heads` equal stretches of a row: the attention of
/// Veličković et al., https://arxiv.org/abs/1710.10903.
///
/// Shapes: x is [sources, width], p [sources, heads], q [targets, heads], y [targets, width]; zero for a
/// target without entries. Nothing is kept of an edge, nor of the result: on the way back weights are made
/// again from two numbers of each target and head, and so memory is O(targets (width + heads)) once, time
/// O(entries width). At most 16 heads.
///
/// - Parameters:
///   - targets: the sources of each target; traps when one is not a row of x.
///   - transposed: the targets of each source, in rising order; asked for on the way back.
@specialized(where Scalar == Float)
public func attentionSum<Scalar>(
  _ x: NDTensor<Scalar>, sourceScores p: NDTensor<Scalar>, targetScores q: NDTensor<Scalar>,
  slope: Scalar, over targets: CompressedRows, transposed: @escaping () -> CompressedRows
) -> NDTensor<Scalar> {
  let rows = x.detached
  return GraphAttention(
    kernels: Scalar.kernels.attention, rows: UnsafePointer(rows.storage.base), owner: rows.storage,
    sourceScores: p, targetScores: q, slope: slope, targets: targets, shape: x.shape
  ).sum(of: x, transposed: transposed)
}

/// The same over rows of 16 bits: sums, scores and gradients are of float32.
public func attentionSum<Half>(
  _ x: HalfTensor<Half>, sourceScores p: Tensor, targetScores q: Tensor, slope: Float,
  over targets: CompressedRows, transposed: @escaping () -> CompressedRows
) -> Tensor {
  let rows = x.halves
  return GraphAttention(
    kernels: Half.halves.attention, rows: UnsafePointer(rows.storage.bits), owner: rows.storage,
    sourceScores: p, targetScores: q, slope: slope, targets: targets, shape: x.shape
  ).sum(of: x.origin, transposed: transposed)
}

/// Attention over sources' rows, there and back.
private struct GraphAttention<Scalar: TensorScalar, Row> {
  private let kernels: AttentionKernels<Scalar, Row>
  /// Sources' rows; read only, for as long as their owner lives.
  private let rows: UnsafePointer<Row>
  private let owner: AnyObject
  private let (p, q): (NDTensor<Scalar>, NDTensor<Scalar>)
  private let slope: Scalar
  private let targets: CompressedRows
  private let (sourceCount, width, heads): (Int, Int, Int)

  init(
    kernels: AttentionKernels<Scalar, Row>, rows: UnsafePointer<Row>, owner: AnyObject,
    sourceScores p: NDTensor<Scalar>, targetScores q: NDTensor<Scalar>, slope: Scalar,
    targets: CompressedRows, shape: [Int]
  ) {
    require(
      shape.count == 2 && p.shape.count == 2 && q.shape.count == 2 && p.shape[0] == shape[0]
        && q.shape == [targets.rowCount, p.shape[1]]
        && (1...attentionHeadLimit).contains(p.shape[1]) && shape[1].isMultiple(of: p.shape[1]),
      "attention over shapes \(shape), scores \(p.shape) and \(q.shape), "
        + "\(targets.rowCount) targets")
    targets.check(bound: shape[0], "sources")
    (self.kernels, self.rows, self.owner, self.targets) = (kernels, rows, owner, targets)
    (self.p, self.q, self.slope) = (p, q, slope)
    (sourceCount, width, heads) = (shape[0], shape[1], p.shape[1])
  }

  /// - Parameter x: what the gradient of the rows goes to.
  func sum(
    of x: NDTensor<Scalar>, transposed: @escaping () -> CompressedRows
  ) -> NDTensor<Scalar> {
    let y = NDTensor<Scalar>(uninitialized: [targets.rowCount, width])
    let maxima = NDTensor<Scalar>(uninitialized: q.shape)
    let sums = NDTensor<Scalar>(uninitialized: q.shape)
    let (own, others) = (p.detached, q.detached)
    let (targets, kernels, slope, heads, width) = (targets, kernels, slope, heads, width)
    nonisolated(unsafe) let rows = rows
    let size = targets.rowsPerPart(width: width)
    withExtendedLifetime(owner) {
      Compute.forEachPart(of: targets.rowCount, size: size) { part in
        kernels.forward(
          y.storage.base, maxima.storage.base, sums.storage.base, rows, own.storage.base,
          others.storage.base, targets.offsets, targets.indices, slope, heads, part.lowerBound,
          part.upperBound, width)
      }
    }
    let (owner, sourceCount) = (owner, sourceCount)
    return y.recordedCotangents(from: [x, p, q]) { dy, isNeeded in
      defer { withExtendedLifetime(owner) {} }
      let dq = NDTensor<Scalar>(uninitialized: others.shape)
      // What sources need to know of a target lies together: one cache line for four heads.
      let numbers = NDTensor<Scalar>(uninitialized: [targets.rowCount, 4 * heads])
      Compute.forEachPart(of: targets.rowCount, size: size) { part in
        kernels.backwardTargets(
          dq.storage.base, numbers.storage.base, rows, dy.storage.base, own.storage.base,
          others.storage.base, maxima.storage.base, sums.storage.base, targets.offsets,
          targets.indices, slope, heads, part.lowerBound, part.upperBound, width)
      }
      guard isNeeded[0] || isNeeded[1] else { return [nil, nil, .dense(dq)] }
      let sources = targets.transposed(by: transposed, rowCount: sourceCount)
      let dx = NDTensor<Scalar>(uninitialized: [sources.rowCount, width])
      let dp = NDTensor<Scalar>(uninitialized: [sources.rowCount, heads])
      Compute.forEachPart(of: sources.rowCount, size: sources.rowsPerPart(width: width)) { part in
        sources.withPlaces { places in
          kernels.backwardSources(
            dx.storage.base, dp.storage.base, numbers.storage.base, rows, dy.storage.base,
            own.storage.base, sources.offsets, sources.indices, places, slope, heads,
            part.lowerBound, part.upperBound, width)
        }
      }
      return [sources.cotangent(dx), sources.cotangent(dp), .dense(dq)]
    }
  }
}

/// The most heads of ``attentionSum(_:sourceScores:targetScores:slope:over:transposed:)``.
public let attentionHeadLimit = hr_most_heads
