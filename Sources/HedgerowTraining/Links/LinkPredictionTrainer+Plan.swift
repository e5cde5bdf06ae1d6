import HedgerowCore
import HedgerowGraph
import HedgerowLoader
import HedgerowMapped
import HedgerowRoaring
import HedgerowSampling
import HedgerowStore
import HedgerowTensor

extension LinkPredictionTrainer {
  /// Says what the training would take.
  ///
  /// The links of the training set are read and sorted, as a run does before its first batch.
  ///
  /// - Parameter trialSteps: at most so many steps are measured, behind some that warm up.
  /// - Throws: `usage` for options that do not fit the graph, or a budget that is too small for them.
  public func plan(trialSteps: Int = 96) async throws -> TrainingPlan {
    try checkOptions()
    guard options.model != .lightgcn else {
      throw HedgerowError(
        .usage,
        "lightgcn holds the rows of all nodes in memory and goes over all links in each step: there is "
          + "nothing to plan")
    }
    let links = try DividedLinks(graph, target, column: options.splitColumn, resources: resources)
    let task = try LinkTask(
      LinkPredictor(withoutWeights: try specification(links)), links, resources: resources,
      readsFeatures: false)
    let epochs = options.training.epochs
    // The last is evaluated once, the other behind each epoch.
    let sets = try [("valid", 1), ("test", 1 / Double(epochs))].compactMap { set, timesPerEpoch in
      try links.members(of: set).map { (members: $0, timesPerEpoch: timesPerEpoch) }
    }
    let trial = try await self.trial(task, sets, steps: trialSteps)
    BufferPool.releaseIdle()
    let (probabilities, secondsOfSampling) = try await observed(task.loader, epochs: epochs)
    var plan = TrainingPlan(batchesPerEpoch: try task.loader.batchCount(), probabilities)
    let candidates = task.evaluation.candidateLoader()
    var evaluation: [(InclusionProbabilities, batchCount: Int, timesPerEpoch: Double)] = []
    for set in sets {
      let loader = task.evaluation.loader(of: set.members)
      evaluation.append(
        (
          try await observed(loader, epochs: 1).probabilities, try loader.batchCount(),
          set.timesPerEpoch
        ))
      evaluation.append(
        (
          try candidates.inclusionProbabilities(checkInterruption: resources.checkInterruption),
          try candidates.batchCount(), set.timesPerEpoch
        ))
    }
    var reading = try candidates.readingEstimate(
      by: probabilities, batchesPerEpoch: plan.batchesPerEpoch, evaluation: evaluation,
      pinnedByteLimit: nil, epochCount: epochs,
      cacheByteCount: max(
        0, ProcessResources.memoryLimit - trial.privateByteCount - MemoryBudget.overhead))
    reading.addOnce(links.byteCountRead)
    plan.privateByteCount = trial.privateByteCount
    plan.finish(
      reading, secondsPerBatch: max(trial.secondsPerStep, secondsOfSampling),
      trialSteps: trial.stepCount, epochs: epochs)
    return plan
  }

  /// Takes some steps, and ranks some links of sets, as the run would.
  private func trial(
    _ task: LinkTask, _ sets: [(members: RoaringBitmap, timesPerEpoch: Double)], steps: Int
  ) async throws -> TrialRun<LinkTask> {
    let trial = try TrialRun(
      task, learningRate: Double(options.training.learningRate), weightDecay: weightDecay,
      seed: options.training.seed, resources: resources)
    var evaluation = task.evaluation
    evaluation.computedCandidates = 1 << 13
    let ranked = evaluation
    // As many batches as are made ahead, or two, where each goes over many candidates.
    let linkCount = LinkEvaluation.batchSize * (evaluation.candidates.count > 1 << 17 ? 2 : 4)
    try await trial.run(
      steps: steps, epochs: options.training.epochs, batchCount: try task.loader.batchCount(),
      largest: try await task.loader.largestBatches(
        epochs: options.training.epochs, checkInterruption: resources.checkInterruption)
    ) { isLast in
      for set in sets where isLast || set.timesPerEpoch == 1 {
        let members = set.members.values(in: 0..<min(linkCount, set.members.count))
        _ = try await ranked.metrics(of: RoaringBitmap(members))
        trial.lookAtMemory()
      }
    }
    return trial
  }

  /// How likely a loader's batches hold each node. Several links of an epoch may have an end in common.
  private func observed(
    _ loader: some BatchLoader<LinkBatch>, epochs: Int
  ) async throws -> (probabilities: InclusionProbabilities, secondsPerBatch: Double) {
    try await loader.observed(
      in: graph, epochs: epochs, repeatsSeeds: true,
      checkInterruption: resources.checkInterruption)
  }
}
