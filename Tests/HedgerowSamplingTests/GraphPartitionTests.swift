import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
import HedgerowSampling
import HedgerowTestSupport
import Testing

@Suite struct GraphPartitionTests {
  private static let node: NodeType = "node"
  private static let to = EdgeType("node", "to", "node")

  /// Eight groups of 100, nine of ten edges within one.
  private func planted(_ seed: UInt64) -> MemoryGraph {
    var random = RandomStream(seed: seed)
    func draw(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
    let names = ShuffledRange(count: 800, stream: RandomStream(seed: seed).derive("names"))
    var list = EdgeList(sources: [], targets: [])
    for _ in 0..<6000 {
      let a = draw(800)
      let b = draw(10) == 0 ? draw(800) : a / 100 * 100 + draw(100)
      list.sources.append(UInt32(names[a]))
      list.targets.append(UInt32(names[b]))
    }
    var graph = MemoryGraph()
    graph[Self.node].count = 800
    graph[Self.to].edges = list
    return graph
  }

  @Test func groupsAreFoundAgain() throws {
    let graph = planted(printedSeed())
    let relations = graph.schema.relations(includingReverse: false)
    let partition = try StreamingPartitioner().partition(graph, into: 8, relations: relations)
    let members = partition.parts.map { $0[Self.node] }
    #expect(members.reduce(RoaringBitmap()) { $0.union($1) }.count == 800)
    #expect(members.map(\.count).reduce(0, +) == 800)
    #expect(members.allSatisfy { $0.count <= 111 })
    let share = try partition.cutShare(of: graph, relations: relations)
    let list = graph[Self.to].edges
    var partOf = [Int](repeating: 0, count: 800)
    for (part, nodes) in members.enumerated() { for node in nodes { partOf[Int(node)] = part } }
    let cut = zip(list.sources, list.targets).count { partOf[Int($0)] != partOf[Int($1)] }
    #expect(abs(share - Double(cut) / 6000) < 1e-12)
    print("cut: \(share)")
    // Chance cuts seven of eight, the groups about one of eleven.
    #expect(share < 0.4)
  }

  @Test func morePartsThanNodesAreRefused() throws {
    let graph = planted(printedSeed())
    let relations = graph.schema.relations(includingReverse: false)
    let error = #expect(throws: HedgerowError.self) {
      try StreamingPartitioner().partition(graph, into: 801, relations: relations)
    }
    #expect(error?.code == .usage && error?.message.contains("801") == true)
    let partition = try StreamingPartitioner().partition(graph, into: 800, relations: relations)
    #expect(partition.parts.count == 800)
  }

  @Test func itStopsWhereItIsAskedTo() throws {
    let graph = planted(printedSeed())
    let relations = graph.schema.relations()
    #expect(throws: CancellationError.self) {
      try StreamingPartitioner().partition(graph, into: 8, relations: relations) {
        throw CancellationError()
      }
    }
    let partition = try StreamingPartitioner().partition(graph, into: 8, relations: relations)
    #expect(throws: CancellationError.self) {
      try partition.cutShare(of: graph, relations: relations) { throw CancellationError() }
    }
  }

  @Test func severalTypesAreDividedTogether() throws {
    let graph = ReferenceGraph(seed: printedSeed()).memoryGraph
    let relations = graph.schema.relations()
    let partition = try StreamingPartitioner().partition(graph, into: 5, relations: relations)
    for type in [ReferenceGraph.user, ReferenceGraph.item] {
      let members = partition.parts.map { $0[type] }
      #expect(members.map(\.count).reduce(0, +) == graph.count(of: type))
      #expect(members.reduce(RoaringBitmap()) { $0.union($1) }.count == graph.count(of: type))
    }
    for part in partition.parts {
      #expect(part.values.reduce(0) { $0 + $1.count } <= 176)
    }
  }
}
