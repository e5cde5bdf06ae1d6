import Foundation
import HedgerowCore
import HedgerowMapped
import HedgerowTestSupport

/// What programs do on a disk that is too small: steps on file systems in memory of many sizes, one
/// after the other, and each by itself on a store that leaves few pages free.
///
/// The step for which the space is not enough ends with 74 and says that the disk is full; the store
/// then holds what the steps before it made.
struct FullDisk {
  let laboratory: Laboratory
  let steps: [Step]
  /// Those that change a store which is there, its content or only its files.
  let changes: [Step]

  init(_ laboratory: Laboratory) throws {
    self.laboratory = laboratory
    let directory = laboratory.directory("steps")
    try FileSystem.makeDirectory(directory)
    let all = try Step.all(laboratory, in: directory)
    steps = all.filter { $0.old != $0.new && $0.name != "create" && $0.name != "upgrade" }
    changes = all.filter {
      $0.old != .absent && ($0.old != $0.new || $0.name.contains("compact"))
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
        complaint = try self.complaint(of: run, step, at: store, judge)
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

  /// Tries each step on the store that those before it left, with no page free, one, two and so on,
  /// `count` sizes at most, until it ends well. Says whether all was well.
  func runEach(_ count: Int) throws -> Bool {
    let place = laboratory.directory("small")
    let store = "\(place)/s"
    let judge = Judge(laboratory)
    var full: [String] = []
    var wrong = 0
    for step in changes {
      var fullCount = 0
      for free in 0..<count {
        guard try Self.mount(place, pageCount: 1 << 16) else {
          throw HedgerowError(.io, "cannot mount a file system", at: place)
        }
        defer { Self.unmount(place) }
        try step.base.write(to: place)
        try Self.shrink(place, toFreePageCount: free)
        let run = try run(step, at: store)
        if run.status == 0 { break }
        fullCount += 1
        // Looking wants a page or two itself.
        try Self.shrink(place, toFreePageCount: 64)
        if let complaint = try complaint(of: run, step, at: store, judge) {
          wrong += 1
          say("\(free) pages free: \(complaint)")
        }
      }
      full.append("\(fullCount) at '\(step.name)'")
    }
    print("each step by itself: the disk was full \(full.joined(separator: ", ")); \(wrong) wrong")
    return wrong == 0
  }

  /// What is wrong with how a step ended for which the space was not enough, and with its store.
  private func complaint(
    of run: Run, _ step: Step, at store: String, _ judge: Judge
  ) throws -> String? {
    let verdict = try judge.judge(store, .look)
    if run.status != 74 || !run.errors.contains("disk is full")
      || run.errors.split(separator: "\n").count != 1
    {
      return "\(step.name) ended with \(run.status): \(run.errors)"
    }
    let allowed = step.allowed.filter { $0 != step.new || $0 == step.old }
    if !allowed.contains(verdict) {
      return "after \(step.name): \(verdict), not one of \(allowed)"
    }
    return nil
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

  /// Makes a file system as large as what is on it and so many pages.
  private static func shrink(_ path: String, toFreePageCount free: Int) throws {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else {
      throw HedgerowError(.io, "cannot look at a file system", at: path)
    }
    let pages = Int(status.f_blocks) - Int(status.f_bfree) + free
    let run = try Run(
      "/usr/bin/env", ["mount", "-o", "remount,size=\(max(1, pages) * 4)k", path])
    guard run.status == 0 else {
      throw HedgerowError(.io, "cannot resize a file system: \(run.errors)", at: path)
    }
  }

  private static func unmount(_ path: String) {
    _ = try? Run("/usr/bin/env", ["umount", path])
  }
}
