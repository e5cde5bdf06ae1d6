import Foundation
import HedgerowCore
import HedgerowMapped
import HedgerowTestSupport
import Synchronization

/// What becomes of a store when one bit of a file is not the one that was written.
///
/// Either `verify` reports it, or everything that can be read is as it was. No process dies of it,
/// nor of reading on in spite of a report.
final class Flips: Sendable {
  enum Part: String, CaseIterable { case segments, data }

  private let laboratory: Laboratory
  private let base: DiskImage
  private let content: Verdict
  private let results = Mutex<[String: Int]>([:])

  init(_ laboratory: Laboratory) throws {
    self.laboratory = laboratory
    let directory = laboratory.directory("whole")
    try FileSystem.makeDirectory(directory)
    let store = "\(directory)/s"
    let workload = Workload(
      size: .rich, seed: laboratory.seed,
      operations: [.create, .ingest, .type, .set, .model, .append, .column, .column, .model])
    try workload.run(at: store, inputs: directory, onProgress: { _ in })
    content = try Judge(laboratory).judge(store, .look)
    base = try DiskImage(of: store)
    guard case .content = content else { throw HedgerowError(.badData, "\(content)") }
  }

  /// Flips `count` random bits of segment files, and as many of `data.mdb`, one at a time. Says
  /// whether all was well.
  func run(_ count: Int) throws -> Bool {
    try laboratory.concurrently(2 * count) { [self] in
      let judge = Judge(laboratory)
      let store = laboratory.directory("flipped-\(UInt64.random(in: 0...UInt64.max))")
      try base.write(to: store)
      return { [self] number in
        let part = Part.allCases[number % 2]
        var random = RandomStream(seed: laboratory.seed).derive(UInt64(number), 3)
        let files = base.entries.filter { entry in
          part == .data ? entry.path == "data.mdb" : entry.path.hasSuffix(".seg")
        }
        let file = files[Int(random.next(below: UInt64(files.count)))]
        var bytes = file.bytes ?? []
        var byte = Int(random.next(below: UInt64(bytes.count)))
        // A quarter where commits and trees begin.
        if part == .data && number % 8 < 2 { byte = byte % 2 * 4096 + byte % 152 }
        let bit = random.next(below: 8)
        bytes[byte] ^= 1 << UInt8(bit)
        try write(bytes, to: "\(store)/\(file.path)")
        try note(part, judge.judge(store, .damaged), "bit \(bit) of byte \(byte) of \(file.path)")
        try write(file.bytes ?? [], to: "\(store)/\(file.path)")
      }
    }
    return results.withLock { results in
      let text = results.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
      print("\(2 * count) bits flipped: \(text.joined(separator: ", "))")
      return !results.keys.contains { $0.hasSuffix("wrong") } && count > 0
    }
  }

  private func note(_ part: Part, _ verdict: Verdict, _ place: String) throws {
    let name: String
    switch verdict {
    case .damage: name = "of \(part.rawValue) reported"
    case content: name = "of \(part.rawValue) harmless"
    default:
      name = "of \(part.rawValue) wrong"
      say("\(place): \(verdict)")
    }
    results.withLock { $0[name, default: 0] += 1 }
  }

  /// In place: the file keeps its inode, as it would on a disk.
  private func write(_ bytes: [UInt8], to path: String) throws {
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try file.write(contentsOf: bytes)
    try file.close()
  }
}
