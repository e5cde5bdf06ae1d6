import HedgerowIngest
import HedgerowTestSupport

extension FuzzSeeds {
  /// Tables whose types the caller names.
  static let tables: [FuzzTests.Parser] = [
    .tables(
      FuzzTarget(
        "delimited",
        seeds: [
          text(
            ("n.csv", people), ("e.tsv", "source\ttarget\tw:float\n1\t2\t.5\n3\t1\t\n"),
            ("s.csv", "id,set\n1,train\n2,test\n,none\n")),
          text(
            (
              "n.txt",
              "# c\n00000000-0000-0000-0000-000000000001 a\n00000000-0000-0000-0000-00000000000f b\n"
            ),
            ("e.txt", "00000000-0000-0000-0000-000000000001 00000000-0000-0000-0000-00000000000f\n")
          ),
          text(
            (
              "n.csv",
              "id:string,t:timestamp,v:float32[2],c:categorical,b:bytes\n\"a\"\"b\",2020-01-02T03:04:05Z,\"1,2\",x,00\nc,,\"[3 4]\",,\n"
            ),
            ("n2.csv", "id:string,u:int8\nd,5\n"), ("e.csv", "a\"b,c\nc,d\n")),
        ],
        words: [
          ",", "\t", "\n", "\r\n", "\"", "\"\"", "\u{FEFF}", "\u{0}", ":int8", ":int32", ":float16",
          ":bool", ":string", ":uuid", ":timestamp[us]", ":float32[3]", ":int8*0.5[2]", "|", ";",
          " ",
          "#", "%", "id", "source", "target", "true", "2020-13-45", "1970-01-01 00:00:00.000001",
          "00000000-0000-0000-0000-000000000001", "set", "\u{E9}", "1;2", "[", "]",
        ])),
    .graph(
      .triples,
      FuzzTarget(
        "triples",
        seeds: [
          text(("train.txt", "a\tr\tb\nb\ts\tc\n"), ("test.txt", "a\tr\tc\n")),
          text(("t.txt", "a r b\n\"b c\" s d\n")),
        ], words: ["\t", "\n", " ", "\"", ",", "\r\n", "\u{0}", "#"])),
    .graph(
      .edgeList,
      FuzzTarget(
        "edge-list",
        seeds: [text(("g.txt", "# c\n1 2\n2 3\n")), text(("g.csv", "a,b,0.5\nb,c,1\n"))],
        words: ["\t", "\n", " ", "\"", ",", "\r\n", "\u{0}", "#", "%", "source,target\n"])),
    .tables(
      FuzzTarget(
        "json-lines",
        seeds: [
          text(
            ("n.jsonl", "{\"id\":1,\"x\":[1,2.5],\"t\":\"a\"}\n{\"id\":2,\"t\":null,\"b\":true}\n"),
            (
              "e.jsonl", "{\"source\":1,\"target\":\"2\",\"w\":-3}\n{\"target\":1,\"source\":1}\n"
            )),
          text(
            (
              "n.json",
              "{\"id\":\"a\",\"o\":{\"p\":[{\"q\":1}]},\"v\":[[1],[2]]}\n{\"id\":\"b\\u00e9\"}\n"
            )
          ),
        ],
        words: [
          "{", "}", "[", "]", "\"", ",", "9223372036854775808", "\\u0000", "\"id\"", "\n", ":",
          "null", "true", "\\ud83d\\ude00", "\\", "{\"id\":", "[[", "-0.0", "\u{0}",
        ])),
    specification,
  ]

  /// `spec.yaml`, and files that it can name.
  private static let specification = FuzzTests.Parser(
    target: FuzzTarget(
      "spec",
      seeds: [
        """
        # an import
        on-missing: skip
        nodes:
          paper: {file: n.csv, key: id, split: part, rename: {name: title}, kinds: {w: float32}}
          author:
            files: [{file: "a*.csv", header: false, columns: [id, "", name]}]
            key: id
            membership: {name: "author:at:place"}
        edges:
          paper:cites:paper: {file: e.csv, undirected: true, weight: w, combine: {w: sum}}
          author:wrote:paper: {files: [e.csv], source: source, target: target, without: [w], delimiter: comma}
        """,
        """
        {"nodes": {"paper": {"file": "n.csv", "constants": {"c": 5}, "only": ["name", "c"], "sets": ["s.csv"],
          "features": {"x": {"file": "x.npy", "kind": "float16"}}}},
         "edges": {"paper:cites:paper": {"file": "e.csv", "time": "w"}}, "on-error": "report", "parallel": "first",
         "files": ["g.mtx", {"file": "g.mtx", "format": "matrix-market"}]}
        """,
      ].map {
        text(
          ("spec.yaml", $0), ("n.csv", "id,name,w,part\n1,ann,1.5,train\n2,bob,,test\n"),
          ("a1.csv", "1,x,y\n2,,z\n"), ("e.csv", "source,target,w\n1,2,5\n2,1,6\n"),
          ("s.csv", "id,set\n1,best\n"), ("g.mtx", "2 2 1\n1 2 .5\n"))
          + [("x.npy", NumPy.npy([Float(1), 2], "<f4", [2, 1]))]
      },
      words: [
        "\n", "  ", ": ", "- ", "{", "}", "[", "]", ",", "\"", "'", "&a ", "*a", "!!str ", "|\n",
        ">",
        "? ", "---\n", "#", "file", "files", "nodes", "edges", "key", "membership", "kinds",
        "rename",
        "only", "without", "constants", "separator", "delimiter", "header", "comment", "columns",
        "features", "sets", "split", "time", "weight", "combine", "undirected", "offsets", "n.csv",
        "*.csv", "?", "[a", "null", "~", "true", "no", "paper", "paper:cites:paper", "format",
        "float32[3]", "int8*1e999", "<<: ", "tab", "keep-last", "count", "merge", "row", "x.npy:y",
      ]), codes: [.noInput, .usage]
  ) { input in try IngestOptions(spec: "\(input.folder)/spec.yaml") }
}
