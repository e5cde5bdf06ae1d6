import HedgerowIngest
import HedgerowTestSupport

extension FuzzSeeds {
  /// Formats whose graphs are folders.
  static let folders: [FuzzTests.Parser] = [
    .folder(
      .ogb,
      FuzzTarget(
        "ogb",
        seeds: [
          text(
            ("d/raw/edge.csv.gz", "0,1\n1,0\n0,0\n"), ("d/raw/num-node-list.csv.gz", "2\n1\n"),
            ("d/raw/num-edge-list.csv.gz", "2\n1\n"),
            ("d/raw/node-feat.csv.gz", "1,2\n.5,4\n-1,1e3\n"),
            ("d/raw/edge-feat.csv.gz", "1\n2\n3\n"),
            ("d/raw/node_year.csv.gz", "2000\n2001\n2002\n"),
            ("d/raw/graph-label.csv.gz", "1,0.0\n,nan\n"), ("d/split/s/train.csv.gz", "0\n"),
            ("d/split/s/valid.csv.gz", "1\n")),
          text(
            ("d/raw/num-node-dict.csv.gz", "a,b\n2,3\n"),
            ("d/raw/triplet-type-list.csv.gz", "a,r,b\nb,s,b\n"),
            ("d/raw/relations/a___r___b/edge.csv.gz", "0,1\n1,2\n"),
            ("d/raw/relations/a___r___b/num-edge-list.csv.gz", "2\n"),
            ("d/raw/relations/b___s___b/edge.csv.gz", "2,2\n"),
            ("d/raw/relations/b___s___b/num-edge-list.csv.gz", "1\n"),
            ("d/raw/node-label/b/node-label.csv.gz", "0\n1\n\n2\n"),
            ("d/split/s/b/test.csv.gz", "0\n2\n")),
          [
            (
              "d/raw/data.npz",
              NumPy.zip([
                ("edge_index.npy", NumPy.npy([0, 1, 1, 0], "<i8", [2, 2])),
                ("num_nodes_list.npy", NumPy.npy([2])), ("num_edges_list.npy", NumPy.npy([2])),
                ("node_feat.npy", NumPy.npy([Float(1), 2], "<f4", [2, 1])),
              ])
            ), ("d/raw/node-label.npz", NumPy.zip([("node_label.npy", NumPy.npy([1, 2]))])),
          ],
        ],
        words: [
          "\n", ",", "-1", "nan", "\"", "x", "1.5", "\r\n", "\u{0}", "a", "b", "graph", "rev_",
          "___", "PK\u{1}\u{2}", "node_", ".npy", "edge_",
        ]
      ) { files, settings in
        guard settings & 0x300 == 0 else { return files }
        return files.map {
          ($0.name, $0.name.hasSuffix(".gz") ? Workspace.gzip($0.bytes) : $0.bytes)
        }
      }),
    .folder(
      .tu,
      FuzzTarget(
        "tu",
        seeds: [
          text(
            ("d/D_A.txt", "1, 2\n2, 1\n3, 3\n"), ("d/D_graph_indicator.txt", "1\n1\n2\n"),
            ("d/D_graph_labels.txt", "1\n-1\n"), ("d/D_node_labels.txt", "0\n1\n0\n"),
            ("d/D_node_attributes.txt", "1.0, 2\n3, 4\n5, 6\n"),
            ("d/D_edge_labels.txt", "0\n1\n2\n"))
        ],
        words: ["\n", ", ", "0", "-1", "nan", "\"", "x", "\r\n", "\u{0}"])),
    .folder(
      .kuzu,
      FuzzTarget(
        "kuzu",
        seeds: [
          text(
            (
              "d/schema.cypher",
              """
              CREATE NODE TABLE `U` (`n` STRING,`x` FLOAT[2],`b` BLOB,`s` STRUCT(a INT64, b STRING), PRIMARY KEY(`n`));
              CREATE REL TABLE F (FROM U TO U, FROM U TO V, since INT64,MANY_MANY);
              CREATE NODE TABLE V (id SERIAL, l INT64[], PRIMARY KEY(id));
              """
            ),
            (
              "d/copy.cypher",
              """
              COPY `U` (`n`,`x`,`b`,`s`) FROM "U.csv" (header=true, parallel=false);
              COPY V FROM "V.csv" (delim =',', quote='\\"');
              COPY F (since) FROM "F.csv" (from='U', to='U');
              """
            ), ("d/U.csv", "a.n,a.x,a.b,a.s\nk,\"[1,2]\",\\xAAb,{a: 1}\n\"m \"\"q\"\"\",,,\n"),
            ("d/V.csv", "1,\"[1,2]\"\n2,[]\n"), ("d/F.csv", "k,k,5\nk,\"m \"\"q\"\"\",\n")),
          KuzuFolderTests.parquet.map { (name: "d/\($0.key)", bytes: $0.value) },
        ],
        words: [
          "(", ")", ",", ";", "`", "\"", "'", "\\", "\\xZ", "[", "]", "CREATE", "FROM", "TO",
          "COPY", "UUID", "DECIMAL(1,2)", "[]", "[99999999999999999999]", "=", "\n", "PAR1",
          "\u{0}", "\u{15}\u{4}",
        ])),
    .folder(
      .dglCSV,
      FuzzTarget(
        "dgl-csv",
        seeds: [
          text(
            (
              "d/meta.yaml",
              "node_data:\n- {file_name: n.csv, ntype: u}\nedge_data:\n- file_name: e.csv\n  etype: [u, r, u]\n"
                + "graph_data: {file_name: g.csv}\n"
            ),
            ("d/n.csv", "graph_id,node_id,feat,train_mask\n0,1,\"1, 2\",1\n0,2,\"[3,4]\",False\n"),
            ("d/e.csv", "graph_id,src_id,dst_id\n0,1,2\n0,2,2\n"),
            ("d/g.csv", "graph_id,label\n0,1.5\n"))
        ],
        words: [
          "\n", ",", ": ", "- ", "{", "[", "\"", "&a ", "*a", "!!", "graph_id", "x", "/", "1",
          "graph_data", "ntype", "edges_feats_dim", "num_nodes", "label", "src_id", "split",
        ])),
    .folder(
      .graphBolt,
      FuzzTarget(
        "graphbolt",
        seeds: [
          text(
            (
              "d/metadata.yaml",
              """
              graph:
                nodes: [{type: u, num: 3}]
                edges: [{type: "u:r:u", format: csv, path: e.csv}]
              feature_data: [{domain: node, type: u, name: x, format: numpy, path: x.npy}]
              tasks:
              - train_set:
                - {type: u, data: [{name: seeds, format: numpy, path: s.npy}, {name: labels, format: numpy, path: l.npy}]}
                test_set:
                - {type: "u:r:u", data: [{name: seeds, format: numpy, path: p.npy}]}
              """
            ), ("d/e.csv", "0,1\n2,2\n")) + [
              ("d/x.npy", NumPy.npy([Float(1), 2, 3, 4, 5, 6], "<f4", [3, 2])),
              ("d/s.npy", NumPy.npy([Int32(2), 0], "<i4", [2])),
              ("d/l.npy", NumPy.npy([Float(1), .nan], "<f4", [2])),
              ("d/p.npy", NumPy.npy([Int8(0), 1, 2, 0], "|i1", [2, 2])),
            ]
        ],
        words: [
          "\n", ",", ": ", "- ", "{", "]", "\"", "&a ", "*a", "!!", "u:r:u", "null", "node", "edge",
          "numpy", "<i8", "(3,)", "True", "num", "4294967296", "csv", "path",
        ])),
  ]
}
