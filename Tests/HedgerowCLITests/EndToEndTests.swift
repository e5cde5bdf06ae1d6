import Foundation
import Hedgerow
import HedgerowLMDB
import HedgerowTestSupport
import Testing

/// A store made by the command itself, once for all tests; those that write take a copy.
private struct Example {
  let directory: TemporaryDirectory
  let ingest: CommandLineRun

  static let shared = Result { try Example() }

  private init() throws {
    directory = TemporaryDirectory()
    let data = directory("data")
    let made = try CommandLineRun(
      "dataset", "sbm", data, "--nodes", "900", "--classes", "3", "--degree", "8", "--homophily",
      "0.8", "--features", "8", "--train-fraction", "0.4", "--valid-fraction", "0.2", "--seed", "7")
    try #require(made.status == 0, "\(made.errors)")
    ingest = try CommandLineRun(
      "ingest", directory("s"), "--nodes", "node=\(data)/nodes.tsv", "--edges",
      "node:links:node=\(data)/edges.tsv", "--features", "node.x=\(data)/features.npy", "--split",
      "node.split", "--undirected", "--json")
    try #require(ingest.status == 0, "\(ingest.errors)")
  }

  var store: String { directory("s") }

  /// A store of the caller's own.
  func copy() throws -> String {
    let path = directory("copy-\(UUID().uuidString)")
    try FileManager.default.copyItem(atPath: store, toPath: path)
    return path
  }
}

/// The one JSON object that stands alone on standard output.
private func object(_ run: CommandLineRun, status: Int32 = 0) throws -> [String: Any] {
  #expect(run.status == status, "\(run.errors)")
  if status == 0 { #expect(run.errors.isEmpty, "\(run.errors)") }
  #expect(run.output.hasSuffix("\n") && run.output.split(separator: "\n").count == 1)
  return try #require(
    try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
}

/// The parts of a dictionary whose kinds are not what they must be.
private func missing(_ object: [String: Any], _ kinds: [String: Any.Type]) -> [String] {
  kinds.compactMap { key, kind in
    let isRight =
      switch object[key] {
      case nil: false
      case let value? where kind == Double.self: value is NSNumber
      case let value? where kind == Int.self: value is Int
      case let value? where kind == String.self: value is String
      case let value? where kind == [Any].self: value is [Any]
      case let value?: value is [String: Any]
      }
    return isRight ? nil : key
  }
}

private let dictionary = [String: Any].self
private let list = [Any].self

@Suite struct EndToEndTests {
  @Test func ingestSaysWhatItMade() throws {
    let report = try object(Example.shared.get().ingest)
    #expect(
      missing(
        report,
        [
          "version": Int.self, "nodes": dictionary, "edges": dictionary, "skipped": Int.self,
          "seconds": Double.self, "peak_resident_bytes": Int.self,
        ]) == [])
    #expect(report["nodes"] as? [String: Int] == ["node": 900])
    // 3,600 edges, both arcs of each; a self-loop or a repeated pair has fewer.
    let edges = try #require((report["edges"] as? [String: Int])?["node:links:node"])
    #expect(edges <= 7200 && edges > 7000)
    #expect(report["version"] as? Int == 1 && report["skipped"] as? Int == 0)
  }

  @Test func infoSaysWhatIsThere() throws {
    let example = try Example.shared.get()
    let info = try object(CommandLineRun("info", example.store, "--json"))
    #expect(
      missing(
        info,
        [
          "version": Int.self, "generation": Int.self, "format": Int.self, "uuid": String.self,
          "nodes": dictionary, "edges": dictionary, "columns": list, "sets": list, "models": list,
          "bytes_on_disk": Int.self,
        ]) == [])
    let columns = try #require(info["columns"] as? [[String: Any]])
    for column in columns {
      #expect(
        missing(
          column,
          ["owner": String.self, "name": String.self, "type": String.self, "width": Int.self]) == []
      )
    }
    let x = try #require(columns.first { $0["name"] as? String == "x" })
    #expect(x["owner"] as? String == "node" && x["width"] as? Int == 8)
    #expect(x["type"] as? String == "float32")
    let sets = try #require(info["sets"] as? [[String: Any]])
    #expect(sets.map { $0["name"] as? String } == ["test", "train", "valid"])
    #expect(sets.compactMap { $0["count"] as? Int }.reduce(0, +) == 900)
    #expect(sets.allSatisfy { $0["type"] as? String == "node" })
    #expect((info["bytes_on_disk"] as? Int ?? 0) > 900 * 32)
  }

  @Test func verifySaysThatAllIsWell() throws {
    let report = try object(CommandLineRun("verify", Example.shared.get().store, "--json"))
    #expect(report["ok"] as? Bool == true)
    #expect((report["problems"] as? [Any])?.count == 0)
    #expect((report["checked_bytes"] as? Int ?? 0) > 900 * 32)
  }

  @Test func neighborsAreThoseOfTheFile() throws {
    let example = try Example.shared.get()
    var neighbors: [String: Set<String>] = [:]
    let text = try String(contentsOfFile: example.directory("data/edges.tsv"), encoding: .utf8)
    for line in text.split(separator: "\n").dropFirst() {
      let ends = line.split(separator: "\t").map { String($0) }
      neighbors[ends[0], default: []].insert(ends[1])
      neighbors[ends[1], default: []].insert(ends[0])
    }
    let first = try #require(neighbors["42"])
    let second = first.reduce(into: Set()) { $0.formUnion(neighbors[$1]!) }
      .subtracting(first).subtracting(["42"])
    let report = try object(
      CommandLineRun("neighbors", example.store, "node=42", "--hops", "2", "--json"))
    #expect(report["node"] as? String == "node=42")
    let found = try #require(report["neighbors"] as? [[String: Any]])
    for step in found {
      #expect(
        missing(
          step, ["type": String.self, "key": String.self, "along": String.self, "hop": Int.self])
          == [])
      #expect(step["along"] as? String == "node:links:node" && step["type"] as? String == "node")
    }
    func keys(_ hop: Int) -> [String] {
      found.filter { $0["hop"] as? Int == hop }.compactMap { $0["key"] as? String }.sorted()
    }
    #expect(keys(1) == first.sorted())
    #expect(keys(2) == second.sorted())
  }

  @Test func digestsDoNotDependOnThreadsOrMemory() throws {
    let store = try Example.shared.get().store
    func digest(_ arguments: String...) throws -> String {
      let report = try object(
        CommandLineRun(
          arguments: [
            "sample", store, "--seeds", "node", "--in", "train", "--fanouts", "6,4",
            "--batch-size", "16", "--digest", "--features", "--json",
          ] + arguments))
      #expect(
        missing(
          report,
          [
            "batches": Int.self, "seconds": Double.self, "nodes": Int.self, "edges": Int.self,
            "bytes_read": Int.self, "digest": String.self,
          ]) == [])
      return try #require(report["digest"] as? String)
    }
    let expected = try digest("--threads", "1")
    #expect(expected.count == 16)
    for threads in ["2", "4", "7"] { #expect(try digest("--threads", threads) == expected) }
    #expect(try digest("--memory", "64MiB", "--threads", "3") == expected)
    let others = [
      try digest("--seed", "1"), try digest("--epoch", "1"), try digest("--batches", "5"),
    ]
    #expect(Set(others + [expected]).count == 4)
    // Two epochs are the one and the other.
    func edges(_ arguments: String...) throws -> [Int] {
      let report = try object(
        CommandLineRun(
          arguments: [
            "sample", store, "--seeds", "node", "--in", "train", "--fanouts", "6,4", "--json",
          ] + arguments))
      let epochs = try #require(report["epochs"] as? [[String: Any]])
      let counts = epochs.compactMap { $0["edges"] as? Int }
      #expect(report["edges"] as? Int == counts.reduce(0, +))
      return counts
    }
    #expect(
      try edges("--epoch", "3", "--epochs", "2") == edges("--epoch", "3") + edges("--epoch", "4"))
    for wrong in ["0", "-1"] {
      let run = try CommandLineRun(
        "sample", store, "--seeds", "node", "--fanouts", "6,4", "--epochs", wrong)
      #expect(run.status == 64)
    }
  }

  @Test func fanoutsOfMinusOneTakeAllNeighbors() throws {
    let store = try Example.shared.get().store
    func edges(_ fanouts: String...) throws -> Int? {
      try object(
        CommandLineRun(
          arguments: ["sample", store, "--seeds", "node", "--batch-size", "900", "--json"]
            + fanouts))["edges"] as? Int
    }
    let info = try object(CommandLineRun("info", store, "--json"))
    let all = try #require((info["edges"] as? [String: Int])?["node:links:node"])
    #expect(try edges("--fanouts", "-1") == all)
    #expect(try edges("--fanouts=-1") == all)
    let one = try #require(try edges("--fanouts", "1"))
    #expect(one > 0 && one < all)
  }

  @Test func trainEvaluateAndPredictSayHowWell() throws {
    let store = try Example.shared.get().copy()
    func train(_ threads: String, _ more: String...) throws -> [String: Any] {
      try object(
        CommandLineRun(
          arguments: [
            "train", store, "--target", "node.label", "--fanouts", "8,8", "--batch-size", "128",
            "--hidden", "16", "--epochs", "8", "--threads", threads, "--json",
          ] + more))
    }
    let report = try train("1", "--save", "m")
    #expect(
      missing(
        report,
        [
          "task": String.self, "model": String.self, "parameters": Int.self, "epochs": Int.self,
          "metrics": dictionary, "loss": Double.self, "seconds": dictionary,
          "peak_resident_bytes": Int.self, "version": Int.self,
        ]) == [])
    let seconds = try #require(report["seconds"] as? [String: Any])
    for stage in ["total", "sample", "read", "gather", "compute", "wait"] {
      #expect(seconds[stage] is Double, "\(stage)")
    }
    let metrics = try #require(report["metrics"] as? [String: [String: Any]])
    #expect(metrics.keys.sorted() == ["test", "valid"])
    let accuracy = try #require(metrics["test"]?["accuracy"] as? Double)
    #expect(accuracy > 0.7, "three classes, eight in ten edges inside one")
    #expect(metrics["test"]?["macro_f1"] is Double)
    #expect(report["version"] as? Int == 1, "the version that was read")

    // The same bits for other threads.
    let again = try train("3")
    #expect(again["loss"] as? Double == report["loss"] as? Double)
    #expect(
      (again["metrics"] as? NSDictionary) == (report["metrics"] as? NSDictionary))

    let evaluated = try object(
      CommandLineRun(
        "evaluate", store, "--from", "m", "--in", "test", "--batch-size", "128", "--json"))
    #expect(
      missing(
        evaluated,
        [
          "task": String.self, "model": String.self, "parameters": Int.self, "epochs": Int.self,
          "metrics": dictionary, "loss": Double.self, "seconds": dictionary,
          "peak_resident_bytes": Int.self, "version": Int.self,
        ]) == [])
    let measured = try #require(evaluated["metrics"] as? [String: [String: Any]])
    #expect(measured["test"]?["accuracy"] as? Double == accuracy)

    let predicted = try object(
      CommandLineRun("predict", store, "--from", "m", "--write", "node.predicted", "--json"))
    #expect(predicted["written"] as? Int == 900 && predicted["model"] as? String == "m")
    #expect(predicted["column"] as? String == "node.predicted")
    #expect(predicted["version"] as? Int == 3)
    let info = try object(CommandLineRun("info", store, "--json"))
    #expect(info["models"] as? [String] == ["m"] && info["version"] as? Int == 3)
    let column = try #require(
      (info["columns"] as? [[String: Any]])?.first { $0["name"] as? String == "predicted" })
    let provenance = try #require(column["provenance"] as? [String: Any])
    #expect(provenance["model"] as? String == "m" && provenance["data_version"] as? Int == 2)
    #expect(try CommandLineRun("verify", store).status == 0)
  }

  @Test func resultsForPeopleAreOnStandardOutputToo() throws {
    let store = try Example.shared.get().store
    for arguments in [
      ["info", store], ["verify", store], ["neighbors", store, "node=1"],
      ["sample", store, "--seeds", "node", "--fanouts", "3"],
      ["train", store, "--target", "node.label", "--epochs", "1", "--hidden", "4"],
    ] {
      let run = try CommandLineRun(arguments: arguments)
      #expect(run.status == 0 && run.errors.isEmpty, "\(arguments): \(run.errors)")
      #expect(!run.output.isEmpty && !run.output.hasPrefix("{"))
    }
  }
}

@Suite struct ExitStatusTests {
  /// One line on standard error that holds `words`, nothing on standard output.
  private func refused(
    _ status: Int32, _ arguments: [String], saying words: String...,
    location: SourceLocation = #_sourceLocation
  ) throws {
    for json in [[], ["--json"]] {
      let run = try CommandLineRun(arguments: arguments + json)
      #expect(run.status == status, "\(arguments): \(run.errors)", sourceLocation: location)
      #expect(run.output.isEmpty, "\(run.output)", sourceLocation: location)
      #expect(run.errorLines == 1 && run.errors.hasPrefix("hedgerow: "), sourceLocation: location)
      for word in words {
        #expect(run.errors.contains(word), "\(run.errors)", sourceLocation: location)
      }
    }
  }

  @Test func wrongCallsAre64() throws {
    let example = try Example.shared.get()
    let store = example.store
    let edges = example.directory("data/edges.tsv")
    try refused(64, ["sample", store, "--seeds", "movie", "--fanouts", "2"], saying: "movie")
    try refused(
      64, ["sample", store, "--seeds", "node", "--in", "holdout", "--fanouts", "2"],
      saying: "holdout")
    try refused(64, ["sample", store, "--seeds", "node", "--fanouts", "two"], saying: "two")
    try refused(64, ["neighbors", store, "node=4711"], saying: "4711")
    try refused(64, ["neighbors", store, "node=1", "--along", "a:b:c"], saying: "a:b:c")
    try refused(64, ["train", store, "--target", "node.colour"], saying: "colour")
    try refused(64, ["train", store, "--target", "label"], saying: "label")
    try refused(64, ["evaluate", store, "--from", "nobody"], saying: "nobody")
    try refused(
      64, ["predict", store, "--from", "nobody", "--write", "node.p"], saying: "nobody")
    try refused(
      64, ["ingest", store, "--edges", "node:links:node=\(edges)"], saying: "node:links:node")
    try refused(64, ["ingest", "\(store)-none"], saying: "nothing to ingest")
    #expect(!FileManager.default.fileExists(atPath: "\(store)-none"))
  }

  @Test func badInputIs65AndChangesNothing() throws {
    let example = try Example.shared.get()
    let directory = TemporaryDirectory()
    let bad = directory.write("bad.tsv", "source\ttarget\n1\t2\n3\n")
    try refused(65, ["ingest", directory("new"), bad], saying: "bad.tsv:3")
    #expect(!FileManager.default.fileExists(atPath: directory("new")))
    let store = try example.copy()
    try refused(65, ["ingest", store, "--edges", "a:b:a=\(bad)"], saying: "bad.tsv:3")
    let info = try object(CommandLineRun("info", store, "--json"))
    #expect(info["version"] as? Int == 1)
    #expect((info["nodes"] as? [String: Int])?.keys.sorted() == ["node"])
  }

  @Test func missingInputsAre66() throws {
    let directory = TemporaryDirectory()
    let none = directory("none")
    let edges = directory.write("edges.tsv", "1\t2\n")
    for command in [
      ["info", none], ["verify", none], ["neighbors", none, "node=1"],
      ["sample", none, "--seeds", "node", "--fanouts", "2"],
      ["train", none, "--target", "node.label"], ["evaluate", none, "--from", "m"],
      ["predict", none, "--from", "m", "--write", "node.p"],
    ] {
      try refused(66, command, saying: none)
    }
    try refused(66, ["ingest", directory("s"), directory("missing.tsv")], saying: "missing.tsv")
    #expect(!FileManager.default.fileExists(atPath: directory("s")))
    try refused(66, ["info", edges], saying: "not a store")
    try refused(66, ["info", directory.path], saying: "not a store")
  }

  @Test func aNewerFormatIs69() throws {
    let store = try Example.shared.get().copy()
    try LMDBEnvironment.open(store, .readWrite).write {
      try $0.put("{\"format\":1000}", for: "store", in: Table<String, String>("meta"))
    }
    try refused(69, ["info", store], saying: "format 1000", "newer hedgerow")
    try refused(69, ["sample", store, "--seeds", "node", "--fanouts", "2"], saying: "format 1000")
  }

  @Test func aDamagedStoreIs70() throws {
    let store = try Example.shared.get().copy()
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(store)/segments")
    func flip(_ name: String, at place: Int) throws {
      let path = "\(store)/segments/\(name)"
      let handle = try #require(FileHandle(forUpdatingAtPath: path))
      defer { try? handle.close() }
      try handle.seek(toOffset: UInt64(place))
      let byte = try #require(try handle.read(upToCount: 1))[0]
      try handle.seek(toOffset: UInt64(place))
      try handle.write(contentsOf: Data([byte ^ 0x10]))
    }
    // A byte of the features: `verify` finds it, and says where.
    let column = try #require(names.first { $0.hasPrefix("column-") })
    try flip(column, at: 5000)
    let run = try CommandLineRun("verify", store, "--json")
    let report = try object(run, status: 70)
    #expect(report["ok"] as? Bool == false)
    let problem = try #require((report["problems"] as? [[String: Any]])?.first)
    #expect(problem["file"] as? String == column)
    #expect(problem["what"] is String)
    let offset = try #require(problem["offset"] as? Int)
    #expect(offset <= 5000 && offset > 5000 - 4096)
    #expect(run.errorLines == 1 && run.errors.hasPrefix("hedgerow: "))
    #expect(try CommandLineRun("verify", store).status == 70)
    try flip(column, at: 5000)
    #expect(try CommandLineRun("verify", store).status == 0)
    // A header: nothing is read from such a file.
    let index = try #require(names.first { $0.contains("-in-") })
    try flip(index, at: 40)
    try refused(70, ["sample", store, "--seeds", "node", "--fanouts", "2"], saying: index)
    try refused(70, ["train", store, "--target", "node.label"], saying: index)
    try FileManager.default.removeItem(atPath: "\(store)/segments/\(index)")
    try refused(70, ["sample", store, "--seeds", "node", "--fanouts", "2"], saying: index)
  }

  @Test func aSecondWriterIs75AndReadersGoOn() throws {
    let example = try Example.shared.get()
    let store = try example.copy()
    let trained = try CommandLineRun(
      "train", store, "--target", "node.label", "--epochs", "1", "--hidden", "4", "--save", "m")
    #expect(trained.status == 0, "\(trained.errors)")
    let edges = example.directory("data/edges.tsv")
    let build = try GraphStore.open(at: store).beginBuild()
    try refused(75, ["ingest", store, "--edges", "a:b:a=\(edges)"], saying: "--wait")
    try refused(75, ["ingest", store, "--edges", "a:b:a=\(edges)", "--wait", "0.1"])
    try refused(75, ["predict", store, "--from", "m", "--write", "node.p"])
    try refused(
      75,
      [
        "train", store, "--target", "node.label", "--epochs", "1", "--hidden", "4", "--save", "n",
      ])
    for command in [["info", store], ["verify", store], ["evaluate", store, "--from", "m"]] {
      #expect(try CommandLineRun(arguments: command).status == 0)
    }
    withExtendedLifetime(build) {}
  }
}
