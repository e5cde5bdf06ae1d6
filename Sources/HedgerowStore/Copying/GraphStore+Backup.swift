import HedgerowCore
import HedgerowLMDB
import HedgerowMapped

/// What a backup holds.
public struct BackupReport: Sendable {
  /// The version that was copied: the newest one when the copying began, or a little later.
  public var version: UInt64
  public var generation: UInt64
  public var segmentCount = 0
  public var byteCount = 0
}

extension GraphStore {
  /// Copies one version of the store to a new directory, while readers, writers and compactions go on.
  ///
  /// The copy is the same store, with its UUID, as it was at that version: to be opened, or to be put
  /// in the place of the original. It appears whole and durable, or not at all. Checkpoints of
  /// trainings are no part of a version and stay behind. Bytes are copied as they are: `verify` tells
  /// whether those of the copy, and so of the store, hold.
  ///
  /// - Parameters:
  ///   - destination: where nothing is yet.
  ///   - progress: called with the bytes copied since the last call; may throw to stop.
  /// - Throws: `usage` when something is at the destination, `io` when it cannot be written,
  ///   `damaged` when a file of the store is missing or of another length; what `progress` throws.
  @discardableResult
  public func backup(
    to destination: String, progress: (Int) throws -> Void = { _ in }
  ) throws -> BackupReport {
    let parent = FileSystem.parent(of: destination)
    if let store = FileSystem.resolved(path), let parent = FileSystem.resolved(parent),
      parent == store || parent.hasPrefix(store + "/")
    {
      throw HedgerowError(.usage, "lies in the store: choose another place", at: destination)
    }
    return try Self.makeWhole(at: destination) { draft in
      try FileSystem.makeDirectory("\(draft)/\(StoreLayout.segmentsDirectory)")
      try FileSystem.makeDirectory("\(draft)/\(StoreLayout.generationsDirectory)")
      // The pin that is taken first keeps what it names; a compaction may publish a newer generation
      // before the tables are copied, and that one may be replaced as well before it is pinned.
      while true {
        let first = try withGeneration { _, _, generation in generation }
        try environment.copy(toDirectory: draft)
        let copied = try LMDBEnvironment.read(copyIn: draft) {
          try StoreState(reading: KeptTransaction($0.handle), at: draft)
        }
        let current = try withGeneration { _, _, generation in generation }
        if copied.record.generation == first.number || copied.record.generation == current.number {
          let report = try copySegments(of: copied, to: draft, progress)
          withExtendedLifetime((first, current)) {}
          return report
        }
        for name in try FileSystem.names(in: draft) where name.hasSuffix(".mdb") {
          try FileSystem.removeFile("\(draft)/\(name)")
        }
      }
    }
  }

  private func copySegments(
    of copied: StoreState, to draft: String, _ progress: (Int) throws -> Void
  ) throws -> BackupReport {
    var report = BackupReport(
      version: copied.record.version, generation: copied.record.generation)
    let files = StoreFiles(path: draft)
    report.byteCount = try FileSystem.byteCount(of: "\(draft)/\(StoreLayout.dataFile)")
    try progress(report.byteCount)
    for record in copied.manifest {
      let path = segmentPath(record.fileName)
      let count: Int
      do {
        count = try FileSystem.copyFile(
          path, to: files.segmentPath(record.fileName), progress: progress)
      } catch let error as HedgerowError where error.code == .noInput {
        throw HedgerowError(.damaged, "a segment file is missing", at: path)
      }
      guard count == Int(record.fileByteCount) else {
        throw HedgerowError(
          .damaged,
          "damaged segment: \(count) bytes long where the manifest says "
            + "\(record.fileByteCount)", at: path)
      }
      report.segmentCount += 1
      report.byteCount += count
    }
    return report
  }
}
