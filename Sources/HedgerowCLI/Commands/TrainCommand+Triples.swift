import ArgumentParser
import Hedgerow

/// Training of `--model transe` and its like, on edges of several types as triples.
extension TrainCommand {
  /// `nil` for all edge types.
  private func targets() throws -> [EdgeType]? {
    try target == "all"
      ? nil : target.split(separator: ",").map { try EdgeType(validating: String($0)) }
  }

  func checkTriples() throws {
    do { _ = try targets() } catch {
      throw ValidationError(
        "'\(target)' are no edge types: write SOURCE:RELATION:TARGET,..., or all")
    }
    let others: [(String, Bool)] = [
      ("--fanouts", fanouts != nil), ("--layers", layers != nil), ("--dropout", dropout != nil),
      ("--input-dropout", inputDropout != nil), ("--input-scaling", inputScaling != nil),
      ("--activation", activation != nil), ("--bases", bases != nil),
      ("--precision", precision != nil), ("--weight-decay", weightDecay != nil),
      ("--inputs", inputs != nil), ("--encode", encode != nil), ("--no-reverse", noReverse),
      ("--decoder", links.decoder != nil), ("--negatives-from", links.pairs.negativesFrom != nil),
      ("--candidates", links.candidates != nil),
      ("what says which neighbors are taken", sampling.isGiven || choice.given != nil),
    ]
    if let option = others.first(where: { $0.1 })?.0 {
      throw ValidationError(
        "--model \(modelChoice!.name) learns rows of nodes and relations alone: leave \(option) out"
      )
    }
  }

  func runTriples(_ model: KnowledgeGraphOptions.Model) async throws {
    let name = save ?? resume
    let resources = try global.trainingResources()
    let store = try GraphStore.open(at: store.path, name == nil ? .readOnly : .readWrite)
    let graph = try store.snapshot()
    let checkpoint = try resume.map { try KnowledgeGraphCheckpoint(named: $0, in: graph) }
    let options = tripleOptions(model, goingOnWith: checkpoint?.specification.options)
    var trainer = KnowledgeGraphTrainer(
      graph, targets: try targets(), options: options, resources: resources)
    trainer.checkpointName = name
    trainer.checkpointInterval = checkpointEvery
    let progress = ProgressBar("training", total: options.epochs, unit: .items("epochs"))
    progress.advance(by: checkpoint?.progress.epoch ?? 0)
    let ready = trainer
    let (trained, report, metrics) = try await Compute.with(global.makePool()) {
      try await ready.run(resuming: checkpoint) { _, _, _ in progress.advance(by: 1) }
    }
    progress.finish()
    if let name { try store.saveModel(trained.record(named: name), waiting: wait) }
    let output = TrainingOutput(
      task: KnowledgeGraphSpecification.savedTask, model: options.model.rawValue,
      parameterCount: trained.parameterCount, report: report, metrics: metrics,
      version: graph.version)
    print(global.json ? output.json : output.text(savedAs: name))
  }

  private func tripleOptions(
    _ model: KnowledgeGraphOptions.Model, goingOnWith before: KnowledgeGraphOptions?
  ) -> KnowledgeGraphOptions {
    var options = before ?? KnowledgeGraphOptions(model: model)
    options.model = model
    func set<Value>(_ path: WritableKeyPath<KnowledgeGraphOptions, Value>, _ value: Value?) {
      if let value { options[keyPath: path] = value }
    }
    set(\.width, hidden)
    set(\.batchSize, batchSize)
    set(\.epochs, epochs)
    set(\.patience, patience)
    set(\.learningRate, learningRate)
    set(\.negativeCount, links.pairs.negatives)
    set(\.splitColumn, links.pairs.split)
    if let column = links.relationColumn { options.relationColumn = column }
    set(\.validationCount, links.validateOn)
    set(\.criterion, bestChoice?.metric)
    set(\.seed, global.givenSeed)
    return options
  }
}

extension KnowledgeGraphOptions.Model: NamedCase { static var noun: String { "model" } }
