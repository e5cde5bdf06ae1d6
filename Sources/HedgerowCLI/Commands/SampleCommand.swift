import ArgumentParser
import Hedgerow

/// `hedgerow sample STORE --seeds paper --fanouts 15,10`
struct SampleCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample",
    abstract: "Sample mini-batches of neighborhoods, to measure or to compare.",
    discussion: """
      Goes through the seeds in an order drawn from --seed and --epoch and samples neighbors hop by \
      hop along every relation, backward readings included. With times, a seed sees nothing that came \
      after it, and a type that is sampled has a time or is said to be --timeless. The digest is a hash of every batch's \
      content in order: the same for any --threads and --memory.
      """)

  @OptionGroup var store: StoreArgument
  @Option(help: ArgumentHelp("The node type of the seeds.", valueName: "type"))
  var seeds: String
  @Option(
    name: .customLong("in"), help: ArgumentHelp("Take the members of this set.", valueName: "set"))
  var set: String?
  @OptionGroup var filter: FilterOptions
  @Option(
    // -1 is a value here, not an option.
    parsing: .unconditional,
    help: ArgumentHelp("Neighbors to take at each hop; -1 takes all.", valueName: "counts"),
    transform: parseFanouts)
  var fanouts: [Int]
  @Option(help: ArgumentHelp("Seeds in a batch.", valueName: "count"))
  var batchSize = 1024
  @Option(help: ArgumentHelp("Stop after so many batches of an epoch.", valueName: "count"))
  var batches: Int?
  @Option(help: ArgumentHelp("Which epoch's order and draws.", valueName: "number"))
  var epoch = 0
  @Option(
    help: ArgumentHelp(
      "How many epochs, beginning with --epoch: later ones find memory and indices warm.",
      valueName: "count"))
  var epochs = 1
  @Flag(help: "Gather the feature columns named x too.")
  var features = false
  @Flag(help: "Print a digest of all batches.")
  var digest = false
  @Flag(name: .customLong("no-reverse"), help: "Sample along stored edge types only.")
  var noReverse = false
  @OptionGroup(title: "Which neighbors") var sampling: SamplingArguments
  @OptionGroup(title: "Reading") var reading: ReadingOptions
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    guard batchSize > 0 else { throw ValidationError("--batch-size must be at least 1") }
    guard epoch >= 0 else { throw ValidationError("--epoch must not be negative") }
    guard epochs > 0, epochs <= 1 << 20, epoch <= Int.max - epochs else {
      throw ValidationError("--epochs must be from 1 to 1048576")
    }
    if let batches, batches < 1 { throw ValidationError("--batches must be at least 1") }
  }

  func run() async throws {
    let (_, graph) = try store.snapshot()
    let budget = global.makeBudget()
    var options = LoaderOptions()
    options.threads = global.threads ?? ProcessResources.processorCount
    options.relations = graph.schema.relations(includingReverse: !noReverse)
    options.sampling = try sampling.options(for: graph.schema)
    if !features { options.inputs = PerNode() }
    options.prefetchByteLimit = budget.available / 3
    options.batchByteLimit = budget.available / 3
    let type = NodeType(self.seeds)
    let seeds: Seeds =
      if let filter = try filter.filter {
        .nodes(
          type,
          try graph.members(of: set, of: type, where: filter) { try Interruption.check() }!)
      } else {
        .nodes(type, in: set)
      }
    options.trace = try reading.makeTrace()
    var loader = NeighborLoader(
      graph, seeds: seeds, fanouts: Fanouts(fanouts),
      batchSize: batchSize, seed: global.seed, options: options)

    let total = min(try loader.batchCount(), batches ?? .max)
    let read = ProcessResources.storageByteCountRead
    let clock = ContinuousClock()
    let begin = clock.now
    let share = try pinRows(of: &loader, batchCount: epochs * total, budget)
    if try total == loader.batchCount() { try await packRows(of: &loader, budget) }
    let progress = ProgressBar("sampling", total: epochs * total, unit: .items("batches"))
    let start = clock.now
    var counts = Counts()
    var ofEpochs: [Counts] = []
    var hash = BatchDigest()
    for epoch in epoch..<epoch + epochs {
      ofEpochs.append(
        try await sample(loader.epoch(epoch), batches: total, into: &hash, progress))
      counts += ofEpochs.last!
    }
    progress.finish()
    try options.trace?.finish()
    let prepare = (start - begin).seconds
    let pinned = loader.options.pinnedRows?.byteCount ?? 0
    let packed = loader.options.packedRows?.byteCount ?? 0
    share?.release()
    let bytes = ProcessResources.storageByteCountRead - read
    if global.json {
      print(
        JSON.object([
          .init(key: "batches", value: .int(counts.batches)),
          .init(key: "seconds", value: .double(counts.seconds)),
          .init(key: "nodes", value: .int(counts.nodes)),
          .init(key: "edges", value: .int(counts.edges)),
          .init(key: "bytes_read", value: .int(bytes)),
          .init(
            key: "stages",
            value: .object(
              [
                .init(key: "prepare", value: .double(prepare)),
                .init(key: "wait", value: .double(counts.wait)),
              ] + counts.stages.json)),
          .init(
            key: "epochs",
            value: .array(
              ofEpochs.map {
                .object([
                  .init(key: "seconds", value: .double($0.seconds)),
                  .init(key: "edges", value: .int($0.edges)),
                ])
              })),
          .init(key: "rows_pinned", value: .int(counts.rows.pinned)),
          .init(key: "rows_read", value: .int(counts.rows.read)),
          .init(key: "pinned_bytes", value: .int(pinned)),
          .init(key: "packed_bytes", value: .int(packed)),
          .init(key: "digest", value: digest ? .string(hash.description) : .null),
          .init(key: "peak_resident_bytes", value: .int(ProcessResources.peakResidentByteCount)),
        ]))
      return
    }
    print(
      "\(counts.batches.counting("batch", plural: "batches")), \(counts.nodes.counting("node")), "
        + counts.edgesPerSecond)
    if epochs > 1 {
      for (epoch, counts) in zip(epoch..., ofEpochs) {
        print("  epoch \(epoch): \(counts.edgesPerSecond)")
      }
    }
    let table = [
      ("prepare", prepare), ("wait", counts.wait), ("use", counts.seconds - counts.wait),
    ]
    print(StageTable(title: "seconds:", rows: table).text)
    print(
      StageTable(
        loaderThreads: options.threads, counts.stages,
        idle: Double(options.threads) * counts.seconds - counts.stages.total
      ).text)
    print(
      storageLine(
        counts.rows, pinnedByteCount: pinned, packedByteCount: packed, storageByteCount: bytes))
    if digest { print("digest \(hash)") }
  }

  /// What was sampled, and in which time.
  private struct Counts {
    var batches = 0
    var nodes = 0
    var edges = 0
    var rows = RowCounts()
    var stages = StageSeconds()
    var seconds = 0.0
    /// Of the seconds, those in which no batch was ready.
    var wait = 0.0

    var edgesPerSecond: String {
      let rate = seconds > 0 ? Double(edges) / seconds / 1e6 : 0
      return "\(edges.counting("edge")) in \(seconds.formatted(decimals: 3)) s: "
        + "\(rate.formatted(decimals: 1)) M edges/s"
    }

    static func += (sum: inout Counts, other: Counts) {
      sum.batches += other.batches
      sum.nodes += other.nodes
      sum.edges += other.edges
      sum.rows += other.rows
      sum.stages += other.stages
      sum.seconds += other.seconds
      sum.wait += other.wait
    }
  }

  /// Goes through the first batches of an epoch.
  private func sample(
    _ epoch: Epoch<Batch>, batches: Int, into hash: inout BatchDigest, _ progress: ProgressBar
  ) async throws -> Counts {
    let clock = ContinuousClock()
    let start = clock.now
    var counts = Counts()
    var iterator = epoch.makeAsyncIterator()
    while counts.batches < batches {
      let before = clock.now
      guard let batch = try await iterator.next() else { break }
      counts.wait += (clock.now - before).seconds
      try Interruption.check()
      counts.batches += 1
      counts.nodes += batch.subgraph.nodeCount
      counts.edges += batch.subgraph.edgeCount
      counts.stages += batch.seconds
      counts.rows += batch.rows
      if digest {
        batch.subgraph.fold(into: &hash)
        for tensor in batch.features.values {
          tensor.withUnsafeBufferPointer { hash.fold(UnsafeRawBufferPointer($0)) }
        }
      }
      progress.advance(by: 1)
    }
    counts.seconds = (clock.now - start).seconds
    return counts
  }

  /// Packs the other rows of the epochs, where that pays.
  private func packRows(
    of loader: inout NeighborLoader<Snapshot>, _ budget: MemoryBudget
  ) async throws {
    let byteLimit = min(budget.available / 2, 256 << 20)
    let share = try budget.reserve(byteLimit, for: "packing rows of features")
    defer { share.release() }
    loader = try await loader.packingRows(
      of: epoch..<epoch + epochs,
      in: reading.scratch ?? FileSystem.parent(of: loader.graph.path), byteLimit: byteLimit,
      packing: reading.pack
    ) { try Interruption.check() }
  }

  /// Keeps rows in memory where they do not fit into the page cache, or where that is asked for.
  private func pinRows(
    of loader: inout NeighborLoader<Snapshot>, batchCount: Int, _ budget: MemoryBudget
  ) throws -> MemoryBudget.Reservation? {
    guard features, reading.pin != 0 else { return nil }
    if reading.pin == nil, try !loader.exceedsPageCache(beside: budget) { return nil }
    let types = loader.graph.schema.nodes.map(\.type)
    guard InclusionProbabilities.byteCount(loader.graph, types: types) < budget.available else {
      return nil
    }
    // The rest is for batches that are made ahead, and the one in use.
    let limit =
      reading.pin ?? budget.available / 2
      - max(0, loader.indexByteCount - budget.pageCacheByteCount)
    guard limit > 0 else { return nil }
    let share = try budget.reserve(limit, for: "keeping rows of features in memory")
    loader = try loader.pinningRows(
      by: loader.inclusionProbabilities { try Interruption.check() }, byteLimit: limit,
      batchCount: batchCount
    ) { try Interruption.check() }
    return share
  }
}
