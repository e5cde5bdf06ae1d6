import HedgerowCore
import HedgerowExport
import HedgerowGraph
import HedgerowIngest
import HedgerowStore
import HedgerowTestSupport
import Testing

/// What is written for GraphBolt comes back, as far as it holds it.
@Suite struct GraphBoltTests {
  private let directory = TemporaryDirectory()

  private static func number(_ value: PropertyValue?) -> Double? {
    switch value {
    case .bool(let flag): flag ? 1 : 0
    case .int(let number): Double(number)
    case .float(let number): number.isNaN ? nil : number
    default: nil
    }
  }

  /// Random stores, with nodes that were deleted: numbers and edges by the places of nodes.
  @Test func randomStoresComeBackByNumbers() throws {
    var random = try RandomStore(at: directory("s"), seed: printedSeed())
    try random.change(800)
    let model = try ReferenceStore(of: random.store.snapshot())
    let report = try export(directory("s"), ExportOptions(.graphBolt), to: directory("out"))
    let after = try readBack(report, to: directory("new"))
    var ranks: [NodeType: [UInt32: UInt32]] = [:]
    for (type, nodes) in model.nodes {
      let live = nodes.keys.indices.filter { nodes.isThere[$0] }
      for (rank, id) in live.enumerated() { ranks[type, default: [:]][UInt32(id)] = UInt32(rank) }
      #expect(after.count(of: type) == live.count)
      for column in RandomStore.schema.node(type)!.properties {
        guard column.kind.isNumeric || column.kind == .bool || column.kind.width > 1 else {
          #expect(after.schema.node(type)!.property(column.name) == nil)
          continue
        }
        for (rank, id) in live.enumerated() {
          let found = try after.value(of: column.name, of: type, at: NodeID(UInt32(rank)))
          if case .vector = nodes.values[id][column.name] {
            #expect(found == nodes.values[id][column.name])
          } else {
            #expect(Self.number(found) == Self.number(nodes.values[id][column.name]))
          }
        }
      }
    }
    for (index, edges) in after.schema.edges.enumerated() {
      let type = edges.type
      let relation = Relation(type, .backward, index: index)
      var found: [[UInt32]] = []
      for source in 0..<UInt32(after.count(of: type.source)) {
        for target in try after.neighbors(of: NodeID(source), along: relation) {
          found.append([source, target])
        }
      }
      let expected = model.outOrder(type).map { place in
        let edge = model.edges[type]![place]
        return [ranks[type.source]![edge.source]!, ranks[type.target]![edge.target]!]
      }
      #expect(found == expected, "\(type)")
    }
    #expect(after.schema.edge(RandomStore.knows)!.isUndirected)
    #expect(Set(after.schema.edges.map(\.type)) == Set(model.edges.keys))
  }

  @Test func setsAndLabelsAreATask() throws {
    let nodes = directory.write(
      "nodes.csv",
      "id,label:int32,split,x:float32[2],n:int64,f:float64\na,2,train,1;2,,0.5\nb,0,test,3;4,7,\n"
        + "c,,,5;6,8,2\nd,1,train,7;8,9,3\n")
    let edges = directory.write("edges.csv", "source,target,w:float32\na,b,0.5\nd,c,2\n")
    var options = IngestOptions()
    options.nodes = [.init("paper", nodes)]
    options.edges = [.init(EdgeType("paper", "cites", "paper"), edges)]
    options.splits = [.init("paper", "split")]
    try Ingest.run(
      options, into: directory("s"), budget: makeBudget(), pool: ThreadPool(threadCount: 1))
    let report = try export(directory("s"), ExportOptions(.graphBolt), to: directory("out"))
    #expect(
      lines(directory("out"), "metadata.yaml") == [
        "dataset_name: hedgerow", "graph:", "  nodes:", "    - {type: \"paper\", num: 4}",
        "  edges:",
        "    - {type: \"paper:cites:paper\", format: numpy, path: \"edges-paper-cites-paper.npy\"}",
        "feature_data:",
        "- {domain: node, type: \"paper\", name: \"label\", format: numpy, path: \"nodes-paper-label.npy\"}",
        "- {domain: node, type: \"paper\", name: \"x\", format: numpy, path: \"nodes-paper-x.npy\"}",
        "- {domain: node, type: \"paper\", name: \"n\", format: numpy, path: \"nodes-paper-n.npy\"}",
        "- {domain: node, type: \"paper\", name: \"f\", format: numpy, path: \"nodes-paper-f.npy\"}",
        "- {domain: edge, type: \"paper:cites:paper\", name: \"w\", format: numpy, "
          + "path: \"edges-paper-cites-paper-w.npy\"}",
        "tasks:", "- name: node_classification", "  train_set:", "    - type: \"paper\"",
        "      data:", "      - {name: seeds, format: numpy, path: \"set-paper-train.npy\"}",
        "      - {name: labels, format: numpy, path: \"set-paper-train-labels.npy\"}",
        "  test_set:", "    - type: \"paper\"", "      data:",
        "      - {name: seeds, format: numpy, path: \"set-paper-test.npy\"}",
        "      - {name: labels, format: numpy, path: \"set-paper-test-labels.npy\"}",
      ])
    let after = try readBack(report, to: directory("new"))
    let columns = after.schema.node("paper")!.properties.map { "\($0.name):\($0.kind)" }
    #expect(Set(columns) == ["label:int64", "x:float32[2]", "n:float64", "f:float64"])
    func column(_ name: String) throws -> [String] {
      try (0..<UInt32(4)).map {
        try after.value(of: name, of: "paper", at: NodeID($0)).map { "\($0)" } ?? "null"
      }
    }
    #expect(try column("label") == ["2", "0", "null", "1"])
    #expect(try column("x") == ["1.0;2.0", "3.0;4.0", "5.0;6.0", "7.0;8.0"])
    #expect(try column("n") == ["null", "7.0", "8.0", "9.0"])
    #expect(try column("f") == ["0.5", "null", "2.0", "3.0"])
    #expect(try after.set(named: "train", of: "paper").map { Array($0) } == [0, 3])
    #expect(try after.set(named: "test", of: "paper").map { Array($0) } == [1])
    let edge = after.schema.edges[0]
    #expect(edge.type == EdgeType("paper", "cites", "paper"))
    #expect(edge.properties == [PropertySchema("w", .float32)])
  }
}
