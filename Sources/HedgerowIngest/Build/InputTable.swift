import Glibc
import HedgerowCore
import HedgerowMapped

/// A delimited file as the build sees it.
struct InputFile {
  /// As the caller named it, for messages.
  var name: String
  /// Where the bytes are: a copy, when they came through a pipe.
  var path: String
  var layout: TextLayout
}

/// The files of one type, read as if they were one, and the columns they share.
struct InputTable {
  var files: [InputFile] = []
  var profiles: [ColumnProfile] = []
  /// For each file, the field of each profile's column.
  var fields: [[Int]] = []
  var codecs: [ColumnCodec] = []
  /// For each key column, the bound that a feature matrix sets to its integer keys.
  var keyLimits: [Int?] = [nil, nil]
  /// Rows that the scan kept.
  var rowCount = 0

  /// Adds a file; its property columns must be those of the files before it, in any order.
  mutating func add(
    _ file: InputFile, requirement: (String) -> ColumnRequirement
  ) throws {
    let columns = file.layout.propertyColumns
    if files.isEmpty {
      profiles = columns.map { index in
        let column = file.layout.columns[index]
        return ColumnProfile(
          column.name, declared: column.kind, requirement: requirement(column.name))
      }
      fields.append(columns)
    } else {
      let names = columns.map { file.layout.columns[$0].name }
      guard Set(names) == Set(profiles.map(\.name)) else {
        throw HedgerowError(
          .badData,
          "has the columns \(Self.list(names)), but \(files[0].name) has "
            + "\(Self.list(profiles.map(\.name)))",
          at: "\(file.name):1")
      }
      for profile in profiles {
        let column = columns.first { file.layout.columns[$0].name == profile.name }!
        guard file.layout.columns[column].kind == profile.declared else {
          throw HedgerowError(
            .badData,
            "declares column '\(profile.name)' differently from \(files[0].name)",
            at: "\(file.name):1")
        }
      }
      fields.append(
        profiles.map { profile in
          columns.first { file.layout.columns[$0].name == profile.name }!
        })
    }
    files.append(file)
  }

  private static func list(_ names: [String]) -> String {
    names.isEmpty ? "none" : names.map { "'\($0)'" }.joined(separator: ", ")
  }

  /// Forgets what a scan learned, for another one.
  mutating func resetScan() {
    rowCount = 0
    profiles = profiles.map {
      ColumnProfile($0.name, declared: $0.declared, requirement: $0.requirement)
    }
  }

  mutating func makeCodecs() throws {
    codecs = try profiles.map { try ColumnCodec($0, place: files[0].name) }
  }

  var properties: [PropertySchema] { codecs.map { PropertySchema($0.name, $0.kind) } }
}

/// The bad lines of a run: the first one ends it, or they are counted.
final class Faults {
  private let mode: IngestOptions.BadLines
  private(set) var count = 0
  private(set) var messages: [String] = []

  init(_ mode: IngestOptions.BadLines) { self.mode = mode }

  func add(_ chunk: TextChunk, of file: InputFile) throws {
    for fault in chunk.faults { try add(fault.message, at: "\(file.name):\(fault.line)") }
  }

  func add(_ message: @autoclosure () -> String, at place: @autoclosure () -> String) throws {
    if mode == .fail { throw HedgerowError(.badData, message(), at: place()) }
    if messages.count < TextChunk.messageLimit { messages.append("\(place()): \(message())") }
    count += 1
  }

  /// Counts lines that were left out because the caller wanted it so.
  func addSkipped(_ lines: Int) { count += lines }

  func reset() {
    count = 0
    messages.removeAll()
  }
}

/// Runs over files: chunks in parallel, their results in order.
struct PassRunner {
  let pool: ThreadPool
  /// Chunks that are worked on at a time.
  let batchCount: Int
  let progress: @Sendable (IngestProgress) -> Void
  let isCancelled: @Sendable () -> Bool

  func checkCancelled() throws {
    if isCancelled() { throw HedgerowError(.interrupted, "interrupted; nothing was changed") }
  }

  /// Calls `work` for each chunk, on any thread, and then `consume` for each, in order, on this one.
  func run<Result>(
    _ file: InputFile, _ phase: IngestProgress.Phase, work: (TextChunk) -> Result,
    consume: (TextChunk, Result) throws -> Void
  ) throws {
    do {
      let source = try ByteSource(path: file.path)
      let feed = ChunkFeed(
        source: source, delimiter: file.layout.delimiter, skipByteCount: file.layout.skipByteCount,
        batchCount: batchCount)
      defer { feed.stop() }
      while true {
        try checkCancelled()
        let batch = try feed.nextBatch()
        if batch.isEmpty { return }
        var results = [Result?](repeating: nil, count: batch.count)
        results.withUnsafeMutableBufferPointer { results in
          // Each part writes its own place.
          nonisolated(unsafe) let results = results
          pool.run(parts: batch.count) { part in results[part] = work(batch[part]) }
        }
        for (chunk, result) in zip(batch, results) { try consume(chunk, result!) }
        progress(
          IngestProgress(
            phase: phase, subject: file.name, done: batch[batch.count - 1].filePosition,
            total: source.fileByteCount))
        feed.recycle(batch)
      }
    } catch var error as HedgerowError {
      // The reader knows the path, the caller the name.
      if let place = error.place, place.hasPrefix(file.path) {
        error.place = file.name + place.dropFirst(file.path.count)
      }
      throw error
    }
  }
}

/// The second pass found other lines than the first.
func changedFile(_ file: InputFile) -> HedgerowError {
  HedgerowError(.io, "changed while it was read: try again when nobody writes it", at: file.name)
}

/// Copies an input that can be read only once to a file.
func spool(_ descriptor: Int32, called name: String, in directory: String) throws -> String {
  let path = "\(directory)/input-\(UInt64.random(in: 0...UInt64.max))"
  let copy = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
  guard copy >= 0 else { throw FileSystem.failure("create", path) }
  defer { close(copy) }
  var buffer = [UInt8](repeating: 0, count: 1 << 18)
  while true {
    let count = read(descriptor, &buffer, buffer.count)
    if count < 0 && errno == EINTR { continue }
    guard count >= 0 else { throw FileSystem.failure("read", name) }
    if count == 0 { return path }
    var done = 0
    while done < count {
      let part = buffer.withUnsafeBytes { write(copy, $0.baseAddress! + done, count - done) }
      if part < 0 && errno == EINTR { continue }
      guard part > 0 else { throw FileSystem.failure("write", path) }
      done += part
    }
  }
}
