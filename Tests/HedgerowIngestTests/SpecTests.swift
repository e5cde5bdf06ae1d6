import Foundation
import HedgerowCore
import HedgerowGraph
import HedgerowIngest
import HedgerowRoaring
import HedgerowStore
import Testing

/// Specifications of imports.
@Suite struct SpecTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private func ingest(_ spec: String, named name: String = "import.yaml") throws -> Snapshot {
    let path = try workspace.write(spec, to: name)
    return try workspace.ingest(IngestOptions(spec: path)).graph
  }

  private func write(_ files: [String: String]) throws {
    for (name, text) in files { _ = try workspace.write(text, to: name) }
  }

  /// A graph classification data set as the TU collection's are, with everything a specification has.
  @Test func aSpecificationSaysWhatEachFileIs() throws {
    try write([
      "atoms.tsv": "atom\tgraph\tkind\tjunk\n7\t1\tC\tx\n8\t1\tN\tx\n9\t2\tC\tx\n10\t\tH\tx\n",
      "bonds-1.csv": "b;a;w;when\n8;7;2;100\n", "bonds-2.csv": "b;a;w;when\n7;8;3;50\n9;9;1;70\n",
      "graphs.tsv": "id\tlabel\tfold\n1\t0\t5\n2\t1\t\n", "sets.csv": "id,set\n7,first\n",
    ])
    _ = try workspace.write(
      [Float](repeating: 1, count: 4) + [2, 2, 2, 2], "<f4", width: 2, to: "x.npy")
    let graph = try ingest(
      """
      nodes:
        graph:
          file: graphs.tsv
          kinds: {label: int8}
          split: fold
        atom:
          files: [atoms.tsv]
          key: atom
          kinds: {kind: categorical}
          rename: {kind: element}
          without: junk
          membership: {graph: "atom:in:graph"}
          features:
            x: {file: x.npy, kind: bfloat16}
          sets: sets.csv
          constants: {origin: lab}
      edges:
        atom:bond:atom:
          file: bonds-*.csv
          delimiter: ";"
          source: a
          target: b
          time: when
          weight: w
          undirected: no
      """)
    #expect(graph.count(of: "atom") == 4)
    #expect(
      columns("atom", in: graph) == ["element:categorical", "origin:categorical", "x:bfloat16[2]"])
    #expect(columns("graph", in: graph) == ["label:int8", "fold:int64"])
    #expect(graph.setNames(of: "graph") == ["5"])
    #expect(try graph.set(named: "first", of: "atom") == [0])
    let contents = try Contents(graph)
    #expect(contents.keys["atom"] == ["7", "8", "9", "10"])
    #expect(
      contents.out[EdgeType("atom", "in", "graph")] == [
        .init(source: "7", target: "1", values: []), .init(source: "8", target: "1", values: []),
        .init(source: "9", target: "2", values: []),
      ])
    let bonds = try #require(graph.schema.edge(EdgeType("atom", "bond", "atom")))
    #expect(bonds.timeColumn == "when" && bonds.weightColumn == "w" && !bonds.isUndirected)
    #expect(
      contents.out[bonds.type]?.map { "\($0.source)-\($0.target)" } == ["7-8", "8-7", "9-9"])
  }

  @Test func jsonIsASpecificationToo() throws {
    try write(["e.tsv": "1\t2\n", "n.csv": "1,a\n2,b\n3,c\n"])
    let graph = try ingest(
      """
      {"nodes": {"n": {"file": "n.csv", "columns": ["id", "name:text"]}},
       "edges": {"n:e:n": {"file": {"file": "e.tsv"}, "undirected": true}}}
      """, named: "import.json")
    #expect(graph.count(of: "n") == 3)
    #expect(graph.count(of: EdgeType("n", "e", "n")) == 2)
  }

  /// Two columns are one key, on both sides.
  @Test func keysOfSeveralColumns() throws {
    try write([
      "cities.csv": "country,code,size\nDE,1,10\nFR,1,20\nDE,2,30\n",
      "roads.csv": "from_country,from_code,to_country,to_code\nFR,1,DE,2\n DE ,1,\"FR\",1\n",
    ])
    let spec = """
      nodes:
        city: {file: cities.csv, key: [country, code], only: size}
      edges:
        city:road:city:
          file: roads.csv
          source: [from_country, from_code]
          target: [to_country, to_code]
          only: []
      on-missing: fail
      """
    let graph = try ingest(spec)
    let contents = try Contents(graph)
    #expect(contents.keys["city"] == ["DE|1", "FR|1", "DE|2"])
    #expect(columns("city", in: graph) == ["size:int64"])
    #expect(
      contents.out[EdgeType("city", "road", "city")]?.map { "\($0.source)-\($0.target)" } == [
        "DE|1-FR|1", "FR|1-DE|2",
      ])
    try write(["cities.csv": "country,code,size\nDE,1,10\nD|E,2,20\n"])
    expectRefused(at: "cities.csv:3", "'|' in column 1") { _ = try ingest(spec) }
    try write(["cities.csv": "country,code,size\nDE,,10\n"])
    expectRefused(at: "cities.csv:2", "nothing in column 2") { _ = try ingest(spec) }
  }

  /// Spaces in quotes belong to a key.
  @Test func quotedPartsOfKeysKeepTheirSpaces() throws {
    try write(["n.csv": "c,k\nDE,1\n\" DE\",1\n\"DE \",1\n"])
    let graph = try ingest("nodes: {n: {file: n.csv, key: [c, k]}}")
    #expect(try Contents(graph).keys["n"] == ["DE|1", " DE|1", "DE |1"])
  }

  /// Rows that become no node are members of nothing, and said to be bad once.
  @Test func membershipsFollowTheNodes() throws {
    try write(["n.csv": "id,g,a\n1,7,3\n2,8,999\n3,9\n4,,5\n"])
    let path = try workspace.write(
      """
      nodes: {n: {file: n.csv, key: id, kinds: {a: int8}, membership: {g: "n:in:g"}}}
      on-error: report
      """, to: "import.yaml")
    let (report, graph) = try workspace.ingest(IngestOptions(spec: path))
    #expect(report.skipped == 2 && report.messages.count == 2, "\(report.messages)")
    #expect(try Contents(graph).keys["n"] == ["1", "4"])
    #expect(
      try Contents(graph).out[EdgeType("n", "in", "g")]?.map { "\($0.source)-\($0.target)" } == [
        "1-7"
      ])
  }

  /// A pipe is read once, but a table with a membership twice.
  @Test func aTableWithAMembershipMayComeThroughAPipe() throws {
    let pipe = "\(workspace.path)/n.csv"
    #expect(mkfifo(pipe, 0o600) == 0)
    Thread.detachNewThread {
      let file = FileHandle(forWritingAtPath: pipe)!
      file.write(Data("id,g\n1,7\n2,8\n3,\n".utf8))
      try? file.close()
    }
    let path = try workspace.write(
      "nodes: {n: {file: n.csv, key: id, membership: {g: \"n:in:g\"}}}", to: "import.yaml")
    let (_, graph) = try workspace.ingest(IngestOptions(spec: path))
    #expect(try nodes("n", in: graph) == ["1", "2", "3"])
    #expect(try edges(EdgeType("n", "in", "g"), in: graph) == ["1>7", "2>8"])
  }

  @Test(arguments: [
    ("kinds: {\n a: int3}", 3, "'int3'"), ("rename: {\n a: b c}", 3, "b c"),
    ("constants: {\n \"a:int3\": 1}", 3, "'int3'"), ("columns: [id,\n \"a:int3\"]", 3, "'int3'"),
  ])
  func kindsAndNamesAreWrongWhereTheyStand(text: String, line: Int, part: String) throws {
    try write(["n.csv": "id,a\n1,2\n"])
    let path = try workspace.write("nodes:\n p: {file: n.csv, \(text)}\n", to: "import.yaml")
    expectRefused(at: "import.yaml:\(line)", part) { _ = try IngestOptions(spec: path) }
  }

  /// Constants and joined keys beside long fields, many chunks and quotes, whatever the memory.
  @Test func madeColumnsInManyChunks() throws {
    var text = "a,b,t\n"
    let count = 60_000
    for row in 0..<count { text += "\(row % 300),\"\(row / 300)\",\"say \"\"\(row)\"\"\"\n" }
    _ = try workspace.write(text, to: "n.csv")
    let path = try workspace.write(
      "nodes: {n: {file: n.csv, key: [b, a], separator: \"/\", only: t, constants: {c: \"7\"}}}",
      to: "import.yaml")
    let graph = try workspace.ingest(
      IngestOptions(spec: path), memory: MemoryBudget.overhead + 16 << 20
    ).graph
    #expect(graph.count(of: "n") == count)
    for row in stride(from: 0, to: count, by: 997) {
      let id = NodeID(UInt32(row))
      #expect(try graph.key(of: id, of: "n") == "\(row / 300)/\(row % 300)")
      #expect(try graph.value(of: "t", of: "n", at: id) == .text("say \"\(row)\""))
      #expect(try graph.value(of: "c", of: "n", at: id) == .int(7))
    }
  }

  @Test(arguments: [
    ("nodes: [", "no YAML"), ("nodes: {p: {file: n.csv}, p: {file: n.csv}}", "twice"),
    ("nodez: {}", "'nodez'"), ("nodes: {p: {file: n.csv, keys: id}}", "'keys'"),
    ("nodes: {p: {file: n.csv, key: x}}", "no column 'x'"),
    ("nodes: {p: {file: n.csv, kinds: {a: int3}}}", "'int3'"),
    ("nodes: {p: {file: n.csv, rename: {a: b c}}}", "b c"),
    ("nodes: {p/q: {file: n.csv}}", "p/q"), ("edges: {p:q: {file: n.csv}}", "p:q"),
    ("nodes: {p: {file: n.csv, delimiter: ab}}", "delimiter"),
    ("nodes: {p: {file: n.csv, membership: {a: \"p:in:g\"}}}", "key"),
    ("nodes: {p: {file: n.csv, key: id, membership: {a: \"q:in:g\"}}}", "begin at 'p'"),
    ("nodes: {p: {file: {kind: x}}}", "names no file"), ("nodes: {p: {file: [[]]}}", "nothing"),
    ("edges: {p:e:p: {file: n.csv, source: a}}", "source and target"),
    ("on-missing: perhaps", "perhaps"), ("undirected: 7", "true or false"),
    ("parallel: [keep]", "text"), ("nodes: 7", "keys with values"), ("", "empty"),
    ("nodes: {p: &a {file: n.csv}, q: *a}", "anchor"),
    ("a: &a [x, x]\nb: &b [*a, *a]\n? *b\n: 1", "anchor"),
    ("nodes: {p: {files: [n.csv, \"n*.csv\"]}}", "twice"),
    ("files: {file: n.csv, format: exe}", "exe"),
    ("nodes: {p: {file: n.csv, features: {x: {file: x.npy, kind: string}}}}", "string"),
  ])
  func whatIsNoSpecificationIsRefused(spec: String, part: String) throws {
    try write(["n.csv": "id,a\n1,2\n"])
    let path = try workspace.write(spec, to: "import.yaml")
    do {
      _ = try workspace.ingest(IngestOptions(spec: path))
      Issue.record("'\(spec.prefix(60))' was taken")
    } catch let error as HedgerowError {
      #expect([.badData, .usage].contains(error.code) && "\(error)".contains(part), "\(error)")
    }
  }

  // Not among the arguments above, which the test run prints.
  @Test(arguments: ["[", "- "]) func deepNestingIsRefused(opening: String) throws {
    try whatIsNoSpecificationIsRefused(
      spec: String(repeating: opening, count: 100_000), part: "no YAML")
  }

  @Test func missingFilesAreMissing() throws {
    for spec in ["nodes: {p: {file: no.csv}}", "nodes: {p: {file: \"no*.csv\"}}"] {
      let path = try workspace.write(spec, to: "import.yaml")
      #expect {
        _ = try workspace.ingest(IngestOptions(spec: path))
      } throws: { ($0 as? HedgerowError)?.code == .noInput }
    }
  }

  @Test func anEmptyFileHasNoTriples() throws {
    var options = IngestOptions()
    options.graphs = [.init(try workspace.write("", to: "t.txt"), as: .triples)]
    expectRefused(at: "t.txt", "empty") { _ = try workspace.ingest(options) }
  }

  /// Triples of several files say which one they are from.
  @Test func triplesAreEdgesOfOneType() throws {
    try write([
      "train.txt": "cat\tis_a\tanimal\ndog\tis_a\tanimal\ncat\tlikes\tmilk\n",
      "test.txt": "dog\tlikes\tcat\n",
    ])
    var options = IngestOptions()
    options.graphs = ["train.txt", "test.txt"].map {
      .init("\(workspace.path)/\($0)", as: .triples)
    }
    let graph = try workspace.ingest(options).graph
    let type = EdgeType("entity", "triple", "entity")
    #expect(graph.count(of: "entity") == 4)
    #expect(
      graph.schema.edge(type)?.properties.map { "\($0.name):\($0.kind)" } == [
        "relation:categorical", "split:categorical",
      ])
    #expect(
      try Contents(graph).out[type]?.map { "\($0.source) \($0.values) \($0.target)" } == [
        "cat [Optional(is_a), Optional(train)] animal",
        "cat [Optional(likes), Optional(train)] milk",
        "dog [Optional(is_a), Optional(train)] animal",
        "dog [Optional(likes), Optional(test)] cat",
      ])
    try write(["train.txt": "cat\n"])
    expectRefused(at: "train.txt:1", "has 1 columns where 3 are named") {
      _ = try workspace.ingest(options)
    }
  }
}
