import Foundation
import HedgerowCore
import HedgerowGraph
import HedgerowIngest
import HedgerowStore
import Testing

@Suite struct IngestTests {
  // MARK: Against a model of it

  /// A random graph with a node file, edges of one type with columns, and what must come of it.
  private struct Drawn {
    var options = IngestOptions()
    var expected = Contents()

    static let rates = EdgeType("user", "rates", "item")
    static let knows = EdgeType("user", "knows", "user")

    init(
      _ workspace: Workspace, seed: UInt64, userCount: Int, edgeCount: Int, hasText: Bool
    ) throws {
      var random = RandomStream(seed: seed)
      func number(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
      func user(_ index: Int) -> String {
        hasText ? "user \(index * 7919 % 100_003)" : "\(index * 7919 % 100_003)"
      }
      let userKeys = (0..<userCount).map(user).shuffled(using: &random)
      var text = "id,year:int16,name\n"
      var users: [[PropertyValue?]] = []
      for key in userKeys {
        let year = number(5) == 0 ? nil : number(3000)
        let name = number(4) == 0 ? nil : "n, \"\(number(1 << 30))\""
        let quoted = name.map { "\"\($0.replacing("\"", with: "\"\""))\"" } ?? ""
        text += "\(key),\(year.map(String.init) ?? ""),\(quoted)\n"
        users.append([year.map { .int(Int64($0)) }, name.map { .text($0) }])
      }
      options.nodes = [.init("user", try workspace.write(text, to: "users-\(seed).csv"))]

      // Edges also name users that the file lacks, and items that no file lists.
      text = "source\tstars\ttarget\tnote\twhen\n"
      typealias Listed = (source: String, target: String, time: Int, values: [PropertyValue?])
      var listed: [Listed] = []
      for _ in 0..<edgeCount {
        let source = user(number(userCount + userCount / 10))
        let target = "\(number(edgeCount / 3) - 50)"
        let stars = Double(number(50)) / 4
        let note = number(3) == 0 ? nil : "note \(number(1 << 40))"
        let when = number(1000) - 500
        text += "\(source)\t\(stars)\t\(target)\t\(note ?? "")\t\(when)\n"
        listed.append(
          (
            source, target, when,
            [.float(stars), note.map { .text($0) }, .int(Int64(when))]
          ))
      }
      let rates = try workspace.write(text, to: "rates-\(seed).tsv")
      options.edges = [.init(Self.rates, rates)]
      options.times = [.init(Self.rates, "when")]

      var pairs: [(String, String)] = []
      text = ""
      for _ in 0..<edgeCount {
        let pair = (user(number(userCount)), user(number(min(userCount, 300))))
        text += "\(pair.0)\t\(pair.1)\n"
        pairs.append(pair)
      }
      let knows = try workspace.write(text, to: "knows-\(seed).tsv")
      options.edges.append(.init(Self.knows, knows))
      options.header = .automatic
      options.undirected = [Self.knows]

      // Ids: the file's order, then rising keys.
      func rising(_ keys: Set<String>, isText: Bool) -> [String] {
        isText
          ? keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
          : keys.sorted { Int($0)! < Int($1)! }
      }
      let mentioned = Set(listed.map(\.source)).union(pairs.flatMap { [$0.0, $0.1] })
      let created = rising(mentioned.subtracting(userKeys), isText: hasText)
      expected.keys["user"] = userKeys + created
      expected.keys["item"] = rising(Set(listed.map(\.target)), isText: false)
      expected.nodes["user"] = users + created.map { _ in [nil, nil] }
      expected.nodes["item"] = expected.keys["item"]!.map { _ in [] }
      var ids: [NodeType: [String: Int]] = [:]
      for (type, keys) in expected.keys {
        ids[type] = Dictionary(uniqueKeysWithValues: keys.enumerated().map { ($1, $0) })
      }
      let (userIDs, itemIDs) = (ids["user"]!, ids["item"]!)

      let byOut = listed.enumerated().sorted { a, b in
        let x = (userIDs[a.element.source]!, itemIDs[a.element.target]!, a.offset)
        return x < (userIDs[b.element.source]!, itemIDs[b.element.target]!, b.offset)
      }.map(\.element)
      expected.out[Self.rates] = byOut.map {
        .init(source: $0.source, target: $0.target, values: $0.values)
      }
      var into = [[Listed]](repeating: [], count: itemIDs.count)
      for edge in byOut { into[itemIDs[edge.target]!].append(edge) }
      expected.into[Self.rates] = into.map { edges in
        edges.sorted {
          ($0.time, userIDs[$0.source]!) < ($1.time, userIDs[$1.source]!)
        }.map(\.source)
      }

      var counts: [[Int]: Int] = [:]
      for (a, b) in pairs { counts[[userIDs[a]!, userIDs[b]!], default: 0] += 1 }
      var arcs: [[Int]] = []
      for pair in Set(counts.keys.flatMap { [$0, [$0[1], $0[0]]] }) {
        let most = max(counts[pair] ?? 0, counts[[pair[1], pair[0]]] ?? 0)
        for _ in 0..<most { arcs.append(pair) }
      }
      arcs.sort { $0.lexicographicallyPrecedes($1) }
      let keys = expected.keys["user"]!
      expected.out[Self.knows] = arcs.map {
        .init(source: keys[$0[0]], target: keys[$0[1]], values: [])
      }
      var neighbors = [[String]](repeating: [], count: keys.count)
      for arc in arcs { neighbors[arc[0]].append(keys[arc[1]]) }
      expected.into[Self.knows] = neighbors
    }
  }

  @Test(arguments: [false, true]) func aRandomGraphIsStoredAsItsModelSays(hasText: Bool) throws {
    let seed: UInt64 = hasText ? 91 : 92
    print("seed \(seed)")
    let workspace = try Workspace()
    let drawn = try Drawn(
      workspace, seed: seed, userCount: 500, edgeCount: 4000, hasText: hasText)
    let (report, graph) = try workspace.ingest(drawn.options)
    let contents = try Contents(graph)
    #expect(contents.keys == drawn.expected.keys)
    #expect(contents.nodes == drawn.expected.nodes)
    #expect(contents.out == drawn.expected.out)
    #expect(contents.into == drawn.expected.into)
    #expect(report.nodes["user"] == graph.count(of: NodeType("user")))
    #expect(report.edges[Drawn.knows] == drawn.expected.out[Drawn.knows]!.count)
    #expect(report.createdNodes["user"] == drawn.expected.keys["user"]!.count - 500)
    #expect(graph.schema.edge(Drawn.knows)?.isUndirected == true)
    #expect(graph.schema.edge(Drawn.rates)?.timeColumn == "when")
  }

  @Test(arguments: [false, true]) func memoryAndThreadsNeverChangeTheResult(hasText: Bool) throws {
    let seed: UInt64 = hasText ? 93 : 94
    print("seed \(seed)")
    let workspace = try Workspace()
    let drawn = try Drawn(
      workspace, seed: seed, userCount: 30_000, edgeCount: 90_000, hasText: hasText)
    let roomy = try Contents(workspace.ingest(drawn.options, threads: 3).graph)
    // Compared first: to print what differs in so much takes minutes.
    let isAsDrawn = roomy == drawn.expected
    #expect(isAsDrawn)
    // 28 MiB leave 4: keys and sorts go to disk.
    for threads in [1, 2] {
      let tight = try workspace.ingest(drawn.options, memory: 28 << 20, threads: threads)
      let isSame = try Contents(tight.graph) == roomy
      #expect(isSame)
    }
  }

  @Test(arguments: [false, true]) func duplicatesAreDroppedAlikeInMemoryAndOnDisk(hasText: Bool)
    throws
  {
    let workspace = try Workspace()
    func key(_ index: Int) -> String { "\(hasText ? "k" : "")\(index * 7919 % 100_003 + 5)" }
    var lines = (0..<40_000).map { "\(key($0)),\($0)" }
    for (line, earlier) in [(39_000, 100), (39_500, 100), (20_000, 19_999), (39_999, 5)] {
      lines[line] = "\(key(earlier)),\(line)"
    }
    lines[30_000] = "short"
    let nodes = try workspace.write("id,x\n" + lines.joined(separator: "\n"), to: "n.csv")
    let edges = try workspace.write("\(key(39_998)),\(key(90_000))\n", to: "e.csv")
    var options = IngestOptions()
    options.nodes = [.init("n", nodes)]
    options.edges = [.init(EdgeType("n", "r", "n"), edges)]
    options.badLines = .report
    let roomy = try workspace.ingest(options)
    let tight = try workspace.ingest(options, memory: 28 << 20, threads: 1)
    #expect(roomy.report.skipped == 5 && tight.report.skipped == 5)
    #expect(roomy.report.nodes["n"] == 39_996)
    let contents = try Contents(roomy.graph)
    let isSame = try Contents(tight.graph) == contents
    #expect(isSame)
    #expect(contents.nodes["n"]![39_994] == [.int(39_998)])
    #expect(contents.keys["n"]![39_995] == key(90_000))
    lines[30_000] = "\(key(30_000)),1"
    _ = try workspace.write("id,x\n" + lines.joined(separator: "\n"), to: "n.csv")
    options.badLines = .fail
    for memory in [256 << 20, 28 << 20] {
      let error = #expect(throws: HedgerowError.self) {
        try workspace.ingest(options, memory: memory)
      }
      #expect(error?.code == .badData && error?.message.contains("already") == true)
      #expect(error?.place?.hasPrefix("\(nodes):") == true)
    }
  }

  @Test func tooLittleMemoryIsSaidSo() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.edges = [.init(.plain, try workspace.write("1\t2\n", to: "e.tsv"))]
    let error = #expect(throws: HedgerowError.self) {
      try workspace.ingest(options, memory: 25 << 20)
    }
    #expect(error?.code == .usage && error?.message.contains("raise --memory") == true)
  }

  // MARK: Edges

  @Test func aPlainEdgeListNumbersNodesByRisingKeys() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.edges = [
      .init(.plain, try workspace.write("30\t7\n7\t7\n-2\t30\n30\t7\n", to: "e.tsv"))
    ]
    let contents = try Contents(workspace.ingest(options).graph)
    #expect(contents.keys["node"] == ["-2", "7", "30"])
    #expect(
      contents.out[.plain]!.map { [$0.source, $0.target] } == [
        ["-2", "30"], ["7", "7"], ["30", "7"], ["30", "7"],
      ])
    #expect(contents.into[.plain] == [[], ["7", "30", "30"], ["-2"]])
  }

  @Test func oneWordAmongTheKeysMakesThemAllTexts() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    // Far beyond the lines that are looked at first.
    let lines = (0..<60_000).map { "\($0)\t\($0 + 1)\n" }.joined() + "x\t10\n"
    options.edges = [.init(.plain, try workspace.write(lines, to: "e.tsv"))]
    let (report, graph) = try workspace.ingest(options)
    #expect(report.nodes["node"] == 60_002 && graph.keyKind(of: "node") == .string)
    #expect(try graph.node("node", key: "x")?.rawValue == 60_001)
    #expect(try graph.key(of: NodeID(2), of: "node") == "10")
  }

  @Test func undirectedPairsKeepTheirOwnValuesAndAreNotDoubled() throws {
    let workspace = try Workspace()
    let type = EdgeType.plain
    var options = IngestOptions()
    let file = try workspace.write(
      "source,target,w:int\na,b,1\nb,a,2\na,b,3\nc,c,4\nc,c,5\nb,c,6\n", to: "e.csv")
    options.edges = [.init(type, file)]
    options.undirected = [type]
    let contents = try Contents(workspace.ingest(options).graph)
    let arcs = contents.out[type]!.map { "\($0.source)\($0.target)\($0.values[0]!)" }
    #expect(
      arcs == [
        "ab1", "ab3", "ba2", "ba3", "bc6", "cb6", "cc4", "cc5",
      ])
    #expect(contents.into[type] == [["b", "b"], ["a", "a", "c"], ["b", "c", "c"]])
  }

  @Test func severalFilesOfATypeAreOneInAnyColumnOrder() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    let type = EdgeType.plain
    options.edges = [
      .init(type, try workspace.write("source,target,x\n1,2,5\n", to: "a.csv")),
      .init(type, try workspace.write("x\ttarget\tsource\n1.5\t3\t1\n", to: "b.tsv")),
    ]
    let contents = try Contents(workspace.ingest(options).graph)
    #expect(
      contents.out[type]!.map { $0.values } == [[.float(5)], [.float(1.5)]])
    options.edges.append(
      .init(type, try workspace.write("source,target,y\n1,2,5\n", to: "c.csv")))
    let error = #expect(throws: HedgerowError.self) { try workspace.ingest(options) }
    #expect(error?.message.contains("columns 'y'") == true)
  }

  @Test func missingNodesAreMadeSkippedOrRefused() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    let type = EdgeType("p", "r", "p")
    options.nodes = [.init("p", try workspace.write("id,y\n5,1\n3,2\n", to: "n.csv"))]
    options.edges = [.init(type, try workspace.write("5,3\n3,9\nx,5\n3,5\n", to: "e.csv"))]
    let made = try workspace.ingest(options)
    #expect(made.report.nodes["p"] == 4 && made.report.createdNodes["p"] == 2)
    #expect(made.graph.keyKind(of: "p") == .string)
    #expect(try Contents(made.graph).nodes["p"] == [[.int(1)], [.int(2)], [nil], [nil]])
    options.missingNodes = .skip
    let skipped = try workspace.ingest(options)
    #expect(skipped.report.skipped == 2 && skipped.report.edges[type] == 2)
    #expect(skipped.report.nodes["p"] == 2 && skipped.graph.keyKind(of: "p") == .int64)
    options.missingNodes = .fail
    let error = #expect(throws: HedgerowError.self) { try workspace.ingest(options) }
    #expect(error?.code == .badData && error?.place?.hasSuffix("e.csv:2") == true)
    #expect(error?.message.contains("'9'") == true)
    options.badLines = .report
    let reported = try workspace.ingest(options)
    #expect(reported.report.skipped == 2 && reported.report.messages.count == 2)
  }

  @Test(arguments: [false, true]) func aMissingNodeIsNamedWithItsLineAlsoFromDisk(hasText: Bool)
    throws
  {
    let workspace = try Workspace()
    func key(_ index: Int) -> String { "\(hasText ? "k" : "")\(index * 7919 % 100_003 + 5)" }
    var options = IngestOptions()
    let nodes = (0..<60_000).map { "\(key($0))\n" }.joined()
    options.nodes = [.init("p", try workspace.write(nodes, to: "n.tsv"))]
    var lines = (0..<50_000).map { "\(key($0))\t\(key($0 * 3 % 60_000))" }
    lines[7] = "too\tmany\tfields"
    lines[20_000] = "\(key(3))\t\(key(70_001))"
    let first = lines.joined(separator: "\n") + "\n"
    let second = "\(key(1))\t\(key(2))\n\(key(70_002))\t\(key(2))\n"
    options.edges = [
      .init(EdgeType("p", "r", "p"), try workspace.write(first, to: "a.tsv")),
      .init(EdgeType("p", "r", "p"), try workspace.write(second, to: "b.tsv")),
    ]
    options.header = .absent
    options.missingNodes = .fail
    options.badLines = .report
    var messages: [[String]] = []
    // 28 MiB leave 4: keys go to disk.
    for memory in [256 << 20, 28 << 20] {
      let report = try workspace.ingest(options, memory: memory).report
      #expect(report.skipped == 3)
      messages.append(report.messages)
    }
    #expect(messages[0] == messages[1])
    #expect(
      messages[0].dropFirst() == [
        "\(options.edges[0].path):20001: names node '\(key(70_001))', which is not among the nodes "
          + "of type 'p'",
        "\(options.edges[1].path):2: names node '\(key(70_002))', which is not among the nodes "
          + "of type 'p'",
      ])
    options.badLines = .fail
    lines[7] = lines[8]
    _ = try workspace.write(lines.joined(separator: "\n") + "\n", to: "a.tsv")
    for memory in [256 << 20, 28 << 20] {
      let error = #expect(throws: HedgerowError.self) {
        try workspace.ingest(options, memory: memory)
      }
      #expect(error?.place == "\(options.edges[0].path):20001")
    }
  }

  @Test(arguments: ["0\n1\n2\n", "70\n-5\n8\n", "b\na\nc c\n"])
  func edgesMayLeadToNodesThatTheStoreHas(keys: String) throws {
    let workspace = try Workspace()
    let store = workspace.storePath
    let budget = MemoryBudget(total: 64 << 20)
    let pool = ThreadPool(threadCount: 1)
    var options = IngestOptions()
    options.nodes = [.init("p", try workspace.write(keys, to: "n.tsv"))]
    options.header = .absent
    try Ingest.run(options, into: store, budget: budget, pool: pool)
    let ids = keys.split(separator: "\n").map(String.init)
    func add(_ relation: String, _ text: String) throws {
      var options = IngestOptions()
      let file = try workspace.write(text, to: "\(relation).tsv")
      options.edges = [.init(EdgeType("p", relation, "q"), file)]
      options.header = .absent
      try Ingest.run(options, into: store, budget: budget, pool: pool)
    }
    try add("r", "\(ids[2])\t5\n\(ids[0])\t4\n")
    let error = #expect(throws: HedgerowError.self) { try add("s", "\(ids[1])\t77\n99\t4\n") }
    #expect(error?.code == .badData && error?.place?.hasSuffix("s.tsv:1") == true)
    let graph = try GraphStore.open(at: store, .readOnly).snapshot()
    let contents = try Contents(graph)
    #expect(contents.keys["p"] == ids && contents.keys["q"] == ["4", "5"])
    #expect(
      contents.out[EdgeType("p", "r", "q")]!.map { [$0.source, $0.target] } == [
        [ids[0], "4"], [ids[2], "5"],
      ])
  }

  @Test func timeAndWeightMustBeThere() throws {
    let workspace = try Workspace()
    let type = EdgeType.plain
    func run(_ text: String, time: String? = nil, weight: String? = nil) throws -> Snapshot {
      var options = IngestOptions()
      options.edges = [.init(type, try workspace.write(text, to: "e.csv"))]
      options.header = .present
      if let time { options.times = [.init(type, time)] }
      if let weight { options.weights = [.init(type, weight)] }
      return try workspace.ingest(options).graph
    }
    let seconds = try run("source,target,t\n1,2,50\n3,2,-7\n", time: "t")
    #expect(seconds.schema.edges[0].property("t")?.kind == .timestamp(.seconds))
    #expect(try Contents(seconds).into[type] == [[], ["3", "1"], []])
    let fractions = try run("source,target,t\n1,2,1.25\n3,2,-0.5\n3,1,7\n", time: "t")
    #expect(fractions.schema.edges[0].property("t")?.kind == .timestamp(.microseconds))
    #expect(
      try Contents(fractions).out[type]!.map(\.values) == [
        [.int(1_250_000)], [.int(7_000_000)], [.int(-500_000)],
      ])
    let weighted = try run("source,target,w\n1,2,0\n1,3,2.5\n", weight: "w")
    #expect(weighted.schema.edges[0].weightColumn == "w")
    for (text, time, weight, line) in [
      ("source,target,t\n1,2,50\n1,2,\n", "t", nil, 3),
      ("source,target,t\n1,2,noon\n", "t", nil, 2),
      ("source,target,w\n1,2,1\n1,2,-1\n", nil, "w", 3),
      ("source,target,w\n1,2,nan\n", nil, "w", 2), ("source,target,w\n1,2,\n", nil, "w", 2),
    ] as [(String, String?, String?, Int)] {
      let error = #expect(throws: HedgerowError.self) {
        try run(text, time: time, weight: weight)
      }
      #expect(error?.place?.hasSuffix("e.csv:\(line)") == true, "\(text)")
    }
    let error = #expect(throws: HedgerowError.self) { try run("source,target\n1,2\n", time: "t") }
    #expect(error?.code == .usage && error?.message.contains("no column 't'") == true)
  }
}
