import Glibc

/// How many sources the targets of a relation have, as ``PNAConv`` compares degrees with it.
public struct MeanDegrees: Codable, Hashable, Sendable {
  /// The mean of the number d of sources.
  public var linear: Float
  /// The mean of log(d + 1).
  public var logarithmic: Float

  /// - Parameter histogram: how many nodes have each degree, from 0 on.
  public init(histogram: some Sequence<Int>) {
    var (count, sum, sumOfLogarithms) = (0.0, 0.0, 0.0)
    for (degree, nodes) in histogram.enumerated() {
      count += Double(nodes)
      sum += Double(degree) * Double(nodes)
      sumOfLogarithms += log(Double(degree) + 1) * Double(nodes)
    }
    count = max(1, count)
    self.init(linear: Float(sum / count), logarithmic: Float(sumOfLogarithms / count))
  }

  public init(linear: Float, logarithmic: Float) {
    (self.linear, self.logarithmic) = (linear, logarithmic)
  }
}
