import HedgerowCore
import HedgerowGraph
import HedgerowIngest
import HedgerowStore
import HedgerowTestSupport
import Testing

/// Files that say by themselves what types they have.
@Suite struct FormatTests {
  private func ingest(
    _ bytes: [UInt8], as name: String, in workspace: Workspace,
    _ change: (inout IngestOptions) -> Void = { _ in }
  ) throws -> Snapshot {
    var options = IngestOptions()
    options.graphs = [.init(try workspace.write(bytes, to: name))]
    change(&options)
    let path = "\(workspace.path)/store-\(UInt64.random(in: 0...UInt64.max))"
    try Ingest.run(
      options, into: path, budget: MemoryBudget(total: 64 << 20), pool: ThreadPool(threadCount: 2))
    return try GraphStore.open(at: path).snapshot()
  }

  private func ingest(
    _ text: String, as name: String, in workspace: Workspace,
    _ change: (inout IngestOptions) -> Void = { _ in }
  ) throws -> Snapshot {
    try ingest(Array(text.utf8), as: name, in: workspace, change)
  }

  private func expectRefused(_ text: String, as name: String, at place: String) throws {
    let workspace = try Workspace()
    HedgerowIngestTests.expectRefused(at: place, "") {
      _ = try ingest(text, as: name, in: workspace)
    }
  }

  // MARK: Edge lists

  @Test func commentsOfAnEdgeListAreSkipped() throws {
    let workspace = try Workspace()
    let text = "# Directed graph (each \"unordered pair once)\n# FromNodeId\tToNodeId\n3\t1\n1\t2\n"
    for (name, text) in [
      ("snap.txt", text), ("spaces.txt", text.replacing("\t", with: " ")),
      ("percent.edges", text.replacing("#", with: "%").replacing("\t", with: " ")),
    ] {
      let graph = try ingest(text, as: name, in: workspace)
      #expect(try edges(EdgeType("node", "edge", "node"), in: graph) == ["1>2", "3>1"])
    }
  }

  @Test func parallelEdgesAreKeptOrNot() throws {
    let workspace = try Workspace()
    let type = EdgeType("node", "edge", "node")
    for (columns, header) in [("", "source,target\n"), (",7", "source,target,weight\n")] {
      let text = header + "1,2\(columns)\n2,3\(columns)\n1,2\(columns)\n3,2\(columns)\n"
      for isUndirected in [false, true] {
        func count(_ rule: IngestOptions.ParallelEdges) throws -> Int {
          try ingest(text, as: "e.csv", in: workspace) {
            $0.parallelEdges = rule
            $0.isUndirected = isUndirected
          }.count(of: type)
        }
        #expect(try count(.keep) == (isUndirected ? 6 : 4))
        #expect(try count(.first) == (isUndirected ? 4 : 3))
        #expect(throws: HedgerowError.self) { try count(.fail) }
      }
    }
  }

  // MARK: Zstd

  @Test func zstdIsReadFrameByFrame() throws {
    let workspace = try Workspace()
    let lines = (0..<200_000).map { "\($0),\(($0 * 7919) % 200_000)\n" }
    let parts = [lines[..<70_000], lines[70_000...]].map { Array($0.joined().utf8) }
    let frames = parts.map { Workspace.zstd($0) }
    let skippable: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3]
    let plain = try ingest(parts[0] + parts[1], as: "e.csv", in: workspace)
    for (name, bytes) in [
      ("one.csv.zst", Workspace.zstd(parts[0] + parts[1])), ("two.csv.zst", frames[0] + frames[1]),
      ("skip.csv.zst", skippable + frames[0] + skippable + frames[1]),
    ] {
      let graph = try ingest(bytes, as: name, in: workspace)
      #expect(
        try edges(EdgeType("node", "edge", "node"), in: graph)
          == edges(EdgeType("node", "edge", "node"), in: plain))
    }
    for cut in [5, 100, frames[0].count - 1] {
      #expect(throws: HedgerowError.self) {
        _ = try ingest(Array(frames[0][..<cut]), as: "cut.csv.zst", in: workspace)
      }
    }
    var flipped = frames[0]
    flipped[flipped.count / 2] ^= 4
    #expect(throws: HedgerowError.self) {
      _ = try ingest(flipped, as: "flip.csv.zst", in: workspace)
    }
  }

  // MARK: MatrixMarket

  @Test func matricesOfAllKindsAreEdges() throws {
    let workspace = try Workspace()
    let square = EdgeType("node", "edge", "node")
    let entry = EdgeType("row", "entry", "column")
    func check(
      _ header: String, _ body: String, _ type: EdgeType, _ column: String?, _ expected: [String]
    ) throws {
      let graph = try ingest(header + "\n% a comment\n\n" + body, as: "m.mtx", in: workspace)
      let found = try column.map { try edges(type, $0, in: graph) } ?? edges(type, in: graph)
      #expect(found == expected, "\(header)")
    }
    try check(
      "%%MatrixMarket matrix coordinate real general", "2 3 2\n1 3 .5\n2 1 -1e3\n", entry, "value",
      ["1>3 0.5", "2>1 -1000.0"])
    try check(
      "%%matrixmarket MATRIX Coordinate Pattern Symmetric", "3 3 2\n2 1\n3 3\n", square, nil,
      ["1>2", "2>1", "3>3"])
    try check(
      "%%MatrixMarket matrix coordinate integer skew-symmetric", "2 2 1\n2 1 -7\n", square, "value",
      ["1>2 7", "2>1 -7"])
    try check(
      "%%MatrixMarket matrix coordinate complex hermitian", "2 2 2\n1 1 4 0\n2 1 1 -2\n", square,
      "imaginary", ["1>1 0.0", "1>2 2.0", "2>1 -2.0"])
    try check(
      "%%MatrixMarket matrix array real general", "2 1\n5\n6\n", entry, "value",
      ["1>1 5.0", "2>1 6.0"])
    try check(
      "%%MatrixMarket matrix array real symmetric", "2 2\n5\n6\n7\n", square, "value",
      ["1>1 5.0", "1>2 6.0", "2>1 6.0", "2>2 7.0"])
    try check(
      "%%MatrixMarket matrix array integer skew-symmetric\n%%GraphBLAS type int8_t", "2 2\n6\n",
      square, "value", ["1>2 -6", "2>1 6"])
    // Nodes without an entry are there.
    let graph = try ingest(
      "%%MatrixMarket matrix coordinate pattern general\n5 5 1\n1 2\n", as: "m.mtx", in: workspace)
    #expect(graph.count(of: "node") == 5)
  }

  @Test(arguments: [
    ("%%MatrixMarket vector coordinate real general\n", ":1"),
    ("%%MatrixMarket matrix coordinate real\n", ":1"),
    ("%%MatrixMarket matrix array pattern general\n", ":1"),
    ("%%MatrixMarket matrix coordinate pattern hermitian\n", ":1"),
    ("%%MatrixMarket matrix coordinate real general\n2 2\n", ":2"),
    ("%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1\n", ":3"),
    ("%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 x\n", ":3"),
    ("%%MatrixMarket matrix coordinate real general\n2 2 1\n1 3 1\n", ":3"),
    ("%%MatrixMarket matrix coordinate real general\n2 2 1\n0 1 1\n", ":3"),
    ("%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 1\n1 2 1\n", ":4"),
    ("%%MatrixMarket matrix coordinate real general\n2 2 2\n1 1 1\n1 1 1\n", ":4"),
    ("%%MatrixMarket matrix coordinate real general\n2 2 2\n1 1 1\n", ":3"),
    ("%%MatrixMarket matrix coordinate real symmetric\n2 3 1\n1 1 1\n", ":2"),
    (
      "%%MatrixMarket matrix coordinate integer general\n%%GraphBLAS type uint8_t\n1 1 1\n1 1 256\n",
      ":4"
    ),
    ("%%MatrixMarket matrix coordinate real general\n1 1 1\n1 1 0x10\n", ":3"),
    (
      "%%MatrixMarket matrix coordinate integer skew-symmetric\n%%GraphBLAS type int8_t\n"
        + "2 2 1\n2 1 -128\n", ":4"
    ),
    (
      "%%MatrixMarket matrix coordinate integer skew-symmetric\n2 2 1\n2 1 \(Int64.min)\n", ":3"
    ),
    ("%%MatrixMarket matrix coordinate real general\n9999999999 2 0\n", ":2"),
    ("%%MatrixMarket matrix coordinate real general\n", "m.mtx"),
  ])
  func mangledMatricesAreRefusedWithTheLine(text: String, place: String) throws {
    try expectRefused(text, as: "m.mtx", at: place)
  }

  // MARK: RDF

  @Test func triplesAreNodesAndLiterals() throws {
    let workspace = try Workspace()
    let text = """
      # a comment
      <http://a/x> <http://p#knows> _:b.1 .
      _:b.1 <http://p#knows> <http://a/\\u00e9> . # behind
      <http://a/x> <http://q#knows> <http://a/x>.
      <http://a/x> <http://p#name> "x \\"y\\"\\n\\U0001F600"@en-GB .
      <http://a/x> <http://p#name> "5"^^<http://www.w3.org/2001/XMLSchema#integer> .

      """
    let graph = try ingest(text, as: "g.nt", in: workspace)
    #expect(
      try edges(EdgeType("resource", "knows", "resource"), in: graph) == [
        "_:b.1>http://a/é", "http://a/x>_:b.1",
      ])
    #expect(
      try edges(EdgeType("resource", "knows_2", "resource"), in: graph) == ["http://a/x>http://a/x"]
    )
    #expect(
      try edges(EdgeType("resource", "name", "literal"), in: graph) == [
        "http://a/x>\"5\"^^<http://www.w3.org/2001/XMLSchema#integer>",
        "http://a/x>\"x \\\"y\\\"\\n😀\"@en-GB",
      ])
    let quads = try ingest(
      "<a:a> <a:p> <a:b> <a:g> .\n<a:a> <a:p> <a:c> .\n", as: "g.nq", in: workspace)
    #expect(
      try edges(EdgeType("resource", "p", "resource"), "graph", in: quads) == [
        "a:a>a:b a:g", "a:a>a:c null",
      ])
  }

  /// Predicates whose last parts are the same are told apart in time that grows with their number.
  @Test func thousandsOfPredicatesHaveThousandsOfNames() throws {
    let workspace = try Workspace()
    let text = (0..<3000).map { "<a:a> <http://a/\($0)/p> <a:b> .\n" }.joined()
    let graph = try ingest(text, as: "g.nt", in: workspace)
    #expect(graph.schema.edges.count == 3000)
    #expect(graph.schema.edge(EdgeType("resource", "p_3000", "resource")) != nil)
    let more = (0..<16_385).map { "<a:a> <http://a/\($0)/p> <a:b> .\n" }.joined()
    #expect(throws: HedgerowError.self) { try ingest(more, as: "g.nt", in: workspace) }
  }

  /// Also what is found in the tables only is said of the file's line.
  @Test func bytesThatAreNoTextAreRefusedWithTheLine() throws {
    let workspace = try Workspace()
    let bytes =
      Array("<a:a> <a:p> <a:b> .\n<a:a> <a:q> <a:b> .\n<a:a> <a:p> \"".utf8) + [0xFF]
      + Array("\" .\n".utf8)
    HedgerowIngestTests.expectRefused(at: "g.nt:3", "UTF-8") {
      _ = try ingest(bytes, as: "g.nt", in: workspace)
    }
  }

  @Test(arguments: [
    "<a:a> <a:p> <a:b>", "<a:a> <a:p> <a:b> . x", "<a:a> <a:p> .", "<a:a> _:p <a:b> .",
    "<a:a> <a:p> \"open .", "<a:a> <a:p> \"x\\q\" .", "<a:a> <a:p> \"\\uD800\" .",
    "<a a> <a:p> <a:b> .",
    "\"x\" <a:p> <a:b> .", "<a:a> <a:p> \"x\"@ .", "<a:a> <a:p> \"x\"^<a:t> .", "_: <a:p> <a:b> .",
    "<a:a> <a:p> <a:b> <a:g> .", "<a:a> <a:p> \"\\u00\" .", "<a:a", "<a:a> <> <a:b> .",
  ])
  func brokenTriplesAreRefusedWithTheLine(line: String) throws {
    try expectRefused("<a:a> <a:p> <a:b> .\n" + line + "\n", as: "g.nt", at: "g.nt:2")
  }
}
