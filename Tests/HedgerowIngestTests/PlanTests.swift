import Foundation
import HedgerowCore
import HedgerowGraph
import HedgerowIngest
import HedgerowStore
import Testing

/// What an ingest would do.
@Suite struct PlanTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private func plan(_ options: IngestOptions, into path: String) throws -> IngestPlan {
    try Ingest.plan(
      options, into: path, budget: MemoryBudget(total: 256 << 20), pool: ThreadPool(threadCount: 2))
  }

  private func options() throws -> IngestOptions {
    var options = IngestOptions()
    options.nodes = [
      .init("p", try workspace.write("id,name:text,a\n7,x,1\n8,y,2\n7,z,3\n", to: "n.csv"))
    ]
    options.edges = [
      .init(
        EdgeType("p", "e", "q"),
        try workspace.write("source,target,w\n7,1,0.5\n8,2,1\n9,3,x\n,4,1\n", to: "e.csv"))
    ]
    options.features = [
      .init(
        "p", "v", try workspace.write([Float](repeating: 1, count: 6), "<f4", width: 2, to: "v.npy")
      )
    ]
    options.duplicateNodes = .keepFirst
    options.badLines = .report
    return options
  }

  @Test func theFirstPassSaysWhatWillCome() throws {
    let store = workspace.storePath
    let said = try plan(options(), into: store)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: workspace.path).sorted() == [
        "e.csv", "n.csv", "v.npy",
      ])
    let (report, _) = try workspace.ingest(options(), into: store)
    #expect(said.nodes["p"] == report.nodes["p"] && said.nodes["q"] == report.nodes["q"])
    #expect(said.edges[EdgeType("p", "e", "q")] == 3)
    #expect(said.schema == report.schema)
    #expect(said.duplicates == 1 && said.skipped == 1 && said.messages == report.messages)
    #expect(said.storeByteCount > 0 && said.seconds > 0)
  }

  @Test func aStoreThatIsThereIsLeftAlone() throws {
    let store = workspace.storePath
    _ = try workspace.ingest(options(), into: store)
    let version = try GraphStore.open(at: store).snapshot().version
    #expect(throws: HedgerowError.self) { try plan(options(), into: store) }
    var more = IngestOptions()
    more.edges = try options().edges
    more.badLines = .report
    more.existingTypes = .append
    let append = try plan(more, into: store)
    #expect((append.nodes[optional: "q"] ?? 0) == 0)
    #expect(append.edges[EdgeType("p", "e", "q")] == 3)
    #expect(try GraphStore.open(at: store).snapshot().version == version)
  }

  /// Plain text of a known size: the store comes out about as it was said.
  @Test func sizesAreAboutRight() throws {
    var text = ""
    for index in 0..<200_000 { text += "\(index % 1000)\t\(index * 7 % 3001)\n" }
    var options = IngestOptions()
    options.graphs = [.init(try workspace.write(text, to: "e.tsv"))]
    let store = workspace.storePath
    let said = try plan(options, into: store)
    _ = try workspace.ingest(options, into: store)
    var size = 0
    for case let url as URL in FileManager.default.enumerator(
      at: URL(fileURLWithPath: "\(store)/segments"), includingPropertiesForKeys: [.fileSizeKey])!
    {
      size += try url.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
    }
    #expect(
      said.storeByteCount > size / 2 && said.storeByteCount < size * 2,
      "\(said.storeByteCount) \(size)")
  }
}
