import Foundation
import HedgerowCore
import HedgerowGraph
import HedgerowIngest
import HedgerowMapped
import HedgerowStore
import HedgerowTestSupport
import Testing

@Suite struct RebuildTests {
  @Test(arguments: NodeOrder.allCases) func aRebuiltStoreHoldsTheSame(order: NodeOrder) throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var random = try RandomStore(at: directory("s"), seed: seed)
    try random.change(1000)
    try random.store.compact()
    let build = try random.store.beginBuild()
    try build.buildIndex(of: "group", of: RandomStore.user)
    try build.publish()
    for _ in 0..<10 { try random.change(40) }
    let before = try ReferenceStore(of: random.store.snapshot())
    #expect(before.nodes.values.contains { $0.isThere.contains(false) })
    let report = try Rebuild.run(
      from: directory("s"), to: directory("new"), order: order,
      budget: MemoryBudget(total: 64 << 20))
    #expect(try StoreVerifier.verify(at: directory("new")).isClean)
    let store = try GraphStore.open(at: directory("new"))
    let snapshot = try store.snapshot()
    let model = try #require(try before.renumbered(as: snapshot))
    #expect(try model.difference(from: snapshot) == nil)
    #expect(snapshot.schema == RandomStore.schema)
    for (type, nodes) in model.nodes { #expect(report.nodes[type] == nodes.keys.count) }
    for (type, edges) in model.edges { #expect(report.edges[type] == edges.count) }
    #expect(
      report.droppedNodeCount
        == before.nodes.values.reduce(0) { $0 + $1.isThere.count { !$0 } })
    #expect(try store.statistics().uuid != random.store.statistics().uuid)
    #expect(try FileSystem.names(in: directory("new/segments")).contains { $0.hasPrefix("index") })
    try checkOrder(order, before, snapshot)
    // It is a store like any other.
    try store.write { txn in
      let id = try txn.insert(RandomStore.user, key: "new one")
      try txn.connect(id, RandomStore.follows, id)
    }
    try store.compact()
    #expect(try StoreVerifier.verify(store).isClean)
    #expect(try FileSystem.names(in: directory.path) == ["new", "s"])
  }

  /// The order itself, by another way.
  private func checkOrder(
    _ order: NodeOrder, _ before: ReferenceStore, _ snapshot: Snapshot
  ) throws {
    struct Node: Hashable {
      var type: Int
      var id: UInt32
    }
    let types = RandomStore.schema.nodes.map(\.type)
    var neighbors: [Node: [Node]] = [:]
    for edge in RandomStore.schema.edges {
      let (source, target) = (
        types.firstIndex(of: edge.type.source)!, types.firstIndex(of: edge.type.target)!
      )
      for arc in before.edges[edge.type]! {
        neighbors[Node(type: target, id: arc.target), default: []].append(
          Node(type: source, id: arc.source))
        if !edge.isUndirected {
          neighbors[Node(type: source, id: arc.source), default: []].append(
            Node(type: target, id: arc.target))
        }
      }
    }
    func degree(_ node: Node) -> Int { neighbors[node]?.count ?? 0 }
    for (number, type) in types.enumerated() {
      let nodes = try (0..<snapshot.count(of: type)).map { id in
        let key = try snapshot.key(of: NodeID(UInt32(id)), of: type)
        return Node(
          type: number, id: UInt32(before.nodes[type]!.keys.firstIndex(of: key)!))
      }
      switch order {
      case .input: #expect(nodes.map(\.id) == nodes.map(\.id).sorted())
      case .degree:
        #expect(
          nodes == nodes.sorted { (-degree($0), $0.id) < (-degree($1), $1.id) })
      case .bfs, .rcm: break
      }
    }
    guard order == .bfs || order == .rcm else { return }
    // Reached in the right order: a node's first reached neighbor never comes after that of a later
    // one, which is what makes a search breadth-first. For nodes of one type that is visible.
    let all = types.enumerated().flatMap { number, type in
      before.nodes[type]!.isThere.indices.filter { before.nodes[type]!.isThere[$0] }.map {
        Node(type: number, id: UInt32($0))
      }
    }
    let starts = all.sorted {
      order == .bfs
        ? (-degree($0), $0.type, $0.id) < (-degree($1), $1.type, $1.id)
        : (degree($0), $0.type, $0.id) < (degree($1), $1.type, $1.id)
    }
    var reached: Set<Node> = []
    var queue: [Node] = []
    for start in starts where reached.insert(start).inserted {
      queue.append(start)
      var next = queue.count - 1
      while next < queue.count {
        let node = queue[next]
        next += 1
        var found: [Node] = []
        for relation in RandomStore.schema.relations() where types[node.type] == relation.target {
          let source = types.firstIndex(of: relation.source)!
          let row = try snapshotNeighbors(before, relation, node.id)
          for id in row {
            let neighbor = Node(type: source, id: id)
            if reached.insert(neighbor).inserted { found.append(neighbor) }
          }
        }
        if order == .rcm {
          found.sort { (degree($0), $0.type, $0.id) < (degree($1), $1.type, $1.id) }
        }
        queue += found
      }
    }
    if order == .rcm { queue.reverse() }
    for (number, type) in types.enumerated() {
      let expected = queue.filter { $0.type == number }.map { before.nodes[type]!.keys[Int($0.id)] }
      let keys = try (0..<snapshot.count(of: type)).map {
        try snapshot.key(of: NodeID(UInt32($0)), of: type)
      }
      #expect(keys == expected, "\(order) of \(type)")
    }
  }

  /// A row as the old store has it.
  private func snapshotNeighbors(
    _ store: ReferenceStore, _ relation: Relation, _ id: UInt32
  ) throws -> [UInt32] {
    let list = store.edges[relation.stored]!
    if relation.direction == .backward {
      return list.filter { $0.source == id }.map(\.target)
    }
    let schema = RandomStore.schema.edge(relation.stored)!
    func time(_ edge: ReferenceStore.Edge) -> Int64 {
      guard let column = schema.timeColumn, case .int(let value)? = edge.values[column] else {
        return 0
      }
      return value
    }
    let row = list.enumerated().filter { $0.element.target == id }
    return row.sorted {
      (time($0.element), $0.element.source, $0.offset)
        < (time($1.element), $1.element.source, $1.offset)
    }.map(\.element.source)
  }

  /// A path whose nodes are shuffled: neighbors come to stand side by side.
  @Test func aPathBecomesAPathAgain() throws {
    let seed = printedSeed()
    let workspace = TemporaryDirectory()
    var random = RandomStream(seed: seed)
    let count = 3000
    var names = Array(0..<count)
    for place in names.indices.dropLast() {
      names.swapAt(place, place + Int(random.next(below: UInt64(count - place))))
    }
    let edges = workspace.write(
      "edges.tsv",
      zip(names, names.dropFirst()).map { "\($0)\t\($1)\n" }.joined())
    var options = IngestOptions()
    let type = EdgeType("node", "edge", "node")
    options.edges = [.init(type, edges)]
    let budget = MemoryBudget(total: 64 << 20)
    try Ingest.run(options, into: workspace("s"), budget: budget, pool: ThreadPool(threadCount: 1))
    for order in [NodeOrder.bfs, .rcm] {
      let path = workspace("\(order)")
      try Rebuild.run(from: workspace("s"), to: path, order: order, budget: budget)
      let snapshot = try GraphStore.open(at: path, .readOnly).snapshot()
      var cursor = try snapshot.edges(of: type, .out)
      var widest = 0
      while try cursor.advance() {
        for (a, b) in zip(cursor.rows, cursor.neighbors) {
          widest = max(widest, abs(Int(a) - Int(b)))
        }
      }
      #expect(widest == (order == .rcm ? 1 : 2))
      for place in stride(from: 0, to: count, by: 7) {
        let key = String(names[place])
        let id = try #require(try snapshot.node("node", key: key))
        #expect(try snapshot.key(of: id, of: "node") == key)
      }
    }
  }

  @Test(arguments: NodeOrder.allCases) func aSmallBudgetMakesTheSameStore(order: NodeOrder) throws {
    let seed = printedSeed()
    let workspace = TemporaryDirectory()
    var random = RandomStream(seed: seed)
    var text = "source\ttarget\tweight\tnote\n"
    var plain = ""
    for _ in 0..<150_000 {
      // Skewed, so that there are hubs.
      let a = random.next(below: 1 + random.next(below: 20_000))
      let b = random.next(below: 20_000)
      text += "\(a)\t\(b)\t\(random.next(below: 100)).5\tn\(a % 50)\n"
      plain += "\(b)\t\(a)\n"
    }
    var options = IngestOptions()
    let weighted = EdgeType("node", "weighs", "node")
    let bare = EdgeType("node", "links", "node")
    options.edges = [
      .init(weighted, workspace.write("a.tsv", text)),
      .init(bare, workspace.write("b.tsv", plain)),
    ]
    options.weights = [.init(weighted, "weight")]
    try Ingest.run(
      options, into: workspace("s"), budget: MemoryBudget(total: 1 << 30),
      pool: ThreadPool(threadCount: 2))
    func digest(_ name: String, _ total: Int) throws -> [[UInt32]] {
      try Rebuild.run(
        from: workspace("s"), to: workspace(name), order: order, budget: MemoryBudget(total: total))
      #expect(try StoreVerifier.verify(at: workspace(name)).isClean)
      let snapshot = try GraphStore.open(at: workspace(name), .readOnly).snapshot()
      return try [weighted, bare].flatMap { type in
        try AdjacencyIndex.allCases.map { index in
          var cursor = try snapshot.edges(of: type, index)
          var all: [UInt32] = []
          while try cursor.advance() { all += cursor.rows + cursor.neighbors }
          return all
        }
      }
    }
    let large = try digest("large", 1 << 30)
    #expect(try digest("small", MemoryBudget.overhead + 3 << 20) == large)
    #expect(throws: HedgerowError.self) {
      try Rebuild.run(
        from: workspace("s"), to: workspace("none"), order: order,
        budget: MemoryBudget(total: MemoryBudget.overhead + 1000))
    }
    #expect(!FileSystem.exists(workspace("none")))
  }

  /// Keys of integers and of UUIDs: they are found again, and no kind becomes another.
  @Test func keysOfAllKindsFollow() throws {
    let seed = printedSeed()
    var random = RandomStream(seed: seed)
    let directory = TemporaryDirectory()
    let store = try GraphStore.create(at: directory("s"), rangeBits: 6)
    let kinds: [NodeType: KeyKind] = ["number": .int64, "uuid": .uuid, "text": .string]
    try store.changeSchema { schema in
      for (type, kind) in kinds { try schema.add(NodeSchema(type), keys: kind) }
    }
    var keys: [NodeType: [String]] = [:]
    for index in 0..<300 {
      keys["number", default: []].append("\(Int(random.next(below: 1 << 40)) * 1000 + index)")
      let word = String(random.next() | 1 << 63, radix: 16)
      keys["uuid", default: []].append(
        "\(word.prefix(8))-\(word.dropFirst(8).prefix(4))-\(word.suffix(4))-0000-0000000\(10000 + index)"
      )
      keys["text", default: []].append(
        String(repeating: "k", count: Int(random.next(below: 600))) + "\(index)")
    }
    try store.write { txn in
      for (type, keys) in keys { for key in keys { try txn.insert(type, key: key) } }
      for (type, keys) in keys { try txn.delete(type, txn.node(type, key: keys[7])) }
    }
    for step in 0..<2 {
      let path = directory("new\(step)")
      try Rebuild.run(
        from: directory("s"), to: path, order: .bfs, budget: MemoryBudget(total: 64 << 20))
      #expect(try StoreVerifier.verify(at: path).isClean)
      let snapshot = try GraphStore.open(at: path, .readOnly).snapshot()
      for (type, kind) in kinds {
        #expect(snapshot.keyKind(of: type) == kind)
        let rest = keys[type]!.enumerated().filter { $0.offset != 7 }.map(\.element)
        #expect(snapshot.count(of: type) == rest.count)
        for key in rest {
          let id = try #require(try snapshot.node(type, key: key))
          #expect(try snapshot.key(of: id, of: type) == key)
        }
        #expect(try snapshot.node(type, key: keys[type]![7]) == nil)
      }
      try store.compact()
    }
  }

  @Test func aStopLeavesNothing() throws {
    let directory = TemporaryDirectory()
    _ = try ReferenceGraph(seed: 3).makeStore(at: directory("s"))
    var calls = 0
    func run(stopAt: Int) throws {
      var left = stopAt
      try Rebuild.run(
        from: directory("s"), to: directory("new"), order: .rcm,
        budget: MemoryBudget(total: 64 << 20),
        isCancelled: {
          calls += 1
          left -= 1
          return left == 0
        })
    }
    try run(stopAt: 0)
    try FileSystem.removeTree(directory("new"))
    for stop in Set([1, 2, calls / 2, calls - 1, calls]) {
      let error = #expect(throws: HedgerowError.self) { try run(stopAt: stop) }
      #expect(error?.code == .interrupted)
      #expect(try FileSystem.names(in: directory.path) == ["s"])
    }
    try run(stopAt: 0)
    #expect(throws: HedgerowError.self) { try run(stopAt: 0) }
  }

  /// A node with all others around it: nothing is numbered for long, and whether to stop is asked all
  /// the while.
  @Test(arguments: [NodeOrder.degree, .rcm]) func longLoopsAskWhetherToStop(order: NodeOrder) throws
  {
    let workspace = try Workspace()
    let count = 300_000
    var options = IngestOptions()
    let text = (1...count).map { "0\t\($0 * 7919 % 1_000_003 + 1)\n" }.joined()
    options.edges = [.init(.plain, try workspace.write(text, to: "e.tsv"))]
    let input = "\(workspace.path)/input"
    try Ingest.run(
      options, into: input, budget: MemoryBudget(total: 256 << 20), pool: ThreadPool(threadCount: 2)
    )
    // By phase: how often was asked, and between which steps of the progress most often.
    var asked: [RebuildProgress.Phase: Int] = [:]
    var beforeFirst = 0
    var phase = RebuildProgress.Phase.order
    var done = 0
    func run(_ name: String, stopAt: Int? = nil) throws {
      var left = stopAt ?? .max
      try Rebuild.run(
        from: input, to: "\(workspace.path)/\(name)", order: order,
        budget: MemoryBudget(total: 256 << 20),
        progress: {
          phase = $0.phase
          done = $0.done
        },
        isCancelled: {
          asked[phase, default: 0] += 1
          if phase == .order, done == 0 { beforeFirst += 1 }
          left -= 1
          return left == 0
        })
    }
    try run("whole")
    // Both directions' degrees, 4096 nodes at a time, and words for the sorter, 2^14 at a time.
    #expect(beforeFirst >= 2 * count / 4096 + count / (1 << 14))
    // Keys are gathered, sealed and written.
    #expect(asked[.nodes, default: 0] >= 3 * count / 4096)
    for stop in [1, beforeFirst / 2, beforeFirst + 1] {
      (phase, done) = (.order, 0)
      let error = #expect(throws: HedgerowError.self) { try run("stopped", stopAt: stop) }
      #expect(error?.code == .interrupted)
      #expect(!FileManager.default.fileExists(atPath: "\(workspace.path)/stopped"))
    }
  }

  /// An ingest in an order is one in the input's, rebuilt; nothing else is left.
  @Test(arguments: [NodeOrder.degree, .bfs]) func anIngestPutsNodesInOrder(order: NodeOrder) throws
  {
    let workspace = try Workspace()
    var random = RandomStream(seed: printedSeed())
    var text = "source,target,w\n"
    for _ in 0..<500 {
      text += "k\(random.next() % 90),k\(random.next() % 90),\(random.next() % 10)\n"
    }
    var options = IngestOptions()
    options.edges = [.init(.plain, try workspace.write(text, to: "e.csv"))]
    let input = "\(workspace.path)/input"
    _ = try workspace.ingest(options, into: input)
    try Rebuild.run(
      from: input, to: "\(workspace.path)/rebuilt", order: order,
      budget: MemoryBudget(total: 64 << 20))
    options.order = order
    let graph = try workspace.ingest(options, into: "\(workspace.path)/ordered").graph
    let rebuilt = try GraphStore.open(at: "\(workspace.path)/rebuilt", .readOnly).snapshot()
    #expect(try Contents(graph) == Contents(rebuilt))
    #expect(try Contents(graph) != Contents(GraphStore.open(at: input, .readOnly).snapshot()))
    let names = try FileManager.default.contentsOfDirectory(atPath: workspace.path)
    #expect(names.sorted() == ["e.csv", "input", "ordered", "rebuilt"])
    #expect(throws: HedgerowError.self) { try workspace.ingest(options, into: input) }
  }
}
