import CHedgerowKernels
import HedgerowCore

/// y_t = sum over the entries e of t, from source s, of a_e x_s, where a_e is the softmax over t's
/// entries of leakyRelu(p_s + q_t), for each of `heads` equal stretches of a row: the attention of
/// Veličković et al., https://arxiv.org/abs/1710.10903.
///
/// Shapes: x is [sources, width], p [sources, heads], q [targets, heads], y [targets, width]; zero for a
/// target without entries. Nothing is kept of an edge, forward or on the way back, where weights are
/// made again from two numbers of each target and head: memory is O(targets (width + heads)), time
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
  let rowCount = targets.rowCount
  require(
    x.shape.count == 2 && p.shape.count == 2 && q.shape.count == 2 && p.shape[0] == x.shape[0]
      && q.shape == [rowCount, p.shape[1]] && (1...attentionHeadLimit).contains(p.shape[1])
      && x.shape[1].isMultiple(of: p.shape[1]),
    "attention over shapes \(x.shape), scores \(p.shape) and \(q.shape), \(rowCount) targets")
  targets.check(bound: x.shape[0], "sources")
  let (sourceCount, width, heads) = (x.shape[0], x.shape[1], p.shape[1])
  let y = NDTensor<Scalar>(uninitialized: [rowCount, width])
  let maxima = NDTensor<Scalar>(uninitialized: [rowCount, heads])
  let sums = NDTensor<Scalar>(uninitialized: [rowCount, heads])
  let size = targets.rowsPerPart(width: width)
  let (inputs, own, others) = (x.detached, p.detached, q.detached)
  Compute.forEachPart(of: rowCount, size: size) { part in
    Scalar.kernels.attention(
      y.storage.base, maxima.storage.base, sums.storage.base, inputs.storage.base,
      own.storage.base, others.storage.base, targets.offsets, targets.indices, slope, heads,
      part.lowerBound, part.upperBound, width)
  }
  let result = y.detached
  return y.recordedCotangents(from: [x, p, q]) { dy, isNeeded in
    let dq = NDTensor<Scalar>(uninitialized: [rowCount, heads])
    // What sources need to know of a target lies together: one cache line for four heads.
    let numbers = NDTensor<Scalar>(uninitialized: [rowCount, 4 * heads])
    Compute.forEachPart(of: rowCount, size: size) { part in
      Scalar.kernels.attentionBackwardTargets(
        dq.storage.base, numbers.storage.base, inputs.storage.base, result.storage.base,
        dy.storage.base, own.storage.base, others.storage.base, maxima.storage.base,
        sums.storage.base, targets.offsets, targets.indices, slope, heads, part.lowerBound,
        part.upperBound, width)
    }
    guard isNeeded[0] || isNeeded[1] else { return [nil, nil, .dense(dq)] }
    let sources = targets.transposed(by: transposed, rowCount: sourceCount)
    let dx = NDTensor<Scalar>(uninitialized: [sources.rowCount, width])
    let dp = NDTensor<Scalar>(uninitialized: [sources.rowCount, heads])
    Compute.forEachPart(of: sources.rowCount, size: sources.rowsPerPart(width: width)) { part in
      sources.withPlaces { places in
        Scalar.kernels.attentionBackwardSources(
          dx.storage.base, dp.storage.base, numbers.storage.base, inputs.storage.base,
          dy.storage.base, own.storage.base, sources.offsets, sources.indices, places, slope,
          heads, part.lowerBound, part.upperBound, width)
      }
    }
    return [sources.cotangent(dx), sources.cotangent(dp), .dense(dq)]
  }
}

/// The most heads of ``attentionSum(_:sourceScores:targetScores:slope:over:transposed:)``.
public let attentionHeadLimit = hr_most_heads
