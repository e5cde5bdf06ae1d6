import ArgumentParser
import Hedgerow

/// `hedgerow backup STORE DEST`
struct BackupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Copy one version of a store, while it is written to.",
    discussion: """
      The copy appears whole or not at all. It is the same store, with the same UUID, as it was at \
      that version; to restore it, put it in the place of the store. Checkpoints of trainings are \
      not copied.
      """)

  @OptionGroup var store: StoreArgument
  @Argument(help: ArgumentHelp("Where the copy goes; nothing may be there.", valueName: "dest"))
  var destination: String
  @OptionGroup var global: GlobalOptions

  func run() async throws {
    let store = try GraphStore.open(at: store.path, .readOnly)
    let progress = ProgressBar(
      "copying", total: try StoreVerifier.byteCount(at: store.path), unit: .bytes)
    defer { progress.finish() }
    let start = ContinuousClock.now
    let report = try store.backup(to: destination) {
      progress.advance(by: $0)
      try Interruption.check()
    }
    progress.finish()
    if global.json {
      print(
        JSON.object([
          .init(key: "version", value: .int(Int(report.version))),
          .init(key: "generation", value: .int(Int(report.generation))),
          .init(key: "segments", value: .int(report.segmentCount)),
          .init(key: "bytes", value: .int(report.byteCount)),
          .init(key: "seconds", value: .double((ContinuousClock.now - start).seconds)),
        ]))
      return
    }
    print(
      "version \(report.version) of \(store.path) is in \(destination): "
        + "\(report.segmentCount.counting("segment")), \(ByteSize.format(report.byteCount))")
  }
}
