import CHedgerowLMDB
import Glibc
import HedgerowCore

extension LMDBEnvironment {
  /// Gives the space of pages that no state needs back to the file system, by holes in the file:
  /// LMDB itself keeps every page that was ever used. Says how many bytes that were.
  ///
  /// Only pages that LMDB might overwrite itself are taken: those that were freed before the last
  /// commit and before any state that somebody still reads. What the file system cannot do, it does not.
  @discardableResult
  public func releaseFreePages() throws -> Int {
    try shared.checkUsable(path)
    // Nobody writes while the list is read.
    let transaction = try shared.begin(0, path)
    defer { mdb_txn_abort(transaction) }
    var descriptor: Int32 = -1
    var statistics = MDB_stat()
    mdb_env_get_fd(shared.environment, &descriptor)
    mdb_env_stat(shared.environment, &statistics)
    let pageByteCount = Int(statistics.ms_psize)

    // As LMDB counts: the transaction at hand has the last commit's number and one.
    let oldest = min(mdb_txn_id(transaction) - 1, oldestReadState ?? .max)
    // Only a reader may see the list of free pages.
    let reader = try shared.begin(MDB_RDONLY, path)
    defer { mdb_txn_abort(reader) }
    var pages: [Int] = []
    forEachFreedList(reader) { number, list in
      guard number < oldest else { return .stop }
      for place in 0..<list.count { pages.append(list[place]) }
      return .next
    }
    pages.sort()
    var released = 0
    var start = 0
    while start < pages.count {
      var end = start + 1
      while end < pages.count && pages[end] == pages[end - 1] + 1 { end += 1 }
      // The first two pages are LMDB's own.
      if pages[start] > 1 {
        let byteCount = (end - start) * pageByteCount
        guard hr_punch_hole(descriptor, pages[start] * pageByteCount, byteCount) == 0 else { break }
        released += byteCount
      }
      start = end
    }
    return released
  }

  /// Waits for readers of older states, which keep pages from being used again: the file would grow by
  /// more with every commit. For each state once, and for so long at most; one that a process left
  /// behind as it died is taken from the list then.
  ///
  /// - Parameter byteCount: so much may be kept.
  public func waitForReaders(keeping byteCount: Int, seconds: Double) throws {
    let end = ContinuousClock.now + .seconds(seconds)
    while let oldest = oldestReadState, shared.awaitedState.load(ordering: .relaxed) != oldest,
      try keptByteCount(since: oldest) > byteCount
    {
      guard ContinuousClock.now < end else {
        shared.awaitedState.store(oldest, ordering: .relaxed)
        var cleared: Int32 = 0
        mdb_reader_check(shared.environment, &cleared)
        return
      }
      usleep(1000)
    }
  }

  /// Bytes of pages that commits gave up, but not before the state of that number.
  private func keptByteCount(since oldest: Int) throws -> Int {
    var info = MDB_envinfo()
    var statistics = MDB_stat()
    mdb_env_info(shared.environment, &info)
    mdb_env_stat(shared.environment, &statistics)
    // Those of the last commit are always kept.
    guard info.me_last_txnid > oldest + 1 else { return 0 }
    let reader = try shared.begin(MDB_RDONLY, path)
    defer { mdb_txn_abort(reader) }
    var count = 0
    forEachFreedList(reader, from: oldest) { _, list in
      count += list.count
      return .next
    }
    return count * Int(statistics.ms_psize)
  }

  /// The oldest state that a transaction reads, by the number of its commit.
  private var oldestReadState: Int? {
    var oldest: Int?
    withUnsafeMutablePointer(to: &oldest) { oldest in
      _ = mdb_reader_list(
        shared.environment,
        { line, context in
          // "pid thread txnid", "-" for one that reads nothing.
          let fields = String(cString: line!).split(whereSeparator: \.isWhitespace)
          if fields.count == 3, let number = Int(fields[2]) {
            let oldest = context!.assumingMemoryBound(to: Int?.self)
            oldest.pointee = min(oldest.pointee ?? number, number)
          }
          return 0
        }, oldest)
    }
    return oldest
  }

  /// Hands over which pages each commit gave up, by its number. Only a reader may see that.
  private func forEachFreedList(
    _ reader: OpaquePointer, from first: Int = 0, _ body: (Int, FreedList) -> Walk
  ) {
    var cursor: OpaquePointer?
    guard mdb_cursor_open(reader, freePages, &cursor) == 0, let cursor else { return }
    defer { mdb_cursor_close(cursor) }
    var first = first
    withUnsafeMutableBytes(of: &first) { bytes in
      var key = MDB_val(mv_size: bytes.count, mv_data: bytes.baseAddress)
      var value = MDB_val()
      var status = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE)
      while status == 0 {
        guard key.mv_size == MemoryLayout<Int>.size, value.mv_size >= MemoryLayout<Int>.size,
          body(
            key.mv_data.loadUnaligned(as: Int.self),
            FreedList(bytes: UnsafeRawBufferPointer(start: value.mv_data, count: value.mv_size)))
            == .next
        else { return }
        status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)
      }
    }
  }
}

/// The numbers of pages that a commit gave up: how many, and they.
private struct FreedList {
  let bytes: UnsafeRawBufferPointer
  var count: Int {
    max(0, min(bytes.loadUnaligned(as: Int.self), bytes.count / MemoryLayout<Int>.size - 1))
  }
  subscript(place: Int) -> Int {
    bytes.loadUnaligned(fromByteOffset: (place + 1) * MemoryLayout<Int>.size, as: Int.self)
  }
}

/// LMDB's number of the table that lists free pages by the commit that freed them.
private let freePages: MDB_dbi = 0
