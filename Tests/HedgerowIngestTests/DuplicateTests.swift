import HedgerowCore
import HedgerowGraph
import HedgerowIngest
import HedgerowRoaring
import HedgerowStore
import HedgerowTestSupport
import Testing

/// Keys that are listed again, and lines of nodes that the store has.
@Suite struct DuplicateTests {
  private let workspace: Workspace
  private let type: NodeType = "n"

  init() throws { workspace = try Workspace() }

  /// A row as the test sees it; nil is null.
  private struct Row {
    var key: String
    var number: Int64?
    var name: String?
    var word: String?
    var split: String?

    var line: String {
      let number = number.map { "\($0)" } ?? ""
      return "\(key),\(number),\(name.map { "\"\($0)\"" } ?? ""),\(word ?? ""),\(split ?? "")\n"
    }
    static let header = "id:string,number:int32,name:string,word:categorical,split:string\n"

    init(key: String, from random: inout RandomStream) {
      self.key = key
      func maybe<T>(_ value: T) -> T? { random.next() % 3 == 0 ? nil : value }
      number = maybe(Int64(random.next() % 1000))
      name = maybe("name, of \(random.next() % 1000)")
      word = maybe("w\(random.next() % 7)")
      split = maybe(["train", "test"][Int(random.next() % 2)])
    }

    mutating func take(_ later: Row, _ mode: IngestOptions.DuplicateNodes) {
      if mode == .keepFirst { return }
      let all = mode == .keepLast
      if all || later.number != nil { number = later.number }
      if all || later.name != nil { name = later.name }
      if all || later.word != nil { word = later.word }
      if all || later.split != nil { split = later.split }
    }
  }

  private func options(_ rows: [[Row]], _ mode: IngestOptions.DuplicateNodes) throws
    -> IngestOptions
  {
    var options = IngestOptions()
    for (index, rows) in rows.enumerated() {
      let text = Row.header + rows.map(\.line).joined()
      options.nodes.append(.init(type, try workspace.write(text, to: "n\(index).csv")))
    }
    options.splits = [.init(type, "split")]
    options.duplicateNodes = mode
    return options
  }

  private func expect(_ graph: Snapshot, holds rows: [Row]) throws {
    #expect(graph.count(of: type) == rows.count)
    for (id, row) in rows.enumerated() {
      let id = NodeID(UInt32(id))
      #expect(try graph.key(of: id, of: type) == row.key)
      func value(_ column: String) throws -> PropertyValue? {
        try graph.value(of: column, of: type, at: id)
      }
      #expect(try value("number") == row.number.map { .int($0) })
      #expect(try value("name") == row.name.map { .text($0) })
      #expect(try value("word") == row.word.map { .text($0) })
      #expect(try value("split") == row.split.map { .text($0) })
    }
    for split in ["train", "test"] {
      let members = try graph.set(named: split, of: type) ?? RoaringBitmap()
      let wanted = rows.indices.filter { rows[$0].split == split }.map { UInt32($0) }
      #expect(Array(members) == wanted, "\(split)")
    }
  }

  /// Rows of two files with keys from a small set, against the obvious way to combine them; also with
  /// keys that are looked up on disk.
  @Test(
    arguments: [IngestOptions.DuplicateNodes.keepFirst, .keepLast, .merge],
    [(2_000, 700, 64 << 20), (60_000, 40_000, 9 << 20)])
  func rowsOfOneKeyBecomeOneNode(
    mode: IngestOptions.DuplicateNodes, size: (rows: Int, keys: Int, memory: Int)
  ) throws {
    var random = RandomStream(seed: printedSeed())
    let padding = String(repeating: "k", count: 60)
    var rows: [[Row]] = [[], []]
    var wanted: [Row] = []
    var places: [String: Int] = [:]
    for index in 0..<size.rows {
      let row = Row(
        key: "\(padding)\(random.next() % UInt64(size.keys))", from: &random)
      rows[index * 2 / size.rows].append(row)
      if let place = places[row.key] {
        wanted[place].take(row, mode)
      } else {
        places[row.key] = wanted.count
        wanted.append(row)
      }
    }
    let result = try workspace.ingest(
      options(rows, mode), memory: MemoryBudget.overhead + size.memory)
    #expect(result.report.duplicates == size.rows - wanted.count)
    #expect(result.report.skipped == 0)
    try expect(result.graph, holds: wanted)
  }

  /// With `append` the rows of nodes that the store has are upserts.
  @Test(arguments: [IngestOptions.DuplicateNodes.keepFirst, .keepLast, .merge])
  func nodesOfTheStoreTakeValues(mode: IngestOptions.DuplicateNodes) throws {
    var random = RandomStream(seed: printedSeed())
    var wanted = (0..<5000).map { Row(key: "k\($0)", from: &random) }
    let store = workspace.storePath
    _ = try workspace.ingest(options([wanted], .fail), into: store)
    var more: [Row] = []
    for _ in 0..<3000 { more.append(Row(key: "k\(random.next() % 6000)", from: &random)) }
    for row in more {
      if let place = wanted.firstIndex(where: { $0.key == row.key }) {
        wanted[place].take(row, mode)
      } else {
        wanted.append(row)
      }
    }
    var options = try options([more], mode)
    options.existingTypes = .append
    let graph = try workspace.ingest(options, into: store).graph
    for (id, row) in wanted.enumerated() {
      let id = NodeID(UInt32(id))
      #expect(try graph.key(of: id, of: type) == row.key)
      #expect(try graph.value(of: "number", of: type, at: id) == row.number.map { .int($0) })
      #expect(try graph.value(of: "name", of: type, at: id) == row.name.map { .text($0) })
      #expect(try graph.value(of: "word", of: type, at: id) == row.word.map { .text($0) })
    }
    // A node is in the set that its value names, and in no other any more.
    for split in ["train", "test"] {
      let members = try graph.set(named: split, of: type) ?? RoaringBitmap()
      let named = wanted.indices.filter { wanted[$0].split == split }.map { UInt32($0) }
      #expect(Array(members) == named)
    }
    #expect(
      columns(type, in: graph).map { $0.prefix { $0 != ":" } } == [
        "number", "name", "word", "split",
      ])
  }

  @Test func theLastRowOfFeaturesCounts() throws {
    var options = IngestOptions()
    options.nodes = [.init(type, try workspace.write("id\n7\n8\n7\n9\n8\n7\n", to: "n.csv"))]
    let rows: [Float] = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]
    options.features = [
      .init(type, "x", try workspace.write(rows, "<f4", width: 2, to: "x.npy"))
    ]
    let others: [Int8] = [1, 2, 3, 4, 5, 6]
    options.features.append(
      .init(type, "y", try workspace.write(others, "|i1", width: 1, to: "y.npy")))
    options.duplicateNodes = .merge
    let graph = try workspace.ingest(options).graph
    let last = try (0..<3).map { try graph.value(of: "y", of: type, at: NodeID(UInt32($0))) }
    #expect(last == [.vector([6]), .vector([5]), .vector([4])])
    let vectors = try (0..<3).map {
      try graph.value(of: "x", of: type, at: NodeID(UInt32($0)))
    }
    #expect(vectors == [.vector([6, 6]), .vector([5, 5]), .vector([4, 4])])
    options.duplicateNodes = .keepFirst
    let first = try workspace.ingest(options).graph
    #expect(try first.value(of: "x", of: type, at: NodeID(0)) == .vector([1, 1]))
  }

  @Test func aKeyTwiceIsABadLineUnlessItIsSaidOtherwise() throws {
    var options = IngestOptions()
    options.nodes = [.init(type, try workspace.write("id\n7\n7\n", to: "n.csv"))]
    expectRefused(at: "n.csv:3", "again") { _ = try workspace.ingest(options) }
    options.badLines = .report
    #expect(try workspace.ingest(options).report.skipped == 1)
  }

  @Test func aDeletedNodeIsNotChanged() throws {
    let store = workspace.storePath
    var options = IngestOptions()
    options.nodes = [.init(type, try workspace.write("id,a\n7,1\n8,2\n", to: "n.csv"))]
    _ = try workspace.ingest(options, into: store)
    try GraphStore.open(at: store).write { txn in try txn.delete(type, NodeID(0)) }
    options.existingTypes = .append
    for mode in IngestOptions.DuplicateNodes.allCases {
      options.duplicateNodes = mode
      expectRefused(at: "n.csv:2", mode == .fail ? "" : "deleted") {
        _ = try workspace.ingest(options, into: store)
      }
    }
    options.badLines = .report
    options.duplicateNodes = .merge
    let (report, graph) = try workspace.ingest(options, into: store)
    #expect(report.skipped == 1 && report.duplicates == 1)
    #expect(graph.deletedNodes(of: type) == [0])
  }

  /// A column that the store lacks gets the values of nodes that it has.
  @Test(arguments: [IngestOptions.DuplicateNodes.keepLast, .merge])
  func anUpsertBringsNewColumns(mode: IngestOptions.DuplicateNodes) throws {
    let store = workspace.storePath
    var options = IngestOptions()
    options.nodes = [.init(type, try workspace.write("id,a\n7,1\n8,2\n", to: "a.csv"))]
    _ = try workspace.ingest(options, into: store)
    options.nodes = [
      .init(type, try workspace.write("id,b,s\n7,5,x y\n9,6,\n8,,z\n", to: "b.csv"))
    ]
    options.existingTypes = .append
    options.duplicateNodes = mode
    let graph = try workspace.ingest(options, into: store).graph
    func values(_ column: String) throws -> [PropertyValue?] {
      try (0..<3).map { try graph.value(of: column, of: type, at: NodeID(UInt32($0))) }
    }
    #expect(try values("a") == [1, 2, nil])
    #expect(try values("b") == [5, nil, 6])
    #expect(try values("s") == ["x y", "z", nil])
  }
}
