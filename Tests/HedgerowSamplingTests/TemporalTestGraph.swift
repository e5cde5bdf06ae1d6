import HedgerowCore
import HedgerowGraph
import HedgerowSampling
import HedgerowTestSupport

/// A drawn graph of two node types with times and weights, in plain arrays and in memory.
struct TemporalTestGraph {
  static let user: NodeType = "user"
  static let item: NodeType = "item"
  static let buys = EdgeType("user", "buys", "item")
  static let likes = EdgeType("user", "likes", "user")

  struct Edge {
    var source: UInt32
    var target: UInt32
    var time: Int64
    var weight: Double
  }
  var counts: PerNode<Int>
  /// In the order of edges.
  var edges = PerEdge<[Edge]>()
  var times = PerNode<[Int64]>()
  var graph = MemoryGraph()

  /// `buys` declares its time, `likes` does not.
  init(_ random: inout RandomStream) {
    func draw(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
    counts = [Self.user: 2 + draw(12), Self.item: 2 + draw(8)]
    let span = 1 + draw(20)
    for type in [Self.user, Self.item] {
      times[type] = (0..<counts[type]).map { _ in Int64(draw(span)) }
      graph[type].count = counts[type]
      graph[type].columns["born"] = .integers(times[type])
    }
    for type in [Self.buys, Self.likes] {
      var list = (0..<draw(80)).map { _ in
        // Some nodes have many edges, and some pairs several.
        Edge(
          source: UInt32(min(draw(counts[type.source]), draw(counts[type.source]))),
          target: UInt32(min(draw(counts[type.target]), draw(counts[type.target]))),
          time: Int64(draw(span)), weight: Double(draw(4)))
      }
      var made = MemoryGraph.Edges()
      made.edges = EdgeList(sources: list.map(\.source), targets: list.map(\.target))
      made.columns["at"] = .integers(list.map(\.time))
      made.columns["w"] = .numbers(list.map(\.weight))
      made.weightColumn = "w"
      if type == Self.buys { made.timeColumn = "at" }
      graph[type] = made
      let order = list.indices.sorted {
        (list[$0].source, list[$0].target, $0) < (list[$1].source, list[$1].target, $1)
      }
      list = order.map { list[$0] }
      edges[type] = list
    }
  }

  /// The entries of a row, in order: edge numbers.
  func row(_ node: UInt32, along relation: Relation) -> [Int] {
    let list = edges[relation.stored]
    if relation.direction == .backward { return list.indices.filter { list[$0].source == node } }
    let row = list.indices.filter { list[$0].target == node }
    return relation.stored == Self.buys
      ? row.sorted { (list[$0].time, $0) < (list[$1].time, $1) } : row
  }

  func neighbor(_ edge: Int, along relation: Relation) -> UInt32 {
    let edge = edges[relation.stored][edge]
    return relation.direction == .forward ? edge.source : edge.target
  }
}
