import Foundation
import HedgerowTestSupport
import Testing

/// A data set in two parts: the first nodes with the edges among them, and the rest.
private struct Halves {
  let directory = TemporaryDirectory()
  static let count = 900
  static let firstCount = 600
  static let width = 8

  init() throws {
    let data = directory("data")
    let made = try CommandLineRun(
      "dataset", "sbm", data, "--nodes", "\(Self.count)", "--classes", "3", "--degree", "8",
      "--homophily", "0.8", "--features", "\(Self.width)", "--train-fraction", "0.4",
      "--valid-fraction", "0.2", "--seed", "7")
    try #require(made.status == 0, "\(made.errors)")
    func lines(_ name: String) -> [Substring] {
      String(decoding: TemporaryDirectory.contents("\(data)/\(name)"), as: UTF8.self)
        .split(separator: "\n")
    }
    func write(_ name: String, _ lines: [Substring]) {
      directory.write(name, lines.joined(separator: "\n") + "\n")
    }
    let nodes = lines("nodes.tsv")
    write("nodes-0.tsv", Array(nodes[...Self.firstCount]))
    write("nodes-1.tsv", [nodes[0]] + nodes[(Self.firstCount + 1)...])
    let edges = lines("edges.tsv")
    func isFirst(_ line: Substring) -> Bool {
      line.split(separator: "\t").allSatisfy { Int($0)! < Self.firstCount }
    }
    write("edges-0.tsv", [edges[0]] + edges.dropFirst().filter(isFirst))
    write("edges-1.tsv", [edges[0]] + edges.dropFirst().filter { !isFirst($0) })
    let array = TemporaryDirectory.contents("\(data)/features.npy")
    let rows = Self.firstCount * 4 * Self.width
    let start = array.count - Self.count * 4 * Self.width
    writeArray("features-0.npy", array[start..<start + rows])
    writeArray("features-1.npy", array[(start + rows)...])
  }

  private func writeArray(_ name: String, _ values: ArraySlice<UInt8>) {
    let count = values.count / 4 / Self.width
    let header =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (\(count), \(Self.width)), }\n"
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
    bytes += [UInt8(header.utf8.count & 255), UInt8(header.utf8.count >> 8)]
    directory.write(name, bytes + Array(header.utf8) + values)
  }

  /// The files of some parts; `part` nil for the whole data set.
  func arguments(_ store: String, part: Int?) -> [String] {
    func path(_ name: String, _ ending: String) -> String {
      directory(part.map { "\(name)-\($0).\(ending)" } ?? "data/\(name).\(ending)")
    }
    return [
      "ingest", directory(store), "--nodes", "node=\(path("nodes", "tsv"))", "--edges",
      "node:links:node=\(path("edges", "tsv"))", "--features", "node.x=\(path("features", "npy"))",
      "--split", "node.split", "--undirected", "--json",
    ] + (part == 1 ? ["--append"] : [])
  }
}

private func object(_ run: CommandLineRun) throws -> [String: Any] {
  try #require(run.status == 0, "\(run.errors)")
  return try #require(
    try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
}

@Suite struct AppendCommandTests {
  @Test func aStoreThatGrewIsSampledAndTrainedLikeOneMadeAtOnce() throws {
    let halves = try Halves()
    _ = try object(CommandLineRun(arguments: halves.arguments("whole", part: nil)))
    let first = try object(CommandLineRun(arguments: halves.arguments("grown", part: 0)))
    let edgeCount = try #require((first["edges"] as? [String: Int])?["node:links:node"])
    let report = try object(CommandLineRun(arguments: halves.arguments("grown", part: 1)))
    #expect(report["version"] as? Int == 2)
    #expect(report["nodes"] as? [String: Int] == ["node": Halves.count])
    #expect(
      report["added_nodes"] as? [String: Int] == ["node": Halves.count - Halves.firstCount])
    let added = try #require((report["added_edges"] as? [String: Int])?["node:links:node"])
    #expect((report["edges"] as? [String: Int])?["node:links:node"] == edgeCount + added)
    #expect(report["present_edges"] as? [String: Int] == [:])

    func both(_ arguments: (String) -> [String]) throws -> [[String: Any]] {
      try ["whole", "grown"].map {
        try object(CommandLineRun(arguments: arguments(halves.directory($0))))
      }
    }
    for extra in [[], ["--no-reverse"], ["--in", "train", "--epoch", "3", "--seed", "5"]] {
      let samples = try both {
        [
          "sample", $0, "--seeds", "node", "--fanouts", "5,3", "--batch-size", "128", "--features",
          "--digest", "--json",
        ] + extra
      }
      #expect(samples[0]["digest"] as? String == samples[1]["digest"] as? String)
      #expect((samples[0]["edges"] as? Int ?? 0) > 0)
    }
    let infos = try both { ["info", $0, "--json"] }
    for key in ["nodes", "edges", "columns", "sets"] {
      #expect(infos[0][key] as? NSObject == infos[1][key] as? NSObject, "\(key)")
    }
    let neighbors = try both { ["neighbors", $0, "node=700", "--hops", "2", "--json"] }
    #expect(neighbors[0]["neighbors"] as? NSObject == neighbors[1]["neighbors"] as? NSObject)
    let models = try both {
      [
        "train", $0, "--target", "node.label", "--epochs", "3", "--hidden", "8", "--save", "m",
        "--json",
      ]
    }
    #expect(models[0]["metrics"] as? NSObject == models[1]["metrics"] as? NSObject)
    #expect(models[0]["loss"] as? Double == models[1]["loss"] as? Double)
    #expect(try CommandLineRun("verify", halves.directory("grown")).status == 0)
  }

  @Test func modelsAndPredictionsOutliveAnAppend() throws {
    let halves = try Halves()
    let store = halves.directory("s")
    _ = try object(CommandLineRun(arguments: halves.arguments("s", part: 0)))
    _ = try object(
      CommandLineRun(
        "train", store, "--target", "node.label", "--epochs", "2", "--hidden", "8", "--save", "m",
        "--json"))
    let predict = ["predict", store, "--from", "m", "--write", "node.guess", "--json"]
    #expect(try object(CommandLineRun(arguments: predict))["written"] as? Int == Halves.firstCount)
    _ = try object(CommandLineRun(arguments: halves.arguments("s", part: 1)))
    #expect(try CommandLineRun("verify", store).status == 0)
    let info = try object(CommandLineRun("info", store, "--json"))
    let columns = try #require(info["columns"] as? [[String: Any]])
    let guess = try #require(columns.first { $0["name"] as? String == "guess" })
    #expect((guess["provenance"] as? [String: Any])?["model"] as? String == "m")
    #expect(info["models"] as? [String] == ["m"])
    // The model goes on with the nodes that it never saw.
    _ = try object(CommandLineRun("evaluate", store, "--from", "m", "--json"))
    #expect(try object(CommandLineRun(arguments: predict))["written"] as? Int == Halves.count)
    #expect(try CommandLineRun("verify", store).status == 0)
  }

  @Test func withoutAppendATypeThatIsThereIsRefused() throws {
    let halves = try Halves()
    _ = try object(CommandLineRun(arguments: halves.arguments("s", part: 0)))
    let run = try CommandLineRun(arguments: halves.arguments("s", part: 0))
    #expect(run.status == 64 && run.errorLines == 1 && run.output.isEmpty)
    #expect(
      run.errors.contains("node type 'node' is in the store already: add to it with --append"))
    let again = try CommandLineRun(arguments: halves.arguments("s", part: 0) + ["--append"])
    #expect(again.status == 65 && again.errorLines == 1)
    #expect(again.errors.contains("nodes-0.tsv:2: lists the key '0', which the store has already"))
  }
}
