import Foundation
import HedgerowTestSupport
import Testing

@Suite struct SplitCommandTests {
  private func json(_ arguments: String...) throws -> [String: Any] {
    let run = try CommandLineRun(arguments: arguments + ["--json"])
    #expect(run.status == 0, "\(arguments): \(run.errors)")
    return try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
  }

  @Test func nodesBecomeSetsAndEdgesGetAColumn() throws {
    let directory = TemporaryDirectory()
    var (nodes, edges) = ("id\tlabel\n", "source\ttarget\tat\n")
    for number in 0..<200 {
      nodes += "\(number)\t\(number % 4)\n"
      edges += "\(number)\t\(number * 7 % 200)\t\(number)\n"
    }
    try nodes.write(toFile: directory("nodes.tsv"), atomically: true, encoding: .utf8)
    try edges.write(toFile: directory("edges.tsv"), atomically: true, encoding: .utf8)
    let store = directory("s")
    let ingest = try CommandLineRun(
      "ingest", store, "--nodes", "paper=\(directory("nodes.tsv"))", "--edges",
      "paper:cites:paper=\(directory("edges.tsv"))", "--time", "paper:cites:paper.at")
    #expect(ingest.status == 0, "\(ingest.errors)")

    let byClass = try json("split", store, "paper", "--by", "class", "--column", "label")
    #expect(byClass["parts"] as? [String: Int] == ["train": 160, "valid": 20, "test": 20])
    #expect(byClass["rest"] as? Int == 0)
    let byTime = try json(
      "split", store, "paper:cites:paper", "--by", "time", "--parts", "old=0.5,new=0.25")
    #expect(byTime["parts"] as? [String: Int] == ["old": 100, "new": 50])
    #expect(byTime["rest"] as? Int == 50)
    let info = try CommandLineRun("info", store)
    #expect(info.output.contains("split") && info.output.contains("train"))
    let text = try CommandLineRun("split", store, "paper", "--replace", "--parts", "train=0.5")
    #expect(text.output.contains("train 100, none 100"), "\(text.output)\(text.errors)")

    for (arguments, status) in [
      (["paper"], 64), (["nobody"], 64), (["paper", "--by", "class"], 64),
      (["paper", "--parts", "a=b"], 64), (["paper", "--parts", "a=2"], 64),
      (["paper", "--write", "x"], 64), (["paper:cites:paper", "--by", "time"], 64),
      (["paper:cites:paper", "--by", "class", "--column", "at"], 64),
    ] as [([String], Int32)] {
      let run = try CommandLineRun(arguments: ["split", store] + arguments)
      #expect(run.status == status, "\(arguments): \(run.output)\(run.errors)")
    }
  }
}
