import Foundation
import HedgerowTestSupport
import Testing

/// Runs the built command, as a user would.
struct CommandLineRun {
  var status: Int32
  var output: String
  var errors: String

  /// The command beside the tests.
  static let tool = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("hedgerow")

  init(_ arguments: String...) throws { try self.init(arguments: arguments) }

  init(program: URL = Self.tool, arguments: [String]) throws {
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    // Both are short enough for a pipe.
    self.output = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    self.errors = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    status = process.terminationStatus
  }

  var errorLines: Int { errors.split(separator: "\n").count }
}

/// The path of a store of an R-MAT graph whose nodes have features, labels and sets.
func makeFeatureStore(in directory: TemporaryDirectory, scale: Int, features: Int) throws -> String
{
  let store = directory("s")
  for arguments in [
    ["dataset", "rmat", directory("d"), "--scale", "\(scale)", "--features", "\(features)"],
    [
      "ingest", store, "--nodes", "node=\(directory("d/nodes.tsv"))", "--edges",
      "node:edge:node=\(directory("d/edges.tsv"))", "--features",
      "node.x=\(directory("d/features.npy"))", "--split", "node.split",
    ],
  ] {
    let run = try CommandLineRun(arguments: arguments)
    try #require(run.status == 0, "\(run.errors)")
  }
  return store
}

func withTemporaryDirectory(_ body: (String) throws -> Void) throws {
  let path = NSTemporaryDirectory() + "hedgerow-cli-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  try body(path)
}

@Suite struct CommandLineTests {
  @Test func helpAndVersionAreOnStandardOutput() throws {
    for arguments in [["--help"], ["dataset", "--help"], ["dataset", "rmat", "--help"]] {
      let run = try CommandLineRun(arguments: arguments)
      #expect(run.status == 0 && run.output.contains("USAGE: hedgerow") && run.errors.isEmpty)
    }
    #expect(try CommandLineRun("--version").output == "0.1.0\n")
  }

  @Test func aWrongCallIsOneLineAndStatus64() throws {
    let wrong = [
      ["nonsense"], ["dataset", "rmat"], ["dataset", "rmat", "d", "--bogus"],
      ["dataset", "rmat", "d", "--memory", "much"], ["dataset", "rmat", "d", "--threads", "0"],
      ["dataset", "rmat", "d", "--memory", "1MiB"], ["dataset", "sbm", "d", "--nodes", "3"],
    ]
    for arguments in wrong {
      let run = try CommandLineRun(arguments: arguments)
      #expect(run.status == 64, "\(arguments)")
      #expect(run.output.isEmpty && run.errorLines == 1, "\(run.errors)")
      #expect(run.errors.hasPrefix("hedgerow: "))
    }
  }

  @Test func aDirectoryThatCannotBeMadeIsStatus74() throws {
    let run = try CommandLineRun("dataset", "rmat", "/dev/null/set", "--scale", "4")
    #expect(run.status == 74)
    #expect(run.errors.hasPrefix("hedgerow: /dev/null/set"))
  }

  @Test func interruptingLeavesNothingAndIsStatus130() throws {
    try withTemporaryDirectory { path in
      let process = Process()
      process.executableURL = CommandLineRun.tool
      process.arguments = ["dataset", "rmat", path, "--scale", "26"]
      let errors = Pipe()
      process.standardError = errors
      try process.run()
      let files = FileManager.default
      while try files.contentsOfDirectory(atPath: path).isEmpty { usleep(10_000) }
      process.interrupt()
      process.waitUntilExit()
      #expect(process.terminationReason == .exit)
      #expect(process.terminationStatus == 130)
      let line = String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self)
      #expect(line == "hedgerow: interrupted\n")
      #expect(try files.contentsOfDirectory(atPath: path) == [])
    }
  }
}
