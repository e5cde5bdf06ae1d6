import Foundation
import HedgerowTestSupport
import Testing

/// `hedgerow nodes`, and `--where` of the other commands.
@Suite struct NodesCommandTests {
  private let directory = TemporaryDirectory()
  private var store: String { directory("s") }

  private func run(_ arguments: String...) throws -> CommandLineRun {
    try CommandLineRun(arguments: arguments)
  }

  private func makeStore() throws {
    directory.write(
      "n.tsv",
      """
      id\tyear:int\tlabel:categorical\ttitle:string\tscore:float32\tdata:bytes\tv:float32[2]\tsplit
      p1\t2009\tml\tDune\t0.1\t0x00ff\t1;2\ttrain
      p2\t2010\tml\t"a\ttab and ""quotes""\"\t\t0x\t\ttrain
      p3\t2011\tdb\t\t1e30\t\t0.5;-1\ttest
      p4\t\t\tDu\tinf\t\t\ttrain

      """)
    directory.write("e.tsv", "source\ttarget\np1\tp2\np2\tp3\np3\tp4\np4\tp1\n")
    let made = try run(
      "ingest", store, "--nodes", "paper=\(directory("n.tsv"))", "--edges",
      "paper:cites:paper=\(directory("e.tsv"))", "--split", "paper.split")
    try #require(made.status == 0, "\(made.errors)")
  }

  private func keys(_ arguments: String...) throws -> [String] {
    let listed = try CommandLineRun(arguments: ["nodes", store, "paper"] + arguments)
    #expect(listed.status == 0, "\(listed.errors)")
    return listed.output.split(separator: "\n").dropFirst().map {
      String($0.split(separator: "\t")[0])
    }
  }

  @Test func nodesAreListedAsIngestReadsThem() throws {
    try makeStore()
    let all = try run("nodes", store, "paper")
    #expect(all.status == 0 && all.errors.isEmpty)
    #expect(
      all.output == """
        id\tyear:int64\tlabel:categorical\ttitle:string\tscore:float32\tdata:bytes\tv:float32[2]\tsplit:categorical
        p1\t2009\tml\tDune\t0.1\t0x00ff\t1.0;2.0\ttrain
        p2\t2010\tml\t"a\ttab and ""quotes""\"\t\t0x\t\ttrain
        p3\t2011\tdb\t\t1e+30\t\t0.5;-1.0\ttest
        p4\t\t\tDu\tinf\t\t\ttrain

        """)
    directory.write("again.tsv", all.output)
    let again = try run(
      "ingest", directory("t"), "--nodes", "paper=\(directory("again.tsv"))")
    #expect(again.status == 0, "\(again.errors)")
    #expect(try run("nodes", directory("t"), "paper").output == all.output)
  }

  @Test func filtersColumnsAndLimits() throws {
    try makeStore()
    #expect(try keys("--where", "year >= 2010") == ["p2", "p3"])
    #expect(try keys("--where", "year >= 2010 and label = 'ml'") == ["p2"])
    #expect(try keys("--where", "not year >= 2010") == ["p1", "p4"])
    #expect(try keys("--where", "title starts with 'Du'") == ["p1", "p4"])
    #expect(try keys("--where", "score = 0.1 or data = 0x") == ["p1", "p2"])
    #expect(try keys("--where", "v is null", "--in", "train") == ["p2", "p4"])
    let shown = try run(
      "nodes", store, "paper", "--show", "2", "--columns", "label,year", "--in", "train")
    #expect(
      shown.output
        == "id\tlabel:categorical\tyear:int64\np1\tml\t2009\np2\tml\t2010\n2 of 3 nodes\n"
    )
    let json = try run(
      "nodes", store, "paper", "--where", "year < 2010 or score > 1e31", "--json")
    let object = try #require(
      JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    #expect(object["type"] as? String == "paper" && object["matched"] as? Int == 2)
    let nodes = try #require(object["nodes"] as? [[String: Any]])
    let first = try #require(nodes[0]["values"] as? [String: Any])
    #expect(nodes[0]["key"] as? String == "p1" && first["year"] as? Int == 2009)
    #expect(first["score"] as? Double == 0.1 && first["data"] as? String == "0x00ff")
    #expect(first["v"] as? [Double] == [1, 2])
    let last = try #require(nodes[1]["values"] as? [String: Any])
    #expect(last["score"] is NSNull && last["label"] is NSNull)
    let none = try run("nodes", store, "paper", "--show", "0", "--json")
    #expect(none.output == #"{"type":"paper","matched":4,"nodes":[]}"# + "\n")
  }

  @Test func anIndexChangesNoAnswer() throws {
    try makeStore()
    let filters = [
      "year >= 2010", "year between 2009 and 2010 or label = 'db'", "title starts with 'D'",
      "label != 'ml'", "label is null", "not year = 2010", "data in (0x, 0x00ff)", "year < 2010.5",
    ]
    let before = try filters.map { try keys("--where", $0) }
    for column in ["year", "label", "title", "data"] {
      let made = try run("index", store, "paper.\(column)")
      #expect(made.status == 0 && made.output.hasPrefix("indexed paper.\(column): "))
    }
    #expect(try filters.map { try keys("--where", $0) } == before)
    let info = try run("info", store)
    #expect(info.output.contains("year: int64, 3 values indexed over 4 nodes\n"))
    #expect(try run("info", store, "--json").output.contains(#""index":{"nodes":4,"values":3}"#))
    directory.write(
      "more.tsv",
      "id\tyear\tlabel\ttitle\tscore\tdata\tv\tsplit\n"
        + "p5\t2015\tnew\tDust\t1\t0x\t1;1\ttrain\n")
    let appended = try run(
      "ingest", store, "--append", "--nodes", "paper=\(directory("more.tsv"))")
    #expect(appended.status == 0, "\(appended.errors)")
    let grown = try filters.map { try keys("--where", $0) }
    #expect(grown[0] == before[0] + ["p5"] && grown[2] == before[2] + ["p5"])
    #expect(try run("verify", store).status == 0)
    #expect(try run("index", store, "paper.year").status == 0)
    let json = try run("index", store, "paper.label", "--drop", "--json")
    #expect(json.output == #"{"column":"paper.label","values":null,"version":8}"# + "\n")
    #expect(try filters.map { try keys("--where", $0) } == grown)
    for (arguments, message) in [
      (["paper.label", "--drop"], "column 'paper.label' has no index"),
      (["paper.score"], "is float32: an index is of"), (["paper.none"], "no column 'none'"),
      (["book.year"], "no node type 'book'"), (["paper"], "write TYPE.COLUMN"),
    ] {
      let wrong = try CommandLineRun(arguments: ["index", store] + arguments)
      #expect(wrong.status == 64 && wrong.errors.contains(message), "\(wrong.errors)")
    }
    #expect(try run("verify", store).status == 0)
  }

  @Test func whatIsWrongIsStatus64InOneLine() throws {
    try makeStore()
    for (arguments, message) in [
      (["--where", "year >="], "--where: a value is missing before the end, at character 8"),
      (["--where", "yaer = 1"], "no column 'yaer' of node type 'paper': there are year, label"),
      (["--where", "year = 'x'"], "column 'paper.year' is int64: it cannot be compared with"),
      (["--columns", "x"], "no column 'x' of node type 'paper'"),
      (["--in", "x"], "no set named 'x'"), (["--show", "-1"], "--show"),
    ] {
      let wrong = try CommandLineRun(arguments: ["nodes", store, "paper"] + arguments)
      #expect(wrong.status == 64 && wrong.errorLines == 1 && wrong.output.isEmpty)
      #expect(wrong.errors.contains(message), "\(wrong.errors)")
    }
    let unknown = try run("nodes", store, "book")
    #expect(unknown.status == 64 && unknown.errors.contains("no node type 'book'"))
  }

  @Test func samplesTrainingsAndPredictionsTakeAFilter() throws {
    let data = directory("data")
    _ = try run(
      "dataset", "sbm", data, "--nodes", "400", "--classes", "3", "--features", "8",
      "--train-fraction", "0.5", "--valid-fraction", "0.2", "--seed", "7")
    let made = try run(
      "ingest", store, "--nodes", "node=\(data)/nodes.tsv", "--edges",
      "node:links:node=\(data)/edges.tsv", "--features", "node.x=\(data)/features.npy", "--split",
      "node.split", "--undirected")
    try #require(made.status == 0, "\(made.errors)")
    func json(_ arguments: [String]) throws -> [String: Any] {
      let run = try CommandLineRun(arguments: arguments + ["--json"])
      #expect(run.status == 0, "\(run.errors)")
      return try #require(
        JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    }
    func count(_ filter: String, _ more: String...) throws -> Int {
      try #require(
        json(["nodes", store, "node", "--show", "0", "--where", filter] + more)["matched"] as? Int)
    }
    let filter = "label in (0, 1)"
    let matched = try count(filter)
    #expect(matched > 200 && matched < 400)
    let batches = try json(
      [
        "sample", store, "--seeds", "node", "--fanouts", "2", "--batch-size", "1", "--where",
        filter,
      ])
    #expect(batches["batches"] as? Int == matched)
    for mode in [["--fanouts", "4,4", "--batch-size", "32"], ["--full-batch"]] {
      let common = ["train", store, "--target", "node.label", "--epochs", "2"] + mode
      let trained = try json(common + ["--where", filter, "--save", "m\(mode.count)"])
      let steps = try #require(trained["steps"] as? Int)
      let train = try count(filter, "--in", "train")
      #expect(steps == (mode.count == 1 ? 2 : 2 * ((train + 31) / 32)))
      // A training goes on with its own filter only.
      let other = try CommandLineRun(
        arguments: ["train", store, "--target", "node.label", "--resume", "m\(mode.count)"]
          + ["--epochs", "3", "--where", "label = 0"])
      #expect(other.status == 64 && other.errors.contains("--where"), "\(other.errors)")
      #expect(
        try json([
          "train", store, "--target", "node.label", "--resume", "m\(mode.count)", "--epochs", "3",
        ])["epochs"] as? Int == 3)
      let nobody = try CommandLineRun(arguments: common + ["--where", "label = 17"])
      #expect(nobody.status == 64 && nobody.errors.contains("no node of the set 'train'"))
    }
    let predicted = try json(
      ["predict", store, "--from", "m4", "--write", "node.p", "--where", filter, "--show", "3"])
    #expect(predicted["written"] as? Int == matched)
    #expect((predicted["examples"] as? [Any])?.count == 3)
    #expect(try count("p is not null") == matched)
    #expect(try count("p is null and label = 2") == 400 - matched)
    let measured = try json(
      ["evaluate", store, "--from", "m4", "--in", "all", "--where", filter])
    let metrics = (measured["metrics"] as? [String: Any])?["all"] as? [String: Any]
    #expect(metrics?["count"] as? Int == matched)
  }
}
