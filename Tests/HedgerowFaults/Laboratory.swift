import Foundation
import HedgerowCore
import HedgerowTestSupport
import Synchronization

/// What all experiments share: this program, the command, the shim that sees file calls, and a
/// directory that goes when they end.
final class Laboratory: Sendable {
  let directory = TemporaryDirectory()
  let seed: UInt64
  /// This program.
  let program: String
  /// The command `hedgerow`, beside this program.
  let command: String
  /// The library that sees, and fails, file calls: `tools/faults`.
  let shim: String

  init() throws {
    seed =
      ProcessInfo.processInfo.environment["HEDGEROW_TEST_SEED"].flatMap { UInt64($0) }
      ?? .random(in: 0...999_999)
    program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    command = URL(fileURLWithPath: program).deletingLastPathComponent().path + "/hedgerow"
    shim = directory("faults.so")
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../tools/faults/faults.c").standardizedFileURL.path
    var failures: [String] = []
    for compiler in ["clang", "cc", "gcc"] {
      let run = try Run(
        "/usr/bin/env", [compiler, "-O2", "-shared", "-fPIC", "-o", shim, source, "-ldl"])
      if run.status == 0 { return }
      failures.append("\(compiler): \(run.errors.split(separator: "\n").first ?? "")")
    }
    throw HedgerowError(
      .noInput, "no compiler made the library: \(failures.joined(separator: "; "))", at: source)
  }

  /// Does jobs 0..<count, as many at a time as there are processors, each worker one after the other.
  /// The first error ends it.
  func concurrently(
    _ count: Int, _ makeWorker: @Sendable () throws -> (_ job: Int) throws -> Void
  ) throws {
    let next = Mutex(0)
    let failure = Mutex<(any Error)?>(nil)
    DispatchQueue.concurrentPerform(iterations: min(count, ProcessResources.processorCount)) { _ in
      do {
        let work = try makeWorker()
        while true {
          let job = next.withLock { next in
            defer { next += 1 }
            return next
          }
          guard job < count, failure.withLock({ $0 == nil }) else { return }
          try work(job)
        }
      } catch {
        failure.withLock { $0 = $0 ?? error }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }
}

/// A program that was run to its end.
struct Run {
  var status: Int32
  /// The signal that ended it.
  var signal: Int32?
  var output: String
  var errors: String

  init(_ program: String, _ arguments: [String], _ environment: [String: String] = [:]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment
      .merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }.merging(environment) { $1 }
    let (output, errors) = (Pipe(), Pipe())
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    // Neither fills a pipe before the other is read.
    self.output = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    self.errors = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let isKilled = process.terminationReason == .uncaughtSignal
    status = process.terminationStatus
    signal = isKilled ? process.terminationStatus : nil
  }
}
