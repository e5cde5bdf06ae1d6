import Foundation
import HedgerowCore
import HedgerowIngest
import HedgerowStore
import HedgerowTestSupport
import Testing

/// The file of all lines that are left out.
@Suite struct BadLinesTests {
  private static let cites = EdgeType("p", "cites", "p")

  private func lines(of path: String) throws -> [String] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
  }

  @Test func everyBadLineIsWrittenAndTwentyOfEachFileAreSaid() throws {
    let workspace = try Workspace()
    let seed = printedSeed()
    var random = RandomStream(seed: seed)
    var options = IngestOptions()
    options.badLines = .report
    options.header = .absent
    options.edgeColumns[Self.cites] = ["source", "target", "weight:int8"]
    // Several chunks each; the second file has fewer bad lines than are said.
    var expected: [[String]] = [[], []]
    for (index, oneIn) in [UInt64(3), 5000].enumerated() {
      let path = "\(workspace.path)/\(index).tsv"
      var text = ""
      for line in 1...60_000 {
        switch line == 1 ? 2 : random.next(below: oneIn) {
        case 0:
          text += "1\tmiddle\n"
          expected[index].append("\(path):\(line): has 2 columns where 3 are expected")
        case 1 where oneIn == 3:
          text += "1\t2\t\(line + 300)\n"
          expected[index].append(
            "\(path):\(line): has '\(line + 300)' where column 'weight' wants -128 to 127, as int8 is"
          )
        default: text += "\(line)\t\(line < 30_000 ? "" : "two")\(line % 7)\t1\n"
        }
      }
      options.edges.append(.init(Self.cites, try workspace.write(text, to: "\(index).tsv")))
    }
    let all = expected[0] + expected[1]
    var files: [String] = []
    for (threads, isDry) in [(1, false), (2, false), (2, true)] {
      let path = "\(workspace.path)/bad-\(files.count).txt"
      files.append(path)
      options.badLinesPath = path
      let leftOut: [LeftOutLines]
      if isDry {
        leftOut = try Ingest.plan(
          options, into: workspace.storePath, budget: MemoryBudget(total: 256 << 20),
          pool: ThreadPool(threadCount: threads)
        ).leftOut
      } else {
        let report = try workspace.ingest(options, threads: threads).report
        #expect(report.edges[Self.cites] == 120_000 - all.count)
        #expect(report.skipped == all.count)
        leftOut = report.leftOut
      }
      #expect(leftOut.map(\.file) == options.edges.map(\.path))
      #expect(leftOut.map(\.count) == expected.map(\.count))
      #expect(leftOut.map(\.messages) == expected.map { Array($0.prefix(20)) })
      // Keys turn out to be texts, so that the first pass begins again: each line is written once.
      #expect(try lines(of: path) == all)
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: workspace.path)
    #expect(!names.contains { $0.hasSuffix(".partial") })
  }

  @Test func theFileIsThereAlsoWhenTheRunFails() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.badLines = .report
    options.badLinesPath = "\(workspace.path)/bad.txt"
    options.nodes = [.init("p", try workspace.write("id,y:int8\n1,2\n3,900\n", to: "n.csv"))]
    options.features = [
      .init(
        "p", "x", try workspace.write([Float](repeating: 1, count: 6), "<f4", width: 2, to: "x.npy")
      )
    ]
    expectRefused(at: "x.npy", "has 3 rows, but node type 'p' has 2 lines") {
      try workspace.ingest(options)
    }
    let bad = "\(options.nodes[0].path):3: has '900' where column 'y' wants -128 to 127, as int8 is"
    #expect(try lines(of: options.badLinesPath!) == [bad])
    // What is there is not written over, and nothing is made.
    let store = workspace.storePath
    let error = #expect(throws: HedgerowError.self) { try workspace.ingest(options, into: store) }
    #expect(error?.code == .usage && error?.place == options.badLinesPath)
    #expect(!FileManager.default.fileExists(atPath: store))
    #expect(try lines(of: options.badLinesPath!) == [bad])
    options.badLines = .fail
    options.badLinesPath = "\(workspace.path)/other.txt"
    #expect(throws: HedgerowError.self) { try workspace.ingest(options) }
    #expect(!FileManager.default.fileExists(atPath: options.badLinesPath!))
  }

  @Test(arguments: [IngestOptions.MissingNodes.skip, .fail])
  func edgesToMissingNodesAreWrittenAlsoFromDisk(missing: IngestOptions.MissingNodes) throws {
    let workspace = try Workspace()
    func key(_ index: Int) -> String { "k\(index * 7919 % 100_003 + 5)" }
    var options = IngestOptions()
    let nodes = (0..<60_000).map { "\(key($0))\n" }.joined()
    options.nodes = [.init("p", try workspace.write(nodes, to: "n.tsv"))]
    let path = "\(workspace.path)/e.tsv"
    var text = ""
    var expected: [String] = []
    for line in 1...50_000 {
      if line % 7 == 0 {
        text += "\(key(line))\tnobody \(line)\n"
        expected.append(
          "\(path):\(line): names node 'nobody \(line)', which is not among the nodes of type 'p'")
      } else {
        text += "\(key(line))\t\(key(line / 2))\n"
      }
    }
    options.edges = [.init(Self.cites, try workspace.write(text, to: "e.tsv"))]
    options.header = .absent
    options.missingNodes = missing
    if missing == .fail { options.badLines = .report }
    // 28 MiB leave 4: keys go to disk.
    for memory in [256 << 20, 28 << 20] {
      options.badLinesPath = "\(workspace.path)/bad-\(memory).txt"
      let report = try workspace.ingest(options, memory: memory).report
      #expect(report.skipped == expected.count)
      #expect(report.messages == (missing == .fail ? Array(expected.prefix(20)) : []))
      #expect(try lines(of: options.badLinesPath!) == expected)
    }
  }

  @Test func keysThatAreListedAgainAreAllWrittenInOneMorePass() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.badLines = .report
    let first = "id\n" + (0..<30_000).map { "a \($0)\n" }.joined()
    let second = "id\n" + (0..<30_000).map { "a \($0 * 2)\n" }.joined()
    options.nodes = [
      .init("p", try workspace.write(first, to: "a.csv")),
      .init("p", try workspace.write(second, to: "b.csv")),
    ]
    let paths = options.nodes.map(\.path)
    let expected = (0..<15_000).map { index in
      "\(paths[1]):\(index + 2): lists the key 'a \(2 * index)' again"
        + (index < 20 ? ": it is on \(paths[0]):\(2 * index + 2) already" : "")
    }
    options.badLinesPath = "\(workspace.path)/bad.txt"
    let report = try workspace.ingest(options).report
    #expect(report.skipped == 15_000 && report.messages == Array(expected.prefix(20)))
    #expect(try lines(of: options.badLinesPath!) == expected)
  }

  @Test func linesOfOtherFormatsAndNamesWithLineEndsAreOneALine() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.badLines = .report
    let nodes = try workspace.write(
      "i:ID(S),:LABEL,n:int\na,A,1\nb,B,\"x\ny\"\nc,B,3\n", to: "n.csv")
    let edges = try workspace.write(
      ":START_ID(S),:END_ID(S),:TYPE\na,b,r\na,z,r\nc,a,r\n", to: "e.csv")
    let json = try workspace.write("{\"id\":1}\nnone\n{\"id\":2}\n", to: "q.jsonl")
    options.graphs = [.init(nodes), .init(edges)]
    options.nodes = [.init("q", json)]
    options.badLinesPath = "\(workspace.path)/bad.txt"
    options.missingNodes = .skip
    let report = try workspace.ingest(options).report
    let written = try lines(of: options.badLinesPath!)
    #expect(report.leftOut.map(\.count).reduce(0, +) == written.count)
    #expect(
      written == [
        "\(json):2: is no JSON: it has no value at byte 1",
        "\(edges):3: has the end 'z', which is not among the nodes, so that its type is not known: "
          + "list it, or leave such edges out with --on-missing skip",
        "\(nodes):3: has 'x\\ny' where column 'n' wants an integer",
        "\(edges):2: names node 'b', which is not among the nodes of type 'B'",
      ])
  }

  @Test func theSpecificationNamesTheFile() throws {
    let workspace = try Workspace()
    _ = try workspace.write("1\t2\n3\n", to: "e.tsv")
    let spec = try workspace.write(
      "edges:\n  \"p:cites:p\": e.tsv\non-error: report\nbad-lines: bad.txt\n", to: "import.yaml")
    _ = try workspace.ingest(IngestOptions(spec: spec))
    #expect(
      try lines(of: "\(workspace.path)/bad.txt") == [
        "\(workspace.path)/e.tsv:2: has 1 column where 2 are expected"
      ])
  }
}
