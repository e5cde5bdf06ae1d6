import HedgerowCore
import HedgerowGraph
import HedgerowIngest
import HedgerowRoaring
import HedgerowStore
import Testing

/// Files of members of sets, and what else an export needs to come back as it was.
@Suite struct SetFileTests {
  private let workspace: Workspace
  private var store: String { "\(workspace.path)/s" }

  init() throws { workspace = try Workspace() }

  private func ingest(_ options: IngestOptions, memory: Int = 64 << 20) throws -> Snapshot {
    try Ingest.run(
      options, into: store, budget: MemoryBudget(total: memory), pool: ThreadPool(threadCount: 2))
    return try GraphStore.open(at: store, .readOnly).snapshot()
  }

  private func makeOptions(nodes: String, sets: String) throws -> IngestOptions {
    var options = IngestOptions()
    options.nodes = [.init("p", try workspace.write(nodes, to: "n.csv"))]
    options.sets = [.init("p", try workspace.write(sets, to: "sets.csv"))]
    return options
  }

  @Test(arguments: ["id:int64\n7\n5\n9\n", "id:string\n7\n5\n9\n"])
  func linesPutNodesIntoSets(nodes: String) throws {
    let snapshot = try ingest(
      makeOptions(nodes: nodes, sets: "id,set\n9,a\n,empty\n7,b.c\n7,a\n9,a\n"))
    #expect(snapshot.setNames(of: "p") == ["a", "b.c", "empty"])
    #expect(try snapshot.set(named: "a", of: "p") == [0, 2])
    #expect(try snapshot.set(named: "b.c", of: "p") == [0])
    #expect(try snapshot.set(named: "empty", of: "p") == [])
  }

  @Test func manyMembersAreFoundOnDisk() throws {
    let count = 120_000
    let name = String(repeating: "k", count: 100)
    var nodes = "id:string\n"
    var sets = "id:string,set\n"
    for index in 0..<count {
      nodes += "\(name)\(index * 7919 % count)\n"
      if index % 3 == 0 { sets += "\(name)\(index),third\n" }
    }
    let snapshot = try ingest(
      makeOptions(nodes: nodes, sets: sets), memory: MemoryBudget.overhead + 8 << 20)
    let found = try #require(try snapshot.set(named: "third", of: "p"))
    #expect(found.count == count / 3)
    for id in 0..<UInt32(count) {
      #expect(found.contains(id) == (Int(id) * 7919 % count % 3 == 0))
    }
  }

  @Test func linesThatNameNothingAreBad() throws {
    for sets in ["id,set\n8,a\n", "id,set\n7,a b\n", "id,group\n7,a\n", "id,set\n7,\n"] {
      #expect(throws: HedgerowError.self) {
        try ingest(makeOptions(nodes: "id:int64\n7\n", sets: sets))
      }
    }
    var options = try makeOptions(nodes: "id:int64\n7\n", sets: "id,set\n8,a\n7,a\n")
    options.badLines = .report
    #expect(try ingest(options).set(named: "a", of: "p") == [0])
  }

  @Test func setsOfATypeThatIsThereGrow() throws {
    _ = try ingest(makeOptions(nodes: "id:int64\n7\n5\n", sets: "id,set\n7,a\n"))
    var more = IngestOptions()
    more.sets = [.init("p", try workspace.write("id,set\n5,a\n5,b\n", to: "more.csv"))]
    #expect(throws: HedgerowError.self) { try ingest(more) }
    more.existingTypes = .append
    let snapshot = try ingest(more)
    #expect(try snapshot.set(named: "a", of: "p") == [0, 1])
    #expect(try snapshot.set(named: "b", of: "p") == [1])
    #expect(snapshot.count(of: "p") == 2)
  }

  @Test func quotesTellAnEmptyTextFromNull() throws {
    var options = IngestOptions()
    options.nodes = [
      .init(
        "p",
        try workspace.write(
          "id,s:string,c:categorical,n:int64,z:string\n1,\"\",\"\",\"\",\"a\0b\"\n2,,,,\n",
          to: "n.csv"))
    ]
    let snapshot = try ingest(options)
    func value(_ column: String, _ id: UInt32) throws -> PropertyValue? {
      try snapshot.value(of: column, of: "p", at: NodeID(id))
    }
    #expect(try value("s", 0) == "" && value("s", 1) == nil)
    #expect(try value("c", 0) == "" && value("c", 1) == nil)
    #expect(try value("n", 0) == nil && value("n", 1) == nil)
    #expect(try value("z", 0) == "a\0b")
  }

  @Test func aHeaderSaysThatKeysAreUUIDs() throws {
    var options = IngestOptions()
    options.nodes = [.init("p", try workspace.write("id:uuid,x:bool\n", to: "n.csv"))]
    #expect(try ingest(options).keyKind(of: "p") == .uuid)
    options.nodes = [.init("q", try workspace.write("id:uuid\n17\n", to: "q.csv"))]
    #expect(throws: HedgerowError.self) { try ingest(options) }
    options.nodes = [.init("q", try workspace.write("id,u:uuid\n17,3\n", to: "q.csv"))]
    #expect(throws: HedgerowError.self) { try ingest(options) }
  }
}
