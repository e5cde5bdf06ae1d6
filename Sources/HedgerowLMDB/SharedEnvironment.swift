import CHedgerowLMDB
import Glibc
import HedgerowCore
import Synchronization

/// What all openings of one file in this process share.
package final class SharedEnvironment: Sendable {
  /// LMDB's environments may be used by any thread.
  nonisolated(unsafe) let environment: OpaquePointer
  let file: FileIdentity
  let isReadOnly: Bool
  /// What it takes of the process's address space: the file may not grow beyond.
  let mapByteCount: Int
  let process = getpid()
  /// The handles that every transaction may use.
  let tables = Mutex<[String: MDB_dbi]>([:])
  /// Held by whoever opens handles, for as long as its transaction lasts: LMDB's rule.
  let opening = Monitor()
  let isPoisoned = Atomic(false)
  let writingThread = Atomic<UInt>(0)
  /// The state whose readers a commit has waited for, and in vain.
  let awaitedState = Atomic(-1)

  init(environment: OpaquePointer, file: FileIdentity, isReadOnly: Bool, mapByteCount: Int) {
    self.environment = environment
    self.file = file
    self.isReadOnly = isReadOnly
    self.mapByteCount = mapByteCount
  }

  func checkUsable(_ path: String) throws {
    guard process == getpid() else {
      throw HedgerowError(
        .usage, "opened before fork: the child must open it itself", at: "\(path)/data.mdb")
    }
    if isPoisoned.load(ordering: .relaxed) {
      throw HedgerowError(
        .io, "an earlier commit did not reach the disk: close it and open it again",
        at: "\(path)/data.mdb")
    }
  }

  /// A reader of LMDB takes the number of the last commit, and then that commit's roots from its
  /// meta page. Two commits between these steps overwrite the page, so it gets the roots of a later
  /// commit, maybe of one that is not announced yet, and its next transaction sees an earlier state
  /// than this one. What began is what it says when no later commit had a meta page afterwards: so
  /// this asks, and tries again when there was one.
  func begin(_ flags: Int32, _ path: String) throws -> OpaquePointer {
    guard flags == MDB_RDONLY else { return try beginOnce(flags, path) }
    var stalled = (state: -1, last: -1, count: 0)
    while true {
      let transaction = try beginOnce(flags, path)
      let state = mdb_txn_id(transaction)
      let last = lastState
      if state == last { return transaction }
      // A writer that was stopped or killed there may stay there for long.
      if (state, last) == (stalled.state, stalled.last) {
        if stalled.count == stallLimit { return transaction }
        stalled.count += 1
      } else {
        stalled = (state, last, 0)
      }
      mdb_txn_abort(transaction)
      sched_yield()
    }
  }

  private func beginOnce(_ flags: Int32, _ path: String) throws -> OpaquePointer {
    var transaction: OpaquePointer?
    var status = mdb_txn_begin(environment, nil, UInt32(flags), &transaction)
    if status == MDB_READERS_FULL {
      var cleared: Int32 = 0
      mdb_reader_check(environment, &cleared)
      status = mdb_txn_begin(environment, nil, UInt32(flags), &transaction)
    }
    if status == MDB_PANIC { isPoisoned.store(true, ordering: .relaxed) }
    guard status == 0, let transaction else { throw failure(status, "begin", path) }
    return transaction
  }

  /// The number of the newest commit that has a meta page.
  private var lastState: Int {
    var info = MDB_envinfo()
    mdb_env_info(environment, &info)
    return info.me_last_txnid
  }

  /// Named tables that this state has. LMDB keeps them as the entries of its unnamed table, where
  /// nothing else is put.
  func tableCount(in transaction: OpaquePointer) -> Int {
    var stat = MDB_stat()
    mdb_stat(transaction, unnamedTable, &stat)
    return stat.ms_entries
  }

  /// Opens handles for tables that another process made.
  func openNewTables(_ path: String) throws {
    try opening.withLock {
      let transaction = try begin(MDB_RDONLY, path)
      let state = TransactionHandle.State(
        transaction, tables: tables.withLock { $0 }, path: path)
      do { try state.openNewTables() } catch {
        mdb_txn_abort(transaction)
        throw error
      }
      // Handles stay only when the transaction that opened them commits.
      let status = mdb_txn_commit(transaction)
      guard status == 0 else { throw failure(status, "open tables", path) }
      tables.withLock { $0 = state.tables }
    }
  }
}

/// How often a reader looks again while a commit has its meta page and is not announced.
private let stallLimit = 1000

/// LMDB's own numbers: 0 is the list of free pages, 1 the table of tables.
let unnamedTable: MDB_dbi = 1

/// The file behind a path, whatever the path.
struct FileIdentity: Hashable {
  var device: UInt
  var inode: UInt
}

/// The environments that are open in this process.
///
/// Counted here and not by weak references: closing must be over before the same file may be
/// opened again, for closing drops the process's locks on the file.
enum OpenEnvironments {
  private struct Entry {
    var shared: SharedEnvironment
    var count: Int
  }
  private static let entries = Mutex<[FileIdentity: Entry]>([:])

  static func open(
    _ path: String, _ access: LMDBEnvironment.Access, maxTables: Int
  ) throws -> SharedEnvironment {
    try entries.withLock { entries in
      let file = try identify(path, access)
      if let entry = entries[file], entry.shared.process == getpid() {
        guard access == .readOnly || !entry.shared.isReadOnly else {
          throw HedgerowError(
            .io, "this process has it open from where it cannot be written", at: path)
        }
        try entry.shared.checkUsable(path)
        entries[file]!.count += 1
        return entry.shared
      }
      try refuseDamage(in: path)
      let taken = entries.values.reduce(0) { $0 + $1.shared.mapByteCount }
      let shared = try makeEnvironment(path, access, file, maxTables: maxTables, beside: taken)
      entries[file] = Entry(shared: shared, count: 1)
      return shared
    }
  }

  static func release(_ shared: SharedEnvironment) {
    // A child of fork leaves its parent's environment alone: nothing of it may be touched there.
    guard shared.process == getpid() else { return }
    entries.withLock { entries in
      guard var entry = entries[shared.file], entry.shared === shared else { return }
      entry.count -= 1
      entries[shared.file] = entry.count == 0 ? nil : entry
      if entry.count == 0 { mdb_env_close(shared.environment) }
    }
  }
}
