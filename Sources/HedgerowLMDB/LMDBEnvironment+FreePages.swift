import CHedgerowLMDB
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
    var oldest = mdb_txn_id(transaction) - 1
    withUnsafeMutablePointer(to: &oldest) { oldest in
      _ = mdb_reader_list(
        shared.environment,
        { line, context in
          // "pid thread txnid", "-" for one that reads nothing.
          let fields = String(cString: line!).split(whereSeparator: \.isWhitespace)
          if fields.count == 3, let number = Int(fields[2]) {
            let oldest = context!.assumingMemoryBound(to: Int.self)
            oldest.pointee = min(oldest.pointee, number)
          }
          return 0
        }, oldest)
    }
    // Only a reader may see the list of free pages.
    let reader = try shared.begin(MDB_RDONLY, path)
    defer { mdb_txn_abort(reader) }
    var pages: [Int] = []
    var cursor: OpaquePointer?
    guard mdb_cursor_open(reader, freePages, &cursor) == 0, let cursor else { return 0 }
    defer { mdb_cursor_close(cursor) }
    var key = MDB_val()
    var value = MDB_val()
    var status = mdb_cursor_get(cursor, &key, &value, MDB_FIRST)
    while status == 0 {
      guard key.mv_size == MemoryLayout<Int>.size, value.mv_size >= MemoryLayout<Int>.size,
        key.mv_data.loadUnaligned(as: Int.self) < oldest
      else { break }
      let list = UnsafeRawBufferPointer(start: value.mv_data, count: value.mv_size)
      let count = min(
        list.loadUnaligned(as: Int.self), value.mv_size / MemoryLayout<Int>.size - 1)
      for place in 0..<max(0, count) {
        pages.append(
          list.loadUnaligned(fromByteOffset: (place + 1) * MemoryLayout<Int>.size, as: Int.self))
      }
      status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)
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
}

/// LMDB's number of the table that lists free pages by the commit that freed them.
private let freePages: MDB_dbi = 0
