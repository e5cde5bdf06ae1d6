import ArgumentParser
import Hedgerow

/// Training of `--model tgn`, on the links of one edge type as events in time.
extension TrainCommand {
  func checkTemporal() throws {
    do { _ = try EdgeType(validating: target) } catch {
      throw ValidationError(
        "--model tgn learns from events of one edge type: write --target SOURCE:RELATION:TARGET")
    }
    let others: [(String, Bool)] = [
      ("--layers", layers != nil), ("--input-dropout", inputDropout != nil),
      ("--input-scaling", inputScaling != nil), ("--activation", activation != nil),
      ("--jumping", jumping != nil), ("--bases", bases != nil),
      ("--metapaths", metapaths != nil), ("--readout", readout != nil),
      ("--precision", precision != nil), ("--weight-decay", weightDecay != nil),
      ("--encode", encode != nil), ("--no-reverse", noReverse), ("--full-batch", fullBatch),
      ("--class-weights", classWeights != nil), ("--where", filter.text != nil),
      ("--decoder", links.decoder != nil), ("--negatives-from", links.pairs.negativesFrom != nil),
      ("--relation-column", links.relationColumn != nil),
      ("--validate-on", links.validateOn != nil), ("--pin", reading.pin != nil),
      ("--scratch", reading.scratch != nil),
      (
        "what says which neighbors are taken, as --model tgn takes a node's last ones by --times",
        sampling.isGiven || choice.given != nil
      ),
    ]
    if let option = others.first(where: { $0.1 })?.0 {
      throw ValidationError("--model tgn has no use for it: leave out \(option)")
    }
    if let fanouts, fanouts.count != 1 || fanouts[0] < 1 {
      throw ValidationError("--fanouts of --model tgn is one count, of a node's last events: 10")
    }
    if bestChoice?.criterion != nil {
      throw ValidationError("--best is of links one of \(LinkMetric.names)")
    }
  }

  func runTemporal() async throws {
    let name = save ?? resume
    var resources = try global.trainingResources()
    resources.trace = try reading.makeTrace()
    let store = try GraphStore.open(at: store.path, name == nil ? .readOnly : .readWrite)
    let graph = try store.snapshot()
    let checkpoint = try resume.map { try TemporalLinkCheckpoint(named: $0, in: graph) }
    let options = try temporalOptions(goingOnWith: checkpoint?.specification.options)
    var trainer = TemporalLinkTrainer(
      graph, target: try EdgeType(validating: target), options: options, resources: resources)
    trainer.checkpointName = name
    trainer.checkpointInterval = checkpointEvery
    let progress = ProgressBar("training", total: options.epochs, unit: .items("epochs"))
    progress.advance(by: checkpoint?.progress.epoch ?? 0)
    let ready = trainer
    let (trained, report, metrics) = try await Compute.with(global.makePool()) {
      try await ready.run(resuming: checkpoint) { _, _, _ in progress.advance(by: 1) }
    }
    progress.finish()
    try resources.trace?.finish()
    if let name { try store.saveModel(trained.record(named: name), waiting: wait) }
    let output = TrainingOutput(
      task: TemporalLinkSpecification.savedTask, model: ModelChoice.temporal.name,
      parameterCount: trained.parameterCount, report: report, metrics: metrics,
      version: graph.version)
    print(global.json ? output.json : output.text(savedAs: name))
  }

  private func temporalOptions(
    goingOnWith before: TemporalLinkOptions?
  ) throws -> TemporalLinkOptions {
    var options = before ?? TemporalLinkOptions()
    func set<Value>(_ path: WritableKeyPath<TemporalLinkOptions, Value>, _ value: Value?) {
      if let value { options[keyPath: path] = value }
    }
    if let column = links.times { options.timeColumn = column }
    set(\.splitColumn, links.pairs.split)
    set(\.width, hidden)
    set(\.neighborCount, fanouts?.first)
    set(\.batchSize, batchSize)
    set(\.negativeCount, links.pairs.negatives)
    set(\.candidateCount, links.candidates)
    set(\.epochs, epochs)
    set(\.patience, patience)
    set(\.learningRate, learningRate)
    set(\.dropout, dropout)
    set(\.criterion, bestChoice?.metric)
    set(\.seed, global.givenSeed)
    if let inputs {
      options.messageColumns = try inputs.split(separator: ",").map { part in
        let (type, column) = try parsePair(String(part), at: ".", as: "column")
        guard type == target else {
          throw HedgerowError(
            .usage,
            "--inputs of --model tgn are columns of its events: write \(target).COLUMN, not \(part)"
          )
        }
        return column
      }
    }
    return options
  }
}
