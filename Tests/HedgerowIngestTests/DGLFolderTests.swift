import HedgerowCore
import HedgerowIngest
import HedgerowStore
import Testing

/// Data sets of DGL: `CSVDataset`, and GraphBolt's `OnDiskDataset`.
@Suite struct DGLFolderTests {
  private func ingest(_ folder: String, in workspace: Workspace) throws -> Snapshot {
    var options = IngestOptions()
    options.graphs = [.init(folder)]
    return try workspace.ingest(options, memory: 64 << 20).graph
  }

  // MARK: CSVDataset

  private static let types = [
    "meta.yaml": """
    version: 1.0.0
    dataset_name: full_featured_dataset
    edge_data:
    - file_name: edges_0.csv
      etype: [user, follow, user]
    - file_name: edges_1.csv
      etype: [user, like, item]
      src_id_field: who
    node_data:
    - file_name: nodes_0.csv
      ntype: user
    - file_name: nodes_1.csv
      ntype: item
    """,
    "nodes_0.csv": """
    ,node_id,label,train_mask,val_mask,feat,name,odd_mask
    0,a,1,True,False,"0.5, 1",x,5
    1,b,0,False,True,"2, -1e3",y,0
    2,c,1,0.0,1.0,"[3, 4]",z,1

    """,
    "nodes_1.csv": "node_id,feat\n7,\"1.5,\"\n8,\"(2,)\"\n",
    "edges_0.csv":
      "src_id,dst_id,weight,train_mask\na,b,0.5,True\nb,c,1,False\n",
    "edges_1.csv": "who,dst_id,feat\na,7,\"1,2\"\nc,8,\"1,2,3\"\n",
  ]

  @Test func tablesOfSeveralTypesAreRead() throws {
    let workspace = try Workspace()
    let graph = try ingest(workspace.writeFolder("d", Self.types), in: workspace)
    #expect(
      columns("user", in: graph) == [
        "label:int64", "feat:float32[2]", "name:string", "odd_mask:int64",
      ])
    #expect(
      try nodes("user", "label", "feat", "name", in: graph) == [
        "a 1 0.5;1.0 x", "b 0 2.0;-1000.0 y", "c 1 3.0;4.0 z",
      ])
    #expect(try sets("user", in: graph) == ["train": ["a"], "valid": ["b", "c"]])
    #expect(try nodes("item", "feat", in: graph) == ["7 1.5", "8 2.0"])
    #expect(
      try edges(EdgeType("user", "follow", "user"), "weight", "train_mask", in: graph) == [
        "a>b 0.5 true", "b>c 1.0 false",
      ])
    // Lists of several lengths are no vectors.
    #expect(
      try edges(EdgeType("user", "like", "item"), "feat", in: graph) == ["a>7 1;2", "c>8 1;2;3"])
  }

  private static let graphs = [
    "meta.yaml": """
    dataset_name: many
    separator: ';'
    edge_data: [{file_name: edges.csv}]
    node_data: [{file_name: nodes.csv}]
    graph_data: {file_name: graphs.csv}
    """,
    "nodes.csv": "graph_id;node_id;feat\n0;1;.5\n0;2;1\nx;1;2\n",
    "edges.csv": "graph_id;src_id;dst_id\n0;1;2\nx;1;1\n",
    "graphs.csv": "graph_id;label;test_mask;feat\n0;1;1;1,2\nx;0;0;3,4\n",
  ]

  @Test func tablesOfSeveralGraphsAreRead() throws {
    let workspace = try Workspace()
    let graph = try ingest(workspace.writeFolder("d", Self.graphs), in: workspace)
    #expect(try nodes("node", "feat", in: graph) == ["0/1 0.5", "0/2 1.0", "x/1 2.0"])
    #expect(try nodes("graph", "label", "feat", in: graph) == ["0 1 1.0;2.0", "x 0 3.0;4.0"])
    #expect(try edges(EdgeType("node", "edge", "node"), in: graph) == ["0/1>0/2", "x/1>x/1"])
    #expect(
      try edges(EdgeType("node", "in", "graph"), in: graph) == ["0/1>0", "0/2>0", "x/1>x"])
    #expect(try sets("graph", in: graph) == ["test": ["0"]])
  }

  @Test func tablesThatDoNotFitTogetherAreRefusedWithTheFile() throws {
    let cases: [([String: String?], String, String)] = [
      (["meta.yaml": "version: 2.0.0\nnode_data: []\n"], "meta.yaml:1", "version '2.0.0'"),
      (["meta.yaml": "separator: ab\n"], "meta.yaml:1", "separator"),
      (["meta.yaml": "node_data:\n- ntype: x\n"], "meta.yaml:2", "file_name"),
      (["meta.yaml": "edge_data:\n- file_name: e\n  etype: [a]\n"], "meta.yaml:2", "relation"),
      (["meta.yaml": "edge_data:\n- file_name: edges.csv\n"], "meta.yaml:1", "no node_data"),
      (["meta.yaml": "{"], "meta.yaml:2", "no YAML"),
      (["nodes.csv": "graph_id;feat\n0;1\n"], "nodes.csv:1", "'node_id'"),
      (["nodes.csv": "graph_id;node_id\n0;\n"], "nodes.csv:2", "'node_id'"),
      (["nodes.csv": "graph_id;node_id\na/b;1\n"], "nodes.csv:2", "'/'"),
      (["edges.csv": "graph_id;src_id;dst_id\n0;1\n"], "edges.csv:2", "2 columns"),
    ]
    for (changes, place, part) in cases {
      let workspace = try Workspace()
      var files = Self.graphs
      for (name, text) in changes { files[name] = text }
      let folder = try workspace.writeFolder("d", files)
      expectRefused(at: place, part) { _ = try ingest(folder, in: workspace) }
    }
  }

  // MARK: GraphBolt

  private static let metadata = """
    dataset_name: small
    graph:
      nodes:
      - {type: user, num: 4}
      - {type: item, num: 2}
      edges:
      - {type: "user:follow:user", format: csv, path: edges/follow.csv}
      - {type: "user:like:item", format: numpy, path: edges/like.npy}
      feature_data:
      - {domain: edge, type: "user:like:item", name: weight, format: numpy, path: data/w.npy}
    feature_data:
    - {domain: node, type: user, name: feat, format: numpy, path: data/x.npy, in_memory: false}
    - {domain: node, type: item, name: price, format: numpy, path: data/p.npy}
    tasks:
    - name: classification
      num_classes: 3
      train_set:
      - type: user
        data:
        - {name: seeds, format: numpy, path: set/train.npy}
        - {name: labels, format: numpy, path: set/train_labels.npy}
      validation_set:
      - type: user
        data: [{name: seeds, format: numpy, path: set/valid.npy}]
      test_set:
      - type: "user:like:item"
        data:
        - {name: seeds, format: numpy, path: set/test.npy}
        - {name: labels, format: numpy, path: set/test_labels.npy}

    """
  private static let bolt: [String: [UInt8]] = [
    "metadata.yaml": Array(metadata.utf8),
    "edges/follow.csv": Array("0,1\n3,2\n".utf8),
    "edges/like.npy": NumPy.npy([0, 1, 1, 0], "<i8", [2, 2]),
    "data/w.npy": NumPy.npy([Float(0.5), 2], "<f4", [2]),
    "data/x.npy": NumPy.npy([Float(1), 2, 3, 4, 5, 6, 7, 8], "<f4", [4, 2]),
    "data/p.npy": NumPy.npy([3.5, 4], "<f8", [2, 1]),
    "set/train.npy": NumPy.npy([Int32(3), 0], "<i4", [2]),
    "set/train_labels.npy": NumPy.npy([2, 1]), "set/valid.npy": NumPy.npy([1]),
    "set/test.npy": NumPy.npy([0, 0, 2, 1], "<i8", [2, 2], fortran: false),
    "set/test_labels.npy": NumPy.npy([Float(1), 0], "<f4", [2]),
  ]

  @Test func dataSetsOfGraphBoltAreRead() throws {
    let workspace = try Workspace()
    let graph = try ingest(workspace.writeFolder("d", Self.bolt), in: workspace)
    #expect(
      try nodes("user", "label", "feat", in: graph) == [
        "0 1 1.0;2.0", "1 null 3.0;4.0", "2 null 5.0;6.0", "3 2 7.0;8.0",
      ])
    #expect(try nodes("item", "price", in: graph) == ["0 3.5", "1 4.0"])
    #expect(try edges(EdgeType("user", "follow", "user"), in: graph) == ["0>1", "3>2"])
    #expect(
      try edges(EdgeType("user", "like", "item"), "weight", in: graph) == ["0>1 0.5", "1>0 2.0"])
    #expect(try sets("user", in: graph) == ["train": ["0", "3"], "valid": ["1"]])
    #expect(
      try edges(EdgeType("user", "like_test", "item"), "label", in: graph) == ["0>0 1", "2>1 0"])
    #expect(columns("user", in: graph) == ["label:int64", "feat:float32[2]"])
  }

  /// Without types, and with several tasks.
  @Test func dataSetsOfOneTypeAreRead() throws {
    let workspace = try Workspace()
    let metadata = """
      graph:
        nodes: [{num: 3}]
        edges: [{format: numpy, path: e.npy}]
      tasks:
      - name: a
        train_set: [{data: [{format: numpy, path: s.npy, name: seeds}, {format: numpy, path: l.npy, name: labels}]}]
      - test_set: [{data: [{format: numpy, path: s.npy, name: seed_nodes}]}]
      - name: link
        train_set: [{data: [{format: numpy, path: p.npy, name: node_pairs}]}]
      """
    let folder = try workspace.writeFolder(
      "d",
      [
        "metadata.yaml": Array(metadata.utf8),
        "e.npy": NumPy.npy([UInt16(0), 1, 2, 2, 1, 0], "<u2", [2, 3]),
        "s.npy": NumPy.npy([2, 1]),
        "l.npy": NumPy.npy([Float(0.5), 1, .nan, 2], "<f4", [2, 2]),
        "p.npy": NumPy.npy([0, 1, 1, 2, 2, 0], "<i8", [3, 2]),
      ])
    let graph = try ingest(folder, in: workspace)
    #expect(try edges(EdgeType("node", "edge", "node"), in: graph) == ["0>2", "1>1", "2>0"])
    #expect(
      try nodes("node", "a_label_0", "a_label_1", in: graph) == [
        "0 null null", "1 null 2", "2 0.5 1",
      ])
    #expect(try sets("node", in: graph) == ["a_train": ["1", "2"], "task_1_test": ["1", "2"]])
    #expect(
      try edges(EdgeType("node", "edge_link_train", "node"), in: graph) == ["0>1", "1>2", "2>0"])
  }

  @Test func dataSetsThatDoNotFitTogetherAreRefusedWithTheFile() throws {
    func meta(_ part: String, _ other: String) -> [String: [UInt8]] {
      ["metadata.yaml": Array(Self.metadata.replacing(part, with: other).utf8)]
    }
    let cases: [([String: [UInt8]], String, String)] = [
      (meta("graph:", "graphs:"), "metadata.yaml:1", "no 'graph'"),
      (meta("num: 4", "num: -4"), "metadata.yaml:4", "size of -4"),
      (meta("num: 4", "nums: 4"), "metadata.yaml:4", "lacks 'num'"),
      (meta("type: item, num", "type: user, num"), "metadata.yaml:5", "again"),
      (meta("user:follow:user", "user:follow:box"), "metadata.yaml:7", "no node types"),
      (meta("format: csv", "format: torch"), "metadata.yaml:7", "'torch'"),
      (meta("domain: edge", "domain: graph"), "metadata.yaml:10", "'graph'"),
      (meta("type: user, name: feat", "type: box, name: feat"), "metadata.yaml:12", "'box'"),
      (
        meta(
          "{name: seeds, format: numpy, path: set/valid.npy}", "{name: x, format: numpy, path: y}"),
        "metadata.yaml:23", "no seeds"
      ),
      (["edges/follow.csv": Array("0,1\n4,2\n".utf8)], "follow.csv:2", "'4'"),
      (["data/w.npy": NumPy.npy([Float(1)], "<f4", [1])], "w.npy", "1 rows, fewer"),
      (["data/x.npy": NumPy.npy([Float(1), 2], "<f4", [1, 2])], "x.npy", "1 rows"),
      (["data/p.npy": NumPy.npy([1, 2, 3])], "p.npy", "3 rows, but there are 2"),
      (["set/train.npy": NumPy.npy([3, 4])], "train.npy[1]", "'4'"),
      (["set/train.npy": NumPy.npy([3, 0, 1])], "train_labels.npy", "fewer"),
      (["set/train.npy": NumPy.npy([3])], "train.npy", "fewer"),
      (["set/train.npy": NumPy.npy([3, 1, 0, 1], "<i8", [2, 2])], "metadata.yaml:18", "pairs"),
      (["set/train_labels.npy": NumPy.npy([1, (1 << 60) + 1])], "train_labels.npy[1]", "exactly"),
      (["set/valid.npy": NumPy.npy([UInt64(0)], "|O", [1])], "valid.npy", "pickled"),
    ]
    for (changes, place, part) in cases {
      let workspace = try Workspace()
      let folder = try workspace.writeFolder("d", Self.bolt.merging(changes) { $1 })
      expectRefused(at: place, part) { _ = try ingest(folder, in: workspace) }
    }
  }
}
