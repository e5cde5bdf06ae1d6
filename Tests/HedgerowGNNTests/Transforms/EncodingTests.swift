import Glibc
import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct EncodingTests {
  /// Values of `AddRandomWalkPE` of PyTorch Geometric 2.8.1.
  @Test func walksComeBackAsInAddRandomWalkPE() {
    let expected: [Float] = [
      0, 0.388889, 0.185185, 0.277778, 0, 0.333333, 0.111111, 0.222222, 0, 0.388889, 0.185185,
      0.277778, 0, 0.388889, 0.074074, 0.333333, 0, 0.666667, 0, 0.481481, 0, 0.5, 0, 0.333333,
    ]
    let encoding = randomWalkEncoding(SmallGraph.block, length: 4)
    #expect(largestDifference(encoding.scalars, expected) < 1e-6)
  }

  @Test func walksGoByWeightsAndDirection() {
    let seed = printedSeed()
    var stream = RandomStream(seed: seed)
    let (nodes, edges) = (90, 300)
    func ends() -> [UInt32] {
      (0..<edges).map { _ in UInt32(stream.next(below: UInt64(nodes))) }
    }
    let block = Block(sources: ends(), targets: ends(), sourceCount: nodes, targetCount: nodes)
    let weights = Tensor.random([edges], in: 0..<1, seed: seed)
    var walk = [[Double]](repeating: .init(repeating: 0, count: nodes), count: nodes)
    for target in 0..<nodes {
      for entry in Int(block.offsets[target])..<Int(block.offsets[target + 1]) {
        walk[Int(block.sources[entry])][target] += Double(weights.scalars[entry])
      }
    }
    walk = walk.map { row in
      let sum = row.reduce(0, +)
      return sum > 0 ? row.map { $0 / sum } : row
    }
    var power = walk
    let encoding = randomWalkEncoding(block, length: 3, weights: weights).scalars
    for step in 0..<3 {
      for node in 0..<nodes {
        #expect(abs(Double(encoding[node * 3 + step]) - power[node][node]) < 1e-5)
      }
      power = power.map { row in
        (0..<nodes).map { column in (0..<nodes).reduce(0) { $0 + row[$1] * walk[$1][column] } }
      }
    }
  }

  /// Values of `AddLaplacianEigenvectorPE` of PyTorch Geometric 2.8.1, up to signs.
  @Test func placesAreThoseOfAddLaplacianEigenvectorPE() {
    let expected: [Float] = [
      0.302908, 0, 0.707107, 0.34005, -0.57735, 0, 0.302908, 0, -0.707107, -0.058454, 0.707107, 0,
      -0.598786, 0, 0, -0.582149, -0.408248, 0,
    ]
    let encoding = laplacianEncoding(SmallGraph.block, count: 3).scalars
    for column in 0..<3 {
      let (a, b) = (
        stride(from: column, to: 18, by: 3).map { encoding[$0] },
        stride(from: column, to: 18, by: 3).map { expected[$0] }
      )
      let sign: Float = zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } < 0 ? -1 : 1
      #expect(largestDifference(a, b.map { sign * $0 }) < 1e-5)
      let largest = a.reduce(0) { max($0, abs($1)) }
      #expect(a.first { abs($0) > 0.999 * largest }! > 0)
    }
  }

  /// The normalized Laplacian times x, in double precision.
  func laplacian(_ block: Block, _ x: [Double]) -> [Double] {
    let degrees = (0..<block.targetCount).map { Double(block.offsets[$0 + 1] - block.offsets[$0]) }
    return (0..<block.targetCount).map { target in
      (Int(block.offsets[target])..<Int(block.offsets[target + 1])).reduce(x[target]) {
        let source = Int(block.sources[$1])
        return $0 - x[source] / (degrees[source] * degrees[target]).squareRoot()
      }
    }
  }

  /// A ring of so many nodes, whose Laplacian has the eigenvalues 1 - cos(2 pi j / nodes), all but the first twice.
  func ring(_ nodes: Int) -> Block {
    let next = (0..<UInt32(nodes)).map { ($0 + 1) % UInt32(nodes) }
    let these = (0..<UInt32(nodes)).map { $0 }
    return Block(
      sources: these + next, targets: next + these, sourceCount: nodes, targetCount: nodes)
  }

  @Test(arguments: [40, 256, 300])
  func placesAreEigenvectorsWithTheLeastEigenvalues(nodes: Int) {
    let block = ring(nodes)
    let count = 6
    let encoding = laplacianEncoding(block, count: count).scalars
    let columns = (0..<count).map { column in
      stride(from: column, to: encoding.count, by: count).map { Double(encoding[$0]) }
    }
    for (place, x) in columns.enumerated() {
      let value = 1 - cos(2 * Double.pi * Double(place / 2 + 1) / Double(nodes))
      let image = laplacian(block, x)
      let error = zip(image, x).reduce(0) { max($0, abs($1.0 - value * $1.1)) }
      #expect(error < 2e-6, "\(place) of \(nodes)")
      for (other, y) in columns.enumerated() {
        let dot = zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(dot - (place == other ? 1 : 0)) < 1e-5)
      }
    }
  }

  @Test func largeGraphsOfManyPartsHaveZeroAsOften() {
    // 30 rings of 11.
    let parts = (0..<30).map { part -> (sources: [UInt32], targets: [UInt32]) in
      let ring = ring(11)
      let targets = (0..<11).flatMap { [UInt32](repeating: UInt32($0), count: 2) }
      return (ring.sources.map { $0 + UInt32(11 * part) }, targets.map { $0 + UInt32(11 * part) })
    }
    let block = Block(
      sources: parts.flatMap(\.sources), targets: parts.flatMap(\.targets), sourceCount: 330,
      targetCount: 330)
    let encoding = laplacianEncoding(block, count: 29).scalars
    for column in 0..<29 {
      let x = stride(from: column, to: encoding.count, by: 29).map { Double(encoding[$0]) }
      #expect(laplacian(block, x).allSatisfy { abs($0) < 2e-6 })
    }
  }

  @Test func graphsOfABatchAreEncodedEachByItself() {
    let (a, b) = (SmallGraph.block, ring(5))
    let targets = (0..<5).flatMap { [UInt32](repeating: UInt32($0), count: 2) }
    // The second graph's nodes are before and behind the first one's; a last graph has one node, without edges.
    func place(_ node: UInt32) -> UInt32 { node < 2 ? node : node + 6 }
    let block = Block(
      sources: SmallGraph.sources.map { $0 + 2 } + b.sources.map(place),
      targets: SmallGraph.targets.map { $0 + 2 } + targets.map(place), sourceCount: 12,
      targetCount: 12)
    let graphs = RowGroups([1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2], count: 4)
    let encoding = laplacianEncoding(block, count: 7, in: graphs)
    let alone = laplacianEncoding(a, count: 7)
    let second = laplacianEncoding(b, count: 7)
    #expect(encoding.sliced(2..<8, along: 0).scalars == alone.scalars)
    #expect(encoding.gathered(rows: [0, 1, 8, 9, 10]).scalars == second.scalars)
    // Beyond five eigenvectors of six nodes, and of one node, there are none.
    #expect(alone.scalars[5] == 0 && alone.scalars[6] == 0)
    #expect(encoding.sliced(11..<12, along: 0) == .zeros([1, 7]))
  }
}
