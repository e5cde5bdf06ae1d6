import Foundation
import HedgerowTestSupport
import Testing

/// What is said of neighbors and seeds, in training as in sampling.
@Suite struct SamplingChoiceCommandTests {
  @Test func trainingTakesTheChoicesOfSampling() throws {
    let directory = TemporaryDirectory()
    let (data, store) = (directory("data"), directory("s"))
    let made = try CommandLineRun(
      "dataset", "sbm", data, "--nodes", "300", "--classes", "3", "--features", "4")
    #expect(made.status == 0, "\(made.errors)")
    let ingest = try CommandLineRun(
      "ingest", store, "--nodes", "node=\(data)/nodes.tsv", "--edges",
      "node:links:node=\(data)/edges.tsv", "--features", "node.x=\(data)/features.npy", "--split",
      "node.split", "--undirected")
    #expect(ingest.status == 0, "\(ingest.errors)")
    func run(_ arguments: [String]) throws -> CommandLineRun {
      try CommandLineRun(
        arguments: ["train", store, "--target", "node.label", "--epochs", "2"] + arguments)
    }
    func loss(_ arguments: [String]) throws -> Double {
      let run = try run(arguments + ["--json"])
      #expect(run.status == 0, "\(arguments): \(run.errors)")
      let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
      return try #require((object as? [String: Any])?["loss"] as? Double)
    }
    var losses = [try loss(["--fanouts", "3,2"])]
    for choice in [
      ["--share", "2"], ["--replace"], ["--disjoint"], ["--within", "train"],
      ["--class-weights", "balanced"], ["--class-weights", "1,0,3"],
    ] {
      losses.append(try loss(["--fanouts", "3,2"] + choice))
    }
    #expect(Set(losses).count == losses.count)

    let saved = try run(["--fanouts", "3,2", "--within", "train", "--save", "m"])
    #expect(saved.status == 0, "\(saved.errors)")
    let other = try run(["--resume", "m", "--share", "2"])
    #expect(other.status == 64 && other.errors.contains("--share"), "\(other.errors)")
    for arguments in [
      ["--full-batch", "--share", "2"], ["--full-batch", "--class-weights", "balanced"],
      ["--class-weights", "1,x"], ["--class-weights", "-1"], ["--within", "nothing"],
      ["--select", "weighted"],
    ] {
      let run = try run(arguments)
      #expect(run.status == 64, "\(arguments): \(run.output)\(run.errors)")
    }
  }
}
