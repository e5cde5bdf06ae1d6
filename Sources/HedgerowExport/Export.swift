public import HedgerowCore
import HedgerowGraph
import HedgerowMapped
import HedgerowStore

/// Writes a store, or a part of it, as files that other tools read.
///
/// ```swift
/// var options = ExportOptions(.csv)
/// options.types = ["paper"]
/// options.set = "train"
/// let report = try Export.run(options, from: "cora.hedgerow", to: "cora-csv", budget: budget)
/// print(report.importCommand ?? "")
/// ```
/// One snapshot is written, whatever others write to the store meanwhile; some rows at a time, so that
/// memory does not grow with the graph. Bytes do not depend on the budget. Nodes come by rising id
/// without those that are deleted, edges by source, target and the order in which they came.
public enum Export {
  /// - Parameters:
  ///   - source: a store; its newest version is taken.
  ///   - directory: where nothing is yet. It appears whole, with every file on the disk, or not at all.
  ///   - progress: called often.
  ///   - isCancelled: asked often; once true, the run ends with `interrupted`.
  /// - Throws: `usage` when something is at `directory`, or for types, sets and columns that are not
  ///   there; `io` when the disk is full; `damaged`.
  @discardableResult
  public static func run(
    _ options: ExportOptions, from source: String, to directory: String, budget: MemoryBudget,
    progress: (ExportProgress) -> Void = { _ in }, isCancelled: () -> Bool = { false }
  ) throws -> ExportReport {
    let start = ContinuousClock.now
    let snapshot = try GraphStore.open(at: source, .readOnly).snapshot(budget: budget)
    return try withoutActuallyEscaping(progress) { progress in
      try withoutActuallyEscaping(isCancelled) { isCancelled in
        var report = try GraphStore.makeWhole(at: directory) { draft in
          let graph = try ExportedGraph(
            snapshot, options, budget: budget, progress: progress, isCancelled: isCancelled)
          return try write(graph, options, into: OutputDirectory(draft))
        }
        report.importCommand = report.importArguments.map {
          ImportCommand.text(of: $0, in: directory, lineEnd: " ")
        }
        report.seconds = (ContinuousClock.now - start) / .seconds(1)
        report.peakResidentByteCount = ProcessResources.peakResidentByteCount
        return report
      }
    }
  }

  private static func write(
    _ graph: ExportedGraph, _ options: ExportOptions, into output: OutputDirectory
  ) throws -> ExportReport {
    let command: ImportCommand?
    switch options.format {
    case .csv:
      command = try CSVFormat(graph, output, arrays: options.features).write()
    case .edgeList: command = try EdgeListFormat(graph, output).write()
    case .npy: command = try ArrayFormat(graph, output).write()
    case .jsonLines: command = try JSONLinesFormat(graph, output).write()
    case .matrixMarket: command = try MatrixMarketFormat(graph, output).write()
    case .nTriples: command = try NTriplesFormat(graph, output).write()
    case .parquet: command = try ParquetFormat(graph, output).write()
    case .graphML: command = try GraphMLFormat(graph, output).write()
    case .graphBolt: command = try GraphBoltFormat(graph, output).write()
    }
    var report = ExportReport(version: graph.snapshot.version)
    report.files = output.files
    for nodes in graph.nodes { report.nodes[nodes.type] = nodes.count }
    report.edges = graph.writtenEdges
    report.notes = graph.notes
    report.importArguments = command?.arguments
    let text =
      (command.map {
        "# In this directory, this reads the files back:\n"
          + ImportCommand.text(of: $0.arguments, in: nil, lineEnd: " \\\n  ") + "\n"
      } ?? "# No command makes the same graph of these files.\n")
      + graph.notes.map { "# \($0)\n" }.joined()
    let file = try output.makeFile("import.txt")
    try file.append(text)
    try file.finish()
    report.byteCount = output.files.reduce(0) { $0 + $1.byteCount } + file.byteCount
    return report
  }
}
