import ArgumentParser
import Hedgerow

/// The options that every command takes.
struct GlobalOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Private memory to stay within, as 256MiB.",
      discussion: "Half of what the system or the control group leaves, unless given.",
      valueName: "size"),
    transform: parseSize)
  var memory: Int?

  @Option(help: ArgumentHelp("Threads to use; never changes a result.", valueName: "count"))
  var threads: Int?

  @Option(
    name: .customLong("seed"),
    help: ArgumentHelp("Decides every random choice; 0 unless given.", valueName: "number"))
  var givenSeed: UInt64?
  var seed: UInt64 { givenSeed ?? 0 }

  @Flag(help: "Print one JSON object and nothing else on standard output.")
  var json = false

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads \(threads) is not between 1 and 1024")
    }
  }

  /// Made once for each run of a command.
  func makeBudget() -> MemoryBudget {
    MemoryBudget(total: memory ?? ProcessResources.defaultMemoryBudget)
  }

  func makePool() -> ThreadPool {
    ThreadPool(threadCount: threads ?? ProcessResources.processorCount)
  }
}

private func parseSize(_ text: String) throws -> Int {
  guard let size = ByteSize.parse(text) else {
    throw ValidationError("'\(text)' is no size: write it as 256MiB or 2GB")
  }
  guard size >= MemoryBudget.overhead else {
    throw ValidationError("\(text) is below the least, \(ByteSize.format(MemoryBudget.overhead))")
  }
  return size
}

/// How features are read that do not fit into memory, and what is told of it.
struct ReadingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Most bytes of features to keep in memory, of rows that batches need most.",
      discussion: """
        Unless given, as much as --memory leaves where features and indices do not fit into the page \
        cache beside it, and none where they do. 0 keeps none.
        """,
      valueName: "size"),
    transform: parseAnySize)
  var pin: Int?

  @Option(
    help: ArgumentHelp(
      "Whether batches to come are sampled ahead, and rows that are not kept copied into their order: "
        + "automatic, where that is faster, always or never.",
      discussion: """
        The files have no names, are as large as what up to eight epochs need, and at most half of \
        what is free.
        """,
      valueName: "when"),
    transform: Packing.parse)
  var pack = Packing.automatic

  @Option(
    help: ArgumentHelp(
      "Where batches are packed: a directory on a fast device; beside the store unless given.",
      valueName: "directory"))
  var scratch: String?

  @Option(
    help: ArgumentHelp(
      "Write when each stage of each batch began and ended, as chrome://tracing shows it.",
      valueName: "file"))
  var trace: String?

  func validate() throws {
    if let scratch, !FileSystem.isDirectory(scratch) {
      throw ValidationError("--scratch '\(scratch)' is no directory")
    }
  }

  /// The first option that is given of those that keep or move rows, as it is written.
  var given: String? {
    let options: [(String, Bool)] = [
      ("--pin", pin != nil), ("--pack", pack != .automatic), ("--scratch", scratch != nil),
    ]
    return options.first { $0.1 }?.0
  }

  func makeTrace() throws -> Trace? { try trace.map { try Trace(path: $0) } }
}

private func parseAnySize(_ text: String) throws -> Int {
  guard let size = text == "0" ? 0 : ByteSize.parse(text) else {
    throw ValidationError("'\(text)' is no size: write it as 256MiB or 2GB")
  }
  return size
}
