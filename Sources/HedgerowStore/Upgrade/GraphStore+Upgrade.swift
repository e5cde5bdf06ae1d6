import HedgerowCore
import HedgerowLMDB
import HedgerowMapped

/// What an upgrade did.
public struct UpgradeReport: Hashable, Sendable {
  /// The format that the store had.
  public var oldFormat: UInt64
  /// The format that it has now.
  public var format: UInt64
  /// The store's version, which an upgrade leaves as it is.
  public var version: UInt64
  /// Whether anything was written.
  public var hasUpgraded: Bool { oldFormat != format }
}

extension GraphStore {
  /// Brings a store of an older format to the one that this build reads and writes.
  ///
  /// One commit: a store has its old format or the new one, whenever the process ends. Content, ids,
  /// keys, versions, models and checkpoints stay, and so do segment files, which are not written
  /// again. A store that has the format already stays as it is. Memory and time are those of its types
  /// and sets.
  ///
  /// Builds that know only the old format refuse the store from then on, those that have it open
  /// included; snapshots that they hold stay whole.
  ///
  /// - Parameter seconds: how long to wait for another writer.
  /// - Throws: `noInput` when there is no store, `newerFormat` when this build is too old for it,
  ///   `locked` when another writer is still at work then, `damaged`, `io`.
  @discardableResult
  public static func upgrade(
    at path: String, waiting seconds: Double = 0
  ) throws -> UpgradeReport {
    try requireData(at: path)
    let tables = StoreTables()
    func report(_ txn: KeptTransaction) throws -> UpgradeReport? {
      let format = try txn.value(for: StoreTables.storeKey, in: tables.format)?.value.format
      if format == FormatZero.format { return nil }
      let record = try StoreRecord(reading: txn, at: path)
      try record.requireWritable(at: path)
      return UpgradeReport(
        oldFormat: record.format, format: record.format, version: record.version)
    }
    // One that needs nothing may lie where nobody can write.
    let reader = try LMDBEnvironment.open(path, .readOnly)
    if let report = try reader.read({ try report(KeptTransaction($0.handle)) }) { return report }
    let environment = try LMDBEnvironment.open(path, .readWrite)
    let locks = [
      try lock(StoreLayout.buildLock, of: path, waiting: seconds),
      try lock(StoreLayout.writerLock, of: path, waiting: seconds),
    ]
    defer { withExtendedLifetime(locks) {} }
    return try environment.write { txn in
      // Another process may have been faster.
      if let report = try report(KeptTransaction(txn.handle)) { return report }
      try FormatZero.upgrade(in: txn, at: path)
      let record = try StoreRecord(reading: KeptTransaction(txn.handle), at: path)
      return UpgradeReport(
        oldFormat: FormatZero.format, format: record.format, version: record.version)
    }
  }
}
