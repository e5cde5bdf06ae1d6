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
  @OptionGroup var filter: FilterOptions
  @OptionGroup var global: GlobalOptions

  func run() async throws {
    let resources = try global.trainingResources()
    let (_, graph) = try store.snapshot()
    let task = try graph.taskOfModel(named: model.model)
    if task != .classification { return try await evaluate(task, over: graph, resources) }
    let classifier = try NodeClassifier(named: model.model, in: graph)
    let clock = ContinuousClock()
    let start = clock.now
    let metrics = try await Compute.with(global.makePool()) {
      try await classifier.evaluate(
        over: graph, in: set == "all" ? nil : set, where: filter.filter, batchSize: model.batchSize,
        resources: resources)
    }
    guard global.json else { return print("\(set): \(metrics.text(of: classifier.specification))") }
    print(
      JSON.object([
        .init(key: "task", value: .string(classifier.specification.task)),
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

extension EvaluateCommand {
  /// Measures a model of links, by the column that said in training in which set each is.
  private func evaluate(
    _ task: SavedTask, over graph: Snapshot, _ resources: TrainingResources
  ) async throws {
    guard filter.text == nil else {
      throw HedgerowError(.usage, "--where is of classes, not of links: leave it out")
    }
    guard task != .embedding else {
      throw HedgerowError(
        .usage,
        "model '\(model.model)' was learned without labels, which leaves nothing to measure: hedgerow "
          + "predict writes its rows")
    }
    let clock = ContinuousClock()
    let start = clock.now
    let (metrics, parameterCount) = try await Compute.with(global.makePool()) {
      if task == .linkPrediction {
        let predictor = try LinkPredictor(named: model.model, in: graph)
        let metrics = try await predictor.evaluate(over: graph, in: set, resources: resources)
        return (metrics, predictor.parameterCount)
      }
      if task == .temporalLinks {
        let predictor = try TemporalLinkPredictor(named: model.model, in: graph)
        let metrics = try predictor.evaluate(over: graph, in: set, resources: resources)
        return (metrics, predictor.parameterCount)
      }
      let embedding = try KnowledgeGraphEmbedding(named: model.model, in: graph)
      return (
        try embedding.evaluate(over: graph, in: set, resources: resources),
        embedding.parameterCount
      )
    }
    guard global.json else { return print("\(set): \(metrics.text)") }
    var report = TrainingReport()
    report.seconds.total = (clock.now - start).seconds
    report.seconds.evaluate = report.seconds.total
    report.peakPrivateByteCount = ProcessResources.privateByteCount
    print(
      TrainingOutput(
        task: task, model: model.model, parameterCount: parameterCount, report: report,
        metrics: [(set, metrics)],
        version: graph.version
      ).json)
  }
}

/// `hedgerow predict STORE --from NAME --write paper.predicted`
struct PredictCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract:
      "Predict the class of nodes, or take the rows that were learned of them, and write it back to the store as a "
      + "column.",
    discussion: """
      The column appears whole, by one commit, and carries the model's name, the hash of its \
      weights and the version of the data that it read. Nodes outside the set, or that --where leaves out, get null. A column \
      that a model wrote may be written again; ingested columns are never touched.
      """)

  @OptionGroup var store: StoreArgument
  @OptionGroup var model: ModelOptions
  @Option(
    name: .customLong("in"),
    help: ArgumentHelp("The set to predict; all nodes by default.", valueName: "set"))
  var set = "all"
  @OptionGroup var filter: FilterOptions
  @Option(help: ArgumentHelp("The column to write.", valueName: "type.column"))
  var write: String
  @Option(help: ArgumentHelp("Print so many of the nodes by key.", valueName: "count"))
  var show = 0
  @Option(help: ArgumentHelp("Seconds to wait for another writer.", valueName: "seconds"))
  var wait = 0.0
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    guard show >= 0 else { throw ValidationError("--show must not be negative") }
    _ = try parsePair(write, at: ".", as: "column: write TYPE.COLUMN, as paper.predicted")
  }

  func run() async throws {
    let resources = try global.trainingResources()
    let store = try GraphStore.open(at: store.path)
    let graph = try store.snapshot()
    let task = try graph.taskOfModel(named: model.model)
    if task != .classification { return try writeRows(task, graph, store, resources) }
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
        over: graph, in: set == "all" ? nil : set, where: filter.filter, column: column,
        modelName: model.model,
        store: store, batchSize: model.batchSize, waiting: wait,
        resources: resources, onBatch: { progress.advance(by: $0) })
    }
    progress.finish()
    let examples = try examples(of: NodeType(type), column, classifier, in: store.snapshot())
    guard global.json else {
      if !examples.isEmpty { print("node\tpredicted\t\(classifier.specification.targetColumn)") }
      for example in examples {
        print("\(example.key)\t\(example.predicted)\t\(example.label ?? "-")")
      }
      return print(
        "wrote \(write) of \(count.counting("node")); the store is at version \(version)")
    }
    print(
      JSON.object([
        .init(key: "written", value: .int(count)), .init(key: "column", value: .string(write)),
        .init(key: "version", value: .int(Int(version))),
        .init(key: "model", value: .string(model.model)),
        .init(
          key: "examples",
          value: .array(
            examples.map {
              [
                "key": .string($0.key), "predicted": .string($0.predicted),
                "label": $0.label.map { .string($0) } ?? .null,
              ]
            })),
      ]))
  }

  private struct Example {
    var key: String
    var predicted: String
    var label: String?
  }

  /// Nodes spread over those that were predicted, with the label that they have.
  private func examples(
    of type: NodeType, _ column: String, _ classifier: NodeClassifier, in graph: Snapshot
  ) throws -> [Example] {
    guard show > 0 else { return [] }
    let members = try graph.members(
      of: set == "all" ? nil : set, of: type, where: filter.filter)
    let count = members?.count ?? graph.count(of: type)
    return try (0..<min(show, count)).compactMap { index in
      let rank = index * count / min(show, count)
      let node = NodeID(members?.select(rank) ?? UInt32(rank))
      func text(_ name: String) throws -> String? {
        switch try graph.value(of: name, of: type, at: node) {
        case .int(let value)?: "\(value)"
        case .text(let value)?: value
        default: nil
        }
      }
      guard let predicted = try text(column) else { return nil }
      return Example(
        key: try graph.key(of: node, of: type), predicted: predicted,
        label: try text(classifier.specification.targetColumn))
    }
  }
}
