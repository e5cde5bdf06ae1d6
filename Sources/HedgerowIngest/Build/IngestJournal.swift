import Glibc
import HedgerowCore
import HedgerowMapped
import HedgerowStore

/// What a run has done, kept beside what it wrote, so that the same run goes on there when its process
/// was killed.
///
/// The first pass is made again: what it learns fits in no file that would be quicker to read. What the
/// second one wrote of whole types stays, and of an edge type whose edges do not fit into memory the
/// sorted runs. Nothing depends on where a run was stopped, for nothing depends on where it sorts.
final class IngestJournal {
  struct Record: Codable {
    var nodes: [String] = []
    var setFileCount = 0
    var edges: [String: EdgeBuild.Counts] = [:]
    /// Of the edge type that is being read.
    var reading: EdgeReading?
    var faults = Faults.Record()
  }

  private let builder: GenerationBuilder
  private let faults: Faults
  private var record: Record
  /// What was done before, for the report.
  let resumed: [String]
  private var lastSaved = ContinuousClock.now
  private let interval: Duration

  /// - Parameter seconds: between two looks at the reading of edges.
  init(_ builder: GenerationBuilder, _ faults: Faults, every seconds: Double) throws {
    self.builder = builder
    interval = .seconds(seconds)
    self.faults = faults
    let found = try builder.resumedNote(as: Record.self)
    record = found ?? Record()
    resumed =
      record.nodes.map { "node \($0)" }
      + (0..<record.setFileCount).map { "file of sets \($0 + 1)" }
      + record.edges.keys.sorted().map { "edge \($0)" }
      + (record.reading.map { ["\($0.forward.count) lines of edge \($0.type)"] } ?? [])
  }

  /// Puts back what the runs before said of bad lines; call it after the first pass.
  func restoreFaults() throws {
    if !resumed.isEmpty { try faults.restore(record.faults) }
  }

  func isDone(_ type: NodeType) -> Bool { record.nodes.contains(type.name) }
  func isDone(setFile index: Int) -> Bool { index < record.setFileCount }
  func counts(of type: EdgeType) -> EdgeBuild.Counts? { record.edges["\(type)"] }
  func reading(of type: EdgeType) -> EdgeReading? {
    record.reading.flatMap { $0.type == "\(type)" ? $0 : nil }
  }

  func finish(_ type: NodeType) throws {
    record.nodes.append(type.name)
    try save()
  }

  func finish(setFile index: Int) throws {
    record.setFileCount = index + 1
    try save()
  }

  func finish(_ type: EdgeType, _ counts: EdgeBuild.Counts) throws {
    record.edges["\(type)"] = counts
    record.reading = nil
    try save()
  }

  /// Whether it is time to keep how far the reading of edges has come.
  var isDue: Bool { ContinuousClock.now - lastSaved >= interval }

  func keep(_ reading: EdgeReading) throws {
    record.reading = reading
    try save()
  }

  private func save() throws {
    record.faults = try faults.record()
    try builder.checkpoint(note: record, keeping: record.reading?.files ?? [])
    lastSaved = .now
  }
}

/// How far the edges of a type have been read: the parts of their files that are in sorted runs.
struct EdgeReading: Codable {
  var type: String
  /// The first file of which something is to be read, and how many parts of it are done.
  var file: Int
  var part: Int
  var forward: SortedRuns
  var backward: SortedRuns?
  /// The file of texts, and its size.
  var heap: String?
  var heapByteCount = 0

  var files: [String] { [forward.file] + [backward?.file, heap].compactMap { $0 } }
}

extension IngestOptions {
  /// These options over the files as they are now: a run with the same text does the same. `nil` where
  /// an input can be read only once.
  var purpose: String? {
    let paths =
      nodes.map(\.path) + edges.map(\.path) + graphs.map(\.path) + features.map(\.path)
      + offsets.map(\.path) + sets.map(\.path)
    var lines = ["ingest", Self.text(self)]
    for path in paths {
      guard let state = Self.state(of: path) else { return nil }
      lines.append(state)
    }
    return lines.joined(separator: "\n")
  }

  /// A value with all that is in it; what has no order gets one.
  private static func text(_ value: Any) -> String {
    if let text = value as? String { return String(reflecting: text) }
    let mirror = Mirror(reflecting: value)
    guard let style = mirror.displayStyle, !mirror.children.isEmpty else { return "\(value)" }
    var parts = mirror.children.map { "\($0.label ?? ""):\(text($0.value))" }
    if style == .dictionary || style == .set { parts.sort() }
    return "{\(parts.joined(separator: ","))}"
  }

  /// Which file it is and when it was written last; of a folder all that is in it.
  private static func state(of path: String) -> String? {
    var status = stat()
    var path = path
    if stat(path, &status) != 0 {
      // `x.npz:NAME`
      guard let colon = path.lastIndex(of: ":") else { return nil }
      path = String(path[..<colon])
      guard stat(path, &status) == 0 else { return nil }
    }
    let time = status.st_mtim
    let line =
      "\(path) \(status.st_dev) \(status.st_ino) \(status.st_size) \(time.tv_sec) \(time.tv_nsec)"
    switch status.st_mode & S_IFMT {
    case S_IFREG: return line
    case S_IFDIR:
      guard let names = try? FileSystem.names(in: path) else { return nil }
      var lines = [line]
      for name in names.sorted() {
        guard let inner = state(of: "\(path)/\(name)") else { return nil }
        lines.append(inner)
      }
      return lines.joined(separator: "\n")
    default: return nil
    }
  }
}
