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
  /// The indices of the types with the split's column are read, as a run does before its first batch.
  ///
  /// - Parameters:
  ///   - trialSteps: at most so many steps are measured, behind some that warm up.
  ///   - mostSeconds: steps, and each search for the largest batches or for what batches hold, are over behind the first
  ///     batch that ends later: on a slow device, figures are of fewer batches.
  /// - Throws: `usage` for options that do not fit the graph, or a budget that is too small for them.
  public func plan(
    trialSteps: Int = 96, mostSeconds: Double = 20
  ) async throws -> TrainingPlan {
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
    let share = try resources.budget.reserve(
      parameterCount: task.module.parameterCount, task.scalesLosses)
    defer { share.release() }
    // The last is evaluated once, the other behind each epoch.
    let sets = try [("valid", true), ("test", false)].compactMap { set, isEachEpoch in
      try links.members(of: set).map { (members: $0, isEachEpoch: isEachEpoch) }
    }
    let trial = try await self.trial(
      task, sets, steps: trialSteps, mostSeconds: mostSeconds)
    BufferPool.releaseIdle()
    let (probabilities, secondsOfSampling) = try await observed(
      task.loader, epochs: epochs, mostSeconds: mostSeconds)
    var plan = TrainingPlan(batchesPerEpoch: try task.loader.batchCount(), probabilities)
    let candidates = task.evaluation.candidateLoader()
    let ranked = try candidates.inclusionProbabilities(
      checkInterruption: resources.checkInterruption)
    var evaluation: [(InclusionProbabilities, batchCount: Int, timesPerEpoch: Double)] = []
    for set in sets {
      let loader = task.evaluation.loader(of: set.members)
      let timesPerEpoch = set.isEachEpoch ? 1 : 1 / Double(epochs)
      evaluation.append(
        (
          try await observed(loader, epochs: 1, mostSeconds: mostSeconds).probabilities,
          try loader.batchCount(), timesPerEpoch
        ))
      evaluation.append((ranked, try candidates.batchCount(), timesPerEpoch))
    }
    var reading = try candidates.readingEstimate(
      by: probabilities, batchesPerEpoch: plan.batchesPerEpoch, evaluation: evaluation,
      pinnedByteLimit: nil, epochCount: epochs,
      cacheByteCount: max(
        0, ProcessResources.memoryLimit - trial.privateByteCount - MemoryBudget.overhead))
    reading.add(
      byteCountReadOnce: links.byteCountRead(
        beside: task.loader.options.relations ?? graph.schema.relations()))
    // Scores of links and of pairs beside them.
    let scores = sets.map { 8 * $0.members.count }.max() ?? 0
    try resources.budget.reserve(scores, for: "scores of links").release()
    plan.privateByteCount = trial.privateByteCount + scores
    plan.finish(
      reading, secondsPerBatch: max(trial.secondsPerBatch, secondsOfSampling),
      trialSteps: trial.stepCount, epochs: epochs)
    return plan
  }

  /// Takes some steps, and ranks some links of sets, as the run would.
  private func trial(
    _ task: LinkTask, _ sets: [(members: RoaringBitmap, isEachEpoch: Bool)], steps: Int,
    mostSeconds: Double
  ) async throws -> TrialRun<LinkTask> {
    let trial = TrialRun(
      task, learningRate: Double(options.training.learningRate), weightDecay: weightDecay,
      seed: options.training.seed, resources: resources)
    var evaluation = task.evaluation
    evaluation.computedCandidates = 1 << 13
    let ranking = evaluation
    let ranked = try await largestLinks(
      of: sets.map(\.members), in: evaluation, mostSeconds: mostSeconds)
    try await trial.run(
      steps: steps, mostSeconds: mostSeconds, epochs: options.training.epochs,
      batchCount: try task.loader.batchCount(),
      largest: try await task.loader.largestBatches(
        epochs: options.training.epochs, mostSeconds: mostSeconds,
        checkInterruption: resources.checkInterruption)
    ) { isLast in
      for (set, members) in zip(sets, ranked) where isLast || set.isEachEpoch {
        _ = try await ranking.metrics(of: members)
        trial.lookAtMemory()
      }
    }
    return trial
  }

  /// Of each set the links of some batches, the largest among them: as many as are made ahead, or two, where each goes
  /// over many candidates.
  private func largestLinks(
    of sets: [RoaringBitmap], in evaluation: LinkEvaluation, mostSeconds: Double
  ) async throws -> [RoaringBitmap] {
    let most = evaluation.candidates.count > 1 << 17 ? 2 : 4
    var largest: [RoaringBitmap] = []
    for members in sets {
      let loader = evaluation.loader(of: members)
      let found = try await loader.largestBatches(
        epochs: 1, mostSeconds: mostSeconds, checkInterruption: resources.checkInterruption)
      var numbers = Set(found.suffix(most).map(\.number))
      for number in 0..<(try loader.batchCount()) where numbers.count < most {
        numbers.insert(number)
      }
      largest.append(
        RoaringBitmap(
          numbers.sorted().flatMap { number in
            let first = number * LinkEvaluation.batchSize
            return members.values(
              in: first..<min(members.count, first + LinkEvaluation.batchSize))
          }))
    }
    return largest
  }

  /// How likely a loader's batches hold each node. Several links of an epoch may have an end in common.
  private func observed(
    _ loader: some BatchLoader<LinkBatch>, epochs: Int, mostSeconds: Double
  ) async throws -> (probabilities: InclusionProbabilities, secondsPerBatch: Double) {
    try await loader.observed(
      in: graph, epochs: epochs, repeatsSeeds: true, mostSeconds: mostSeconds,
      checkInterruption: resources.checkInterruption)
  }
}
