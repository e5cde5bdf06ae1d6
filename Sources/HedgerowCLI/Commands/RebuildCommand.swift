import ArgumentParser
import Hedgerow

/// `hedgerow rebuild STORE NEW --order bfs`
struct RebuildCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rebuild",
    abstract: "Make a new store of a store's content, with nodes in another order.",
    discussion: """
      The new store has the same keys, columns, sets, models and edges, and a UUID of its own; its \
      nodes have other ids and deleted ones are gone. input keeps the order; degree puts nodes with \
      many edges first; bfs and rcm (reverse Cuthill-McKee) put neighbors close to each other, so \
      that samples read fewer pages.
      """)

  @OptionGroup var store: StoreArgument
  @Argument(help: ArgumentHelp("Where the new store goes; nothing may be there.", valueName: "new"))
  var new: String
  @Option(
    help: ArgumentHelp("input, degree, bfs or rcm.", valueName: "order"),
    transform: parseCase)
  var order: NodeOrder
  @OptionGroup var global: GlobalOptions

  func run() async throws {
    var bar: ProgressBar?
    var shown: RebuildProgress?
    let report = try Rebuild.run(
      from: store.path, to: new, order: order, budget: global.makeBudget(),
      progress: { progress in
        if shown?.phase != progress.phase || shown?.subject != progress.subject {
          bar?.finish()
          bar = ProgressBar(
            "\(progress.phase.rawValue) \(progress.subject)", total: progress.total,
            unit: .items(progress.phase == .edges ? "edges" : "rows"))
          shown = nil
        }
        bar?.advance(by: progress.done - (shown?.done ?? 0))
        shown = progress
      }, isCancelled: { Interruption.isRequested })
    bar?.finish()
    if global.json { return print(report.json(order)) }
    for (type, count) in report.nodes { print("node \(type): \(count.grouped)") }
    for (type, count) in report.edges { print("edge \(type): \(count.grouped)") }
    if report.droppedNodeCount > 0 {
      print("\(report.droppedNodeCount.counting("deleted node")) left out")
    }
    print(
      "version \(report.sourceVersion) of \(store.path) is in \(new), in \(order.rawValue) order: "
        + "\(report.seconds.formatted(decimals: 2)) s, peak "
        + ByteSize.format(report.peakResidentByteCount))
  }
}

extension RebuildReport {
  fileprivate func json(_ order: NodeOrder) -> JSON {
    .object([
      .init(key: "source_version", value: .int(Int(sourceVersion))),
      .init(key: "order", value: .string(order.rawValue)),
      .init(
        key: "nodes", value: .object(nodes.map { .init(key: $0.name, value: .int($1)) })),
      .init(
        key: "edges", value: .object(edges.map { .init(key: "\($0)", value: .int($1)) })),
      .init(key: "dropped_nodes", value: .int(droppedNodeCount)),
      .init(key: "seconds", value: .double(seconds)),
      .init(key: "peak_resident_bytes", value: .int(peakResidentByteCount)),
    ])
  }
}
