import ArgumentParser
import Hedgerow

/// `hedgerow export STORE --to DIR --format csv`
struct ExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a store, or a part of it, as files for other tools.",
    discussion: """
      csv and parquet hold the whole graph: tables which ingest reads back. edge-list has the \
      keys of edges only; npy has columns and edges as NumPy arrays; json-lines is what Neo4j's APOC \
      exports; matrix-market has a sparse matrix for each edge type; n-triples and graphml are one \
      file each; graphbolt is a data set of DGL. The command that reads the files back is printed, and written to import.txt.

      The directory appears whole or not at all; others may write to the store meanwhile.
      """)

  @OptionGroup var store: StoreArgument
  @Option(help: ArgumentHelp("Where the files go; nothing may be there.", valueName: "dir"))
  var to: String
  @Option(
    help: ArgumentHelp(
      "What to write.", valueName: ExportFormat.allCases.map(\.rawValue).joined(separator: "|")),
    transform: parseCase)
  var format: ExportFormat
  @Option(
    help: ArgumentHelp(
      "Only this node type, or this edge type with the nodes at its ends; may be there more than once.",
      valueName: "type"))
  var type: [String] = []
  @Option(
    name: .customLong("in"),
    help: ArgumentHelp(
      "Only members of this set, and the edges among them.", valueName: "set"))
  var set: String?
  @OptionGroup var filter: FilterOptions
  @Option(
    help: ArgumentHelp(
      "How csv has vectors: in their fields, or as .npy files.", valueName: "text|npy"),
    transform: parseCase)
  var features = ExportOptions.Vectors.text
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    if features == .npy, format != .csv {
      throw ValidationError("--features is for --format csv")
    }
  }

  func run() async throws {
    var options = ExportOptions(format)
    options.types = type
    options.set = set
    options.filter = try filter.filter
    options.features = features
    var bar: ProgressBar?
    var shown: ExportProgress?
    defer { bar?.finish() }
    let report = try Export.run(
      options, from: store.path, to: to, budget: global.makeBudget(),
      progress: { progress in
        if shown?.subject != progress.subject || progress.done < (shown?.done ?? 0) {
          bar?.finish()
          bar = ProgressBar(progress.subject, total: progress.total, unit: .items("rows"))
          shown = nil
        }
        bar?.advance(by: progress.done - (shown?.done ?? 0))
        shown = progress
      }, isCancelled: { Interruption.isRequested })
    bar?.finish()
    if global.json { return print(report.json) }
    for file in report.files {
      print("\(file.name): \(file.rowCount.counting("row")), \(ByteSize.format(file.byteCount))")
    }
    for note in report.notes { print("note: \(note)") }
    print(
      "version \(report.version) of \(store.path) is in \(to): "
        + "\(report.seconds.formatted(decimals: 2)) s, peak "
        + ByteSize.format(report.peakResidentByteCount))
    if let command = report.importCommand { print("to read it back: \(command)") }
  }
}

extension ExportReport {
  fileprivate var json: JSON {
    .object([
      .init(key: "version", value: .int(Int(version))),
      .init(
        key: "nodes", value: .object(nodes.map { .init(key: $0.name, value: .int($1)) })),
      .init(
        key: "edges", value: .object(edges.map { .init(key: "\($0)", value: .int($1)) })),
      .init(
        key: "files",
        value: .array(
          files.map { file in
            .object([
              .init(key: "name", value: .string(file.name)),
              .init(key: "rows", value: .int(file.rowCount)),
              .init(key: "bytes", value: .int(file.byteCount)),
            ])
          })),
      .init(key: "bytes", value: .int(byteCount)),
      .init(key: "notes", value: .array(notes.map { .string($0) })),
      .init(key: "import", value: importCommand.map { .string($0) } ?? .null),
      .init(key: "seconds", value: .double(seconds)),
      .init(key: "peak_resident_bytes", value: .int(peakResidentByteCount)),
    ])
  }
}
