import ArgumentParser
import Hedgerow

/// `hedgerow upgrade STORE`
struct UpgradeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "upgrade",
    abstract: "Bring a store of an older format to the one that this build reads and writes.",
    discussion: """
      One commit: whenever it is stopped, the store has its old format or the new one. Content and \
      version stay as they are, and segment files are not written again.
      """)

  @OptionGroup var store: StoreArgument
  @Option(help: ArgumentHelp("Wait so long for another writer.", valueName: "seconds"))
  var wait = 0.0
  @OptionGroup var global: GlobalOptions

  func run() async throws {
    let report = try GraphStore.upgrade(at: store.path, waiting: wait)
    if global.json {
      print(
        JSON.object([
          .init(key: "old_format", value: .int(Int(report.oldFormat))),
          .init(key: "format", value: .int(Int(report.format))),
          .init(key: "version", value: .int(Int(report.version))),
        ]))
    } else if report.hasUpgraded {
      print(
        "\(store.path): upgraded from format \(report.oldFormat) to \(report.format); the store is"
          + " at version \(report.version), as before")
    } else {
      print("\(store.path): has format \(report.format) already, which is the newest")
    }
  }
}
