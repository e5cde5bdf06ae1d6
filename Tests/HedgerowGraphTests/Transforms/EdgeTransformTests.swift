import HedgerowCore
import HedgerowGraph
import HedgerowTestSupport
import Testing

@Suite struct EdgeTransformTests {
  static let cites = EdgeType("paper", "cites", "paper")

  static func edges(_ pairs: [(UInt32, UInt32)], _ weights: [Double]) -> MemoryGraph.Edges {
    MemoryGraph.Edges(
      EdgeList(sources: pairs.map(\.0), targets: pairs.map(\.1)),
      columns: ["w": .numbers(weights), "n": .integers(weights.map { Int64($0) })], weight: "w")
  }

  static func pairs(_ list: EdgeList) -> [[UInt32]] {
    zip(list.sources, list.targets).map { [$0, $1] }
  }

  @Test func selfLoopsGoWithTheirNumbers() {
    let edges = Self.edges([(0, 1), (2, 2), (1, 0), (2, 2), (0, 0)], [1, 2, 3, 4, 5])
    let without = edges.removingSelfLoops()
    #expect(Self.pairs(without.edges) == [[0, 1], [1, 0]])
    #expect(without.columns["w"] == .numbers([1, 3]) && without.columns["n"] == .integers([1, 3]))
    #expect(without.weightColumn == "w")
    let remaining = edges.addingSelfLoops(nodeCount: 4, numbers: ["w": 0.5])
    #expect(
      Self.pairs(remaining.edges) == [
        [0, 1], [2, 2], [1, 0], [2, 2], [0, 0], [1, 1], [3, 3],
      ])
    #expect(remaining.columns["w"] == .numbers([1, 2, 3, 4, 5, 0.5, 0.5]))
    #expect(remaining.columns["n"] == .integers([1, 2, 3, 4, 5, 1, 1]))
    let all = edges.addingSelfLoops(.everywhere, nodeCount: 3)
    #expect(Self.pairs(all.edges).suffix(3) == [[0, 0], [1, 1], [2, 2]])
  }

  /// Values of `ToUndirected` of PyTorch Geometric 2.8.1.
  @Test func anUndirectedGraphHasTheSumsOfBothDirections() {
    var graph = MemoryGraph()
    graph[Self.cites] = Self.edges([(0, 1), (0, 0), (1, 0), (2, 1)], [1, 3, 4, 5])
    graph[EdgeType("author", "writes", "paper")].edges = EdgeList(
      sources: [0, 1], targets: [2, 0])
    let undirected = graph.undirected()
    let edges = undirected[Self.cites]
    #expect(Self.pairs(edges.edges) == [[0, 0], [0, 1], [1, 0], [1, 2], [2, 1]])
    #expect(edges.columns["w"] == .numbers([6, 5, 5, 5, 5]))
    #expect(edges.columns["n"] == .integers([6, 5, 5, 5, 5]) && edges.isUndirected)
    #expect(undirected[EdgeType("author", "writes", "paper")].edges.sources == [0, 1])
    let means = graph.undirected(combining: .mean)[Self.cites]
    #expect(means.columns["w"] == .numbers([3, 2.5, 2.5, 5, 5]))
    #expect(means.columns["n"] == .numbers([3, 2.5, 2.5, 5, 5]))
    let least = graph.undirected(combining: .min)[Self.cites]
    #expect(least.columns["n"] == .integers([3, 1, 1, 5, 5]))
    let most = graph.undirected(combining: .max)[Self.cites]
    #expect(most.columns["w"] == .numbers([3, 4, 4, 5, 5]))
    // Again it stays as it is.
    #expect(undirected.undirected()[Self.cites].edges == edges.edges)
    #expect(MemoryGraph().undirected().schema.edges.isEmpty)
  }

  @Test func reversedRelationsJoinALayer() {
    let rates = EdgeType("user", "rates", "item")
    let follows = EdgeType("user", "follows", "user")
    let layer = HeteroBlock(
      blocks: [
        ("user", "rates", "item"): Block(
          sources: [0, 2, 2], targets: [1, 0, 1], sourceCount: 3, targetCount: 2),
        ("user", "follows", "user"): Block(
          sources: [0], targets: [1], sourceCount: 3, targetCount: 3),
      ], sourceCounts: ["user": 3, "item": 2], targetCounts: ["user": 3, "item": 2])
    let both = layer.addingReversed()
    #expect(both.blocks.keys == [rates, follows, rates.reversed])
    let reversed = both[rates.reversed]!
    #expect(reversed.offsets == [0, 1, 1, 3] && reversed.sources == [1, 0, 1])
    #expect(both.addingReversed().blocks.count == 3)
  }

  /// Values of `AddMetaPaths` of PyTorch Geometric 2.8.1.
  @Test func metapathsAreProductsOfRelations() throws {
    var graph = MemoryGraph()
    let writes = EdgeType("author", "writes", "paper")
    let appears = EdgeType("paper", "in", "venue")
    graph[writes].edges = EdgeList(sources: [0, 0, 1, 2, 2], targets: [0, 1, 1, 2, 3])
    graph[appears].edges = EdgeList(sources: [0, 1, 2, 3], targets: [0, 1, 1, 1])
    let first = try graph.addMetapath([writes, appears], named: "publishes", countColumn: "paths")
    #expect(first == EdgeType("author", "publishes", "venue"))
    #expect(Self.pairs(graph[first].edges) == [[0, 0], [0, 1], [1, 1], [2, 1]])
    #expect(graph[first].columns["paths"] == .numbers([1, 1, 1, 2]))
    let second = try graph.addMetapath([writes, writes.reversed], named: "coauthor")
    #expect(Self.pairs(graph[second].edges) == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 2]])
    #expect(graph[second].columns.isEmpty)
    for path in [[], [writes, writes], [EdgeType("author", "reads", "paper")]] {
      #expect(throws: HedgerowError.self) { try graph.addMetapath(path, named: "x") }
    }
    #expect(throws: HedgerowError.self) { try graph.addMetapath([writes], named: "writes") }
  }

  @Test func metapathsCountAsProductsOfMatricesDo() throws {
    let seed = printedSeed()
    var stream = RandomStream(seed: seed)
    var graph = MemoryGraph()
    let types = [EdgeType("a", "x", "b"), EdgeType("c", "y", "b"), EdgeType("c", "z", "a")]
    let sizes = ["a": 7, "b": 9, "c": 5]
    var matrices: [[[Double]]] = []
    for type in types {
      let (rows, columns) = (sizes[type.source.name]!, sizes[type.target.name]!)
      var matrix = [[Double]](repeating: .init(repeating: 0, count: columns), count: rows)
      var list = EdgeList(sources: [], targets: [])
      for _ in 0..<20 {
        let row = Int(stream.next(below: UInt64(rows)))
        let column = Int(stream.next(below: UInt64(columns)))
        matrix[row][column] += 1
        list.sources.append(UInt32(row))
        list.targets.append(UInt32(column))
      }
      graph[type].edges = list
      graph[type.source].count = rows
      graph[type.target].count = columns
      matrices.append(matrix)
    }
    func times(_ a: [[Double]], _ b: [[Double]]) -> [[Double]] {
      a.map { row in
        b[0].indices.map { column in row.indices.reduce(0) { $0 + row[$1] * b[$1][column] } }
      }
    }
    func transposed(_ a: [[Double]]) -> [[Double]] { a[0].indices.map { c in a.map { $0[c] } } }
    let expected = times(times(matrices[0], transposed(matrices[1])), matrices[2])
    let type = try graph.addMetapath(
      [types[0], types[1].reversed, types[2]], named: "path", countColumn: "paths")
    var found = [[Double]](repeating: .init(repeating: 0, count: 7), count: 7)
    guard case .numbers(let counts)? = graph[type].columns["paths"] else {
      Issue.record("no counts")
      return
    }
    for (pair, count) in zip(Self.pairs(graph[type].edges), counts) {
      #expect(found[Int(pair[0])][Int(pair[1])] == 0)
      found[Int(pair[0])][Int(pair[1])] = count
    }
    #expect(found == expected)
  }
}
