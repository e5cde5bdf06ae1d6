import Glibc
public import HedgerowCore
import HedgerowMapped

/// Has a parser read inputs: those that are kept, then mangled ones - a few in the fast tests, and for
/// HEDGEROW_FUZZ_SECONDS when that is set, as by `tools/fuzz`.
///
/// An input is a finding when it is neither read nor refused as it should be, or takes much time or memory.
/// Then it also ends the process when it takes a minute of the processor, a lasting wait, or a file of 256 MiB.
/// In HEDGEROW_FUZZ_DIR findings are kept, and what was read when the process ended.
public struct FuzzRun {
  private let target: FuzzTarget
  private let seed: UInt64
  private let seconds: Double?
  private let folder: String
  private let temporary: TemporaryDirectory?

  public init(_ target: FuzzTarget, seed: UInt64) throws {
    self.target = target
    self.seed = seed
    func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
    seconds = variable("HEDGEROW_FUZZ_SECONDS").flatMap { Double($0) }
    if let folder = variable("HEDGEROW_FUZZ_DIR") {
      temporary = nil
      self.folder = folder
    } else {
      let temporary = TemporaryDirectory()
      self.temporary = temporary
      folder = temporary.path
    }
  }

  /// - Parameters:
  ///   - rounds: how many inputs are mangled in the fast tests.
  ///   - isRefusal: whether an error is what a bad input deserves.
  /// - Returns: what was found.
  public func run(
    rounds: Int = 40, isRefusal: (HedgerowError) -> Bool, read: (FuzzInput) throws -> Void
  ) throws -> [String] {
    var findings: [String: String] = [:]
    func look(_ input: FuzzInput, at name: String) -> Bool {
      guard let (kind, finding) = fault(of: input, isRefusal, read) else { return false }
      guard findings[kind] == nil else { return false }
      findings[kind] = "\(target.name), \(name): \(finding)"
      print(findings[kind]!)
      return true
    }
    for input in try target.keptInputs() { _ = look(input, at: input.folder) }
    if seconds != nil {
      var limit = rlimit(rlim_cur: 256 << 20, rlim_max: 256 << 20)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    }
    let start = ContinuousClock.now
    let begin = Self.processorSeconds
    var round: UInt64 = 0
    let current = "\(folder)/\(target.name)-\(seed)"
    while seconds.map({ (ContinuousClock.now - start) / .seconds(1) < $0 }) ?? (round < rounds) {
      let input = try write(round, into: current)
      if look(input, at: "round \(round) of seed \(seed)") {
        try FileSystem.rename(current, to: "\(current)-\(round)")
      } else {
        try FileSystem.removeTree(current)
      }
      round += 1
      if round % 1000 == 0 { fflush(nil) }
    }
    let used = Int(Self.processorSeconds - begin)
    print(
      "\(target.name): \(round) mangled inputs, \(used) s of the processor, \(findings.count) findings"
    )
    fflush(nil)
    return findings.values.sorted()
  }

  /// Writes the files of a round, which is a function of its number and the seed.
  private func write(_ round: UInt64, into folder: String) throws -> FuzzInput {
    var random = RandomStream(seed: seed).derive(target.name).derive(round)
    var files = target.seeds[Int(random.next(below: UInt64(target.seeds.count)))]
    let settings = random.next()
    var mangler = Mangler(
      words: target.words, donors: target.seeds.joined().map(\.bytes), random: random.derive(1))
    repeat {
      let chosen = Int(random.next(below: UInt64(files.count)))
      mangler.mangle(&files[chosen].bytes)
    } while random.next(below: 8) == 0
    var made: Set<String> = []
    for (name, bytes) in target.pack(files, settings) {
      let path = "\(folder)/\(name)"
      try makeFolders(FileSystem.parent(of: path), &made)
      guard let file = fopen(path, "w") else { throw FileSystem.failure("write", path) }
      fwrite(bytes, 1, bytes.count, file)
      fclose(file)
    }
    return FuzzInput(folder: folder, settings: settings)
  }

  private func makeFolders(_ path: String, _ made: inout Set<String>) throws {
    guard made.insert(path).inserted, !FileSystem.isDirectory(path) else { return }
    try makeFolders(FileSystem.parent(of: path), &made)
    try FileSystem.makeDirectory(path)
  }

  // MARK: Judging

  private func fault(
    of input: FuzzInput, _ isRefusal: (HedgerowError) -> Bool, _ read: (FuzzInput) throws -> Void
  ) -> (kind: String, finding: String)? {
    let before = Self.processorSeconds
    let memory = seconds == nil ? 0 : Self.residentByteCount(since: true)
    if seconds != nil { Self.limitTime(60) }
    defer { if seconds != nil { Self.limitTime(0) } }
    do {
      try read(input)
    } catch let error as HedgerowError where isRefusal(error) {
    } catch {
      // Numbers and names are others each time.
      let kind = "\(error)".split { !$0.isLetter }.suffix(8).joined(separator: " ")
      return (kind, "\(error)")
    }
    guard seconds != nil else { return nil }
    let time = Self.processorSeconds - before
    if time > 10 { return ("time", "took \(Int(time)) s of the processor") }
    let grown = Self.residentByteCount(since: false) - memory
    if grown > 384 << 20 { return ("memory", "took \(grown >> 20) MiB") }
    return nil
  }

  private static var processorSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }

  /// The most memory that was in use since this was last asked with `since`; what is in use then.
  private static func residentByteCount(since isStart: Bool) -> Int {
    if isStart, let file = fopen("/proc/self/clear_refs", "w") {
      // Begins the highest mark anew.
      fputs("5", file)
      fclose(file)
    }
    let status = String(
      decoding: TemporaryDirectory.contents("/proc/self/status"), as: UTF8.self)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return (line?.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0) << 10
  }

  /// Ends the process when it has used this many seconds of the processor, or ten times as many went by;
  /// 0 takes that back.
  private static func limitTime(_ seconds: Int) {
    var timer = itimerval()
    timer.it_value.tv_sec = seconds
    setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &timer, nil)
    alarm(UInt32(10 * seconds))
  }
}
