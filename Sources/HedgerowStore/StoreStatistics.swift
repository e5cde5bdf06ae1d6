import Glibc
import HedgerowCore
import HedgerowMapped

/// What a store says of itself as files.
public struct StoreStatistics: Sendable {
  public var format: UInt64
  public var uuid: String
  public var version: UInt64
  public var generation: UInt64
  public var segmentCount: Int
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
    return StoreStatistics(
      format: state.record.format, uuid: state.record.identity.description,
      version: state.record.version, generation: state.record.generation,
      segmentCount: state.manifest.count, byteCountOnDisk: bytes,
      pinnedGenerations: (try? pinnedGenerations()) ?? [])
  }
}
