import Foundation
import HedgerowTestSupport
import Testing

/// What `train` is told about models beside their names.
@Suite struct ModelCommandTests {
  /// Writes tables of graphs that are rims (0) or stars (1), and ingests them.
  private func graphs(_ directory: TemporaryDirectory) throws -> String {
    var (nodes, members, edges) = ("id\tone\n", "node\tgraph\n", "source\ttarget\n")
    var graphs = "id\tlabel\tsplit\n"
    var next = 0
    for graph in 0..<40 {
      let (first, size, isStar) = (next, 5 + graph % 7, graph % 3 == 0)
      next += size
      graphs +=
        "\(graph)\t\(isStar ? "star" : "rim")\t\(["train", "valid", "train", "test"][graph % 4])\n"
      for node in 0..<size {
        nodes += "\(first + node)\t1\n"
        members += "\(first + node)\t\(graph)\n"
        if !isStar || node > 0 {
          edges += "\(first + node)\t\(isStar ? first : first + (node + 1) % size)\n"
        }
      }
    }
    for (name, text) in [
      ("nodes", nodes), ("members", members), ("edges", edges), ("graphs", graphs),
    ] {
      try text.write(toFile: directory("\(name).tsv"), atomically: true, encoding: .utf8)
    }
    let run = try CommandLineRun(
      "ingest", directory("g"), "--nodes", "node=\(directory("nodes.tsv"))", "--nodes",
      "graph=\(directory("graphs.tsv"))", "--edges", "node:edge:node=\(directory("edges.tsv"))",
      "--edges", "node:in:graph=\(directory("members.tsv"))", "--undirected", "--split",
      "graph.split")
    try #require(run.status == 0, "\(run.errors)")
    return directory("g")
  }

  private func json(_ run: CommandLineRun) throws -> [String: Any] {
    try #require(run.status == 0, "\(run.errors)")
    return try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
  }

  @Test func graphsAreTrainedEvaluatedAndPredicted() throws {
    let directory = TemporaryDirectory()
    let store = try graphs(directory)
    let arguments = [
      "train", store, "--target", "graph.label", "--inputs", "node.one", "--hidden", "16",
      "--layers",
      "2", "--epochs", "12", "--learning-rate", "0.01", "--batch-size", "8",
    ]
    let trained = try json(try CommandLineRun(arguments: arguments + ["--save", "m", "--json"]))
    #expect(trained["task"] as? String == "graph-classification")
    #expect(trained["mode"] as? String == "graphs" && trained["model"] as? String == "gin")
    func accuracy(_ object: [String: Any]) -> Double? {
      ((object["metrics"] as? [String: Any])?["test"] as? [String: Any])?["accuracy"] as? Double
    }
    let accuracyOfTraining = try #require(accuracy(trained))
    #expect(accuracyOfTraining > 0.8)
    let evaluated = try json(
      try CommandLineRun("evaluate", store, "--from", "m", "--batch-size", "8", "--json"))
    #expect(accuracy(evaluated) == accuracyOfTraining)
    #expect(evaluated["task"] as? String == "graph-classification")
    let predicted = try json(
      try CommandLineRun("predict", store, "--from", "m", "--write", "graph.predicted", "--json"))
    #expect(predicted["written"] as? Int == 40)
    let other = try CommandLineRun(arguments: arguments + ["--readout", "mean", "--best", "loss"])
    #expect(other.status == 0 && other.output.contains("graphs (majority class"), "\(other.errors)")
    for (wrong, says) in [
      (["--readout", "median"], "sum, mean and max"), (["--best", "f1"], "accuracy and loss"),
      (["--activation", "tanh"], "relu and elu"),
      (["--readout", "sum", "--full-batch"], "take one"),
      (["--bases", "0"], "--bases"), (["--model", "han"], "another --model"),
    ] {
      let run = try CommandLineRun(arguments: arguments + wrong)
      #expect(run.status == 64 && run.errors.contains(says), "\(wrong): \(run.errors)")
    }
  }

  @Test func metapathsAndBasesReachTheModel() throws {
    let directory = TemporaryDirectory()
    let store = try graphs(directory)
    // Nodes of the graph as a whole: each has a graph's column as its label by way of the metapath.
    func run(_ more: [String]) throws -> CommandLineRun {
      try CommandLineRun(
        arguments: [
          "train", store, "--target", "graph.label", "--full-batch", "--epochs", "2", "--hidden",
          "16",
        ] + more)
    }
    let han = try run([
      "--model", "han", "--metapaths", "graph:rev_in:node:edge:node:in:graph",
    ])
    #expect(han.status == 0 && han.output.hasPrefix("han, "), "\(han.errors)")
    let missing = try run(["--model", "han", "--metapaths", "graph:in:node:rev_in:graph"])
    #expect(
      missing.status == 64 && missing.errors.contains("graph:rev_in:node"), "\(missing.errors)")
    let rgcn = try run(["--model", "rgcn", "--bases", "2", "--activation", "elu"])
    #expect(rgcn.status == 0 && rgcn.output.hasPrefix("rgcn, "), "\(rgcn.errors)")
    let bases = try run(["--model", "sage", "--bases", "2"])
    #expect(bases.status == 64 && bases.errors.contains("--model rgcn"))
  }
}
