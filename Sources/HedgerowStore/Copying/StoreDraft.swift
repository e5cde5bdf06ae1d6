import Glibc
import HedgerowCore
import HedgerowMapped

extension GraphStore {
  /// Makes a store whole or not at all: `body` fills a directory of another name, which is renamed to
  /// `path` when everything in it is on the disk.
  ///
  /// - Parameter body: is handed the draft's path; the draft must be closed when it returns.
  /// - Throws: `usage` when something is there already, `noInput` when there is no directory for it;
  ///   what `body` throws, and nothing is left behind then.
  package static func makeWhole<T>(at path: String, _ body: (String) throws -> T) throws -> T {
    func exists() -> HedgerowError {
      HedgerowError(
        .usage, "there is something already: choose another path or remove it", at: path)
    }
    guard !FileSystem.exists(path) else { throw exists() }
    let parent = FileSystem.parent(of: path)
    guard FileSystem.isDirectory(parent) else {
      throw HedgerowError(.noInput, "no such directory to make it in", at: parent)
    }
    let draft = draftPath(of: path, in: parent)
    removeDrafts(of: path, in: parent)
    do {
      try FileSystem.makeDirectory(draft)
      let result = try body(draft)
      for name in try FileSystem.names(in: draft) where FileSystem.isDirectory("\(draft)/\(name)") {
        try FileSystem.syncDirectory("\(draft)/\(name)")
      }
      try FileSystem.syncDirectory(draft)
      guard try FileSystem.renameIfNew(draft, to: path) else { throw exists() }
      try FileSystem.syncDirectory(parent)
      return result
    } catch {
      try? FileSystem.removeTree(draft)
      // Nobody knows the draft's name.
      if var error = error as? HedgerowError, let place = error.place, place.hasPrefix(draft) {
        error.place = path + place.dropFirst(draft.count)
        throw error
      }
      throw error
    }
  }

  /// Calls `body` with a directory beside a store, or where one would be made, for files that are of
  /// no use afterwards.
  ///
  /// - Throws: `noInput` when there is no directory for it; what `body` throws.
  package static func withScratch<T>(
    beside path: String, _ body: (String) throws -> T
  ) throws -> T {
    let parent = FileSystem.parent(of: path)
    guard FileSystem.isDirectory(parent) else {
      throw HedgerowError(.noInput, "no such directory to make it in", at: parent)
    }
    removeDrafts(of: path, in: parent)
    let scratch = draftPath(of: path, in: parent)
    try FileSystem.makeDirectory(scratch)
    defer { try? FileSystem.removeTree(scratch) }
    return try body(scratch)
  }

  /// Removes a store that its maker gives up.
  ///
  /// It takes a draft's name first, and for good: whoever looks, now or after a crash, finds the
  /// whole store or none.
  package static func discard(at path: String) throws {
    let parent = FileSystem.parent(of: path)
    let draft = draftPath(of: path, in: parent)
    try FileSystem.rename(path, to: draft)
    try FileSystem.syncDirectory(parent)
    try FileSystem.removeTree(draft)
  }

  private static func draftPath(of path: String, in parent: String) -> String {
    "\(parent)/.\(FileSystem.name(of: path)).\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
  }

  /// Removes what a process that was killed while it made this store left behind.
  private static func removeDrafts(of path: String, in parent: String) {
    let prefix = ".\(FileSystem.name(of: path))."
    for name in (try? FileSystem.names(in: parent)) ?? [] where name.hasPrefix(prefix) {
      let parts = name.dropFirst(prefix.count).split(separator: "-")
      guard parts.count == 2, let maker = pid_t(parts[0]), UInt32(parts[1]) != nil,
        kill(maker, 0) != 0, errno == ESRCH
      else { continue }
      try? FileSystem.removeTree("\(parent)/\(name)")
    }
  }
}
