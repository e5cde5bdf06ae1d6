import HedgerowCore
import HedgerowIngest
import Testing

@Suite struct LayoutTests {
  private func layout(
    _ text: String, _ name: String = "table.tsv", _ role: TextLayout.Role = .edges,
    _ hints: TextLayoutHints = TextLayoutHints()
  ) throws -> TextLayout {
    let workspace = try Workspace()
    return try TextLayout(
      detecting: workspace.write(text, to: name), called: name, role: role, hints: hints)
  }

  private func hasHeader(_ text: String, _ name: String = "table.tsv") throws -> Bool {
    try layout(text, name, .edges).skipByteCount > 0
  }

  @Test func theFirstLineIsAHeaderWhereTheContractSaysSo() throws {
    #expect(try hasHeader("source\ttarget\na\tb\n"))
    #expect(try hasHeader("a\tb\tyear:int\n1\t2\t3\n"))
    #expect(try hasHeader("paper\tauthor\n0\t1\n"))
    #expect(try hasHeader("a\tb\tweight\nx\ty\tz\n"))
    #expect(try hasHeader("~from\t~to\nx\ty\n"))
    #expect(try hasHeader("source\ttarget\n"))
    #expect(try !hasHeader("1\t2\n3\t4\n"))
    #expect(try !hasHeader("a\tb\nc\td\n"))
    #expect(try !hasHeader("/m/027rn\tform_of\t/m/06cx9\n/m/1\tx\t/m/2\n"))
    #expect(try !hasHeader("x\ty\n1\tz\nq\t5\n"))
    #expect(try !hasHeader("http://a:1\tb\nc\td\n"))
  }

  @Test func optionsDecideTheHeader() throws {
    let forced = try layout(
      "a\tb\nc\td\n", "t.tsv", .edges, TextLayoutHints(header: .present))
    #expect(forced.skipByteCount == 4 && forced.columns.map(\.name) == ["a", "b"])
    let refused = try layout(
      "source\ttarget\n1\t2\n", "t.tsv", .edges, TextLayoutHints(header: .absent))
    #expect(refused.skipByteCount == 0)
    let named = try layout(
      "head\trel\ttail\n", "t.tsv", .edges,
      TextLayoutHints(names: ["source", "relation:categorical", "target"]))
    #expect(named.skipByteCount == 0 && named.keyColumns == [0, 2])
    #expect(named.columns[1].kind == .categorical && named.propertyColumns == [1])
    let skipping = try layout(
      "1,2,3,4\n", "t.csv", .edges, TextLayoutHints(names: ["source", "", "target", "w"]))
    #expect(skipping.keyColumns == [0, 2] && skipping.propertyColumns == [3])
  }

  @Test func theDelimiterFollowsTheNameOrTheLines() throws {
    let cases: [(String, String, Character, Int)] = [
      ("1\t2\n", "a.tsv", "\t", 2), ("1,2\n", "a.csv", ",", 2), ("1\t2\n", "a.txt.gz", "\t", 2),
      ("1|2|3\n4|5|6\n", "a.csv", "|", 3), ("1;2\n3;4\n", "a.dat", ";", 2),
      ("1 2\n3   4\n", "a.txt", " ", 2), ("1,2\n", "edges", ",", 2),
      ("a|b,c\td\n", "a.csv", ",", 2),
    ]
    for (text, name, delimiter, columns) in cases {
      let result = try layout(text, name)
      #expect(
        result.delimiter == delimiter.asciiValue! && result.columns.count == columns, "\(text)")
    }
    let single = try layout("New York\nRome\n", "cities.csv", .nodes)
    #expect(single.columns.count == 1)
    let colon = try layout("1:2\n", "a.txt", .edges, TextLayoutHints(delimiter: 58))
    #expect(colon.columns.count == 2)
  }

  @Test func keysAreNamedOrFirst() throws {
    #expect(try layout("weight,target,source\n1,2,3\n", "a.csv").keyColumns == [2, 1])
    #expect(try layout("Person.id|Person.id|since\n1|2|3\n", "a.csv").keyColumns == [0, 1])
    #expect(try layout("name,id\nx,2\n", "a.csv", .nodes).keyColumns == [1])
    #expect(try layout("person\tyear:int\nx\t2\n", "a.tsv", .nodes).keyColumns == [0])
  }

  @Test func namesAreMadeFit() throws {
    let result = try layout("id,first name,dist (km):float,,~label\n1,x,2,3,4\n", "a.csv", .nodes)
    #expect(
      result.columns.map(\.name) == ["id", "first_name", "dist__km_", "column_4", "label"])
    #expect(result.columns[2].kind == .float32)
  }

  @Test func aMarkIsSkipped() throws {
    let result = try layout("\u{FEFF}source\ttarget\n1\t2\n")
    #expect(result.skipByteCount == 3 + 14 && result.columns[0].name == "source")
  }

  @Test func headersThatMakeNoSenseAreRefused() throws {
    let cases: [(String, TextLayoutHints, String)] = [
      ("id,year:itn\n1,2\n", TextLayoutHints(), "no type"),
      ("id,x,x\n1,2,3\n", TextLayoutHints(), "two columns 'x'"),
      ("id:float\n1\n", TextLayoutHints(), "keys are int or string"),
      ("", TextLayoutHints(header: .present), "empty"),
      ("\n\n", TextLayoutHints(), "empty"),
      ("1,2\n", TextLayoutHints(names: ["id"]), "where 1 are named"),
    ]
    for (text, hints, part) in cases {
      let error = #expect(throws: HedgerowError.self) {
        try layout(text, "a.csv", .nodes, hints)
      }
      #expect(error?.description.contains(part) == true, "\(String(describing: error))")
    }
    let error = #expect(throws: HedgerowError.self) { try layout("1\n2\n", "a.tsv") }
    #expect(error?.message.contains("--delimiter") == true)
  }
}
