import Foundation
import HedgerowCore
import HedgerowMapped
import HedgerowTestSupport

/// What programs do on a disk that is too small: steps on file systems in memory of many sizes.
///
/// The step for which the space is not enough ends with 74 and says that the disk is full; the store
/// then holds what the steps before it made.
struct FullDisk {
  let laboratory: Laboratory
  let steps: [Step]

  init(_ laboratory: Laboratory) throws {
    self.laboratory = laboratory
    let directory = laboratory.directory("steps")
    try FileSystem.makeDirectory(directory)
    steps = try Step.all(laboratory, in: directory).filter {
      $0.old != $0.new && $0.name != "create" && $0.name != "upgrade"
    }
  }

  /// Whether this process may mount file systems.
  static var isPossible: Bool {
    let directory = TemporaryDirectory()
    guard (try? mount(directory.path, pageCount: 16)) == true else { return false }
    unmount(directory.path)
    return true
  }

  /// Tries file systems of `count` sizes, from one page up to what all steps need. Says whether all
  /// was well.
  func run(_ count: Int) throws -> Bool {
    let place = laboratory.directory("small")
    try FileSystem.makeDirectory(place)
    let judge = Judge(laboratory)
    let needed = try pageCount(at: place)
    var full = [String: Int]()
    var wrong = 0
    for size in 1...count {
      // Closer together where a store begins.
      let pages = max(size, needed * size * size / (count * count))
      guard try Self.mount(place, pageCount: pages) else {
        throw HedgerowError(.io, "cannot mount a file system", at: place)
      }
      defer { Self.unmount(place) }
      let store = "\(place)/s"
      var complaint: String?
      var stopped = "nothing"
      for step in steps {
        let run = try run(step, at: store)
        if run.status == 0 { continue }
        stopped = step.name
        let verdict = try judge.judge(store, .look)
        if run.status != 74 || !run.errors.contains("disk is full")
          || run.errors.split(separator: "\n").count != 1
        {
          complaint = "\(step.name) ended with \(run.status): \(run.errors)"
        } else if !step.allowed.subtracting([step.new]).contains(verdict) {
          complaint = "after \(step.name): \(verdict), not one of \(step.allowed)"
        }
        break
      }
      if FileSystem.exists(store) { complaint = try complaint ?? readOnFullDisk(store, in: place) }
      full[stopped, default: 0] += 1
      if let complaint {
        wrong += 1
        say("\(pages) pages: \(complaint)")
      }
    }
    let text = full.sorted { $0.key < $1.key }.map { "\($0.value) at '\($0.key)'" }
    print(
      "\(count) sizes up to \(needed * 4) KiB: the disk was full"
        + " \(text.joined(separator: ", ")); \(wrong) wrong")
    return wrong == 0
  }

  /// A disk without a single page left is read all the same, or the reader says what is wrong: also
  /// when LMDB's lock file is not there and has to be made.
  private func readOnFullDisk(_ store: String, in place: String) throws -> String? {
    let file = open("\(place)/rest", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    let page = [UInt8](repeating: 1, count: 4096)
    while write(file, page, page.count) > 0 {}
    close(file)
    for lock in ["", "\(store)/lock.mdb"] {
      if !lock.isEmpty { try FileSystem.removeFile(lock) }
      let run = try Run(laboratory.command, ["info", store])
      guard run.status == 0 || run.status == 74 else {
        return "reading without \(lock) ended with \(run.status): \(run.errors)"
      }
    }
    return nil
  }

  private func run(_ step: Step, at store: String) throws -> Run {
    try Run(step.program, step.arguments.map { $0 == "PATH" ? store : $0 })
  }

  /// The fewest pages, to a tenth, on which all steps end well.
  private func pageCount(at place: String) throws -> Int {
    var pages = 16
    while true {
      guard try Self.mount(place, pageCount: pages) else {
        throw HedgerowError(.io, "cannot mount a file system", at: place)
      }
      defer { Self.unmount(place) }
      if try steps.allSatisfy({ try run($0, at: "\(place)/s").status == 0 }) { return pages }
      pages += pages / 10 + 1
    }
  }

  private static func mount(_ path: String, pageCount: Int) throws -> Bool {
    try Run("/usr/bin/env", ["mount", "-t", "tmpfs", "-o", "size=\(pageCount * 4)k", "none", path])
      .status == 0
  }

  private static func unmount(_ path: String) {
    _ = try? Run("/usr/bin/env", ["umount", path])
  }
}
