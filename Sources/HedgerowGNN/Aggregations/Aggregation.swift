public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// How the messages that reach a target become one, where nothing is learned.
///
/// A target without messages gets zeros, and ones of the product. All but sums and means go column by column.
public enum Aggregation: String, Hashable, CaseIterable {
  case sum
  case mean
  case max
  case min
  case product = "mul"
  /// The mean squared difference from the mean.
  case variance = "var"
  /// The root of the variance; zero where that is at most 1e-5.
  case standardDeviation = "std"

  /// Whether aggregation of transformed rows is the transform of the aggregated ones.
  var isLinear: Bool { self == .sum || self == .mean }
}

extension Aggregation: Aggregator {
  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    aggregate(messages, by: offsets, self)
  }

  public func callAsFunction(_ x: Tensor, along block: Block) -> Tensor {
    aggregate(x, along: block, by: self)
  }

  public func callAsFunction(_ x: Tensor, scaledBy weights: Tensor, along block: Block) -> Tensor {
    aggregate(x, scaledBy: weights, along: block, by: self)
  }
}

/// y_t = the aggregate of x_s over the sources s of t; no message is ever stored, but for a product.
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
  case .variance: segmentVariance(x, over: block.rows) { block.transposedRows }
  case .standardDeviation:
    segmentStandardDeviation(x, over: block.rows) { block.transposedRows }
  case .product: segmentProduct(x.gathered(alongSourcesOf: block), by: block.usedOffsets)
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
  case .max, .min, .product, .variance, .standardDeviation:
    let messages = x.gathered(alongSourcesOf: block).scaled(by: weights)
    return aggregate(messages, along: block, messagesBy: aggregation)
  }
}

/// y_t = the aggregate of the messages of t's entries.
///
/// Shapes: messages [edges, ...] in the order of the block's entries, y [targets, ...].
public func aggregate<Scalar>(
  _ messages: NDTensor<Scalar>, along block: Block, messagesBy aggregation: Aggregation
) -> NDTensor<Scalar> {
  aggregate(messages, by: block.usedOffsets, aggregation)
}

/// y_t = the aggregate of the rows offsets[t]..<offsets[t + 1].
///
/// Shapes: messages [rows, ...], y [segments, ...].
public func aggregate<Scalar>(
  _ messages: NDTensor<Scalar>, by offsets: [UInt32], _ aggregation: Aggregation
) -> NDTensor<Scalar> {
  switch aggregation {
  case .sum: segmentSum(messages, by: offsets)
  case .mean: segmentMean(messages, by: offsets)
  case .max: segmentMax(messages, by: offsets)
  case .min: segmentMin(messages, by: offsets)
  case .product: segmentProduct(messages, by: offsets)
  case .variance: segmentVariance(messages, by: offsets)
  case .standardDeviation: segmentStandardDeviation(messages, by: offsets)
  }
}
