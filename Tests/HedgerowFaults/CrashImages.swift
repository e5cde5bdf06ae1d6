import Foundation
import HedgerowCore
import HedgerowMapped
import HedgerowTestSupport
import Synchronization

/// What stores are after the power failed: recorded workloads, images of the disk that could be left
/// at any call of them, and a look at each.
///
/// An image must open, be verified, and hold the content as of the last acknowledged operation or as
/// of the next one.
final class CrashImages: Sendable {
  private let laboratory: Laboratory
  private let honesty: Disk.Honesty
  private let empty: Verdict
  private let results = Mutex(Results())

  private struct Results {
    var images = 0
    var verdicts: [String: Int] = [:]
    var failures = 0
    var crashPoints = 0
    /// Crash points whose images were too many to look at all of them.
    var largeCrashPoints = 0
    var workloads = 0
  }

  init(_ laboratory: Laboratory, _ honesty: Disk.Honesty = .honest) throws {
    self.laboratory = laboratory
    self.honesty = honesty
    let directory = laboratory.directory("empty-\(honesty.rawValue)")
    try FileSystem.makeDirectory(directory)
    try Workload(size: .tiny, seed: 0, operations: [.create])
      .run(at: "\(directory)/s", inputs: directory, onProgress: { _ in })
    empty = try Judge(laboratory).judge("\(directory)/s", .look)
  }

  /// Looks at `count` different images of random workloads. Says whether all were well.
  func draw(_ count: Int, atATime: Int = 400) throws -> Bool {
    let workloads = (count + atATime - 1) / atATime
    try laboratory.concurrently(workloads) { [self] in
      let judge = Judge(laboratory)
      return { [self] number in
        var random = RandomStream(seed: laboratory.seed).derive(UInt64(number))
        var operations: [Operation] = random.next(below: 2) == 0 ? [.create, .ingest] : [.ingest]
        // One that fails and has to go again with all that it made.
        if random.next(below: 4) == 0 { operations.insert(.refused, at: 0) }
        for _ in 0..<3 + random.next(below: 4) {
          operations.append(
            Operation.following[Int(random.next(below: UInt64(Operation.following.count)))])
        }
        let workload = Workload(size: .rich, seed: random.next(), operations: operations)
        let recorded = try Recorded(workload, laboratory, judge, honesty)
        var seen: Set<Int> = []
        var images = 0
        let wanted = min(atATime, count - number * atATime)
        var attempts = 0
        while images < wanted && attempts < 50 * wanted {
          attempts += 1
          let call = Int(random.next(below: UInt64(recorded.disk.callCount + 1)))
          var choices = Drawn(random.derive(UInt64(attempts)))
          let image = recorded.disk.image(during: call, &choices)
          guard seen.insert(image.hashValue).inserted else { continue }
          images += 1
          try look(at: image, call, recorded, judge, images % 4 == 0 ? .write : .look)
        }
        results.withLock { $0.workloads += 1 }
      }
    }
    return report("drawn")
  }

  /// Whether images of disks that do not keep what was synced are found to be bad.
  static func findsDishonesty(_ laboratory: Laboratory, _ count: Int) throws -> Bool {
    try Disk.Honesty.allCases.filter { $0 != .honest }.allSatisfy { honesty in
      let images = try CrashImages(laboratory, honesty)
      let isClean = try images.draw(count, atATime: (count + 3) / 4)
      if isClean { say("nothing was bad on a disk that \(honesty.rawValue)") }
      return !isClean
    }
  }

  /// Looks at `count` images of workloads in which one call fails, and which go on with the next
  /// operation all the same: what failed may be there or not until then.
  func drawAfterFailures(_ count: Int, atATime: Int = 40) throws -> Bool {
    let workloads = (count + atATime - 1) / atATime
    try laboratory.concurrently(workloads) { [self] in
      let judge = Judge(laboratory)
      return { [self] number in
        var random = RandomStream(seed: laboratory.seed).derive(UInt64(number), 2)
        // Which threads share a commit is not the same the next time.
        let following = Operation.following.filter { $0 != .together }
        let operations =
          [.ingest]
          + (0..<2).map { _ in following[Int(random.next(below: UInt64(following.count)))] }
        let workload = Workload(size: .rich, seed: random.next(), operations: operations)
        let whole = try Recorded(workload, laboratory, judge)
        // Half of them where it matters most: the write that is the commit.
        let isCommit = random.next(below: 2) == 0
        let calls = isCommit ? operations.count + 1 : whole.callCount
        let fault = Recorded.Fault(
          kind: ["EIO", "late", "late", "ENOSPC"][Int(random.next(below: 4))],
          call: 1 + Int(random.next(below: UInt64(calls))),
          only: isCommit ? "synchronous write" : nil)
        let recorded = try Recorded(workload, laboratory, judge, failing: fault, else: whole)
        for draw in 0..<min(atATime, count - number * atATime) {
          var choices = Drawn(random.derive(UInt64(draw)))
          // Half of them while it failed, or before the next one is over.
          let all = 0...recorded.disk.callCount
          let calls = draw % 2 == 0 ? all : recorded.disk.callsAroundFailure ?? all
          let call = calls.lowerBound + Int(random.next(below: UInt64(calls.count)))
          let image = recorded.disk.image(during: call, &choices)
          try look(at: image, call, recorded, judge, draw % 4 == 0 ? .write : .look)
        }
        results.withLock { $0.workloads += 1 }
      }
    }
    return report("drawn after failures")
  }

  /// Looks at every image of every workload of up to `length` operations, as far as a crash point
  /// has at most `limit`; of one that has more, at so many that are drawn.
  func enumerate(length: Int, limit: Int) throws -> Bool {
    var workloads: [[Operation]] = [[.create], [.ingest], [.refused], [.create, .ingest]]
    var last: [[Operation]] = [[]]
    for _ in 1..<max(1, length) {
      last = last.flatMap { start in Operation.following.map { start + [$0] } }
      workloads += last.map { [.ingest] + $0 }
    }
    let all = workloads
    try laboratory.concurrently(all.count) { [self] in
      let judge = Judge(laboratory)
      return { [self] number in
        let workload = Workload(size: .tiny, seed: 0, operations: all[number])
        let recorded = try Recorded(workload, laboratory, judge)
        var seen: Set<Int> = []
        // Crashes in operations before the last are those of a shorter workload.
        let first = recorded.disk.marks.dropLast().last?.call ?? 0
        for call in first...recorded.disk.callCount {
          var choices = Enumerated()
          var images: [DiskImage] = []
          var count = 0
          repeat {
            count += 1
            images.append(recorded.disk.image(during: call, &choices))
          } while count < limit && choices.advance()
          if count == limit && choices.advance() {
            results.withLock { $0.largeCrashPoints += 1 }
            let random = RandomStream(seed: laboratory.seed).derive(UInt64(number), UInt64(call))
            images = (0..<limit).map { draw in
              var choices = Drawn(random.derive(UInt64(draw)))
              return recorded.disk.image(during: call, &choices)
            }
          }
          results.withLock { $0.crashPoints += 1 }
          let allowed = recorded.allowed(during: call, empty)
          for image in images {
            var hasher = Hasher()
            image.hash(into: &hasher)
            hasher.combine(allowed)
            guard seen.insert(hasher.finalize()).inserted else { continue }
            try look(at: image, call, recorded, judge, seen.count % 4 == 0 ? .write : .look)
          }
        }
        results.withLock { $0.workloads += 1 }
      }
    }
    return report("enumerated")
  }

  private func look(
    at image: DiskImage, _ call: Int, _ recorded: Recorded, _ judge: Judge, _ depth: Judge.Depth
  ) throws {
    let directory = "\(recorded.directory)/image"
    try image.write(to: directory)
    let verdict = try judge.judge("\(directory)/s", depth)
    let allowed = recorded.allowed(during: call, empty)
    let isInDoubt = recorded.isInDoubt(verdict)
    let isRight = allowed.contains(verdict) || isInDoubt
    let count = results.withLock { results in
      results.images += 1
      let name = isInDoubt ? "in doubt" : recorded.name(of: verdict, during: call, empty)
      results.verdicts[name, default: 0] += 1
      if !isRight { results.failures += 1 }
      return results.failures
    }
    if !isRight && count <= 10 && honesty == .honest {
      say("\(verdict), and not one of \(allowed.map(\.description).sorted())")
      say("  workload: \(recorded.workload.arguments.joined(separator: " "))\(recorded.failure)")
      let calls = recorded.disk.recording.calls
      for index in max(0, call - 3)..<min(calls.count, call + 2) {
        say("  \(index == call ? "during" : "      ") call \(index): \(calls[index])")
      }
      // Of the image as it was found.
      if let kept = ProcessInfo.processInfo.environment["HEDGEROW_FAULTS_KEEP"] {
        try FileSystem.makeDirectory(kept)
        try image.write(to: "\(kept)/\(count)")
        say("  kept in \(kept)/\(count)")
      }
    }
    try FileSystem.removeTree(directory)
  }

  private func report(_ kind: String) -> Bool {
    results.withLock { results in
      let verdicts = results.verdicts.sorted { $0.key < $1.key }
        .map { "\($0.value) \($0.key)" }.joined(separator: ", ")
      let disk = honesty == .honest ? "" : " of a disk that \(honesty.rawValue),"
      var line =
        "\(results.images) images \(kind)\(disk) of \(results.workloads) workloads: \(verdicts)"
      if results.crashPoints > 0 {
        line +=
          "; \(results.crashPoints) crash points, \(results.largeCrashPoints) of them too large"
          + " for all images"
      }
      print("\(line); \(results.failures) bad")
      return results.failures == 0 && results.images > 0
    }
  }
}

/// A workload that was run once, and what its store was after each operation.
private final class Recorded {
  /// A call that failed in a workload that went on.
  struct Fault {
    var kind: String
    var call: Int
    /// The calls that count.
    var only: String?
  }

  let workload: Workload
  let disk: Disk
  /// For files of this workload; removed with it.
  let directory: String
  /// Calls that could have failed.
  let callCount: Int
  /// Which one did.
  let failure: String
  /// Before the first operation, and after each.
  private let states: [Verdict]
  /// After each commit of operations that have parts.
  private let commitStates: [Int: Verdict]
  /// What the operation that failed would have made.
  private let missed: Verdict?

  /// - Parameter whole: the same workload without the failure.
  init(
    _ workload: Workload, _ laboratory: Laboratory, _ judge: Judge,
    _ honesty: Disk.Honesty = .honest, failing fault: Fault? = nil,
    else whole: Recorded? = nil
  ) throws {
    self.workload = workload
    directory = laboratory.directory("recorded-\(UInt64.random(in: 0...UInt64.max))")
    let root = "\(directory)/root"
    let inputs = "\(directory)/inputs"
    for path in [directory, root, inputs] { try FileSystem.makeDirectory(path) }
    let log = "\(directory)/log"
    let calls = try CallCount(in: directory)
    var environment = [
      "LD_PRELOAD": laboratory.shim, "HEDGEROW_FAULTS_ROOT": root, "HEDGEROW_FAULTS_LOG": log,
      "HEDGEROW_FAULTS_COUNT": calls.path,
    ]
    if let fault {
      environment["HEDGEROW_FAULTS_AT"] = "\(fault.call)"
      environment["HEDGEROW_FAULTS_AS"] = fault.kind
      environment["HEDGEROW_FAULTS_ONLY"] = fault.only
    }
    let run = try Run(
      laboratory.program,
      [fault == nil ? "run" : "run-on", "\(root)/s", inputs] + workload.arguments, environment)
    guard run.status == 0 else {
      throw HedgerowError(
        .badData, "the workload \(workload.arguments) ended with \(run.status): \(run.errors)")
    }
    callCount = calls.callCount
    failure = fault.map { "; \($0.kind) of call \($0.call), \(calls.failedCall)" } ?? ""
    let inode = try FileManager.default.attributesOfItem(atPath: root)[.systemFileNumber] as? UInt64
    disk = try Disk(Recording(log: log), root: inode ?? 0, honesty)

    // What was recorded is all that happened. LMDB writes its lock file through a mapping.
    var everything = Everything()
    func withoutLocks(_ image: DiskImage) -> DiskImage {
      var image = image
      image.entries.removeAll { $0.path.hasSuffix("lock.mdb") }
      return image
    }
    let replayed = withoutLocks(disk.image(during: disk.callCount, &everything))
    let made = withoutLocks(try DiskImage(of: root))
    guard replayed == made else {
      let differing = Set(replayed.entries).symmetricDifference(made.entries).map(\.path)
      throw HedgerowError(
        .badData,
        "the recording of \(workload.arguments) does not tell all of"
          + " \(Set(differing).sorted().joined(separator: ", "))")
    }
    var states: [Verdict] = [.absent]
    for mark in disk.marks {
      let path = "\(directory)/state"
      try disk.image(during: mark.call, &everything).write(to: path)
      states.append(try judge.judge("\(path)/s", .look))
      try FileSystem.removeTree(path)
    }
    guard disk.marks.count == workload.operations.count else {
      throw HedgerowError(.badData, "\(disk.marks.count) of \(workload.operations) were marked")
    }
    self.states = states
    var commitStates: [Int: Verdict] = [:]
    var hasParts: Set<Int> = []
    for part in disk.parts { hasParts.insert(disk.operationsOver(before: part)) }
    for commit in disk.commits where hasParts.contains(disk.operationsOver(before: commit)) {
      let path = "\(directory)/state"
      try disk.image(during: commit, &everything).write(to: path)
      commitStates[commit] = try judge.judge("\(path)/s", .look)
      try FileSystem.removeTree(path)
    }
    self.commitStates = commitStates
    missed = disk.failedOperation.flatMap { whole?.states[$0] }
  }

  deinit { try? FileSystem.removeTree(directory) }

  /// What a reader may find after a crash. A first ingest makes an empty store before it fills it.
  func allowed(during call: Int, _ empty: Verdict) -> Set<Verdict> {
    let done = disk.operationsOver(before: call)
    var allowed = Set(states[done..<min(states.count, done + 2)])
    if let parts = allowedParts(during: call, done) { allowed = parts }
    if states[done] == .absent { allowed.insert(empty) }
    if let failed = disk.failedOperation, let missed, (failed - 1...failed).contains(done) {
      allowed.insert(missed)
    }
    return allowed
  }

  /// In an operation with parts: what the last commit before the last acknowledged part made, and what
  /// commits since then did.
  private func allowedParts(during call: Int, _ done: Int) -> Set<Verdict>? {
    let start = disk.marks.last { $0.call < call }?.call ?? 0
    let commits = disk.commits.filter { $0 > start && $0 <= call && commitStates[$0] != nil }
    guard !commits.isEmpty else { return nil }
    let part = disk.parts.last { $0 < call && $0 > start }
    let sure = part.flatMap { part in commits.last { $0 < part } }
    return Set(
      [sure.flatMap { commitStates[$0] } ?? states[done]]
        + commits.filter { $0 > sure ?? 0 }.compactMap { commitStates[$0] })
  }

  /// A disk that failed the write which is the commit, and then lost its power before that page was
  /// put back: nobody can tell this from a flipped bit, and `verify` says so.
  func isInDoubt(_ verdict: Verdict) -> Bool {
    guard case .damage(let what) = verdict else { return false }
    return failure.contains("synchronous write") && what.hasSuffix("its writing failed at the end")
  }

  func name(of verdict: Verdict, during call: Int, _ empty: Verdict) -> String {
    let done = disk.operationsOver(before: call)
    if verdict == states[done] { return verdict == .absent ? "absent" : "old" }
    if done + 1 < states.count && verdict == states[done + 1] { return "new" }
    if !allowed(during: call, empty).contains(verdict) { return "wrong" }
    if !commitStates.isEmpty { return "in between" }
    return verdict == empty ? "empty" : "of a failed operation"
  }
}
