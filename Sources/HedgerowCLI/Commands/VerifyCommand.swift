import ArgumentParser
import Hedgerow

/// `hedgerow verify STORE`
struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Read a whole store and hold every byte against its checksums and counts.",
    discussion: "Exits with 0 when all is well and with 70 when anything is damaged.")

  @OptionGroup var store: StoreArgument
  @OptionGroup var global: GlobalOptions

  func run() async throws {
    let progress = ProgressBar(
      "verifying", total: try StoreVerifier.byteCount(at: store.path), unit: .bytes)
    defer { progress.finish() }
    let report = try StoreVerifier.verify(at: store.path) {
      progress.advance(by: $0)
      try Interruption.check()
    }
    progress.finish()
    if global.json {
      print(
        JSON.object([
          .init(key: "ok", value: .bool(report.isClean)),
          .init(key: "checked_bytes", value: .int(report.checkedByteCount)),
          .init(
            key: "problems",
            value: .array(
              report.problems.map {
                [
                  "file": .string($0.file), "offset": $0.offset.map { .int($0) } ?? .null,
                  "what": .string($0.what),
                ]
              })),
        ]))
    } else if report.isClean {
      print("\(store.path) is whole: \(ByteSize.format(report.checkedByteCount)) checked")
    } else {
      for problem in report.problems {
        print("\(problem.file)\(problem.offset.map { " at byte \($0)" } ?? ""): \(problem.what)")
      }
    }
    if !report.isClean {
      throw HedgerowError(
        .damaged,
        "\(report.problems.count.counting("problem")) found: repair mends what it can; else restore a backup",
        at: store.path)
    }
  }
}
