import Foundation
import HedgerowCore
import HedgerowMapped
import HedgerowStore
import HedgerowTestSupport

/// What a look at a directory, where a store may be, found.
enum Verdict: Hashable, Sendable {
  case absent
  /// It opened and was verified; what a reader sees.
  case content(String)
  case damage(String)
  /// Something that must not be: the look itself failed, or ended the process.
  case failure(String)
}

extension Verdict: CustomStringConvertible {
  var description: String {
    switch self {
    case .absent: "nothing there"
    case .content(let digest): "content \(digest)"
    case .damage(let what): "damaged: \(what)"
    case .failure(let what): "FAILED: \(what)"
    }
  }

  init(_ line: String) {
    let parts = line.split(separator: " ", maxSplits: 1)
    let rest = parts.count == 2 ? String(parts[1]) : ""
    switch parts.first {
    case "absent": self = .absent
    case "content": self = .content(rest)
    case "damage": self = .damage(rest)
    default: self = .failure(line)
    }
  }

  var line: String {
    switch self {
    case .absent: "absent"
    case .content(let digest): "content \(digest)"
    case .damage(let what): "damage \(what)"
    case .failure(let what): "failure \(what)"
    }
  }
}

/// Looks at stores in a process of its own, which may die of one.
final class Judge {
  enum Depth: String {
    /// Open, verify, read all.
    case look
    /// Afterwards let a next writer commit, and look again: what was there before is there still,
    /// and no file is left that nobody refers to.
    case write
    /// Whatever `verify` says, read on: nobody may die of it.
    case damaged
  }

  private let program: String
  private var process: Process?
  private var input = Pipe()
  private var output = Pipe()

  init(_ laboratory: Laboratory) { program = laboratory.program }

  deinit {
    guard let process else { return }
    // Another process may hold a copy of the pipe, whose end would not be seen.
    input.fileHandleForWriting.write(Data("end\n".utf8))
    process.waitUntilExit()
  }

  func judge(_ path: String, _ depth: Depth) throws -> Verdict {
    if process == nil {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: program)
      process.arguments = ["judge"]
      process.environment = ProcessInfo.processInfo.environment
        .merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
      (input, output) = (Pipe(), Pipe())
      process.standardInput = input
      process.standardOutput = output
      try process.run()
      self.process = process
    }
    input.fileHandleForWriting.write(Data("\(depth.rawValue) \(path)\n".utf8))
    var line: [UInt8] = []
    while true {
      let data = output.fileHandleForReading.availableData
      guard !data.isEmpty else {
        process?.waitUntilExit()
        let status = process?.terminationStatus ?? 0
        process = nil
        return .failure("the process that looked died of \(status)")
      }
      line += data
      if line.last == UInt8(ascii: "\n") { break }
    }
    return Verdict(String(decoding: line.dropLast(), as: UTF8.self))
  }

  // MARK: - The process

  /// Answers lines until there are no more.
  static func serve() {
    signal(SIGPIPE, SIG_IGN)
    while let line = readLine(), line != "end" {
      let parts = line.split(separator: " ", maxSplits: 1)
      let verdict: Verdict
      do {
        verdict = try look(String(parts[1]), Depth(rawValue: String(parts[0]))!)
      } catch {
        verdict = .failure("\(error)")
      }
      let answer = verdict.line.split(separator: "\n").joined(separator: " ") + "\n"
      FileHandle.standardOutput.write(Data(answer.utf8))
    }
  }

  private static func look(_ path: String, _ depth: Depth) throws -> Verdict {
    guard FileSystem.exists(path) else {
      if depth == .write { _ = try GraphStore.create(at: path) }
      return .absent
    }
    let report: VerifyReport
    do {
      report = try StoreVerifier.verify(at: path)
    } catch let error as HedgerowError where error.code == .badData {
      // Of an older format: looked at when it has the newest.
      let format = try GraphStore.upgrade(at: path).oldFormat
      guard case .content(let digest) = try look(path, depth) else {
        return .failure("an upgrade left a store that does not hold")
      }
      return .content("of format \(format): \(digest)")
    } catch let error as HedgerowError where depth == .damaged && error.code != .io {
      report = VerifyReport()
      try? readOn(path)
      return .damage("\(error)")
    }
    if let problem = report.problems.first {
      if depth == .damaged { try? readOn(path) }
      return .damage("\(problem.file) at \(problem.offset ?? -1): \(problem.what)")
    }
    let digest = try content(path)
    if depth == .write { try write(path, digest) }
    return .content("\(digest)")
  }

  private static func readOn(_ path: String) throws {
    let store = try GraphStore.open(at: path, .readOnly)
    _ = try ContentDigest(store.snapshot())
  }

  private static let model = "after"

  private static func content(_ path: String) throws -> ContentDigest {
    try ContentDigest(GraphStore.open(at: path).snapshot(), ignoring: model)
  }

  /// Transactions, a compaction and a build, which change nothing of what was there.
  private static func write(_ path: String, _ digest: ContentDigest) throws {
    do {
      let store = try GraphStore.open(at: path)
      if let type = try store.schema.nodes.first?.type {
        try store.write { try $0.makeSet("after", of: type) }
        try store.write { try $0.dropSet("after", of: type) }
        try store.compact()
      }
    }
    try check(path, digest, "transactions and a compaction")
    do {
      let build = try GraphStore.open(at: path).beginBuild()
      try build.saveModel(ModelRecord(name: model, specification: [1], weights: [2, 3]))
      try build.publish()
    }
    try check(path, digest, "a build")
    let known = try GraphStore.open(at: path, .readOnly).statistics().segmentCount
    let files = try FileSystem.names(in: "\(path)/segments")
    guard files.count == known, !FileSystem.exists("\(path)/scratch") else {
      throw HedgerowError(
        .damaged, "after the next commits there are files that nobody refers to: \(files)")
    }
  }

  private static func check(_ path: String, _ digest: ContentDigest, _ what: String) throws {
    let report = try StoreVerifier.verify(at: path)
    if let problem = report.problems.first {
      throw HedgerowError(.damaged, "after \(what): \(problem)")
    }
    let now = try content(path)
    guard now.content == digest.content else {
      throw HedgerowError(.damaged, "after \(what) the content is \(now), not \(digest)")
    }
  }
}
