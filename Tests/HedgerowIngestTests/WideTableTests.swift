import HedgerowCore
import HedgerowGraph
import HedgerowIngest
import HedgerowMapped
import HedgerowStore
import Testing

/// Tables of many columns, and of columns with many texts.
@Suite struct WideTableTests {
  private func table(_ count: Int, rows: Int) -> String {
    let header = "id," + (0..<count).map { "c\($0)" }.joined(separator: ",") + "\n"
    return header
      + (0..<rows).map { row in
        "\(row)," + (0..<count).map { "\($0 * row % 7)" }.joined(separator: ",") + "\n"
      }.joined()
  }

  @Test(.enabled(if: FileSystem.openFilesLeft > 900))
  func aTableOfManyColumnsIsRead() throws {
    let count = min(3000, FileSystem.openFilesLeft - 400)
    let workspace = try Workspace()
    var options = IngestOptions()
    options.nodes = [.init("n", try workspace.write(table(count, rows: 3), to: "n.csv"))]
    let (_, graph) = try workspace.ingest(options)
    #expect(columns("n", in: graph) == (0..<count).map { "c\($0):int64" })
    for column in [0, count / 2, count - 1] {
      #expect(
        try graph.value(of: "c\(column)", of: "n", at: NodeID(2)) == .int(Int64(2 * column % 7)))
    }
  }

  /// Not by the system when some of the files are there, and in no time that grows with their square.
  @Test(.enabled(if: FileSystem.openFilesLimit < 1 << 17))
  func aTableOfMoreColumnsThanFilesMayBeOpenIsRefused() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    let count = FileSystem.openFilesLimit
    options.nodes = [.init("n", try workspace.write(table(count, rows: 1), to: "n.csv"))]
    expectRefused(at: "n.csv:1", "may have \(count) open (ulimit -n)") {
      try workspace.ingest(options)
    }
  }

  @Test func aSecondFileMayHaveItsColumnsInAnotherOrder() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.nodes = [
      .init("n", try workspace.write("id,a:int,b\n1,2,x\n", to: "n.csv")),
      .init("n", try workspace.write("b,id,a:int\ny,2,3\n", to: "m.csv")),
    ]
    let (_, graph) = try workspace.ingest(options)
    #expect(
      try nodes("n", "a", "b", in: graph) == ["1 2 x", "2 3 y"])
    options.nodes[1].path = try workspace.write("id,a,b\n2,3,y\n", to: "m.csv")
    expectRefused(at: "m.csv:1", "declares column 'a' differently from") {
      try workspace.ingest(options)
    }
    options.nodes[1].path = try workspace.write("id,a:int\n2,3\n", to: "m.csv")
    expectRefused(at: "m.csv:1", "has the columns 'a', but") { try workspace.ingest(options) }
  }

  /// Texts are counted before a column is known to have too many of them for categories.
  @Test func distinctTextsCountAgainstTheMemory() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    let padding = String(repeating: "x", count: 50)
    func write(_ names: [String]) throws -> String {
      try workspace.write(
        (["id"] + names).joined(separator: ",") + "\n"
          + (0..<20_000).map { row in
            "\(row)," + names.indices.map { "\(padding)\(row)-\($0)" }.joined(separator: ",") + "\n"
          }.joined(), to: "n.csv")
    }
    let names = (0..<10).map { "c\($0)" }
    options.nodes = [.init("n", try write(names))]
    #expect {
      try workspace.ingest(options, memory: 48 << 20)
    } throws: {
      ($0 as? HedgerowError)?.code == .usage
        && "\($0)".contains("columns of texts are declared string")
    }
    let (_, graph) = try workspace.ingest(options, memory: 256 << 20)
    #expect(columns("n", in: graph) == names.map { "\($0):string" })
    options.nodes = [.init("n", try write(names.map { "\($0):string" }))]
    let (_, declared) = try workspace.ingest(options, memory: 48 << 20)
    #expect(columns("n", in: declared) == names.map { "\($0):string" })
  }
}
