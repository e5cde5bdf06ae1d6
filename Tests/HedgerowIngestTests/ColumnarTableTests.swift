import Foundation
import HedgerowColumnar
import HedgerowCore
import HedgerowIngest
import HedgerowStore
import HedgerowTestSupport
import Testing

/// Tables of nodes and edges as Parquet.
@Suite struct ColumnarTableTests {
  /// A value of a column to write.
  private enum Cell {
    case null
    case integer(Int64)
    case double(Double)
    case bytes([UInt8])
    case list([Double])

    static func text(_ text: String) -> Cell { .bytes(Array(text.utf8)) }
  }

  private typealias Columns = [(column: ParquetWriter.Column, cells: [Cell])]

  private static let long = ColumnarType.integer(bits: 64, isSigned: true)

  private func column(
    _ name: String, _ cells: [Cell]
  ) -> (column: ParquetWriter.Column, cells: [Cell]) { column(name, Self.long, cells) }

  private func column(
    _ name: String, _ type: ColumnarType, isList: Bool = false, _ cells: [Cell]
  ) -> (column: ParquetWriter.Column, cells: [Cell]) {
    (.init(name, type, isList: isList, isOptional: true), cells)
  }

  private func write(
    _ columns: Columns, groups: Int = 2, to name: String, in workspace: Workspace
  ) throws -> String {
    var bytes: [UInt8] = []
    let writer = try ParquetWriter(columns.map(\.column)) { bytes.append(contentsOf: $0) }
    let rowCount = columns[0].cells.count
    for group in 0..<groups {
      let rows = rowCount * group / groups..<rowCount * (group + 1) / groups
      try writer.appendGroup { index, chunk in
        for cell in columns[index].cells[rows] { try append(cell, to: chunk) }
      }
    }
    try writer.finish()
    return try workspace.write(bytes, to: name)
  }

  private func append(_ cell: Cell, to chunk: ParquetChunkWriter) throws {
    switch cell {
    case .null: try chunk.appendNull()
    case .integer(let value): try chunk.append(value)
    case .double(let value):
      if chunk.storage == .floats {
        try chunk.append(Float(value))
      } else {
        try chunk.append(value)
      }
    case .bytes(let bytes): try bytes.withUnsafeBytes { try chunk.append($0) }
    case .list(let elements):
      try chunk.appendList(count: elements.count)
      for element in elements {
        switch chunk.storage {
        case .floats: chunk.put(Float(element))
        case .doubles: chunk.put(element)
        default: chunk.put(Int64(element))
        }
      }
    }
  }

  private let cites = EdgeType("paper", "cites", "paper")

  // MARK: Kinds

  @Test func columnsHaveTheKindsOfTheFile() throws {
    let workspace = try Workspace()
    let uuid = [UInt8](0..<16)
    let papers: Columns = [
      column("id", [.integer(7), .integer(-1), .integer(3)]),
      column("b", .bool, [.integer(1), .null, .integer(0)]),
      column(
        "i8", .integer(bits: 8, isSigned: true), [.integer(-128), .integer(127), .null]),
      column("i16", .integer(bits: 16, isSigned: true), [.integer(5), .null, .integer(-6)]),
      column("i32", .integer(bits: 32, isSigned: true), [.integer(1), .integer(2), .null]),
      column("u8", .integer(bits: 8, isSigned: false), [.integer(255), .null, .integer(0)]),
      column("f16", .float16, [.double(0.5), .null, .double(.nan)]),
      column("f32", .float32, [.double(0.1), .null, .double(-0.0)]),
      column("f64", .float64, [.double(0.1), .double(1e300), .null]),
      column("ms", .timestamp(.milliseconds), [.integer(-5), .null, .integer(1)]),
      column("t", .text, [.text("a,\"b\"\nc"), .text(""), .null]),
      column("n", .text, [.text("1"), .text("02"), .text("true")]),
      column("by", .bytes, [.bytes([0, 255]), .bytes([]), .null]),
      column("u", .uuid, [.bytes(uuid), .null, .bytes(uuid)]),
      column("empty", .float64, [.null, .null, .null]),
    ]
    var options = IngestOptions()
    options.nodes = [.init("paper", try write(papers, to: "papers.parquet", in: workspace))]
    let graph = try workspace.ingest(options).graph
    #expect(
      columns("paper", in: graph) == [
        "b:bool", "i8:int8", "i16:int16", "i32:int32", "u8:uint8", "f16:float16", "f32:float32",
        "f64:float64", "ms:timestamp[ms]", "t:string", "n:string", "by:bytes", "u:categorical",
        "empty:float64",
      ])
    let text = "00010203-0405-0607-0809-0a0b0c0d0e0f"
    let contents = try Contents(graph)
    #expect(contents.keys["paper"] == ["7", "-1", "3"])
    let rows = try #require(contents.nodes["paper"])
    #expect(
      rows[0] == [
        true, -128, 5, 1, 255, 0.5, .float(Double(Float(0.1))), 0.1, -5, "a,\"b\"\nc", "1",
        .bytes([0, 255]), .text(text), nil,
      ])
    #expect(
      rows[1] == [
        nil, 127, nil, 2, nil, nil, nil, 1e300, nil, "", "02", .bytes([]), nil, nil,
      ])
  }

  /// Lists of one length are vectors, whether an array holds them or fields do.
  @Test func listsAreVectorsWhereAllHaveOneLength() throws {
    let workspace = try Workspace()
    func lists(_ name: String, _ type: ColumnarType, _ cells: [Cell]) -> (
      column: ParquetWriter.Column, cells: [Cell]
    ) { column(name, type, isList: true, cells) }
    let papers: Columns = [
      column("name", .text, ["x", "y", "z"].map { .text($0) }),
      lists("a", .float32, [.list([0.1, 2]), .list([3, 4]), .list([5, 6])]),
      lists("h", .float16, [.list([0.5]), .list([3]), .list([5])]),
      lists(
        "c", .integer(bits: 8, isSigned: true), [.list([-1, 2]), .list([3, 4]), .list([5, 6])]),
      lists("d", .float64, [.list([0.1]), .list([3]), .list([1e300])]),
      lists("gap", .float32, [.list([1, 2]), .null, .list([3, 4])]),
      lists("inf", .float32, [.list([1]), .list([.infinity]), .list([3])]),
      lists("uneven", .float32, [.list([1, 2]), .list([3]), .list([3, 4.5])]),
    ]
    var options = IngestOptions()
    options.nodes = [.init("paper", try write(papers, to: "papers.parquet", in: workspace))]
    let graph = try workspace.ingest(options).graph
    #expect(
      Set(columns("paper", in: graph)) == [
        "a:float32[2]", "h:float16[1]", "c:int8[2]", "d:float64[1]", "gap:float32[2]",
        "inf:float32[1]", "uneven:string",
      ])
    func values(_ column: String) throws -> [PropertyValue?] {
      try (0..<3).map { try graph.value(of: column, of: "paper", at: NodeID($0)) }
    }
    #expect(try values("a") == [[0.1, 2], [3, 4], [5, 6]])
    #expect(try values("c") == [[-1, 2], [3, 4], [5, 6]])
    #expect(try values("gap") == [[1, 2], nil, [3, 4]])
    #expect(try values("uneven") == ["1.0;2.0", "3.0", "3.0;4.5"])
    // Lines that are left out take their rows of arrays with them.
    var bad = papers
    bad[0].cells[1] = .null
    options.nodes = [.init("paper", try write(bad, to: "bad.parquet", in: workspace))]
    options.badLines = .report
    let (report, rest) = try workspace.ingest(options)
    #expect(report.skipped == 1 && report.messages[0].contains("bad.parquet:2: has no key"))
    #expect(try rest.value(of: "a", of: "paper", at: NodeID(1)) == [5, 6])
    // Edges have no arrays.
    let edges: Columns = [
      column("s", .text, [.text("x")]), column("t", .text, [.text("z")]),
      lists("v", .float32, [.list([1, 2])]),
    ]
    options.edges = [.init(cites, try write(edges, groups: 1, to: "e.parquet", in: workspace))]
    let last = try workspace.ingest(options).graph
    #expect(try last.value(of: "v", of: cites, at: 0) == [1, 2])
  }

  // MARK: Against text

  /// The same tables as Parquet, as text and as both make the same graph.
  @Test func randomTablesAreTheSameAsText() throws {
    let seed = printedSeed()
    var random = RandomStream(seed: seed)
    let workspace = try Workspace()
    let count = 3000
    var papers: Columns = [column("id", [])]
    papers.append(column("year", []))
    papers.append(column("score", .float64, []))
    papers.append(column("title", .text, []))
    papers.append(column("x", .float32, isList: true, []))
    var text = "id:int64,year:int64,score:float64,title:text,x:float32[3]\n"
    for row in 0..<count {
      let year: Int64? = random.next(below: 4) == 0 ? nil : Int64(random.next(below: 100))
      let score: Double? = random.next(below: 4) == 0 ? nil : Double(random.next(below: 1000)) / 7
      let title = "t\(random.next(below: 2000)), \"\n"
      let x = (0..<3).map { _ in Float(random.next(below: 1000)) / 3 }
      papers[0].cells.append(.integer(Int64(row * 3)))
      papers[1].cells.append(year.map { .integer($0) } ?? .null)
      papers[2].cells.append(score.map { .double($0) } ?? .null)
      papers[3].cells.append(.text(title))
      papers[4].cells.append(.list(x.map { Double($0) }))
      text += "\(row * 3),\(year.map { "\($0)" } ?? ""),\(score.map { "\($0)" } ?? ""),"
      text +=
        "\"t\(title.dropFirst().dropLast(2))\"\"\n\",\(x.map { "\($0)" }.joined(separator: ";"))\n"
    }
    var edges: Columns = [column("w", .float64, []), column("dst", []), column("src", [])]
    var lines = "w:float64,dst:int64,src:int64\n"
    for _ in 0..<5 * count {
      let pair = [0, 1].map { _ in Int64(random.next(below: UInt64(count)) * 3) }
      let weight = Double(random.next(below: 1000)) / 8
      edges[0].cells.append(.double(weight))
      edges[1].cells.append(.integer(pair[0]))
      edges[2].cells.append(.integer(pair[1]))
      lines += "\(weight),\(pair[0]),\(pair[1])\n"
    }
    var asText = IngestOptions()
    asText.nodes = [.init("paper", try workspace.write(text, to: "papers.csv"))]
    asText.edges = [.init(cites, try workspace.write(lines, to: "cites.csv"))]
    asText.weights = [.init(cites, "w")]
    var asParquet = asText
    // Told by its name, and by its first bytes.
    asParquet.nodes = [.init("paper", try write(papers, groups: 5, to: "p.parquet", in: workspace))]
    asParquet.edges = [.init(cites, try write(edges, groups: 3, to: "cites", in: workspace))]
    let expected = try Contents(workspace.ingest(asText).graph)
    for memory in [64 << 20, 256 << 20] {
      let found = try workspace.ingest(asParquet, memory: memory).graph
      #expect(try Contents(found).keys == expected.keys)
      #expect(try Contents(found) == expected)
    }
    // Files of one type may be of several formats; then vectors are fields.
    func half(_ range: Range<Int>) -> Columns { papers.map { ($0.column, Array($0.cells[range])) } }
    let head = text.split(separator: "\n", maxSplits: 1)[0]
    asParquet.nodes = [
      .init("paper", try write(half(0..<1000), to: "1.parquet", in: workspace)),
      .init("paper", try workspace.write(String(head) + "\n", to: "2.csv")),
      .init("paper", try write(half(1000..<count), to: "3.parquet", in: workspace)),
    ]
    #expect(try Contents(workspace.ingest(asParquet).graph) == expected)
    asParquet.nodes.remove(at: 1)
    #expect(try Contents(workspace.ingest(asParquet).graph) == expected)
  }

  /// Files of Arrow, which pyarrow wrote.
  @Test func arrowIsReadLikeParquet() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("HedgerowColumnarTests/Files").path
    let workspace = try Workspace()
    var options = IngestOptions()
    options.nodes = [.init("paper", "\(folder)/coded.arrow")]
    let graph = try workspace.ingest(options).graph
    #expect(columns("paper", in: graph) == ["text:categorical", "f64:float64", "d9:float64"])
    let contents = try Contents(graph)
    #expect(contents.keys["paper"] == (0..<100).map { "\($0 * 3)" })
    #expect(contents.nodes["paper"]?[43] == ["ééé1", 4.3, -1.75])
    #expect(contents.nodes["paper"]?[44] == [nil, nil, nil])
    // A number that int64 does not hold.
    options.nodes = [.init("paper", "\(folder)/plain.feather")]
    expectRefused(at: "plain.feather:53", "'9360000000000000000' where column 'u64' wants") {
      _ = try workspace.ingest(options)
    }
  }

  // MARK: What is refused

  @Test func messagesNameTheRow() throws {
    let workspace = try Workspace()
    func refused(_ columns: Columns, at place: String, _ part: String) throws {
      var options = IngestOptions()
      options.nodes = [.init("paper", try write(columns, to: "p.parquet", in: workspace))]
      expectRefused(at: place, part) { _ = try workspace.ingest(options) }
    }
    try refused(
      [
        column("id", [.integer(1), .integer(2), .integer(1)]),
        column("t", .text, [.text("a\nb"), .text("\n"), .null]),
      ], at: "p.parquet:3", "p.parquet:1 already")
    try refused([column("id", [.integer(1), .null])], at: "p.parquet:2", "has no key")
    try refused(
      [
        column("id", [.integer(1), .integer(2)]),
        column("t", .text, [.text("\n\n"), .bytes([0xFF])]),
      ], at: "p.parquet:2", "UTF-8")
    try refused(
      [column("id", .float64, [.double(1)])], at: "p.parquet", "'id' is a float64 where a key")
    try refused(
      [column("v", .float32, isList: true, [.list([1])])], at: "p.parquet", "'v' is a list where")
    try refused(
      [column("id", [.integer(1)]), column("a", [.null]), column("a", [.null])],
      at: "p.parquet", "two columns")
    var options = IngestOptions()
    options.edges = [
      .init(cites, try write([column("id", [.integer(1)])], to: "e.parquet", in: workspace))
    ]
    expectRefused(at: "e.parquet", "has 1 columns where 2 are keys") {
      _ = try workspace.ingest(options)
    }
  }

  @Test func filesThatAreNoneAreRefused() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    for (name, bytes, words) in [
      ("a.parquet", Array("id,x\n1,2\n3,4\n".utf8), "is no Parquet file"),
      ("b.parquet", [], "0 bytes"),
      ("c", Array("PAR1 and then nothing of it".utf8), "ends without a footer"),
    ] {
      options.nodes = [.init("paper", try workspace.write(bytes, to: name))]
      expectRefused(at: name, words) { _ = try workspace.ingest(options) }
    }
    let path = try write([column("id", [.integer(1)])], to: "x.parquet", in: workspace)
    options.nodes = []
    options.graphs = [.init(path)]
    expectRefused(at: "x.parquet", "--nodes TYPE=FILE") { _ = try workspace.ingest(options) }
    options.graphs = []
    options.sets = [.init("paper", path)]
    expectRefused(at: "x.parquet", "is a Parquet file") { _ = try workspace.ingest(options) }
  }

  @Test func columnsAreNamedByTheCaller() throws {
    let workspace = try Workspace()
    let path = try write(
      [
        column("when", [.integer(1)]), column("a", [.integer(5)]), column("secret", [.integer(2)]),
        column("b", [.integer(6)]),
      ], groups: 1, to: "e.parquet", in: workspace)
    var options = IngestOptions()
    options.edges = [.init(cites, path)]
    options.edgeColumns[cites] = ["at:timestamp[ms]", "target", "", "source"]
    let graph = try workspace.ingest(options).graph
    #expect(try Contents(graph).out[cites] == [.init(source: "6", target: "5", values: [1])])
    #expect(graph.schema.edge(cites)?.properties == [.init("at", .timestamp(.milliseconds))])
    options.edgeColumns[cites] = ["x"]
    expectRefused(at: "e.parquet", "has 4 columns where 1 are named") {
      _ = try workspace.ingest(options)
    }
  }

  /// Vectors are added to a column that is there.
  @Test func rowsAreAppended() throws {
    let workspace = try Workspace()
    func papers(_ first: Int64, _ x: [Double]) -> Columns {
      [
        column("id", [.integer(first), .integer(first + 1)]),
        column("x", .float32, isList: true, [.list(x), .list(x)]),
      ]
    }
    let store = workspace.storePath
    var options = IngestOptions()
    options.nodes = [.init("paper", try write(papers(0, [1, 2]), to: "1.parquet", in: workspace))]
    _ = try workspace.ingest(options, into: store)
    options.existingTypes = .append
    options.nodes = [.init("paper", try write(papers(2, [3, 4]), to: "2.parquet", in: workspace))]
    let graph = try workspace.ingest(options, into: store).graph
    #expect(
      try (0..<4).map { try graph.value(of: "x", of: "paper", at: NodeID($0)) } == [
        [1, 2], [1, 2], [3, 4], [3, 4],
      ])
    options.nodes = [.init("paper", try write(papers(4, [3]), to: "3.parquet", in: workspace))]
    expectRefused(at: "3.parquet", "holds float32[1]") {
      _ = try workspace.ingest(options, into: store)
    }
  }
}
