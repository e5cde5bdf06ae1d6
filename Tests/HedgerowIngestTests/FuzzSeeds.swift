import HedgerowIngest
import HedgerowTestSupport

/// What parsers are tried with: one target for each, whose inputs show all that it can read.
enum FuzzSeeds {
  static var parsers: [FuzzTests.Parser] { graphs + arrays + folders + tables }

  static func text(_ files: (name: String, text: String)...) -> [FuzzTarget.File] {
    files.map { ($0.name, Array($0.text.utf8)) }
  }

  /// Formats of one file.
  private static let graphs: [FuzzTests.Parser] = [
    .graph(
      .matrixMarket,
      FuzzTarget(
        "matrix-market",
        seeds: [
          text(
            (
              "m.mtx",
              "%%MatrixMarket matrix coordinate complex hermitian\n% x\n3 3 2\n1 1 4 0\n2 1 1 -2.5\n"
            )),
          text(("m.mtx", "%%MatrixMarket matrix array real general\n2 3\n1\n-2.5\n0\n1e3\n0\n7\n")),
          text(
            (
              "m.mtx",
              "%%MatrixMarket matrix coordinate integer skew-symmetric\n%%GraphBLAS type int16_t\n4 4 2\n2 1 5\n4 2 -7\n"
            )),
        ],
        words: [
          "array", "pattern", "skew-symmetric", "symmetric", "integer", "\n", "0", "1e999", " ",
          "%%GraphBLAS type uint8_t\n", "uint64_t", "float complex", "general", "real",
        ])),
    .graph(
      nil,
      FuzzTarget(
        "rdf",
        seeds: [
          text(("q.nq", "<a:a> <a:p#q> \"x\\n\\u00e9\"@en <a:g> .\n_:b <a:p> <a:c> .\n")),
          text(
            (
              "t.nt",
              "# c\n<a:a> <a:p> \"5\"^^<a:int> .\n<a:b> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <a:T> .\n<a:a> <a:r> _:x .\n"
            )),
        ],
        words: [
          "<", ">", "\"", "\\u", "\\U0010FFFF", "\\ud800", "_:", ".", "^^<a:t>", "#", "\\", "@en",
          "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>", "\t", "<a:>", "\u{FEFF}",
        ])),
    .graph(
      .propertyCSV,
      FuzzTarget(
        "property-csv",
        seeds: [
          text(
            (
              "n.csv",
              "i:ID(S),:LABEL,name,x:float[],n:int\na,A;B,\"q \"\"r\"\"\",1;2,3\nb,B,,,\nc,A,z,3;4,-1\n"
            ), ("e.csv", ":START_ID(S),:END_ID(S),:TYPE,w:double\na,b,r,.5\nc,c,s,\nb,a,r,1e3\n")),
          text(
            ("n.csv", "~id,~label,w:Int(single),t:String\n1,A,5,x\n2,B,,\"a\nb\"\n3,A,7,\n"),
            ("e.csv", "~id,~from,~to,~label\n1,1,2,r\n2,3,3,r\n")),
          text(
            ("person_0_0.csv", "id|firstName|birthday\n933|Mahinda|628646400000\n"),
            ("person_knows_person_0_0.csv", "Person.id|Person.id|creationDate\n933|933|5\n")),
        ],
        words: [
          ":ID", "(S)", ";", ",", "\"", "\n", ":TYPE", "~id", "~from", "[]", ":long", "|", "~label",
          "~to", ":Date", "{", "}", "(set)", ":LABEL", ":IGNORE", ":START_ID(S)", ":vector",
          "id:ID",
          ":boolean", ":point", "\r\n", "\u{FEFF}", ".id|",
        ])),
    .graph(
      .apocJSON,
      FuzzTarget(
        "apoc-json",
        seeds: [
          text(
            (
              "g.json",
              """
              {"type":"node","id":"0","labels":["U","V"],"properties":{"n":"\\u00e9\\n","a":4,"l":[1,2]}}
              {"type":"node","id":"1","properties":{"a":1.5,"o":{"x":[null]}}}
              {"type":"relationship","id":"0","label":"K","start":{"id":"0"},"end":{"id":"1","labels":["W"]}}
              """
            ))
        ],
        words: [
          "{", "}", "[", "]", "\"", ":", ",", "null", "\\ud800", "-0", "1e400", "\"id\"", "\n",
          "\"labels\":[]", "\"properties\":{}", "\"type\":\"node\"", "true", "\\u0000",
        ])),
    .graph(
      .graphML,
      FuzzTarget(
        "graphml",
        seeds: [
          text(
            (
              "g.graphml",
              """
              <?xml version="1.0" encoding="UTF-8"?>
              <graphml><key id="l" for="node" attr.name="labelV"/><key id="k" attr.type="int"><default>1</default></key>
              <graph edgedefault="undirected"><node id="a"><data key="l">:A:B</data></node><node id="b"/>
              <edge id="e" source="a" target="b" directed="true"><data key="k">5</data></edge></graph></graphml>
              """
            )),
          text(
            (
              "g.graphml",
              """
              <graphml xmlns="http://graphml.graphdrawing.org/xmlns"><key id="k" for="all" attr.name="w" attr.type="double"/>
              <graph id="g" edgedefault="directed"><node id="1"><port name="p"/><graph id="1:"><node id="1::1"/></graph></node>
              <hyperedge><endpoint node="1"/></hyperedge><edge source="1" target="1::1" label="KNOWS"/></graph></graphml>
              """
            )),
        ],
        words: [
          "<", ">", "/>", "&amp;", "&#0;", "&#x10FFFF;", "<![CDATA[", "]]>", "<!DOCTYPE x [",
          "<!ENTITY a \"aaaaaaaaaa\">", "<!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">", "&a;", "&b;",
          "<graph>", "</graph>", "UTF-16", "\"", "<node id=\"z\"/>", "<data key=\"k\">", "</data>",
          "<!--", "-->", "xmlns:a=\"b\"", "labels=\":A\"", "SYSTEM \"/etc/hostname\"", "ISO-8859-1",
        ])),
  ]

  /// Arrays and archives of them, and streams.
  private static let arrays: [FuzzTests.Parser] = [
    .graph(
      .scipyMatrix,
      FuzzTarget(
        "scipy",
        seeds: [
          [
            ("format.npy", NumPy.npy(text: "csr")),
            ("shape.npy", NumPy.npy([Int8(3), 3], "|i1", [2])),
            ("indptr.npy", NumPy.npy([0, 2, 2, 3], "<i4", [4])),
            ("indices.npy", NumPy.npy([Int32(0), 2, 1], "<i4", [3])),
            ("data.npy", NumPy.npy([1.5, -2, 1e300], "<f8", [3])),
          ],
          [
            ("format.npy", NumPy.npy(text: "coo")), ("shape.npy", NumPy.npy([3, 4])),
            ("row.npy", NumPy.npy([Int32(0), 2, 1], "<i4", [3])),
            ("col.npy", NumPy.npy([Int32(0), 2, 1], "<i4", [3])),
            ("data.npy", NumPy.npy([Float(1), -2, 3], "<f4", [3])),
          ],
        ],
        words: [
          "csc", "coo", "<i8", ">f4", "|b1", "(3,)", "(1, 3)", "True", "\u{0}", "\u{1}", ".npy",
          "row", "\u{FFFF}", "|O",
        ]
      ) { files, settings in
        let form = NumPy.ZipForm.allCases[Int(settings >> 8) % NumPy.ZipForm.allCases.count]
        return [("m.npz", NumPy.zip(files, form))]
      }),
    .graph(
      .scipyMatrix,
      FuzzTarget(
        "zip",
        seeds: NumPy.ZipForm.allCases.map { form in
          [
            (
              "m.npz",
              NumPy.zip(
                [
                  ("format.npy", NumPy.npy(text: "coo")),
                  ("shape.npy", NumPy.npy([Int8(3), 4], "|i1", [2])),
                  ("row.npy", NumPy.npy([Int32(0), 2, 1], "<i4", [3])),
                  ("col.npy", NumPy.npy([Int32(0), 2, 1], "<i4", [3])),
                  ("data.npy", NumPy.npy([Float(1), -2, 3], "<f4", [3])),
                ], form)
            )
          ]
        },
        words: [
          "PK\u{1}\u{2}", "PK\u{3}\u{4}", "PK\u{5}\u{6}", "PK\u{6}\u{6}", "PK\u{6}\u{7}", "\u{0}",
          "\u{1}\u{0}", "\u{8}", ".npy", "\u{1}\u{0}\u{10}\u{0}",
        ])),
    .tables(
      FuzzTarget(
        "numpy",
        seeds: [
          [
            ("x.npy", NumPy.npy([Float(1), 2, 3, 4, 5, 6], "<f4", [3, 2])),
            ("e.npy", NumPy.npy([0, 1, 2, 0], "<i8", [2, 2])),
            ("o.npy", NumPy.npy([0, 1, 3])),
          ],
          [
            ("x.npy", NumPy.npy([UInt16(1), 2, 3], ">u2", [3], fortran: true)),
            ("o.npy", NumPy.npy([Int32(0), 3, 3], "<i4", [3])),
          ],
          [("x.npy", NumPy.npy([Int8(1), 2, 3, 4], "|i1", [2, 2], fortran: true))],
        ],
        words: [
          "<i8", ">f4", "|b1", "<u8", "<f2", "(3,)", "(1, 3)", "(0, 3)", "(3, 0)", "()", "True",
          "False", "'shape': ", "'descr': ", "\u{0}", "\u{1}", "\n", "'", ", ", "|O", "<c8",
          "(1, 2, 3)", "4294967296", "\u{2}\u{0}",
        ])),
    .tables(
      FuzzTarget(
        "compressed",
        seeds: [
          [("n.csv.gz", Workspace.gzip(Array(people.utf8)))],
          [("n.csv.zst", Workspace.zstd(Array(people.utf8)))],
          [("n.csv", Workspace.gzip(Array(people.utf8)) + Workspace.gzip(Array("4,d,2\n".utf8)))],
          [("n.csv", Workspace.zstd(Array(people.utf8)) + Workspace.zstd(Array("4,d,2\n".utf8)))],
          [
            (
              "e.jsonl",
              Workspace.zstd(
                Array(String(repeating: "{\"source\":1,\"target\":2}\n", count: 99).utf8))
            )
          ],
        ], words: ["\u{1F}", "\u{0}", "PK", "(", "\u{1}"])),
  ]

  static let people = "id,name,w\n1,ann,1.5\n2,bob,\n3,\"c, d\",2\n"
}
