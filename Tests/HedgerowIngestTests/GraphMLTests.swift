import Foundation
import HedgerowCore
import HedgerowGraph
import HedgerowIngest
import HedgerowStore
import Testing

@Suite struct GraphMLTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private func ingest(
    _ bytes: [UInt8], as name: String = "g.graphml",
    _ change: (inout IngestOptions) -> Void = { _ in }
  ) throws -> (report: IngestReport, graph: Snapshot) {
    var options = IngestOptions()
    options.graphs = [.init(try workspace.write(bytes, to: name))]
    change(&options)
    return try workspace.ingest(options)
  }

  private func expectRefused(
    _ text: String, at place: String, _ part: String,
    _ change: (inout IngestOptions) -> Void = { _ in }
  ) {
    HedgerowIngestTests.expectRefused(at: place, part) { _ = try ingest(Array(text.utf8), change) }
  }

  private static let tinker = """
    <?xml version="1.0" encoding="UTF-8"?>
    <!DOCTYPE graphml>
    <graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:y="http://www.yworks.com/xml/graphml">
      <key id="labelV" for="node" attr.name="labelV" attr.type="string"/>
      <key id="labelE" for="edge" attr.name="labelE" attr.type="string"/>
      <key id="d0" for="node" attr.name="code" attr.type="string"><default>a &amp; b</default></key>
      <key id="d1" for="all" attr.name="elev" attr.type="int"/>
      <key id="d2" for="node" yfiles.type="nodegraphics"/>
      <key id="d3" for="edge" attr.name="far" attr.type="boolean"><default>false</default></key>
      <graph id="G" edgedefault="directed">
        <edge source="1" target="c&#38;" id="e1"><data key="labelE">route</data><data key="d1">-7</data></edge>
        <node id="1"><data key="labelV">airport</data><data key="d0">0017</data>
          <data key="d2"><y:Shape a="1">text<y:B/></y:Shape></data><data key="d1"> 12 </data></node>
        <node id="c&amp;"><data key="labelV">:land:big one</data><data key="d0"><![CDATA[<&>]]>
    x</data></node>
        <node id="3"><data key="labelV">airport</data></node>
        <edge source="c&amp;" target="3"><data key="d3">true</data></edge>
      </graph>
    </graphml>

    """

  @Test func nodesAndEdgesHaveTheirLabelsAndValues() throws {
    for name in ["g.graphml", "g.xml", "g.graphml.gz", "g.graphml.zst"] {
      var bytes = Array(Self.tinker.utf8)
      if name.hasSuffix("gz") { bytes = Workspace.gzip(bytes) }
      if name.hasSuffix("zst") { bytes = Workspace.zstd(bytes) }
      let graph = try ingest(bytes, as: name).graph
      let contents = try Contents(graph)
      #expect(contents.keys == ["airport": ["1", "3"], "land": ["c&"]])
      #expect(columns("airport", in: graph) == ["code:string", "elev:int32"])
      #expect(contents.nodes["airport"] == [[.text("0017"), .int(12)], [.text("a & b"), nil]])
      #expect(contents.nodes["land"] == [[.text("big one"), .text("<&>\nx")]])
      #expect(try graph.set(named: "big_one", of: "land")?.count == 1)
      #expect(
        contents.out[EdgeType("airport", "route", "land")] == [
          .init(source: "1", target: "c&", values: [.text("e1"), .int(-7), .bool(false)])
        ])
      #expect(
        contents.out[EdgeType("land", "edge", "airport")] == [
          .init(source: "c&", target: "3", values: [.bool(true)])
        ])
    }
  }

  /// As a program writes an empty text that gives each node all its keys.
  @Test func anEmptyValueIsAnEmptyTextAndNoNumber() throws {
    let text = """
      <graphml><key id="s" for="node" attr.name="s" attr.type="string"/>
      <key id="t" for="node" attr.name="t"><default></default></key>
      <key id="i" for="all" attr.name="i" attr.type="int"/>
      <graph><node id="a"><data key="s"></data><data key="i"/></node>
      <node id="b"><data key="s">x</data><data key="t">y</data><data key="i">1</data></node>
      <node id="c"/></graph></graphml>
      """
    let contents = try Contents(try ingest(Array(text.utf8)).graph)
    #expect(
      contents.nodes["node"] == [
        [.text(""), .text(""), nil], [.text("x"), .text("y"), .int(1)], [nil, .text(""), nil],
      ])
  }

  private func plain(_ kind: String, _ edges: String) -> String {
    "<graphml><graph edgedefault=\"\(kind)\"><node id=\"a\"/><node id=\"b\"/>\n\(edges)\n</graph></graphml>"
  }

  @Test func directionsAreThoseOfTheGraphOrOfTheEdge() throws {
    func arcs(_ kind: String, _ edges: String) throws -> ([String], Bool) {
      let graph = try ingest(Array(plain(kind, edges).utf8)).graph
      let edges = try Contents(graph).out[.plain] ?? []
      return (
        edges.map { "\($0.source)>\($0.target)" }.sorted(), graph.schema.edge(.plain)!.isUndirected
      )
    }
    let ab = "<edge source=\"a\" target=\"b\"/>"
    let loop = "<edge source=\"b\" target=\"b\" directed=\"false\"/>"
    let undirected = "<edge source=\"b\" target=\"a\" directed=\"false\"/>"
    #expect(try arcs("directed", ab) == (["a>b"], false))
    #expect(try arcs("undirected", ab) == (["a>b", "b>a"], true))
    #expect(try arcs("undirected", ab + loop) == (["a>b", "b>a", "b>b"], true))
    #expect(try arcs("directed", ab + undirected) == (["a>b", "a>b", "b>a"], false))
    #expect(try arcs("directed", ab + loop) == (["a>b", "b>b"], false))
    #expect(try arcs("directed", undirected) == (["a>b", "b>a"], true))
  }

  @Test(arguments: [
    ("<node id=\"c\"><graph/></node>", "nested"), ("<hyperedge/>", "hyperedge"),
    ("<node id=\"c\"><port name=\"x\"/></node>", "port"), ("<node/>", "without an id"),
    ("<edge source=\"a\"/>", "without source and target"), ("<node id=\"c\">", "no XML"),
    ("<edge source=\"a\" target=\"b\" directed=\"x\"/>", "'x'"), ("<node id=\"a\"/>", "again"),
    ("<edge source=\"a\" target=\"b\" sourceport=\"x\"/>", "port"), ("<node id=c/>", "no XML"),
    ("<node id=\"c\"><data key=\"k\">1</data></node>", "not declared"),
    ("<node id=\"c\"><data>1</data></node>", "without a key"), ("&lol;", "entity"),
    ("<node id=\"&lol;\"/>", "entity"), ("\u{1}", "no XML"),
  ])
  func partsThatAreNotReadAreRefused(part: String, message: String) {
    expectRefused(
      plain("directed", part),
      at: message == "no XML" && part == "<node id=\"c\">" ? "g.graphml:3" : "g.graphml:2", message)
  }

  @Test func filesThatAreNoGraphAreRefused() {
    expectRefused("", at: "g.graphml", "is empty")
    expectRefused("<graphml/>", at: "g.graphml", "no graph")
    expectRefused("<html/>", at: "g.graphml:1", "<html>")
    expectRefused("<graphml><graph/>\n<graph/></graphml>", at: "g.graphml:2", "second graph")
    expectRefused("<graphml><graph edgedefault='x'/></graphml>", at: "g.graphml:1", "'x'")
    expectRefused(
      "<graphml>\n<key id='a' attr.type='complex'/></graphml>", at: "g.graphml:2", "complex")
    expectRefused(
      "<graphml>\n<key id='a'/><key id='a'/><graph/></graphml>", at: "g.graphml:2", "again")
    let bomb = """
      <!DOCTYPE graphml [ <!ENTITY a "aaaaaaaaaa">
      <!ENTITY b "&a;&a;&a;&a;"> ]><graphml><graph><node id="&b;"/></graph></graphml>
      """
    expectRefused(bomb, at: "g.graphml:1", "declares the entity 'a'")
    expectRefused(
      "<!DOCTYPE graphml [\n<!ENTITY x SYSTEM \"/etc/hostname\"> ]><graphml><graph/></graphml>",
      at: "g.graphml:2", "declares the entity")
    let deep = String(repeating: "<x>", count: 10_000)
    expectRefused("<graphml>\(deep)", at: "g.graphml:1", "no XML")
    for cut in [30, 300, 700, Self.tinker.utf8.count - 20] {
      #expect(throws: HedgerowError.self) { try ingest(Array(Self.tinker.utf8.prefix(cut))) }
    }
    var bytes = Array(plain("directed", "").utf8)
    bytes[bytes.firstIndex(of: UInt8(ascii: "a"))! + 20] = 0xFF
    #expect(throws: HedgerowError.self) { try ingest(bytes) }
  }

  @Test func wrongValuesAndEndsAreRefusedWithTheirLine() throws {
    expectRefused(Self.tinker.replacing("> 12 <", with: ">x<"), at: "g.graphml:12", "elev")
    expectRefused(
      Self.tinker.replacing("target=\"3\"", with: "target=\"4\""), at: "g.graphml:17", "'4'")
    let lost = plain("directed", "<edge source=\"a\" target=\"z\"/>")
    #expect(try ingest(Array(lost.utf8)).report.createdNodes["node"] == 1)
    expectRefused(lost, at: "g.graphml:2", "'z'") { $0.missingNodes = .fail }
  }

  @Test func manyNodesAreThoseThatWereWritten() throws {
    let count = 20_000
    var text = "<graphml><key id=\"labelV\" attr.name=\"labelV\" for=\"node\"/>"
    text += "<key id=\"w\" for=\"edge\" attr.name=\"w\" attr.type=\"double\"/><graph>\n"
    for index in 0..<count {
      text += "<node id=\"\(index)\"><data key=\"labelV\">t\(index % 3)</data></node>\n"
      text += "<edge source=\"\(index)\" target=\"\(index * 7 % count)\">"
      text += "<data key=\"w\">\(Double(index) / 8)</data></edge>\n"
    }
    let graph = try ingest(Array((text + "</graph></graphml>").utf8)).graph
    var found = 0
    for (type, edges) in try Contents(graph).out {
      for edge in edges {
        let (source, target) = (Int(edge.source)!, Int(edge.target)!)
        #expect(target == source * 7 % count)
        #expect(
          type.source == NodeType("t\(source % 3)") && type.target == NodeType("t\(target % 3)"))
        #expect(edge.values == [.float(Double(source) / 8)])
      }
      found += edges.count
    }
    #expect(found == count)
  }

  private static let data = ProcessInfo.processInfo.environment["HEDGEROW_DATA"]

  @Test(.enabled(if: data != nil, "HEDGEROW_DATA is not set: no air routes to read"))
  func airRoutesHaveAllTheirNodesAndEdges() throws {
    let path = "\(try #require(Self.data))/air-routes/air-routes-small-latest.graphml"
    let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
    var options = IngestOptions()
    options.graphs = [.init(path)]
    let report = try workspace.ingest(options).report
    #expect(report.nodes.values.reduce(0, +) == text.components(separatedBy: "<node ").count - 1)
    #expect(report.edges.values.reduce(0, +) == text.components(separatedBy: "<edge ").count - 1)
  }
}
