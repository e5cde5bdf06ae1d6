import Foundation
import Testing

/// `create`, `schema`, `insert`, `delete`, `compact` and `changes`, as a user calls them.
@Suite struct LiveCommandTests {
  private func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  private func run(_ status: Int32 = 0, _ arguments: String...) throws -> CommandLineRun {
    let run = try CommandLineRun(arguments: arguments)
    #expect(run.status == status, "\(arguments): \(run.output) \(run.errors)")
    if status != 0 { #expect(run.errorLines == 1, "\(run.errors)") }
    return run
  }

  @Test func aStoreIsMadeChangedAndCompacted() throws {
    try withTemporaryDirectory { path in
      let store = "\(path)/s"
      _ = try run(
        0, "create", store, "--node", "user", "--node", "item", "--edge", "user:rates:item",
        "--column", "user.age:int32", "--column", "item.title:string",
        "--column", "user:rates:item.stars:int8", "--keys", "user=int64")
      _ = try run(64, "create", store)
      _ = try run(0, "insert", store, "--node", "user=7", "--node", "user=8", "--set", "age=30")
      let inserted = try object(
        run(0, "insert", store, "--node", "item=a,b", "--set", "title=Dune, part one", "--json")
          .output)
      #expect(inserted["inserted"] as? [String: Int] == ["nodes": 1, "edges": 0])
      _ = try run(
        0, "insert", store, "--edge", "user:rates:item=7,a,b", "--set", "stars=5")
      _ = try run(0, "insert", store, "--edge", "user:rates:item=7,a,b", "--set", "stars=4")
      _ = try run(0, "insert", store, "--edge", "user:rates:item=8,a,b", "--set", "stars=")
      func counts() throws -> (nodes: [String: Int], edges: [String: Int]) {
        let info = try object(run(0, "info", store, "--json").output)
        return (
          try #require(info["nodes"] as? [String: Int]),
          try #require(info["edges"] as? [String: Int])
        )
      }
      #expect(try counts().nodes == ["user": 2, "item": 1])
      #expect(try counts().edges == ["user:rates:item": 3])
      let neighbors = try object(run(0, "neighbors", store, "user=7", "--json").output)
      let found = try #require(neighbors["neighbors"] as? [[String: Any]])
      #expect(found.count == 1 && found[0]["key"] as? String == "a,b")
      #expect(found[0]["edges"] as? Int == 2)

      let compacted = try object(run(0, "compact", store, "--json").output)
      #expect(compacted["segments"] as? Int ?? 0 > 0)
      #expect(try counts().edges == ["user:rates:item": 3])
      _ = try run(0, "verify", store)

      // Another one of the same key, and values that are none.
      _ = try run(65, "insert", store, "--node", "user=7")
      _ = try run(0, "insert", store, "--node", "user=7", "--upsert", "--set", "age=31")
      _ = try run(65, "insert", store, "--node", "user=9", "--set", "age=old")
      _ = try run(65, "insert", store, "--node", "user=nine")
      _ = try run(64, "insert", store, "--node", "user=9", "--set", "size=1")
      _ = try run(64, "insert", store, "--node", "tree=9")
      _ = try run(65, "insert", store, "--edge", "user:rates:item=7,nobody")
      _ = try run(64, "insert", store)
      _ = try run(66, "insert", "\(path)/nothing", "--node", "user=1")
      #expect(try counts().nodes == ["user": 2, "item": 1])

      let one = try object(
        run(
          0, "delete", store, "--edge", "user:rates:item=7,a,b", "--parallel", "0", "--json"
        ).output)
      #expect(one["deleted"] as? [String: Int] == ["nodes": 0, "edges": 1])
      let all = try object(run(0, "delete", store, "--node", "item=a,b", "--json").output)
      #expect(all["deleted"] as? [String: Int] == ["nodes": 1, "edges": 2])
      _ = try run(65, "delete", store, "--node", "item=a,b")
      #expect(try counts().nodes == ["user": 2, "item": 0])
      #expect(try counts().edges == ["user:rates:item": 0])
      _ = try run(64, "neighbors", store, "item=a,b")
      _ = try run(0, "verify", store)

      let changes = try run(0, "changes", store).output
      #expect(changes.contains("\tinsert user=7 as 0\n"))
      #expect(changes.contains("\tdelete item 0\n"))
      let listed = try object(run(0, "changes", store, "--json", "--limit", "2").output)
      #expect((listed["changes"] as? [[String: Any]])?.isEmpty == false)

      _ = try run(
        0, "schema", store, "--rename", "user=person", "--column", "item.year:int32=1999",
        "--drop", "user:rates:item.stars")
      let schema = try object(run(0, "schema", store, "--json").output)
      let nodes = try #require(schema["nodes"] as? [[String: Any]])
      #expect(nodes.compactMap { $0["type"] as? String } == ["person", "item"])
      _ = try run(64, "schema", store, "--drop", "item")
      // Options that say nothing of a new type are no silence.
      _ = try run(64, "schema", store, "--undirected", "person:rates:item")
      _ = try run(64, "schema", store, "--time", "person:rates:item.at")
      _ = try run(64, "schema", store, "--keys", "item=int64")
      _ = try run(64, "delete", store, "--node", "item=x", "--parallel", "0")
      _ = try run(0, "compact", store)
      _ = try run(0, "verify", store)
    }
  }

  @Test func setsTakeNodesInAndGiveThemBack() throws {
    try withTemporaryDirectory { path in
      let store = "\(path)/s"
      _ = try run(0, "create", store, "--node", "user")
      _ = try run(0, "insert", store, "--node", "user=a", "--node", "user=b", "--into", "train")
      _ = try run(0, "delete", store, "--node", "user=a", "--from", "train")
      let info = try object(run(0, "info", store, "--json").output)
      let sets = try #require(info["sets"] as? [[String: Any]])
      #expect(sets.count == 1 && sets[0]["count"] as? Int == 1)
      #expect(info["nodes"] as? [String: Int] == ["user": 2])
    }
  }

  @Test func anIngestGoesOnFromWhatWasInserted() throws {
    try withTemporaryDirectory { path in
      let store = "\(path)/s"
      let (nodes, edges) = ("\(path)/nodes.tsv", "\(path)/edges.tsv")
      try "id\tyear\na\t1\nb\t2\n".write(toFile: nodes, atomically: true, encoding: .utf8)
      try "a\tb\n".write(toFile: edges, atomically: true, encoding: .utf8)
      _ = try run(
        0, "ingest", store, "--nodes", "p=\(nodes)", "--edges", "p:r:p=\(edges)")
      _ = try run(0, "insert", store, "--node", "p=c", "--set", "year=3")
      _ = try run(0, "insert", store, "--edge", "p:r:p=c,a")
      try "id\tyear\nd\t4\n".write(toFile: nodes, atomically: true, encoding: .utf8)
      try "d\tc\na\tc\n".write(toFile: edges, atomically: true, encoding: .utf8)
      _ = try run(
        0, "ingest", store, "--append", "--nodes", "p=\(nodes)", "--edges", "p:r:p=\(edges)")
      let info = try object(run(0, "info", store, "--json").output)
      #expect(info["nodes"] as? [String: Int] == ["p": 4])
      #expect(info["edges"] as? [String: Int] == ["p:r:p": 4])
      _ = try run(0, "verify", store)
      _ = try run(0, "delete", store, "--node", "p=b")
      // An edge to what was deleted is refused, and nothing changes.
      try "a\tb\n".write(toFile: edges, atomically: true, encoding: .utf8)
      _ = try run(65, "ingest", store, "--append", "--edges", "p:r:p=\(edges)")
      let after = try object(run(0, "info", store, "--json").output)
      #expect(after["nodes"] as? [String: Int] == ["p": 3])
      #expect(after["edges"] as? [String: Int] == ["p:r:p": 3])
      _ = try run(0, "verify", store)
    }
  }
}
