import CHedgerowLMDB
import Glibc
import HedgerowCore

/// What reading and writing transactions have in common: looking things up.
///
/// ```swift
/// func year(of film: String, in transaction: borrowing some Transaction & ~Copyable) throws -> UInt64? {
///   try transaction.value(for: film, in: years)
/// }
/// ```
/// Whatever is read is checked against its checksum and throws `damaged`, naming table and key,
/// when it does not hold.
public protocol Transaction: ~Copyable {
  var handle: TransactionHandle { get }
}

/// Whether to go on with a walk.
public enum Walk: Sendable {
  case next, stop
}

extension Transaction where Self: ~Copyable {
  /// The value of a key, if there is one. O(log entries).
  public func value<K, V>(for key: K, in table: Table<K, V>) throws -> V? {
    let state = handle.state
    return try table.withKey(key) { key in
      guard let number = state.tables[table.name] else { return nil }
      var item = MDB_val()
      let status = mdb_get(state.transaction, number, &key, &item)
      if status == MDB_NOTFOUND { return nil }
      guard status == 0 else { throw failure(status, "read", state.path) }
      return try table.decodeValue(
        item, key: UnsafeRawBufferPointer(start: key.mv_data, count: key.mv_size))
    }
  }

  /// Which commit left the state that this transaction reads; one that writes has the next number.
  public var number: Int { mdb_txn_id(handle.state.transaction) }

  /// Entries in a table. O(1).
  public func count<K, V>(in table: Table<K, V>) throws -> Int {
    try statistics(of: table)?.ms_entries ?? 0
  }

  /// Bytes of the pages that a table takes. O(1).
  public func byteCount<K, V>(in table: Table<K, V>) throws -> Int {
    guard let stat = try statistics(of: table) else { return 0 }
    return (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages)
      * Int(stat.ms_psize)
  }

  private func statistics<K, V>(of table: Table<K, V>) throws -> MDB_stat? {
    let state = handle.state
    guard let number = state.tables[table.name] else { return nil }
    var stat = MDB_stat()
    let status = mdb_stat(state.transaction, number, &stat)
    guard status == 0 else { throw failure(status, "read", state.path) }
    return stat
  }

  /// The names of all tables, in order.
  public var tableNames: [String] { handle.state.tables.keys.sorted() }

  /// The entry with the smallest key.
  public func first<K, V>(in table: Table<K, V>) throws -> (key: K, value: V)? {
    try end(of: table, MDB_FIRST)
  }

  /// The entry with the greatest key.
  public func last<K, V>(in table: Table<K, V>) throws -> (key: K, value: V)? {
    try end(of: table, MDB_LAST)
  }

  /// Hands all entries whose keys begin with `prefix` to `body`, in the order of the keys.
  ///
  /// In a writing transaction `body` must not write to the table.
  public func forEach<K, V>(
    in table: Table<K, V>, prefix: [UInt8] = [], _ body: (K, V) throws -> Void
  ) throws {
    try walk(table, prefix: prefix, from: nil) { key, value in
      try body(key, value)
      return .next
    }
  }

  /// Hands entries to `body` in the order of the keys until it says to stop, beginning at the
  /// first key that begins with `prefix` and is not before `start`.
  ///
  /// In a writing transaction `body` must not write to the table.
  public func walk<K, V>(
    _ table: Table<K, V>, prefix: [UInt8] = [], from start: K? = nil,
    _ body: (K, V) throws -> Walk
  ) throws {
    try walkRaw(table, prefix: prefix, from: start) { entry in
      let key = try table.decodeKey(entry.key)
      return try body(key, table.decodeValue(entry.value, key: entry.key))
    }
  }

  /// The same of entries as LMDB keeps them.
  func walkRaw<K, V>(
    _ table: Table<K, V>, prefix: [UInt8], from start: K?, _ body: (RawEntry) throws -> Walk
  ) throws {
    let state = handle.state
    guard let number = state.tables[table.name] else { return }
    var first = prefix
    if let start {
      var bytes: [UInt8] = []
      start.encode(into: &bytes)
      if first.lexicographicallyPrecedes(bytes) { first = bytes }
    }
    try state.withCursor(number) { cursor in
      var found = try seek(cursor, first)
      while let entry = found, entry.hasPrefix(prefix) {
        guard try body(entry) == .next else { return }
        found = try get(cursor, MDB_NEXT)
      }
    }
  }

  private func end<K, V>(
    of table: Table<K, V>, _ operation: MDB_cursor_op
  ) throws -> (key: K, value: V)? {
    guard let number = handle.state.tables[table.name] else { return nil }
    return try handle.state.withCursor(number) { cursor in
      guard let entry = try get(cursor, operation) else { return nil }
      let key = try table.decodeKey(entry.key)
      return (key, try table.decodeValue(entry.value, key: entry.key))
    }
  }

  /// The first entry at or after a key. LMDB knows no empty keys, so nothing stands for the first.
  func seek(_ cursor: OpaquePointer, _ key: [UInt8]) throws -> RawEntry? {
    if key.isEmpty { return try get(cursor, MDB_FIRST) }
    var key = key
    return try key.withUnsafeMutableBytes { buffer in
      try get(
        cursor, MDB_SET_RANGE, MDB_val(mv_size: buffer.count, mv_data: buffer.baseAddress))
    }
  }

  func get(
    _ cursor: OpaquePointer, _ operation: MDB_cursor_op, _ key: MDB_val = MDB_val()
  ) throws -> RawEntry? {
    var key = key
    var value = MDB_val()
    let status = mdb_cursor_get(cursor, &key, &value, operation)
    if status == MDB_NOTFOUND { return nil }
    guard status == 0 else { throw failure(status, "read", handle.state.path) }
    return RawEntry(
      key: UnsafeRawBufferPointer(start: key.mv_data, count: key.mv_size), value: value)
  }
}

/// An entry where LMDB keeps it, good until the transaction ends or writes.
struct RawEntry {
  var key: UnsafeRawBufferPointer
  var value: MDB_val

  func hasPrefix(_ prefix: [UInt8]) -> Bool {
    key.count >= prefix.count
      && prefix.withUnsafeBytes { prefix in
        prefix.isEmpty || memcmp(key.baseAddress!, prefix.baseAddress!, prefix.count) == 0
      }
  }
}
