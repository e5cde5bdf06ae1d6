import CHedgerowLMDB
import Glibc
import HedgerowCore
import Synchronization

/// A directory with an LMDB database in it: `data.mdb`, the place where commits happen, and
/// `lock.mdb`.
///
/// ```swift
/// let environment = try LMDBEnvironment.open("movies.hedgerow", .readWrite)
/// let years = Table<String, UInt64>("years")
/// try environment.write { try $0.put(1979, for: "Stalker", in: years) }
/// let year = try environment.read { try $0.value(for: "Stalker", in: years) }
/// ```
/// A transaction lives inside its closure and the compiler sees to it. Readers see one state and
/// never wait for the writer; one writer at a time, in all processes together. `write` returns
/// when the commit is on the disk.
///
/// LMDB forbids two environments over one file in a process, so opening a path twice shares what
/// is open. An environment does not survive `fork`: the child opens its own.
public final class LMDBEnvironment: Sendable {
  public enum Access: Sendable {
    case readOnly, readWrite
  }

  /// The directory, as it was given.
  public let path: String
  public let access: Access
  package let shared: SharedEnvironment

  init(path: String, access: Access, shared: SharedEnvironment) {
    self.path = path
    self.access = access
    self.shared = shared
  }

  deinit { OpenEnvironments.release(shared) }

  /// Keys are at most this long; empty ones are refused too.
  public static let maximumKeyByteCount = 511

  /// The path of the data file.
  public var dataPath: String { "\(path)/data.mdb" }

  /// Whether a commit has failed so that nobody knows whether it is on the disk.
  public var isPoisoned: Bool { shared.isPoisoned.load(ordering: .relaxed) }

  /// Bytes of `data.mdb` up to the last page in use.
  public var usedByteCount: Int {
    var info = MDB_envinfo()
    var stat = MDB_stat()
    mdb_env_info(shared.environment, &info)
    mdb_env_stat(shared.environment, &stat)
    return (info.me_last_pgno + 1) * Int(stat.ms_psize)
  }

  /// Runs `body` over the state that the last commit left.
  ///
  /// Keep it short: pages that a reader may still see cannot be used again.
  public func read<T>(_ body: (borrowing ReadTransaction) throws -> T) throws -> T {
    try shared.checkUsable(path)
    while true {
      // Tables are never dropped, so all of these exist in any state begun from here on.
      let tables = shared.tables.withLock { $0 }
      let transaction = try shared.begin(MDB_RDONLY, path)
      if shared.tableCount(in: transaction) > tables.count {
        mdb_txn_abort(transaction)
        try shared.openNewTables(path)
        continue
      }
      defer { mdb_txn_abort(transaction) }
      let state = TransactionHandle.State(transaction, tables: tables, path: path)
      return try body(ReadTransaction(handle: TransactionHandle(state: state)))
    }
  }

  /// Runs `body` and commits what it wrote when it returns; when it throws, nothing has happened.
  ///
  /// Waits while another thread or process writes.
  ///
  /// - Throws: `usage` inside another write of this thread; `io` when the commit did not reach the
  ///   disk. After a failed synchronisation nobody knows what the disk holds, so every later call
  ///   fails until the environment is opened anew.
  public func write<T>(_ body: (borrowing WriteTransaction) throws -> T) throws -> T {
    try shared.checkUsable(path)
    guard access == .readWrite else {
      throw HedgerowError(.usage, "opened for reading only: open it to write", at: dataPath)
    }
    let thread = UInt(pthread_self())
    guard shared.writingThread.load(ordering: .relaxed) != thread else {
      throw HedgerowError(
        .usage, "a write inside a write would wait for itself: use the transaction at hand",
        at: dataPath)
    }
    let transaction = try shared.begin(0, path)
    shared.writingThread.store(thread, ordering: .relaxed)
    defer { shared.writingThread.store(0, ordering: .relaxed) }
    return try shared.opening.withLock {
      let state = TransactionHandle.State(
        transaction, tables: shared.tables.withLock { $0 }, path: path)
      let result: T
      do {
        if shared.tableCount(in: transaction) > state.tables.count { try state.openNewTables() }
        result = try body(WriteTransaction(handle: TransactionHandle(state: state)))
      } catch {
        mdb_txn_abort(transaction)
        throw error
      }
      let overwritten = OverwrittenMetaPage(shared.environment, transaction)
      let status = mdb_txn_commit(transaction)
      guard status == 0 else {
        overwritten?.putBack()
        let full = isDiskFull(path)
        // A full disk stops LMDB before it synchronises, and leaves the file as it was.
        if !full { shared.isPoisoned.store(true, ordering: .relaxed) }
        throw failure(status, "commit", path)
      }
      shared.tables.withLock { $0 = state.tables }
      return result
    }
  }
}
