import Foundation
import HedgerowTestSupport
import Testing

/// `sample --seeds SOURCE:RELATION:TARGET`, and what an audit finds.
@Suite struct SampleCommandLinksTests {
  private let rates = "user:rates:item"
  private let ratedBy = "item:rated-by:user"

  /// Users who rate items over time and follow each other, with the ratings the other way round, too,
  /// and a split of them.
  private func makeStore(_ directory: TemporaryDirectory) throws -> String {
    var (forward, back) = ("source\ttarget\tat\tw\tstars\n", "source\ttarget\tat\tw\n")
    for edge in 0..<400 {
      let (user, item) = ("u\(edge * 7 % 41)", "i\(edge * edge % 31)")
      forward += "\(user)\t\(item)\t\(edge % 60)\t\(edge % 3)\t\(edge % 5)\n"
      back += "\(item)\t\(user)\t\(edge % 60)\t\(edge % 3)\n"
    }
    var follows = "source\ttarget\tat\tw\n"
    for edge in 0..<200 {
      follows += "u\(edge * 11 % 41)\tu\(edge * 17 % 39)\t\(edge % 60)\t\(edge % 3)\n"
    }
    var arguments = ["ingest", directory("s")]
    for (type, text) in [(rates, forward), (ratedBy, back), ("user:follows:user", follows)] {
      let file = directory(type.split(separator: ":")[1] + ".tsv")
      try text.write(toFile: file, atomically: true, encoding: .utf8)
      arguments += ["--edges", "\(type)=\(file)", "--time", "\(type).at"]
    }
    for arguments in [
      arguments, ["split", directory("s"), rates, "--parts", "train=0.75,test=0.25"],
    ] {
      let run = try CommandLineRun(arguments: arguments)
      try #require(run.status == 0, "\(run.errors)")
    }
    return directory("s")
  }

  private func report(_ store: String, _ arguments: [String]) throws -> [String: Any] {
    let run = try CommandLineRun(
      arguments: [
        "sample", store, "--fanouts", "4,3", "--batch-size", "50", "--digest", "--json",
      ] + arguments)
    try #require(run.status == 0, "\(arguments): \(run.errors)")
    return try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
  }

  private func audit(_ store: String, _ arguments: [String]) throws -> [String: Int] {
    try #require(try report(store, arguments + ["--audit"])["audit"] as? [String: Int])
  }

  private func digest(_ store: String, _ arguments: [String]) throws -> String {
    try #require(try report(store, arguments)["digest"] as? String)
  }

  @Test func noBatchHasWhatItIsToPredict() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(directory)
    let seeds = ["--seeds", rates, "--reverse-type", ratedBy]
    for options in [
      [], ["--disjoint"], ["--edges", "induced"], ["--edges", "bidirectional"],
      ["--negatives", "3", "--negatives-from", "degree"], ["--negatives-from", "in-batch"],
      ["--select", "weighted", "--weight", "w", "--replace"], ["--share", "2"],
    ] {
      let found = try audit(store, seeds + options)
      #expect(found["violations"] == 0, "\(options): \(found)")
      #expect(found["batches"] == 8 && found["positives"] == 400)
      #expect(found["negatives"] ?? 0 > (options.contains("3") ? 1000 : 300))
    }
    let none = try audit(store, seeds + ["--negatives", "0"])
    #expect(none["negatives"] == 0)
    // It finds what is left in, and what is there the other way round.
    let kept = try audit(store, seeds + ["--keep-seed-edges"])
    #expect(kept["seed_edges_seen"] ?? 0 > 100)
    #expect(kept["violations"] == kept["seed_edges_seen"])
    let text = try CommandLineRun(
      arguments: ["sample", store, "--fanouts", "4", "--audit", "--keep-seed-edges"] + seeds)
    #expect(text.status == 0 && text.output.contains("VIOLATIONS"), "\(text.output)")
    let clean = try CommandLineRun(
      arguments: ["sample", store, "--fanouts", "4", "--audit"] + seeds)
    #expect(clean.output.contains("no violations"), "\(clean.output)")
  }

  @Test func noSampleSeesWhatIsLaterThanItsSeed() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(directory)
    let seeds = ["--seeds", rates, "--reverse-type", ratedBy, "--edge-times"]
    for options in [[], ["--window", "20"], ["--select", "most-recent"], ["--edges", "induced"]] {
      let found = try audit(store, seeds + options)
      #expect(found["violations"] == 0 && found["positives"] == 400, "\(options): \(found)")
    }
    // The seeds' own times decide what they see.
    #expect(
      try digest(store, seeds + ["--seed-times", "stars"]) != digest(store, seeds))
    // An audit changes no batch.
    for seeds in [seeds, ["--seeds", rates]] {
      #expect(try digest(store, seeds + ["--audit"]) == digest(store, seeds))
    }
  }

  /// Nodes that are born, and look at nothing later.
  @Test func samplesAroundNodesAreAuditedByTheirTimes() throws {
    let directory = TemporaryDirectory()
    var (nodes, edges) = ("id\tborn\n", "source\ttarget\tat\n")
    for node in 0..<50 { nodes += "n\(node)\t\(node % 20)\n" }
    for edge in 0..<400 { edges += "n\(edge * 7 % 50)\tn\(edge * edge % 47)\t\(edge % 25)\n" }
    try nodes.write(toFile: directory("nodes.tsv"), atomically: true, encoding: .utf8)
    try edges.write(toFile: directory("edges.tsv"), atomically: true, encoding: .utf8)
    let ingest = try CommandLineRun(
      "ingest", directory("s"), "--nodes", "node=\(directory("nodes.tsv"))", "--edges",
      "node:to:node=\(directory("edges.tsv"))", "--time", "node:to:node.at")
    try #require(ingest.status == 0, "\(ingest.errors)")
    for times in [
      ["--node-times", "born"], ["--edge-times", "--seed-times", "born"],
      ["--node-times", "born", "--edge-times"],
    ] {
      let arguments = ["--seeds", "node"] + times
      let found = try audit(directory("s"), arguments)
      #expect(found == ["batches": 1, "seeds": 50, "late_entries": 0, "violations": 0])
      #expect(
        try digest(directory("s"), arguments + ["--audit"]) == digest(directory("s"), arguments))
    }
  }

  @Test func seedsAreThoseOfASplitAndAFilter() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(directory)
    func count(_ arguments: String...) throws -> Int {
      try #require(try audit(store, ["--seeds", rates] + arguments)["positives"])
    }
    let (train, test) = (try count("--in", "train"), try count("--in", "test"))
    #expect(train + test == 400 && train > 200 && test > 50)
    #expect(try count("--in", "train", "--split", "split") == train)
    #expect(try count("--where", "stars = 3") == 80)
    let both = try (
      count("--in", "train", "--where", "stars = 3"),
      count("--in", "test", "--where", "stars = 3")
    )
    #expect(both.0 + both.1 == 80 && both.0 > 0 && both.1 > 0)
  }

  @Test func theSameDigestForAnyThreads() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(directory)
    var digests: [String] = []
    for options in [
      [], ["--disjoint"], ["--negatives", "2"], ["--negatives-from", "degree"], ["--in", "train"],
      ["--keep-seed-edges"], ["--reverse-type", ratedBy], ["--edge-times"], ["--epoch", "1"],
    ] {
      let arguments = ["--seeds", rates] + options
      let one = try digest(store, arguments + ["--threads", "1"])
      #expect(try digest(store, arguments + ["--threads", "2"]) == one)
      digests.append(one)
    }
    #expect(Set(digests).count == digests.count)
  }

  @Test func whatDoesNotGoTogetherIsRefused() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(directory)
    for (arguments, words) in [
      (["--seeds", "user", "--negatives", "2"], "--negatives is of seeds that are edges"),
      (["--seeds", "user", "--keep-seed-edges"], "--keep-seed-edges is of seeds that are edges"),
      (["--seeds", "user", "--audit"], "--audit is of seeds that are edges"),
      (
        ["--seeds", rates, "--audit", "--edge-times", "--edges", "bidirectional"],
        "--edges bidirectional"
      ),
      (["--seeds", "user:rates"], "'user:rates' is no edge type"),
      (["--seeds", "user:likes:item"], "no edge type 'user:likes:item'"),
      (["--seeds", rates, "--sampler", "hgt"], "not of hgt"),
      (["--seeds", rates, "--split", "part"], "--split is of --in"),
      (["--seeds", rates, "--in", "train", "--split", "part"], "part"),
      (["--seeds", rates, "--negatives", "-1"], "--negatives"),
      (["--seeds", rates, "--negatives", "10001"], "between 0 and 10000"),
      (
        ["--seeds", rates, "--negatives", "10000", "--memory", "64MiB"], "drawing 4000000 negatives"
      ),
      (["--seeds", rates, "--negatives-from", "nowhere"], "'nowhere'"),
      (["--seeds", rates, "--pin", "1MiB"], "--pin is of seeds that are nodes"),
      (["--seeds", rates, "--reverse-type", "item:of:user"], "no edge type 'item:of:user'"),
      (["--seeds", rates, "--reverse-type", rates], "does not lead from 'item' to 'user'"),
      (["--seeds", rates, "--seed-times", "at"], "--edge-times"),
      (["--seeds", rates, "--edge-times", "--seed-times", "none"], "none"),
      (["--seeds", rates, "--where", "none = 1"], "none"),
    ] {
      let run = try CommandLineRun(
        arguments: ["sample", store, "--fanouts", "3"] + arguments)
      #expect(run.status == 64 && run.output.isEmpty, "\(arguments): \(run.output)")
      #expect(run.errors.contains(words), "\(arguments): \(run.errors)")
    }
  }
}
