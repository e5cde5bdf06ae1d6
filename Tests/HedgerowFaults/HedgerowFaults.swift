import Foundation
import HedgerowCore
import HedgerowTestSupport

/// Breaks disks and looks at what becomes of stores: what `tools/crash-images` and its like run.
@main struct HedgerowFaults {
  static func main() {
    do {
      let arguments = Array(CommandLine.arguments.dropFirst())
      let isRight = try run(arguments.first ?? "", Array(arguments.dropFirst()))
      exit(isRight ? 0 : 1)
    } catch let error as HedgerowError {
      say("\(error)")
      exit(error.code.rawValue)
    } catch {
      say("\(error)")
      exit(1)
    }
  }

  private static func run(_ experiment: String, _ arguments: [String]) throws -> Bool {
    func number(_ place: Int, _ otherwise: Int) throws -> Int {
      guard place < arguments.count else { return otherwise }
      guard let number = Int(arguments[place]), number >= 0 else {
        throw HedgerowError(.usage, "'\(arguments[place])' is no count")
      }
      return number
    }
    func laboratory() throws -> Laboratory {
      let laboratory = try Laboratory()
      print("HEDGEROW_TEST_SEED=\(laboratory.seed)")
      return laboratory
    }
    switch experiment {
    // Parts of experiments, in processes of their own.
    case "judge":
      Judge.serve()
      return true
    case "run", "run-on":
      guard arguments.count > 2 else { throw HedgerowError(.usage, "run PATH INPUTS WORKLOAD") }
      typealias Mark = @convention(c) (Int64) -> Void
      let mark = dlsym(nil, "hedgerow_faults_mark").map { unsafeBitCast($0, to: Mark.self) }
      try Workload(arguments.dropFirst(2))
        .run(at: arguments[0], inputs: arguments[1], experiment == "run" ? .stop : .goOn) {
          mark?($0.mark)
        }
      return true
    case "run-step":
      guard arguments.count == 6, let step = Int(arguments[4]) else {
        throw HedgerowError(.usage, "run-step PATH INPUTS SIZE SEED STEP OPERATION")
      }
      try Workload(arguments[2...3] + arguments[5...])
        .run(at: arguments[0], inputs: arguments[1], from: step) { _ in }
      return true
    case "kill-writer-process":
      try KillWriter.run(arguments)
      return true
    case "read-write-process":
      try ReadWriteProcess.run(arguments)
      return true
    // Steps of `tools/make-golden-store`.
    case "golden-store":
      guard arguments.count == 2 else { throw HedgerowError(.usage, "golden-store STEP PATH") }
      switch arguments[0] {
      case "begin": try GoldenStore.begin(at: arguments[1])
      case "change-and-fold": try GoldenStore.changeBeforeCompaction(at: arguments[1])
      case "change": try GoldenStore.change(at: arguments[1])
      default: throw HedgerowError(.usage, "'\(arguments[0])' is no step")
      }
      return true
    // Experiments.
    case "kills":
      return try Kills(laboratory()).run(number(0, 1000))
    case "read-write":
      return try ReadWrite(laboratory(), seconds: number(0, 600), edgeCount: number(1, 6_000_000))
        .run()
    case "drawn-images":
      return try CrashImages(laboratory()).draw(number(0, 10_000))
    case "dishonest-images":
      return try CrashImages.findsDishonesty(laboratory(), number(0, 1000))
    case "images-after-failures":
      return try CrashImages(laboratory()).drawAfterFailures(number(0, 2000))
    case "all-images":
      return try CrashImages(laboratory()).enumerate(length: number(0, 3), limit: number(1, 500))
    case "flips":
      return try Flips(laboratory()).run(number(0, 1000))
    case "full-disk":
      guard FullDisk.isPossible else {
        print("skipped: only root may mount small file systems")
        return true
      }
      let disks = try FullDisk(laboratory())
      let count = max(1, try number(0, 50))
      let isWell = (try disks.run(count), try disks.runEach(count))
      return isWell.0 && isWell.1
    case "errors":
      return try InjectedErrors(laboratory()).run(every: max(1, number(0, 1)))
    default:
      throw HedgerowError(.usage, "there is no experiment '\(experiment)'")
    }
  }
}

/// One line on standard error.
func say(_ line: String) {
  FileHandle.standardError.write(Data("\(line)\n".utf8))
}
