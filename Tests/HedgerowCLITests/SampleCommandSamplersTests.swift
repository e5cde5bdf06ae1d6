import Foundation
import HedgerowTestSupport
import Testing

/// `sample --sampler`: what makes the subgraphs.
@Suite struct SampleCommandSamplersTests {
  /// 300 nodes with features and 1500 edges, all of one type or of two node types and three edge types.
  private func makeStore(_ directory: TemporaryDirectory, types: [String]) throws -> String {
    let (data, store) = (directory("data"), directory("s"))
    let isPlain = types.count == 1
    let made = try CommandLineRun(
      arguments: ["dataset", "sbm", data, "--nodes", "300", "--classes", "3", "--features", "4"]
        + (isPlain ? [] : ["--node-types", types.joined(separator: ",")]))
    try #require(made.status == 0, "\(made.errors)")
    var arguments = ["ingest", store]
    for (place, type) in types.enumerated() {
      let suffix = isPlain ? "" : "-\(type)"
      arguments += [
        "--nodes", "\(type)=\(data)/nodes\(suffix).tsv", "--features",
        "\(type).x=\(data)/features\(suffix).npy", "--split", "\(type).split",
      ]
      for other in types[place...] {
        let suffix = isPlain ? "" : "-\(type)-\(other)"
        arguments += ["--edges", "\(type):to:\(other)=\(data)/edges\(suffix).tsv"]
      }
    }
    let ingest = try CommandLineRun(arguments: arguments)
    try #require(ingest.status == 0, "\(ingest.errors)")
    return store
  }

  private struct Sampled: Equatable {
    var batches: Int
    var nodes: Int
    var edges: Int
    var digest: String
    var cutShare: Double?
  }

  private func sample(_ store: String, _ arguments: [String]) throws -> Sampled {
    let run = try CommandLineRun(
      arguments: ["sample", store, "--digest", "--json"] + arguments)
    try #require(run.status == 0, "\(arguments): \(run.errors)")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    return Sampled(
      batches: try #require(object["batches"] as? Int),
      nodes: try #require(object["nodes"] as? Int), edges: try #require(object["edges"] as? Int),
      digest: try #require(object["digest"] as? String),
      cutShare: object["cut_share"] as? Double)
  }

  @Test(arguments: [["node"], ["a", "b"]])
  func everySamplerRunsAlikeForAnyThreads(types: [String]) throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(directory, types: types)
    let seeds = ["--seeds", types[0], "--batch-size", "20"]
    let few = ["--seeds", types[0], "--batch-size", "4", "--in", "train", "--where", "label = 1"]
    var digests: [String] = []
    for arguments in [
      seeds + ["--fanouts", "3,2"],
      seeds + ["--fanouts", "3,2", "--edges", "induced"],
      seeds + ["--fanouts", "3,2", "--edges", "induced", "--disjoint"],
      seeds + ["--fanouts", "3,2", "--edges", "bidirectional"],
      seeds + ["--sampler", "ladies", "--fanouts", "20,10"],
      seeds + ["--sampler", "fastgcn", "--fanouts", "20,10"],
      seeds + ["--sampler", "hgt", "--fanouts", "20,10"],
      few + ["--sampler", "pagerank", "--nodes", "5"],
      few + ["--sampler", "pagerank", "--nodes", "5", "--disjoint"],
      ["--sampler", "saint-nodes", "--draws", "40"],
      ["--sampler", "saint-edges", "--draws", "200"],
      ["--sampler", "saint-edges", "--draws", "200", "--normalize"],
      ["--sampler", "saint-walks", "--draws", "20", "--seeds", types[0]],
      ["--sampler", "saint-walks", "--draws", "20", "--seeds", types[0], "--walk-length", "4"],
      ["--sampler", "clusters", "--parts", "10"],
      ["--sampler", "clusters", "--parts", "10", "--parts-per-batch", "3"],
      ["--sampler", "random", "--parts", "10"],
    ] {
      let one = try sample(store, arguments + ["--features", "--threads", "1"])
      #expect(try sample(store, arguments + ["--features", "--threads", "2"]) == one)
      #expect(one.nodes > 0 && one.edges > 0)
      let other = try sample(store, arguments + ["--features", "--epoch", "1"])
      #expect(other.digest != one.digest, "\(arguments)")
      digests.append(one.digest)
    }
    #expect(Set(digests).count == digests.count)
  }

  @Test(arguments: [["node"], ["a", "b"]])
  func countsAreThoseOfTheSampler(types: [String]) throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(directory, types: types)
    let seedCount = 300 / types.count
    let seeds = ["--seeds", types[0], "--batch-size", "20"]
    // Parts have each node once, and edges along both readings; one part has all.
    for sampler in ["clusters", "random"] {
      let parts = try sample(store, ["--sampler", sampler, "--parts", "10"])
      #expect(parts.batches == 10 && parts.nodes == 300 && parts.edges < 3000)
      let whole = try sample(store, ["--sampler", sampler, "--parts", "1", "--no-reverse"])
      #expect(whole.batches == 1 && whole.nodes == 300 && whole.edges == 1500)
      #expect(whole.cutShare == (sampler == "clusters" ? 0 : nil))
      if let cutShare = parts.cutShare {
        #expect(abs(cutShare - (1 - Double(parts.edges) / 3000)) < 1e-9)
      }
    }
    let some = try sample(
      store, ["--sampler", "clusters", "--parts", "10", "--parts-per-batch", "4"])
    #expect(some.batches == 3 && some.nodes == 300)

    let few = ["--seeds", types[0], "--in", "train"]
    let fewCount = try sample(store, few + ["--fanouts", "0"]).nodes
    let ranked = try sample(store, few + ["--sampler", "pagerank", "--nodes", "5", "--disjoint"])
    #expect(ranked.nodes > fewCount && ranked.nodes <= 5 * fewCount)
    let merged = try sample(store, few + ["--sampler", "pagerank", "--nodes", "5"])
    #expect(merged.nodes > fewCount && merged.nodes < ranked.nodes)

    let budget = try sample(store, seeds + ["--sampler", "hgt", "--fanouts", "7,4"])
    #expect(budget.nodes > seedCount)
    #expect(budget.nodes <= seedCount + budget.batches * 11 * types.count)
    let layers = try sample(store, seeds + ["--sampler", "ladies", "--fanouts", "7"])
    // Along each relation that arrives: both readings, of one edge type or of two.
    #expect(layers.nodes <= seedCount + layers.batches * 7 * (types.count == 1 ? 2 : 3))

    // As many batches as draw what there is once, unless it is said.
    func batches(_ arguments: String...) throws -> Int {
      let sampled = try sample(store, arguments)
      #expect(sampled.nodes < 300 * sampled.batches)
      return sampled.batches
    }
    #expect(try batches("--sampler", "saint-nodes", "--draws", "40") == 8)
    #expect(try batches("--sampler", "saint-edges", "--draws", "70") == 22)
    #expect(
      try batches("--sampler", "saint-walks", "--seeds", types[0], "--draws", "20")
        == (seedCount + 19) / 20)
    #expect(try batches("--sampler", "saint-nodes", "--draws", "40", "--batches", "3") == 3)
  }

  @Test func whatDoesNotGoTogetherIsRefused() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(directory, types: ["node"])
    let node = ["--seeds", "node"]
    for (arguments, words) in [
      (["--fanouts", "3"], "--sampler neighbors needs --seeds"),
      (node, "--sampler neighbors needs --fanouts"),
      (node + ["--sampler", "hgt"], "--sampler hgt needs --fanouts"),
      (node + ["--sampler", "ladies", "--fanouts", "-1"], "--fanouts of --sampler ladies"),
      (node + ["--sampler", "pagerank", "--fanouts", "3"], "--fanouts is of"),
      (node + ["--sampler", "walks"], "'walks' is no sampler"),
      (node + ["--fanouts", "3", "--draws", "5"], "--draws is of --sampler saint-nodes"),
      (node + ["--fanouts", "3", "--layers", "5"], "--edges induced"),
      (node + ["--fanouts", "3", "--edges", "all"], "'all' is no choice of edges"),
      (node + ["--fanouts", "3", "--nodes", "5"], "--nodes is of --sampler pagerank"),
      (node + ["--fanouts", "3", "--batch-size", "4611686018427387904"], "--batch-size"),
      (node + ["--fanouts", "3000000000"], "at most 1000000"),
      (node + ["--sampler", "hgt", "--fanouts", "3", "--edges", "induced"], "--edges is of"),
      (
        node + ["--sampler", "ladies", "--fanouts", "3", "--node-times", "x"], "--node-times is of"
      ),
      (node + ["--sampler", "ladies", "--fanouts", "3", "--disjoint"], "pagerank"),
      (node + ["--sampler", "hgt", "--fanouts", "3", "--pin", "1MiB"], "--pin is of"),
      (node + ["--sampler", "fastgcn", "--fanouts", "3", "--pack", "always"], "--pack is of"),
      (["--sampler", "saint-walks", "--draws", "5"], "--sampler saint-walks needs --seeds"),
      (["--sampler", "saint-walks", "--draws", "5", "--seeds", "who"], "no node type 'who'"),
      (["--sampler", "saint-nodes"], "--sampler saint-nodes needs --draws"),
      (["--sampler", "saint-nodes", "--draws", "0"], "--draws is between"),
      (["--sampler", "saint-nodes", "--draws", "5"] + node, "--seeds is of"),
      (["--sampler", "saint-nodes", "--draws", "5", "--walk-length", "3"], "saint-walks"),
      (["--sampler", "random"], "--sampler random needs --parts"),
      (["--sampler", "random", "--parts", "3", "--in", "train"], "--in is of"),
      (["--sampler", "random", "--parts", "3", "--where", "label = 1"], "--where is of"),
      (["--sampler", "random", "--parts", "3", "--parts-per-batch", "2"], "clusters"),
      (["--sampler", "clusters", "--parts", "3", "--batch-size", "2"], "--batch-size is of"),
      (["--sampler", "clusters", "--parts", "3", "--normalize"], "--normalize is of"),
      (["--sampler", "clusters", "--parts", "3", "--audit"], "--audit is of"),
    ] {
      let run = try CommandLineRun(arguments: ["sample", store] + arguments)
      #expect(run.status == 64 && run.output.isEmpty, "\(arguments): \(run.output)")
      #expect(run.errors.contains(words), "\(arguments): \(run.errors)")
    }
  }
}
