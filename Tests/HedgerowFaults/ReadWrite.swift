import Foundation
import HedgerowCore
import HedgerowMapped
import HedgerowStore
import HedgerowTestSupport

/// One process writes, eight read: nobody meets an error, every reader sees whole versions, and
/// neither memory nor the store grows.
final class ReadWrite {
  private static let readerCount = 8
  /// The log of changes that a store keeps, which a fresh one does not have.
  private static let logByteCount = 24 << 20
  private let laboratory: Laboratory
  private let seconds: Int
  private let edgeCount: Int
  private let path: String

  init(_ laboratory: Laboratory, seconds: Int, edgeCount: Int) {
    self.laboratory = laboratory
    self.seconds = seconds
    self.edgeCount = edgeCount
    path = laboratory.directory("s")
  }

  /// A reader or the writer, and its private memory over time.
  private final class Child {
    let name: String
    let process = Process()
    private let output = Pipe()
    private let errors = Pipe()
    var memory: [Int] = []

    init(_ name: String, _ program: String, _ arguments: [String]) throws {
      self.name = name
      process.executableURL = URL(fileURLWithPath: program)
      process.arguments = ["read-write-process"] + arguments
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = output
      process.standardError = errors
      try process.run()
    }

    /// Mapped pages of a file in memory would count as dirty ones of who maps them alone.
    func measure() {
      let text = TemporaryDirectory.contents("/proc/\(process.processIdentifier)/smaps_rollup")
      for line in String(decoding: text, as: UTF8.self).split(separator: "\n")
      where line.hasPrefix("Anonymous:") {
        if let number = line.split(separator: " ").dropFirst().first, let value = Int(number) {
          memory.append(value << 10)
        }
      }
    }

    /// What it counted.
    func result() throws -> [Int] {
      process.waitUntilExit()
      let text = String(
        decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      guard process.terminationReason == .exit, process.terminationStatus == 0 else {
        let what = errors.fileHandleForReading.readDataToEndOfFile()
        throw HedgerowError(
          .damaged,
          "\(name) ended with \(process.terminationStatus): \(String(decoding: what, as: UTF8.self))"
        )
      }
      return text.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    }

    /// The most in the second quarter of the time, and in the last.
    var growth: (Int, Int) {
      let quarter = max(1, memory.count / 4)
      return (
        memory.dropFirst(quarter).prefix(quarter).max() ?? 0, memory.suffix(quarter).max() ?? 0
      )
    }
  }

  func run() throws -> Bool {
    try prepare()
    var children = [
      try Child(
        "the writer", laboratory.program, ["writer", path, "\(seconds)", "\(laboratory.seed)"])
    ]
    for number in 1...Self.readerCount {
      children.append(
        try Child(
          "reader \(number)", laboratory.program,
          ["reader", path, "\(seconds)", "\(laboratory.seed &+ UInt64(number))"]))
    }
    var largest = 0
    while children.contains(where: { $0.process.isRunning }) {
      usleep(250_000)
      for child in children where child.process.isRunning { child.measure() }
      largest = max(largest, try byteCount(path))
      // Nobody waits for the others of one that met an error.
      if children.contains(where: { !$0.process.isRunning && $0.process.terminationStatus != 0 }) {
        for child in children where child.process.isRunning { child.process.terminate() }
      }
    }
    var results: [[Int]] = []
    for child in children {
      do {
        results.append(try child.result())
      } catch {
        say("\(error)")
      }
    }
    guard results.count == children.count else { return false }
    let transactions = results.dropFirst().reduce(0) { $0 + $1[1] }
    let snapshots = results.dropFirst().reduce(0) { $0 + $1[0] }
    print(
      "\(seconds) s: \(results[0][0]) commits of \(results[0][1]) edges added and deleted;"
        + " \(snapshots) snapshots and \(transactions) transactions of \(Self.readerCount) readers,"
        + " each one whole version; no error")
    let isFlat = reportMemory(children)
    return try reportSize(largest) && isFlat
  }

  /// In a function of its own, so that the arrays are gone.
  private func prepare() throws {
    _ = try BulkGraph(
      nodeCount: max(500, edgeCount / 60), edgeCount: edgeCount, seed: laboratory.seed
    ).makeStore(at: path)
  }

  private func mebibytes(_ count: Int) -> String {
    String(format: "%.1f MiB", Double(count) / 0x1p20)
  }

  private func reportMemory(_ children: [Child]) -> Bool {
    let writer = children[0].growth
    let readers = children.dropFirst().map(\.growth)
    let first = readers.map(\.0).max() ?? 0
    let last = readers.map(\.1).max() ?? 0
    print(
      "private memory, the most of the second quarter and of the last: writer"
        + " \(mebibytes(writer.0)), \(mebibytes(writer.1)); readers \(mebibytes(first)),"
        + " \(mebibytes(last))")
    // Snapshots hold what came since the last compaction, so short runs say little.
    guard seconds >= 60 else { return true }
    let isFlat = [writer, (first, last)].allSatisfy { $0.1 <= $0.0 + $0.0 / 4 + (16 << 20) }
    if !isFlat { say("private memory grew") }
    return isFlat
  }

  private func reportSize(_ largest: Int) throws -> Bool {
    let before = try byteCount(path)
    let fresh = laboratory.directory("fresh")
    let content = try BulkGraph(GraphStore.open(at: path).snapshot())
    _ = try content.makeStore(at: fresh).compact()
    let wanted = try byteCount(fresh)
    _ = try GraphStore.open(at: path).compact()
    let after = try byteCount(path)
    print(
      "store: \(mebibytes(largest)) at most, \(mebibytes(before)) at the end,"
        + " \(mebibytes(after)) after a compaction; a fresh one \(mebibytes(wanted))"
        + String(format: " (%.2f)", Double(after) / Double(wanted)))
    let report = try StoreVerifier.verify(at: path)
    if let problem = report.problems.first { say("verify: \(problem)") }
    let again = try BulkGraph(GraphStore.open(at: path).snapshot())
    let isSame =
      again.hash == content.hash && again.sources == content.sources
      && again.targets == content.targets && again.weights == content.weights
    if !isSame { say("the compaction changed the content") }
    let isSmall =
      largest <= 2 * wanted + (64 << 20)
      && after <= max(wanted * 6 / 5, wanted + Self.logByteCount)
    if !isSmall { say("the store is too large") }
    return report.isClean && isSame && isSmall
  }

  /// Allocated bytes of a store's files.
  private func byteCount(_ path: String) throws -> Int {
    var count = 0
    for directory in [path, "\(path)/segments", "\(path)/scratch"] {
      guard let names = try? FileSystem.names(in: directory) else { continue }
      for name in names {
        var info = stat()
        if stat("\(directory)/\(name)", &info) == 0 { count += Int(info.st_blocks) * 512 }
      }
    }
    return count
  }
}
