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
}
