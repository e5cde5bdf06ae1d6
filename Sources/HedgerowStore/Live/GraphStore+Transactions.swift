import Glibc
import HedgerowCore
import HedgerowLMDB
import HedgerowMapped

extension GraphStore {
  /// Runs `body` over the newest state. Keep it short: for long reading there is ``snapshot()``.
  ///
  /// ```swift
  /// let friends = try store.read { txn in
  ///   try txn.neighbors(of: txn.node(.user, key: "ann"), along: .follows)
  /// }
  /// ```
  public func read<T>(_ body: (borrowing GraphReadTransaction) throws -> T) throws -> T {
    try withGeneration { txn, state, generation in
      try body(
        GraphReadTransaction(
          LiveGraph(path: path, generation: generation, state: state, handle: txn.handle)))
    }
  }

  /// Runs `body` and commits what it changed when it returns: all of it, on the disk. When it throws,
  /// nothing has happened.
  ///
  /// ```swift
  /// try store.write { txn in
  ///   let ann = try txn.insert(.user, key: "ann")
  ///   try txn.connect(ann, .rates, txn.node(.item, key: "dune"), ["stars": 5])
  /// }
  /// ```
  /// Threads that write at once share a commit: their closures run one after the other, each whole or
  /// not at all, on one of the threads, and all wait for the one synchronisation.
  ///
  /// - Parameter seconds: how long to wait for another process that writes, or for a build.
  /// - Throws: `locked` when it is still at work then; what `body` throws; `io` when the disk failed
  ///   or is full.
  public func write<T>(
    waiting seconds: Double = 10, _ body: (borrowing GraphWriteTransaction) throws -> T
  ) throws -> T {
    try requireWritable()
    var outcome: Result<T, any Error>?
    func run(_ writer: LiveWriter) throws {
      let value = try body(GraphWriteTransaction(writer))
      try writer.finish()
      outcome = .success(value)
    }
    try withoutActuallyEscaping(run) { run in
      try writers.submit(run) { try commit($0, waiting: seconds) }
    }
    // It is on the disk, so nothing that fails here may be said to have failed it.
    try? compactInBackground()
    try? removeRetiredGenerations()
    try? environment.waitForReaders(keeping: 8 << 20, seconds: 1)
    switch outcome {
    case .success(let value)?: return value
    default: throw HedgerowError(.io, "the commit was given up", at: path)
    }
  }

  func requireWritable() throws {
    guard access == .readWrite else {
      throw HedgerowError(.usage, "the store was opened for reading only", at: path)
    }
  }

  /// Runs closures in one commit. A closure that throws loses its own changes only.
  private func commit(_ requests: [WriterQueue.Request], waiting seconds: Double) throws {
    let lock = try lockWriter(waiting: seconds)
    defer { withExtendedLifetime(lock) {} }
    // The lock keeps builds away, and with them changes of the generation by builds; a compaction
    // may still publish, then the generation is looked up again.
    while true {
      let generation = try generation(of: state())
      let isDone = try environment.write { txn -> Bool in
        var state = try state(in: txn)
        guard state.record.generation == generation.number else { return false }
        if requests.count == 1 {
          try requests[0].run(
            LiveWriter(path: path, generation: generation, state: state, handle: txn.handle))
          return true
        }
        for request in requests {
          do {
            state = try txn.nested { nested in
              let writer = LiveWriter(
                path: path, generation: generation, state: state, handle: nested.handle)
              try request.run(writer)
              return writer.state
            }
          } catch {
            request.error = error
          }
        }
        return true
      }
      if isDone { return }
    }
  }

  /// The lock of whoever commits: held for a moment by a write, throughout by a build.
  ///
  /// Whoever waits for it holds the turn: a process that commits one transaction after the other cannot
  /// take the lock again before the one who waits has had it.
  func lockWriter(waiting seconds: Double) throws -> FileLock {
    let start = ContinuousClock.now
    let turn = try lock(StoreLayout.turnLock, waiting: seconds)
    defer { withExtendedLifetime(turn) {} }
    let waited = (ContinuousClock.now - start) / .seconds(1)
    return try lock(StoreLayout.writerLock, waiting: seconds - waited)
  }

  /// Asks again and again: a fiftieth of the time that it waits already lies between two times.
  func lock(_ name: String, waiting seconds: Double) throws -> FileLock {
    try Self.lock(name, of: path, waiting: seconds)
  }

  static func lock(_ name: String, of path: String, waiting seconds: Double) throws -> FileLock {
    let file = "\(path)/\(name)"
    let start = ContinuousClock.now
    while true {
      if let lock = try FileLock(at: file, exclusive: true) { return lock }
      let waited = (ContinuousClock.now - start) / .seconds(1)
      guard waited < seconds else {
        throw HedgerowError(
          .locked, "another process is writing to this store: try again, or wait with --wait",
          at: path)
      }
      usleep(UInt32(min(20_000, max(200, waited * 20_000))))
    }
  }
}

/// Lets threads that write at once share a commit: the first one there runs what the others bring.
final class WriterQueue: @unchecked Sendable {
  /// A closure that waits for its turn. Whoever brought it waits while the committer runs it.
  final class Request {
    private var body: ((LiveWriter) throws -> Void)?
    var error: (any Error)?
    fileprivate private(set) var isDone = false

    init(_ body: @escaping (LiveWriter) throws -> Void) { self.body = body }

    func run(_ writer: LiveWriter) throws { try body?(writer) }

    /// The closure must be gone before whoever brought it goes on.
    fileprivate func end() {
      body = nil
      isDone = true
    }
  }
  // All of it is touched inside the monitor only.
  private var waiting: [Request] = []
  /// The thread that commits, which must not wait for itself.
  private var committer: pthread_t?
  /// Compactions that wait to publish: they go before closures that come later.
  private var reservationCount = 0
  private let turn = Monitor()

  /// More closures in one commit would make the first ones wait.
  private static let groupCount = 64

  /// Runs `body` while no closure is: what a compaction does to publish. Closures that come meanwhile
  /// wait for it, however long it takes.
  func alone<T>(_ body: () throws -> T) throws -> T {
    try turn.withLock {
      guard committer != pthread_self() else {
        throw HedgerowError(
          .usage, "a compaction inside a write would wait for itself: compact afterwards")
      }
      reservationCount += 1
      while committer != nil { turn.wait() }
      reservationCount -= 1
      committer = pthread_self()
    }
    defer {
      turn.withLock {
        committer = nil
        turn.wakeAll()
      }
    }
    return try body()
  }

  /// Runs `body` in this or another thread's commit and returns when it is on the disk.
  func submit(
    _ body: @escaping (LiveWriter) throws -> Void, commit: ([Request]) throws -> Void
  ) throws {
    let request = Request(body)
    let group = try turn.withLock { () -> [Request] in
      guard committer != pthread_self() else {
        throw HedgerowError(
          .usage, "a write inside a write would wait for itself: use the transaction at hand")
      }
      waiting.append(request)
      while !request.isDone && (committer != nil || reservationCount > 0) { turn.wait() }
      if request.isDone { return [] }
      committer = pthread_self()
      // The own one is always among them, or it would never be done.
      let group = [request] + waiting.filter { $0 !== request }.prefix(Self.groupCount - 1)
      waiting.removeAll { waiting in group.contains { $0 === waiting } }
      return group
    }
    if !group.isEmpty {
      do {
        try commit(group)
      } catch {
        for request in group where request.error == nil { request.error = error }
      }
      turn.withLock {
        for request in group { request.end() }
        committer = nil
        turn.wakeAll()
      }
    }
    if let error = request.error { throw error }
  }
}
