import Foundation
import HedgerowCore
import HedgerowIngest
import HedgerowStore
import HedgerowTestSupport
import Testing

@Suite struct KeyTests {
  private static let links = EdgeType("n", "to", "n")

  /// A text with digits of either case.
  private func mixed(_ key: UUIDKey, _ random: inout RandomStream) -> String {
    String(
      "\(key)".map { random.next(below: 2) == 0 ? $0 : Character($0.uppercased()) })
  }

  @Test func aUUIDIsItsTextInEitherCase() {
    var random = RandomStream(seed: printedSeed())
    var keys: [UUIDKey] = []
    for _ in 0..<1000 {
      let key = UUIDKey(random.next(), random.next())
      #expect(UUIDKey(mixed(key, &random)) == key)
      #expect("\(key)" == UUID(uuidString: "\(key)")!.uuidString.lowercased())
      keys.append(key)
    }
    #expect(keys.sorted().map(\.description) == keys.map(\.description).sorted())
    let good = "00112233-4455-6677-8899-aabbccddeeff"
    #expect(UUIDKey(good)?.description == good)
    for bad in [
      "", "{\(good)}", good.dropLast() + "", good + "0", "00112233x4455-6677-8899-aabbccddeeff",
      "00112233-4455-6677-8899-aabbccddeefg", "001122334455-6677-8899-aabbccddeeff-0",
      good.filter { $0 != "-" },
    ] {
      #expect(UUIDKey(bad) == nil, "\(bad)")
    }
  }

  @Test(arguments: [300, 40_000]) func uuidsAreKeptAs16BytesAndFoundInEitherCase(count: Int) throws
  {
    var random = RandomStream(seed: printedSeed())
    let workspace = try Workspace()
    let path = workspace.storePath
    // Some share their first half, so that the second one decides.
    var keys: [UUIDKey] = []
    for index in 0..<count {
      keys.append(UUIDKey(index % 3 == 0 ? 7 : random.next(), random.next()))
    }
    let half = count / 2
    var expected: [[String]] = []
    func options(_ rows: Range<Int>) throws -> IngestOptions {
      var options = IngestOptions()
      options.existingTypes = .append
      let lines = rows.map { "\(mixed(keys[$0], &random))\t\($0)\n" }.joined()
      options.nodes = [.init("n", try workspace.write("id\ty\n" + lines, to: "n.tsv"))]
      let edges = rows.map { _ in
        (0..<2).map { _ in keys[Int(random.next(below: UInt64(rows.upperBound)))] }
      }
      expected += edges.map { $0.map(\.description) }
      let text = edges.map { $0.map { mixed($0, &random) }.joined(separator: "\t") + "\n" }.joined()
      options.edges = [
        .init(Self.links, try workspace.write("source\ttarget\n" + text, to: "e.tsv"))
      ]
      return options
    }
    // With little memory the larger dictionary is on disk.
    let memory = count > 1000 ? 28 << 20 : 256 << 20
    _ = try workspace.ingest(try options(0..<half), into: path, memory: memory)
    let (report, graph) = try workspace.ingest(
      try options(half..<count), into: path, memory: memory)
    #expect(report.addedNodes["n"] == count - half && report.createdNodes["n"] == 0)
    #expect(graph.keyKind(of: "n") == .uuid)
    #expect(try graph.uuidKeys(of: 0..<count, of: "n") == keys)
    for _ in 0..<200 {
      let id = Int(random.next(below: UInt64(count)))
      #expect(try graph.node("n", key: mixed(keys[id], &random))?.rawValue == UInt32(id))
      #expect(try graph.key(of: NodeID(UInt32(id)), of: "n") == "\(keys[id])")
      #expect(try graph.node("n", key: "\(UUIDKey(random.next(), random.next()))") == nil)
      #expect(try graph.node("n", key: "\(id)") == nil)
    }
    let found = try Contents(graph).out[Self.links]!.map { [$0.source, $0.target] }
    func sorted(_ edges: [[String]]) -> [String] { edges.map { $0.joined() }.sorted() }
    #expect(sorted(found) == sorted(expected))
  }

  @Test func aKeyThatIsNoUUIDMakesThemAllTexts() throws {
    let workspace = try Workspace()
    let path = workspace.storePath
    let upper = "AABBCCDD-0000-0000-0000-000000000001"
    let other = "aabbccdd-0000-0000-0000-000000000000"
    var options = IngestOptions()
    options.nodes = [.init("n", try workspace.write("id\n\(upper)\n\(other)\n", to: "n.tsv"))]
    let graph = try workspace.ingest(options, into: path).graph
    #expect(graph.keyKind(of: "n") == .uuid)
    // Listed again in another case, it is a duplicate.
    options.existingTypes = .append
    options.nodes = [
      .init("n", try workspace.write("id\n\(upper.lowercased())\n", to: "m.tsv"))
    ]
    let error = #expect(throws: HedgerowError.self) { try workspace.ingest(options, into: path) }
    #expect(error?.message.contains("'\(upper.lowercased())', which the store has") == true)
    options.nodes = []
    options.edges = [
      .init(
        Self.links,
        try workspace.write("source\ttarget\n\(other)\tx\n", to: "e.tsv"))
    ]
    let (report, texts) = try workspace.ingest(options, into: path)
    #expect(report.createdNodes["n"] == 1 && texts.keyKind(of: "n") == .string)
    #expect(try Contents(texts).keys["n"] == [upper.lowercased(), other, "x"])
    #expect(try texts.node("n", key: upper) == nil)
    // In a new type one word among many, or a header that says so, does the same, as written.
    let lines = (0..<30_000).map { "\(UUIDKey(1, UInt64($0)))\n" }.joined()
    for text in ["id\n\(upper)\n\(lines)x\n", "id:string\n\(upper)\n\(lines)"] {
      options = IngestOptions()
      options.nodes = [.init("n", try workspace.write(text, to: "n.tsv"))]
      let graph = try workspace.ingest(options).graph
      #expect(graph.keyKind(of: "n") == .string)
      #expect(try graph.key(of: NodeID(0), of: "n") == upper)
    }
    // A name above UUIDs is a header.
    options.nodes = [.init("n", try workspace.write("name\n\(lines)", to: "n.tsv"))]
    #expect(try workspace.ingest(options).graph.count(of: NodeType("n")) == 30_000)
  }

  @Test(arguments: [32, 256]) func keysOfAnyLengthWork(megabytes: Int) throws {
    var random = RandomStream(seed: printedSeed())
    let workspace = try Workspace()
    // Long ones that differ at their ends only, and one longer than what a file is first judged by.
    let stem = String(repeating: "ä", count: 50_000)
    var keys = (0..<20).map { "\(stem)\($0)" }
    keys.append(String(repeating: "z", count: 1 << 20))
    keys += (0..<2000).map { "k\($0)" }
    keys.shuffle(using: &random)
    keys.swapAt(0, keys.firstIndex { $0.utf8.count == 1 << 20 }!)
    var options = IngestOptions()
    let half = keys.count / 2
    func nodes(_ part: ArraySlice<String>) throws -> IngestOptions.NodeFile {
      .init("n", try workspace.write("id,y\n" + part.map { "\($0),1\n" }.joined(), to: "n.csv"))
    }
    let path = workspace.storePath
    let memory = megabytes << 20
    options.nodes = [try nodes(keys[..<half])]
    _ = try workspace.ingest(options, into: path, memory: memory)
    options.existingTypes = .append
    options.nodes = [try nodes(keys[half...])]
    let edges = (0..<100).map { _ in
      (0..<2).map { _ in Int(random.next(below: UInt64(keys.count))) }
    }
    options.edges = [
      .init(
        Self.links,
        try workspace.write(
          edges.map { "\(keys[$0[0]])\t\(keys[$0[1]])\n" }.joined(), to: "e.tsv"))
    ]
    options.header = .automatic
    let graph = try workspace.ingest(options, into: path, memory: memory).graph
    for (id, key) in keys.enumerated() {
      #expect(try graph.key(of: NodeID(UInt32(id)), of: "n") == key)
      #expect(try graph.node("n", key: key)?.rawValue == UInt32(id))
    }
    #expect(try graph.node("n", key: stem) == nil)
    for source in Set(edges.map { $0[0] }) {
      let found = try graph.neighbors(
        of: NodeID(UInt32(source)), along: Relation(Self.links, .backward, index: 0))
      #expect(found.map { Int($0) } == edges.filter { $0[0] == source }.map { $0[1] }.sorted())
    }
  }
}
