import Glibc
import HedgerowCore
import HedgerowMapped
import HedgerowStore
import HedgerowTestSupport
import Synchronization
import Testing

/// A graph in dictionaries, handed from one thread to another.
private struct Model: @unchecked Sendable {
  // A value that nobody changes.
  let graph: ReferenceStore
}

@Suite struct BackupTests {
  /// One thread commits, one compacts, and backups are taken all the while.
  @Test func aBackupIsWhatItsVersionWasThoughWritingGoesOn() throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var random = try RandomStore(at: directory("s"), seed: seed)
    try random.change(300)
    let store = random.store
    struct Seen {
      var models: [UInt64: Model] = [:]
      var errors: [String] = []
      var isOver = false
    }
    let seen = Mutex(Seen())
    let first = try store.version
    let begun = Model(graph: random.model)
    seen.withLock { $0.models[first] = begun }
    nonisolated(unsafe) let writing = random
    let writer = Thread.start {
      var random = writing
      do {
        while !seen.withLock({ $0.isOver }) {
          try random.change(5)
          let version = try random.store.version
          let model = Model(graph: random.model)
          seen.withLock { $0.models[version] = model }
          // A compaction needs the writer's lock for a moment, too.
          usleep(10_000)
        }
      } catch {
        seen.withLock { $0.errors.append("\(error)") }
      }
    }
    let compactor = Thread.start {
      do {
        while !seen.withLock({ $0.isOver }) { try store.compact(waiting: 10) }
      } catch {
        seen.withLock { $0.errors.append("\(error)") }
      }
    }
    var reports: [BackupReport] = []
    do {
      defer {
        seen.withLock { $0.isOver = true }
        Thread.join(writer)
        Thread.join(compactor)
      }
      let reader = try GraphStore.open(at: directory("s"), .readOnly)
      // Until a compaction has come in between.
      while reports.count < 6
        || (Set(reports.map(\.generation)).count == 1 && reports.count < 100)
      {
        let number = reports.count
        reports.append(
          try (number % 2 == 0 ? store : reader).backup(to: directory("copy\(number)")))
      }
    }
    #expect(seen.withLock { $0.errors } == [])
    let models = seen.withLock { $0.models }
    #expect(Set(reports.map(\.version)).count > 1 && Set(reports.map(\.generation)).count > 1)
    for (number, report) in reports.enumerated() {
      let path = directory("copy\(number)")
      let check = try StoreVerifier.verify(at: path)
      #expect(check.isClean, "\(check.problems)")
      let copy = try GraphStore.open(at: path)
      let snapshot = try copy.snapshot()
      #expect(snapshot.version == report.version)
      let model = try #require(models[report.version])
      #expect(try model.graph.difference(from: snapshot) == nil)
      #expect(try copy.statistics().uuid == store.statistics().uuid)
      #expect(try copy.statistics().segmentCount == report.segmentCount)
      // It can be written to, as the store that it is.
      try copy.write { _ = try $0.insert(RandomStore.user, key: "after") }
      try copy.compact()
      #expect(try StoreVerifier.verify(at: path).isClean)
      #expect(try copy.snapshot().node(RandomStore.user, key: "after") != nil)
    }
    // Nothing but the store and its copies is left.
    let names = try FileSystem.names(in: directory.path)
    #expect(names == (["s"] + reports.indices.map { "copy\($0)" }).sorted())
  }

  @Test func whatIsThereIsNotReplacedAndWhatIsStoppedLeavesNothing() throws {
    let directory = TemporaryDirectory()
    let store = try ReferenceGraph(seed: 1).makeStore(at: directory("s"))
    func code(_ destination: String, _ progress: (Int) throws -> Void = { _ in })
      -> HedgerowError.Code?
    {
      do {
        try store.backup(to: destination, progress: progress)
        return nil
      } catch let error as HedgerowError {
        return error.code
      } catch {
        return .interrupted
      }
    }
    directory.write("file", "here")
    #expect(code(directory("file")) == .usage && code(directory("s")) == .usage)
    #expect(code(directory("s/copy")) == .usage && code(directory("s/segments/copy")) == .usage)
    #expect(code(directory("none/copy")) == .noInput)
    struct Stop: Error {}
    var steps = 0
    #expect(code(directory("copy")) { _ in steps += 1 } == nil)
    for step in 0..<steps {
      var left = step
      let stopped = code(directory("other")) { _ in
        if left == 0 { throw Stop() }
        left -= 1
      }
      #expect(stopped == .interrupted)
      #expect(try FileSystem.names(in: directory.path) == ["copy", "file", "s"])
    }
  }

  /// A copy is no second name of the files: what happens to the store does not happen to it.
  @Test func aBackupSharesNoFiles() throws {
    let directory = TemporaryDirectory()
    let store = try ReferenceGraph(seed: 1).makeStore(at: directory("s"))
    try store.backup(to: directory("copy"))
    for name in try FileSystem.names(in: directory("s/segments")) {
      let path = directory("s/segments/\(name)")
      var bytes = TemporaryDirectory.contents(path)
      let copied = TemporaryDirectory.contents(directory("copy/segments/\(name)"))
      #expect(bytes == copied)
      bytes[0] ^= 1
      directory.write("s/segments/\(name)", bytes)
      #expect(TemporaryDirectory.contents(directory("copy/segments/\(name)")) == copied)
    }
    #expect(try StoreVerifier.verify(at: directory("copy")).isClean)
  }

  @Test func aMissingOrShortSegmentIsReportedAndNotCopied() throws {
    let directory = TemporaryDirectory()
    let store = try ReferenceGraph(seed: 1).makeStore(at: directory("s"))
    let names = try FileSystem.names(in: directory("s/segments"))
    let bytes = TemporaryDirectory.contents(directory("s/segments/\(names[0])"))
    directory.write("s/segments/\(names[0])", Array(bytes.dropLast()))
    for isMissing in [false, true] {
      if isMissing { try FileSystem.removeFile(directory("s/segments/\(names[0])")) }
      let error = #expect(throws: HedgerowError.self) { try store.backup(to: directory("copy")) }
      #expect(error?.code == .damaged)
      #expect(error?.place == directory("s/segments/\(names[0])"))
      #expect(try FileSystem.names(in: directory.path) == ["s"])
    }
  }

  @Test(.enabled(if: getuid() == 0, "needs to mount small disks"))
  func aFullDiskLeavesNothing() throws {
    let directory = TemporaryDirectory()
    let store = try ReferenceGraph(seed: 1).makeStore(at: directory("s"))
    let needed = try StoreVerifier.byteCount(at: directory("s"))
    try FileSystem.makeDirectory(directory("disk"))
    var outcomes: Set<Bool> = []
    for share in 1...12 {
      let size = needed * share / 8
      guard mount("none", directory("disk"), "tmpfs", 0, "size=\(size)") == 0 else { return }
      defer { umount2(directory("disk"), CInt(MNT_DETACH)) }
      do {
        let report = try store.backup(to: directory("disk/copy"))
        // There may be no room for the locks that opening it takes.
        let names = try FileSystem.names(in: directory("disk/copy/segments"))
        #expect(names.count == report.segmentCount)
        outcomes.insert(true)
      } catch let error as HedgerowError {
        #expect(error.code == .io && error.message.contains("the disk is full"), "\(error)")
        #expect(error.place?.hasPrefix(directory("disk/copy")) == true, "\(error)")
        #expect(try FileSystem.names(in: directory("disk")).isEmpty)
        outcomes.insert(false)
      }
    }
    #expect(outcomes == [true, false])
  }
}
