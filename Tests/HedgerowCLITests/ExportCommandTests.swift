import Foundation
import HedgerowTestSupport
import Testing

@Suite struct ExportCommandTests {
  private let directory = TemporaryDirectory()
  private var store: String { directory("s") }

  private func makeStore() throws {
    directory.write("n.csv", "id:string,year:int,t:string\n1,2009,\"\"\n\"a b\",,\"x,\"\"y\"\"\"\n")
    directory.write("e.csv", "source,target\n1,a b\na b,a b\n")
    directory.write("sets.csv", "id,set\n1,train\n")
    let made = try CommandLineRun(
      "ingest", store, "--nodes", "paper=\(directory("n.csv"))", "--edges",
      "paper:near:paper=\(directory("e.csv"))", "--sets", "paper=\(directory("sets.csv"))",
      "--undirected-type", "paper:near:paper")
    try #require(made.status == 0, "\(made.errors)")
  }

  /// The printed command, by a shell.
  @Test func thePrintedCommandReadsTheFilesBack() throws {
    try makeStore()
    let files = directory("it's here")
    let run = try CommandLineRun("export", store, "--to", files, "--format", "csv", "--json")
    try #require(run.status == 0, "\(run.errors)")
    let report = try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    #expect(report["nodes"] as? [String: Int] == ["paper": 2])
    #expect(report["edges"] as? [String: Int] == ["paper:near:paper": 2])
    #expect((report["files"] as? [[String: Any]])?.count == 3)
    let command = try #require(report["import"] as? String)
    #expect(command.hasPrefix("hedgerow ingest NEW "))
    let call =
      "'\(CommandLineRun.tool.path)' ingest '\(directory("new"))' "
      + command.dropFirst("hedgerow ingest NEW ".count)
    let shell = try CommandLineRun(
      program: URL(fileURLWithPath: "/bin/sh"), arguments: ["-c", call])
    try #require(shell.status == 0, "\(shell.errors)")
    let again = try CommandLineRun(
      "export", directory("new"), "--to", directory("again"), "--format", "csv")
    try #require(again.status == 0, "\(again.errors)")
    for name in ["nodes-paper.csv", "sets-paper.csv", "edges-paper-near-paper.csv"] {
      #expect(
        TemporaryDirectory.contents("\(files)/\(name)")
          == TemporaryDirectory.contents(directory("again/" + name)))
    }
  }

  @Test func aCallThatMakesNoSenseIsRefused() throws {
    try makeStore()
    let calls: [[String]] = [
      ["--format", "csv"], ["--to", directory("o"), "--format", "xls"],
      ["--to", directory("o"), "--format", "npy", "--features", "npy"],
      ["--to", store, "--format", "csv"],
      ["--to", directory("o"), "--format", "csv", "--type", "x"],
      ["--to", directory("o"), "--format", "csv", "--in", "nowhere"],
      ["--to", directory("o"), "--format", "csv", "--where", "year >"],
      ["--to", directory("o"), "--format", "csv", "--where", "month = 3"],
    ]
    for call in calls {
      let run = try CommandLineRun(arguments: ["export", store] + call)
      #expect(run.status == 64, "\(call): \(run.errors)")
    }
    let nowhere = try CommandLineRun(
      "export", store, "--to", directory("no/where"), "--format", "csv")
    #expect(nowhere.status == 66 && nowhere.errorLines == 1)
  }
}
