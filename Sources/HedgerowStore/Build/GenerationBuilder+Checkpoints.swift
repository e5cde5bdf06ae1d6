import FoundationEssentials
import Glibc
import HedgerowCore
import HedgerowMapped
import HedgerowRoaring

/// What a build has done, kept in its scratch directory: when the process is killed, the next build
/// that is begun for the same purpose goes on from there.
///
/// Good for as long as the machine runs and the store is as the build found it: nothing of it is synced
/// for its own sake.
struct BuildCheckpoint: Codable {
  struct MemberSet: Codable {
    var type: UInt16
    var name: String
    var members: Data
  }
  var purpose: String
  var boot: String
  var store: [UInt8]
  var version: UInt64
  var generation: UInt64
  var nodes: [NodeTypeRecord]
  var edges: [EdgeTypeRecord]
  var nextNodeType: UInt16
  var nextEdgeType: UInt16
  var records: [Data]
  var removed: [Data]
  var sets: [MemberSet]
  var keyed: Set<UInt16>
  var edgeCounts: [UInt16: [UInt64]]
  var changesData: Bool
  /// Scratch files that the build needs to go on.
  var files: [String]
  /// What whoever builds has to say.
  var note: Data

  static let fileName = "checkpoint"
}

extension GenerationBuilder {
  /// Keeps what has been written so far for a build of the same purpose, should this process be killed.
  /// Does nothing in a build that was begun for none.
  ///
  /// To be called between two types: every part that was declared must be finished.
  /// - Parameters:
  ///   - note: what the caller needs to go on.
  ///   - files: names of the files in ``scratchDirectory`` that it needs, flushed.
  package func checkpoint(note: some Encodable, keeping files: [String] = []) throws {
    guard let purpose, let boot = Self.boot else { return }
    let checkpoint = try pending.withLock { pending in
      require(pending.unfinished.isEmpty, "not finished: \(pending.unfinished.sorted())")
      return BuildCheckpoint(
        purpose: purpose, boot: boot, store: base.record.uuid, version: base.record.version,
        generation: generation, nodes: pending.catalog.nodes, edges: pending.catalog.edges,
        nextNodeType: pending.nextNodeType, nextEdgeType: pending.nextEdgeType,
        records: pending.records.map(Self.encoded), removed: pending.removed.map(Self.encoded),
        sets: pending.sets.map {
          .init(type: $0.type, name: $0.name, members: Data($0.members.serialized()))
        },
        keyed: pending.keyed, edgeCounts: pending.edgeCounts, changesData: pending.changesData,
        files: files, note: try JSONEncoder().encode(note))
    }
    let path = "\(scratchDirectory)/\(BuildCheckpoint.fileName)"
    let bytes = try JSONEncoder().encode(checkpoint)
    // Replaced at once, so that a kill leaves the old or the new one.
    let file = open("\(path).new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw FileSystem.failure("create", path) }
    defer { close(file) }
    try bytes.withUnsafeBytes { try FileSystem.write($0, to: file, at: path) }
    try FileSystem.rename("\(path).new", to: path)
  }

  /// Whether the build goes on from a checkpoint.
  package var isResumed: Bool { resumed != nil }

  /// The note of the checkpoint that this build goes on from; `nil` for one that begins anew.
  package func resumedNote<Note: Decodable>(as type: Note.Type) throws -> Note? {
    try resumed.map { try JSONDecoder().decode(type, from: $0.note) }
  }

  /// The checkpoint of a build of the purpose over the same state of the store, with all its files.
  static func findCheckpoint(
    _ purpose: String, in store: GraphStore, base: StoreState
  ) -> BuildCheckpoint? {
    let scratch = "\(store.path)/\(StoreLayout.scratchDirectory)"
    // What cannot be read is as good as none.
    guard
      let bytes = try? FileSystem.contents(of: "\(scratch)/\(BuildCheckpoint.fileName)"),
      let checkpoint = try? JSONDecoder().decode(BuildCheckpoint.self, from: Data(bytes)),
      checkpoint.purpose == purpose, checkpoint.boot == boot,
      checkpoint.store == base.record.uuid, checkpoint.version == base.record.version,
      checkpoint.generation == base.record.generation + 1,
      let records = try? checkpoint.records.map(decoded)
    else { return nil }
    for record in records {
      let size = try? FileSystem.byteCount(of: store.segmentPath(record.fileName))
      guard size == Int(record.fileByteCount) else { return nil }
    }
    let names = Set((try? FileSystem.names(in: scratch)) ?? [])
    return names.isSuperset(of: checkpoint.files) ? checkpoint : nil
  }

  /// Takes over what the checkpoint has.
  func adopt(_ checkpoint: BuildCheckpoint) throws {
    let kept = Set(checkpoint.files + [BuildCheckpoint.fileName])
    for name in try FileSystem.names(in: scratchDirectory) where !kept.contains(name) {
      try FileSystem.removeTree("\(scratchDirectory)/\(name)")
    }
    let records = try checkpoint.records.map(Self.decoded)
    try store.removeUnreferencedSegments(keeping: Set(records.map(\.fileName)))
    try pending.withLock { pending in
      pending.catalog = Catalog(nodes: checkpoint.nodes, edges: checkpoint.edges)
      pending.nextNodeType = checkpoint.nextNodeType
      pending.nextEdgeType = checkpoint.nextEdgeType
      pending.records = records
      pending.removed = try checkpoint.removed.map(Self.decoded)
      pending.sets = try checkpoint.sets.map { set in
        (set.type, set.name, try RoaringBitmap(serialized: Array(set.members).span.bytes))
      }
      pending.keyed = checkpoint.keyed
      pending.edgeCounts = checkpoint.edgeCounts
      pending.changesData = checkpoint.changesData
    }
  }

  private static func encoded(_ record: SegmentRecord) -> Data {
    var bytes: [UInt8] = []
    record.encode(into: &bytes)
    return Data(bytes)
  }

  private static func decoded(_ bytes: Data) throws -> SegmentRecord {
    try SegmentRecord(decoding: Array(bytes).span.bytes)
  }

  /// Which run of the machine this is: after another one, files that were not synced may lack parts.
  private static let boot: String? = {
    let file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = read(file, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }()
}
