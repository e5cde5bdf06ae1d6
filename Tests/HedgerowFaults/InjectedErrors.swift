import Foundation
import HedgerowCore
import HedgerowMapped
import HedgerowTestSupport
import Synchronization

/// What programs do when a file call fails: for every call of a series of steps, each kind of failure.
///
/// A program ends with 0 or with 74 and one line; it never dies. Afterwards the store opens, is
/// verified, lets the next writer commit, and holds what it held before, or what the step makes: the
/// latter always when the program said 0.
final class InjectedErrors: Sendable {
  /// How calls fail.
  struct Fault: Sendable, CustomStringConvertible {
    var kind: String
    /// One call, or all from there on.
    var isLasting = false
    /// The calls that count; all of them when there is no name.
    var only: String?

    static let all = [
      Fault(kind: "EIO"), Fault(kind: "EIO", isLasting: true), Fault(kind: "ENOSPC"),
      Fault(kind: "ENOSPC", isLasting: true), Fault(kind: "EINTR"), Fault(kind: "short"),
      Fault(kind: "short", isLasting: true), Fault(kind: "late"),
      Fault(kind: "late", isLasting: true),
    ]
    /// Where most depends on it: the write that is a commit, and files that are made on a full disk.
    static let always = [
      Fault(kind: "EIO", only: "synchronous write"),
      Fault(kind: "short", isLasting: true, only: "synchronous write"),
      Fault(kind: "late", only: "synchronous write"),
      Fault(kind: "ENOSPC", only: "create"),
    ]

    var description: String {
      (isLasting ? "\(kind) from then on" : kind) + (only.map { " of each \($0)" } ?? "")
    }
  }

  private let laboratory: Laboratory
  private let steps: [Step]
  private let results = Mutex(Results())

  private struct Results {
    var runs = 0
    var harmless = 0
    var errors = 0
    var wrong = 0
    var calls = 0
  }

  init(_ laboratory: Laboratory) throws {
    self.laboratory = laboratory
    let directory = laboratory.directory("steps")
    try FileSystem.makeDirectory(directory)
    steps = try Step.all(laboratory, in: directory)
  }

  /// Lets every `stride`-th call of each step fail in each way, and those that matter most all.
  /// Says whether all was well.
  func run(every stride: Int) throws -> Bool {
    let counts = try steps.map { try count($0) }
    var jobs: [(step: Int, fault: Fault, call: Int)] = []
    for (step, count) in counts.enumerated() {
      for (number, fault) in Fault.all.enumerated() {
        let first = 1 + (step * 31 + number * 17 + Int(laboratory.seed % 1000)) % stride
        for call in Swift.stride(from: first, through: count, by: stride) {
          jobs.append((step, fault, call))
        }
      }
    }
    for fault in Fault.always {
      for step in steps.indices where steps[step].old != steps[step].new {
        let calls = fault.only == "create" ? steps[step].name == "ingest" ? 20 : 0 : 2
        for call in 0..<calls { jobs.append((step, fault, call + 1)) }
      }
    }
    let all = jobs
    results.withLock { $0.calls = counts.reduce(0, +) }
    try laboratory.concurrently(all.count) { [self] in
      let judge = Judge(laboratory)
      let trial = try Trial(laboratory)
      return { [self] number in
        let job = all[number]
        try run(steps[job.step], job.fault, job.call, trial, judge)
      }
    }
    return results.withLock { results in
      print(
        "\(results.runs) failures among \(results.calls) calls of \(steps.count) steps:"
          + " \(results.errors) ended with 74, \(results.harmless) did no harm;"
          + " \(results.wrong) wrong")
      return results.wrong == 0 && results.runs > 0
    }
  }

  private func count(_ step: Step) throws -> Int {
    let trial = try Trial(laboratory)
    let run = try trial.run(step, [:])
    guard run.status == 0 else {
      throw HedgerowError(.badData, "\(step.name) ended with \(run.status): \(run.errors)")
    }
    return trial.calls.callCount
  }

  private func run(
    _ step: Step, _ fault: Fault, _ call: Int, _ trial: Trial, _ judge: Judge
  ) throws {
    var faults = [
      "HEDGEROW_FAULTS_AS": fault.kind, "HEDGEROW_FAULTS_AT": "\(call)",
      "HEDGEROW_FAULTS_TIMES": fault.isLasting ? "1000000" : "1",
    ]
    faults["HEDGEROW_FAULTS_ONLY"] = fault.only
    let run = try trial.run(step, faults)
    let failed = trial.calls.failedCall
    guard trial.calls.failureCount > 0 || run.status != 0 else { return }
    let lines = run.errors.split(separator: "\n")
    let verdict = try judge.judge(trial.store, .write)
    var complaint: String?
    if run.signal != nil || (run.status != 0 && run.status != 74) {
      complaint = run.signal.map { "died of signal \($0)" } ?? "ended with \(run.status)"
    } else if run.status == 74 && lines.count != 1 {
      complaint = "said \(lines.count) lines"
    } else if !(run.status == 0 ? [step.new] : step.allowed).contains(verdict) {
      complaint = "left the wrong content"
    }
    let wrong = results.withLock { results in
      results.runs += 1
      if complaint != nil {
        results.wrong += 1
      } else if run.status == 0 {
        results.harmless += 1
      } else {
        results.errors += 1
      }
      return results.wrong
    }
    guard let complaint, wrong <= 40 else { return }
    say("\(step.name), \(fault) of call \(call), \(failed): \(complaint)")
    say("  status \(run.status), \(verdict)")
    for line in lines.prefix(3) { say("  \(line)") }
  }
}

/// One run of a program on a store.
struct Step: Sendable {
  var name: String
  var program: String
  /// PATH and INPUTS stand for the store and for a directory of files that are read.
  var arguments: [String]
  /// What is there before.
  var base: DiskImage
  var old: Verdict
  var new: Verdict
  var allowed: Set<Verdict>

  /// Everything that writes to stores, each on what the ones before have left; then what reads.
  static func all(_ laboratory: Laboratory, in directory: String) throws -> [Step] {
    let inputs = "\(directory)/inputs"
    let root = "\(directory)/root"
    for path in [inputs, root] { try FileSystem.makeDirectory(path) }
    let judge = Judge(laboratory)
    let store = "\(root)/s"
    let workload = Workload(size: .rich, seed: 1, operations: [])
    func ingest(_ operation: Operation, _ step: Int) throws -> [String] {
      try ["ingest", store, "--threads", "1"]
        + workload.files(for: operation, step, in: inputs).arguments
    }
    // An operation is the last of so many, of which those before are done already.
    func operation(_ operation: Operation, _ step: Int) -> [String] {
      ["run-step", store, inputs, "rich", "1", "\(step)", operation.rawValue]
    }
    let hedgerow = laboratory.command
    let plan: [(String, String, [String])] = [
      ("create", laboratory.program, operation(.create, 0)),
      ("ingest", hedgerow, try ingest(.ingest, 0)),
      ("ingest a type", hedgerow, try ingest(.type, 1)),
      ("append", hedgerow, try ingest(.append, 2)),
      ("write a set", laboratory.program, operation(.set, 3)),
      ("save a model", laboratory.program, operation(.model, 4)),
      ("write a column", laboratory.program, operation(.column, 5)),
      ("replace a column", laboratory.program, operation(.column, 6)),
      ("insert", laboratory.program, operation(.insert, 7)),
      ("delete", laboratory.program, operation(.delete, 8)),
      ("compact", laboratory.program, operation(.compact, 9)),
      ("insert again", laboratory.program, operation(.insert, 10)),
      ("change the schema", laboratory.program, operation(.schema, 11)),
      (
        "hedgerow insert", hedgerow,
        ["insert", store, "--node", "item=fresh", "--edge", "item:related:item=fresh,key-0-0"]
          + ["--set", "age=3", "--set", "weight=1", "--into", "chosen"]
      ),
      ("hedgerow delete", hedgerow, ["delete", store, "--node", "item=fresh"]),
      ("hedgerow compact", hedgerow, ["compact", store]),
      ("hedgerow schema", hedgerow, ["schema", store, "--column", "item.more:int32=7"]),
      (
        "train", hedgerow,
        ["train", store, "--target", "item.kind", "--epochs", "1", "--hidden", "8", "--save", "m"]
          + ["--threads", "1"]
      ),
      (
        "predict", hedgerow,
        ["predict", store, "--from", "m", "--write", "item.guessed", "--threads", "1"]
      ),
      ("verify", hedgerow, ["verify", store]),
      ("info", hedgerow, ["info", store]),
      ("sample", hedgerow, ["sample", store, "--seeds", "item", "--fanouts", "3,3", "--digest"]),
    ]
    var steps: [Step] = []
    var empty = Verdict.absent
    for (name, program, arguments) in plan {
      // An ingest makes its store by itself.
      if name == "ingest" { try FileSystem.removeTree(store) }
      let base = try DiskImage(of: root)
      let old = try judge.judge(store, .look)
      let run = try Run(program, arguments)
      guard run.status == 0 else {
        throw HedgerowError(.badData, "\(name) ended with \(run.status): \(run.errors)")
      }
      let new = try judge.judge(store, .look)
      if name == "create" { empty = new }
      steps.append(
        Step(
          name: name, program: program,
          arguments: arguments.map { $0 == store ? "PATH" : $0 }, base: base, old: old, new: new,
          allowed: old == .absent ? [old, empty, new] : [old, new]))
    }
    return try steps + [upgrade(laboratory, root: root, judge)]
  }

  /// Of a store that a build of format 0 wrote.
  private static func upgrade(
    _ laboratory: Laboratory, root: String, _ judge: Judge
  ) throws -> Step {
    let directory = TemporaryDirectory()
    let kept = try DiskImage(of: KeptStore.unpack("format-0-changed", in: directory))
    func begin() throws {
      try FileSystem.removeTree(root)
      try FileSystem.makeDirectory(root)
      try kept.write(to: "\(root)/s")
    }
    try begin()
    let base = try DiskImage(of: root)
    let old = try judge.judge("\(root)/s", .look)
    // The look has upgraded it.
    try begin()
    let run = try Run(laboratory.command, ["upgrade", "\(root)/s"])
    let new = try judge.judge("\(root)/s", .look)
    guard run.status == 0, old != new else {
      throw HedgerowError(.badData, "upgrade ended with \(run.status): \(run.errors) \(old) \(new)")
    }
    return Step(
      name: "upgrade", program: laboratory.command, arguments: ["upgrade", "PATH"], base: base,
      old: old, new: new, allowed: [old, new])
  }
}

/// A directory where one worker runs steps, one after the other.
private final class Trial {
  private let laboratory: Laboratory
  private let directory: String
  let calls: CallCount
  private var root: String { "\(directory)/root" }
  var store: String { "\(root)/s" }

  init(_ laboratory: Laboratory) throws {
    self.laboratory = laboratory
    directory = laboratory.directory("trial-\(UInt64.random(in: 0...UInt64.max))")
    try FileSystem.makeDirectory(directory)
    calls = try CallCount(in: directory)
  }

  func run(_ step: Step, _ faults: [String: String]) throws -> Run {
    try FileSystem.removeTree(root)
    try step.base.write(to: root)
    try calls.reset()
    var environment = [
      "LD_PRELOAD": laboratory.shim, "HEDGEROW_FAULTS_ROOT": root,
      "HEDGEROW_FAULTS_COUNT": calls.path,
    ]
    environment.merge(faults) { $1 }
    return try Run(
      step.program, step.arguments.map { $0 == "PATH" ? store : $0 }, environment)
  }
}
