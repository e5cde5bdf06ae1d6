import ArgumentParser

/// `hedgerow dataset NAME DIR`
struct DatasetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dataset",
    abstract: "Make a data set offline, as files that `hedgerow ingest` reads.",
    subcommands: [
      DatasetRMATCommand.self, DatasetSBMCommand.self, DatasetDebianPackagesCommand.self,
      DatasetWordNetCommand.self,
    ])
}

/// Where the files of a data set go.
struct DatasetOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("The directory for the files; made when missing.", valueName: "dir"))
  var directory: String

  @Flag(help: "Replace files that exist.")
  var force = false
}
