import ArgumentParser
import Hedgerow

extension TrainCommand {
  /// Whether the target is an edge type, whose links are learned.
  var isOfLinks: Bool { target.contains(":") || target == "all" }

  /// What a target of links, or of anything else, does not go with.
  func checkTarget() throws {
    func check(_ isRight: Bool, _ what: String) throws {
      if !isRight { throw ValidationError(what) }
    }
    if modelChoice == .temporal { return try checkTemporal() }
    if links.times != nil { throw ValidationError("--times is of --model tgn") }
    if case .embedding? = modelChoice { return try checkEmbedding() }
    let walks = walking.given.filter { choice.sampler != .saintWalks || $0 != "--walk-length" }
    if let option = walks.first {
      throw ValidationError(
        "\(option) is of --model node2vec and metapath2vec"
          + (option == "--walk-length" ? ", and of --sampler saint-walks" : ""))
    }
    guard isOfLinks else {
      _ = try parsePair(
        target, at: ".", as: "target: write TYPE.COLUMN, as paper.label, or SOURCE:RELATION:TARGET")
      switch modelChoice {
      case .network?, nil: break
      case .links?, .triples?, .embedding?, .temporal?:
        throw ValidationError(
          "--model \(modelChoice!.name) learns links: write --target SOURCE:RELATION:TARGET")
      }
      try check(bestChoice?.metric == nil, "--best is accuracy or loss where classes are learned")
      if let option = links.given {
        throw ValidationError("\(option) is of links: write --target SOURCE:RELATION:TARGET")
      }
      return
    }
    if case .triples? = modelChoice {
      try checkTriples()
    } else {
      do { _ = try EdgeType(validating: target) } catch {
        throw ValidationError(
          "'\(target)' is no edge type: write SOURCE:RELATION:TARGET; several, or all, are of --model "
            + "\(KnowledgeGraphOptions.Model.names)")
      }
      try check(
        links.relationColumn == nil && links.validateOn == nil,
        "--relation-column and --validate-on are of --model \(KnowledgeGraphOptions.Model.names)")
    }
    try check(bestChoice?.criterion == nil, "--best is of links one of \(LinkMetric.names)")
    let others: [(String, Bool)] = [
      ("--full-batch", fullBatch), ("--class-weights", classWeights != nil),
      ("--metapaths", metapaths != nil), ("--readout", readout != nil),
      ("--where", filter.text != nil), ("--pin", reading.pin != nil),
      ("--scratch", reading.scratch != nil), (choice.given ?? "", choice.given != nil),
    ]
    if let option = others.first(where: { $0.1 })?.0 {
      throw ValidationError("\(option) is of classes, not of links: leave it out")
    }
  }

  func runLinks() async throws {
    if case .triples(let model)? = modelChoice { return try await runTriples(model) }
    let name = save ?? resume
    var resources = try global.trainingResources()
    resources.trace = try reading.makeTrace()
    let store = try GraphStore.open(at: store.path, name == nil ? .readOnly : .readWrite)
    let graph = try store.snapshot()
    let checkpoint = try resume.map { try LinkCheckpoint(named: $0, in: graph) }
    var trainer = try linkTrainer(
      over: graph, goingOnWith: checkpoint?.specification.options, resources: resources)
    trainer.checkpointName = name
    trainer.checkpointInterval = checkpointEvery

    let progress = ProgressBar(
      "training", total: trainer.options.training.epochs, unit: .items("epochs"))
    progress.advance(by: checkpoint?.progress.epoch ?? 0)
    let ready = trainer
    let (model, report, metrics) = try await Compute.with(global.makePool()) {
      try await ready.run(resuming: checkpoint) { _, _, _ in progress.advance(by: 1) }
    }
    progress.finish()
    try resources.trace?.finish()
    if let name { try store.saveModel(model.record(named: name), waiting: wait) }
    let output = TrainingOutput(
      task: LinkSpecification.savedTask, model: model.specification.options.name,
      parameterCount: model.parameterCount, report: report, metrics: metrics,
      version: graph.version)
    print(global.json ? output.json : output.text(savedAs: name))
  }

  func linkTrainer(
    over graph: Snapshot, goingOnWith before: LinkTrainingOptions? = nil,
    resources: TrainingResources
  ) throws -> LinkPredictionTrainer {
    LinkPredictionTrainer(
      graph, target: try EdgeType(validating: target),
      options: try linkOptions(goingOnWith: before, graph.schema), resources: resources)
  }

  /// The defaults, or the options of a training that goes on, with what was given.
  private func linkOptions(
    goingOnWith before: LinkTrainingOptions?, _ schema: GraphSchema
  ) throws -> LinkTrainingOptions {
    var kind = before?.model ?? .network
    switch modelChoice {
    case .links(let model)?: kind = model
    case .network?: kind = .network
    case .triples?, .embedding?, .temporal?, nil: break
    }
    var options = before ?? LinkTrainingOptions(model: kind)
    options.model = kind
    options.training = try self.options(goingOnWith: options.training, schema)
    if kind == .lightgcn { options.training.fanouts = fanouts ?? [] }
    links.apply(to: &options)
    if let metric = bestChoice?.metric { options.criterion = metric }
    return options
  }
}

extension LinkTrainingOptions {
  /// As `--model` names it.
  var name: String { model == .network ? training.model.rawValue : model.rawValue }
}

extension LinkMetrics {
  var json: JSON {
    .object(
      values.map { .init(key: $0.metric.rawValue, value: .double($0.value)) }
        + [
          .init(key: "count", value: .int(count)),
          .init(key: "candidates", value: .int(candidateCount)),
        ])
  }

  var text: String {
    values.map { "\($0.metric.rawValue) \($0.value.formatted(decimals: 4))" }
      .joined(separator: ", ")
      + " (\(count.counting("link")) among \(candidateCount.counting("candidate")))"
  }
}
