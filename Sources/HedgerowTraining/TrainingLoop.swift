import HedgerowCore
import HedgerowLoader
import HedgerowMapped
import HedgerowNN
import HedgerowTensor

/// What a step of training takes in at once.
protocol TrainingBatch {
  /// What its loss is the mean of; a batch of none is passed over.
  var exampleCount: Int { get }
  var randomness: RandomStream { get }
  var seconds: StageSeconds { get }
  var rows: RowCounts { get }
}

/// What is trained, and on what: the part of a training that depends on its task.
///
/// Batch i of epoch e is a pure function of (e, i), and of nothing else that changes but the module's parameters and
/// buffers, which checkpoints hold.
protocol TrainingTask: AnyObject {
  associatedtype Specification: SavedSpecification
  associatedtype Batch: TrainingBatch
  associatedtype Metrics

  var specification: Specification { get }
  /// What has the parameters.
  var module: any Module { get }
  /// Whether losses are scaled, so that small gradients are numbers of 16 bits.
  var scalesLosses: Bool { get }
  /// Threads that make batches.
  var loaderThreads: Int { get }

  /// Goes to a batch of an epoch.
  func begin(epoch: Int, from firstBatch: Int) async throws
  func nextBatch() async throws -> Batch?
  /// Waits until as many batches are made ahead as may be: for a look at what they take.
  func filled() async
  /// Lets go of what an epoch's batches took, once they are over.
  func end()
  func loss(of batch: Batch) -> Tensor
  /// Takes a batch in, once the step along its gradients is taken.
  func finish(_ batch: Batch)
  /// Metrics on the validation set; `nil` where there is none.
  func validationMetrics() async throws -> Metrics?
  /// By what one epoch is told to be better than another.
  func standing(of metrics: Metrics) -> Standing
  func isBetter(_ one: Standing, than other: Standing) -> Bool
  /// What to say where no batch of an epoch had examples.
  var missingExamples: String { get }
  /// Whether an epoch may have none, as what it is made of is drawn.
  var mayLackExamples: Bool { get }
}

typealias Standing = (score: Double, loss: Double)

extension TrainingTask {
  var scalesLosses: Bool { false }
  var mayLackExamples: Bool { false }

  func filled() async {}
  func end() {}
  func finish(_ batch: Batch) {}

  /// By the score, then by the lower loss.
  func isBetter(_ one: Standing, than other: Standing) -> Bool {
    (one.score, -one.loss) > (other.score, -other.loss)
  }
}

/// When a training began, and what the process had read by then.
struct TrainingStart {
  let instant = ContinuousClock.now
  let storageByteCount = ProcessResources.storageByteCountRead
}

extension MemoryBudget {
  /// For weights, their gradients and Adam's two moments, and the best epoch's copy; gradients that were scaled, too.
  func reserve(parameterCount: Int, _ scalesLosses: Bool) throws -> Reservation {
    try reserve(
      (scalesLosses ? 6 : 5) * 4 * parameterCount, for: "a model of \(parameterCount) parameters")
  }
}

/// How a training goes on and ends.
struct TrainingSchedule {
  var epochs: Int
  /// Epochs without a better one after which it stops.
  var patience: Int
  /// The name to keep checkpoints under; none are kept without.
  var checkpointName: String?
  /// Seconds of work between two checkpoints, at least; they never take more than a tenth of the time.
  var checkpointInterval = 5.0
}

/// Takes steps along gradients until epochs or patience are over, keeps checkpoints, and the best epoch's weights.
final class TrainingLoop<Task: TrainingTask> {
  let task: Task
  private let schedule: TrainingSchedule
  private let resources: TrainingResources
  /// The store's directory, where checkpoints are kept.
  private let directory: String
  private let dataIdentity: String
  private var optimizer: any Optimizer
  private var progress = TrainingProgress()
  private var best: ModelState?
  private(set) var report = TrainingReport()
  private let share: MemoryBudget.Reservation
  private let clock = ContinuousClock()
  private let start: TrainingStart
  private var lastCheckpoint: ContinuousClock.Instant
  private var checkpointSeconds = 0.0
  /// On the checkpoints' name.
  private let lock: FileLock?

  /// Draws the weights from the seed, or takes those of a checkpoint.
  ///
  /// - Parameters:
  ///   - start: before anything was prepared.
  ///   - parameterCount: of the task's network: they have their memory before the task takes its own.
  ///   - scalesLosses: as the task says.
  ///   - makeTask: called once no other training of the name is under way.
  init(
    from start: TrainingStart, parameterCount: Int, scalesLosses: Bool = false,
    _ optimizer: any Optimizer,
    _ schedule: TrainingSchedule, seed: UInt64, directory: String,
    dataIdentity: @autoclosure () -> String, resources: TrainingResources,
    resuming checkpoint: TrainingCheckpoint<Task.Specification>?, task makeTask: () throws -> Task
  ) throws {
    self.start = start
    self.optimizer = optimizer
    self.schedule = schedule
    self.resources = resources
    self.directory = directory
    lock = try schedule.checkpointName.map {
      try TrainingCheckpoint<Task.Specification>.lock($0, in: directory)
    }
    share = try resources.budget.reserve(parameterCount: parameterCount, scalesLosses)
    task = try makeTask()
    self.dataIdentity = schedule.checkpointName == nil ? "" : dataIdentity()
    lastCheckpoint = clock.now
    if let checkpoint {
      let numbers = try checkpoint.numbers()
      try task.module.load(numbers.model)
      try self.optimizer.load(numbers.optimizer, for: task.module)
      progress = checkpoint.progress
      best = numbers.best
    } else {
      _ = task.module.initialized(seed: seed)
      if task.scalesLosses { progress.scaler = LossScaler() }
    }
    report.seconds.prepare = (clock.now - start.instant).seconds
  }

  /// - Parameters:
  ///   - onEpoch: called after each epoch with its number from 1, its mean loss and the validation metrics.
  ///   - measure: called with the best epoch's weights in place.
  /// - Throws: `interrupted` when the resources say so, once the state is saved.
  func run(
    onEpoch: (Int, Double, Task.Metrics?) -> Void, measure: () async throws -> Void
  ) async throws {
    var isTrained = false
    do {
      // From now on there is something to go on with.
      try saveCheckpoint()
      while progress.epoch < schedule.epochs && !isOutOfPatience {
        try await epoch(onEpoch: onEpoch)
        try saveCheckpointIfDue()
      }
      try saveCheckpoint()
      isTrained = true
      if let best { try task.module.load(best) }
      try await measuring { try await measure() }
    } catch let error as HedgerowError where error.code == .interrupted {
      guard let name = schedule.checkpointName else { throw error }
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
    report.seconds.total = (clock.now - start.instant).seconds
    report.storageByteCount =
      ProcessResources.storageByteCountRead - start.storageByteCount
  }

  private var isOutOfPatience: Bool {
    guard let best = progress.best else { return false }
    return progress.epoch - best.epoch >= schedule.patience
  }

  private func epoch(onEpoch: (Int, Double, Task.Metrics?) -> Void) async throws {
    try await task.begin(epoch: progress.epoch, from: progress.batch)
    let begin = clock.now
    let stagesBefore = report.seconds.stages.total
    let secondsBefore = report.seconds.compute + report.seconds.wait
    while true {
      let before = clock.now
      guard let batch = try await task.nextBatch() else { break }
      let ready = clock.now
      report.seconds.wait += (ready - before).seconds
      report.seconds.stages += batch.seconds
      report.rows += batch.rows
      try resources.checkInterruption()
      try _Concurrency.Task.checkCancellation()
      let number = progress.batch
      try step(batch)
      let done = clock.now
      report.seconds.compute += (done - ready).seconds
      resources.trace?.add("wait", from: before, to: ready, batch: number)
      resources.trace?.add("compute", from: ready, to: done, batch: number)
      try saveCheckpointIfDue()
    }
    task.end()
    report.seconds.idle +=
      Double(task.loaderThreads) * (clock.now - begin).seconds
      - (report.seconds.stages.total - stagesBefore)
    // The last one, where none has had any.
    guard
      progress.labelledCount > 0
        || (task.mayLackExamples && (progress.steps > 0 || progress.epoch + 1 < schedule.epochs))
    else { throw HedgerowError(.usage, task.missingExamples) }
    let metrics = try await measuring { try await task.validationMetrics() }
    progress.epoch += 1
    if progress.labelledCount > 0 {
      progress.loss = progress.lossSum / Double(progress.labelledCount)
    }
    (progress.batch, progress.lossSum, progress.labelledCount) = (0, 0, 0)
    let standing = metrics.map(task.standing)
    report.history.append(
      .init(
        number: progress.epoch, loss: progress.loss, score: standing?.score,
        seconds: report.seconds.compute + report.seconds.wait - secondsBefore))
    if let standing {
      if progress.best.map({ task.isBetter(standing, than: ($0.score, $0.loss)) }) ?? true {
        progress.best = .init(epoch: progress.epoch, score: standing.score, loss: standing.loss)
        best = task.module.state
      }
    }
    onEpoch(progress.epoch, progress.loss, metrics)
  }

  private func step(_ batch: Task.Batch) throws {
    let count = batch.exampleCount
    if count > 0 {
      let (loss, gradients) = valueWithGradients(at: task.module, randomness: batch.randomness) {
        let loss = task.loss(of: batch)
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
        optimizer.update(task.module, along: gradients)
      } else {
        progress.scaler!.update(task.module, along: gradients, with: &optimizer)
      }
      progress.lossSum += value * Double(count)
      progress.labelledCount += count
      progress.steps += 1
      task.finish(batch)
    }
    lookAtMemory()
    progress.batch += 1
  }

  private func measuring<Result>(_ body: () async throws -> Result) async rethrows -> Result {
    let start = clock.now
    defer {
      lookAtMemory()
      report.seconds.evaluate += (clock.now - start).seconds
      resources.trace?.add("evaluate", from: start, to: clock.now)
    }
    return try await body()
  }

  /// Behind each step and evaluation: what tensors had then waits for the next ones, and is there still.
  private func lookAtMemory() {
    report.peakPrivateByteCount = max(
      report.peakPrivateByteCount, ProcessResources.privateByteCount)
  }

  // MARK: Checkpoints

  private func saveCheckpointIfDue() throws {
    let interval = max(schedule.checkpointInterval, 10 * checkpointSeconds)
    if (clock.now - lastCheckpoint).seconds >= interval { try saveCheckpoint() }
  }

  private func saveCheckpoint() throws {
    guard let name = schedule.checkpointName else { return }
    let start = clock.now
    let numbers = TrainingCheckpoint<Task.Specification>.Numbers(
      model: task.module.state, best: best, optimizer: optimizer.state)
    try TrainingCheckpoint.save(
      numbers, task.specification, progress, dataIdentity: dataIdentity, named: name, in: directory)
    lastCheckpoint = clock.now
    checkpointSeconds = (lastCheckpoint - start).seconds
    report.seconds.save += checkpointSeconds
    resources.trace?.add("save", from: start, to: lastCheckpoint)
  }
}
