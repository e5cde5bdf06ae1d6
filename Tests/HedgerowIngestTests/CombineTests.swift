import HedgerowCore
import HedgerowGraph
import HedgerowIngest
import HedgerowStore
import HedgerowTestSupport
import Testing

/// Several edges between two nodes that become one.
@Suite struct CombineTests {
  private let workspace: Workspace
  private let type = EdgeType("n", "e", "n")

  init() throws { workspace = try Workspace() }

  private struct Row {
    var source: Int
    var target: Int
    var weight: Double?
    var day: Int64?
    var note: String

    var line: String {
      "\(source),\(target),\(weight.map { "\($0)" } ?? ""),\(day.map { "\($0)" } ?? ""),\(note)\n"
    }
  }

  private struct Pair: Hashable {
    var source: Int
    var target: Int
  }

  private func rows(_ count: Int, nodes: UInt64, from random: inout RandomStream) -> [Row] {
    (0..<count).map { index in
      Row(
        source: Int(random.next() % nodes), target: Int(random.next() % nodes),
        weight: random.next() % 4 == 0 ? nil : Double(random.next() % 1000) / 8,
        day: random.next() % 4 == 0 ? nil : Int64(random.next() % 100) - 50, note: "t\(index)")
    }
  }

  private func options(_ rows: [Row], named name: String) throws -> IngestOptions {
    let text = "source,target,w:float64,day:int16,note:string\n" + rows.map(\.line).joined()
    var options = IngestOptions()
    options.edges = [.init(type, try workspace.write(text, to: name))]
    options.combinations = [
      .init(type, "w", .sum), .init(type, "day", .max), .init(type, "n", .count),
    ]
    return options
  }

  private func expect(
    _ graph: Snapshot, combines rows: [Row], isUndirected: Bool
  ) throws {
    var groups: [Pair: [Row]] = [:]
    for row in rows {
      groups[Pair(source: row.source, target: row.target), default: []].append(row)
      if isUndirected && row.source != row.target {
        groups[Pair(source: row.target, target: row.source), default: []].append(row)
      }
    }
    let edges = try Contents(graph).out[type]!
    #expect(edges.count == groups.count)
    for edge in edges {
      let group = try #require(groups[Pair(source: Int(edge.source)!, target: Int(edge.target)!)])
      // Eighths add up exactly.
      let weights = group.compactMap(\.weight)
      #expect(edge.values[0] == (weights.isEmpty ? nil : .float(weights.reduce(0, +))))
      #expect(edge.values[1] == group.compactMap(\.day).max().map { .int($0) })
      #expect(edge.values[3] == .int(Int64(group.count)))
      if !isUndirected { #expect(edge.values[2] == .text(group[0].note)) }
    }
  }

  @Test(arguments: [false, true]) func parallelEdgesBecomeOne(isUndirected: Bool) throws {
    var random = RandomStream(seed: printedSeed())
    let rows = rows(4000, nodes: 40, from: &random)
    var options = try options(rows, named: "e.csv")
    options.isUndirected = isUndirected
    let graph = try workspace.ingest(options).graph
    try expect(graph, combines: rows, isUndirected: isUndirected)
  }

  /// What the store has is one of them.
  @Test(arguments: [false, true]) func edgesOfTheStoreCountToo(isUndirected: Bool) throws {
    var random = RandomStream(seed: printedSeed())
    let first = rows(1500, nodes: 40, from: &random)
    let second = rows(1500, nodes: 45, from: &random)
    let store = workspace.storePath
    var options = try options(first, named: "e.csv")
    options.isUndirected = isUndirected
    _ = try workspace.ingest(options, into: store)
    options.edges = try self.options(second, named: "f.csv").edges
    options.existingTypes = .append
    let graph = try workspace.ingest(options, into: store).graph
    try expect(graph, combines: first + second, isUndirected: isUndirected)
  }

  @Test func sumsThatDoNotFitAreRefused() throws {
    for (kind, value) in [("int8", "100"), ("uint8", "200"), ("int64", "\(Int64.max)")] {
      var options = IngestOptions()
      let text = "source,target,a:\(kind)\n1,2,\(value)\n1,2,\(value)\n"
      options.edges = [.init(type, try workspace.write(text, to: "e.csv"))]
      options.combinations = [.init(type, "a", .sum)]
      expectRefused(at: "n:e:n", "more bits") { _ = try workspace.ingest(options) }
      options.combinations = [.init(type, "a", .min)]
      #expect(try workspace.ingest(options).graph.count(of: type) == 1)
    }
  }

  @Test func sumsOfFloatsThatDoNotFitAreRefused() throws {
    var options = IngestOptions()
    let text = "source,target,a:float32\n1,2,3e38\n1,2,3e38\n"
    options.edges = [.init(type, try workspace.write(text, to: "e.csv"))]
    options.combinations = [.init(type, "a", .sum)]
    expectRefused(at: "n:e:n", "more bits") { _ = try workspace.ingest(options) }
  }

  /// Edges that came before anybody counted are one each.
  @Test func countsBeginWithTheStore() throws {
    let store = workspace.storePath
    var options = IngestOptions()
    options.edges = [
      .init(type, try workspace.write("source,target,w\n1,2,1\n1,2,1\n3,4,1\n", to: "e.csv"))
    ]
    _ = try workspace.ingest(options, into: store)
    options.edges = [
      .init(type, try workspace.write("source,target,w\n1,2,3\n5,6,1\n", to: "f.csv"))
    ]
    options.existingTypes = .append
    options.combinations = [.init(type, "w", .sum), .init(type, "n", .count)]
    let (report, graph) = try workspace.ingest(options, into: store)
    #expect(report.addedEdges[type] == 1)
    #expect(
      try Contents(graph).out[type]!.map {
        ["\($0.source)-\($0.target)", $0.values] as [AnyHashable]
      }
        == [
          ["1-2", [5, 3] as [PropertyValue?]], ["3-4", [1, 1] as [PropertyValue?]],
          ["5-6", [1, 1] as [PropertyValue?]],
        ] as [[AnyHashable]])
  }

  @Test func whatCannotBeCombinedIsRefused() throws {
    var options = IngestOptions()
    options.edges = [.init(type, try workspace.write("source,target,a\n1,2,x\n", to: "e.csv"))]
    let other = EdgeType("n", "f", "n")
    for combination in [
      IngestOptions.EdgeCombination(type, "a", .sum), .init(type, "b", .sum),
      .init(other, "a", .sum), .init(type, "a", .count),
    ] {
      options.combinations = [combination]
      #expect {
        try workspace.ingest(options)
      } throws: { error in
        guard let error = error as? HedgerowError else { return false }
        return error.code == .usage || error.message.contains("two columns 'a'")
      }
    }
  }
}
