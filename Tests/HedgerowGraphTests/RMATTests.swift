import HedgerowCore
import HedgerowGraph
import Testing

@Suite struct RMATTests {
  @Test func anyPartIsTheSameAloneAsInTheWhole() throws {
    let graph = try RMAT(.init(scale: 9, edgeFactor: 8), seed: 7)
    #expect(graph.nodeCount == 512 && graph.edgeCount == 4096)
    var whole: [[UInt32]] = []
    graph.forEachEdge(in: 0..<graph.edgeCount) { whole.append([$0, $1]) }
    var parts = [[UInt32]](repeating: [], count: graph.edgeCount)
    for start in stride(from: 4000, through: 0, by: -100) {
      var index = start
      graph.forEachEdge(in: start..<min(start + 100, graph.edgeCount)) {
        parts[index] = [$0, $1]
        index += 1
      }
    }
    #expect(parts == whole)
    let again = try RMAT(.init(scale: 9, edgeFactor: 8), seed: 7)
    #expect((0..<4096).allSatisfy { again.edge($0) == graph.edge($0) })
    let other = try RMAT(.init(scale: 9, edgeFactor: 8), seed: 8)
    #expect((0..<4096).count { other.edge($0) == graph.edge($0) } < 40)
  }

  /// Rows fall into the upper half with probability a + b at each level, columns with a + c, and
  /// both alike with a + d: so sums over nodes of squared degrees, the greatest degree and the
  /// loops are known.
  @Test(arguments: [9, 10]) func degreesAreThoseOfTheModel(scale: Int) throws {
    let graph = try RMAT(.init(scale: scale, edgeFactor: 64), seed: UInt64(scale))
    var outDegrees = [Double](repeating: 0, count: graph.nodeCount)
    var inDegrees = outDegrees
    var loops = 0.0
    graph.forEachEdge(in: 0..<graph.edgeCount) { source, target in
      outDegrees[Int(source)] += 1
      inDegrees[Int(target)] += 1
      if source == target { loops += 1 }
    }
    let edges = Double(graph.edgeCount)
    func power(_ base: Double) -> Double { (0..<scale).reduce(1) { value, _ in value * base } }
    for degrees in [outDegrees, inDegrees] {
      let greatest = edges * power(0.76)
      #expect(abs(degrees.max()! - greatest) < 5 * greatest.squareRoot())
      let squares = degrees.reduce(0) { $0 + $1 * $1 }
      let expected = edges * (edges - 1) * power(0.76 * 0.76 + 0.24 * 0.24) + edges
      #expect(abs(squares / expected - 1) < 0.05)
    }
    let expectedLoops = edges * power(0.62)
    #expect(abs(loops - expectedLoops) < 5 * expectedLoops.squareRoot())
  }

  @Test func idsDoNotTellDegrees() throws {
    let graph = try RMAT(.init(scale: 12, edgeFactor: 16), seed: 1)
    var low = 0
    graph.forEachEdge(in: 0..<graph.edgeCount) { source, _ in
      if source < 2048 { low += 1 }
    }
    // Without the permutation it would be three quarters.
    #expect(abs(Double(low) / Double(graph.edgeCount) - 0.5) < 0.15)
  }

  @Test func optionsOutOfRangeAreRefused() {
    #expect(throws: HedgerowError.self) { try RMAT(.init(scale: 0), seed: 0) }
    #expect(throws: HedgerowError.self) { try RMAT(.init(scale: 33), seed: 0) }
    #expect(throws: HedgerowError.self) { try RMAT(.init(edgeFactor: -1), seed: 0) }
    #expect(throws: HedgerowError.self) { try RMAT(.init(edgeFactor: .nan), seed: 0) }
    var options = RMAT.Options()
    options.a = 0.9
    #expect(throws: HedgerowError.self) { try RMAT(options, seed: 0) }
  }
}
