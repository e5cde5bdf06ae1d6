import ArgumentParser
import Hedgerow

/// Training of `--model node2vec` and its like, which learn rows of a type's nodes without labels.
extension TrainCommand {
  func checkEmbedding() throws {
    guard !target.contains(where: { $0 == ":" || $0 == "." || $0 == "," }) else {
      throw ValidationError(
        "--model \(modelChoice!.name) learns rows of nodes: write --target TYPE, as paper")
    }
    let isOfWalks = modelChoice != .embedding(.dgi)
    let others: [(String, Bool)] = [
      ("--full-batch", fullBatch), ("--class-weights", classWeights != nil),
      ("--readout", readout != nil), ("--where", filter.text != nil), ("--best", bestChoice != nil),
      ("--patience", patience != nil), ("--pin", reading.pin != nil),
      ("--scratch", reading.scratch != nil), ("--fanouts", fanouts != nil),
      ("--dropout", dropout != nil), ("--input-dropout", inputDropout != nil),
      ("--input-scaling", inputScaling != nil), ("--activation", activation != nil),
      ("--bases", bases != nil), ("--precision", precision != nil),
      ("--weight-decay", weightDecay != nil), ("--encode", encode != nil),
      ("--no-reverse", noReverse), ("--split", links.pairs.split != nil),
      ("--decoder", links.decoder != nil), ("--negatives-from", links.pairs.negativesFrom != nil),
      ("--candidates", links.candidates != nil),
      ("--relation-column", links.relationColumn != nil),
      ("--validate-on", links.validateOn != nil),
      ("what says which neighbors are taken", sampling.isGiven || choice.given != nil),
      ("--inputs", isOfWalks && inputs != nil), ("--layers", isOfWalks && layers != nil),
      ("--batch-size", !isOfWalks && batchSize != nil),
      ("--negatives", !isOfWalks && links.pairs.negatives != nil),
      (walking.given.first ?? "", !isOfWalks && !walking.given.isEmpty),
    ]
    if let option = others.first(where: { $0.1 })?.0 {
      throw ValidationError("--model \(modelChoice!.name) has no use for it: leave \(option) out")
    }
  }

  func runEmbedding(_ model: EmbeddingOptions.Model) async throws {
    let name = save ?? resume
    let resources = try global.trainingResources()
    let store = try GraphStore.open(at: store.path, name == nil ? .readOnly : .readWrite)
    let graph = try store.snapshot()
    let checkpoint = try resume.map { try EmbeddingCheckpoint(named: $0, in: graph) }
    let options = try embeddingOptions(
      model, goingOnWith: checkpoint?.specification.options, graph.schema)
    var trainer = EmbeddingTrainer(
      graph, target: NodeType(target), options: options, resources: resources)
    trainer.checkpointName = name
    trainer.checkpointInterval = checkpointEvery
    let progress = ProgressBar("training", total: options.epochs, unit: .items("epochs"))
    progress.advance(by: checkpoint?.progress.epoch ?? 0)
    let ready = trainer
    let (trained, report) = try await Compute.with(global.makePool()) {
      try await ready.run(resuming: checkpoint) { _, _ in progress.advance(by: 1) }
    }
    progress.finish()
    if let name { try store.saveModel(trained.record(named: name), waiting: wait) }
    let output = TrainingOutput(
      task: EmbeddingSpecification.savedTask, model: model.rawValue,
      parameterCount: trained.parameterCount, report: report, metrics: [], version: graph.version)
    print(
      global.json
        ? output.json
        : output.text(
          savedAs: name, next: "hedgerow predict STORE --from NAME --write \(target).\(model)"))
  }

  private func embeddingOptions(
    _ model: EmbeddingOptions.Model, goingOnWith before: EmbeddingOptions?, _ schema: GraphSchema
  ) throws -> EmbeddingOptions {
    var options = before ?? EmbeddingOptions(model: model)
    options.model = model
    func set<Value>(_ path: WritableKeyPath<EmbeddingOptions, Value>, _ value: Value?) {
      if let value { options[keyPath: path] = value }
    }
    set(\.width, hidden)
    set(\.epochs, epochs)
    set(\.batchSize, batchSize)
    set(\.learningRate, learningRate)
    set(\.layerCount, layers)
    set(\.negativeCount, links.pairs.negatives)
    set(\.seed, global.givenSeed)
    set(\.steps, walking.walkLength)
    set(\.walksPerNode, walking.walks)
    set(\.window, walking.window)
    set(\.returning, walking.returning)
    set(\.leaving, walking.leaving)
    if let metapaths { options.path = metapaths }
    if inputs != nil {
      options.inputs = try self.options(goingOnWith: TrainingOptions(), schema).inputs
    }
    return options
  }
}
