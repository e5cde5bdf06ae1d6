import Foundation
import HedgerowTestSupport
import Testing

/// `train --sampler`: what makes the subgraphs of batches.
@Suite struct TrainCommandSamplersTests {
  /// 300 nodes of three classes and two types, with features.
  private func makeStore(_ directory: TemporaryDirectory) throws -> String {
    let (data, store) = (directory("data"), directory("s"))
    let made = try CommandLineRun(
      arguments: [
        "dataset", "sbm", data, "--nodes", "300", "--classes", "3", "--features", "4",
        "--node-types", "a,b",
      ])
    try #require(made.status == 0, "\(made.errors)")
    var arguments = ["ingest", store]
    for type in ["a", "b"] {
      arguments += [
        "--nodes", "\(type)=\(data)/nodes-\(type).tsv", "--features",
        "\(type).x=\(data)/features-\(type).npy", "--split", "\(type).split",
      ]
    }
    for ends in ["a-a", "a-b", "b-b"] {
      let types = ends.split(separator: "-")
      arguments += ["--edges", "\(types[0]):to:\(types[1])=\(data)/edges-\(ends).tsv"]
    }
    let ingest = try CommandLineRun(arguments: arguments)
    try #require(ingest.status == 0, "\(ingest.errors)")
    return store
  }

  private func run(_ arguments: [String]) throws -> [String: Any] {
    let run = try CommandLineRun(arguments: arguments + ["--json"])
    try #require(run.status == 0, "\(arguments): \(run.errors)")
    return try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
  }

  @Test func everySamplerTrainsModelsThatAreEvaluatedAsTheyWereTrained() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(directory)
    var losses: [Double] = []
    for arguments in [
      ["--fanouts", "5,5", "--edges", "induced", "--disjoint", "--layers", "3"],
      ["--edges", "bidirectional"],
      ["--sampler", "ladies", "--fanouts", "40,40", "--model", "graph"],
      ["--sampler", "fastgcn", "--fanouts", "60,60", "--model", "gcn"],
      ["--sampler", "hgt", "--fanouts", "40,40", "--model", "hgt"],
      ["--sampler", "pagerank", "--nodes", "6", "--layers", "3"],
      ["--sampler", "pagerank", "--nodes", "6", "--disjoint"],
      ["--sampler", "saint-nodes", "--draws", "60"],
      ["--sampler", "saint-edges", "--draws", "90", "--normalize", "--model", "graph"],
      ["--sampler", "saint-walks", "--draws", "20", "--walk-length", "3"],
      ["--sampler", "clusters", "--parts", "8", "--parts-per-batch", "2", "--model", "gat"],
      ["--sampler", "random", "--parts", "4", "--layers", "1", "--where", "label < 2"],
    ] {
      let options = ["--target", "a.label", "--epochs", "2", "--hidden", "16"] + arguments
      let trained = try run(["train", store, "--save", "m", "--threads", "1"] + options)
      let loss = try #require(trained["loss"] as? Double)
      #expect(
        try run(["train", store, "--threads", "2"] + options)["loss"] as? Double == loss,
        "\(arguments)")
      losses.append(loss)
      let test = try #require((trained["metrics"] as? [String: [String: Any]])?["test"])
      let evaluated = try run(["evaluate", store, "--from", "m", "--in", "test"])
      let again = try #require((evaluated["metrics"] as? [String: [String: Any]])?["test"])
      #expect(again["accuracy"] as? Double == test["accuracy"] as? Double, "\(arguments)")
      let history = try #require(trained["history"] as? [[String: Any]])
      #expect(history.map { $0["epoch"] as? Int } == [1, 2])
      #expect(history[1]["loss"] as? Double == loss)
      let best = try #require(trained["best_epoch"] as? Int)
      let valid = try #require((trained["metrics"] as? [String: [String: Any]])?["valid"])
      #expect(history[best - 1]["valid"] as? Double == valid["accuracy"] as? Double)
      // Options are kept with it.
      let longer = try run(
        ["train", store, "--target", "a.label", "--resume", "m", "--epochs", "3"])
      #expect(longer["epochs"] as? Int == 3, "\(arguments)")
      #expect((longer["history"] as? [Any])?.count == 1, "\(arguments)")
    }
    #expect(Set(losses).count == losses.count)
  }

  @Test func whatDoesNotGoTogetherIsRefused() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(directory)
    let ofClasses = ["--target", "a.label"]
    for (arguments, words) in [
      (ofClasses + ["--sampler", "hgt"], "--sampler hgt needs --fanouts"),
      (ofClasses + ["--sampler", "hgt", "--fanouts", "5,0"], "at least 1"),
      (ofClasses + ["--sampler", "ladies", "--fanouts", "5,5"], "--model gcn or graph"),
      (
        ofClasses + ["--sampler", "saint-nodes", "--draws", "5", "--normalize"],
        "--model gcn or graph"
      ),
      (ofClasses + ["--sampler", "saint-nodes"], "--sampler saint-nodes needs --draws"),
      (ofClasses + ["--sampler", "clusters"], "--sampler clusters needs --parts"),
      (ofClasses + ["--sampler", "hgt", "--fanouts", "5,5", "--replace"], "--replace is of"),
      (ofClasses + ["--sampler", "pagerank", "--fanouts", "5,5"], "--fanouts is of"),
      (ofClasses + ["--sampler", "random", "--parts", "3", "--pin", "1MiB"], "--pin is of"),
      (
        ofClasses + ["--sampler", "random", "--parts", "3", "--class-weights", "balanced"],
        "--class-weights is of"
      ),
      (ofClasses + ["--sampler", "random", "--parts", "3", "--walk-length", "3"], "saint-walks"),
      (ofClasses + ["--sampler", "random", "--parts", "3", "--full-batch"], "--full-batch"),
      (ofClasses + ["--edges", "induced", "--full-batch"], "--full-batch"),
      (ofClasses + ["--edges", "induced", "--pin", "1MiB"], "--pin is of sampled neighbors"),
      (
        ofClasses + ["--sampler", "saint-walks", "--draws", "3", "--walk-length", "20000"],
        "between 1 and 10000"
      ),
      (
        ofClasses + ["--sampler", "saint-nodes", "--draws", "100000000", "--memory", "512MiB"],
        "drawing or dividing"
      ),
      (ofClasses + ["--walk-length", "3"], "--walk-length is of"),
      (["--target", "a:to:b", "--sampler", "random", "--parts", "3"], "--sampler is of classes"),
      (["--target", "a:to:b", "--edges", "induced"], "--edges is of classes"),
      (
        ["--target", "a", "--model", "dgi", "--sampler", "random", "--parts", "3"],
        "leave what says which neighbors are taken out"
      ),
    ] {
      let run = try CommandLineRun(arguments: ["train", store, "--epochs", "1"] + arguments)
      #expect(run.status == 64, "\(arguments): \(run.output)")
      #expect(run.errors.contains(words), "\(arguments): \(run.errors)")
    }
    let plan = try CommandLineRun(
      arguments: ["plan", store, "train", "--sampler", "random", "--parts", "3"] + ofClasses)
    #expect(plan.status == 0 && plan.output.contains("3 batches an epoch"), "\(plan.errors)")
  }
}
