import Glibc
import HedgerowCore
import HedgerowLMDB
import HedgerowMapped

/// What a store says of itself as files.
public struct StoreStatistics: Sendable {
  public var format: UInt64
  public var uuid: String
  public var version: UInt64
  public var generation: UInt64
  public var segmentCount: Int
  /// Changed edges, twice each, and changed values that are not in segments yet.
  public var changedEntryCount: Int
  /// The version that the segments hold.
  public var foldedVersion: UInt64
  /// Allocated bytes of all files in the directory.
  public var byteCountOnDisk: Int
  /// Generations that live processes read now.
  public var pinnedGenerations: [UInt64]
}

extension GraphStore {
  public func statistics() throws -> StoreStatistics {
    let state = try state()
    var bytes = 0
    for directory in [path, "\(path)/\(StoreLayout.segmentsDirectory)"] {
      for name in try FileSystem.names(in: directory) {
        var info = stat()
        if stat("\(directory)/\(name)", &info) == 0 { bytes += Int(info.st_blocks) * 512 }
      }
    }
    let changed = try environment.read { txn in
      let tables = StoreTables()
      return try txn.count(in: tables.delta) + txn.count(in: tables.cells)
        + txn.count(in: tables.keysByID)
    }
    return StoreStatistics(
      format: state.record.format, uuid: state.record.identity.description,
      version: state.record.version, generation: state.record.generation,
      segmentCount: state.manifest.count, changedEntryCount: changed,
      foldedVersion: state.record.foldedVersion, byteCountOnDisk: bytes,
      pinnedGenerations: (try? pinnedGenerations()) ?? [])
  }
}
