import Glibc
import HedgerowCore
import HedgerowMapped

// Which files are kept: those of the newest generation, and of older ones while somebody reads them.

extension GraphStore {
  private func pinPath(_ generation: UInt64) -> String {
    "\(path)/\(StoreLayout.generationsDirectory)/\(generation).lock"
  }

  /// A shared lock, for as long as segments of the generation are needed.
  func pinGeneration(_ generation: UInt64) throws -> FileLock? {
    do {
      // Shared holders never wait for each other; an exclusive one only tests and lets go.
      for _ in 0..<100 {
        if let lock = try FileLock(at: pinPath(generation), exclusive: false) { return lock }
        usleep(1000)
      }
    } catch let error as HedgerowError where access == .readOnly && error.code != .io {
      return nil
    } catch {
      // Read-only media: nobody can remove anything there either.
      if access == .readOnly && errno == EROFS { return nil }
      throw error
    }
    throw HedgerowError(.locked, "generation \(generation) is being removed: try again", at: path)
  }

  /// Generations that some live process reads.
  func pinnedGenerations() throws -> [UInt64] { try generationLocks().filter(isPinned) }

  /// Removes what a build that never published left behind. Only for the holder of the writer lock.
  func removeLeftovers() throws {
    try FileSystem.removeTree("\(path)/\(StoreLayout.scratchDirectory)")
    try removeUnreferencedSegments()
  }

  /// Removes segment files that no version refers to any more, once nobody reads an older one.
  ///
  /// Only names that this store gives are touched.
  /// - Parameter ofBuilds: also files that were never published. Only for whoever holds the build lock:
  ///   what somebody is writing looks the same.
  /// - Parameter kept: files of the build that goes on.
  func removeUnreferencedSegments(ofBuilds: Bool = true, keeping kept: Set<String> = []) throws {
    // Whoever pins an older generation from here on sees that it is over.
    let state = try state()
    let pins = try pinnedGenerations()
    let known = kept.union(state.manifest.map(\.fileName))
    let names = try FileSystem.names(in: "\(path)/\(StoreLayout.segmentsDirectory)")
    // A file serves its own generation and those up to the next file of the same part.
    let parts = Dictionary(grouping: names.compactMap(Self.partAndGeneration), by: \.part)
    for name in names {
      let isPartial = name.hasSuffix(SegmentWriter.temporarySuffix)
      guard isPartial || (name.hasSuffix(".seg") && !known.contains(name)) else { continue }
      // One of no generation serves nobody, nor does one that was never published.
      var isNeeded = !ofBuilds
      if !isPartial, let (part, generation) = Self.partAndGeneration(name),
        generation <= state.record.generation
      {
        let next = parts[part]?.map(\.generation).filter { $0 > generation }.min()
        let end = min(next ?? .max, state.record.generation)
        isNeeded = pins.contains { $0 >= generation && $0 < end }
      }
      if !isNeeded { try FileSystem.removeFile(segmentPath(name)) }
    }
    for generation in try generationLocks()
    where generation < state.record.generation && !pins.contains(generation) {
      try FileSystem.removeFile(pinPath(generation))
    }
  }

  /// What a segment file's name says: all but the generation, and that.
  private static func partAndGeneration(_ name: String) -> (part: Substring, generation: UInt64)? {
    guard name.hasSuffix(".seg"), let dash = name.lastIndex(of: "-"),
      let generation = UInt64(name[name.index(after: dash)...].dropLast(4))
    else { return nil }
    return (name[..<dash], generation)
  }

  /// Removes what only readers of older generations needed, once they are gone. Commits call it: it
  /// looks every half second at most, and then at a file or two.
  func removeRetiredGenerations() throws {
    let now = ContinuousClock.now
    let isDue = swept.withLock { last in
      if let last, now - last < .milliseconds(500) { return false }
      last = now
      return true
    }
    guard isDue else { return }
    let older = try olderGenerations()
    guard try older.contains(where: { try !isPinned($0) }) else { return }
    try removeUnreferencedSegments(ofBuilds: false)
  }

  /// Whether some live process reads a generation before the newest.
  func isOlderGenerationRead() throws -> Bool { try olderGenerations().contains(where: isPinned) }

  /// Those that somebody has read and whose files may still be there.
  private func olderGenerations() throws -> [UInt64] {
    let newest = try state().record.generation
    return try generationLocks().filter { $0 < newest }
  }

  private func generationLocks() throws -> [UInt64] {
    try FileSystem.names(in: "\(path)/\(StoreLayout.generationsDirectory)").compactMap {
      $0.hasSuffix(".lock") ? UInt64($0.dropLast(5)) : nil
    }
  }

  private func isPinned(_ generation: UInt64) throws -> Bool {
    try FileLock(at: pinPath(generation), exclusive: true) == nil
  }
}
