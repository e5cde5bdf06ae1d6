import Glibc
import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Statistics of segments against those of the lists that they are of.
@Suite struct SegmentStatisticsTests {
  typealias Vector = NDTensor<Double>

  func variance(_ x: [Double]) -> Double {
    let mean = x.reduce(0, +) / Double(max(1, x.count))
    return x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, x.count))
  }
  func logSumExp(_ x: [Double]) -> Double { x.isEmpty ? 0 : log(x.reduce(0) { $0 + exp($1) }) }

  @Test(arguments: [(0, 4, 3), (9, 0, 3), (1, 1, 1), (30, 20, 1), (40, 25, 67), (17, 9, 130)])
  func statisticsAreThoseOfTheLists(sources: Int, targets: Int, width: Int) {
    var stream = RandomStream(seed: printedSeed())
    let rows = RandomRows(sources: sources, targets: targets, from: &stream)
    let x = Vector.random([sources, width], in: -3..<3, seed: stream.next())
    func lists(_ source: (Int) -> Int) -> [[[Double]]] {
      (0..<targets).map { target in
        (0..<width).map { column in
          (Int(rows.targets.offsets[target])..<Int(rows.targets.offsets[target + 1])).map {
            x[source($0), column]
          }
        }
      }
    }
    func isClose(_ a: Vector, _ lists: [[[Double]]], _ statistic: ([Double]) -> Double) -> Bool {
      a.shape == [targets, width]
        && zip(a.scalars, lists.flatMap { $0 }).allSatisfy { abs($0 - statistic($1)) < 1e-12 }
    }
    let gathered = lists { Int(rows.targets.indices[$0]) }
    let transposed = { rows.transposed }
    func deviation(_ x: [Double]) -> Double {
      let variance = variance(x)
      return variance > 1e-5 ? variance.squareRoot() : 0
    }
    #expect(
      isClose(segmentVariance(x, over: rows.targets, transposed: transposed), gathered, variance))
    #expect(
      isClose(
        segmentStandardDeviation(x, over: rows.targets, transposed: transposed), gathered,
        deviation))
    #expect(
      isClose(
        segmentLogSumExp(x, over: rows.targets, transposed: transposed), gathered, logSumExp))
    // The same of a tensor with a row for each entry.
    let messages = x.gathered(rows: rows.edges.map { UInt32($0.source) })
    let offsets = Array(rows.targets.offsets[...targets])
    #expect(isClose(segmentVariance(messages, by: offsets), gathered, variance))
    #expect(isClose(segmentStandardDeviation(messages, by: offsets), gathered, deviation))
    #expect(isClose(segmentLogSumExp(messages, by: offsets), gathered, logSumExp))
    #expect(
      segmentSoftmax(x, over: rows.targets, transposed: transposed)
        == segmentSoftmax(messages, by: offsets))
  }

  @Test func largeAndUnusualNumbers() {
    let offsets: [UInt32] = [0, 2, 2, 3, 5, 7, 9]
    let infinity = Float.infinity
    let x = Tensor([1000, 1000, -1000, -infinity, -infinity, infinity, 0, .nan, 1])
    let y = segmentLogSumExp(x, by: offsets)
    #expect(abs(y[0] - 1000 - Float(2).logarithm) < 1e-3 && y[1] == 0 && y[2] == -1000)
    #expect(y[3] == -infinity && y[4] == infinity && y[5].isNaN)
    // Far from zero nothing is lost, and what is constant has no deviation and no gradient.
    let z = Parameter(Tensor([10_000, 10_001, 3, 3, 3]))
    let far = segmentVariance(z.value, by: [0, 2, 5])
    #expect(abs(far[0] - 0.25) < 1e-6 && far[1] == 0)
    let (_, gradients) = valueWithGradients(at: [z]) {
      sum(segmentStandardDeviation(z.value, by: [0, 2, 5]))
    }
    #expect(gradients[z]!.scalars == [-0.5, 0.5, 0, 0, 0])
    #expect(segmentStandardDeviation(Tensor([.nan, 1]), by: [0, 2])[0].isNaN)
  }
}

extension Float {
  fileprivate var logarithm: Float { log(self) }
}
