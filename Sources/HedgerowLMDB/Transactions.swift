import CHedgerowKernels
import CHedgerowLMDB
import HedgerowCore

/// One state of the database, to read from. It ends with the closure it was handed to.
public struct ReadTransaction: ~Copyable, Transaction {
  public let handle: TransactionHandle
}

/// The state that a commit will leave, to read from and to write to. It ends with the closure it
/// was handed to.
public struct WriteTransaction: ~Copyable, Transaction {
  public let handle: TransactionHandle
}

/// LMDB's side of a transaction: for this module's eyes only.
public struct TransactionHandle {
  let state: State

  final class State {
    let transaction: OpaquePointer
    let path: String
    var tables: [String: MDB_dbi]

    init(_ transaction: OpaquePointer, tables: [String: MDB_dbi], path: String) {
      self.transaction = transaction
      self.tables = tables
      self.path = path
    }

    /// Opens a handle for every table that this state has.
    func openNewTables() throws {
      try withCursor(unnamedTable) { cursor in
        var key = MDB_val()
        var value = MDB_val()
        var status = mdb_cursor_get(cursor, &key, &value, MDB_FIRST)
        while status == 0 {
          let bytes = UnsafeRawBufferPointer(start: key.mv_data, count: key.mv_size)
          let name = String(decoding: bytes, as: UTF8.self)
          if tables[name] == nil { try open(name, flags: 0) }
          status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)
        }
        guard status == MDB_NOTFOUND else { throw failure(status, "list tables", path) }
      }
    }

    @discardableResult func open(_ name: String, flags: Int32) throws -> MDB_dbi {
      var table: MDB_dbi = 0
      let status = mdb_dbi_open(transaction, name, UInt32(flags), &table)
      guard status == 0 else { throw failure(status, "open table \(name)", path) }
      tables[name] = table
      return table
    }

    func withCursor<R>(_ table: MDB_dbi, _ body: (OpaquePointer) throws -> R) throws -> R {
      var made: OpaquePointer?
      let status = mdb_cursor_open(transaction, table, &made)
      guard status == 0, let cursor = made else { throw failure(status, "read", path) }
      defer { mdb_cursor_close(cursor) }
      return try body(cursor)
    }
  }
}

// MARK: - Writing

extension WriteTransaction {
  /// Sets the value of a key, which may have one already.
  public func put<K, V>(_ value: V, for key: K, in table: Table<K, V>) throws {
    try store(value, key, table, flags: 0)
  }

  /// Adds an entry whose key follows all keys of the table: faster than ``put(_:for:in:)`` and
  /// leaves pages full.
  ///
  /// - Throws: `badData` when the key does not follow.
  public func append<K, V>(_ value: V, for key: K, in table: Table<K, V>) throws {
    try store(value, key, table, flags: MDB_APPEND)
  }

  /// Removes an entry; says whether there was one.
  @discardableResult
  public func remove<K, V>(_ key: K, in table: Table<K, V>) throws -> Bool {
    try table.withKey(key) { key in
      guard let number = handle.state.tables[table.name] else { return false }
      let status = mdb_del(handle.state.transaction, number, &key, nil)
      if status == MDB_NOTFOUND { return false }
      guard status == 0 else { throw failure(status, "remove", handle.state.path) }
      return true
    }
  }

  /// Empties a table.
  public func removeAll<K, V>(in table: Table<K, V>) throws {
    guard let number = handle.state.tables[table.name] else { return }
    let status = mdb_drop(handle.state.transaction, number, 0)
    guard status == 0 else { throw failure(status, "empty a table", handle.state.path) }
  }

  /// Removes the entries whose keys begin with `prefix`; returns how many.
  @discardableResult
  public func removeAll<K, V>(in table: Table<K, V>, prefix: [UInt8]) throws -> Int {
    guard let number = handle.state.tables[table.name] else { return 0 }
    return try handle.state.withCursor(number) { cursor in
      var count = 0
      var found = try seek(cursor, prefix)
      while let entry = found, entry.hasPrefix(prefix) {
        let status = mdb_cursor_del(cursor, 0)
        guard status == 0 else { throw failure(status, "remove", handle.state.path) }
        count += 1
        found = try seek(cursor, prefix)
      }
      return count
    }
  }

  private func store<K, V>(
    _ value: V, _ key: K, _ table: Table<K, V>, flags: Int32
  ) throws {
    let state = handle.state
    let number = try state.tables[table.name] ?? state.open(table.name, flags: MDB_CREATE)
    try table.withKey(key) { key in
      let keyBytes = UnsafeRawBufferPointer(start: key.mv_data, count: key.mv_size)
      var bytes = table.encode(value, key: keyBytes)
      try bytes.withUnsafeMutableBytes { buffer in
        var item = MDB_val(mv_size: buffer.count, mv_data: buffer.baseAddress)
        let status = mdb_put(state.transaction, number, &key, &item, UInt32(flags))
        if status == MDB_KEYEXIST && flags == MDB_APPEND {
          throw HedgerowError(
            .badData, "the key does not follow the table's last", at: table.place(keyBytes))
        }
        guard status == 0 else { throw failure(status, "write", state.path) }
      }
    }
  }
}
