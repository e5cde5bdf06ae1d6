import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowSampling
import HedgerowTensor
import HedgerowTestSupport
import HedgerowTraining
import Testing

@Suite struct WalkTrainerTests {
  static let links = EdgeType("node", "links", "node")
  static let has = EdgeType("node", "has", "tag")

  /// 200 nodes of three classes that like their own, and tags of each class.
  let graph: MemoryGraph = {
    var options = StochasticBlock.Options()
    (options.nodeCount, options.classCount, options.homophily) = (200, 3, 0.95)
    let drawn = try! StochasticBlock(options, seed: 3)
    var links = EdgeList(sources: [], targets: [])
    drawn.forEachEdge(in: 0..<drawn.edgeCount) { source, target in
      links.sources += [source, target]
      links.targets += [target, source]
    }
    let nodes = (0..<400).map { UInt32($0 / 2) }
    var stream = RandomStream(seed: 4)
    let tags = nodes.map { 3 * UInt32(stream.next(below: 10)) + $0 % 3 }
    var graph = MemoryGraph()
    graph[Self.links].edges = links
    graph[Self.has].edges = EdgeList(sources: nodes, targets: tags)
    graph["tag"].count = 30
    return graph
  }()

  var options: WalkTrainingOptions {
    var options = WalkTrainingOptions()
    (options.epochs, options.walksPerNode, options.window) = (3, 4, 5)
    (options.steps, options.batchSize, options.learningRate) = (10, 64, 0.05)
    return options
  }

  func relation(_ type: EdgeType) throws -> Relation {
    try #require(graph.schema.relations().first { $0.name == type })
  }

  /// The mean product of rows of unit length of nodes of one class, less that of nodes of two.
  func separation(_ rows: Tensor) -> Double {
    let unit = rowsOfLengthOne(rows)
    let products = matmul(unit, unit.transposed()).scalars
    var (sums, counts) = ([0.0, 0.0], [0.0, 0.0])
    for a in 0..<rows.rowCount {
      for b in 0..<a {
        let isOne = a % 3 == b % 3 ? 1 : 0
        sums[isOne] += Double(products[a * rows.rowCount + b])
        counts[isOne] += 1
      }
    }
    return sums[1] / counts[1] - sums[0] / counts[0]
  }

  @Test func walksBringNodesOfOneClassTogether() throws {
    let walker = try RandomWalker(graph, along: [relation(Self.links)], seed: 1)
    func trained() throws -> (rows: Tensor, losses: [Double]) {
      let model = Node2Vec(nodes: 200, width: 16).initialized(seed: 1)
      var losses: [Double] = []
      try WalkTrainer(walker, options: options, seed: 5).run(model) { losses.append($1) }
      return (model.embedding.weight.value, losses)
    }
    let (rows, losses) = try trained()
    #expect(losses.count == 3 && losses[2] < losses[0])
    #expect(separation(rows) > 0.2, "\(separation(rows))")
    let again = try Compute.with(ThreadPool(threadCount: 3)) { try trained() }
    #expect(again.rows == rows && again.losses == losses)
  }

  @Test func walksAlongAPathOfTypesDoSo() throws {
    // From a node to a tag that it has, and to a node that has it, too.
    let path = try [relation(Self.has.reversed), relation(Self.has)]
    let walker = try RandomWalker(graph, along: path, seed: 1)
    #expect(walker.startType == "node")
    let model = MetaPath2Vec(
      path: ["node", "tag"], counts: ["node": 200, "tag": 30], width: 16
    ).initialized(seed: 1)
    try WalkTrainer(walker, options: options, seed: 5).run(model)
    let rows = model((0..<200).map { $0 }, of: "node")
    #expect(separation(rows) > 0.2, "\(separation(rows))")
  }

  @Test func windowsThatDoNotFitAreRefused() throws {
    let walker = try RandomWalker(graph, along: [relation(Self.links)], seed: 1)
    var wrong = options
    (wrong.steps, wrong.window) = (3, 5)
    let trainer = WalkTrainer(walker, options: wrong, seed: 1)
    let error = #expect(throws: HedgerowError.self) {
      try trainer.run(Node2Vec(nodes: 200, width: 4).initialized(seed: 1))
    }
    #expect(error?.code == .usage)
  }
}
