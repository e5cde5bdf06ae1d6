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

/// A transaction that can be kept: for whoever sees to it that what keeps it is gone before the
/// transaction is. Writes only what the transaction that it is of may write.
package struct KeptTransaction: Transaction {
  package let handle: TransactionHandle

  package init(_ handle: TransactionHandle) { self.handle = handle }

  /// See ``WriteTransaction/put(_:for:in:)``.
  package func put<K, V>(_ value: V, for key: K, in table: Table<K, V>) throws {
    try handle.store(value, key, table, flags: 0)
  }

  /// See ``WriteTransaction/append(_:for:in:)``.
  package func append<K, V>(_ value: V, for key: K, in table: Table<K, V>) throws {
    try handle.store(value, key, table, flags: MDB_APPEND)
  }

  /// See ``WriteTransaction/remove(_:in:)``.
  @discardableResult
  package func remove<K, V>(_ key: K, in table: Table<K, V>) throws -> Bool {
    try handle.remove(key, in: table)
  }

  /// See ``WriteTransaction/removeAll(in:prefix:)``.
  @discardableResult
  package func removeAll<K, V>(in table: Table<K, V>, prefix: [UInt8]) throws -> Int {
    try handle.removeAll(in: table, prefix: prefix)
  }
}

/// LMDB's side of a transaction: for this module's eyes only.
public struct TransactionHandle {
  let state: State

  final class State {
    let transaction: OpaquePointer
    let path: String
    var tables: [String: MDB_dbi]
    /// A table's handle would not outlive a nested transaction that is given up.
    let isNested: Bool

    init(
      _ transaction: OpaquePointer, tables: [String: MDB_dbi], path: String, isNested: Bool = false
    ) {
      self.transaction = transaction
      self.tables = tables
      self.path = path
      self.isNested = isNested
    }

    /// Opens a handle for every table that this state has.
    func openNewTables() throws {
      try withCursor(unnamedTable) { cursor in
        var key = MDB_val()
        var value = MDB_val()
        var status = mdb_cursor_get(cursor, &key, &value, MDB_FIRST)
        while status == 0 {
          let bytes = UnsafeRawBufferPointer(start: key.mv_data, count: key.mv_size)
          guard let name = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            throw HedgerowError(
              .damaged, "has a table whose name is no text: restore a copy", at: "\(path)/data.mdb")
          }
          if tables[name] == nil { try open(name, flags: 0) }
          status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)
        }
        guard status == MDB_NOTFOUND else { throw failure(status, "list tables", path) }
      }
    }

    @discardableResult func open(_ name: String, flags: Int32) throws -> MDB_dbi {
      require(!isNested, "table \(name) must be there before a nested transaction writes to it")
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
  /// Makes a table that is not there yet.
  public func create<K, V>(_ table: Table<K, V>) throws {
    if handle.state.tables[table.name] == nil {
      try handle.state.open(table.name, flags: MDB_CREATE)
    }
  }

  /// Runs `body` in a transaction inside this one: what it wrote stays only when it returns. Tables
  /// that it writes to must be there. This one must not be used meanwhile.
  public func nested<T>(_ body: (borrowing WriteTransaction) throws -> T) throws -> T {
    let state = handle.state
    var made: OpaquePointer?
    let begun = mdb_txn_begin(mdb_txn_env(state.transaction), state.transaction, 0, &made)
    guard begun == 0, let made else { throw failure(begun, "begin", state.path) }
    let result: T
    do {
      result = try body(
        WriteTransaction(
          handle: TransactionHandle(
            state: .init(made, tables: state.tables, path: state.path, isNested: true))))
    } catch {
      mdb_txn_abort(made)
      throw error
    }
    let status = mdb_txn_commit(made)
    guard status == 0 else { throw failure(status, "write", state.path) }
    return result
  }

  /// Sets the value of a key, which may have one already.
  public func put<K, V>(_ value: V, for key: K, in table: Table<K, V>) throws {
    try handle.store(value, key, table, flags: 0)
  }

  /// Adds an entry whose key follows all keys of the table: faster than ``put(_:for:in:)`` and
  /// leaves pages full.
  ///
  /// - Throws: `badData` when the key does not follow.
  public func append<K, V>(_ value: V, for key: K, in table: Table<K, V>) throws {
    try handle.store(value, key, table, flags: MDB_APPEND)
  }

  /// Removes an entry; says whether there was one.
  @discardableResult
  public func remove<K, V>(_ key: K, in table: Table<K, V>) throws -> Bool {
    try handle.remove(key, in: table)
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
    try handle.removeAll(in: table, prefix: prefix)
  }
}

extension TransactionHandle {
  fileprivate func remove<K, V>(_ key: K, in table: Table<K, V>) throws -> Bool {
    try table.withKey(key) { key in
      guard let number = state.tables[table.name] else { return false }
      let status = mdb_del(state.transaction, number, &key, nil)
      if status == MDB_NOTFOUND { return false }
      guard status == 0 else { throw failure(status, "remove", state.path) }
      return true
    }
  }

  fileprivate func removeAll<K, V>(in table: Table<K, V>, prefix: [UInt8]) throws -> Int {
    guard let number = state.tables[table.name] else { return 0 }
    let reader = KeptTransaction(self)
    return try state.withCursor(number) { cursor in
      var count = 0
      var found = try reader.seek(cursor, prefix)
      while let entry = found, entry.hasPrefix(prefix) {
        let status = mdb_cursor_del(cursor, 0)
        guard status == 0 else { throw failure(status, "remove", state.path) }
        count += 1
        found = try reader.seek(cursor, prefix)
      }
      return count
    }
  }

  fileprivate func store<K, V>(
    _ value: V, _ key: K, _ table: Table<K, V>, flags: Int32
  ) throws {
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
