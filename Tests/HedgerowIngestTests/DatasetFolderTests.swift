import HedgerowCore
import HedgerowIngest
import HedgerowStore
import Testing

/// Folders that are data sets: of the Open Graph Benchmark, and collections of TUDataset.
@Suite struct DatasetFolderTests {
  private static let edge = EdgeType("node", "edge", "node")
  private static let membership = EdgeType("node", "in", "graph")

  private func ingest(
    _ folder: String, in workspace: Workspace, _ change: (inout IngestOptions) -> Void = { _ in }
  ) throws -> Snapshot {
    var options = IngestOptions()
    options.graphs = [.init(folder)]
    change(&options)
    return try workspace.ingest(options, memory: 64 << 20).graph
  }

  // MARK: The Open Graph Benchmark

  private static let single = [
    "raw/edge.csv.gz": "0,1\n2,1\n1,0\n", "raw/num-node-list.csv.gz": "3\n",
    "raw/num-edge-list.csv.gz": "3\n", "raw/node-feat.csv.gz": "1,2.5\n3,4\n-1,0\n",
    "raw/node_year.csv.gz": "2001\n2002\n2003\n", "raw/node-label.csv.gz": "1.0\nnan\n0.0\n",
    "raw/edge-feat.csv.gz": "0.5\n1\n2\n", "raw/edge_weight.csv.gz": "3\n4\n5\n",
    "split/time/train.csv.gz": "0\n2\n", "split/time/valid.csv.gz": "1\n",
    "split/time/test.csv.gz": "", "mapping/README.md": "nothing", "RELEASE_v1.txt": "",
  ]
  /// The same as arrays.
  private static let singleArrays: [String: [UInt8]] = [
    "raw/data.npz": NumPy.zip(
      [
        ("edge_index.npy", NumPy.npy([0, 2, 1, 1, 1, 0], "<i8", [2, 3])),
        ("num_nodes_list.npy", NumPy.npy([3])), ("num_edges_list.npy", NumPy.npy([3])),
        ("node_feat.npy", NumPy.npy([Float(1), 2.5, 3, 4, -1, 0], "<f4", [3, 2])),
        ("node_year.npy", NumPy.npy([2001, 2002, 2003], "<i8", [3, 1])),
        ("edge_feat.npy", NumPy.npy([Float(0.5), 1, 2], "<f4", [3, 1])),
        ("edge_weight.npy", NumPy.npy([3, 4, 5])),
      ], .init(isDeflated: true)),
    "raw/node-label.npz": NumPy.zip([
      ("node_label.npy", NumPy.npy([Float(1), .nan, 0], "<f4", [3, 1]))
    ]),
    "split/time/train.csv.gz": Workspace.gzip(Array("0\n2\n".utf8)),
    "split/time/valid.csv.gz": Array("1\n".utf8), "split/time/test.csv.gz": [],
  ]

  private func expectSingle(_ graph: Snapshot) throws {
    #expect(
      try nodes("node", "label", "year", "x", in: graph) == [
        "0 1 2001 1.0;2.5", "1 null 2002 3.0;4.0", "2 0 2003 -1.0;0.0",
      ])
    #expect(
      try edges(Self.edge, "weight", "x", in: graph) == ["0>1 3 0.5", "1>0 5 2.0", "2>1 4 1.0"])
    #expect(
      Set(columns("node", in: graph)) == ["label:int64", "year:int64", "x:float32[2]"])
    #expect(try sets("node", in: graph) == ["train": ["0", "2"], "valid": ["1"], "test": []])
    #expect(graph.schema.nodes.count == 1 && graph.schema.edges.count == 1)
  }

  @Test func aGraphIsReadOfTablesAndOfArrays() throws {
    let workspace = try Workspace()
    try expectSingle(ingest(workspace.writeFolder("csv", Self.single), in: workspace))
    try expectSingle(ingest(workspace.writeFolder("npz", Self.singleArrays), in: workspace))
    // The folder of the tables alone is the graph without its splits.
    let raw = try ingest("\(workspace.path)/csv/raw/", in: workspace)
    #expect(try edges(Self.edge, in: raw) == ["0>1", "1>0", "2>1"])
    #expect(try sets("node", in: raw).isEmpty)
  }

  @Test func severalGraphsAreNodesOfTheirOwn() throws {
    let workspace = try Workspace()
    let folder = try workspace.writeFolder(
      "g",
      [
        "raw/edge.csv.gz": "0,1\n1,0\n0,0\n2,0\n", "raw/num-node-list.csv.gz": "2\n0\n3\n",
        "raw/num-edge-list.csv.gz": "2\n0\n2\n", "raw/node-feat.csv.gz": "1\n2\n3\n4\n5\n",
        "raw/graph-label.csv.gz": "1,0.5\n,nan\n0.0,2\n",
        "split/scaffold/train.csv.gz": "0\n", "split/scaffold/test.csv.gz": "2\n",
        "split/random/train.csv.gz": "1\n2\n",
      ])
    let graph = try ingest(folder, in: workspace)
    #expect(try nodes("node", "x", in: graph) == ["0 1.0", "1 2.0", "2 3.0", "3 4.0", "4 5.0"])
    #expect(try edges(Self.edge, in: graph) == ["0>1", "1>0", "2>2", "4>2"])
    #expect(try edges(Self.membership, in: graph) == ["0>0", "1>0", "2>2", "3>2", "4>2"])
    #expect(
      try nodes("graph", "label_0", "label_1", in: graph) == ["0 1 0.5", "1 null null", "2 0 2.0"])
    #expect(
      try sets("graph", in: graph) == [
        "scaffold_train": ["0"], "scaffold_test": ["2"], "random_train": ["1", "2"],
      ])
  }

  private static let types = [
    "raw/num-node-dict.csv.gz": "author,paper\n2,3\n",
    "raw/triplet-type-list.csv.gz": "author,writes,paper\npaper,cites,paper\n",
    "raw/relations/author___writes___paper/edge.csv.gz": "0,2\n1,0\n",
    "raw/relations/author___writes___paper/num-edge-list.csv.gz": "2\n",
    "raw/relations/paper___cites___paper/edge.csv.gz": "2,0\n",
    "raw/relations/paper___cites___paper/num-edge-list.csv.gz": "1\n",
    "raw/relations/paper___cites___paper/edge_reltype.csv.gz": "7\n",
    "raw/node-feat/paper/node-feat.csv.gz": "1,2\n3,4\n5,6\n",
    "raw/node-feat/paper/node_year.csv.gz": "1\n2\n3\n",
    "raw/nodetype-has-label.csv.gz": "author,paper\nFalse,True\n",
    "raw/node-label/paper/node-label.csv.gz": "4\n5\n6\n",
    "split/time/nodetype-has-split.csv.gz": "author,paper\nFalse,True\n",
    "split/time/paper/train.csv.gz": "1\n", "split/time/paper/valid.csv.gz": "0\n",
    "split/time/paper/test.csv.gz": "2\n",
  ]
  private static let typeArrays: [String: [UInt8]] = [
    "raw/num_nodes_dict.npz": NumPy.zip([
      ("author.npy", NumPy.npy([2])), ("paper.npy", NumPy.npy([3])),
    ]),
    "raw/num_edges_dict.npz": NumPy.zip([
      ("author___writes___paper.npy", NumPy.npy([2])),
      ("paper___cites___paper.npy", NumPy.npy([1])),
    ]),
    "raw/edge_index_dict.npz": NumPy.zip([
      ("author___writes___paper.npy", NumPy.npy([0, 1, 2, 0], "<i8", [2, 2])),
      ("paper___cites___paper.npy", NumPy.npy([2, 0], "<i8", [2, 1])),
    ]),
    "raw/edge_reltype.npz": NumPy.zip([
      ("paper___cites___paper.npy", NumPy.npy([7], "<i8", [1, 1]))
    ]),
    "raw/node_feat_dict.npz": NumPy.zip([
      ("paper.npy", NumPy.npy([Float(1), 2, 3, 4, 5, 6], "<f4", [3, 2]))
    ]),
    "raw/node_year.npz": NumPy.zip([("paper.npy", NumPy.npy([1, 2, 3], "<i8", [3, 1]))]),
    "raw/node-label.npz": NumPy.zip([("paper.npy", NumPy.npy([4, 5, 6], "<i8", [3, 1]))]),
    "split/time/paper/train.csv.gz": Array("1\n".utf8),
    "split/time/paper/valid.csv.gz": Array("0\n".utf8),
    "split/time/paper/test.csv.gz": Array("2\n".utf8),
  ]

  @Test func severalTypesAreReadOfTablesAndOfArrays() throws {
    let workspace = try Workspace()
    for folder in [
      try workspace.writeFolder("csv", Self.types),
      try workspace.writeFolder("npz", Self.typeArrays),
    ] {
      let graph = try ingest(folder, in: workspace)
      #expect(try nodes("author", in: graph) == ["0", "1"])
      #expect(
        try nodes("paper", "label", "year", "x", in: graph) == [
          "0 4 1 1.0;2.0", "1 5 2 3.0;4.0", "2 6 3 5.0;6.0",
        ])
      #expect(try edges(EdgeType("author", "writes", "paper"), in: graph) == ["0>2", "1>0"])
      #expect(try edges(EdgeType("paper", "cites", "paper"), "reltype", in: graph) == ["2>0 7"])
      #expect(try sets("paper", in: graph) == ["train": ["1"], "valid": ["0"], "test": ["2"]])
      #expect(graph.schema.nodes.count == 2 && graph.schema.edges.count == 2)
    }
  }

  @Test func whatDoesNotFitTogetherIsRefusedWithTheFile() throws {
    let cases: [([String: String], [String: String?], String, String)] = [
      (Self.single, ["raw/num-node-list.csv.gz": "4\n"], "node-feat.csv.gz", "3 rows, fewer"),
      (
        Self.single, ["raw/num-node-list.csv.gz": "2\n"], "node-feat.csv.gz",
        "3 rows, but there are 2"
      ),
      (
        Self.single, ["raw/num-node-list.csv.gz": "x\n"], "num-node-list.csv.gz:1", "count of nodes"
      ),
      (
        Self.single, ["raw/num-node-list.csv.gz": "-3\n"], "num-node-list.csv.gz:1",
        "count of nodes"
      ),
      (
        Self.single, ["raw/num-node-list.csv.gz": "99999999999\n"], "num-node-list.csv.gz:1", "2^32"
      ),
      (Self.single, ["raw/num-node-list.csv.gz": nil], "/d/raw", "lacks num-node-list"),
      (Self.single, ["raw/num-edge-list.csv.gz": "2\n"], "edge.csv.gz", "has 3 edges"),
      (Self.single, ["raw/num-edge-list.csv.gz": "4\n"], "num-edge-list.csv.gz:1", "ends after 3"),
      (Self.single, ["raw/num-edge-list.csv.gz": "3\n0\n"], "num-edge-list.csv.gz", "has 2 graphs"),
      (Self.single, ["raw/edge.csv.gz": "0,1\n2,3\n1,0\n"], "edge.csv.gz:2", "'3'"),
      (Self.single, ["raw/edge.csv.gz": "0,1\n2\n1,0\n"], "edge.csv.gz:2", "1 column"),
      (Self.single, ["raw/edge.csv.gz": "0\n2\n1\n"], "edge.csv.gz:1", "edges have two"),
      (Self.single, ["raw/edge_weight.csv.gz": "1\n2\n"], "edge_weight.csv.gz", "fewer"),
      (Self.single, ["raw/node-feat.csv.gz": "1,2\n3,\n5,6\n"], "node-feat.csv.gz:2", "column 2"),
      (Self.single, ["split/time/train.csv.gz": "0\n7\n"], "train.csv.gz:2", "'7'"),
      (Self.types, ["raw/num-node-dict.csv.gz": nil], "/d/raw", "lacks num-node-dict"),
      (
        Self.types, ["raw/triplet-type-list.csv.gz": "author,writes,book\n"],
        "triplet-type-list.csv.gz:1", "'book'"
      ),
      (
        Self.types, ["raw/triplet-type-list.csv.gz": "paper,cites\n"], "triplet-type-list.csv.gz",
        "three"
      ),
      (
        Self.types, ["raw/relations/paper___cites___paper/edge.csv.gz": nil],
        "paper___cites___paper", "lacks edge.csv.gz"
      ),
    ]
    for (files, changes, place, part) in cases {
      let workspace = try Workspace()
      var files = files
      for (name, text) in changes { files[name] = text }
      let folder = try workspace.writeFolder("d", files)
      expectRefused(at: place, part) { _ = try ingest(folder, in: workspace) }
    }
  }

  @Test func picklesOfSplitsAreLeftOutOnRequest() throws {
    let workspace = try Workspace()
    var files = Self.single.filter { !$0.key.hasPrefix("split") }
    files["split/time/split_dict.pt"] = "x"
    let folder = try workspace.writeFolder("d", files)
    expectRefused(at: "split_dict.pt", "pickle") { _ = try ingest(folder, in: workspace) }
    let graph = try ingest(folder, in: workspace) { $0.badLines = .report }
    #expect(graph.count(of: Self.edge) == 3)
  }

  // MARK: TUDataset

  private static let collection = [
    "D_A.txt": "1, 2\n2, 1\n3, 4\n4, 3\n", "D_graph_indicator.txt": "1\n1\n2\n2\n",
    "D_graph_labels.txt": "1\n-1\n3\n", "D_node_labels.txt": "0\n1\n0\n2\n",
    "D_node_attributes.txt": "1.0, 2\n3,4\n5, 6e1\n-7, 8\n", "D_edge_labels.txt": "0\n0\n1\n1\n",
    "D_edge_attributes.txt": "1, 2\n1, 2\n3, 4\n3, 4\n", "D_graph_attributes.txt": "0.5\n1\n2\n",
    "README.txt": "words",
  ]

  @Test func collectionsOfGraphsAreRead() throws {
    let workspace = try Workspace()
    let nested = Dictionary(
      uniqueKeysWithValues: Self.collection.map { ("raw/\($0.key)", $0.value) })
    for folder in [
      try workspace.writeFolder("flat", Self.collection),
      try workspace.writeFolder("nested", nested),
    ] {
      let graph = try ingest(folder, in: workspace)
      #expect(
        try nodes("node", "label", "x", in: graph) == [
          "1 0 1.0;2.0", "2 1 3.0;4.0", "3 0 5.0;60.0", "4 2 -7.0;8.0",
        ])
      #expect(
        try nodes("graph", "label", "target", in: graph) == ["1 1 0.5", "2 -1 1.0", "3 3 2.0"])
      #expect(
        try edges(Self.edge, "label", "x", in: graph) == [
          "1>2 0 1.0;2.0", "2>1 0 1.0;2.0", "3>4 1 3.0;4.0", "4>3 1 3.0;4.0",
        ])
      #expect(try edges(Self.membership, in: graph) == ["1>1", "2>1", "3>2", "4>2"])
    }
    let bare = Self.collection.filter { ["D_A.txt", "D_graph_indicator.txt"].contains($0.key) }
    let graph = try ingest(workspace.writeFolder("bare", bare), in: workspace)
    #expect(graph.count(of: "graph") == 2 && graph.schema.node("node")!.properties.isEmpty)
  }

  @Test func collectionsThatDoNotFitTogetherAreRefusedWithTheFile() throws {
    let cases: [([String: String?], String, String)] = [
      (["D_graph_indicator.txt": "1\n1\n2\n4\n"], "D_graph_indicator.txt:4", "'4'"),
      (["D_graph_indicator.txt": "1\n0\n2\n2\n"], "D_graph_indicator.txt:2", "from 1"),
      (
        [
          "D_graph_indicator.txt": "1\n9\n", "D_graph_labels.txt": nil,
          "D_graph_attributes.txt": nil,
        ], "D_graph_indicator.txt", "names graph 9"
      ),
      (["D_graph_attributes.txt": "1\n2\n"], "D_graph_attributes.txt", "2 rows, fewer"),
      (["D_A.txt": "1, 2\n2, 5\n"], "D_A.txt:2", "'5'"),
      (["D_A.txt": "0, 2\n"], "D_A.txt:1", "'0'"),
      (["D_A.txt": "1, 2, 3\n"], "D_A.txt:1", "edges have two"),
      (["D_node_labels.txt": "1\n2\n"], "D_node_labels.txt", "2 rows, fewer"),
      (["D_edge_labels.txt": "1\n2\n3\n4\n5\n"], "D_edge_labels.txt", "5 rows, but there are 4"),
      (["D_node_attributes.txt": "1, 2\n3\n"], "D_node_attributes.txt:2", "1 column"),
      (["E_A.txt": "1, 2\n", "E_graph_indicator.txt": "1\n1\n"], "/d", "2 collections"),
    ]
    for (changes, place, part) in cases {
      let workspace = try Workspace()
      var files = Self.collection
      for (name, text) in changes { files[name] = text }
      let folder = try workspace.writeFolder("d", files)
      expectRefused(at: place, part) { _ = try ingest(folder, in: workspace) }
    }
    // The format that is asked for, where the folder is another.
    let workspace = try Workspace()
    let folder = try workspace.writeFolder("d", Self.single)
    expectRefused(at: "/d", "lacks DS_A.txt") {
      _ = try ingest(folder, in: workspace) { $0.graphs[0].format = .tu }
    }
    expectRefused(at: "edge.csv.gz", "no folder") {
      _ = try ingest(folder + "/raw/edge.csv.gz", in: workspace) { $0.graphs[0].format = .ogb }
    }
  }
}
