import Glibc
import HedgerowCore
import HedgerowMapped

/// What a disk may hold of a directory when the power fails.
///
/// A file's bytes are sure when they were synced, or written through a descriptor that syncs; a name
/// is when its directory was synced. Of everything else any part may be there: each write or none of
/// it or some of its 512-byte sectors, the size that it gave the file without its bytes, each name
/// made, replaced or removed. A rename happens as a whole. Syncing a file does not keep its name:
/// some file systems do that, and none has to.
struct Disk {
  private struct Change {
    enum Kind {
      case write(offset: Int, bytes: Range<Int>)
      case resize(Int)
    }
    var call: Int
    var kind: Kind
    /// The call after whose return it is sure.
    var sureAfter = Int.max
  }
  private struct Node {
    var isDirectory: Bool
    var changes: [Change] = []
    /// What the directory holds when all has been done.
    var names: [Substring: Int] = [:]
  }
  private struct Entry {
    var directory: Int
    var name: Substring
    var node: Int?
  }
  private struct Renaming {
    var call: Int
    var entries: [Entry]
    var unsynced: Set<Int>
    var sureAfter = Int.max
    /// Names of locks and scratch files, which come and go together.
    var isEmpty: Bool
  }

  /// How well a disk keeps what it said it would. Only an honest one will do; with the others an
  /// experiment shows that it would find a sync that is missing.
  enum Honesty: String, CaseIterable, Sendable {
    case honest = "is honest"
    /// Syncing a directory does nothing.
    case losesNames = "loses names"
    /// Syncing a segment file does nothing.
    case losesSegments = "loses segments"
  }

  let recording: Recording
  private var nodes = [Node(isDirectory: true)]
  private var renamings: [Renaming] = []
  /// The calls at which operations were over.
  private(set) var marks: [(call: Int, count: Int)] = []
  /// The calls at which a part of an operation was acknowledged.
  private(set) var parts: [Int] = []
  /// The calls that are commits of LMDB.
  private(set) var commits: [Int] = []
  /// The first operation that failed, from 1.
  private(set) var failedOperation: Int?

  var callCount: Int { recording.calls.count }

  /// - Parameter root: the directory that was recorded, which was empty.
  init(_ recording: Recording, root: UInt64, _ honesty: Honesty = .honest) throws {
    self.recording = recording
    var segments: Set<Int> = []
    var numbers: [UInt64: Int] = [root: 0]
    func node(_ path: some Collection<Substring>) throws -> Int {
      var node = 0
      for name in path {
        guard let next = nodes[node].names[name] else {
          throw HedgerowError(.badData, "nobody made it", at: path.joined(separator: "/"))
        }
        node = next
      }
      return node
    }
    func numbered(_ file: UInt64) throws -> Int {
      guard let node = numbers[file] else {
        throw HedgerowError(.badData, "nobody made file \(file)")
      }
      return node
    }
    for (call, what) in recording.calls.enumerated() {
      func rename(_ changes: [(path: [Substring], node: Int?)]) throws {
        var entries: [Entry] = []
        for (path, node) in changes {
          let directory = try Self.find(path.dropLast(), nodes)
          entries.append(Entry(directory: directory, name: path[path.count - 1], node: node))
          nodes[directory].names[path[path.count - 1]] = node
        }
        renamings.append(
          Renaming(
            call: call, entries: entries, unsynced: Set(entries.map(\.directory)),
            isEmpty: changes.allSatisfy {
              $0.path.last!.hasSuffix(".lock") || $0.path.dropLast().contains("scratch")
            }))
      }
      switch what {
      case .make(let path, let file, let isDirectory):
        nodes.append(Node(isDirectory: isDirectory))
        if path.contains("segments") && !isDirectory { segments.insert(nodes.count - 1) }
        numbers[file] = nodes.count - 1
        try rename([(path, nodes.count - 1)])
      case .write(let file, let offset, let bytes, let isSynchronous):
        nodes[try numbered(file)].changes.append(
          Change(
            call: call, kind: .write(offset: offset, bytes: bytes),
            sureAfter: isSynchronous ? call : .max))
        if isSynchronous { commits.append(call) }
      case .resize(let file, let byteCount):
        nodes[try numbered(file)].changes.append(Change(call: call, kind: .resize(byteCount)))
      case .sync(let file):
        let synced = try numbered(file)
        if honesty == .losesSegments && segments.contains(synced) { continue }
        if honesty == .losesNames && nodes[synced].isDirectory { continue }
        for index in nodes[synced].changes.indices
        where nodes[synced].changes[index].sureAfter == .max {
          nodes[synced].changes[index].sureAfter = call
        }
        guard nodes[synced].isDirectory else { continue }
        for index in renamings.indices where renamings[index].unsynced.remove(synced) != nil {
          if renamings[index].unsynced.isEmpty { renamings[index].sureAfter = call }
        }
      case .link(let path, let to): try rename([(to, node(path))])
      case .rename(let path, let to): try rename([(path, nil), (to, node(path))])
      case .exchange(let path, let with): try rename([(path, node(with)), (with, node(path))])
      case .remove(let path): try rename([(path, nil)])
      case .mark(let count):
        marks.append((call, abs(count)))
        if count < 0 && failedOperation == nil { failedOperation = -count }
      case .part: parts.append(call)
      case .unseen(let what): throw HedgerowError(.badData, "not seen in the recording: \(what)")
      }
    }
  }

  private static func find(_ path: some Collection<Substring>, _ nodes: [Node]) throws -> Int {
    var node = 0
    for name in path {
      guard let next = nodes[node].names[name] else {
        throw HedgerowError(.badData, "nobody made it", at: path.joined(separator: "/"))
      }
      node = next
    }
    return node
  }

  /// Operations that were over when a call was made.
  func operationsOver(before call: Int) -> Int {
    marks.last { $0.call < call }?.count ?? 0
  }

  /// The calls of the first operation that failed, and of the one after it.
  var callsAroundFailure: ClosedRange<Int>? {
    guard let failed = failedOperation else { return nil }
    let start = marks.first { $0.count == failed - 1 }?.call ?? 0
    return start...(marks.first { $0.count == failed + 1 }?.call ?? callCount)
  }

  /// What may be left when the power fails during a call, which is the number of calls for after
  /// all of them.
  func image(during call: Int, _ choices: inout some Choices) -> DiskImage {
    var names = [[Substring: Int]](repeating: [:], count: nodes.count)
    var empty: Bool?
    for renaming in renamings where renaming.call <= call {
      if renaming.sureAfter >= call {
        // To remove, or to rename, what did not get there would make no other image.
        if !choices.drawsAll,
          renaming.entries.contains(where: {
            $0.node == nil && names[$0.directory][$0.name] == nil
          })
        {
          continue
        }
        if renaming.isEmpty && !choices.drawsAll {
          if empty == nil { empty = choices.isThere() }
          guard empty! else { continue }
        } else {
          guard choices.isThere() else { continue }
        }
      }
      for entry in renaming.entries { names[entry.directory][entry.name] = entry.node }
    }
    var image = DiskImage()
    func visit(_ node: Int, _ path: String) {
      if nodes[node].isDirectory {
        image.entries.append(.init(path: path, bytes: nil))
        for (name, child) in names[node].sorted(by: { $0.key < $1.key }) {
          visit(child, path.isEmpty ? String(name) : "\(path)/\(name)")
        }
      } else {
        let isDraft = path.hasSuffix(".partial") && !choices.drawsAll
        image.entries.append(
          .init(path: path, bytes: bytes(of: nodes[node], call, isDraft, &choices)))
      }
    }
    visit(0, "")
    return image
  }

  private func bytes(
    of node: Node, _ call: Int, _ isDraft: Bool, _ choices: inout some Choices
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    let isDraftThere = isDraft && choices.isThere()
    func extend(to count: Int) {
      if count > bytes.count { bytes += repeatElement(0, count: count - bytes.count) }
    }
    let changes = node.changes.prefix { $0.call <= call }
    let last = changes.lastIndex { $0.sureAfter >= call }
    for (index, change) in changes.enumerated() {
      let isSure = change.sureAfter < call
      switch change.kind {
      case .resize(let count):
        guard isSure || (isDraft ? isDraftThere : choices.isThere()) else { continue }
        if count < bytes.count { bytes.removeLast(bytes.count - count) }
        extend(to: count)
      case .write(let offset, let range):
        let end = offset + range.count
        let sectors = offset / 512..<(end + 511) / 512
        let fate =
          isSure || isDraftThere
          ? .whole
          : isDraft
            ? .absent
            : choices.fate(
              of: UnsyncedWrite(
                sectorCount: sectors.count, extends: end > bytes.count, isLast: index == last))
        switch fate {
        case .absent: break
        case .zeros: extend(to: end)
        case .whole:
          extend(to: end)
          bytes.replaceSubrange(offset..<end, with: recording.bytes[range])
        case .torn(let isThere):
          for (sector, isThere) in zip(sectors, isThere) where isThere {
            let part = max(offset, sector * 512)..<min(end, sector * 512 + 512)
            extend(to: part.upperBound)
            let start = range.lowerBound - offset
            bytes.replaceSubrange(
              part, with: recording.bytes[part.lowerBound + start..<part.upperBound + start])
          }
        }
      }
    }
    return bytes
  }
}

/// A directory as a crash left it.
struct DiskImage: Hashable {
  struct Entry: Hashable {
    var path: String
    /// `nil` for a directory.
    var bytes: [UInt8]?
  }
  var entries: [Entry] = []

  func write(to directory: String) throws {
    for entry in entries {
      let path = entry.path.isEmpty ? directory : "\(directory)/\(entry.path)"
      guard let bytes = entry.bytes else {
        try FileSystem.makeDirectory(path)
        continue
      }
      let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
      guard file >= 0 else { throw FileSystem.failure("create", path) }
      defer { close(file) }
      var done = 0
      while done < bytes.count {
        let count = bytes.withUnsafeBytes {
          Glibc.write(file, $0.baseAddress! + done, bytes.count - done)
        }
        guard count > 0 else { throw FileSystem.failure("write", path) }
        done += count
      }
    }
  }

  /// What a directory holds.
  init(of directory: String) throws {
    func visit(_ path: String) throws {
      let full = path.isEmpty ? directory : "\(directory)/\(path)"
      guard FileSystem.isDirectory(full) else {
        entries.append(Entry(path: path, bytes: try FileSystem.contents(of: full)))
        return
      }
      entries.append(Entry(path: path, bytes: nil))
      for name in try FileSystem.names(in: full) {
        try visit(path.isEmpty ? name : "\(path)/\(name)")
      }
    }
    try visit("")
  }

  init() {}
}
