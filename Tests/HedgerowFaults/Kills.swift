import Foundation
import Glibc
import HedgerowCore
import HedgerowMapped
import HedgerowStore
import HedgerowTestSupport
import Synchronization

/// Kills writers at random moments. After each kill the store opens, is verified, and holds what each
/// thread was told of, and at most the one step more that it was at; the next writer goes on with it.
final class Kills: Sendable {
  private let laboratory: Laboratory
  private let results = Mutex(Results())
  private static let killsAStore = 25

  private struct Results {
    var kills = 0
    var stores = 0
    var failures = 0
    var acknowledged = 0
    /// Steps that were there without being acknowledged.
    var unacknowledged = 0
    /// Steps that were going on, by kind.
    var interrupted: [String: Int] = [:]
    var openings: [Double] = []
    var compactions = 0
  }

  init(_ laboratory: Laboratory) { self.laboratory = laboratory }

  func run(_ count: Int) throws -> Bool {
    let stores = (count + Self.killsAStore - 1) / Self.killsAStore
    try laboratory.concurrently(stores) { [self] in
      let judge = Judge(laboratory)
      return { [self] number in
        try KilledStore(number, laboratory).run(
          min(Self.killsAStore, count - number * Self.killsAStore), judge, self)
      }
    }
    return report()
  }

  fileprivate func note(
    _ kinds: [String], acknowledged: Int, unacknowledged: Int, opening seconds: Double
  ) {
    results.withLock { results in
      results.kills += 1
      results.acknowledged += acknowledged
      results.unacknowledged += unacknowledged
      results.openings.append(seconds)
      for kind in kinds { results.interrupted[kind, default: 0] += 1 }
    }
  }

  fileprivate func end(compactions: Int) {
    results.withLock {
      $0.stores += 1
      $0.compactions += compactions
    }
  }

  fileprivate func fail(_ what: String) -> Int {
    say(what)
    return results.withLock { results in
      results.failures += 1
      return results.failures
    }
  }

  private func report() -> Bool {
    results.withLock { results in
      let times = results.openings.sorted()
      func milliseconds(_ share: Double) -> String {
        guard !times.isEmpty else { return "-" }
        let place = min(times.count - 1, Int(share * Double(times.count)))
        return String(format: "%.1f ms", 1000 * times[place])
      }
      let kinds = results.interrupted.sorted { $0.key < $1.key }
        .map { "\($0.value) \($0.key)" }.joined(separator: ", ")
      print(
        "\(results.kills) kills of \(results.stores) stores, during: \(kinds);"
          + " \(results.acknowledged) acknowledged steps, all there, and \(results.unacknowledged)"
          + " that were not; segments were folded at least \(results.compactions) times;"
          + " opened in \(milliseconds(0.5)) (p50), \(milliseconds(0.99)) (p99),"
          + " \(milliseconds(1)) (most); \(results.failures) failures")
      return results.failures == 0 && results.kills > 0
    }
  }
}

/// A store that is killed over and over, and what its threads must have made.
private final class KilledStore {
  private let laboratory: Laboratory
  private let directory: String
  private let seed: UInt64
  private let mix: KillLane.Mix
  private var random: RandomStream
  private var lanes: [KillLane]
  private var flood: KillFlood
  private var version: UInt64 = 0
  private var path: String { "\(directory)/s" }

  init(_ number: Int, _ laboratory: Laboratory) throws {
    self.laboratory = laboratory
    directory = laboratory.directory("kills-\(number)")
    random = RandomStream(seed: laboratory.seed).derive(UInt64(number), 3)
    seed = random.next()
    mix = number % 3 == 2 ? .automatic : .builds
    let (seed, mix) = (seed, mix)
    lanes = (0..<KillWriter.laneCount).map { KillLane($0, seed: seed, mix) }
    flood = KillFlood(seed: seed, mix)
    try FileSystem.makeDirectory(directory)
    // Small ranges, so that a few nodes lie in several.
    try GraphStore.create(at: path, rangeBits: 6).changeSchema { change in
      try KillLane.addTypes(to: &change, laneCount: KillWriter.laneCount)
      try change.add(NodeSchema(KillFlood.node))
      try change.add(EdgeSchema(KillFlood.reach))
    }
  }

  deinit { try? FileSystem.removeTree(directory) }

  func run(_ count: Int, _ judge: Judge, _ kills: Kills) throws {
    for kill in 0..<count {
      do {
        try killOnce(kill, kills)
      } catch {
        let failures = kills.fail(
          "\(error)\n  after kill \(kill) of the store of seed \(seed), \(mix)")
        if let kept = ProcessInfo.processInfo.environment["HEDGEROW_FAULTS_KEEP"] {
          try FileSystem.makeDirectory(kept)
          try FileManager.default.copyItem(atPath: directory, toPath: "\(kept)/\(failures)")
          say("  kept in \(kept)/\(failures)")
        }
        return
      }
    }
    // Transactions, a compaction and a build, which find all as it was and leave no file behind.
    let verdict = try judge.judge(path, .write)
    if case .content = verdict {
      kills.end(compactions: Int(try GraphStore.open(at: path, .readOnly).statistics().generation))
    } else {
      _ = kills.fail("\(verdict)\n  after all kills of the store of seed \(seed), \(mix)")
    }
  }

  private func failure(_ what: String) -> HedgerowError { HedgerowError(.damaged, what) }

  private func killOnce(_ kill: Int, _ kills: Kills) throws {
    let journal = Journal(path: "\(directory)/journal-\(kill)")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: laboratory.program)
    process.arguments =
      ["kill-writer-process", path, journal.path, directory, "\(seed)", mix.rawValue]
      + (lanes.map(\.done) + [flood.done]).map { "\($0)" }
    process.environment = ProcessInfo.processInfo.environment
      .merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
    let errors = Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardError = errors
    try process.run()
    // Most moments are counted from when it is about to open the store.
    if random.next(below: 10) > 0 {
      while !FileSystem.exists(journal.path) && process.isRunning { usleep(200) }
    }
    let moment = min(0.3, -0.08 * log(1 - random.nextUnit()))
    usleep(UInt32(1e6 * moment))
    Glibc.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    guard process.terminationReason == .uncaughtSignal, process.terminationStatus == SIGKILL else {
      let text = String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self)
      throw failure("the writer ended by itself with \(process.terminationStatus): \(text)")
    }

    let told = try journal.read()
    let start = ContinuousClock.now
    let store = try GraphStore.open(at: path)
    let found = try store.version
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    guard found >= version else { throw failure("version \(found) came after \(version)") }
    version = found
    let report = try StoreVerifier.verify(at: path)
    if let problem = report.problems.first { throw failure("verify: \(problem)") }

    let graph = try store.snapshot()
    let before = stepCount
    var unacknowledged = 0
    for number in lanes.indices {
      unacknowledged += try advance(
        told, number, lanes[number].done, next: { _ = self.lanes[number].next() },
        difference: { try self.lanes[number].difference(from: graph) })
    }
    unacknowledged += try advance(
      told, KillWriter.laneCount, flood.done, next: { _ = self.flood.next() },
      difference: { try self.flood.difference(from: graph) })
    let kinds = told.values.compactMap { $0.isOver ? nil : $0.kind }
    kills.note(
      told.isEmpty ? ["opening"] : kinds.isEmpty ? ["nothing"] : kinds,
      acknowledged: stepCount - before - unacknowledged, unacknowledged: unacknowledged,
      opening: seconds)
  }

  private var stepCount: Int { lanes.reduce(flood.done) { $0 + $1.done } }

  /// Goes on to what the store must hold of a thread; says how many steps were there that were not
  /// acknowledged.
  private func advance(
    _ told: [Int: Journal.Step], _ thread: Int, _ done: Int, next: () -> Void,
    difference: () throws -> String?
  ) throws -> Int {
    let last = told[thread]
    let acknowledged = last.map { $0.isOver ? $0.number + 1 : $0.number } ?? done
    guard acknowledged >= done else { throw failure("the journal of thread \(thread) goes back") }
    for _ in done..<acknowledged { next() }
    guard let first = try difference() else { return 0 }
    guard let last, !last.isOver else {
      throw failure("thread \(thread) after \(acknowledged) steps: \(first)")
    }
    next()
    if let second = try difference() {
      throw failure(
        "thread \(thread), neither after \(acknowledged) steps (\(first)) nor with the \(last.kind)"
          + " that it was at (\(second))")
    }
    return 1
  }
}

/// What a writer said of itself before it was killed.
private struct Journal {
  struct Step {
    var number: Int
    var kind: String
    var isOver: Bool
  }
  let path: String

  /// The last step of each thread.
  func read() throws -> [Int: Step] {
    var steps: [Int: Step] = [:]
    let text = String(decoding: TemporaryDirectory.contents(path), as: UTF8.self)
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count == 4, let thread = Int(words[1]), let number = Int(words[2]) else {
        continue
      }
      steps[thread] = Step(number: number, kind: String(words[3]), isOver: words[0] == "done")
    }
    // It may have been killed before it wrote one.
    try? FileSystem.removeFile(path)
    return steps
  }
}
