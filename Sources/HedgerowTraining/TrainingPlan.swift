import HedgerowCore
import HedgerowGNN
public import HedgerowLoader
import HedgerowNN
import HedgerowSampling
import HedgerowTensor

/// What a training would take, before it runs.
///
/// Sizes of batches and what is read follow from the probability that a batch needs each node; memory
/// and time of a step are measured on some steps of a model that is thrown away.
public struct TrainingPlan: Sendable {
  public var batchesPerEpoch = 0
  /// Nodes that a batch is expected to hold.
  public var nodesPerBatch = 0.0
  /// Edges that a batch is expected to draw.
  public var edgesPerBatch = 0.0
  public var reading = ReadingEstimate()
  /// Private memory of the run, the rows that are kept included.
  public var privateByteCount = 0
  /// Seconds of an epoch after the first, without its evaluation.
  public var secondsPerEpoch = 0.0
  /// Steps that were taken to measure.
  public var trialSteps = 0
}

extension NodeClassificationTrainer {
  /// Says what the training would take.
  ///
  /// - Parameter trialSteps: at most so many steps are measured, behind some that warm up.
  /// - Throws: `usage` for options that do not fit the graph, or a budget that is too small for them.
  public func plan(trialSteps: Int = 96) async throws -> TrainingPlan {
    guard options.mode == .sampled else {
      throw HedgerowError(
        .usage,
        options.mode == .graphs
          ? "batches of graphs are as large as these: there is nothing to plan"
          : "a training on the whole graph has no batches to plan: leave out --full-batch")
    }
    let specification = try specification()
    let model = try NodeClassifier(withoutWeights: specification)
    let source = try NodeBatches(
      model, graph, batchSize: options.batchSize, resources: unpinned, trainingEpochs: 1)
    let loader = source.loader!
    var plan = TrainingPlan()
    plan.batchesPerEpoch = try loader.batchCount()
    let batchCount = options.epochs * plan.batchesPerEpoch
    do {
      let probabilities = try loader.inclusionProbabilities(
        checkInterruption: resources.checkInterruption)
      plan.nodesPerBatch = probabilities.knownCounts.values.reduce(0) { $0 + ($1.last ?? 0) }
      plan.edgesPerBatch = probabilities.edgeCounts.values.reduce(0) { $0 + $1.reduce(0, +) }
      let step = StepEstimate(specification, probabilities)
      let limit =
        try NodeClassifier.isPinning(loader, resources)
        ? max(
          0,
          resources.pinnedByteLimit
            ?? NodeClassifier.pinnedByteLimit(loader, step, resources.budget)) : nil
      // As the run will.
      try limit.map { try resources.budget.reserve($0, for: NodeClassifier.pinningPurpose) }?
        .release()
      plan.reading = try loader.readingEstimate(
        by: probabilities, pinnedByteLimit: limit, batchCount: batchCount,
        packing: (resources.packing, NodeBatches.packingByteLimit(resources, beside: limit ?? 0)))
    }
    let trial = try await self.trial(model, source, steps: trialSteps)
    plan.trialSteps = trial.steps
    plan.privateByteCount = trial.privateByteCount + plan.reading.pinnedByteCount
    // What is made ahead and what is computed go on beside each other, and so does what is read.
    plan.secondsPerEpoch = max(
      trial.secondsPerStep * Double(plan.batchesPerEpoch),
      plan.reading.packedEpochCount > 0
        ? plan.reading.packedEpochSeconds
        : Double(plan.reading.laterEpochByteCount) / trial.storageBytesPerSecond)
    return plan
  }

  private var unpinned: TrainingResources {
    var unpinned = resources
    unpinned.pinnedByteLimit = 0
    return unpinned
  }

  private struct Trial {
    var steps = 0
    var secondsPerStep = 0.0
    var privateByteCount = 0
    /// How fast bytes came from the device; infinite when none did.
    var storageBytesPerSecond = Double.infinity
  }

  /// Takes some steps as the run would.
  private func trial(
    _ model: NodeClassifier, _ source: NodeBatches, steps: Int
  ) async throws -> Trial {
    let share = try resources.budget.reserve(
      (options.precision == .float16 ? 6 : 5) * 4 * model.parameterCount,
      for: "a model of \(model.parameterCount) parameters")
    defer { share.release() }
    model.initialize()
    // The run keeps the best epoch's weights beside these.
    let best = model.network.state
    var optimizer = Adam(
      learningRate: Double(options.learningRate), weightDecay: Double(options.weightDecay))
    var trial = Trial()
    var seconds: [Double] = []
    var epoch = 0
    var batches = source.training(epoch: epoch, from: 0)
    let clock = ContinuousClock()
    let (start, read) = (clock.now, ProcessResources.storageByteCountRead)
    while seconds.count < steps + Self.warmingSteps {
      try resources.checkInterruption()
      guard let batch = try await batches.next() else {
        guard epoch < options.epochs - 1, !seconds.isEmpty else { break }
        epoch += 1
        batches = source.training(epoch: epoch, from: 0)
        continue
      }
      let before = clock.now
      let (_, gradients) = valueWithGradients(at: model.network, randomness: batch.randomness) {
        let loss = crossEntropy(batch.logits(model.network), batch.labels)
        // Everything that was computed waits for the way back.
        trial.privateByteCount = max(trial.privateByteCount, ProcessResources.privateByteCount)
        return loss
      }
      trial.privateByteCount = max(trial.privateByteCount, ProcessResources.privateByteCount)
      optimizer.update(model.network, along: gradients)
      seconds.append((clock.now - before).seconds)
      if (clock.now - start).seconds > Self.mostSeconds { break }
    }
    let bytes = ProcessResources.storageByteCountRead - read
    if bytes > 1 << 24 {
      trial.storageBytesPerSecond = Double(bytes) / (clock.now - start).seconds
    }
    withExtendedLifetime(best) {}
    let measured = seconds.dropFirst(min(Self.warmingSteps, seconds.count - 1)).sorted()
    trial.steps = measured.count
    trial.secondsPerStep = measured.isEmpty ? 0 : measured[measured.count / 2]
    return trial
  }

  private static var warmingSteps: Int { 4 }
  /// A trial is over behind the first step that ends later.
  private static var mostSeconds: Double { 20 }
}
