import Foundation
import HedgerowTestSupport
import Testing

/// Training on links, triples and nodes without labels, by the command line.
@Suite struct LinkCommandTests {
  /// A store of users who rate items of their community, with a split of the ratings.
  private func ratings(_ directory: TemporaryDirectory, isSplit: Bool = true) throws -> String {
    var edges = "source\ttarget\n"
    for user in 0..<40 {
      for step in 0..<7 { edges += "u\(user)\ti\((user % 2 + 2 * ((user * 3 + step * 2) % 15)))\n" }
    }
    try edges.write(toFile: directory("edges.tsv"), atomically: true, encoding: .utf8)
    let run = try CommandLineRun(
      "ingest", directory("g"), "--edges", "user:rates:item=\(directory("edges.tsv"))")
    try #require(run.status == 0, "\(run.errors)")
    if isSplit {
      let split = try CommandLineRun("split", directory("g"), "user:rates:item", "--seed", "1")
      try #require(split.status == 0, "\(split.errors)")
    }
    return directory("g")
  }

  private func json(_ run: CommandLineRun) throws -> [String: Any] {
    try #require(run.status == 0, "\(run.errors)")
    return try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
  }

  private func metric(_ object: [String: Any], _ set: String, _ name: String) -> Double? {
    ((object["metrics"] as? [String: Any])?[set] as? [String: Any])?[name] as? Double
  }

  @Test(arguments: [
    ["--model", "sage", "--decoder", "distmult", "--fanouts", "4,3"], ["--model", "vgae"],
    ["--model", "lightgcn", "--negatives", "2"],
  ])
  func linksAreTrainedEvaluatedAndResumed(options: [String]) throws {
    let directory = TemporaryDirectory()
    let store = try ratings(directory)
    let arguments =
      [
        "train", store, "--target", "user:rates:item", "--hidden", "8", "--epochs", "4",
        "--batch-size", "64", "--candidates", "all", "--json",
      ] + options
    let trained = try json(try CommandLineRun(arguments: arguments + ["--save", "m"]))
    #expect(trained["task"] as? String == "link-prediction")
    #expect(trained["model"] as? String == options[1] && trained["epochs"] as? Int == 4)
    for key in ["parameters", "loss", "peak_private_bytes", "peak_resident_bytes", "version"] {
      #expect(trained[key] != nil, "\(key)")
    }
    #expect((trained["seconds"] as? [String: Any])?["total"] != nil)
    for set in ["valid", "test"] {
      for name in [
        "roc_auc", "average_precision", "mrr", "hits_at_1", "hits_at_3", "hits_at_10",
        "recall_at_20", "ndcg_at_20",
      ] {
        let value = try #require(metric(trained, set, name), "\(name)")
        #expect((0...1).contains(value))
      }
    }
    let evaluated = try json(try CommandLineRun("evaluate", store, "--from", "m", "--json"))
    #expect(metric(evaluated, "test", "mrr") == metric(trained, "test", "mrr"))
    #expect(evaluated["task"] as? String == "link-prediction")
    let more = try json(
      try CommandLineRun(arguments: [
        "train", store, "--target", "user:rates:item", "--resume", "m", "--epochs", "6", "--json",
      ]))
    #expect(more["epochs"] as? Int == 6 && more["model"] as? String == options[1])
    let text = try CommandLineRun("evaluate", store, "--from", "m", "--in", "valid")
    #expect(text.output.contains("valid: roc_auc") && text.output.contains("candidates"))
    let predict = try CommandLineRun("predict", store, "--from", "m", "--write", "user.x")
    #expect(predict.status == 64 && predict.errors.contains("evaluate"), "\(predict.errors)")
  }

  @Test func triplesAreTrainedAndRowsWritten() throws {
    let directory = TemporaryDirectory()
    let store = try ratings(directory)
    for target in ["all", "user:rates:item"] {
      let trained = try json(
        try CommandLineRun(
          "train", store, "--target", target, "--model", "complex", "--hidden", "8", "--epochs",
          "3",
          "--save", "kg", "--json"))
      #expect(trained["task"] as? String == "knowledge-graph")
      let mrr = try #require(metric(trained, "test", "mrr"))
      let evaluated = try json(try CommandLineRun("evaluate", store, "--from", "kg", "--json"))
      #expect(metric(evaluated, "test", "mrr") == mrr)
      #expect(metric(evaluated, "test", "roc_auc") == nil)
    }
    let written = try json(
      try CommandLineRun("predict", store, "--from", "kg", "--write", "item.row", "--json"))
    #expect(written["written"] as? Int == 30)
    let info = try CommandLineRun("info", store)
    #expect(info.output.contains("row") && info.output.contains("float32[8]"), "\(info.output)")
  }

  @Test func rowsWithoutLabelsAreWritten() throws {
    let directory = TemporaryDirectory()
    let store = try ratings(directory)
    let trained = try json(
      try CommandLineRun(
        "train", store, "--target", "user", "--model", "metapath2vec", "--hidden", "8", "--epochs",
        "2", "--walk-length", "4", "--near", "3", "--walks", "2", "--save", "rows", "--json"))
    #expect(trained["task"] as? String == "embedding" && trained["epochs"] as? Int == 2)
    for type in ["user", "item"] {
      let written = try CommandLineRun(
        "predict", store, "--from", "rows", "--write", "\(type).row")
      #expect(written.status == 0 && written.output.contains("\(type).row"), "\(written.errors)")
    }
    let evaluated = try CommandLineRun("evaluate", store, "--from", "rows")
    #expect(evaluated.status == 64 && !evaluated.errors.contains("damaged"), "\(evaluated.errors)")
  }

  /// A store of users who write to users of the other parity, later ones with greater weight.
  private func messages(_ directory: TemporaryDirectory) throws -> String {
    var edges = "source\ttarget\ttime\tweight:float32\n"
    for number in 0..<400 {
      let target = (number * 7 + 1 + number / 40) % 20
      edges += "u\((number * 3) % 20)\tu\(target)\t\(1_082_040_961 + 60 * number)\t\(number % 5)\n"
    }
    try edges.write(toFile: directory("messages.tsv"), atomically: true, encoding: .utf8)
    let run = try CommandLineRun(
      "ingest", directory("m"), "--edges", "user:writes:user=\(directory("messages.tsv"))",
      "--time", "user:writes:user.time")
    try #require(run.status == 0, "\(run.errors)")
    return directory("m")
  }

  @Test func eventsAreTrainedOnEvaluatedResumedAndRowsWritten() throws {
    let directory = TemporaryDirectory()
    let store = try messages(directory)
    let writes = ["train", store, "--target", "user:writes:user", "--model", "tgn"]
    let unsplit = try CommandLineRun(arguments: writes)
    #expect(unsplit.status == 64 && unsplit.errors.contains("hedgerow split"), "\(unsplit.errors)")
    // By chance, training would see what comes after.
    var split = ["split", store, "user:writes:user"]
    var run = try CommandLineRun(arguments: split)
    try #require(run.status == 0, "\(run.errors)")
    let leaking = try CommandLineRun(arguments: writes)
    #expect(
      leaking.status == 64 && leaking.errors.contains("--by time --column time --replace"),
      "\(leaking.errors)")
    split += ["--by", "time", "--replace"]
    run = try CommandLineRun(arguments: split)
    try #require(run.status == 0, "\(run.errors)")

    let arguments =
      writes + [
        "--hidden", "8", "--epochs", "2", "--batch-size", "25", "--fanouts", "4", "--candidates",
        "all", "--inputs", "user:writes:user.weight", "--save", "m", "--json",
      ]
    let trained = try json(try CommandLineRun(arguments: arguments))
    #expect(trained["task"] as? String == "temporal-links" && trained["model"] as? String == "tgn")
    for set in ["valid", "test"] {
      for name in [
        "roc_auc", "average_precision", "mrr", "hits_at_1", "hits_at_3", "hits_at_10", "count",
      ] {
        let value = try #require(metric(trained, set, name), "\(name)")
        #expect(value >= 0 && (name == "count" ? value == 40 : value <= 1))
      }
    }
    let evaluated = try json(try CommandLineRun("evaluate", store, "--from", "m", "--json"))
    #expect(metric(evaluated, "test", "roc_auc") == metric(trained, "test", "roc_auc"))
    #expect(metric(evaluated, "test", "mrr") == metric(trained, "test", "mrr"))
    let more = try json(
      try CommandLineRun(arguments: writes + ["--resume", "m", "--epochs", "3", "--json"]))
    #expect(more["epochs"] as? Int == 3)
    let written = try json(
      try CommandLineRun("predict", store, "--from", "m", "--write", "user.row", "--json"))
    #expect(written["written"] as? Int == 20)
    let info = try CommandLineRun("info", store)
    #expect(info.output.contains("float32[8]"), "\(info.output)")
    for (more, says) in [
      (["--times", "when"], "'when'"),
      (["--layers", "2"], "--layers"),
      (["--fanouts", "5,5"], "one count"), (["--edge-times"], "--times"),
      (["--inputs", "user.x"], "user:writes:user.COLUMN"), (["--best", "accuracy"], "roc_auc"),
      (["--decoder", "dot"], "--decoder"),
    ] {
      let run = try CommandLineRun(arguments: writes + more)
      #expect(run.status == 64 && run.errors.contains(says), "\(more): \(run.errors)")
      #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
    }
    let plan = try CommandLineRun(arguments: ["plan", store] + writes.dropFirst(2) + ["train"])
    #expect(plan.status == 64 && plan.errors.contains("--model tgn"), "\(plan.errors)")
  }

  /// One line, and 64.
  @Test func whatDoesNotGoTogetherIsSaid() throws {
    let directory = TemporaryDirectory()
    let store = try ratings(directory, isSplit: false)
    let links = ["--target", "user:rates:item"]
    for (arguments, says) in [
      (links, "hedgerow split STORE user:rates:item"),
      (["--target", "user:likes:item"], "user:rates:item"),
      (["--target", "user:rates"], "SOURCE:RELATION:TARGET"),
      (["--target", "user.label", "--model", "gae"], "SOURCE:RELATION:TARGET"),
      (["--target", "user.label", "--decoder", "dot"], "--decoder"),
      (["--target", "user.label", "--best", "mrr"], "accuracy"),
      (links + ["--best", "accuracy"], "roc_auc"), (links + ["--full-batch"], "--full-batch"),
      (links + ["--class-weights", "balanced"], "--class-weights"),
      (links + ["--relation-column", "x"], "--relation-column"),
      (["--target", "all"], "several, or all"), (links + ["--negatives", "0"], "--negatives"),
      (links + ["--decoder", "bilinear"], "dot, distmult"),
      (links + ["--model", "transe", "--fanouts", "3"], "--fanouts"),
      (links + ["--model", "node2vec"], "--target TYPE"),
      (["--target", "user", "--model", "dgi", "--walks", "3"], "--walks"),
      (["--target", "user", "--model", "node2vec"], "metapath2vec"),
      (links + ["--times", "time"], "tgn"), (links + ["--candidates", "some"], "all"),
      (links + ["--near", "3"], "node2vec"),
    ] {
      let run = try CommandLineRun(arguments: ["train", store] + arguments)
      #expect(run.status == 64 && run.errors.contains(says), "\(arguments): \(run.errors)")
      #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
    }
    for (arguments, says) in [
      (links, "hedgerow split STORE user:rates:item"), (links + ["--model", "transe"], "transe"),
      (["--target", "user", "--model", "dgi"], "dgi"),
      (links + ["--model", "lightgcn"], "lightgcn"),
      (links + ["--pin", "1MiB"], "--pin"), (links + ["--resume", "m"], "--resume"),
      (links + ["--epochs", "\(Int.max)"], "epochs"),
    ] {
      let plan = try CommandLineRun(arguments: ["plan", store, "train"] + arguments)
      #expect(plan.status == 64 && plan.errors.contains(says), "\(plan.errors)")
      #expect(plan.errors.split(separator: "\n").count == 1, "\(plan.errors)")
    }
  }

  @Test func aPlanSaysWhatTheTrainingTakes() throws {
    let directory = TemporaryDirectory()
    let store = try makeFeatureStore(in: directory, scale: 11, features: 64)
    let split = try CommandLineRun(
      "split", store, "node:edge:node", "--parts", "train=0.1,valid=0.02,test=0.02")
    try #require(split.status == 0, "\(split.errors)")
    let options = [
      "--target", "node:edge:node", "--batch-size", "64", "--fanouts", "5,3", "--epochs", "2",
      "--candidates", "all", "--json",
    ]
    let plan = try json(try CommandLineRun(arguments: ["plan", store, "train"] + options))
    let training = try json(try CommandLineRun(arguments: ["train", store] + options))
    func number(_ object: [String: Any], _ name: String) throws -> Double {
      try #require(object[name] as? Double, "\(name)")
    }
    let steps = try number(training, "steps")
    #expect(try number(plan, "batches_per_epoch") * 2 == steps)
    // Here each node of a batch has a row of features.
    let rows = try number(training, "rows_read") / steps
    #expect(try abs(number(plan, "nodes_per_batch") - rows) < 0.05 * rows, "\(rows)")
    let (said, came) = (
      try number(plan, "private_bytes"), try number(training, "peak_private_bytes")
    )
    #expect(abs(said - came) < 0.2 * came, "\(said), \(came)")
    // A small store is loaded once, and stays.
    let stored = try number(plan, "stored_bytes")
    #expect(try number(plan, "first_epoch_bytes_read") <= stored + 10 * 4096)
    #expect(try number(plan, "first_epoch_bytes_read") >= 0.9 * stored)
    #expect(try number(plan, "later_epoch_bytes_read") < 0.05 * stored)
    for name in ["edges_per_batch", "seconds_per_epoch", "trial_steps"] {
      #expect(try number(plan, name) > 0)
    }
  }
}
