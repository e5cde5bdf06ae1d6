// Searches among points, against looking at all pairs:
//
//   points [POINTS] [DIMENSIONS] [NEIGHBORS]
//
// POINTS (100000) of a uniform cloud of DIMENSIONS (3), each of which looks for its NEIGHBORS (16), for those
// within the radius of a ball that holds about as many, and a sample of farthest points of a hundredth. Medians of
// five runs. All pairs are looked at and sorted for 20 of the points, and the time counted for all.
import HedgerowCore
import HedgerowGNN
import HedgerowTensor

let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }
let count = numbers.first ?? 100_000
let dimensions = numbers.count > 1 ? numbers[1] : 3
let neighbors = numbers.count > 2 ? numbers[2] : 16
let points = Tensor.random([count, dimensions], in: 0..<1, seed: 1)

func seconds(_ runs: Int, _ body: () -> Void) -> Double {
  let times = (0..<runs).map { _ in
    let time = ContinuousClock().measure(body).components
    return Double(time.seconds) + Double(time.attoseconds) * 1e-18
  }
  return times.sorted()[runs / 2]
}
func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }

/// The neighbors of the first points by all pairs.
func allPairs(_ targets: Int) -> [[UInt32]] {
  let x = points.scalars
  return (0..<targets).map { target in
    let pairs = (0..<count).map { source -> (Float, UInt32) in
      var sum: Float = 0
      for dimension in 0..<dimensions {
        let difference = x[source * dimensions + dimension] - x[target * dimensions + dimension]
        sum += difference * difference
      }
      return (sum, UInt32(source))
    }
    return pairs.sorted { $0 < $1 }.prefix(neighbors).map(\.1)
  }
}

let sample = min(20, count)
var expected: [[UInt32]] = []
let slow = seconds(1) { expected = allPairs(sample) } * Double(count) / Double(sample)
let block = nearestNeighbors(of: points, among: points, count: neighbors)
for target in 0..<sample {
  let row = block.sources[Int(block.offsets[target])..<Int(block.offsets[target + 1])]
  guard Array(row) == expected[target] else { fatalError("point \(target) has other neighbors") }
}
let nearest = seconds(5) { _ = nearestNeighbors(of: points, among: points, count: neighbors) }
// The farthest neighbor of the first point.
let last = Int(block.sources[Int(block.offsets[1]) - 1])
let x = points.scalars
let radius = (0..<dimensions).reduce(Float(0)) {
  let difference = x[last * dimensions + $1] - x[$1]
  return $0 + difference * difference
}.squareRoot()
var found = 0
let within = seconds(5) {
  found = radiusNeighbors(of: points, among: points, radius: radius).edgeCount
}
let farthest = seconds(1) { _ = farthestPoints(points, .count(count / 100)) }
print(
  "| points | dimensions | k | threads | k nearest | all pairs | times | radius | neighbors | farthest |"
)
print(
  "| \(count) | \(dimensions) | \(neighbors) | \(Compute.pool.threadCount) | \(rounded(nearest)) s "
    + "| \(rounded(slow)) s | \(Int(slow / nearest)) | \(rounded(within)) s | \(found) "
    + "| \(rounded(farthest)) s |")
