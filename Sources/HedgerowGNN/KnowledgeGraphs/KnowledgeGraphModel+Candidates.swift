import HedgerowCore
import HedgerowTensor

/// Which end of a triple is asked for.
public enum TripleEnd: Sendable { case head, tail }

extension KnowledgeGraphModel {
  /// The score of each query with each candidate in place of its head, or tail, by triples one by one.
  func scoresOneByOne(
    _ queries: Tensor, relations: [UInt32], candidates: Tensor, for end: TripleEnd
  ) -> Tensor {
    let (queryCount, count) = (queries.rowCount, candidates.rowCount)
    // So many rows of triples at once.
    let part = max(1, (1 << 22) / max(1, queryCount * nodeWidth))
    let parts = stride(from: 0, to: count, by: part).map { first -> Tensor in
      let places = (first..<min(count, first + part)).map { UInt32($0) }
      let others = candidates.gathered(
        rows: (0..<queryCount).flatMap { _ in places })
      let own = queries.gathered(
        rows: (0..<UInt32(queryCount)).flatMap { repeatElement($0, count: places.count) })
      let kinds = relations.flatMap { repeatElement($0, count: places.count) }
      let scores =
        end == .tail
        ? score(heads: own, relations: kinds, tails: others)
        : score(heads: others, relations: kinds, tails: own)
      return scores.reshaped(to: [queryCount, places.count])
    }
    return parts.count == 1 ? parts[0] : concatenated(parts, along: 1)
  }
}

/// The lengths of the differences of all rows of the one with all of the other, as `length` gives them.
///
/// Shapes: points [points, width], others [others, width], result [points, others].
func distances(
  _ points: Tensor, _ others: Tensor, _ length: (_ rows: Tensor) -> Tensor
) -> Tensor {
  let (count, width) = (points.rowCount, points.shape[1])
  // So many differences at once stay near the processor.
  let part = max(1, (1 << 19) / max(1, count * width))
  let column = points.reshaped(to: [count, 1, width])
  let parts = stride(from: 0, to: others.rowCount, by: part).map { first -> Tensor in
    let rows = others.sliced(first..<min(others.rowCount, first + part), along: 0)
    let differences = column - rows.reshaped(to: [1, rows.rowCount, width])
    return length(differences.reshaped(to: [count * rows.rowCount, width]))
      .reshaped(to: [count, rows.rowCount])
  }
  return parts.count == 1 ? parts[0] : concatenated(parts, along: 1)
}
