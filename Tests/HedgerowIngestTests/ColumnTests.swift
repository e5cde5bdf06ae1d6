import Foundation
import HedgerowCore
import HedgerowIngest
import HedgerowRoaring
import HedgerowStore
import Testing

@Suite struct ColumnTests {
  private func kinds(_ header: String, _ rows: [String]) throws -> [PropertyKind] {
    let workspace = try Workspace()
    var options = IngestOptions()
    let text = header + "\n" + rows.enumerated().map { "\($0),\($1)\n" }.joined()
    options.nodes = [.init("n", try workspace.write(text, to: "n.csv"))]
    return try workspace.ingest(options).graph.schema.nodes[0].properties.map(\.kind)
  }

  @Test func kindsFollowFromTheWholeColumn() throws {
    func kind(_ values: [String]) throws -> PropertyKind { try kinds("id,x", values)[0] }
    #expect(try kind(["1", "-2", ""]) == .int64)
    #expect(try kind(["1", "2.5", "", "nan"]) == .float64)
    #expect(try kind(["1e3", "inf"]) == .float64)
    #expect(try kind(["true", "False", ""]) == .bool)
    #expect(try kind(["a", "b", "a", "b"]) == .categorical)
    #expect(try kind(["a", "b", "c", "a"]) == .string)
    #expect(try kind(["1", "2", "x"]) == .string)
    #expect(try kind(["1", "1", "x", "1"]) == .categorical)
    #expect(try kind(["007", "008"]) == .string)
    #expect(try kind(["12345678901234567890", "1"]) == .string)
    #expect(try kind(["12345678901234567890", "1.5"]) == .float64)
    #expect(try kind(["nan", "nan", "nan"]) == .categorical)
    #expect(try kind(["", ""]) == .string)
    // A single word at the end decides.
    #expect(try kind((0..<50_000).map(String.init) + ["x"]) == .string)
    let many = (0..<140_000).map { "c\($0 % 65_536)" }
    #expect(try kind(many) == .categorical)
    #expect(try kind(many.dropLast() + ["d"]) == .string)
  }

  @Test func declaredKindsHold() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    let text = """
      id,a:int8,b:float,c:bool,d:string,e:categorical,f:timestamp[ms],g:float32[3],h:float16,i:uint8
      0,-128,0.1,true,7,z,5,1;2.5;-3,0.5,255
      1,+07,,0,,a,,[1 2 3],,
      2,,1e40,,x,,,,65504,0

      """
    options.nodes = [.init("n", try workspace.write(text, to: "n.csv"))]
    let graph = try workspace.ingest(options).graph
    #expect(
      graph.schema.nodes[0].properties.map(\.kind.description) == [
        "int8", "float32", "bool", "string", "categorical", "timestamp[ms]", "float32[3]",
        "float16", "uint8",
      ])
    let rows = try Contents(graph).nodes["n"]!
    #expect(
      rows[0] == [
        .int(-128), .float(Double(Float(0.1))), .bool(true), .text("7"), .text("z"), .int(5),
        .vector([1, 2.5, -3]), .float(0.5), .int(255),
      ])
    #expect(
      rows[1] == [.int(7), nil, .bool(false), nil, .text("a"), nil, .vector([1, 2, 3]), nil, nil])
    #expect(
      rows[2] == [nil, .float(.infinity), nil, .text("x"), nil, nil, nil, .float(65504), .int(0)])
    #expect(try graph.categories(of: "e", of: "n") == ["a", "z"])
  }

  @Test func whatIsNoValueOfTheDeclaredKindNamesItsLine() throws {
    for (kind, value) in [
      ("int", "x"), ("int", "1.5"), ("int", "9223372036854775808"), ("int8", "128"),
      ("uint8", "-1"), ("float", "1,5"), ("float", "abc"), ("bool", "maybe"), ("timestamp", "now"),
      ("float32[2]", "1;2;3"), ("float32[2]", "1;x"), ("int8[1]", "300"),
    ] {
      let workspace = try Workspace()
      var options = IngestOptions()
      let file = try workspace.write("id,x:\(kind)\n1,\n2,\"\(value)\"\n", to: "n.csv")
      options.nodes = [.init("n", file)]
      let error = #expect(throws: HedgerowError.self) { try workspace.ingest(options) }
      #expect(error?.code == .badData && error?.place == "\(file):3", "\(kind) \(value)")
      options.badLines = .report
      let (report, graph) = try workspace.ingest(options)
      #expect(report.skipped == 1 && graph.count(of: NodeType("n")) == 1)
      #expect(report.messages[0].hasPrefix("\(file):3: has '"))
    }
  }

  @Test func splitsBecomeSetsAndDroppedLinesTakeTheirFeaturesAlong() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    // Line 2 is short, line 4 lists a key again.
    options.nodes = [
      .init(
        "p", try workspace.write("id,split\n7,train\n8\n9,test\n7,test\n3,\n2,train\n", to: "n.csv")
      )
    ]
    options.splits = [.init("p", "split")]
    let features: [Float] = [70, 71, 80, 81, 90, 91, 75, 76, 30, 31, 20, 21]
    let file = try workspace.write(features, "<f4", width: 2, to: "x.npy")
    options.features = [.init("p", "x", file)]
    let error = #expect(throws: HedgerowError.self) { try workspace.ingest(options) }
    #expect(error?.place?.hasSuffix("n.csv:3") == true)
    options.badLines = .report
    let (report, graph) = try workspace.ingest(options)
    #expect(report.skipped == 2)
    #expect(report.messages[1].contains("n.csv:2 already"))
    let contents = try Contents(graph)
    #expect(contents.keys["p"] == ["7", "9", "3", "2"])
    #expect(
      contents.nodes["p"]!.map { $0[1] } == [
        .vector([70, 71]), .vector([90, 91]), .vector([30, 31]), .vector([20, 21]),
      ])
    #expect(graph.setNames(of: "p") == ["test", "train"])
    #expect(try graph.set(named: "train", of: "p") == [0, 3])
    #expect(try graph.set(named: "test", of: "p") == [1])
  }

  @Test func featuresWithoutANodeFileBelongToIntegerKeys() throws {
    let workspace = try Workspace()
    let type = EdgeType.plain
    var options = IngestOptions()
    options.edges = [.init(type, try workspace.write("4\t1\n1\t0\n", to: "e.tsv"))]
    let bytes = (0..<12).map { UInt8($0) }
    let file = try workspace.write(bytes, "|u1", width: 2, to: "x.npy")
    options.features = [.init("node", "x", file)]
    options.features.append(
      .init(
        "node", "y",
        try workspace.write((0..<6).map { Int64($0) - 1 }, "<i8", width: nil, to: "y.npy")))
    let (report, graph) = try workspace.ingest(options)
    #expect(report.nodes["node"] == 6 && graph.keyKind(of: "node") == .identity)
    let rows = try Contents(graph).nodes["node"]!
    #expect(rows[4] == [.vector([8, 9]), .int(3)])
    for bad in ["6\t1\n", "-1\t1\n", "x\t1\n"] {
      options.edges = [.init(type, try workspace.write("4\t1\n" + bad, to: "e.tsv"))]
      options.header = .absent
      let error = #expect(throws: HedgerowError.self) { try workspace.ingest(options) }
      #expect(error?.code == .badData && error?.place?.hasSuffix("e.tsv:2") == true, "\(bad)")
    }
    options.edges = []
    #expect(try workspace.ingest(options).report.nodes["node"] == 6)
  }

  @Test func featuresThatDoNotFitAreRefused() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.nodes = [.init("p", try workspace.write("id\n1\n2\n", to: "n.csv"))]
    func message<T: BitwiseCopyable>(_ values: [T], _ descr: String) throws -> String {
      options.features = [
        .init("p", "x", try workspace.write(values, descr, width: 2, to: "x.npy"))
      ]
      let error = #expect(throws: HedgerowError.self) { try workspace.ingest(options) }
      #expect(error?.code == .badData)
      return error?.message ?? ""
    }
    #expect(try message([1, 2, 3, 4, 5, 6] as [Float], "<f4").contains("3 rows"))
    #expect(try message([1, 2, .nan, 4] as [Float], "<f4").contains("row 1, column 0 is nan"))
    #expect(try message([1, .infinity, 3, 4] as [Float16], "<f2").contains("row 0, column 1"))
    #expect(try message([1, 2, 3, 16_777_217] as [Int64], "<i8").contains("float32"))
  }

  @Test func featuresAreNormalizedAsPyTorchGeometricDoes() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.nodes = [.init("p", try workspace.write("id\n1\n2\n3\n", to: "n.csv"))]
    options.normalization = .row
    options.features = [
      .init(
        "p", "x",
        try workspace.write(
          [1, 0, 3, 0, 0, 0, 1, 1, 0].map { UInt8($0) }, "|u1", width: 3, to: "x.npy")),
      .init(
        "p", "z",
        try workspace.write([-1, 1, 0, 0, -0.75, -0.75] as [Float], "<f4", width: 2, to: "z.npy")),
    ]
    let rows = try Contents(workspace.ingest(options).graph).nodes["p"]!
    #expect(
      rows.map { $0[0] } == [
        .vector([0.25, 0, 0.75]), .vector([0, 0, 0]), .vector([0.5, 0.5, 0]),
      ])
    // The least element, -1, is taken off first; a sum below 1 divides by 1.
    #expect(rows.map { $0[1] } == [.vector([0, 1]), .vector([0.5, 0.5]), .vector([0.25, 0.25])])
  }
}

@Suite struct FailureTests {
  @Test func aFailedIngestLeavesNothingAndAFailedAdditionChangesNothing() throws {
    let workspace = try Workspace()
    let good = try workspace.write("1\t2\n", to: "good.tsv")
    let bad = try workspace.write("1\t2\n3\n", to: "bad.tsv")
    let store = workspace.storePath
    func run(_ type: EdgeType, _ file: String) throws {
      var options = IngestOptions()
      options.edges = [.init(type, file)]
      try Ingest.run(
        options, into: store, budget: MemoryBudget(total: 64 << 20),
        pool: ThreadPool(threadCount: 1))
    }
    let error = #expect(throws: HedgerowError.self) { try run(.plain, bad) }
    #expect(error?.description == "\(bad):2: has 1 column where 2 are expected")
    #expect(!FileManager.default.fileExists(atPath: store))
    try run(.plain, good)
    let before = try GraphStore.open(at: store, .readOnly).version
    #expect(throws: HedgerowError.self) { try run(EdgeType("a", "b", "c"), bad) }
    let again = #expect(throws: HedgerowError.self) { try run(.plain, good) }
    #expect(again?.code == .usage && again?.message.contains("is in the store already") == true)
    #expect(try GraphStore.open(at: store, .readOnly).version == before)
    let segments = try FileManager.default.contentsOfDirectory(atPath: "\(store)/segments")
    try run(EdgeType("a", "b", "c"), good)
    let graph = try GraphStore.open(at: store, .readOnly).snapshot()
    #expect(graph.version == before + 1 && graph.schema.edges.count == 2)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: "\(store)/segments").count
        > segments.count)
  }

  @Test func everyKindOfFailureHasItsCode() throws {
    let workspace = try Workspace()
    func code(_ change: (inout IngestOptions) -> Void) -> HedgerowError.Code? {
      var options = IngestOptions()
      change(&options)
      do {
        _ = try workspace.ingest(options)
        return nil
      } catch {
        return (error as? HedgerowError)?.code
      }
    }
    let edges = try workspace.write("1\t2\n", to: "e.tsv")
    #expect(code { _ in } == .usage)
    #expect(code { $0.edges = [.init(.plain, "/nowhere/e.tsv")] } == .noInput)
    #expect(code { $0.edges = [.init(.plain, workspace.path)] } == .noInput)
    #expect(code { $0.nodes = [.init("n", "/nowhere/n.tsv")] } == .noInput)
    #expect(
      code {
        $0.edges = [.init(EdgeType("a", "b", "c"), edges)]
        $0.undirected = [EdgeType("a", "b", "c")]
      } == .usage)
    #expect(code { $0.edges = [.init(EdgeType("a", "rev_b", "c"), edges)] } == .usage)
    #expect(
      code {
        $0.edges = [.init(.plain, edges)]
        $0.splits = [.init("node", "x")]
      } == .usage)
  }

  @Test func emptyInputsMakeEmptyTypes() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.nodes = [.init("p", try workspace.write("id,x\n", to: "n.csv"))]
    options.edges = [
      .init(EdgeType("p", "r", "p"), try workspace.write("source\ttarget\n", to: "e.tsv")),
      .init(EdgeType("p", "s", "q"), try workspace.write("source,target,w:float\n", to: "f.csv")),
    ]
    let (report, graph) = try workspace.ingest(options)
    #expect(report.nodes["p"] == 0 && report.nodes["q"] == 0)
    #expect(graph.count(of: EdgeType("p", "s", "q")) == 0)
    options.edges = [.init(.plain, try workspace.write("", to: "none.tsv"))]
    let error = #expect(throws: HedgerowError.self) { try workspace.ingest(options) }
    #expect(error?.code == .badData && error?.message.contains("is empty") == true)
    // Names make it a table without rows.
    options.edgeColumns = [.plain: ["source", "target"]]
    #expect(try workspace.ingest(options).report.edges[.plain] == 0)
  }

  @Test func anInterruptedIngestLeavesNothing() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    let lines = (0..<200_000).map { "\($0)\t\($0 % 1000)\n" }.joined()
    options.edges = [.init(.plain, try workspace.write(lines, to: "e.tsv"))]
    let store = workspace.storePath
    let error = #expect(throws: HedgerowError.self) {
      try Ingest.run(
        options, into: store, budget: MemoryBudget(total: 64 << 20),
        pool: ThreadPool(threadCount: 2), isCancelled: { true })
    }
    #expect(error?.code == .interrupted)
    #expect(!FileManager.default.fileExists(atPath: store))
  }
}
