import ArgumentParser
import Hedgerow

/// The model that a command runs.
struct ModelOptions: ParsableArguments {
  @Option(name: .customLong("from"), help: ArgumentHelp("The model to run.", valueName: "name"))
  var model: String
  @Option(help: ArgumentHelp("Nodes in a batch.", valueName: "count"))
  var batchSize = TrainingOptions().batchSize

  func validate() throws {
    guard batchSize > 0 else { throw ValidationError("--batch-size must be at least 1") }
  }
}

/// `hedgerow evaluate STORE --from NAME`
struct EvaluateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Measure a saved model on a set of nodes.")

  @OptionGroup var store: StoreArgument
  @OptionGroup var model: ModelOptions
  @Option(name: .customLong("in"), help: ArgumentHelp("The set to measure on.", valueName: "set"))
  var set = "test"
  @OptionGroup var global: GlobalOptions

  func run() async throws {
    let (_, graph) = try store.snapshot()
    let classifier = try NodeClassifier(named: model.model, in: graph)
    let clock = ContinuousClock()
    let start = clock.now
    let metrics = try await Compute.with(global.makePool()) {
      try await classifier.evaluate(
        over: graph, in: set == "all" ? nil : set, batchSize: model.batchSize,
        resources: global.trainingResources())
    }
    guard global.json else { return print("\(set): \(metrics.text)") }
    print(
      JSON.object([
        .init(key: "task", value: "node-classification"),
        .init(key: "model", value: .string(model.model)),
        .init(key: "parameters", value: .int(classifier.parameterCount)),
        .init(key: "epochs", value: 0),
        .init(key: "metrics", value: .object([.init(key: set, value: metrics.json)])),
        .init(key: "loss", value: .double(metrics.loss)),
        .init(key: "seconds", value: ["total": .double((clock.now - start).seconds)]),
        .init(key: "peak_resident_bytes", value: .int(ProcessResources.peakResidentByteCount)),
        .init(key: "version", value: .int(Int(graph.version))),
      ]))
  }
}

/// `hedgerow predict STORE --from NAME --write paper.predicted`
struct PredictCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Predict the class of nodes and write it back to the store as a column.",
    discussion: """
      The column appears whole, by one commit, and carries the model's name, the hash of its \
      weights and the version of the data that it read. Nodes outside the set get null. A column \
      that a model wrote may be written again; ingested columns are never touched.
      """)

  @OptionGroup var store: StoreArgument
  @OptionGroup var model: ModelOptions
  @Option(
    name: .customLong("in"), help: ArgumentHelp("The set to predict; all nodes by default.", valueName: "set"))
  var set = "all"
  @Option(help: ArgumentHelp("The column to write.", valueName: "type.column"))
  var write: String
  @Option(help: ArgumentHelp("Seconds to wait for another writer.", valueName: "seconds"))
  var wait = 0.0
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    _ = try parsePair(write, at: ".", as: "column: write TYPE.COLUMN, as paper.predicted")
  }

  func run() async throws {
    let store = try GraphStore.open(at: store.path)
    let graph = try store.snapshot()
    let classifier = try NodeClassifier(named: model.model, in: graph)
    let (type, column) = try parsePair(write, at: ".", as: "column")
    guard type == classifier.specification.targetType else {
      throw HedgerowError(
        .usage,
        "model '\(model.model)' classifies '\(classifier.specification.targetType)': write to one "
          + "of its columns, not to '\(write)'")
    }
    let progress = ProgressBar(
      "predicting", total: graph.count(of: NodeType(type)), unit: .items("nodes"))
    let (count, version) = try await Compute.with(global.makePool()) {
      try await classifier.predict(
        over: graph, in: set == "all" ? nil : set, column: column, modelName: model.model,
        store: store, batchSize: model.batchSize, waiting: wait,
        resources: global.trainingResources(), onBatch: { progress.advance(by: $0) })
    }
    progress.finish()
    guard global.json else {
      return print("wrote \(write) of \(count.grouped) nodes; the store is at version \(version)")
    }
    print(
      JSON.object([
        .init(key: "written", value: .int(count)), .init(key: "column", value: .string(write)),
        .init(key: "version", value: .int(Int(version))),
        .init(key: "model", value: .string(model.model)),
      ]))
  }
}
