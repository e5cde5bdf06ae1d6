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
  /// See ``IngestOptions/FileLayout``.
  var lines: String?
  var stretch: FileStretch?
  var skipsRowsWithoutKey = false
  var mayLackColumns = false

  /// A line of the file for messages: where it is made of another file, the line of that one.
  func line(of line: Int) -> Int { lines.flatMap { LineMap.line(line, in: $0) } ?? line }
}

/// The files of one type, read as if they were one, and the columns of the type: those that the store
/// has, then those that the files add.
struct InputTable {
  /// A column that the type has in the store.
  struct StoredColumn {
    var name: String
    var kind: PropertyKind
    var categories: [String]
    var requirement: ColumnRequirement
  }

  var files: [InputFile] = []
  private(set) var stored: [StoredColumn] = []
  var profiles: [ColumnProfile] = []
  /// For each file, the field of each profile's column; nil for one that only the store has.
  var fields: [[Int?]] = []
  var codecs: [ColumnCodec] = []
  /// For each key column, the bound that a feature matrix sets to its integer keys.
  var keyLimits: [Int?] = [nil, nil]
  /// Rows that the scan kept.
  var rowCount = 0

  init(continuing stored: [StoredColumn] = []) {
    self.stored = stored
    profiles = stored.map {
      ColumnProfile(
        $0.name, declared: $0.kind, requirement: $0.requirement, stored: $0.kind)
    }
  }

  /// Names of the property columns that the files have.
  var fileColumns: [String] {
    profiles.indices.filter { column in fields.contains { $0[column] != nil } }
      .map { profiles[$0].name }
  }

  private static func names(of file: InputFile) -> [String] {
    file.layout.propertyColumns.map { file.layout.columns[$0].name }
  }

  /// Adds a file; its property columns must be those of the files before it, in any order.
  mutating func add(
    _ file: InputFile, requirement: (String) -> ColumnRequirement
  ) throws {
    let place = "\(file.name):1"
    let columns = file.layout.propertyColumns.map { file.layout.columns[$0] }
    if let first = files.first {
      let names = Self.names(of: file)
      guard file.mayLackColumns || Set(names) == Set(fileColumns) else {
        throw HedgerowError(
          .badData,
          "has the columns \(Self.list(names)), but \(first.name) has \(Self.list(fileColumns))",
          at: place)
      }
      for column in columns {
        guard
          let (other, known) = files.lazy.compactMap({ other in
            other.layout.columns.first { $0.name == column.name }.map { (other, $0) }
          }).first
        else { continue }
        guard known.kind == column.kind, known.isText == column.isText else {
          throw HedgerowError(
            .badData, "declares column '\(column.name)' differently from \(other.name)", at: place)
        }
      }
    }
    if files.isEmpty || file.mayLackColumns {
      for column in columns where !fileColumns.contains(column.name) {
        if let index = stored.firstIndex(where: { $0.name == column.name }) {
          profiles[index] = try ColumnProfile(
            continuing: column.name, stored[index].kind, declared: column.kind,
            requirement: stored[index].requirement, place: place)
        } else {
          profiles.append(
            ColumnProfile(
              column.name, declared: column.kind, requirement: requirement(column.name),
              isText: column.isText))
          for index in fields.indices { fields[index].append(nil) }
        }
      }
    }
    fields.append(
      profiles.map { profile in
        file.layout.propertyColumns.first { file.layout.columns[$0].name == profile.name }
      })
    files.append(file)
    for (index, profile) in profiles.enumerated() where profile.requirement != .none {
      guard let lacking = fields.firstIndex(where: { $0[index] == nil }) else { continue }
      throw HedgerowError(
        .badData,
        "has no column '\(profile.name)', which every edge of the type has: it is their "
          + "\(profile.requirement)", at: "\(files[lacking].name):1")
    }
  }

  private static func list(_ names: [String]) -> String {
    names.isEmpty ? "none" : names.map { "'\($0)'" }.joined(separator: ", ")
  }

  /// Forgets what a scan learned, for another one.
  mutating func resetScan() {
    rowCount = 0
    profiles = profiles.map {
      ColumnProfile(
        $0.name, declared: $0.declared, requirement: $0.requirement, stored: $0.stored,
        isText: $0.isText)
    }
  }

  mutating func makeCodecs() throws {
    let place = files.first?.name ?? ""
    codecs = try profiles.enumerated().map { index, profile in
      try ColumnCodec(
        profile, place: place, present: index < stored.count ? stored[index].categories : [])
    }
  }

  /// The values of all columns in a chunk of a file.
  func encode(_ chunk: TextChunk, file: Int) -> [ColumnCodec.Values] {
    zip(codecs, fields[file]).map { codec, field in
      field.map { codec.encode(chunk, column: $0) } ?? codec.nulls(chunk)
    }
  }

  var properties: [PropertySchema] { codecs.map { PropertySchema($0.name, $0.kind) } }
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
  ///
  /// - Parameter skipped: chunks at the beginning of the file that nothing is called for.
  func run<Result>(
    _ file: InputFile, _ phase: IngestProgress.Phase, skipping skipped: Int = 0,
    work: (TextChunk) -> Result, consume: (TextChunk, Result) throws -> Void
  ) throws {
    let source = try ByteSource(path: file.path, called: file.name, stretch: file.stretch)
    let isBehindHeader = (file.stretch?.start ?? 0) > 0
    let feed = ChunkFeed(
      source: source, delimiter: file.layout.delimiter, comment: file.layout.comment,
      firstLine: file.stretch?.firstLine ?? 1,
      skipByteCount: isBehindHeader ? 0 : file.layout.skipByteCount, skipChunkCount: skipped,
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
  }
}

extension PassRunner {
  /// Looks at rows of a type's files, by reading them once more up to the last of these: for messages.
  ///
  /// - Parameters:
  ///   - rows: hands out their places among all rows of all files, bad ones included, rising.
  ///   - look: is given the file, the line in it, and the row of the chunk.
  func visit(
    _ table: InputTable, rows: () throws -> Int?,
    look: (InputFile, _ line: Int, TextChunk, _ row: Int) throws -> Void
  ) throws {
    struct Done: Error {}
    guard var wanted = try rows() else { return }
    var rowCount = 0
    do {
      for file in table.files {
        try run(file, .scan) { chunk in
          chunk.split(file.layout)
        } consume: { chunk, _ in
          var lines = LineCounter(chunk)
          var row = 0
          while wanted < rowCount + chunk.totalRowCount {
            while row < chunk.rowCount, rowCount + chunk.ordinal(of: row) < wanted { row += 1 }
            guard row < chunk.rowCount, rowCount + chunk.ordinal(of: row) == wanted else {
              throw changedFile(file)
            }
            try look(file, lines.line(of: row), chunk, row)
            guard let next = try rows() else { throw Done() }
            wanted = next
          }
          rowCount += chunk.totalRowCount
        }
      }
    } catch is Done { return }
    throw changedFile(table.files.last!)
  }
}

/// The second pass found other lines than the first.
func changedFile(_ file: InputFile) -> HedgerowError {
  HedgerowError(.io, "changed while it was read: try again when nobody writes it", at: file.name)
}

/// Where an input's bytes are, and what messages call it. What comes through a pipe is copied.
func localCopy(of path: String, in directory: String) throws -> (path: String, name: String) {
  if path == "-" {
    let name = "standard input"
    return (try spool(0, called: name, in: directory), name)
  }
  var status = stat()
  guard stat(path, &status) == 0,
    status.st_mode & S_IFMT == S_IFIFO || status.st_mode & S_IFMT == S_IFCHR
  else { return (path, path) }
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw FileSystem.failure("open", path) }
  defer { close(descriptor) }
  return (try spool(descriptor, called: path, in: directory), path)
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
    try buffer.withUnsafeBytes {
      try FileSystem.write(UnsafeRawBufferPointer(rebasing: $0[..<count]), to: copy, at: path)
    }
  }
}
