import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
import HedgerowTestSupport
import Testing

@Suite struct SplitTests {
  func sets(_ graph: MemoryGraph, _ type: NodeType) -> [[UInt32]] {
    ["train", "valid", "test"].map { graph[type].sets[$0].map { Array($0) } ?? [] }
  }

  @Test func nodesArePartedByTheSizesAsked() throws {
    let seed = printedSeed()
    var graph = MemoryGraph()
    graph["paper"].labels["topic"] = (0..<200).map { $0 < 190 ? Int32($0 % 4) : -1 }
    var options = NodeSplitOptions()
    options.valid = .share(0.1)
    options.test = .count(30)
    try graph.splitNodes(of: "paper", options, seed: seed)
    var parts = sets(graph, "paper")
    #expect(parts.map(\.count) == [150, 20, 30])
    #expect(Set(parts.joined()).count == 200)
    var again = graph
    try again.splitNodes(of: "paper", options, seed: seed)
    #expect(sets(again, "paper") == parts)
    try again.splitNodes(of: "paper", options, seed: seed + 1)
    #expect(sets(again, "paper") != parts)

    options.training = .perClass(7, labels: "topic")
    options.test = nil
    try graph.splitNodes(of: "paper", options, seed: seed)
    parts = sets(graph, "paper")
    #expect(parts.map(\.count) == [28, 20, 152] && Set(parts.joined()).count == 200)
    for label in 0..<4 { #expect(parts[0].count { Int($0) % 4 == label && $0 < 190 } == 7) }
  }

  @Test func sizesThatAreNoPartsAreRefused() {
    var graph = MemoryGraph()
    graph["paper"].count = 10
    for (valid, test) in [
      (SplitSize.count(8), SplitSize.count(3)), (.share(1.5), .count(0)), (.count(-1), .count(0)),
    ] {
      var options = NodeSplitOptions()
      (options.valid, options.test) = (valid, test)
      #expect(throws: HedgerowError.self) {
        try graph.splitNodes(of: "paper", options, seed: 1)
      }
    }
    var options = NodeSplitOptions()
    options.training = .perClass(1, labels: "none")
    #expect(throws: HedgerowError.self) { try graph.splitNodes(of: "paper", options, seed: 1) }
  }

  static func set(_ list: EdgeList) -> Set<[UInt32]> {
    Set(zip(list.sources, list.targets).map { [$0, $1] })
  }

  /// A graph with numbers that say which edge each is.
  static func graph(_ seed: UInt64, undirected: Bool) -> MemoryGraph {
    var stream = RandomStream(seed: seed)
    var pairs: Set<[UInt32]> = []
    while pairs.count < 60 {
      let pair = (0..<2).map { _ in UInt32(stream.next(below: 25)) }
      if undirected ? pair[0] <= pair[1] : true { pairs.insert(pair) }
    }
    let list = pairs.sorted { $0.lexicographicallyPrecedes($1) }
    var graph = MemoryGraph()
    let type = EdgeType("a", "to", "a")
    graph[type] = MemoryGraph.Edges(
      EdgeList(sources: list.map { $0[0] }, targets: list.map { $0[1] }),
      columns: ["key": .integers(list.map { Int64($0[0] * 100 + $0[1]) })])
    return undirected ? graph.undirected(combining: .min) : graph
  }

  @Test(arguments: [false, true])
  func linksArePartedWithoutALeak(undirected: Bool) throws {
    let seed = printedSeed()
    let graph = Self.graph(seed, undirected: undirected)
    let type = EdgeType("a", "to", "a")
    var options = LinkSplitOptions()
    options.valid = .count(10)
    options.test = .share(0.25)
    options.predictedOnly = .count(12)
    options.negativesPerPositive = 2
    let split = try graph.splittingLinks(of: type, options, seed: seed)
    #expect(
      [split.train, split.valid, split.test].map { $0.positives.count } == [12, 10, 15])
    #expect(
      [split.train, split.valid, split.test].map { $0.negatives.count } == [24, 20, 30])
    let all = Self.set(graph[type].edges)
    func both(_ list: EdgeList) -> Set<[UInt32]> {
      let set = Self.set(list)
      return undirected ? set.union(set.map { [$0[1], $0[0]] }) : set
    }
    let (train, valid, test) = (
      both(split.train.positives), both(split.valid.positives), both(split.test.positives)
    )
    let messages = [split.train, split.valid, split.test].map { Self.set($0.graph[type].edges) }
    #expect(train.isDisjoint(with: valid) && valid.isDisjoint(with: test))
    #expect(train.isDisjoint(with: test))
    #expect(messages[0] == all.subtracting(train).subtracting(valid).subtracting(test))
    #expect(messages[1] == messages[0].union(train))
    #expect(messages[2] == messages[1].union(valid))
    for part in [split.train, split.valid, split.test] {
      // No arc is there twice, and each has its number.
      let edges = part.graph[type]
      #expect(Self.set(edges.edges).count == edges.edges.count)
      guard case .integers(let keys)? = edges.columns["key"] else { continue }
      for (place, key) in keys.enumerated() {
        let (s, t) = (edges.edges.sources[place], edges.edges.targets[place])
        #expect(key == Int64(undirected ? min(s, t) * 100 + max(s, t) : s * 100 + t))
      }
    }
    let negatives = [split.train, split.valid, split.test].flatMap { part in
      zip(part.negatives.sources, part.negatives.targets).map { [$0, $1] }
    }
    #expect(Set(negatives).count == negatives.count)
    for pair in negatives {
      #expect(pair[0] != pair[1] && !all.contains(pair))
      if undirected { #expect(!all.contains([pair[1], pair[0]])) }
    }
    let again = try graph.splittingLinks(of: type, options, seed: seed)
    #expect(again.test.negatives == split.test.negatives)
    #expect(again.train.positives == split.train.positives)
  }

  @Test func allPairsWithoutAnEdgeCanBeWantedAndNoneMore() throws {
    let type = EdgeType("a", "to", "b")
    var graph = MemoryGraph()
    graph[type].edges = EdgeList(sources: [0, 1, 2, 0], targets: [0, 1, 1, 1])
    graph["b"].count = 3
    var options = LinkSplitOptions()
    (options.valid, options.test) = (.count(1), .count(1))
    options.trainingNegatives = false
    // 9 pairs, 4 edges.
    options.negativesPerPositive = 2.5
    let split = try graph.splittingLinks(of: type, options, seed: 3)
    #expect(Self.set(split.valid.negatives).union(Self.set(split.test.negatives)).count == 4)
    options.negativesPerPositive = 3
    #expect(throws: HedgerowError.self) {
      try graph.splittingLinks(of: type, options, seed: 3)
    }
    options.valid = .count(4)
    #expect(throws: HedgerowError.self) {
      try graph.splittingLinks(of: type, options, seed: 3)
    }
    #expect(throws: HedgerowError.self) {
      try graph.splittingLinks(of: EdgeType("a", "no", "b"), seed: 3)
    }
  }

  @Test func shapesHaveTheHousesOfTheirLabels() throws {
    let seed = printedSeed()
    var options = BAShapes.Options()
    (options.baseCount, options.houseCount) = (40, 12)
    let shapes = try BAShapes(options, seed: seed)
    #expect(shapes.nodeCount == 100 && shapes.labels.count == 100)
    #expect((0..<4).map { label in shapes.labels.count { $0 == label } } == [40, 24, 24, 12])
    var degrees = [Int](repeating: 0, count: 100)
    for arc in 0..<shapes.edges.count where shapes.isOfHouse(arc) {
      degrees[Int(shapes.edges.sources[arc])] += 1
    }
    for node in 0..<100 {
      #expect(degrees[node] == [0, 3, 2, 2][Int(shapes.labels[node])])
    }
    // 5 edges of each of 35 nodes, 6 and one of each house, and at most 10 drawn.
    let edges = shapes.edges.count / 2
    #expect(edges <= 35 * 5 + 12 * 7 + 10 && edges > 35 * 5 + 12 * 7)
    for edge in 0..<edges {
      #expect(shapes.edges.sources[2 * edge] == shapes.edges.targets[2 * edge + 1])
      #expect(shapes.edges.targets[2 * edge] == shapes.edges.sources[2 * edge + 1])
    }
    #expect(try BAShapes(options, seed: seed).edges == shapes.edges)
    options.edgesPerNode = 40
    #expect(throws: HedgerowError.self) { try BAShapes(options, seed: seed) }
  }
}
