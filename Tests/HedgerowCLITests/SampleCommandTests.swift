import Foundation
import HedgerowTestSupport
import Testing

@Suite struct SampleCommandTests {
  /// 300 edges among 40 nodes with times and weights.
  private func makeStore(at directory: TemporaryDirectory) throws -> String {
    var edges = "source\ttarget\tat\tw\tv\n"
    for edge in 0..<300 {
      edges += "\(edge * 7 % 40)\t\(edge * 11 % 37)\t\(edge % 50)\t\(edge % 4)\t\(edge % 7)\n"
    }
    try edges.write(toFile: directory("edges.tsv"), atomically: true, encoding: .utf8)
    let ingest = try CommandLineRun(
      "ingest", directory("s"), "--edges", "user:sends:user=\(directory("edges.tsv"))", "--time",
      "user:sends:user.at", "--weight", "user:sends:user.w")
    #expect(ingest.status == 0, "\(ingest.errors)")
    return directory("s")
  }

  private func digest(_ store: String, _ arguments: [String]) throws -> String {
    let run = try CommandLineRun(
      arguments: [
        "sample", store, "--seeds", "user", "--fanouts", "3,2", "--batch-size", "9", "--digest",
        "--json",
      ] + arguments)
    #expect(run.status == 0, "\(arguments): \(run.errors)")
    let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
    return try #require(object?["digest"] as? String)
  }

  @Test func neighborsAreTakenAsAsked() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(at: directory)
    let plain = try digest(store, [])
    #expect(try digest(store, ["--select", "uniform"]) == plain)
    var digests = [plain]
    for options in [
      ["--select", "weighted"], ["--select", "weighted", "--weight", "v"], ["--replace"],
      ["--share", "2"], ["--disjoint"],
    ] {
      let one = try digest(store, options + ["--threads", "1"])
      #expect(try digest(store, options + ["--threads", "2"]) == one)
      digests.append(one)
    }
    #expect(Set(digests).count == digests.count)
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(at: directory)
    for (options, words) in [
      (["--weight", "at"], "--select weighted"), (["--window", "3"], "--edge-times"),
      (["--edge-times"], "no time of their own"), (["--share", "0"], "at least 1"),
      (["--select", "most-recent"], "time"), (["--replace", "--fanouts", "-1"], "-1"),
      (["--edge-times", "--timeless", "who"], "who"), (["--node-times", "at"], "user"),
      (["--select", "weighted", "--weight", "none"], "none"),
    ] {
      let run = try CommandLineRun(
        arguments: ["sample", store, "--seeds", "user"]
          + (options.contains("--fanouts") ? [] : ["--fanouts", "3"]) + options)
      #expect(run.status == 64 && run.output.isEmpty, "\(options): \(run.output)")
      #expect(run.errors.contains(words), "\(options): \(run.errors)")
    }
  }

  @Test func pinnedRowsChangeNothingButWhereRowsComeFrom() throws {
    let directory = TemporaryDirectory()
    _ = try makeFeatureStore(in: directory, scale: 9, features: 8)
    func report(_ arguments: String...) throws -> [String: Any] {
      let run = try CommandLineRun(arguments: arguments + ["--json"])
      #expect(run.status == 0, "\(run.errors)")
      return try #require(
        try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    }
    func sample(_ pin: String) throws -> [String: Any] {
      try report(
        "sample", directory("s"), "--seeds", "node", "--fanouts", "5,3", "--batch-size", "32",
        "--features", "--digest", "--pin", pin)
    }
    let (none, some) = (try sample("0"), try sample("4KiB"))
    #expect(none["digest"] as? String == some["digest"] as? String)
    let pinned = try #require(some["rows_pinned"] as? Int)
    #expect(none["rows_pinned"] as? Int == 0 && pinned > 0)
    #expect(none["rows_read"] as? Int == pinned + (some["rows_read"] as? Int ?? 0))
    #expect((some["pinned_bytes"] as? Int ?? 0) <= 4096)

    func train(_ pin: String) throws -> [String: Any] {
      try report(
        "train", directory("s"), "--target", "node.label", "--epochs", "2", "--batch-size", "32",
        "--pin", pin, "--pack", "never", "--trace", directory("trace.json"))
    }
    let (cold, warm) = (try train("0"), try train("4KiB"))
    #expect(cold["loss"] as? Double == warm["loss"] as? Double)
    #expect((warm["rows_pinned"] as? Int ?? 0) > 0)
    let seconds = try #require(warm["seconds"] as? [String: Double])
    let stages = ["prepare", "pack", "compute", "wait", "evaluate", "save", "rest"]
    let sum = stages.reduce(0) { $0 + (seconds[$1] ?? .nan) }
    #expect(abs(sum - (seconds["total"] ?? 0)) < 1e-6)
    // Packed, which a small store is only when it is asked for.
    let packed = try report(
      "train", directory("s"), "--target", "node.label", "--epochs", "2", "--batch-size", "32",
      "--pin", "4KiB", "--pack", "always", "--scratch", directory.path)
    #expect(packed["loss"] as? Double == warm["loss"] as? Double)
    #expect((packed["packed_bytes"] as? Int ?? 0) > 0 && warm["packed_bytes"] as? Int == 0)
    let nowhere = try CommandLineRun(
      "train", directory("s"), "--target", "node.label", "--scratch", directory("none"))
    #expect(nowhere.status == 64 && nowhere.errors.contains("is no directory"))
    let trace = try Data(contentsOf: URL(filePath: directory("trace.json")))
    let events = try #require(try JSONSerialization.jsonObject(with: trace) as? [[String: Any]])
    #expect(
      Set(events.compactMap { $0["name"] as? String })
        .isSuperset(of: ["sample", "read", "gather", "wait", "compute"]))

    let table = try CommandLineRun(
      "sample", directory("s"), "--seeds", "node", "--fanouts", "2", "--features", "--pin", "1KiB")
    for word in ["prepare", "wait", "sample", "queue", "read", "gather", "idle", "total", "kept"] {
      #expect(table.output.contains(word), "\(word)")
    }
    let wrong = try CommandLineRun(
      "sample", directory("s"), "--seeds", "node", "--fanouts", "2", "--pin", "much")
    #expect(wrong.status == 64)
  }

  @Test func aPlanSaysWhatTheTrainingTakes() throws {
    let directory = TemporaryDirectory()
    _ = try makeFeatureStore(in: directory, scale: 11, features: 64)
    func report(_ arguments: [String]) throws -> [String: Double] {
      let run = try CommandLineRun(arguments: arguments + ["--json"])
      #expect(run.status == 0, "\(run.errors)")
      let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
      return try #require(object as? [String: Any]).compactMapValues { $0 as? Double }
    }
    let options = [
      "--target", "node.label", "--batch-size", "32", "--fanouts", "5,3", "--epochs", "3", "--pin",
      "50KiB",
    ]
    let plan = try report(["plan", directory("s"), "train"] + options)
    let training = try report(["train", directory("s")] + options)
    func sample(_ set: String) throws -> [String: Double] {
      try report([
        "sample", directory("s"), "--seeds", "node", "--in", set, "--fanouts", "5,3",
        "--batch-size", "32",
      ])
    }
    let drawn = try sample("train")
    func isClose(_ a: Double?, _ b: Double?, within share: Double) -> Bool {
      guard let a, let b else { return false }
      return abs(a - b) <= share * max(a, b)
    }
    let batches = try #require(drawn["batches"])
    #expect(plan["batches_per_epoch"] == batches)
    #expect(isClose(plan["nodes_per_batch"], drawn["nodes"].map { $0 / batches }, within: 0.15))
    #expect(isClose(plan["edges_per_batch"], drawn["edges"].map { $0 / batches }, within: 0.15))
    #expect(plan["pinned_bytes"] == training["pinned_bytes"])
    let (pinned, read) = (training["rows_pinned"] ?? 0, training["rows_read"] ?? 0)
    #expect(pinned > 0 && read > 0)
    #expect(isClose(plan["pinned_share"], pinned / (pinned + read), within: 0.1))
    for name in ["private_bytes", "first_epoch_bytes_read", "seconds_per_epoch", "trial_steps"] {
      #expect((plan[name] ?? 0) > 0, "\(name)")
    }
    #expect(
      isClose(plan["private_bytes"], training["peak_private_bytes"], within: 0.25),
      "\(plan["private_bytes"] ?? 0), \(training["peak_private_bytes"] ?? 0)")
    #expect(
      plan["bytes_read"] == (plan["first_epoch_bytes_read"] ?? 0)
        + 2 * (plan["later_epoch_bytes_read"] ?? 0))
    // No batch reads a page twice, and a page holds many of these rows.
    let evaluated = try ["valid", "test"].reduce(0) { try $0 + (sample($1)["batches"] ?? 0) }
    #expect(
      (plan["later_epoch_bytes_read"] ?? .infinity)
        <= (batches + evaluated) * (plan["stored_bytes"] ?? 0))
    let beyond = try CommandLineRun(
      arguments: ["plan", directory("s"), "train", "--target", "node.label", "--pin", "100TiB"])
    #expect(beyond.status == 64 && beyond.errors.contains("--memory"), "\(beyond.errors)")
    let text = try CommandLineRun(arguments: ["plan", directory("s"), "train"] + options)
    for word in ["memory:", "kept in memory:", "read:", "time:"] {
      #expect(text.output.contains(word), "\(word)")
    }
    for wrong in [["bake"], ["train", "--full-batch"], []] {
      let run = try CommandLineRun(
        arguments: ["plan", directory("s")] + wrong + ["--target", "node.label"])
      #expect(run.status == 64, "\(wrong): \(run.errors)")
    }
  }
}
