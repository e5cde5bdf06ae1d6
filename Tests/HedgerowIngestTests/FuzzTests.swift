import Foundation
import HedgerowCore
import HedgerowIngest
import HedgerowStore
import HedgerowTestSupport
import Testing

/// Files of every format, mangled at random: each is read, or refused as bad data with its place.
///
/// A few in the fast set. `tools/fuzz` goes on for as long as it is told, under the address sanitizer,
/// and keeps what is found.
@Suite struct FuzzTests {
  /// Files of one call, and words that mean something in them.
  struct Corpus: CustomTestStringConvertible {
    /// What is ingested of the files.
    enum Input {
      case files
      /// Members of a zip archive, which is made after they are mangled.
      case archive(String)
      /// The folder that they are in.
      case folder
    }
    var format: GraphFormat?
    var name: String
    var input = Input.files
    var files: [(name: String, bytes: [UInt8])]
    var words: [String]

    init(
      format: GraphFormat?, name: String, input: Input = .files,
      files: [(name: String, text: String)] = [], arrays: [(name: String, bytes: [UInt8])] = [],
      words: [String]
    ) {
      self.format = format
      self.name = name
      self.input = input
      self.files = files.map { ($0.name, Array($0.text.utf8)) } + arrays
      self.words = words
    }

    var isFolder: Bool { if case .folder = input { true } else { false } }

    var testDescription: String { name }
  }

  private static let corpora: [Corpus] = [
    Corpus(
      format: .matrixMarket, name: "matrix-market",
      files: [
        (
          "m.mtx",
          "%%MatrixMarket matrix coordinate complex hermitian\n% x\n3 3 2\n1 1 4 0\n2 1 1 -2.5\n"
        )
      ], words: ["array", "pattern", "skew-symmetric", "symmetric", "integer", "\n", "0", "1e999"]),
    Corpus(
      format: .nQuads, name: "n-quads",
      files: [("q.nq", "<a:a> <a:p#q> \"x\\n\\u00e9\"@en <a:g> .\n_:b <a:p> <a:c> .\n")],
      words: ["<", ">", "\"", "\\u", "_:", ".", "^^<a:t>", "#", "\\"]),
    Corpus(
      format: .propertyCSV, name: "property-csv",
      files: [
        (
          "n.csv",
          "i:ID(S),:LABEL,name,x:float[],n:int\na,A;B,\"q \"\"r\"\"\",1;2,3\nb,B,,,\nc,A,z,3;4,-1\n"
        ), ("e.csv", ":START_ID(S),:END_ID(S),:TYPE,w:double\na,b,r,.5\nc,c,s,\nb,a,r,1e3\n"),
      ], words: [":ID", "(S)", ";", ",", "\"", "\n", ":TYPE", "~id", "~from", "[]", ":long", "|"]),
    Corpus(
      format: .propertyCSV, name: "gremlin",
      files: [
        ("n.csv", "~id,~label,w:Int(single),t:String\n1,A,5,x\n2,B,,\"a\nb\"\n3,A,7,\n"),
        ("e.csv", "~id,~from,~to,~label\n1,1,2,r\n2,3,3,r\n"),
      ], words: ["~id", "~label", "~to", ",", "\n", "\"", ":Date", "{", "}", "(set)"]),
    Corpus(
      format: .apocJSON, name: "apoc-json",
      files: [
        (
          "g.json",
          """
          {"type":"node","id":"0","labels":["U","V"],"properties":{"n":"\\u00e9\\n","a":4,"l":[1,2]}}
          {"type":"node","id":"1","properties":{"a":1.5,"o":{"x":[null]}}}
          {"type":"relationship","id":"0","label":"K","start":{"id":"0"},"end":{"id":"1","labels":["W"]}}
          """
        )
      ],
      words: ["{", "}", "[", "]", "\"", ":", ",", "null", "\\ud800", "-0", "1e400", "\"id\"", "\n"]),
    Corpus(
      format: nil, name: "json-lines",
      files: [
        ("n.jsonl", "{\"id\":1,\"x\":[1,2.5],\"t\":\"a\"}\n{\"id\":2,\"t\":null,\"b\":true}\n"),
        ("e.jsonl", "{\"source\":1,\"target\":\"2\",\"w\":-3}\n{\"target\":1,\"source\":1}\n"),
      ],
      words: ["{", "}", "[", "]", "\"", ",", "9223372036854775808", "\\u0000", "\"id\"", "\n"]),
    Corpus(
      format: .graphML, name: "graphml",
      files: [
        (
          "g.graphml",
          """
          <?xml version="1.0" encoding="UTF-8"?>
          <graphml><key id="l" for="node" attr.name="labelV"/><key id="k" attr.type="int"><default>1</default></key>
          <graph edgedefault="undirected"><node id="a"><data key="l">:A:B</data></node><node id="b"/>
          <edge id="e" source="a" target="b" directed="true"><data key="k">5</data></edge></graph></graphml>
          """
        )
      ],
      words: [
        "<", ">", "/>", "&amp;", "&#0;", "<![CDATA[", "]]>", "<!DOCTYPE x [", "<graph>", "</graph>",
        "UTF-16", "\"",
      ]),
    Corpus(
      format: .scipyMatrix, name: "scipy", input: .archive("m.npz"),
      arrays: [
        ("format.npy", NumPy.npy(text: "csr")), ("shape.npy", NumPy.npy([Int8(3), 3], "|i1", [2])),
        ("indptr.npy", NumPy.npy([0, 2, 2, 3], "<i4", [4])),
        ("indices.npy", NumPy.npy([Int32(0), 2, 1], "<i4", [3])),
        ("data.npy", NumPy.npy([1.5, -2, 1e300], "<f8", [3])),
      ],
      words: [
        "csc", "coo", "<i8", ">f4", "|b1", "(3,)", "(1, 3)", "True", "\u{0}", "\u{1}", ".npy",
        "row",
        "\u{FFFF}", "|O",
      ]),
    Corpus(
      format: .ogb, name: "ogb", input: .folder,
      files: [
        ("d/raw/edge.csv.gz", "0,1\n1,0\n0,0\n"), ("d/raw/num-node-list.csv.gz", "2\n1\n"),
        ("d/raw/num-edge-list.csv.gz", "2\n1\n"), ("d/raw/node-feat.csv.gz", "1,2\n.5,4\n-1,1e3\n"),
        ("d/raw/edge-feat.csv.gz", "1\n2\n3\n"), ("d/raw/node_year.csv.gz", "2000\n2001\n2002\n"),
        ("d/raw/graph-label.csv.gz", "1,0.0\n,nan\n"), ("d/split/s/train.csv.gz", "0\n"),
        ("d/split/s/valid.csv.gz", "1\n"),
      ], words: ["\n", ",", "-1", "nan", "\"", "x", "1.5", "\r\n", "\u{0}"]),
    Corpus(
      format: .ogb, name: "ogb-types", input: .folder,
      files: [
        ("d/raw/num-node-dict.csv.gz", "a,b\n2,3\n"),
        ("d/raw/triplet-type-list.csv.gz", "a,r,b\nb,s,b\n"),
        ("d/raw/relations/a___r___b/edge.csv.gz", "0,1\n1,2\n"),
        ("d/raw/relations/a___r___b/num-edge-list.csv.gz", "2\n"),
        ("d/raw/relations/b___s___b/edge.csv.gz", "2,2\n"),
        ("d/raw/relations/b___s___b/num-edge-list.csv.gz", "1\n"),
        ("d/raw/node-label/b/node-label.csv.gz", "0\n1\n\n2\n"),
        ("d/split/s/b/test.csv.gz", "0\n2\n"),
      ], words: ["\n", ",", "a", "b", "graph", "rev_", "\"", "___", "-1", "\u{0}"]),
    Corpus(
      format: .ogb, name: "ogb-arrays", input: .folder,
      arrays: [
        (
          "d/raw/data.npz",
          NumPy.zip([
            ("edge_index.npy", NumPy.npy([0, 1, 1, 0], "<i8", [2, 2])),
            ("num_nodes_list.npy", NumPy.npy([2])), ("num_edges_list.npy", NumPy.npy([2])),
            ("node_feat.npy", NumPy.npy([Float(1), 2], "<f4", [2, 1])),
          ])
        ), ("d/raw/node-label.npz", NumPy.zip([("node_label.npy", NumPy.npy([1, 2]))])),
      ], words: ["PK\u{1}\u{2}", "\u{0}", "node_", ".npy", "edge_"]),
    Corpus(
      format: .tu, name: "tu", input: .folder,
      files: [
        ("d/D_A.txt", "1, 2\n2, 1\n3, 3\n"), ("d/D_graph_indicator.txt", "1\n1\n2\n"),
        ("d/D_graph_labels.txt", "1\n-1\n"), ("d/D_node_labels.txt", "0\n1\n0\n"),
        ("d/D_node_attributes.txt", "1.0, 2\n3, 4\n5, 6\n"), ("d/D_edge_labels.txt", "0\n1\n2\n"),
      ], words: ["\n", ", ", "0", "-1", "nan", "\"", "x", "\r\n", "\u{0}"]),
    Corpus(
      format: .kuzu, name: "kuzu", input: .folder,
      files: [
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
        ("d/V.csv", "1,\"[1,2]\"\n2,[]\n"), ("d/F.csv", "k,k,5\nk,\"m \"\"q\"\"\",\n"),
      ],
      words: [
        "(", ")", ",", ";", "`", "\"", "'", "\\", "\\xZ", "[", "]", "CREATE", "FROM", "TO", "COPY",
        "UUID",
        "DECIMAL(1,2)", "[]", "[99999999999999999999]", "=", "\n",
      ]),
    Corpus(
      format: .kuzu, name: "kuzu-parquet", input: .folder,
      arrays: KuzuFolderTests.parquet.map { (name: "d/\($0.key)", bytes: $0.value) },
      words: ["PAR1", "\u{0}", "\u{15}\u{4}", "(", ")", ",", "CREATE", "FROM", "UUID", "[]"]),
    Corpus(
      format: .dglCSV, name: "dgl-csv", input: .folder,
      files: [
        (
          "d/meta.yaml",
          "node_data:\n- {file_name: n.csv, ntype: u}\nedge_data:\n- file_name: e.csv\n  etype: [u, r, u]\n"
            + "graph_data: {file_name: g.csv}\n"
        ), ("d/n.csv", "graph_id,node_id,feat,train_mask\n0,1,\"1, 2\",1\n0,2,\"[3,4]\",False\n"),
        ("d/e.csv", "graph_id,src_id,dst_id\n0,1,2\n0,2,2\n"),
        ("d/g.csv", "graph_id,label\n0,1.5\n"),
      ],
      words: ["\n", ",", ": ", "- ", "{", "[", "\"", "&a ", "*a", "!!", "graph_id", "x", "/", "1"]),
    Corpus(
      format: .graphBolt, name: "graphbolt", input: .folder,
      files: [
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
        ), ("d/e.csv", "0,1\n2,2\n"),
      ],
      arrays: [
        ("d/x.npy", NumPy.npy([Float(1), 2, 3, 4, 5, 6], "<f4", [3, 2])),
        ("d/s.npy", NumPy.npy([Int32(2), 0], "<i4", [2])),
        ("d/l.npy", NumPy.npy([Float(1), .nan], "<f4", [2])),
        ("d/p.npy", NumPy.npy([Int8(0), 1, 2, 0], "|i1", [2, 2])),
      ],
      words: [
        "\n", ",", ": ", "- ", "{", "]", "\"", "&a ", "*a", "!!", "u:r:u", "null", "node", "edge",
        "numpy",
        "<i8", "(3,)", "True",
      ]),
    Corpus(
      format: .scipyMatrix, name: "zip",
      arrays: [
        (
          "m.npz",
          NumPy.zip(
            [
              ("format.npy", NumPy.npy(text: "coo")),
              ("shape.npy", NumPy.npy([Int8(3), 4], "|i1", [2])),
              ("row.npy", NumPy.npy([Int32(0), 2, 1], "<i4", [3])),
              ("col.npy", NumPy.npy([Int32(0), 2, 1], "<i4", [3])),
              ("data.npy", NumPy.npy([Float(1), -2, 3], "<f4", [3])),
            ], .init(isDeflated: true, isLarge: true))
        )
      ],
      words: [
        "PK\u{1}\u{2}", "PK\u{3}\u{4}", "PK\u{5}\u{6}", "PK\u{6}\u{6}", "\u{0}", "\u{1}\u{0}",
        "\u{8}", ".npy",
      ]),
  ]

  private struct Generator {
    var state: UInt64
    mutating func next(below bound: Int) -> Int {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return Int((z ^ (z >> 31)) >> 1) % max(1, bound)
    }
  }

  private static func mangle(
    _ bytes: [UInt8], words: [String], by generator: inout Generator
  ) -> [UInt8] {
    var bytes = bytes
    for _ in 0...generator.next(below: 4) {
      let place = generator.next(below: bytes.count + 1)
      let end = min(bytes.count, place + generator.next(below: 12))
      switch generator.next(below: 8) {
      case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(generator.next(below: 8))
      case 1 where place < bytes.count: bytes[place] = UInt8(generator.next(below: 256))
      case 2: bytes.removeSubrange(place..<end)
      case 3: bytes.insert(contentsOf: bytes[place..<end], at: generator.next(below: bytes.count))
      case 4 where generator.next(below: 4) == 0: bytes.removeSubrange(place...)
      case 5 where generator.next(below: 16) == 0:
        bytes.insert(contentsOf: repeatElement(UInt8(ascii: "["), count: 300_000), at: place)
      default:
        let word = Array(words[generator.next(below: words.count)].utf8)
        if generator.next(below: 2) == 0 { bytes.removeSubrange(place..<end) }
        bytes.insert(contentsOf: word, at: place)
      }
    }
    return bytes
  }

  @Test(arguments: corpora)
  func mangledFilesAreReadOrRefused(corpus: Corpus) throws {
    let environment = ProcessInfo.processInfo.environment
    let seconds = environment["HEDGEROW_FUZZ_SECONDS"].flatMap { Double($0) }
    let seed = printedSeed()
    let workspace = try Workspace()
    // Inputs stay there when the process ends over one of them.
    let folder = environment["HEDGEROW_FUZZ_DIR"].map { "\($0)/\(corpus.name)-\(seed)" }
    if let folder {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    let start = ContinuousClock.now
    var round: UInt64 = 0
    var found = false
    while seconds.map({ (ContinuousClock.now - start) / .seconds(1) < $0 }) ?? (round < 40) {
      var generator = Generator(state: seed &+ round &* 0x1234_5678_9ABC_DEF1)
      round += 1
      let chosen = generator.next(below: corpus.files.count)
      var options = IngestOptions()
      if generator.next(below: 2) == 0 { options.badLines = .report }
      if generator.next(below: 3) == 0 { options.missingNodes = .skip }
      var members: [(name: String, bytes: [UInt8])] = []
      for (index, file) in corpus.files.enumerated() {
        var bytes = file.bytes
        if index == chosen { bytes = Self.mangle(bytes, words: corpus.words, by: &generator) }
        if case .archive = corpus.input {
          members.append((file.name, bytes))
          continue
        }
        let path = "\(folder ?? workspace.path)/\(file.name)"
        if file.name.contains("/") {
          try FileManager.default.createDirectory(
            atPath: String(path[..<path.lastIndex(of: "/")!]), withIntermediateDirectories: true)
        }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        if case .folder = corpus.input { continue }
        if corpus.format != nil {
          options.graphs.append(.init(path, as: corpus.format))
        } else if file.name.hasPrefix("n") {
          options.nodes.append(.init("n", path))
        } else {
          options.edges.append(.init(EdgeType("n", "r", "n"), path))
        }
      }
      switch corpus.input {
      case .files: break
      case .archive(let name):
        let path = "\(folder ?? workspace.path)/\(name)"
        let isDeflated = generator.next(below: 2) == 0
        try Data(NumPy.zip(members, .init(isDeflated: isDeflated)))
          .write(to: URL(fileURLWithPath: path))
        options.graphs = [.init(path, as: corpus.format)]
      case .folder:
        let path = "\(folder ?? workspace.path)/\(corpus.files[0].name.prefix { $0 != "/" })"
        options.graphs = [.init(path, as: corpus.format)]
      }
      let store = workspace.storePath
      do {
        try Ingest.run(
          options, into: store, budget: MemoryBudget(total: 64 << 20),
          pool: ThreadPool(threadCount: 1))
        if round % 16 == 0 {
          let problems = try StoreVerifier.verify(GraphStore.open(at: store, .readOnly)).problems
          #expect(problems.isEmpty, "round \(round - 1) of seed \(seed)")
          if !problems.isEmpty { found = true }
        }
        try FileManager.default.removeItem(atPath: store)
      } catch {
        let refused = error as? HedgerowError
        // The files of a folder may name others, which are not there then.
        let codes: [HedgerowError.Code] = corpus.isFolder ? [.badData, .noInput] : [.badData]
        let isGood = refused.map { codes.contains($0.code) && $0.place != nil } ?? false
        #expect(isGood, "round \(round - 1) of seed \(seed): \(error)")
        if !isGood { found = true }
      }
      if found { break }
    }
    print("\(corpus.name): \(round) mangled inputs")
    if let folder, !found { try FileManager.default.removeItem(atPath: folder) }
  }
}
