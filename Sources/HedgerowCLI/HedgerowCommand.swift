import ArgumentParser
import Hedgerow

/// `hedgerow COMMAND STORE ...`
@main
struct HedgerowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hedgerow",
    abstract: "A graph database on disk that trains graph neural networks.",
    discussion: """
      Every command explains itself with --help. Errors are one line on standard error; the exit \
      status says what kind: 64 wrong call, 65 bad input data or a store of an older format, 66 \
      input missing, 69 store of a newer format, 70 damaged store, 74 input or output failed, 75 \
      locked by another writer, 130 interrupted.
      """,
    version: "0.1.0",
    subcommands: [
      CreateCommand.self, SchemaCommand.self, IngestCommand.self, ExportCommand.self,
      InsertCommand.self, DeleteCommand.self, CompactCommand.self, IndexCommand.self,
      SplitCommand.self,
      InfoCommand.self,
      ChangesCommand.self, VerifyCommand.self, NodesCommand.self, NeighborsCommand.self,
      BackupCommand.self, RebuildCommand.self, RepairCommand.self, UpgradeCommand.self,
      SampleCommand.self, PlanCommand.self, TrainCommand.self, EvaluateCommand.self,
      PredictCommand.self,
      DatasetCommand.self,
    ])

  static func main() async {
    Interruption.install()
    LostMappings.endProcess(
      status: HedgerowError.Code.damaged.rawValue, prefix: "hedgerow: ")
    Heap.keepSmall(processorCount: ProcessResources.processorCount)
    OpenFiles.raiseLimit()
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      exit(reporting: error)
    }
  }

  /// Ends the process as an error asks for. Asking for help is none.
  private static func exit(reporting error: any Error) -> Never {
    if exitCode(for: error).isSuccess { exit(withError: error) }
    Failure(error) { (message(for: error), exitCode(for: error).rawValue) }.exit()
  }
}
