import Foundation
import HedgerowCore
import HedgerowGraph
import HedgerowIngest
import HedgerowStore
import Testing

/// Objects of JSON, one on a line: exports of Neo4j, and tables.
@Suite struct JSONLinesTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private func graph(_ text: String, _ change: (inout IngestOptions) -> Void = { _ in }) throws
    -> (report: IngestReport, graph: Snapshot)
  {
    var options = IngestOptions()
    options.graphs = [.init(try workspace.write(text, to: "g.json"))]
    change(&options)
    return try workspace.ingest(options)
  }

  private func nodes(_ text: String, _ change: (inout IngestOptions) -> Void = { _ in }) throws
    -> (report: IngestReport, graph: Snapshot)
  {
    var options = IngestOptions()
    options.nodes = [.init("n", try workspace.write(text, to: "n.jsonl"))]
    change(&options)
    return try workspace.ingest(options)
  }

  // MARK: Exports of Neo4j

  private static let export = """
    {"type":"node","id":"0","labels":["User","Admin"],"properties":{"name":"Adam \\u00e9\\ud83d\\ude00","age":42,"male":true,"kids":["Sam","Anna"],"born":"2015-07-04T19:32:24"}}
    {"type":"node","id":"1","labels":["User"],"properties":{"name":"0042","age":9223372036854775807}}
    {"type":"relationship","id":"0","label":"KNOWS","properties":{"since":1993.5},"start":{"id":"0","labels":["User"]},"end":{"id":"2"}}

    {"type":"relationship","id":"1","label":"KNOWS","start":{"id":"1","labels":["User"]},"end":{"id":"0","labels":["Admin","User"]}}
    {"type":"node","id":"2"}

    """

  @Test func exportsOfNeo4jAreNodesAndRelationships() throws {
    for name in ["g.json", "g", "g.json.gz", "g.json.zst"] {
      var bytes = Array(Self.export.utf8)
      if name.hasSuffix("gz") { bytes = Workspace.gzip(bytes) }
      if name.hasSuffix("zst") { bytes = Workspace.zstd(bytes) }
      var options = IngestOptions()
      options.graphs = [.init(try workspace.write(bytes, to: name))]
      let graph = try workspace.ingest(options).graph
      let contents = try Contents(graph)
      #expect(contents.keys == ["User": ["0", "1"], "node": ["2"]])
      #expect(
        columns("User", in: graph) == [
          "labels:categorical", "name:string", "age:int64", "male:bool", "kids:categorical",
          "born:categorical",
        ])
      #expect(
        contents.nodes["User"] == [
          [
            .text("Admin"), .text("Adam é😀"), .int(42), .bool(true), .text(#"["Sam","Anna"]"#),
            .text("2015-07-04T19:32:24"),
          ], [nil, .text("0042"), .int(.max), nil, nil, nil],
        ])
      #expect(try graph.set(named: "Admin", of: "User")?.count == 1)
      // The type of an end is the node's own, whatever the relationship says, and wherever it is.
      #expect(
        contents.out[EdgeType("User", "KNOWS", "node")] == [
          .init(source: "0", target: "2", values: [.int(0), .float(1993.5)])
        ])
      #expect(
        contents.out[EdgeType("User", "KNOWS", "User")] == [
          .init(source: "1", target: "0", values: [.int(1)])
        ])
    }
  }

  @Test(arguments: [
    (#"{"type":"node"}"#, "no 'id'"), (#"{"type":"tree","id":"1"}"#, "'tree'"),
    (#"{"id":"1"}"#, "no 'type'"), (#"{"type":"node","id":1.5}"#, "1.5"),
    (#"{"type":"node","id":"7","labels":[1]}"#, "labels"),
    (#"{"type":"node","id":"7","labels":"x"}"#, "labels"),
    (#"{"type":"node","id":"7","properties":[]}"#, "properties"),
    (#"{"type":"node","id":"7","properties":{"a":1,"a":2}}"#, "twice"),
    (#"{"type":"relationship","label":"r","start":{"id":"0"}}"#, "no 'end'"),
    (#"{"type":"relationship","start":{"id":"0"},"end":{"id":"0"}}"#, "no 'label'"),
    (#"{"type":"relationship","label":"r","start":"0","end":{"id":"0"}}"#, "'start'"),
    (#"{"type":"node","id":"0","labels":["A"]}"#, "is on"), (#"[1]"#, "no JSON object"),
  ])
  func linesOfNoExportAreRefused(line: String, part: String) throws {
    let first = #"{"type":"node","id":"0","labels":["A"]}"# + "\n"
    expectRefused(at: "g.json:2", part) { _ = try graph(first + line + "\n") }
    let (report, _) = try graph(first + line + "\n") { $0.badLines = .report }
    #expect(report.skipped == 1)
    #expect(report.nodes["A"] == 1)
  }

  @Test func endsThatNoLineListsAreMissing() throws {
    let text = """
      {"type":"node","id":"0","labels":["A"]}
      {"type":"relationship","label":"r","start":{"id":"0"},"end":{"id":"1","labels":["A"]}}

      """
    #expect(try graph(text).report.createdNodes["A"] == 1)
    expectRefused(at: "g.json:2", "'1'") { _ = try graph(text) { $0.missingNodes = .fail } }
    #expect(try graph(text) { $0.missingNodes = .skip }.report.skipped == 1)
  }

  // MARK: Tables

  @Test func objectsAreRows() throws {
    var options = IngestOptions()
    options.nodes = [
      .init(
        "paper",
        try workspace.write(
          """
          {"id": 7, "title": "One, \\"two\\"\\nthree", "x": [1, 2.5, -3e2], "year": 2001, "m": {"a": [1]}, "f": 1, "w": "05", "long": 1}
           { "w":"6","f":-0.25,"x":[0,0,0],"id":8,"year":null, "mixed":[1,"a"], "u":[1,2], "long": 18446744073709551616}
          {"id":"9","mixed":true,"u":[1]}
          """, to: "a.jsonl")),
      .init("paper", try workspace.write(#"{"id":10,"new":false}"#, to: "b.ndjson")),
    ]
    options.edges = [
      .init(
        EdgeType("paper", "cites", "paper"),
        try workspace.write(
          Workspace.gzip(
            Array(
              #"{"source":7,"target":"8","w":1}"#.utf8) + [10]
              + Array(#"{"target":10,"source":7}"#.utf8)), to: "e.jsonl.gz"))
    ]
    let graph = try workspace.ingest(options).graph
    let contents = try Contents(graph)
    #expect(contents.keys["paper"] == ["7", "8", "9", "10"])
    #expect(
      columns("paper", in: graph) == [
        "title:categorical", "x:float32[3]", "year:int64", "m:categorical", "f:float64",
        "w:categorical",
        "long:categorical", "mixed:categorical", "u:categorical", "new:bool",
      ])
    #expect(
      contents.nodes["paper"]?[0] == [
        .text("One, \"two\"\nthree"), .vector([1, 2.5, -300]), .int(2001), .text(#"{"a": [1]}"#),
        .float(1), .text("05"), .text("1"), nil, nil, nil,
      ])
    #expect(
      contents.nodes["paper"]?[1] == [
        nil, .vector([0, 0, 0]), nil, nil, .float(-0.25), .text("6"),
        .text("18446744073709551616"), .text(#"[1,"a"]"#), .text("[1,2]"), nil,
      ])
    #expect(contents.nodes["paper"]?[2][7] == .text("true"))
    #expect(contents.nodes["paper"]?[3][9] == .bool(false))
    #expect(
      contents.out[EdgeType("paper", "cites", "paper")] == [
        .init(source: "7", target: "8", values: [.int(1)]),
        .init(source: "7", target: "10", values: [nil]),
      ])
  }

  @Test func aLineWithTooManyKeysIsLeftOutInEveryReading() throws {
    let keys = (0..<4095).map { "\"k\($0)\":1" }.joined(separator: ",")
    let text = "{\"id\":1,\(keys)}\n{\"id\":2,\"a\":1,\"b\":2}\n{\"id\":3,\"k0\":5}\n"
    let (report, graph) = try nodes(text) { $0.badLines = .report }
    #expect(report.skipped == 1)
    #expect(graph.count(of: "n") == 2)
  }

  @Test func anEmptyTextIsNoNull() throws {
    let (_, graph) = try nodes(
      "{\"id\":1,\"x\":\"\"}\n{\"id\":2,\"x\":null}\n{\"id\":3,\"x\":\"a\"}\n")
    let values = try (0..<3).map { try graph.value(of: "x", of: "n", at: NodeID($0)) }
    #expect(values == [.text(""), nil, .text("a")])
  }

  @Test(arguments: [
    ("{\"id\":1", "ends too early"), ("{\"id\":1}x", "behind"), ("{\"id\":01}", "at byte"),
    ("{\"id\":1,}", "key"), ("{'id':1}", "key"), ("{\"id\":1.}", "digit"),
    ("{\"id\":\"\"}", "empty"),
    ("{\"id\":NaN}", "no value"), ("{\"id\":tru}", "no value"), ("{\"id\":\"a\tb\"}", "control"),
    ("{\"id\":\"\\x\"}", "escape"), ("{\"id\":\"\\ud800\"}", "half"),
    ("{\"id\":\"\\udc00\"}", "half"),
    ("{\"id\":\"\\u12g4\"}", "hexadecimal"), ("{\"id\":1,\"id\":1}", "twice"),
    ("7", "no JSON object"),
    ("{\"id\":[1]}", "neither"), ("{\"id\":null}", "no 'id'"), ("{\"ID\":1}", "no 'id'"),
    ("{\"id\":0}", "is on"),
    ("{\"id\":2,\"a\":" + String(repeating: "[", count: 100_000), "deep"),
  ])
  func linesOfNoObjectAreRefused(line: String, part: String) throws {
    expectRefused(at: "n.jsonl:2", part) { _ = try nodes("{\"id\":0}\n\(line)\n") }
    let (report, graph) = try nodes("{\"id\":0,\"x\":1}\n\(line)\n{\"id\":5}\n") {
      $0.badLines = .report
    }
    #expect(report.skipped == 1)
    #expect(graph.count(of: "n") == 2)
  }

  @Test func otherBytesAreRefused() throws {
    var options = IngestOptions()
    options.nodes = [
      .init(
        "n",
        try workspace.write(Array("{\"id\":\"".utf8) + [0xFF] + Array("\"}".utf8), to: "n.jsonl"))
    ]
    expectRefused(at: "n.jsonl:1", "UTF-8") { _ = try workspace.ingest(options) }
    let members = (0...5000).map { "\"k\($0)\":1" }.joined(separator: ",")
    expectRefused(at: "n.jsonl:1", "would be a column") { _ = try nodes("{\"id\":1,\(members)}\n") }
    expectRefused(at: "g.json", "JSON") { _ = try graph("{\"a\":1}\n") }
    #expect(try nodes("").graph.count(of: "n") == 0)
  }

  @Test func longValuesAreKept() throws {
    let long = String(repeating: "x\\n", count: 1 << 20)
    let (_, graph) = try nodes("{\"id\":1,\"t\":\"\(long)\"}\n")
    #expect(
      try graph.value(of: "t", of: "n", at: NodeID(0))
        == .text(String(repeating: "x\n", count: 1 << 20)))
  }

  /// The same values from Foundation's decoder.
  @Test func valuesAreThoseOfFoundation() throws {
    struct Row: Codable, Equatable {
      var id: Int64
      var text: String
      var number: Double
      var list: [Float]
    }
    var state: UInt64 = 11
    func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 11
    }
    let alphabet: [Character] = ["a", "\"", "\\", "\n", "\u{1}", "é", "😀", "/", ",", ";", " "]
    let rows = (0..<2000).map { id in
      Row(
        id: Int64(id) * 4_611_686_018_427_387,
        text: "t" + String((0..<next() % 9).map { _ in alphabet[Int(next() % 11)] }),
        number: Double(Int64(bitPattern: next())) / 1024 + 0.5,
        list: [Float(next() % 100) / 8, 1, Float(next() % 7)])
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let text = try rows.map { String(decoding: try encoder.encode($0), as: UTF8.self) }
      .joined(separator: "\n")
    let graph = try nodes(text).graph
    let contents = try Contents(graph)
    #expect(contents.keys["n"] == rows.map { "\($0.id)" })
    let names = graph.schema.node("n")!.properties.map(\.name)
    for (row, values) in zip(rows, contents.nodes["n"]!) {
      let byName = Dictionary(uniqueKeysWithValues: zip(names, values))
      #expect(byName["text"] == .text(row.text))
      #expect(byName["number"] == .float(row.number))
      #expect(byName["list"] == .vector(row.list))
    }
  }
}
