public import HedgerowGraph
public import HedgerowTensor

/// How the messages that reach a target become one.
///
/// A target without messages gets zeros.
public enum Aggregation: String, Sendable, Hashable, CaseIterable {
  case sum
  case mean
  /// Column by column.
  case max
  /// Column by column.
  case min

  /// Whether aggregation of transformed rows is the transform of the aggregated ones.
  var isLinear: Bool { self == .sum || self == .mean }
}

/// y_t = the aggregate of x_s over the sources s of t; no message is ever stored.
///
/// Shapes: x [sources, width], y [targets, width].
public func aggregate<Scalar>(
  _ x: NDTensor<Scalar>, along block: Block, by aggregation: Aggregation
) -> NDTensor<Scalar> {
  switch aggregation {
  case .sum: segmentSum(x, over: block.rows) { block.transposedRows }
  case .mean: segmentMean(x, over: block.rows) { block.transposedRows }
  case .max: segmentMax(x, over: block.rows) { block.numberedTransposedRows }
  case .min: segmentMin(x, over: block.rows) { block.numberedTransposedRows }
  }
}

/// y_t = b_t times the sum of a_s x_s over the sources s of t; no message and no weight of an edge
/// is ever stored.
///
/// Shapes: x [sources, width], a [sources] and b [targets], which count as constants, y
/// [targets, width].
public func aggregateSum<Scalar>(
  _ x: NDTensor<Scalar>, along block: Block, sourceFactors a: NDTensor<Scalar>,
  targetFactors b: NDTensor<Scalar>
) -> NDTensor<Scalar> {
  segmentSum(x, over: block.rows, sourceFactors: a, targetFactors: b) { block.transposedRows }
}

/// y_t = the aggregate over the entries e of t, from source s, of w_e x_s.
///
/// Shapes: x [sources, width], weights [edges] or [edges, heads] in the order of the block's
/// entries, y [targets, width]. Sums and means store no message.
public func aggregate<Scalar>(
  _ x: NDTensor<Scalar>, scaledBy weights: NDTensor<Scalar>, along block: Block,
  by aggregation: Aggregation
) -> NDTensor<Scalar> {
  switch aggregation {
  case .sum:
    return segmentSum(x, over: block.rows, weights: weights) { block.numberedTransposedRows }
  case .mean:
    let shares = 1 / maximum(block.degrees(ofTargets: Scalar.self), NDTensor(1))
    return shares.reshaped(to: [block.targetCount, 1])
      * aggregate(x, scaledBy: weights, along: block, by: .sum)
  case .max, .min:
    let heads = weights.shape.count == 2 ? weights.shape[1] : 1
    let messages = x.gathered(alongSourcesOf: block)
    let scaled =
      messages.reshaped(to: [block.edgeCount, heads, messages.width / heads])
      * weights.reshaped(to: [block.edgeCount, heads, 1])
    return aggregate(scaled.reshaped(to: messages.shape), along: block, messagesBy: aggregation)
  }
}

/// y_t = the aggregate of the messages of t's entries.
///
/// Shapes: messages [edges, ...] in the order of the block's entries, y [targets, ...].
public func aggregate<Scalar>(
  _ messages: NDTensor<Scalar>, along block: Block, messagesBy aggregation: Aggregation
) -> NDTensor<Scalar> {
  let offsets = block.usedOffsets
  return switch aggregation {
  case .sum: segmentSum(messages, by: offsets)
  case .mean: segmentMean(messages, by: offsets)
  case .max: segmentMax(messages, by: offsets)
  case .min: segmentMin(messages, by: offsets)
  }
}

extension NDTensor {
  /// For each entry of the block, its source's row. Shapes: [sources, ...] gives [edges, ...].
  public func gathered(alongSourcesOf block: Block) -> NDTensor {
    gathered(rows: block.usedSources)
  }

  /// For each entry of the block, its target's row. Shapes: [targets, ...] gives [edges, ...].
  public func gathered(alongTargetsOf block: Block) -> NDTensor {
    repeated(self, by: block.usedOffsets)
  }
}

extension Block {
  var rows: CompressedRows {
    CompressedRows(offsets: offsets, indices: sources, rowCount: targetCount)
  }

  var transposedRows: CompressedRows { compressed(transposed()) }
  var numberedTransposedRows: CompressedRows { compressed(transposed(entryNumbers: .present)) }

  private func compressed(_ rows: Transposed) -> CompressedRows {
    CompressedRows(
      offsets: rows.offsets, indices: rows.targets, rowCount: rows.rowCount,
      entries: rows.entries, places: rows.places)
  }

  /// Without what the arrays hold beyond this block.
  var usedOffsets: [UInt32] {
    offsets.count == targetCount + 1 ? offsets : Array(offsets[...targetCount])
  }
  var usedSources: [UInt32] {
    sources.count == edgeCount ? sources : Array(sources[..<edgeCount])
  }

  /// Edges that lead to each target: [targets].
  public func degrees<Scalar>(ofTargets: Scalar.Type = Float.self) -> NDTensor<Scalar> {
    NDTensor(shape: [targetCount]) { degrees in
      for target in 0..<targetCount {
        degrees[target] = Scalar(offsets[target + 1] - offsets[target])
      }
    }
  }

  /// The degree of each source: [sources].
  ///
  /// In a block of a whole graph, where sources are targets, edges that lead to the node; in a
  /// sampled layer, or between two types, edges of the block that leave it.
  public func degrees<Scalar>(ofSources: Scalar.Type = Float.self) -> NDTensor<Scalar> {
    if sourceCount == targetCount { return degrees(ofTargets: Scalar.self) }
    return NDTensor(shape: [sourceCount]) { degrees in
      for source in 0..<sourceCount { degrees[source] = 0 }
      for entry in 0..<edgeCount { degrees[Int(sources[entry])] += 1 }
    }
  }
}
