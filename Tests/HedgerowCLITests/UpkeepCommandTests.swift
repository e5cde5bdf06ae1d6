import Foundation
import HedgerowCore
import HedgerowTestSupport
import Testing

private func object(_ run: CommandLineRun) throws -> [String: Any] {
  try #require(run.status == 0, "\(run.errors)")
  return try #require(
    try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
}

/// A store of an R-MAT graph.
private func makeStore(_ directory: TemporaryDirectory, scale: Int) throws -> String {
  let made = try CommandLineRun(
    "dataset", "rmat", directory("data"), "--scale", "\(scale)", "--edge-factor", "8", "--seed",
    "3")
  try #require(made.status == 0, "\(made.errors)")
  let store = directory("s")
  let read = try CommandLineRun("ingest", store, directory("data/edges.tsv"))
  try #require(read.status == 0, "\(read.errors)")
  return store
}

private func segments(_ store: String) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: "\(store)/segments").sorted()
}

@Suite struct UpkeepCommandTests {
  @Test func aBackupIsTheSameStore() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(directory, scale: 9)
    let copy = directory("copy")
    let report = try object(CommandLineRun("backup", store, copy, "--json"))
    #expect(report["version"] as? Int == 1)
    #expect(report["segments"] as? Int == (try segments(store)).count)
    func digest(_ path: String) throws -> String? {
      try object(
        CommandLineRun(
          "sample", path, "--seeds", "node", "--fanouts", "5,5", "--digest", "--json"))["digest"]
        as? String
    }
    #expect(try digest(copy) == digest(store))
    func uuid(_ path: String) throws -> String? {
      try object(CommandLineRun("info", path, "--json"))["uuid"] as? String
    }
    #expect(try uuid(copy) == uuid(store))
    #expect(try CommandLineRun("verify", copy).status == 0)
    let again = try CommandLineRun("backup", store, copy)
    #expect(again.status == 64 && again.errorLines == 1 && again.output.isEmpty)
    #expect(try CommandLineRun("backup", directory("none"), directory("c2")).status == 66)
    let full = try CommandLineRun("backup", store, "/dev/null/copy")
    #expect(full.status == 66 && full.errorLines == 1)
    let said = try CommandLineRun("backup", store, directory("c3"))
    #expect(said.status == 0 && said.output.contains("version 1 of \(store) is in"))
  }

  @Test func aRebuiltStoreHasTheSameEdges() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(directory, scale: 9)
    let before = try object(CommandLineRun("info", store, "--json"))
    for order in ["input", "degree", "bfs", "rcm"] {
      let new = directory(order)
      let report = try object(CommandLineRun("rebuild", store, new, "--order", order, "--json"))
      #expect(report["order"] as? String == order && report["source_version"] as? Int == 1)
      #expect(report["nodes"] as? NSObject == before["nodes"] as? NSObject)
      #expect(report["edges"] as? NSObject == before["edges"] as? NSObject)
      let after = try object(CommandLineRun("info", new, "--json"))
      #expect(after["uuid"] as? String != before["uuid"] as? String)
      #expect(try CommandLineRun("verify", new).status == 0)
      for key in [0, 1, 77, 300] {
        func neighbors(_ path: String) throws -> Set<String> {
          let found = try object(CommandLineRun("neighbors", path, "node=\(key)", "--json"))
          return Set((found["neighbors"] as? [[String: Any]] ?? []).map { "\($0["key"]!)" })
        }
        guard try CommandLineRun("neighbors", store, "node=\(key)").status == 0 else { continue }
        #expect(try neighbors(store) == neighbors(new))
      }
    }
    let again = try CommandLineRun("rebuild", store, directory("bfs"), "--order", "bfs")
    #expect(again.status == 64 && again.errorLines == 1)
    let wrong = try CommandLineRun("rebuild", store, directory("x"), "--order", "best")
    #expect(wrong.status == 64 && wrong.errors.contains("input, degree, bfs, rcm"))
  }

  @Test func aRepairSaysWhatItDid() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(directory, scale: 9)
    let well = try CommandLineRun("repair", store)
    #expect(well.status == 0 && well.output.contains("nothing to repair"))
    let name = try #require(try segments(store).first { $0.contains("-in-") })
    let file = "\(store)/segments/\(name)"
    var bytes = TemporaryDirectory.contents(file)
    bytes[5000] ^= 4
    directory.write("s/segments/\(name)", bytes)
    #expect(try CommandLineRun("verify", store).status == 70)
    let repaired = try CommandLineRun("repair", store)
    #expect(repaired.status == 0, "\(repaired.errors)")
    #expect(repaired.output.contains("repaired: \(name): 1 of its pages is damaged"))
    #expect(try CommandLineRun("verify", store).status == 0)
    // Nothing repairs the tables.
    var data = TemporaryDirectory.contents("\(store)/data.mdb")
    for page in stride(from: 0, to: data.count, by: 4096) { data[page + 20] ^= 1 }
    directory.write("s/data.mdb", data)
    let lost = try CommandLineRun("repair", store, "--accept-loss", "--json")
    #expect(lost.status == 70 && lost.errorLines == 1 && lost.errors.contains("restore a backup"))
    #expect(lost.output.contains("\"ok\":false"))
  }

  /// A file that is cut short under a process that reads it.
  @Test func aLostMappingIsOneLineAndStatus70() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(directory, scale: 16)
    let names = try segments(store).filter { $0.contains("adjacency") }
    let process = Process()
    process.executableURL = CommandLineRun.tool
    process.arguments = [
      "sample", store, "--seeds", "node", "--fanouts", "10,10", "--batch-size", "1", "--threads",
      "2",
    ]
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    func isMapped() -> Bool {
      let maps = try? String(
        contentsOfFile: "/proc/\(process.processIdentifier)/maps", encoding: .utf8)
      return names.allSatisfy { maps?.contains($0) == true }
    }
    while process.isRunning && !isMapped() { usleep(1000) }
    for name in names { truncate("\(store)/segments/\(name)", 4096) }
    let line = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 70)
    #expect(
      line.split(separator: "\n").count == 1 && line.hasPrefix("hedgerow: \(store)/segments/"))
    #expect(names.contains { line.contains($0) }, "\(line)")
    #expect(output.fileHandleForReading.readDataToEndOfFile().isEmpty)
  }
}
