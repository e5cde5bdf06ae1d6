import HedgerowCore
import HedgerowGraph
import HedgerowLoader
import HedgerowSampling
import HedgerowStore
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Many small graphs, drawn.
private struct SmallGraphs {
  static let atom: NodeType = "atom"
  static let ring: NodeType = "ring"
  static let bond = EdgeType("atom", "bond", "atom")
  static let part = EdgeType("atom", "of", "ring")

  var graphs: [MemoryGraph] = []
  var labels: [Int32] = []

  init(seed: UInt64, count: Int) {
    var random = RandomStream(seed: seed)
    func draw(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
    for number in 0..<count {
      let (atoms, rings) = (1 + draw(12), draw(3))
      var graph = MemoryGraph()
      graph[Self.atom].features["x"] = FeatureMatrix(
        width: 3, values: (0..<3 * atoms).map { _ in Float(draw(1000)) })
      graph[Self.ring].count = rings
      func edges(_ count: Int, to bound: Int) -> EdgeList {
        EdgeList(
          sources: (0..<count).map { _ in UInt32(draw(atoms)) },
          targets: (0..<count).map { _ in UInt32(draw(bound)) })
      }
      graph[Self.bond].edges = edges(draw(30), to: atoms)
      graph[Self.bond].columns["order"] = .integers(
        graph[Self.bond].edges.sources.map { _ in Int64(draw(4)) })
      graph[Self.part].edges = edges(rings == 0 ? 0 : draw(6), to: max(1, rings))
      graphs.append(graph)
      labels.append(Int32(number % 4) - 1)
    }
  }
}

@Suite struct GraphLoaderTests {
  private typealias S = SmallGraphs

  /// What a batch says of each of its graphs is what the graph says, node by node and edge by edge.
  private func check(_ batch: Batch, _ small: SmallGraphs) {
    let subgraph = batch.subgraph
    let graphs = subgraph.nodes["graph"]
    #expect(batch.seedCount == graphs.count)
    #expect(batch.labels == graphs.map { small.labels[Int($0)] })
    var firsts = PerNode<[Int]>()
    for type in [S.atom, S.ring] {
      var next = 0
      firsts[type] = graphs.map { graph in
        defer { next += small.graphs[Int(graph)].count(of: type) }
        return next
      }
      #expect(subgraph.nodes[type].count == next)
      #expect(
        subgraph.trees[type]
          == graphs.enumerated().flatMap { place, graph in
            [UInt32](repeating: UInt32(place), count: small.graphs[Int(graph)].count(of: type))
          })
    }
    #expect(
      batch.features[S.atom].scalars
        == graphs.flatMap { small.graphs[Int($0)][S.atom].features["x"]!.values })
    for relation in [S.bond, S.part] {
      let edges = subgraph.edges.first { $0.relation.name == relation }!
      var found: [[Int]] = []
      for row in 0..<edges.offsets.count - 1 {
        for entry in Int(edges.offsets[row])..<Int(edges.offsets[row + 1]) {
          found.append([Int(edges.sources[entry]), row])
        }
      }
      let expected = graphs.enumerated().flatMap { place, graph in
        let list = small.graphs[Int(graph)][relation].edges
        return zip(list.sources, list.targets).map {
          [firsts[relation.source][place] + Int($0), firsts[relation.target][place] + Int($1)]
        }
      }
      #expect(
        found.sorted { $0.lexicographicallyPrecedes($1) }
          == expected.sorted { $0.lexicographicallyPrecedes($1) })
    }
    // Pooling reads the nodes of each graph.
    let members = subgraph.edges.first { $0.relation.name == EdgeType(S.atom, "in", "graph") }!
    #expect(members.sources.count == subgraph.nodes[S.atom].count)
  }

  @Test(arguments: [true, false]) func graphsStandSideBySide(byNodes: Bool) async throws {
    let small = SmallGraphs(seed: printedSeed(), count: 150)
    var options = LoaderOptions()
    options.threads = 3
    let loader = GraphLoader(
      small.graphs, labels: small.labels, size: byNodes ? .nodes(60) : .graphs(16), layers: 2,
      seed: 5, options: options)
    var orders: [[UInt32]] = []
    for epoch in 0..<2 {
      var seen: [UInt32] = []
      for try await batch in loader.epoch(epoch) {
        check(batch, small)
        #expect(batch.blocks.count == 2)
        let nodes = [S.atom, S.ring].reduce(0) { $0 + batch.subgraph.nodes[$1].count }
        if byNodes { #expect(nodes <= 60) } else { #expect(batch.seedCount <= 16) }
        if byNodes && seen.count < 100 { #expect(nodes > 60 - 15) }
        seen += batch.subgraph.nodes["graph"]
      }
      #expect(seen.sorted() == (0..<150).map { $0 })
      orders.append(seen)
    }
    #expect(orders[0] != orders[1])
  }

  @Test func theSameBatchesForAnyThreadsHomeAndBeginning() async throws {
    let small = SmallGraphs(seed: printedSeed(), count: 60)
    let union = MemoryGraph(unionOf: small.graphs, as: "graph", labels: small.labels)
    let directory = TemporaryDirectory()
    let store = try GraphStore(
      at: directory("s"),
      schema: [
        .node("graph", properties: ["label": .int32]), .node(S.atom, features: 3), .node(S.ring),
        .edge(EdgeType(S.atom, "in", "graph")), .edge(EdgeType(S.ring, "in", "graph")),
        .edge(S.bond), .edge(S.part),
      ])
    try store.write { txn in
      for (type, width) in [(S.atom, 3), (S.ring, 0), ("graph", 0)] {
        for id in 0..<union.count(of: type) {
          var values: [String: PropertyValue] = [:]
          if width > 0 {
            values["x"] = .vector(
              Array(union[type].features["x"]!.values[id * width..<(id + 1) * width]))
          } else if type == "graph", small.labels[id] >= 0 {
            values["label"] = .int(Int64(small.labels[id]))
          }
          _ = try txn.insert(type, key: "\(id)", values)
        }
      }
      for edge in union.schema.edges.map(\.type) {
        let list = union[edge].edges
        for (source, target) in zip(list.sources, list.targets) {
          _ = try txn.connect(NodeID(source), edge, NodeID(target))
        }
      }
    }
    func digest(
      _ graph: some Topology & FeatureSource, threads: Int, from first: Int = 0
    ) async throws -> [BatchDigest] {
      var options = LoaderOptions()
      options.threads = threads
      options.labels = "label"
      options.relations = graph.schema.relations().filter { $0.stored == S.bond }
      options.inputs = [S.atom: ["x"]]
      let loader = GraphLoader(
        graph, graphs: .nodes("graph"), size: .nodes(50), layers: 1, seed: 8, options: options)
      var digests: [BatchDigest] = []
      for try await batch in loader.epoch(0, from: first) {
        var digest = BatchDigest()
        batch.subgraph.fold(into: &digest)
        digest.fold(batch.labels)
        batch.features[S.atom].withUnsafeBufferPointer { digest.fold(UnsafeRawBufferPointer($0)) }
        digests.append(digest)
      }
      return digests
    }
    let memory = try await digest(union, threads: 1)
    #expect(memory.count > 5)
    #expect(try await digest(store.snapshot(), threads: 2) == memory)
    #expect(try await digest(union, threads: 4, from: 3) == Array(memory.dropFirst(3)))
  }

  @Test func edgesBetweenGraphsAreNone() async throws {
    var graph = MemoryGraph(
      unionOf: SmallGraphs(seed: printedSeed(), count: 12).graphs, as: "graph")
    let atoms = UInt32(graph.count(of: S.atom))
    let list = graph[S.bond].edges
    // As many edges again from anywhere to anywhere.
    let others = (0..<atoms).map { ($0, ($0 * 7 + 3) % atoms) }
    graph[S.bond] = MemoryGraph.Edges(
      EdgeList(
        sources: list.sources + others.map(\.0), targets: list.targets + others.map(\.1)))
    var options = LoaderOptions()
    options.sampling.edgeIDs = .present
    let loader = GraphLoader(
      graph, graphs: .nodes("graph"), size: .graphs(5), layers: 1, options: options)
    for try await batch in loader.epoch(0) {
      let edges = batch.subgraph.edges.first { $0.relation.name == S.bond }!
      let trees = batch.subgraph.trees[S.atom]
      let (sources, targets) = try graph.endpoints(of: edges.ids.span, S.bond)
      let nodes = batch.subgraph.nodes[S.atom]
      #expect(!edges.sources.isEmpty)
      for row in 0..<edges.offsets.count - 1 {
        for entry in Int(edges.offsets[row])..<Int(edges.offsets[row + 1]) {
          #expect(trees[Int(edges.sources[entry])] == trees[row])
          #expect(nodes[Int(edges.sources[entry])] == sources[entry])
          #expect(nodes[row] == targets[entry])
        }
      }
    }
  }

  @Test func whatDoesNotFitIsSaid() throws {
    let graph = ReferenceGraph(seed: 1).memoryGraph
    func message(_ graphs: Seeds, members: [EdgeType]? = nil) -> String {
      do {
        _ = try GraphLoader(graph, graphs: graphs, size: .graphs(2), layers: 1, members: members)
          .batch(0, epoch: 0)
        return ""
      } catch { return "\(error)" }
    }
    #expect(message(.nodes("graph")).contains("no node type 'graph'"))
    #expect(message(.nodes("user")).contains("no edge type leads to 'user'"))
    #expect(
      message(.nodes("user"), members: [ReferenceGraph.rates]).contains("that lead to 'user'"))
  }
}
