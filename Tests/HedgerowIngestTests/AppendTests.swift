import Foundation
import HedgerowCore
import HedgerowGraph
import HedgerowIngest
import HedgerowStore
import Testing

@Suite struct AppendTests {
  /// A store of one node type `p` with a plain and a featured column, and edges among its nodes.
  private func base(
    _ workspace: Workspace, keys: [String] = ["10", "30", "20"], isUndirected: Bool = false
  ) throws -> String {
    let path = workspace.storePath
    var options = IngestOptions()
    let lines = zip(keys, ["1.5,a,train", ",b,test", "2,a,train"]).map { "\($0),\($1)\n" }
    options.nodes = [
      .init(
        "p",
        try workspace.write(
          "id,score:double,kind:categorical,split\n" + lines.joined(), to: "base.csv"))
    ]
    options.splits = [.init("p", "split")]
    options.features = [
      .init(
        "p", "x",
        try workspace.write([1, 2, 3, 4, 5, 6].map { Float($0) }, "<f4", width: 2, to: "base.npy"))
    ]
    options.edges = [
      .init(
        Self.r,
        try workspace.write(
          "source,target,w,t\n\(keys[0]),\(keys[1]),1.5,5\n\(keys[1]),\(keys[2]),2,4\n",
          to: "base-edges.csv"))
    ]
    options.weights = [.init(Self.r, "w")]
    options.times = [.init(Self.r, "t")]
    if isUndirected { options.undirected = [Self.r] }
    _ = try workspace.ingest(options, into: path)
    return path
  }
  private static let r = EdgeType("p", "r", "p")

  private func nodes(_ text: String, _ workspace: Workspace) throws -> IngestOptions {
    var options = IngestOptions()
    options.existingTypes = .append
    options.nodes = [.init("p", try workspace.write(text, to: "\(UUID()).csv"))]
    return options
  }
  private func edges(_ text: String, _ workspace: Workspace) throws -> IngestOptions {
    var options = IngestOptions()
    options.existingTypes = .append
    options.edges = [.init(Self.r, try workspace.write(text, to: "\(UUID()).csv"))]
    return options
  }
  private func array(
    _ values: [Float], width: Int = 2, _ workspace: Workspace
  ) throws -> IngestOptions.FeatureFile {
    .init("p", "x", try workspace.write(values, "<f4", width: width, to: "\(UUID()).npy"))
  }

  // MARK: Columns and sets

  @Test func newRowsFollowAndColumnsGrow() throws {
    let workspace = try Workspace()
    let path = try base(workspace)
    // A whole number is read as the float that the column holds; `note` is new, `split` is not there.
    var options = try nodes("id,kind,note,score\n5,c,hello,7\n40,,,\n", workspace)
    options.features = [try array([7, 8, 9, 10], workspace)]
    let (report, graph) = try workspace.ingest(options, into: path)
    #expect(report.nodes["p"] == 5 && report.addedNodes["p"] == 2 && report.edges.keys.isEmpty)
    let contents = try Contents(graph)
    #expect(contents.keys["p"] == ["10", "30", "20", "5", "40"])
    #expect(
      graph.schema.node("p")!.properties.map(\.name) == ["score", "kind", "split", "x", "note"])
    #expect(
      contents.nodes["p"] == [
        [.float(1.5), .text("a"), .text("train"), .vector([1, 2]), nil],
        [nil, .text("b"), .text("test"), .vector([3, 4]), nil],
        [.float(2), .text("a"), .text("train"), .vector([5, 6]), nil],
        [.float(7), .text("c"), nil, .vector([7, 8]), .text("hello")],
        [nil, nil, nil, .vector([9, 10]), nil],
      ])
    // Codes keep their meaning: new categories come last.
    #expect(try graph.categories(of: "kind", of: "p") == ["a", "b", "c"])
    #expect(try graph.set(named: "train", of: "p")?.count == 2)
    // Edges were left alone, and the new nodes have none.
    #expect(try Contents(graph).into[Self.r] == [[], ["10"], ["30"], [], []])
    #expect(graph.schema.edge(Self.r)?.weightColumn == "w")

    options = try nodes("id,split,kind\n7,train,0\n8,new,a\n", workspace)
    options.splits = [.init("p", "split")]
    options.features = [try array([0, 0, 0, 0], workspace)]
    let again = try workspace.ingest(options, into: path).graph
    #expect(again.version == 3)
    #expect(try again.set(named: "train", of: "p").map { Array($0) } == [0, 2, 5])
    #expect(try again.set(named: "new", of: "p").map { Array($0) } == [6])
    #expect(try again.set(named: "test", of: "p").map { Array($0) } == [1])
    #expect(try again.categories(of: "kind", of: "p") == ["a", "b", "c", "0"])
  }

  @Test func edgesWithColumnsMergeInOrder() throws {
    let workspace = try Workspace()
    let path = try base(workspace)
    // 10 to 30 comes again, earlier in time; 20 has edges for the first time, and 99 is new.
    let text = "source,target,text,t,w\n10,30,x,1,8\n99,30,,0,7\n20,10,y z,9,0.5\n"
    let (report, graph) = try workspace.ingest(try edges(text, workspace), into: path)
    #expect(report.edges[Self.r] == 5 && report.addedEdges[Self.r] == 3)
    #expect(report.createdNodes["p"] == 1 && report.nodes["p"] == 4)
    let contents = try Contents(graph)
    #expect(contents.keys["p"] == ["10", "30", "20", "99"])
    #expect(contents.nodes["p"]![3] == [nil, nil, nil, nil])
    #expect(
      contents.out[Self.r]! == [
        .init(source: "10", target: "30", values: [.float(1.5), .int(5), nil]),
        .init(source: "10", target: "30", values: [.float(8), .int(1), .text("x")]),
        .init(source: "30", target: "20", values: [.float(2), .int(4), nil]),
        .init(source: "20", target: "10", values: [.float(0.5), .int(9), .text("y z")]),
        .init(source: "99", target: "30", values: [.float(7), .int(0), nil]),
      ])
    // By time.
    #expect(contents.into[Self.r] == [["20"], ["99", "10", "10"], ["30"], []])
    // A file without the new column: the texts that are there stay.
    let last = try Contents(
      workspace.ingest(try edges("source,target,t,w\n99,20,3,1\n", workspace), into: path).graph)
    #expect(
      last.out[Self.r]!.map { $0.values[2] } == [nil, .text("x"), nil, .text("y z"), nil, nil])
  }

  @Test func anUndirectedPairThatIsThereIsNotDoubled() throws {
    let workspace = try Workspace()
    let path = workspace.storePath
    for hasColumn in [false, true] {
      let type = EdgeType("n", hasColumn ? "weighs" : "knows", "n")
      func add(_ pairs: [String]) throws -> (IngestReport, [String]) {
        var options = IngestOptions()
        options.existingTypes = .append
        options.undirected = [type]
        let lines = pairs.enumerated().map { "\($1)\(hasColumn ? ",\($0)" : "")\n" }
        let header = "source,target\(hasColumn ? ",w" : "")\n"
        options.edges = [
          .init(type, try workspace.write(header + lines.joined(), to: "e.csv"))
        ]
        let (report, graph) = try workspace.ingest(options, into: path)
        let arcs = try Contents(graph).out[type]!
        return (report, arcs.map { "\($0.source)\($0.target)\($0.values.map { "\($0!)" })" })
      }
      func arcs(_ list: [(String, Int)]) -> [String] {
        list.map { "\($0.0)\(hasColumn ? ["\(PropertyValue.int(Int64($0.1)))"] : [])" }
      }
      _ = try add(["a,b", "a,c", "a,c", "d,d"])
      // Both ways, more often than before, and a loop again; only what is more is added.
      let (report, found) = try add(["b,a", "c,a", "c,a", "c,a", "d,d", "b,c", "c,b"])
      #expect(
        found
          == arcs([
            ("ab", 0), ("ac", 1), ("ac", 2), ("ac", 3), ("ba", 0), ("bc", 5), ("ca", 1), ("ca", 2),
            ("ca", 3), ("cb", 6), ("dd", 3),
          ]))
      #expect(report.addedEdges[type] == 4 && report.presentEdges[type] == 7)
      // The same file again adds nothing.
      let (again, same) = try add(["b,a", "c,a", "c,a", "c,a", "d,d", "b,c", "c,b"])
      #expect(same == found && again.addedEdges[type] == 0 && again.nodes.keys.isEmpty)
    }
  }

  @Test func timesWithFractionsStaySeconds() throws {
    let workspace = try Workspace()
    let path = workspace.storePath
    let type = EdgeType.plain
    func add(_ text: String) throws -> [PropertyValue?] {
      var options = IngestOptions()
      options.existingTypes = .append
      options.edges = [.init(type, try workspace.write(text, to: "e.csv"))]
      options.times = [.init(type, "t")]
      return try Contents(workspace.ingest(options, into: path).graph).out[type]!.map {
        $0.values[0]
      }
    }
    #expect(try add("source,target,t\n1,2,1.25\n") == [.int(1_250_000)])
    #expect(
      try add("source,target,t\n1,3,7\n2,2,0.5\n").suffix(2) == [.int(7_000_000), .int(500_000)])
    #expect(try add("source,target,t:timestamp[us]\n3,3,9\n").last == .int(9))
    // Seconds or microseconds? Nobody knows.
    let error = #expect(throws: HedgerowError.self) { try add("source,target,t\n3,3,9\n") }
    #expect(error?.code == .badData && error?.message.contains("column 't'") == true)
  }

  // MARK: Keys

  @Test func keysThatAreThereAreDuplicates() throws {
    let workspace = try Workspace()
    for keys in [["10", "30", "20"], ["0", "1", "2"], ["a", "b", "c"]] {
      let path = try base(workspace, keys: keys)
      let text = "id\n\(keys[1])\n77\n77\n\(keys[2])\n78\n"
      var options = try nodes(text, workspace)
      options.features = [try array([1, 1, 2, 2, 3, 3, 4, 4, 5, 5], workspace)]
      let error = #expect(throws: HedgerowError.self) { try workspace.ingest(options, into: path) }
      #expect(error?.code == .badData && error?.place == "\(options.nodes[0].path):2")
      #expect(error?.message == "lists the key '\(keys[1])', which the store has already")
      #expect(try GraphStore.open(at: path, .readOnly).version == 1)
      options.badLines = .report
      let (report, graph) = try workspace.ingest(options, into: path)
      #expect(report.skipped == 3 && report.addedNodes["p"] == 2)
      #expect(
        report.messages.map { $0.split(separator: ":")[1] } == ["2", "4", "5"])
      // Each line that stays keeps its row of features.
      let contents = try Contents(graph)
      #expect(contents.keys["p"] == keys + ["77", "78"])
      #expect(
        contents.nodes["p"]!.suffix(2).map { $0[3] } == [.vector([2, 2]), .vector([5, 5])])
      // Nothing but duplicates: nothing changes but the version.
      let last = try workspace.ingest(options, into: path)
      #expect(try last.report.skipped == 5 && Contents(last.graph) == contents)
    }
  }

  @Test func integersBecomeTextsWhenATextComes() throws {
    let workspace = try Workspace()
    for keys in [["10", "30", "20"], ["0", "1", "2"]] {
      let path = try base(workspace, keys: keys)
      let (_, graph) = try workspace.ingest(
        try edges("source,target,w,t\n\(keys[2]),x y,1,1\n5,\(keys[0]),1,1\n", workspace),
        into: path)
      #expect(graph.keyKind(of: "p") == .string)
      #expect(try Contents(graph).keys["p"] == keys + ["5", "x y"])
      #expect(try graph.node("p", key: keys[1])?.rawValue == 1)
    }
  }

  @Test func missingNodesAreMadeSkippedOrRefusedWhenAppending() throws {
    let workspace = try Workspace()
    let path = try base(workspace)
    var options = try edges("source,target,w,t\n10,55,1,1\n10,20,1,1\n", workspace)
    options.missingNodes = .fail
    let error = #expect(throws: HedgerowError.self) { try workspace.ingest(options, into: path) }
    #expect(error?.code == .badData && error?.place == "\(options.edges[0].path):2")
    options.missingNodes = .skip
    let skipped = try workspace.ingest(options, into: path).report
    #expect(skipped.skipped == 1 && skipped.edges[Self.r] == 3 && skipped.nodes.keys.isEmpty)
    options.missingNodes = .create
    let made = try workspace.ingest(options, into: path).report
    #expect(made.nodes["p"] == 4 && made.createdNodes["p"] == 1 && made.edges[Self.r] == 5)
    // A relation of another type that leads there makes nodes only for who appends.
    options.edges = [
      .init(EdgeType("p", "s", "q"), try workspace.write("10,1\n56,2\n", to: "s.csv"))
    ]
    options.existingTypes = .refuse
    #expect(throws: HedgerowError.self) { try workspace.ingest(options, into: path) }
    options.existingTypes = .append
    #expect(try workspace.ingest(options, into: path).report.nodes["p"] == 5)
  }

  @Test(arguments: [false, true]) func keysOnDiskGiveTheSame(hasText: Bool) throws {
    let workspace = try Workspace()
    func key(_ index: Int) -> String { "\(hasText ? "k" : "")\(index * 7919 % 100_003 + 5)" }
    func options(_ part: Int) throws -> IngestOptions {
      var options = IngestOptions()
      options.existingTypes = .append
      let rows = part * 30_000..<(part + 1) * 30_000
      let lines = rows.map { "\(key($0)),\($0)\n" }
      options.nodes = [
        .init("p", try workspace.write("id,y\n" + lines.joined(), to: "n\(part).csv"))
      ]
      let ends = rows.map { "\(key($0 * 31 % rows.upperBound)),\(key($0 * 17 % 95_000))\n" }
      options.edges = [
        .init(Self.r, try workspace.write(ends.joined(), to: "e\(part).csv"))
      ]
      return options
    }
    var contents: [Contents] = []
    // 28 MiB leave 4: keys and sorts go to disk.
    for (memory, threads) in [(256 << 20, 3), (28 << 20, 1)] {
      let path = workspace.storePath
      for part in 0..<3 {
        let options = try options(part)
        if part == 1 {
          // A key that is there already, also when the dictionary is on disk.
          var wrong = options
          let file = try workspace.write("id,y\n\(key(9)),1\n", to: "wrong.csv")
          wrong.nodes.append(.init("p", file))
          let error = #expect(throws: HedgerowError.self) {
            try workspace.ingest(wrong, into: path, memory: memory, threads: threads)
          }
          #expect(error?.message.contains("the store has already") == true)
          #expect(error?.place == "\(file):2")
        }
        // Created nodes of a part are listed by the next, so they are made at the end only.
        var some = options
        if part < 2 { some.missingNodes = .skip }
        _ = try workspace.ingest(some, into: path, memory: memory, threads: threads)
      }
      contents.append(try Contents(GraphStore.open(at: path, .readOnly).snapshot()))
    }
    let isSame = contents[0] == contents[1]
    #expect(isSame)
    #expect(contents[0].keys["p"]!.prefix(90_000).elementsEqual((0..<90_000).map(key)))
    #expect(contents[0].nodes["p"]![89_999] == [.int(89_999)])
  }

  // MARK: Arrays

  @Test func arraysWithoutANodeFileBelongToIntegerKeys() throws {
    let workspace = try Workspace()
    let path = try base(workspace, keys: ["2", "0", "1"])
    var options = IngestOptions()
    options.existingTypes = .append
    func write(_ values: [Float], _ column: String) throws -> IngestOptions.FeatureFile {
      .init("p", column, try workspace.write(values, "<f4", width: 2, to: "\(column).npy"))
    }
    // A new column for the nodes that are there: row i is the node with key i.
    options.features = [try write([0, 0, 10, 10, 20, 20], "z")]
    var contents = try Contents(workspace.ingest(options, into: path).graph)
    #expect(contents.keys["p"] == ["2", "0", "1"])
    #expect(
      contents.nodes["p"]!.map { $0[4] } == [
        .vector([20, 20]), .vector([0, 0]), .vector([10, 10]),
      ])
    // Both columns for two more nodes; what is there must come again as it is.
    let x: [Float] = [3, 4, 5, 6, 1, 2, 7, 7, 8, 8]
    options.features = [
      try write([0, 0, 10, 10, 20, 20, 30, 30, 40, 40], "z"), try write(x, "x"),
    ]
    let (report, graph) = try workspace.ingest(options, into: path)
    #expect(report.nodes["p"] == 5 && report.addedNodes["p"] == 2)
    contents = try Contents(graph)
    #expect(contents.keys["p"] == ["2", "0", "1", "3", "4"])
    #expect(
      contents.nodes["p"]!.map { $0[3] } == [
        .vector([1, 2]), .vector([3, 4]), .vector([5, 6]), .vector([7, 7]), .vector([8, 8]),
      ])
    #expect(contents.nodes["p"]![4] == [nil, nil, nil, .vector([8, 8]), .vector([40, 40])])
    let refused: [(values: [Float], column: String, message: String)] = [
      ([3, 4, 5, 6, 1, 2, 7, 9, 8, 8], "x", "row 3 is not what node '3' has"),
      ([3, 4, 5, 6], "w", "has the key '2'"),
    ]
    for (values, column, message) in refused {
      options.features = [try write(values, column)]
      let error = #expect(throws: HedgerowError.self) { try workspace.ingest(options, into: path) }
      #expect(error?.code == .badData && error?.message.contains(message) == true)
    }
    // One column alone leaves the new nodes without the other.
    options.features = [try write(x + [9, 9], "x")]
    let error = #expect(throws: HedgerowError.self) { try workspace.ingest(options, into: path) }
    #expect(error?.code == .usage && error?.message.contains("--features p.z=FILE") == true)
  }

  @Test func arraysOfASmallerKindAreReadAsTheColumn() throws {
    let workspace = try Workspace()
    let path = try base(workspace)
    var options = try nodes("id\n1\n", workspace)
    options.features = [
      .init("p", "x", try workspace.write([UInt8(3), 255], "|u1", width: 2, to: "u.npy"))
    ]
    _ = try workspace.ingest(options, into: path)
    options = try nodes("id\n2\n", workspace)
    options.features = [
      .init("p", "x", try workspace.write([Int64(-1), 7], "<i8", width: 2, to: "i.npy"))
    ]
    let contents = try Contents(workspace.ingest(options, into: path).graph)
    #expect(
      contents.nodes["p"]!.suffix(2).map { $0[3] } == [.vector([3, 255]), .vector([-1, 7])])
  }

  // MARK: What does not fit

  @Test func whatDoesNotFitIsRefusedAndChangesNothing() throws {
    let workspace = try Workspace()
    let path = try base(workspace)
    func features(_ options: IngestOptions, _ values: [Float] = [1, 2]) throws -> IngestOptions {
      var options = options
      options.features = [try array(values, workspace)]
      return options
    }
    let e = "source,target,w,t\n10,20,1,1\n"
    typealias Case = (options: IngestOptions, code: HedgerowError.Code, message: String)
    var cases: [Case] = [
      (try nodes("id\n1\n", workspace), .usage, "--features p.x=FILE"),
      (try features(nodes("id,score\n1,abc\n", workspace)), .badData, "column 'score'"),
      (
        try features(nodes("id,score:int\n1,1\n", workspace)), .badData,
        "declares column 'score' int64, but it is float64 in the store"
      ),
      (try features(nodes("id\n1\n2\n", workspace)), .badData, "has 1 rows"),
      (try features(nodes("id,x\n1,1\n", workspace)), .usage, "column 'x'"),
      (try edges("source,target,w\n10,20,1\n", workspace), .badData, "no column 't'"),
      (try edges("source,target,w,t\n10,20,-1,1\n", workspace), .badData, "weight 'w'"),
      (try edges("source,target,w,t\n10,20,1,1.5\n", workspace), .badData, "column 't'"),
    ]
    var options = try nodes("id\n1\n", workspace)
    options.features = [
      .init("p", "x", try workspace.write([Float(1), 2, 3], "<f4", width: 3, to: "wide.npy"))
    ]
    cases.append((options, .badData, "holds float32[3], but column 'x' is float32[2]"))
    options = try edges(e, workspace)
    options.undirected = [Self.r]
    cases.append((options, .usage, "leave out --undirected"))
    options = try edges(e, workspace)
    options.times = [.init(Self.r, "w")]
    cases.append((options, .usage, "the column is 't'"))
    options = try edges(e, workspace)
    options.existingTypes = .refuse
    cases.append((options, .usage, "--append"))
    options = try features(nodes("id\n1\n", workspace))
    options.existingTypes = .refuse
    cases.append((options, .usage, "node type 'p' is in the store already"))
    options = try features(nodes("id\n1\n", workspace))
    options.splits = [.init("p", "split")]
    cases.append((options, .usage, "no column 'split'"))

    let before = try Contents(GraphStore.open(at: path, .readOnly).snapshot())
    for (index, one) in cases.enumerated() {
      let error = #expect(throws: HedgerowError.self, "case \(index)") {
        try workspace.ingest(one.options, into: path)
      }
      #expect(error?.code == one.code, "case \(index): \(error as Any)")
      #expect(error?.message.contains(one.message) == true, "case \(index): \(error as Any)")
    }
    let store = try GraphStore.open(at: path, .readOnly)
    #expect(try store.version == 1)
    #expect(try Contents(store.snapshot()) == before)
    #expect(
      try FileManager.default.subpathsOfDirectory(atPath: path).count { $0.hasSuffix(".partial") }
        == 0)
    let undirected = try base(workspace, isUndirected: true)
    let error = #expect(throws: HedgerowError.self) {
      try workspace.ingest(try edges(e, workspace), into: undirected)
    }
    #expect(error?.code == .usage && error?.message.contains("add --undirected") == true)
  }

  // MARK: The store around it

  @Test func aColumnThatAModelWroteHasNullForNewNodes() throws {
    let workspace = try Workspace()
    let path = try base(workspace)
    do {
      let builder = try GraphStore.open(at: path).beginBuild()
      let provenance = Provenance(model: "first", hash: "1", dataVersion: 1)
      try builder.declareColumn(
        PropertySchema("guess", .int32), of: "p", provenance: provenance)
      let writer = try builder.columnWriter(of: "p", "guess")
      try [Int32(7), 8, 9].withUnsafeBytes { try writer.append(fixed: $0, count: 3) }
      try writer.finish()
      try builder.publish()
    }
    var options = try nodes("id\n1\n", workspace)
    options.features = [try array([1, 2], workspace)]
    let graph = try workspace.ingest(options, into: path).graph
    #expect(try Contents(graph).nodes["p"]!.map { $0[4] } == [.int(7), .int(8), .int(9), nil])
    #expect(graph.provenance(of: "guess", of: "p")?.model == "first")
    options = try nodes("id,guess\n2,5\n", workspace)
    let error = #expect(throws: HedgerowError.self) { try workspace.ingest(options, into: path) }
    #expect(error?.code == .usage && error?.message.contains("model 'first' wrote") == true)
  }

  @Test func whatIsReplacedGoesOnceNobodyReadsIt() throws {
    let workspace = try Workspace()
    let path = try base(workspace)
    func segments() throws -> Set<String> {
      Set(try FileManager.default.contentsOfDirectory(atPath: "\(path)/segments"))
    }
    func add(_ key: Int) throws -> Snapshot {
      let text = "source,target,w,t\n10,\(key),1,1\n"
      return try workspace.ingest(try edges(text, workspace), into: path).graph
    }
    func known() throws -> Int {
      try GraphStore.open(at: path, .readOnly).statistics().segmentCount
    }
    let old = try GraphStore.open(at: path, .readOnly).snapshot()
    let before = try Contents(old)
    _ = try add(1)
    // A reader of the old version goes on, also in parts that it opens now.
    #expect(try Contents(old) == before)
    #expect(try segments().count > known())
    withExtendedLifetime(old) {}
  }

  @Test func aGrownStoreHoldsNoFileTwice() throws {
    let workspace = try Workspace()
    let path = try base(workspace)
    for key in 1..<4 {
      _ = try workspace.ingest(
        try edges("source,target,w,t\n10,\(key),1,1\n", workspace), into: path)
      let files = try FileManager.default.contentsOfDirectory(atPath: "\(path)/segments")
      let known = try GraphStore.open(at: path, .readOnly).statistics().segmentCount
      #expect(files.count == known, "\(files)")
    }
  }
}
