public import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
import HedgerowMapped
import HedgerowNN
public import HedgerowStore
import HedgerowTensor

/// Trains a ``NodeClassifier`` from batches sampled off a store, from the whole graph at once or, where nodes are
/// graphs to which others belong, from batches of graphs, and
/// keeps the weights of the best epoch by accuracy, or loss, on the validation set.
///
/// Everything random is a function of the seed; sums have one order: the result is the same bits
/// for any number of threads and any memory budget, and when a run is stopped at any batch and
/// resumed.
public struct NodeClassificationTrainer: Sendable {
  public let graph: Snapshot
  public let target: (type: NodeType, column: String)
  public let options: TrainingOptions
  public let resources: TrainingResources
  /// The name to keep checkpoints under; none are kept without.
  public var checkpointName: String?
  /// Seconds of work between two checkpoints, at least; they never take more than a tenth of the
  /// time.
  public var checkpointInterval = 5.0

  public init(
    _ graph: Snapshot, target: (type: NodeType, column: String), options: TrainingOptions,
    resources: TrainingResources
  ) {
    self.graph = graph
    self.target = target
    self.options = options
    self.resources = resources
  }

  /// - Parameters:
  ///   - checkpoint: where to go on. Its options must be these, but for epochs and patience.
  ///   - onEpoch: called after each epoch with its number from 1, its mean loss and the
  ///     validation metrics.
  /// - Throws: `interrupted` when the resources say so, once the state is saved.
  public func run(
    resuming checkpoint: Checkpoint? = nil,
    onEpoch: (Int, Double, ClassificationMetrics?) -> Void = { _, _, _ in }
  ) async throws -> (model: NodeClassifier, report: TrainingReport) {
    let storageByteCount = ProcessResources.storageByteCountRead
    var specification = try specification()
    if let checkpoint {
      try check(checkpoint, against: specification)
      specification.dataVersion = checkpoint.specification.dataVersion
    }
    let run = try await TrainingRun(
      self, NodeClassifier(withoutWeights: specification), checkpoint)
    var (model, report) = try await run.finish(onEpoch: onEpoch)
    report.storageByteCount = ProcessResources.storageByteCountRead - storageByteCount
    return (model, report)
  }

  /// - Throws: `usage` when there is no node to train on.
  func checkTrainingSet() throws {
    guard let train = try graph.set(named: "train", of: target.type), !train.isEmpty else {
      throw HedgerowError(
        .usage,
        "node type '\(target.type)' has no set named 'train': ingest one with --split "
          + "\(target.type).COLUMN")
    }
    if let filter = try options.seedFilter,
      try graph.nodes(of: target.type, where: filter).isDisjoint(with: train)
    {
      throw HedgerowError(.usage, "no node of the set 'train' is one where \(filter)")
    }
  }

  /// The set that says which epoch is best; `nil` where there is none.
  var validationSet: String? {
    get throws { try ["valid", "val", "validation"].first { try hasMembers($0) } }
  }

  /// Whether there is such a set of the target's type, and it is not empty.
  func hasMembers(_ set: String) throws -> Bool {
    try graph.set(named: set, of: target.type).map { !$0.isEmpty } ?? false
  }

  private func check(_ checkpoint: Checkpoint, against specification: ModelSpecification) throws {
    var (before, now) = (checkpoint.specification, specification)
    before.dataVersion = now.dataVersion
    (before.options.epochs, before.options.patience) = (now.options.epochs, now.options.patience)
    guard before != now else { return }
    // Options first: they are what a caller changes.
    let (a, b) = (checkpoint.specification.options, specification.options)
    let isOther = before.targetColumn != now.targetColumn || before.targetType != now.targetType
    let parts: [(option: String, isChanged: Bool)] = [
      ("--target", isOther), ("--model", a.model != b.model),
      ("--full-batch", a.mode != b.mode), ("--best", a.criterion != b.criterion),
      ("--positions", a.positions != b.positions), ("--radius", a.radius != b.radius),
      ("--steps or --alpha", a.propagation != b.propagation),
      ("--readout", a.readout != b.readout), ("--metapaths", a.metapaths != b.metapaths),
      ("--class-weights", a.classWeights != b.classWeights), ("--where", a.filter != b.filter),
    ]
    throw TrainingOptions.refusal(
      ofChanged: parts.filter(\.isChanged).map(\.option) + a.changes(to: b))
  }
}

/// One run of a trainer.
private final class TrainingRun {
  private let trainer: NodeClassificationTrainer
  private let model: NodeClassifier
  private var source: NodeBatches
  private let validation: String?
  private var optimizer: Adam
  private var progress = Checkpoint.Progress()
  private var best: ModelState?
  private var report = TrainingReport()
  private let share: MemoryBudget.Reservation
  private let clock = ContinuousClock()
  private let start = ContinuousClock.now
  private var lastCheckpoint: ContinuousClock.Instant
  private var checkpointSeconds = 0.0
  private let dataIdentity: String
  /// On the checkpoints' name.
  private let lock: FileLock?

  private var options: TrainingOptions { trainer.options }

  /// - Parameter model: without weights, which are made when there is memory for them.
  init(
    _ trainer: NodeClassificationTrainer, _ model: NodeClassifier, _ checkpoint: Checkpoint?
  ) async throws {
    self.trainer = trainer
    self.model = model
    let graph = trainer.graph
    lock = try trainer.checkpointName.map { try Checkpoint.lock($0, in: graph.path) }
    let isScaled = trainer.options.precision == .float16
    // Weights, their gradients and Adam's two moments, and the best epoch's copy; gradients that were
    // scaled, too.
    share = try trainer.resources.budget.reserve(
      (isScaled ? 6 : 5) * 4 * model.parameterCount,
      for: "a model of \(model.parameterCount) parameters")
    try trainer.checkTrainingSet()
    validation = try trainer.validationSet
    source = try NodeBatches(
      model, graph, batchSize: trainer.options.batchSize, resources: trainer.resources,
      trainingEpochs: trainer.options.epochs)
    optimizer = Adam(
      learningRate: Double(trainer.options.learningRate),
      weightDecay: Double(trainer.options.weightDecay))
    lastCheckpoint = clock.now
    dataIdentity = trainer.checkpointName == nil ? "" : graph.dataIdentity
    if let checkpoint {
      let numbers = try checkpoint.numbers()
      try model.network.load(numbers.model)
      try optimizer.load(numbers.optimizer, for: model.network)
      progress = checkpoint.progress
      best = numbers.best
    } else {
      model.initialize()
      if isScaled { progress.scaler = LossScaler() }
    }
  }

  func finish(
    onEpoch: (Int, Double, ClassificationMetrics?) -> Void
  ) async throws -> (NodeClassifier, TrainingReport) {
    report.seconds.prepare = source.secondsOfPinning
    report.pinnedByteCount = source.pinnedByteCount
    var isTrained = false
    do {
      // From now on there is something to go on with.
      try saveCheckpoint()
      while progress.epoch < options.epochs && !isOutOfPatience {
        try await epoch(onEpoch: onEpoch)
        try saveCheckpointIfDue()
      }
      try saveCheckpoint()
      isTrained = true
      if let best { try model.network.load(best) }
      for name in [validation, "test"].compactMap({ $0 }) {
        guard try trainer.hasMembers(name) else { continue }
        let metrics = try await metrics(of: name, by: .model)
        report.metrics.append((name == "test" ? "test" : "valid", metrics))
      }
    } catch let error as HedgerowError where error.code == .interrupted {
      guard let name = trainer.checkpointName else { throw error }
      if !isTrained { try saveCheckpoint() }
      throw HedgerowError(
        .interrupted,
        "interrupted in epoch \(progress.epoch + 1) after \(progress.batch) batches; saved: go on "
          + "with --resume \(name)")
    }
    report.epochs = progress.epoch
    report.bestEpoch = progress.best?.epoch ?? progress.epoch
    report.loss = progress.loss
    report.steps = progress.steps
    report.seconds.pack = source.secondsOfPacking
    report.packedByteCount = source.packedByteCount
    report.seconds.total = (clock.now - start).seconds
    return (model, report)
  }

  private var isOutOfPatience: Bool {
    guard let best = progress.best else { return false }
    return progress.epoch - best.epoch >= options.patience
  }

  private func epoch(
    onEpoch: (Int, Double, ClassificationMetrics?) -> Void
  ) async throws {
    try await source.pack(
      epoch: progress.epoch, from: progress.batch, upTo: options.epochs)
    var batches = source.training(epoch: progress.epoch, from: progress.batch)
    let begin = clock.now
    let stagesBefore = report.seconds.stages.total
    while true {
      let before = clock.now
      guard let batch = try await batches.next() else { break }
      let ready = clock.now
      report.seconds.wait += (ready - before).seconds
      report.seconds.stages += batch.seconds
      report.rows += batch.rows
      try trainer.resources.checkInterruption()
      try Task.checkCancellation()
      let number = progress.batch
      try step(batch)
      let done = clock.now
      report.seconds.compute += (done - ready).seconds
      trainer.resources.trace?.add("wait", from: before, to: ready, batch: number)
      trainer.resources.trace?.add("compute", from: ready, to: done, batch: number)
      try saveCheckpointIfDue()
    }
    report.seconds.idle +=
      Double(source.loaderThreads) * (clock.now - begin).seconds
      - (report.seconds.stages.total - stagesBefore)
    guard progress.labelledCount > 0 else {
      throw HedgerowError(
        .usage,
        "no node of the set 'train' has a label in '\(trainer.target.type).\(trainer.target.column)'"
      )
    }
    var metrics: ClassificationMetrics?
    if let validation { metrics = try await self.metrics(of: validation, by: .network) }
    progress.epoch += 1
    progress.loss = progress.lossSum / Double(progress.labelledCount)
    (progress.batch, progress.lossSum, progress.labelledCount) = (0, 0, 0)
    if let metrics {
      if isBetter(metrics) {
        progress.best = Checkpoint.Progress.Best(
          epoch: progress.epoch, score: metrics.accuracy, loss: metrics.loss)
        best = model.network.state
      }
    }
    onEpoch(progress.epoch, progress.loss, metrics)
  }

  private func isBetter(_ metrics: ClassificationMetrics) -> Bool {
    guard let best = progress.best else { return true }
    return switch options.criterion ?? .accuracy {
    case .accuracy: (metrics.accuracy, -metrics.loss) > (best.score, -best.loss)
    case .loss: metrics.loss < best.loss
    }
  }

  private func step(_ batch: NodeBatch) throws {
    let labelled = batch.labels.count { $0 >= 0 }
    if labelled > 0 {
      let (loss, gradients) = valueWithGradients(
        at: model.network, randomness: batch.randomness
      ) {
        let loss = crossEntropy(batch.logits(model.network), batch.labels)
        return progress.scaler?.scaled(loss) ?? loss
      }
      let value = Double(loss.scalar) / Double(progress.scaler?.scale ?? 1)
      guard value.isFinite else {
        throw HedgerowError(
          .badData,
          "the loss is \(value.isNaN ? "no number" : "infinite") in epoch \(progress.epoch + 1): look "
            + "for NaN or huge values among the features, or lower --learning-rate"
            + (progress.scaler == nil ? "" : "; float16 has no numbers above 65504, bfloat16 has"))
      }
      if progress.scaler == nil {
        optimizer.update(model.network, along: gradients)
      } else {
        progress.scaler!.update(model.network, along: gradients, with: &optimizer)
      }
      progress.lossSum += value * Double(labelled)
      progress.labelledCount += labelled
      progress.steps += 1
    }
    lookAtMemory()
    progress.batch += 1
  }

  private func metrics(
    of set: String, by predictor: NodeBatches.Predictor
  ) async throws -> ClassificationMetrics {
    let start = clock.now
    defer {
      report.seconds.evaluate += (clock.now - start).seconds
      trainer.resources.trace?.add("evaluate", from: start, to: clock.now)
    }
    defer { lookAtMemory() }
    return try await source.metrics(of: set, by: predictor)
  }

  /// Behind each step and evaluation: what tensors had then waits for the next ones, and is there still.
  private func lookAtMemory() {
    report.peakPrivateByteCount = max(
      report.peakPrivateByteCount, ProcessResources.privateByteCount)
  }

  // MARK: Checkpoints

  private func saveCheckpointIfDue() throws {
    let interval = max(trainer.checkpointInterval, 10 * checkpointSeconds)
    if (clock.now - lastCheckpoint).seconds >= interval { try saveCheckpoint() }
  }

  private func saveCheckpoint() throws {
    guard let name = trainer.checkpointName else { return }
    let start = clock.now
    let numbers = Checkpoint.Numbers(
      model: model.network.state, best: best, optimizer: optimizer.state)
    try Checkpoint.save(
      numbers, model.specification, progress, dataIdentity: dataIdentity, named: name,
      in: trainer.graph.path)
    lastCheckpoint = clock.now
    checkpointSeconds = (lastCheckpoint - start).seconds
    report.seconds.save += checkpointSeconds
    trainer.resources.trace?.add("save", from: start, to: lastCheckpoint)
  }
}
