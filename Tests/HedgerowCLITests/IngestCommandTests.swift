import Foundation
import Testing

@Suite struct IngestCommandTests {
  private func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test func aPlainEdgeListReportsItsCountsAsJSON() throws {
    try withTemporaryDirectory { path in
      let file = "\(path)/edges.tsv"
      try "1\t2\n2\t3\n".write(toFile: file, atomically: true, encoding: .utf8)
      let run = try CommandLineRun("ingest", "\(path)/store", file, "--json")
      #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
      let report = try object(run.output)
      #expect(report["nodes"] as? [String: Int] == ["node": 3])
      #expect(report["edges"] as? [String: Int] == ["node:edge:node": 2])
      #expect(report["version"] as? Int == 1 && report["skipped"] as? Int == 0)
      #expect(report["seconds"] is Double && report["peak_resident_bytes"] is Int)
    }
  }

  /// Whatever the shell allows: a column is a file.
  @Test func aTableHasMoreColumnsThanFilesMayBeOpen() throws {
    try withTemporaryDirectory { path in
      let columns = (0..<600).map { "c\($0)" }
      let row = columns.map { _ in "1" }
      let text = ["id", "a", "b"].enumerated().map { line, key in
        ([key] + (line == 0 ? columns : row)).joined(separator: ",")
      }
      try text.joined(separator: "\n").write(
        toFile: "\(path)/n.csv", atomically: true, encoding: .utf8)
      let run = try CommandLineRun(
        program: URL(fileURLWithPath: "/bin/sh"),
        arguments: [
          "-c", "ulimit -S -n 256 && exec \"$0\" \"$@\"", CommandLineRun.tool.path, "ingest",
          "\(path)/store", "--nodes", "p=\(path)/n.csv", "--json",
        ])
      #expect(run.status == 0, "\(run.errors)")
      #expect(try object(run.output)["nodes"] as? [String: Int] == ["p": 2])
    }
  }

  @Test func typesFeaturesAndSplitsGoInByTheirOptions() throws {
    try withTemporaryDirectory { path in
      let (nodes, edges) = ("\(path)/nodes.csv", "\(path)/edges.txt")
      try "id,label,split\na,0,train\nb,1,test\n".write(
        toFile: nodes, atomically: true, encoding: .utf8)
      try "a|7|b\nb|8|c\nbroken\n".write(toFile: edges, atomically: true, encoding: .utf8)
      let run = try CommandLineRun(
        "ingest", "\(path)/store", "--nodes", "p=\(nodes)", "--edges", "p:r:p=\(edges)",
        "--columns", "p:r:p=source,when:timestamp,target", "--time", "p:r:p.when", "--split",
        "p.split", "--delimiter", "pipe", "--on-error", "report", "--undirected", "--json")
      // The delimiter holds for both files: the node file has one column then.
      #expect(run.status == 64, "\(run.output)")
      let again = try CommandLineRun(
        "ingest", "\(path)/store", "--nodes", "p=\(nodes)", "--edges", "p:r:p=\(edges)",
        "--columns", "p:r:p=source,when:timestamp,target", "--time", "p:r:p.when", "--split",
        "p.split", "--on-error", "report", "--undirected", "--json")
      #expect(again.status == 0, "\(again.errors)")
      let report = try object(again.output)
      #expect(report["edges"] as? [String: Int] == ["p:r:p": 4])
      #expect(report["skipped"] as? Int == 1)
      #expect(report["created_nodes"] as? [String: Int] == ["p": 1])
      #expect(
        report["messages"] as? [String] == ["\(edges):3: has 1 column where 3 are expected"])
    }
  }

  @Test func aFileOfOnlyBadLinesTakesNoMoreMemoryThanAGoodOne() throws {
    try withTemporaryDirectory { path in
      let (good, bad) = ("\(path)/good.tsv", "\(path)/bad.tsv")
      let count = 4_000_000
      try (String(repeating: "1\t2\n", count: count / 2) + "3\n")
        .write(toFile: good, atomically: true, encoding: .utf8)
      try ("1\t2\n" + String(repeating: "1\n", count: count))
        .write(toFile: bad, atomically: true, encoding: .utf8)
      let reports = try [good, bad].map { file in
        let run = try CommandLineRun(
          "ingest", "\(file)-store", file, "--on-error", "report", "--bad-lines", "\(file)-lines",
          "--memory", "64MiB", "--json")
        #expect(run.status == 0, "\(run.errors)")
        return try object(run.output)
      }
      #expect(reports[1]["skipped_by_file"] as? [String: Int] == [bad: count])
      #expect((reports[1]["messages"] as? [String])?.count == 20)
      let lines = try String(contentsOfFile: "\(bad)-lines", encoding: .utf8)
      #expect(lines.utf8.count(where: { $0 == 10 }) == count)
      #expect(lines.hasSuffix("\(bad):\(count + 1): has 1 column where 2 are expected\n"))
      let peaks = reports.compactMap { $0["peak_resident_bytes"] as? Int }
      print("peak of good lines \(peaks[0] >> 20) MiB, of bad ones \(peaks[1] >> 20) MiB")
      #expect(peaks[1] < peaks[0] + 32 << 20)
    }
  }

  @Test func aLineOfManySmallValuesTakesNoMoreMemoryThanOneOfText() throws {
    try withTemporaryDirectory { path in
      let byteCount = 6 << 20
      let values = [
        "\"" + String(repeating: "x", count: byteCount) + "\"",
        "[" + String(repeating: "[],", count: byteCount / 3) + "[]]",
        "[" + String(repeating: "{},", count: byteCount / 3) + "{}]",
        "[" + String(repeating: "1,", count: byteCount / 2) + "true]",
        "[" + String(repeating: "\"\",", count: byteCount / 3) + "1]",
      ]
      let peaks = try values.enumerated().map { index, value in
        let file = "\(path)/\(index).jsonl"
        try "{\"id\":1,\"v\":\(value)}\n".write(toFile: file, atomically: true, encoding: .utf8)
        let run = try CommandLineRun("ingest", "\(file)-store", "--nodes", "n=\(file)", "--json")
        #expect(run.status == 0, "\(run.errors)")
        return try #require(try object(run.output)["peak_resident_bytes"] as? Int)
      }
      print("peaks of lines of 6 MiB: \(peaks.map { "\($0 >> 20) MiB" })")
      for peak in peaks { #expect(peak < peaks[0] + 48 << 20) }
    }
  }

  @Test func standardInputIsReadOnce() throws {
    try withTemporaryDirectory { path in
      let process = Process()
      process.executableURL = CommandLineRun.tool
      process.arguments = ["ingest", "\(path)/store", "-", "--json"]
      let (input, output) = (Pipe(), Pipe())
      process.standardInput = input
      process.standardOutput = output
      try process.run()
      input.fileHandleForWriting.write(Data("5 6\n6 7\n".utf8))
      try input.fileHandleForWriting.close()
      let report = try object(
        String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self))
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      #expect(report["nodes"] as? [String: Int] == ["node": 3])
    }
  }

  @Test func failuresAreOneLineWithTheirStatusAndLeaveNoStore() throws {
    try withTemporaryDirectory { path in
      let bad = "\(path)/bad.tsv"
      try "1\t2\n3\n".write(toFile: bad, atomically: true, encoding: .utf8)
      let store = "\(path)/store"
      let cases: [([String], Int32, String)] = [
        (["ingest", store, bad], 65, "\(bad):2: "),
        (["ingest", store, "\(path)/none.tsv"], 66, "\(path)/none.tsv: "),
        (["ingest", store], 64, "nothing to ingest"),
        (["ingest", store, "--edges", "a:b=\(bad)"], 64, "edge type"),
        (["ingest", store, "--edges", "a:b:c=\(bad)", "--undirected"], 64, "--undirected"),
        (["ingest", store, bad, "--on-error", "hide"], 64, "fail, report"),
        (["ingest", store, bad, "--delimiter", "ab"], 64, "no delimiter"),
        (["ingest", store, "--features", "x=\(bad)"], 64, "TYPE.COLUMN"),
        (["ingest", store, "--features", "p.x=\(bad)"], 65, "no .npy file"),
      ]
      for (arguments, status, part) in cases {
        let run = try CommandLineRun(arguments: arguments)
        #expect(run.status == status && run.errorLines == 1, "\(arguments): \(run.errors)")
        #expect(run.errors.contains(part), "\(run.errors)")
        #expect(run.output.isEmpty)
        #expect(!FileManager.default.fileExists(atPath: store))
      }
    }
  }

  @Test func oneIsCountedInTheSingular() throws {
    try withTemporaryDirectory { path in
      let (file, store) = ("\(path)/edges.tsv", "\(path)/store")
      try "1\t2\nbroken\n".write(toFile: file, atomically: true, encoding: .utf8)
      let ingest = try CommandLineRun("ingest", store, file, "--on-error", "report")
      #expect(ingest.output.contains("\n1 line of \(file) left out\n"), "\(ingest.output)")
      let neighbors = try CommandLineRun("neighbors", store, "node=1")
      #expect(neighbors.output.contains("1 neighbor over 1 edge\n"), "\(neighbors.output)")
      let unknown = try CommandLineRun("neighbors", store, "page=1")
      #expect(unknown.errors == "hedgerow: no node type 'page': there is only node\n")
      let segment = "\(store)/segments/adjacency-0-in-r0000-1.seg"
      var bytes = try Data(contentsOf: URL(fileURLWithPath: segment))
      bytes[4096] ^= 1
      try bytes.write(to: URL(fileURLWithPath: segment))
      let verify = try CommandLineRun("verify", store)
      #expect(verify.status == 70)
      #expect(verify.errors.contains("1 problem found: repair"), "\(verify.errors)")
    }
  }
}
