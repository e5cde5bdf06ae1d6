import ArgumentParser
import Hedgerow

/// `hedgerow repair STORE`
struct RepairCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repair",
    abstract: "Make damaged files of a store again of those that are whole.",
    discussion: """
      Each index of an edge type is made again of the other one, the sorted side of keys of the keys, \
      checksums and counts of what they are of. What a column held is nowhere else: with --accept-loss \
      a damaged range becomes null and categories are named lost-N; without it nothing is written. \
      Exits with 70 when the store is not whole afterwards.
      """)

  @OptionGroup var store: StoreArgument
  @Flag(help: "Put null in the place of values that are gone.")
  var acceptLoss = false
  @Option(help: ArgumentHelp("Wait so long for another writer.", valueName: "seconds"))
  var wait: Double = 0
  @OptionGroup var global: GlobalOptions

  func run() async throws {
    let progress = ProgressBar(
      "reading", total: try 2 * StoreVerifier.byteCount(at: store.path), unit: .bytes)
    defer { progress.finish() }
    let report = try StoreRepair.repair(
      at: store.path, losses: acceptLoss ? .accept : .refuse,
      memory: global.makeBudget().available / 2, waiting: wait
    ) {
      progress.advance(by: $0)
      try Interruption.check()
    }
    progress.finish()
    if global.json { print(report.json) } else { printLines(report) }
    guard !report.isWhole else { return }
    let what: String
    if !report.unrepairable.isEmpty {
      what = "\(report.unrepairable.count.counting("problem")) cannot be repaired: restore a backup"
    } else {
      what = "nothing was written: --accept-loss goes on without what is lost"
    }
    throw HedgerowError(.damaged, what, at: store.path)
  }

  private func printLines(_ report: RepairReport) {
    for item in report.repaired { print("repaired: \(item.place): \(item.what)") }
    for item in report.lost { print("lost: \(item.place): \(item.what)") }
    for item in report.unrepairable { print("not repairable: \(item.place): \(item.what)") }
    guard report.isWhole else { return }
    print(
      report.isWritten
        ? "\(store.path) is whole again, at version \(report.version)"
        : "\(store.path) is whole: there is nothing to repair")
  }
}

extension RepairReport {
  fileprivate var json: JSON {
    func list(_ items: [Item]) -> JSON {
      .array(items.map { ["place": .string($0.place), "what": .string($0.what)] })
    }
    return .object([
      .init(key: "ok", value: .bool(isWhole)),
      .init(key: "repaired", value: list(repaired)),
      .init(key: "lost", value: list(lost)),
      .init(key: "unrepairable", value: list(unrepairable)),
      .init(key: "written", value: .bool(isWritten)),
      .init(key: "version", value: .int(Int(version))),
    ])
  }
}
