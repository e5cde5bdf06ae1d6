import Foundation
import HedgerowCore
import HedgerowIngest
import HedgerowStore
import Synchronization
import Testing

/// Sizes that small files name: nothing is made of them that the bytes do not hold.
@Suite struct HostileSizeTests {
  private static let belongs = EdgeType("point", "of", "shape")

  private final class Counter: Sendable {
    let count = Mutex(0)
  }

  /// How often the reading of a format went on, which it says for every 2^16 rows it writes.
  private func steps(_ options: IngestOptions, in workspace: Workspace) throws -> Int {
    let counter = Counter()
    do {
      try Ingest.run(
        options, into: workspace.storePath, budget: MemoryBudget(total: 256 << 20),
        pool: ThreadPool(threadCount: 1),
        progress: { progress in
          if progress.phase == .convert { counter.count.withLock { $0 += 1 } }
        })
    } catch let error as HedgerowError {
      #expect(error.code == .badData && error.place != nil, "\(error)")
      return counter.count.withLock { $0 }
    }
    Issue.record("was read")
    return 0
  }

  @Test(arguments: [
    // As many entries as it takes, which are not there.
    "coordinate pattern general\n4294967296 4294967296 268435456\n1 1\n",
    "coordinate pattern general\n134217728 1 2\n1 1\n",
    "coordinate pattern general\n16777217 1 1\n1 1\n",
    // Nothing but nodes.
    "coordinate pattern general\n4294967296 4294967296 0\n",
    "coordinate real general\n1 4294967296 1\n1 1 1\n",
    "array real general\n4294967296 0\n", "array real general\n0 4294967296\n",
    "array real general\n4294967296 4294967296\n1\n",
  ])
  func aHeaderOfAMatrixMakesNoNodes(text: String) throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.graphs = [
      .init(try workspace.write("%%MatrixMarket matrix \(text)", to: "m.mtx"))
    ]
    #expect(try steps(options, in: workspace) < 4)
  }

  @Test(
    arguments: [[1 << 32, 1 << 32], [1, 1 << 32], [(1 << 24) + 1, 3], [-1, 3], [.max, .max]]
      as [[Int64]])
  func aShapeOfASparseMatrixMakesNoNodes(shape: [Int64]) throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.graphs = [
      .init(
        try workspace.write(
          NumPy.zip([
            ("format.npy", NumPy.npy(text: "coo")), ("shape.npy", NumPy.npy(shape)),
            ("row.npy", NumPy.npy([0])), ("col.npy", NumPy.npy([0])),
            ("data.npy", NumPy.npy([1])),
          ]), to: "m.npz"))
    ]
    #expect(try steps(options, in: workspace) < 8)
  }

  @Test(arguments: [(1 << 24) + 1, 1 << 32, (1 << 32) + 1, Int.max, -1])
  func aCountInMetadataMakesNoNodes(count: Int) throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.graphs = [
      .init(
        try workspace.writeFolder(
          "d",
          [
            "metadata.yaml":
              "graph: {nodes: [{num: \(count)}], edges: [{format: csv, path: e.csv}]}\n",
            "e.csv": "0,1\n",
          ]), as: .graphBolt)
    ]
    #expect(try steps(options, in: workspace) < 4)
  }

  @Test(arguments: ["16777217", "4294967296", "9223372036854775807", "1\n9223372036854775807"])
  func aListOfCountsMakesNoNodes(counts: String) throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.graphs = [
      .init(
        try workspace.writeFolder(
          "d",
          [
            "raw/edge.csv": "0,1\n", "raw/num-node-list.csv": counts,
            "raw/num-edge-list.csv": "1\n",
          ]), as: .ogb)
    ]
    #expect(try steps(options, in: workspace) < 8)
  }

  /// Any number of rows of no elements takes no bytes.
  @Test func anArrayWithoutColumnsHasNoRows() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.graphs = [
      .init(
        try workspace.writeFolder(
          "d",
          [
            "raw/data.npz": NumPy.zip([
              ("edge_index.npy", NumPy.npy([0, 0], "<i8", [2, 1])),
              ("num_nodes_list.npy", NumPy.npy([1])),
              ("num_edges_list.npy", NumPy.npy([] as [Int64], "<i8", [1 << 40, 0])),
            ])
          ]), as: .ogb)
    ]
    #expect(try steps(options, in: workspace) < 8)
  }

  @Test func manyNodesAreMadeWhereFilesSpeakOfThem() {
    let most = NumberedNodes.emptyLimit
    #expect(NumberedNodes.fault(most, .entries(0)) == nil)
    #expect(NumberedNodes.fault(most + 16, .entries(most / 16)) != nil)
    #expect(NumberedNodes.fault(most + 16, .entries(most / 16 + 1)) == nil)
    #expect(NumberedNodes.fault(1 << 32, .bytes(1 << 28)) == nil)
    #expect(NumberedNodes.fault(1 << 32, .bytes((1 << 28) - 1)) != nil)
    #expect(NumberedNodes.fault((1 << 32) + 1, .bytes(.max)) != nil)
    #expect(NumberedNodes.fault(-1, .entries(0)) != nil)
  }

  @Test func aMatrixOfManyNodesAndFewEntriesIsRead() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.graphs = [
      .init(
        try workspace.write(
          "%%MatrixMarket matrix coordinate pattern general\n2000000 2000000 1\n5 1999999\n",
          to: "m.mtx"))
    ]
    let report = try Ingest.run(
      options, into: workspace.storePath, budget: MemoryBudget(total: 256 << 20),
      pool: ThreadPool(threadCount: 2))
    #expect(report.nodes["node"] == 2_000_000 && report.edges[.plain] == 1)
  }

  @Test(
    arguments: [
      [0, 1 << 32], [0, 1 << 32, 5], [0, -1], [0, (1 << 24) + 1], [0, 7], [0, 3, 1 << 20, 1 << 40],
    ]
      as [[Int64]])
  func offsetsMakeNoEdgesThatNothingElseSpeaksOf(offsets: [Int64]) throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.offsets = [
      .init(Self.belongs, try workspace.write(offsets, "<i8", width: nil, to: "o.npy"))
    ]
    if offsets == [0, 7] {
      options.features = [
        .init(
          "point", "x",
          try workspace.write([Float](repeating: 1, count: 12), "<f4", width: 2, to: "x.npy"))
      ]
    }
    #expect(try steps(options, in: workspace) < 4)
  }

  @Test func offsetsWithinTheirFeaturesAreRead() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.offsets = [
      .init(
        Self.belongs, try workspace.write([0, 2, 2, 6] as [Int64], "<i8", width: nil, to: "o.npy"))
    ]
    options.features = [
      .init(
        "point", "x",
        try workspace.write([Float](repeating: 1, count: 12), "<f4", width: 2, to: "x.npy"))
    ]
    let (report, graph) = try workspace.ingest(options)
    #expect(report.edges[Self.belongs] == 6)
    #expect(try Contents(graph).into[Self.belongs]?.map(\.count) == [2, 4])
  }

  /// Values within values are not kept, vectors and labels are what they were.
  @Test func manyMembersAreRefusedOrText() throws {
    let workspace = try Workspace()
    var options = IngestOptions()
    options.badLines = .report
    func object(_ count: Int) -> String {
      "{" + (0..<count).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}"
    }
    let many = object(20_000)
    let lines = [
      "{\"id\":1,\"words\":\(many),\"more\":\(many),\"v\":[ 1 , -2.5e0,3]}",
      "{\"id\":2,\"words\":{},\"v\":[4,5,6],\"more\":[[1],[]]}",
      "{\"id\":3," + many.dropFirst(),
    ]
    options.nodes = [
      .init("n", try workspace.write(lines.joined(separator: "\n") + "\n", to: "n.jsonl"))
    ]
    let (report, graph) = try workspace.ingest(options)
    #expect(report.messages == ["\(options.nodes[0].path):3: has more than 8192 keys"])
    #expect(columns("n", in: graph) == ["words:string", "more:string", "v:float32[3]"])
    #expect(
      try Contents(graph).nodes["n"]! == [
        [.text(many), .text(many), .vector([1, -2.5, 3])],
        [.text("{}"), .text("[[1],[]]"), .vector([4, 5, 6])],
      ])
  }
}
