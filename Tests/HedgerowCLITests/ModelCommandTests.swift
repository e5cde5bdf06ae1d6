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
    var places: [Float] = []
    for graph in 0..<40 {
      let (first, size, isStar) = (next, 5 + graph % 7, graph % 3 == 0)
      next += size
      graphs +=
        "\(graph)\t\(isStar ? "star" : "rim")\t\(["train", "valid", "train", "test"][graph % 4])\n"
      for node in 0..<size {
        nodes += "\(first + node)\t1\n"
        let angle = 2 * Double.pi * Double(node) / Double(size)
        places += isStar && node == 0 ? [0, 0] : [Float(cos(angle)), Float(sin(angle))]
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
    var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(next), 2), }"
    header += String(repeating: " ", count: 117 - header.count) + "\n"
    try
      (Data([0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(header.utf8))
      + places.withUnsafeBytes { Data($0) }).write(
        to: URL(fileURLWithPath: directory("places.npy")))
    let run = try CommandLineRun(
      "ingest", directory("g"), "--features", "node.place=\(directory("places.npy"))", "--nodes",
      "node=\(directory("nodes.tsv"))", "--nodes",
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

  private func accuracy(_ object: [String: Any]) -> Double? {
    ((object["metrics"] as? [String: Any])?["test"] as? [String: Any])?["accuracy"] as? Double
  }

  /// Trains, goes on, evaluates and predicts.
  private func check(_ store: String, target: String, model: String, _ options: [String]) throws {
    let train = ["train", store, "--target", target, "--json"]
    let trained = try json(
      try CommandLineRun(arguments: train + ["--model", model, "--save", model] + options))
    #expect(trained["model"] as? String == model)
    let resumed = try json(try CommandLineRun(arguments: train + ["--resume", model]))
    #expect(accuracy(resumed) == accuracy(trained) && resumed["loss"] as? Double != nil)
    let evaluated = try json(try CommandLineRun("evaluate", store, "--from", model, "--json"))
    #expect(accuracy(evaluated) == accuracy(trained), "\(model)")
    let column =
      "\(target.split(separator: ".")[0]).\(model.replacingOccurrences(of: "-", with: "_"))"
    let predicted = try json(
      try CommandLineRun("predict", store, "--from", model, "--write", column, "--json"))
    #expect(predicted["written"] as? Int == 40 || predicted["written"] as? Int == 200)
  }

  @Test(arguments: ["gps", "unet", "dgcnn", "pointnet", "schnet"])
  func modelsOfWholeGraphsGoAllTheWay(model: String) throws {
    let directory = TemporaryDirectory()
    let isOfPoints = model != "gps" && model != "unet"
    try check(
      try graphs(directory), target: "graph.label", model: model,
      ["--inputs", "node.one", "--hidden", "8", "--layers", "2", "--epochs", "3"]
        + (isOfPoints ? ["--positions", "node.place"] : []))
  }

  private func blocks(_ directory: TemporaryDirectory) throws -> String {
    let made = try CommandLineRun("dataset", "sbm", directory("data"), "--nodes", "200")
    try #require(made.status == 0, "\(made.errors)")
    let run = try CommandLineRun(
      "ingest", directory("s"), "--nodes", "node=\(directory("data"))/nodes.tsv", "--edges",
      "node:links:node=\(directory("data"))/edges.tsv", "--features",
      "node.x=\(directory("data"))/features.npy", "--split", "node.split", "--undirected")
    try #require(run.status == 0, "\(run.errors)")
    return directory("s")
  }

  @Test func modelsOfOneTypesNodesGoAllTheWay() throws {
    let directory = TemporaryDirectory()
    let store = try blocks(directory)
    for model in ["sign", "linkx", "gps", "unet", "correct-and-smooth"] {
      try check(
        store, target: "node.label", model: model,
        ["--full-batch", "--hidden", "8", "--epochs", "3"])
    }
    try check(store, target: "node.label", model: "label-propagation", ["--full-batch"])
    let text = try CommandLineRun(
      "train", store, "--target", "node.label", "--full-batch", "--model", "label-propagation",
      "--steps", "3", "--alpha", "0.5")
    #expect(text.output.hasPrefix("label-propagation: nothing to learn"), "\(text)")
    for mode in ["cat", "max", "lstm", "last"] {
      try check(
        store, target: "node.label", model: "sage",
        ["--jumping", mode, "--hidden", "8", "--epochs", "2"])
    }
    let help = try CommandLineRun("train", "--help").output
    for model in ["label-propagation", "correct-and-smooth", "schnet", "--jumping", "--positions"] {
      #expect(help.contains(model))
    }
    for (wrong, says) in [
      (["--model", "sign"], "add --full-batch"), (["--model", "pointnet"], "--readout"),
      (["--model", "gps", "--full-batch", "--hidden", "9"], "4 heads"),
      (["--model", "linkx", "--full-batch", "--jumping", "cat"], "--jumping is of"),
      (["--model", "unet", "--full-batch", "--steps", "3"], "--steps and --alpha"),
      (["--model", "sage", "--radius", "3"], "--radius is of"),
      (["--model", "sage", "--positions", "node.x"], "--positions is of"),
      (["--model", "label-propagation", "--full-batch", "--epochs", "3"], "learns nothing"),
      (["--model", "label-propagation", "--full-batch", "--alpha", "2"], "--alpha"),
      (["--model", "label-propagation", "--full-batch", "--steps", "0"], "--steps"),
      (["--jumping", "mean"], "last, cat, max and lstm"), (["--model", "tree"], "schnet"),
      (["--positions", "x"], "column"), (["--radius", "0"], "--radius"),
    ] {
      let run = try CommandLineRun(arguments: ["train", store, "--target", "node.label"] + wrong)
      #expect(
        run.status == 64 && run.errors.contains(says) && run.errorLines == 1,
        "\(wrong): \(run.errors)")
    }
  }
}
