import ArgumentParser
import Hedgerow

/// `hedgerow train STORE --target paper.label`
struct TrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a graph neural network to classify nodes, from batches sampled off the store.",
    discussion: """
      Trains on the set named train, keeps the weights of the best epoch by accuracy on the set \
      named valid, and prints the metrics on valid and test. The same --seed gives the same result \
      to the last bit, for any --threads and --memory. The defaults were chosen on Cora's \
      validation set.
      """)

  @OptionGroup var store: StoreArgument
  @Option(help: ArgumentHelp("The column of labels.", valueName: "type.column"))
  var target: String
  @Option(help: ArgumentHelp("The architecture: sage.", valueName: "name"))
  var model = "sage"
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Neighbors to sample at each hop; one layer a hop.", valueName: "counts"),
    transform: parseFanouts)
  var fanouts: [Int]?
  @Option(help: ArgumentHelp("Layers, when --fanouts does not say.", valueName: "count"))
  var layers: Int?
  @Option(help: ArgumentHelp("Seeds in a batch.", valueName: "count"))
  var batchSize = TrainingOptions().batchSize
  @Option(help: ArgumentHelp("Width of the layers but the last.", valueName: "width"))
  var hidden = TrainingOptions().hiddenWidth
  @Option(help: ArgumentHelp("Most epochs to run.", valueName: "count"))
  var epochs = TrainingOptions().epochs
  @Option(help: ArgumentHelp("Adam's step size.", valueName: "rate"))
  var learningRate = TrainingOptions().learningRate
  @Option(help: ArgumentHelp("Rate of dropout between layers.", valueName: "rate"))
  var dropout = TrainingOptions().dropout
  @Option(help: ArgumentHelp("L2 penalty.", valueName: "rate"))
  var weightDecay = TrainingOptions().weightDecay
  @Option(
    help: ArgumentHelp(
      "Epochs without a better validation accuracy to stop after.", valueName: "count"))
  var patience = TrainingOptions().patience
  @Option(
    help: ArgumentHelp(
      "Feature columns to use, instead of every vector column named x.",
      valueName: "type.column,..."))
  var inputs: String?
  @Flag(name: .customLong("no-reverse"), help: "Use relations in their stored direction only.")
  var noReverse = false
  @Option(
    help: ArgumentHelp("Keep the trained model in the store under this name.", valueName: "name"))
  var save: String?
  @Option(
    help: ArgumentHelp("Seconds to wait for another writer when saving.", valueName: "seconds"))
  var wait = 0.0
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    _ = try parsePair(target, at: ".", as: "column: write TYPE.COLUMN, as paper.label")
    func check(_ isRight: Bool, _ what: String) throws {
      if !isRight { throw ValidationError(what) }
    }
    try check(batchSize > 0, "--batch-size must be at least 1")
    try check((1...65536).contains(hidden), "--hidden is between 1 and 65536")
    try check(epochs > 0, "--epochs must be at least 1")
    try check(patience > 0, "--patience must be at least 1")
    try check(learningRate > 0 && learningRate.isFinite, "--learning-rate must be above 0")
    try check((0..<1).contains(dropout), "--dropout is at least 0 and below 1")
    try check(weightDecay >= 0 && weightDecay.isFinite, "--weight-decay must not be negative")
    if let layers {
      try check((1...16).contains(layers), "--layers is between 1 and 16")
      try check(
        fanouts == nil || fanouts?.count == layers,
        "--fanouts gives \(fanouts?.count ?? 0) hops and --layers says \(layers)")
    }
    if let save { try Identifier.check(save, as: "model") }
  }

  func run() async throws {
    let store = try GraphStore.open(at: store.path, save == nil ? .readOnly : .readWrite)
    let graph = try store.snapshot()
    let (type, column) = try parsePair(target, at: ".", as: "column")
    let resources = global.trainingResources()
    let trainer = NodeClassificationTrainer(
      graph, target: (NodeType(type), column), options: try options(), resources: resources)

    let progress = ProgressBar("training", total: epochs, unit: .items("epochs"))
    let pool = global.makePool()
    let (model, report) = try await Compute.with(pool) {
      try await trainer.run { _, _, _ in progress.advance(by: 1) }
    }
    progress.finish()
    if let save {
      let build = try store.beginBuild(waiting: wait)
      try build.saveModel(try model.record(named: save))
      try build.publish()
    }
    print(global.json ? json(model, report, graph) : text(model, report))
  }

  private func options() throws -> TrainingOptions {
    var options = TrainingOptions()
    options.model = model
    options.fanouts = fanouts ?? Self.defaultFanouts(layers ?? 2)
    options.batchSize = batchSize
    options.hiddenWidth = hidden
    options.epochs = epochs
    options.learningRate = learningRate
    options.dropout = dropout
    options.weightDecay = weightDecay
    options.patience = patience
    options.usesReverseRelations = !noReverse
    options.seed = global.seed
    if let inputs {
      var columns = PerNode<[String]>()
      for part in inputs.split(separator: ",") {
        let (type, column) = try parsePair(String(part), at: ".", as: "column")
        columns[NodeType(type)] = (columns[optional: NodeType(type)] ?? []) + [column]
      }
      options.inputs = columns
    }
    return options
  }

  /// 15 neighbors of each seed, 10 of each node after, 5 from the third hop on.
  static func defaultFanouts(_ layers: Int) -> [Int] {
    (0..<layers).map { $0 == 0 ? 15 : $0 == 1 ? 10 : 5 }
  }

  private func json(
    _ model: NodeClassifier, _ report: TrainingReport, _ graph: Snapshot
  ) -> String {
    let seconds = report.seconds
    return JSON.object([
      .init(key: "task", value: "node-classification"),
      .init(key: "model", value: .string(self.model)),
      .init(key: "parameters", value: .int(model.parameterCount)),
      .init(key: "epochs", value: .int(report.epochs)),
      .init(key: "best_epoch", value: .int(report.bestEpoch)),
      .init(key: "steps", value: .int(report.steps)),
      .init(
        key: "metrics",
        value: .object(report.metrics.map { .init(key: $0.set, value: $0.metrics.json) })),
      .init(key: "loss", value: .double(report.loss)),
      .init(
        key: "seconds",
        value: [
          "total": .double(seconds.total), "sample": .double(seconds.stages.sample),
          "read": .double(seconds.stages.read), "gather": .double(seconds.stages.gather),
          "compute": .double(seconds.compute), "wait": .double(seconds.wait),
        ]),
      .init(key: "peak_resident_bytes", value: .int(ProcessResources.peakResidentByteCount)),
      .init(key: "version", value: .int(Int(graph.version))),
    ]).description
  }

  private func text(_ model: NodeClassifier, _ report: TrainingReport) -> String {
    let seconds = report.seconds
    var lines = [
      "\(self.model), \(model.parameterCount.grouped) parameters: \(report.epochs) epochs, best "
        + "\(report.bestEpoch), last training loss \(report.loss.formatted(decimals: 4))"
    ]
    for (set, metrics) in report.metrics { lines.append("\(set): \(metrics.text)") }
    lines.append(
      "\(seconds.total.formatted(decimals: 2)) s: compute \(seconds.compute.formatted(decimals: 2)), "
        + "wait \(seconds.wait.formatted(decimals: 2)); beside it on the loader's threads sample "
        + "\(seconds.stages.sample.formatted(decimals: 2)), read "
        + "\(seconds.stages.read.formatted(decimals: 2)), gather "
        + "\(seconds.stages.gather.formatted(decimals: 2)); peak "
        + ByteSize.format(ProcessResources.peakResidentByteCount))
    if let save {
      lines.append(
        "saved as \(save): hedgerow predict STORE --from \(save) --write \(target.split(separator: ".")[0]).predicted"
      )
    }
    return lines.joined(separator: "\n")
  }
}

extension ClassificationMetrics {
  var json: JSON {
    [
      "accuracy": .double(accuracy), "macro_f1": .double(macroF1), "loss": .double(loss),
      "majority": .double(majorityShare), "count": .int(count),
    ]
  }

  var text: String {
    "accuracy \(accuracy.formatted(decimals: 4)), macro-F1 \(macroF1.formatted(decimals: 4)) over "
      + "\(count.grouped) nodes (majority class \(majorityShare.formatted(decimals: 4)))"
  }
}

extension GlobalOptions {
  func trainingResources() -> TrainingResources {
    let budget = makeBudget()
    BufferPool.idleByteLimit = min(256 << 20, budget.available / 4)
    return TrainingResources(
      budget: budget, threads: threads ?? ProcessResources.processorCount,
      checkInterruption: { try Interruption.check() })
  }
}
