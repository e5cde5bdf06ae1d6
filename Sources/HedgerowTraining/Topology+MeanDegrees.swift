import Glibc
import HedgerowCore
import HedgerowGNN
import HedgerowGraph

extension Topology {
  /// How many sources the targets of a relation have. Time O(targets).
  func meanDegrees(
    along relation: Relation, checkInterruption: () throws -> Void
  ) throws -> MeanDegrees {
    let count = self.count(of: relation.target)
    var (sum, sumOfLogarithms) = (0.0, 0.0)
    for begin in stride(from: 0, to: count, by: 1 << 16) {
      try checkInterruption()
      let rows = (UInt32(begin)..<UInt32(min(count, begin + 1 << 16))).map { $0 }
      for extent in try extents(of: rows.span, along: relation) {
        sum += Double(extent.count)
        sumOfLogarithms += log(Double(extent.count) + 1)
      }
    }
    // Degrees are divided by these: without edges there is nothing to divide.
    guard sum > 0 else { return MeanDegrees(linear: 1, logarithmic: 1) }
    return MeanDegrees(
      linear: Float(sum / Double(count)), logarithmic: Float(sumOfLogarithms / Double(count)))
  }
}
