import Glibc
import HedgerowCore
import HedgerowMapped

/// The lines that a run leaves out: the first bad one ends it, or they are counted by their file, the
/// first messages of each are kept, and all of them go to a file.
final class Faults {
  private let mode: IngestOptions.BadLines
  private let log: FaultLog?
  private(set) var leftOut: [LeftOutLines] = []
  private var places: [String: Int] = [:]
  private var last = 0

  init(_ options: IngestOptions) throws {
    mode = options.badLines
    log = try options.badLinesPath.map { try FaultLog($0) }
  }

  /// Adds the bad rows of a chunk.
  func add(_ chunk: TextChunk, of file: InputFile) throws {
    var lines = LineCounter(chunk)
    // The rows of memberships are those of nodes, of which it was said.
    for fault in chunk.faults where fault.cause != .unwanted && !file.skipsRowsWithoutKey {
      try add(
        chunk.message(of: fault), in: file.name, line: file.line(of: lines.line(of: fault)))
    }
  }

  /// Adds a line that cannot be used.
  func add(
    _ message: @autoclosure () throws -> String, in file: String,
    line: @autoclosure () throws -> Int?
  ) throws {
    if mode == .fail {
      throw HedgerowError(.badData, try message(), at: Self.place(file, try line()))
    }
    let place = place(of: file)
    leftOut[place].count += 1
    let isKept = leftOut[place].messages.count < LeftOutLines.messageLimit
    guard isKept || log != nil else { return }
    let text = "\(Self.place(file, try line())): \(try message())"
    if isKept { leftOut[place].messages.append(text) }
    try log?.append(text)
  }

  /// Adds a line that the caller wanted left out: it is counted and written, and no message.
  func skip(
    _ message: @autoclosure () throws -> String, in file: String,
    line: @autoclosure () throws -> Int?
  ) throws {
    leftOut[place(of: file)].count += 1
    if let log { try log.append("\(Self.place(file, try line())): \(try message())") }
  }

  private static func place(_ file: String, _ line: Int?) -> String {
    line.map { "\(file):\($0)" } ?? file
  }

  private func place(of file: String) -> Int {
    if last < leftOut.count, leftOut[last].file == file { return last }
    if let known = places[file] {
      last = known
    } else {
      last = leftOut.count
      places[file] = last
      leftOut.append(LeftOutLines(file: file))
    }
    return last
  }

  /// How much there was at some time.
  struct Mark {
    fileprivate var leftOut: [LeftOutLines]
    fileprivate var byteCount: Int
  }

  var mark: Mark { Mark(leftOut: leftOut, byteCount: log?.byteCount ?? 0) }

  /// Forgets what came since.
  func rollBack(to mark: Mark) throws {
    leftOut = mark.leftOut
    places = Dictionary(uniqueKeysWithValues: leftOut.enumerated().map { ($1.file, $0) })
    try log?.truncate(to: mark.byteCount)
  }

  /// What another process needs to go on after this one.
  struct Record: Codable {
    fileprivate var leftOut: [LeftOutLines] = []
    fileprivate var log: FaultLog.Record?
  }

  func record() throws -> Record { Record(leftOut: leftOut, log: try log?.record()) }

  /// Puts back what a process had that was killed.
  func restore(_ record: Record) throws {
    leftOut = record.leftOut
    places = Dictionary(uniqueKeysWithValues: leftOut.enumerated().map { ($1.file, $0) })
    if let log, let record = record.log { try log.restore(record) }
  }

  /// Runs `body` and puts the file of all bad lines in its place, also when `body` fails.
  func finishing<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      let result = try body()
      try log?.finish()
      return result
    } catch {
      try? log?.finish()
      throw error
    }
  }
}

/// A file with a line for each line that was left out, written beside its place until it is whole.
private final class FaultLog {
  private let path: String
  private let draft: String
  private let descriptor: Int32
  private var bytes: [UInt8] = []
  private(set) var byteCount = 0
  private var isFinished = false

  init(_ path: String) throws {
    guard !FileSystem.exists(path) else {
      throw HedgerowError(
        .usage, "is there already: name a new file for the bad lines, or remove it", at: path)
    }
    self.path = path
    // No other process has this name: not even a later one of the same number, which may go on here.
    draft = "\(path).\(getpid())-\(UInt32.random(in: 0...UInt32.max)).partial"
    descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw FileSystem.failure("create", draft) }
  }

  deinit {
    close(descriptor)
    if !isFinished { unlink(draft) }
  }

  /// Adds a line; line ends within it, as quoted names may have them, are written as escapes.
  func append(_ line: String) throws {
    let start = bytes.count
    for byte in line.utf8 {
      switch byte {
      case 10: bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
      case 13: bytes += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
      default: bytes.append(byte)
      }
    }
    bytes.append(10)
    byteCount += bytes.count - start
    if bytes.count >= 1 << 16 { try flush() }
  }

  private func flush() throws {
    try bytes.withUnsafeBytes { try FileSystem.write($0, to: descriptor, at: draft) }
    bytes.removeAll(keepingCapacity: true)
  }

  func truncate(to byteCount: Int) throws {
    try flush()
    guard ftruncate(descriptor, off_t(byteCount)) == 0,
      lseek(descriptor, off_t(byteCount), SEEK_SET) >= 0
    else { throw FileSystem.failure("write", draft) }
    self.byteCount = byteCount
  }

  /// Where the lines are, and how many bytes of them.
  struct Record: Codable {
    var draft: String
    var byteCount: Int
  }

  func record() throws -> Record {
    try flush()
    return Record(draft: draft, byteCount: byteCount)
  }

  /// Begins with the lines of a process that was killed, in place of those that are here.
  func restore(_ record: Record) throws {
    try truncate(to: 0)
    let old = open(record.draft, O_RDONLY | O_CLOEXEC)
    guard old >= 0 else { throw FileSystem.failure("go on with", record.draft) }
    defer { close(old) }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while byteCount < record.byteCount {
      let count = read(old, &buffer, min(buffer.count, record.byteCount - byteCount))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw FileSystem.failure("go on with", record.draft) }
      try buffer.withUnsafeBytes {
        try FileSystem.write(
          UnsafeRawBufferPointer(rebasing: $0[..<count]), to: descriptor, at: draft)
      }
      byteCount += count
    }
    unlink(record.draft)
  }

  func finish() throws {
    guard !isFinished else { return }
    try flush()
    guard try FileSystem.renameIfNew(draft, to: path) else {
      throw HedgerowError(.io, "was made by someone else meanwhile", at: path)
    }
    isFinished = true
  }
}
