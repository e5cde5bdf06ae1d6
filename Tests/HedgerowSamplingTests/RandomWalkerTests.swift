import HedgerowCore
import HedgerowGraph
import HedgerowSampling
import HedgerowTestSupport
import Testing

private typealias G = ReferenceGraph

@Suite struct RandomWalkTests {
  @Test func walksFollowTheirPathToItsEnd() throws {
    let seed = printedSeed()
    let reference = G(seed: seed, edgeCount: 700)
    let graph = reference.memoryGraph
    let relations = graph.schema.relations()
    let forward = relations.first { $0.name == G.rates }!
    let backward = relations.first { $0.name == G.rates.reversed }!
    let follows = relations.first { $0.name == G.follows }!
    for path in [[forward, backward], [follows], [forward], [forward, follows]] {
      // Within one type, or in a circle: a path that leads to another type ends there.
      let walker = try RandomWalker(graph, along: path, seed: seed)
      let starts = (0..<UInt32(graph.count(of: walker.startType))).map { $0 }
      let walks = try walker.walks(from: starts, walksPerNode: 2, length: 7)
      #expect(walks.count == 2 * starts.count)
      for walk in 0..<walks.count {
        let nodes = Array(walks[walk])
        #expect(nodes[0] == starts[walk / 2])
        for (step, (from, to)) in zip(nodes, nodes.dropFirst()).enumerated() {
          #expect(
            try graph.neighbors(of: NodeID(from), along: path[step % path.count]).contains(to))
        }
        let isClosed = path[path.count - 1].source == walker.startType
        let steps = isClosed ? 7 : path.count
        if nodes.count <= steps {
          #expect(
            try graph.degree(
              of: NodeID(nodes[nodes.count - 1]), along: path[(nodes.count - 1) % path.count]) == 0
          )
        } else {
          #expect(nodes.count == steps + 1)
        }
      }
      // A walk does not depend on who walks beside it.
      let alone = try walker.walks(from: [starts[5]], walksPerNode: 2, length: 7)
      #expect(Array(alone[1]) == Array(walks[11]))
    }
  }

  /// Every pair of steps as often as the definition says, on a graph with triangles.
  @Test(arguments: [(1.0, 1.0), (0.25, 4), (4, 0.5)])
  func secondStepsHaveTheWeightsOfNode2vec(p: Double, q: Double) throws {
    let seed = printedSeed()
    let node: NodeType = "node"
    var graph = MemoryGraph()
    let pairs: [(UInt32, UInt32)] = [
      (0, 1), (0, 2), (1, 2), (1, 3), (2, 4), (3, 4), (1, 5), (4, 5),
    ]
    let arcs = pairs + pairs.map { ($0.1, $0.0) }
    graph[EdgeType(node, "edge", node)].edges = EdgeList(
      sources: arcs.map(\.0), targets: arcs.map(\.1))
    graph[EdgeType(node, "edge", node)].isUndirected = true
    let walker = try RandomWalker(
      graph, along: [graph.schema.relations()[0]], returning: p, leaving: q, seed: seed)
    let count = 40_000
    let walks = try walker.walks(from: [0], walksPerNode: count, length: 2)
    var seen: [[UInt32]: Int] = [:]
    for walk in 0..<walks.count { seen[Array(walks[walk]), default: 0] += 1 }
    func near(_ a: UInt32) -> [UInt32] { arcs.filter { $0.0 == a }.map(\.1) }
    var statistic = 0.0
    var cells = 0
    for first in near(0) {
      let weights = near(first).map { $0 == 0 ? 1 / p : near(0).contains($0) ? 1 : 1 / q }
      for (second, weight) in zip(near(first), weights) {
        let expected =
          Double(count) / Double(near(0).count) * weight / weights.reduce(0, +)
        let found = Double(seen.removeValue(forKey: [0, first, second]) ?? 0)
        statistic += (found - expected) * (found - expected) / expected
        cells += 1
      }
    }
    #expect(seen.isEmpty)
    let probability = chiSquareProbability(statistic, degreesOfFreedom: cells - 1)
    print("p \(p), q \(q): \(probability)")
    #expect(probability > 1e-6 && probability < 1 - 1e-6)
  }

  @Test func wrongPathsAreRefused() throws {
    let graph = G(seed: printedSeed()).memoryGraph
    let relations = graph.schema.relations()
    let rates = relations.first { $0.name == G.rates }!
    let follows = relations.first { $0.name == G.follows }!
    for (path, p, q) in [
      ([], 1, 1), ([rates, rates], 1, 1), ([follows], 0, 1), ([follows], 1, .infinity),
      ([rates, follows], 2, 1), ([Relation(EdgeType("a", "b", "c"), .forward, index: 0)], 1, 1),
    ] as [([Relation], Double, Double)] {
      #expect(throws: HedgerowError.self) {
        try RandomWalker(graph, along: path, returning: p, leaving: q)
      }
    }
    let walker = try RandomWalker(graph, along: [follows])
    #expect(throws: HedgerowError.self) { try walker.walks(from: [300], length: 2) }
    #expect(throws: HedgerowError.self) { try walker.walks(from: [0], length: -1) }
  }
}
