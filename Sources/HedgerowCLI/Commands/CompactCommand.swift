import ArgumentParser
import Hedgerow

/// `hedgerow compact STORE`
struct CompactCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compact",
    abstract: "Fold single changes into segment files and give space back.",
    discussion: """
      Content and version stay as they are; only ranges that changed are written. Readers and writers \
      go on meanwhile. Interrupted, it leaves the store as it was.
      """)

  @OptionGroup var store: StoreArgument
  @OptionGroup var waiting: WaitOption
  @OptionGroup var global: GlobalOptions

  func run() async throws {
    let store = try GraphStore.open(at: store.path)
    let start = ContinuousClock.now
    let progress = ProgressBar("compacting", total: nil, unit: .items("blocks"))
    defer { progress.finish() }
    let report = try store.compact(waiting: waiting.wait) {
      progress.advance(by: 1)
      try Interruption.check()
    }
    progress.finish()
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    if global.json {
      print(
        JSON.object([
          .init(key: "version", value: .int(Int(report.version))),
          .init(key: "generation", value: .int(Int(report.generation))),
          .init(key: "segments", value: .int(report.writtenSegmentCount)),
          .init(key: "bytes", value: .int(report.writtenByteCount)),
          .init(key: "seconds", value: .double(seconds)),
        ]))
    } else {
      print(
        "version \(report.version), generation \(report.generation): "
          + "\(report.writtenSegmentCount.counting("segment")) of "
          + "\(ByteSize.format(report.writtenByteCount)) written in "
          + "\(seconds.formatted(decimals: 1)) s")
    }
  }
}

/// `hedgerow changes STORE`
struct ChangesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "changes",
    abstract: "List what commits changed, in their order.",
    discussion: """
      Compactions keep the newest of what changed, a twentieth of the store; a version before that is \
      an error. What a bulk ingest wrote is one line.
      """)

  @OptionGroup var store: StoreArgument
  @Option(help: ArgumentHelp("The version from which on.", valueName: "version"))
  var since: UInt64 = 0
  @Option(help: ArgumentHelp("About how many at the most.", valueName: "count"))
  var limit = Int.max
  @OptionGroup var global: GlobalOptions

  func run() async throws {
    let store = try GraphStore.open(at: store.path, .readOnly)
    var changes: [Change] = []
    var from = since
    // Pages, so that a reader never holds a state for long.
    while changes.count < limit {
      try Interruption.check()
      let page = try store.changes(since: from, limit: min(limit - changes.count, 1 << 14))
      guard let last = page.last else { break }
      from = last.version
      if global.json { changes += page } else { for change in page { print(Self.line(change)) } }
      if !global.json { changes = [] }
    }
    if global.json {
      print(
        JSON.object([
          .init(key: "version", value: .int(Int(try store.version))),
          .init(key: "changes", value: .array(changes.map(Self.object))),
        ]))
    }
  }

  private static func line(_ change: Change) -> String {
    func value(_ value: PropertyValue?) -> String { value.map { "\($0)" } ?? "null" }
    let text: String =
      switch change.kind {
      case .insertedNode(let type, let id, let key, _): "insert \(type)=\(key) as \(id.rawValue)"
      case .deletedNode(let type, let id): "delete \(type) \(id.rawValue)"
      case .setProperty(let type, let id, let column, let new):
        "set \(type).\(column) of \(id.rawValue) to \(value(new))"
      case .insertedEdge(let type, let source, let target, let values):
        "insert \(type) \(source.rawValue),\(target.rawValue)"
          + values.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
      case .deletedEdge(let type, let source, let target, let parallel):
        "delete \(type) \(source.rawValue),\(target.rawValue) number \(parallel)"
      case .setEdgeProperty(let type, let source, let target, let parallel, let column, let new):
        "set \(type).\(column) of \(source.rawValue),\(target.rawValue) number \(parallel) to "
          + value(new)
      case .madeSet(let type, let set): "make set \(type).\(set)"
      case .droppedSet(let type, let set): "drop set \(type).\(set)"
      case .insertedMember(let type, let id, let set): "insert \(type) \(id.rawValue) into \(set)"
      case .removedMember(let type, let id, let set): "remove \(type) \(id.rawValue) from \(set)"
      case .built(let generation): "build generation \(generation)"
      case .changedSchema(let text): text
      }
    return "\(change.version)\t\(text)"
  }

  private static func object(_ change: Change) -> JSON {
    [
      "version": .int(Int(change.version)),
      "change": .string(
        line(change).split(
          separator: "\t", maxSplits: 1
        ).last.map(String.init) ?? ""),
    ]
  }
}
