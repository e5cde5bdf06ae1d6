import Foundation
import HedgerowCore
import HedgerowExport
import HedgerowGraph
import HedgerowIngest
import HedgerowMapped
import HedgerowStore
import HedgerowTestSupport
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// What each format but `csv` can carry, held against the store.
@Suite struct FormatTests {
  private let directory = TemporaryDirectory()

  private func makeStore() throws -> ReferenceStore {
    var random = try RandomStore(at: directory("s"), seed: printedSeed())
    try random.change(800)
    try random.store.compact()
    for _ in 0..<5 { try random.change(40) }
    return try ReferenceStore(of: random.store.snapshot())
  }

  private func pair(_ edge: ReferenceStore.Edge, _ type: EdgeType, _ model: ReferenceStore)
    -> [String]
  {
    [
      model.nodes[type.source]!.keys[Int(edge.source)],
      model.nodes[type.target]!.keys[Int(edge.target)],
    ]
  }

  @Test func anEdgeListHasTheKeysOfEveryEdge() throws {
    let model = try makeStore()
    let report = try export(directory("s"), ExportOptions(.edgeList), to: directory("out"))
    for (type, edges) in model.edges {
      let isOnce = type == RandomStore.knows
      let expected = edges.filter { !isOnce || $0.source <= $0.target }
        .map { pair($0, type, model).joined(separator: "\t") }
      let name = "\(type.source)-\(type.relation)-\(type.target).tsv"
      #expect(lines(directory("out"), name).sorted() == expected.sorted())
      #expect(report.edges[type] == expected.count)
    }
    let after = try readBack(report, to: directory("new"))
    for (type, edges) in model.edges { #expect(after.count(of: type) == edges.count) }
    #expect(after.schema.edge(RandomStore.knows)!.isUndirected)
    #expect(after.keyKind(of: RandomStore.user) == .string)
  }

  @Test func arraysHaveTheRowsOfTheTables() throws {
    let model = try makeStore()
    try export(directory("s"), ExportOptions(.npy), to: directory("out"))
    let users = model.nodes[RandomStore.user]!
    let live = users.keys.indices.filter { users.isThere[$0] }
    let keys = lines(directory("out"), "nodes-user.csv").dropFirst().map {
      String($0.split(separator: ",")[0])
    }
    #expect(keys == live.map { users.keys[$0] })
    // NumPy's layout, read here by hand: 128 bytes of header.
    func data(_ name: String) -> [UInt8] {
      Array(TemporaryDirectory.contents(directory("out/" + name)).dropFirst(128))
    }
    let valid = data("nodes-user-age-valid.npy").map { $0 == 1 }
    #expect(valid == live.map { users.values[$0]["age"] != nil })
    let ages = data("nodes-user-age.npy").withUnsafeBytes { Array($0.bindMemory(to: Int32.self)) }
    #expect(ages.count == live.count)
    for (age, id) in zip(ages, live) {
      if case .int(let value)? = users.values[id]["age"] { #expect(Int64(age) == value) }
    }
    let ends = try NPYFile(path: directory("out/edges-user-follows-user.npy"))
    let edges = model.edges[RandomStore.follows]!
    #expect(ends.rowCount == edges.count && ends.columnCount == 2 && ends.element == .int64)
    var pairs = [Int64](repeating: 0, count: 2 * edges.count)
    try pairs.withUnsafeMutableBytes { try ends.read(rows: 0..<edges.count, into: $0) }
    for (index, edge) in edges.enumerated() {
      #expect(
        [keys[Int(pairs[2 * index])], keys[Int(pairs[2 * index + 1])]]
          == pair(edge, RandomStore.follows, model))
    }
  }

  @Test func jsonLinesAreNodesAndRelationshipsWithTheirProperties() throws {
    let model = try makeStore()
    try export(directory("s"), ExportOptions(.jsonLines), to: directory("out"))
    var nodeCount = 0
    var edges: [String: Int] = [:]
    for line in lines(directory("out"), "graph.jsonl") {
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let properties = try #require(object["properties"] as? [String: Any])
      if object["type"] as? String == "node" {
        nodeCount += 1
        let type = NodeType(try #require(object["labels"] as? [String])[0])
        let nodes = model.nodes[type]!
        let key = try #require(object["id"] as? String)
        let values = nodes.values[nodes.keys.firstIndex(of: key)!]
        #expect(Set(properties.keys) == Set(values.keys))
        for (name, value) in values {
          switch value {
          case .int(let number): #expect(properties[name] as? Int == Int(number))
          case .float(let number): #expect(properties[name] as? Double == number)
          case .bool(let flag): #expect(properties[name] as? Bool == flag)
          case .vector(let elements):
            #expect(properties[name] as? [Double] == elements.map { Double($0) })
          case .text, .bytes: #expect(properties[name] as? String == value.description)
          }
        }
      } else {
        func end(_ name: String) -> String {
          let end = object[name] as? [String: Any]
          return "\((end?["labels"] as? [String])?[0] ?? "") \(end?["id"] as? String ?? "")"
        }
        edges["\(end("start")) \(object["label"]!) \(end("end"))", default: 0] += 1
      }
    }
    #expect(nodeCount == model.nodes.values.reduce(0) { $0 + $1.isThere.count { $0 } })
    var expected: [String: Int] = [:]
    for (type, list) in model.edges {
      for edge in list {
        let ends = pair(edge, type, model)
        expected[
          "\(type.source) \(ends[0]) \(type.relation) \(type.target) \(ends[1])", default: 0] += 1
      }
    }
    #expect(edges == expected)
  }

  @Test func aMatrixHasAnEntryForEachTwoNodes() throws {
    let model = try makeStore()
    let report = try export(directory("s"), ExportOptions(.matrixMarket), to: directory("out"))
    #expect(report.notes.contains { $0.contains("parallel") })
    for (type, edges) in model.edges {
      let text = lines(directory("out"), "\(type.source)-\(type.relation)-\(type.target).mtx")
      let isSymmetric = type == RandomStore.knows
      #expect(
        text[0]
          == "%%MatrixMarket matrix coordinate pattern \(isSymmetric ? "symmetric" : "general")")
      let keys = [type.source, type.target].map {
        Array(lines(directory("out"), "nodes-\($0).csv").dropFirst())
      }
      let size = text[2].split(separator: " ").map { Int($0)! }
      let found = text.dropFirst(3).map { line in
        let numbers = line.split(separator: " ").map { Int($0)! }
        return [keys[0][numbers[0] - 1], keys[1][numbers[1] - 1]]
      }
      #expect(size == [keys[0].count, keys[1].count, found.count])
      let expected = Set(
        edges.filter { !isSymmetric || $0.source >= $0.target }.map { pair($0, type, model) })
      #expect(found.count == expected.count && Set(found) == expected)
      // Our own reader takes it.
      var options = IngestOptions()
      options.graphs = [
        .init(directory("out/\(type.source)-\(type.relation)-\(type.target).mtx"))
      ]
      let read = try Ingest.run(
        options, into: directory("m-\(type.relation)"), budget: makeBudget(),
        pool: ThreadPool(threadCount: 1))
      let pairs = Set(edges.map { pair($0, type, model) })
      #expect(read.edges.values.reduce(0, +) == pairs.count)
    }
  }

  @Test func weightsOfParallelEdgesAddUpInAMatrix() throws {
    let rates = EdgeType("a", "rates", "a")
    let store = try GraphStore(
      at: directory("w"),
      schema: [.node("a"), .edge(rates, properties: ["w": .float32], weight: "w")])
    try store.write { txn in
      let nodes = try ["x", "y"].map { try txn.insert("a", key: $0) }
      for weight in [0.5, 2, 0.25] {
        try txn.connect(nodes[0], rates, nodes[1], ["w": .float(weight)])
      }
      try txn.connect(nodes[1], rates, nodes[0], ["w": 3.0])
    }
    let report = try export(directory("w"), ExportOptions(.matrixMarket), to: directory("out"))
    #expect(lines(directory("out"), "a-rates-a.mtx").dropFirst(3) == ["1 2 2.75", "2 1 3.0"])
    #expect(
      try readBack(report, to: directory("new")).count(of: EdgeType("node", "edge", "node")) == 2)
  }

  @Test func statementsSayTypesValuesAndEdges() throws {
    let model = try makeStore()
    let report = try export(directory("s"), ExportOptions(.nTriples), to: directory("out"))
    let found = lines(directory("out"), "graph.nt")
    #expect(Set(found).count == found.count)
    var count = 0
    for (type, nodes) in model.nodes {
      for id in nodes.keys.indices where nodes.isThere[id] {
        count += 1 + nodes.values[id].count
        #expect(
          found.contains(
            "<urn:hedgerow:\(type):\(nodes.keys[id])> "
              + "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <urn:hedgerow:type/\(type)> ."))
      }
    }
    for (type, edges) in model.edges {
      count += Set(edges.map { pair($0, type, model) }).count
      if let edge = edges.first {
        let ends = pair(edge, type, model)
        #expect(
          found.contains(
            "<urn:hedgerow:\(type.source):\(ends[0])> <urn:hedgerow:relation/\(type.relation)> "
              + "<urn:hedgerow:\(type.target):\(ends[1])> ."))
      }
    }
    #expect(found.count == count)
    let after = try readBack(report, to: directory("new"))
    #expect(after.schema.edges.reduce(0) { $0 + after.count(of: $1.type) } == count)
  }

  @Test func graphMLIsADocumentWithAllNodesAndEdges() throws {
    let model = try makeStore()
    try export(directory("s"), ExportOptions(.graphML), to: directory("out"))
    final class Counter: NSObject, XMLParserDelegate {
      var counts: [String: Int] = [:]
      var nodes: Set<String> = []
      var isSound = true
      func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
        qualifiedName: String?, attributes: [String: String]
      ) {
        counts[name, default: 0] += 1
        if name == "node" { nodes.insert(attributes["id"]!) }
        if name == "edge" {
          isSound =
            isSound && nodes.contains(attributes["source"]!)
            && nodes.contains(attributes["target"]!)
        }
      }
    }
    let counter = Counter()
    let parser = XMLParser(
      data: Data(TemporaryDirectory.contents(directory("out/graph.graphml"))))
    parser.delegate = counter
    #expect(parser.parse())
    #expect(counter.isSound)
    let live = model.nodes.flatMap { type, nodes in
      nodes.keys.indices.filter { nodes.isThere[$0] }.map { "\(type):\(nodes.keys[$0])" }
    }
    #expect(counter.nodes == Set(live) && counter.counts["node"] == live.count)
    // Not all are undirected, so both arcs are there.
    let edges = model.edges.reduce(0) { $0 + $1.value.count }
    #expect(counter.counts["edge"] == edges)
  }

  /// A reader goes by the names of data, so no column may have one that says what a type is.
  @Test func graphMLKeepsColumnsThatAreCalledLikeItsOwnData() throws {
    let nodes = directory.write(
      "n.csv", "id,labels:string,key:int64,key-2:int64\na,x,1,2\nb,,3,4\n")
    let edges = directory.write("e.csv", "source,target,label:string\na,b,z\n")
    var options = IngestOptions()
    options.nodes = [.init("page", nodes)]
    options.edges = [.init(EdgeType("page", "cites", "page"), edges)]
    let pool = ThreadPool(threadCount: 2)
    try Ingest.run(options, into: directory("s"), budget: makeBudget(), pool: pool)
    let report = try export(directory("s"), ExportOptions(.graphML), to: directory("out"))
    #expect(report.notes.contains("the column 'key' of nodes is called 'key-3' in GraphML"))
    options = IngestOptions()
    options.graphs = [.init(directory("out/graph.graphml"))]
    try Ingest.run(options, into: directory("new"), budget: makeBudget(), pool: pool)
    let graph = try GraphStore.open(at: directory("new"), .readOnly).snapshot()
    #expect(graph.schema.edges.map(\.type) == [EdgeType("page", "cites", "page")])
    #expect(graph.schema.edges[0].properties.map(\.name) == ["label-2"])
    let page = try #require(graph.schema.node("page"))
    #expect(page.properties.map(\.name) == ["key", "labels-2", "key-3", "key-2"])
    let a = try #require(try graph.node("page", key: "page:a"))
    #expect(
      try page.properties.map { try graph.value(of: $0.name, of: "page", at: a) } == [
        .text("a"), .text("x"), .int(1), .int(2),
      ])
  }
}
