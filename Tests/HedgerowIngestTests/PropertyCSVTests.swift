import Foundation
import HedgerowCore
import HedgerowGraph
import HedgerowIngest
import HedgerowStore
import Testing

/// Property graphs as CSV: Neo4j, Gremlin and LDBC.
@Suite struct PropertyCSVTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private func ingest(
    _ files: [(name: String, text: String)], _ change: (inout IngestOptions) -> Void = { _ in }
  ) throws -> (report: IngestReport, graph: Snapshot) {
    var options = IngestOptions()
    for file in files {
      options.graphs.append(.init(try workspace.write(file.text, to: file.name)))
    }
    change(&options)
    return try workspace.ingest(options)
  }

  private func ingest(folder: String) throws -> (report: IngestReport, graph: Snapshot) {
    var options = IngestOptions()
    options.graphs = [.init(folder)]
    return try workspace.ingest(options)
  }

  private func expectRefused(
    _ files: [(name: String, text: String)], at place: String, _ part: String,
    _ change: (inout IngestOptions) -> Void = { _ in }
  ) throws {
    HedgerowIngestTests.expectRefused(at: place, part) { _ = try ingest(files, change) }
  }

  /// Sets are made of labels, not of a property that is called so.
  @Test func aPropertyCalledLabelsIsAProperty() throws {
    let (_, graph) = try ingest([
      ("n.csv", "id:ID(P),labels:string,x:float[]\n1,A;B,1;2\n2,C,3;4\n")
    ])
    let type = try #require(graph.schema.nodes.first?.type)
    #expect(graph.setNames(of: type).isEmpty)
    #expect(try graph.value(of: "labels", of: type, at: NodeID(0)) == .text("A;B"))
  }

  // MARK: Neo4j

  private static let movies = #"""
    personId:ID(Person-ID),name,born:int,:LABEL,note:IGNORE,score:double[]
    keanu,"Reeves, ""Keanu""",1964,Actor,x,1;2
    laurence,Fishburne,,Actor;Director;Rich Man,y,3.5;-1e3
    carrie,"Moss
    Carrie",1967,Actor,,
    lana,0077,1965,Director;Rich Man,,0;0

    """#
  private static let roles = """
    :START_ID(Person-ID),role:string[],:END_ID(Movie),:TYPE,since:long
    keanu,Neo,tt1,ACTED_IN,9007199254740993
    lana,,tt1,DIRECTED,
    laurence,Morpheus;Boss,tt1,ACTED_IN,-1

    """
  private static let films = (
    "films.csv", "movieId:ID(Movie),title:string,3D:boolean\ntt1,1999,true\n"
  )

  @Test func neo4jImportIsReadByTypes() throws {
    let (report, graph) = try ingest([
      ("roles.csv", Self.roles), Self.films, ("people.csv", Self.movies),
    ])
    let contents = try Contents(graph)
    #expect(contents.keys["Actor"] == ["keanu", "laurence", "carrie"])
    #expect(contents.keys["Director"] == ["lana"])
    #expect(contents.keys["Movie"] == ["tt1"])
    // Text stays text, whatever it looks like.
    #expect(
      columns("Actor", in: graph) == [
        "labels:categorical", "name:string", "born:int32", "score:float64[2]",
      ])
    #expect(columns("Movie", in: graph) == ["title:string", "3D:bool"])
    #expect(
      contents.nodes["Actor"] == [
        [nil, .text("Reeves, \"Keanu\""), .int(1964), .vector([1, 2])],
        [.text("Director;Rich Man"), .text("Fishburne"), nil, .vector([3.5, -1000])],
        [nil, .text("Moss\nCarrie"), .int(1967), nil],
      ])
    #expect(try graph.set(named: "Director", of: "Actor")?.count == 1)
    #expect(try graph.set(named: "Rich_Man", of: "Actor")?.count == 1)
    #expect(try graph.set(named: "Rich_Man", of: "Director")?.count == 1)
    #expect(
      contents.out[EdgeType("Actor", "ACTED_IN", "Movie")] == [
        .init(source: "keanu", target: "tt1", values: [.text("Neo"), .int(9_007_199_254_740_993)]),
        .init(source: "laurence", target: "tt1", values: [.text("Morpheus;Boss"), .int(-1)]),
      ])
    #expect(contents.out[EdgeType("Director", "DIRECTED", "Movie")]?.map(\.source) == ["lana"])
    #expect(report.skipped == 0)
  }

  @Test func wrongValuesAreRefusedWithTheLineOfTheFile() throws {
    let people = Self.movies
    func expect(_ old: String, _ new: String, _ line: Int, _ part: String) throws {
      try expectRefused(
        [("people.csv", people.replacing(old, with: new))], at: "people.csv:\(line)", part)
    }
    // Line 4 ends within a quoted field, so lana is on line 6.
    try expect("1965", "x", 6, "'x' where column 'born'")
    try expect("1965", "3000000000", 6, "int32")
    try expect("0;0\n", "0;b\n", 6, "score")
    try expect("laurence", "keanu", 3, "people.csv:2")
    try expect("Carrie\",1967", "Carrie\"x,1967", 4, "quote")
    try expect("lana,0077,1965", "lana,0077", 6, "columns")
    try expect("lana,", ",", 6, "no id")
    try expectRefused(
      [("people.csv", people), ("roles.csv", Self.roles.replacing("lana", with: "nobody"))],
      at: "roles.csv:3", "nobody")
  }

  @Test func linesMayBeLeftOut() throws {
    let files = [
      ("people.csv", Self.movies.replacing("1965", with: "x")), Self.films,
      ("roles.csv", Self.roles.replacing("keanu", with: "nobody") + "too,few\n"),
    ]
    let (report, graph) = try ingest(files) {
      $0.badLines = .report
      $0.missingNodes = .skip
    }
    // A bad value, an end that is not there, one that left with its line, a row too short.
    #expect(report.skipped == 4)
    #expect(report.messages.contains { $0.contains("roles.csv:5") })
    #expect(report.messages.contains { $0.contains("people.csv:6") })
    #expect(graph.count(of: EdgeType("Actor", "ACTED_IN", "Movie")) == 1)
  }

  @Test func idsOfOneSpaceMayNotBeOfTwoTypes() throws {
    let people = ("p.csv", ":ID,:LABEL\na,A\na,B\nb,B\n")
    #expect(try ingest([people]).report.nodes.count == 2)
    try expectRefused(
      [people, ("e.csv", ":START_ID,:END_ID,:TYPE\nb,b,r\nb,a,r\n")], at: "e.csv:3",
      "of type 'A' and one of type 'B'")
  }

  @Test(arguments: [
    ("a:ID,b:ID\n1,2\n", "2 columns of ids"), (":START_ID,:TYPE\n1,x\n", "only one end"),
    (":ID,x:complex\n1,2\n", "'complex'"), (":ID,:LABEL,:LABEL\n1,2,3\n", "2 columns of labels"),
    ("~id,~age\n1,2\n", "'~age'"), (":ID,:int\n1,2\n", "without a name"),
  ])
  func headersThatSayNoGraphAreRefused(text: String, part: String) throws {
    try expectRefused([("x.csv", text)], at: "x.csv:1", part)
  }

  @Test func bytesThatAreNoTextAreRefused() throws {
    for label in ["", ",:LABEL"] {
      let row = label.isEmpty ? "" : ",L"
      let bytes =
        Array(":ID,name\(label)\n1,a\(row)\n2,".utf8) + [0xC3, 0x28] + Array("\(row)\n".utf8)
      var options = IngestOptions()
      options.graphs = [.init(try workspace.write(bytes, to: "x.csv"))]
      #expect {
        try workspace.ingest(options)
      } throws: {
        ($0 as? HedgerowError)?.place?.hasSuffix("x.csv:3") == true
      }
    }
    try expectRefused([("e.csv", "")], at: "e.csv", "empty") {
      $0.graphs = [.init($0.graphs[0].path, as: .propertyCSV)]
    }
    // Only a header: a type without nodes.
    #expect(try ingest([("t.csv", "t:ID(T),x:int\n")]).graph.count(of: "T") == 0)
  }

  @Test func longFieldsAndLongIdsAreKept() throws {
    let long = String(repeating: "é", count: 1 << 19)
    let (_, graph) = try ingest([
      ("n.csv", ":ID,:LABEL,t\n\(long),A,\(long)\nb,B,\n"),
      ("e.csv", ":START_ID,:END_ID,:TYPE\nb,\(long),r\n"),
    ])
    #expect(try graph.key(of: NodeID(0), of: "A") == long)
    #expect(graph.count(of: EdgeType("B", "r", "A")) == 1)
  }

  // MARK: Gremlin

  @Test func gremlinIdsAreFoundWhateverTheirTypes() throws {
    // Against a dictionary: random nodes of five types, edges between any of them.
    var random = Generator(state: 7)
    var types: [String: String] = [:]
    var nodes = "~id,~label,w:Int(single)\n"
    for index in 0..<5000 {
      let id = index % 3 == 0 ? "n\(index)" : "\(index)"
      types[id] = "T\(Int.random(in: 0..<5, using: &random))"
      nodes += "\(id),\(types[id]!),\(index)\n"
    }
    let ids = types.keys.sorted()
    var edges = "~id,~from,~to,~label\n"
    var expected: [String: [String]] = [:]
    for index in 0..<20_000 {
      let (a, b) = (ids.randomElement(using: &random)!, ids.randomElement(using: &random)!)
      edges += "\(index),\(a),\(b),r\(index % 2)\n"
      expected["\(types[a]!):r\(index % 2):\(types[b]!)", default: []].append("\(a)>\(b) \(index)")
    }
    let (_, graph) = try ingest([("a.csv", nodes), ("b.csv", edges)])
    let contents = try Contents(graph)
    for (type, keys) in contents.keys { #expect(keys.allSatisfy { types[$0] == type.name }) }
    #expect(contents.keys.values.reduce(0) { $0 + $1.count } == 5000)
    var found: [String: [String]] = [:]
    for (type, list) in contents.out {
      found["\(type)"] = list.map { edge in
        guard case .int(let id)? = edge.values[0] else { return "" }
        return "\(edge.source)>\(edge.target) \(id)"
      }
    }
    #expect(found.mapValues { $0.sorted() } == expected.mapValues { $0.sorted() })
  }

  @Test func edgesAloneJoinNodesOfOneType() throws {
    let (_, graph) = try ingest([("e.csv", "~id,~from,~to,~label\n1,a,b,knows\n2,b,c,knows\n")])
    #expect(graph.count(of: "node") == 3)
    #expect(graph.count(of: EdgeType("node", "knows", "node")) == 2)
  }

  // MARK: LDBC

  @Test func ldbcFoldersAreReadByTheirNames() throws {
    let folder = "\(workspace.path)/ldbc"
    for name in ["", "/dynamic", "/static"] {
      try FileManager.default.createDirectory(
        atPath: folder + name, withIntermediateDirectories: true)
    }
    for (name, text) in [
      ("dynamic/person_0_0.csv", "id|firstName\n7|Ann\n"),
      ("dynamic/person_1_0.csv", "id|firstName\n8|\"Bo\"\n"),
      ("dynamic/person_knows_person_0_0.csv", "Person.id|Person.id|creationDate\n7|8|5\n"),
      ("dynamic/person_knows_person_1_0.csv", "Person.id|Person.id|creationDate\n8|8|6\n"),
      ("dynamic/person_email_emailaddress_0_0.csv", "Person.id|email\n7|a@b\n7|c@d\n"),
      ("static/tagclass_0_0.csv", "id|name\n1|x\n"),
      ("static/tagclass_isSubclassOf_tagclass_0_0.csv", "TagClass.id|TagClass.id\n1|1\n"),
    ] { _ = try workspace.write(text, to: "ldbc/\(name)") }
    let contents = try Contents(ingest(folder: folder).graph)
    #expect(contents.keys["Person"] == ["7", "8"])
    #expect(contents.keys["TagClass"] == ["1"])
    #expect(
      contents.out[EdgeType("Person", "knows", "Person")] == [
        .init(source: "7", target: "8", values: [.int(5)]),
        .init(source: "8", target: "8", values: [.int(6)]),
      ])
    #expect(
      contents.out[EdgeType("Person", "email", "emailaddress")]?.map(\.target) == ["a@b", "c@d"])
    _ = try workspace.write("1|2\n", to: "ldbc/dynamic/other.csv")
    #expect(throws: HedgerowError.self) { try ingest(folder: folder) }
  }

  @Test func ldbcTypedHeadersAreRead() throws {
    let (_, graph) = try ingest([
      ("person_0_0.csv", "id:ID(Person)|firstName:STRING|n:LONG\n7|Ann|1\n"),
      (
        "organisation_0_0.csv",
        "id:ID(Organisation)|:LABEL|name:STRING\n7|Company|c\n8|University|u\n"
      ),
      (
        "person_workAt_organisation_0_0.csv",
        ":START_ID(Person)|:END_ID(Organisation)|from:INT\n7|7|1\n7|8|2\n"
      ),
    ])
    #expect(graph.count(of: EdgeType("Person", "workAt", "Company")) == 1)
    #expect(graph.count(of: EdgeType("Person", "workAt", "University")) == 1)
  }

  // MARK: Real data

  private static let data = ProcessInfo.processInfo.environment["HEDGEROW_DATA"]

  @Test(.enabled(if: data != nil, "HEDGEROW_DATA is not set: no air routes and no LDBC to read"))
  func realFilesHaveAllTheirRows() throws {
    let data = try #require(Self.data)
    var options = IngestOptions()
    options.graphs = ["nodes", "edges"].map {
      .init("\(data)/air-routes/air-routes-latest-\($0).csv")
    }
    let air = try workspace.ingest(options).report
    #expect(air.nodes.values.reduce(0, +) == 3749)
    #expect(air.edges.values.reduce(0, +) == 57645)
    let folder = "\(data)/snb-sf0.003/vanilla"
    let snb = try ingest(folder: folder).report
    var rows: [Int: Int] = [:]
    for part in ["static", "dynamic"] {
      for name in try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(part)") {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(part)/\(name)"))
        rows[name.split(separator: "_").count, default: 0] += bytes.count { $0 == 10 } - 1
      }
    }
    #expect(snb.nodes.values.reduce(0, +) == rows[3])
    #expect(snb.edges.values.reduce(0, +) == rows[5])
  }
}

/// SplitMix64: the same numbers in every run.
private struct Generator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
