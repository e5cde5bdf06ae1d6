import HedgerowCore
import HedgerowGNN
import HedgerowLoader
import HedgerowNN
import HedgerowSampling
import HedgerowStore
import HedgerowTensor

extension NodeClassificationTrainer {
  /// Says what the training would take.
  ///
  /// - Parameters:
  ///   - trialSteps: at most so many steps are measured, behind some that warm up.
  ///   - mostSeconds: steps, and each search for the largest batches or for what batches hold, are over behind the first
  ///     batch that ends later: on a slow device, figures are of fewer batches.
  /// - Throws: `usage` for options that do not fit the graph, or a budget that is too small for them.
  public func plan(
    trialSteps: Int = 96, mostSeconds: Double = 20
  ) async throws -> TrainingPlan {
    guard options.mode == .sampled else {
      throw HedgerowError(
        .usage,
        options.mode == .graphs
          ? "batches of graphs are as large as these: there is nothing to plan"
          : "a training on the whole graph has no batches to plan: leave out --full-batch")
    }
    let specification = try specification()
    try checkTrainingSet()
    let model = try NodeClassifier(withoutWeights: specification)
    let source = try NodeBatches(
      model, graph, batchSize: options.batchSize, resources: resources, trainingEpochs: 1,
      readsFeatures: false)
    let loader = source.trainingLoader!
    // The last is evaluated once, the other behind each epoch.
    var sets: [(name: String, isEachEpoch: Bool)] = try validationSet.map { [($0, true)] } ?? []
    if try hasMembers("test") { sets.append(("test", false)) }
    // As the run will.
    let share = try resources.budget.reserve(
      parameterCount: model.parameterCount, options.precision == .float16)
    defer { share.release() }
    // As the run will: the heap keeps some of the memory that this took.
    let pinning = try source.loader.flatMap { try model.isPinning($0, resources) ? $0 : nil }
    _ = try pinning?.inclusionProbabilities(checkInterruption: resources.checkInterruption)
    let trial = try await self.trial(
      model, source, steps: trialSteps, mostSeconds: mostSeconds, sets: sets)
    BufferPool.releaseIdle()
    let (probabilities, secondsOfSampling) = try await inclusion(
      in: loader, epochs: options.epochs,
      repeatsSeeds: options.subgraphs?.repeatsSeeds == true || options.classWeights != nil,
      mostSeconds: mostSeconds)
    var plan = TrainingPlan(batchesPerEpoch: try loader.batchCount(), probabilities)
    let limit = pinning.map {
      max(
        0,
        resources.pinnedByteLimit
          ?? NodeClassifier.pinnedByteLimit(
            $0, StepEstimate(specification, probabilities), resources.budget))
    }
    // As the run will.
    try limit.map { try resources.budget.reserve($0, for: NodeClassifier.pinningPurpose) }?
      .release()
    var evaluation: [(InclusionProbabilities, batchCount: Int, timesPerEpoch: Double)] = []
    for set in sets {
      let loader = try source.evaluationLoader(of: set.name, labels: nil)
      evaluation.append(
        (
          try await inclusion(in: loader, epochs: 1, mostSeconds: mostSeconds).probabilities,
          try loader.batchCount(),
          set.isEachEpoch ? 1 : 1 / Double(options.epochs)
        ))
    }
    // One around the seeds knows the columns and indices of any other.
    let reader = try source.loader ?? source.evaluationLoader(of: "train", labels: nil)
    var reading = try reader.readingEstimate(
      by: probabilities, batchesPerEpoch: plan.batchesPerEpoch, evaluation: evaluation,
      labels: target, pinnedByteLimit: limit, epochCount: options.epochs,
      cacheByteCount: max(
        0, ProcessResources.memoryLimit - trial.privateByteCount - MemoryBudget.overhead),
      packing: (resources.packing, NodeBatches.packingByteLimit(resources, beside: limit ?? 0)))
    if options.subgraphs?.goesBothWays == true {
      reading.add(byteCountReadOnce: reader.otherIndexByteCount)
    }
    plan.privateByteCount =
      max(trial.privateByteCount, trial.privateByteCountBefore + reading.packingByteCount)
      + reading.pinnedByteCount + reading.arrivingByteCount
    // What is made ahead and what is computed go on beside each other.
    plan.finish(
      reading, secondsPerBatch: max(trial.secondsPerBatch, secondsOfSampling),
      trialSteps: trial.stepCount, epochs: options.epochs)
    return plan
  }

  /// Takes some steps, and evaluates some batches of sets, as the run would.
  private func trial(
    _ model: NodeClassifier, _ source: NodeBatches, steps: Int, mostSeconds: Double,
    sets: [(name: String, isEachEpoch: Bool)]
  ) async throws -> TrialRun<NodeClassificationTask> {
    let trial = TrialRun(
      try NodeClassificationTask(model, self, source), learningRate: Double(options.learningRate),
      weightDecay: Double(options.weightDecay), seed: options.seed, resources: resources)
    var evaluated: [(loader: NeighborLoader<Snapshot>, isEachEpoch: Bool, batches: [Int])] = []
    for set in sets {
      let loader = try source.evaluationLoader(of: set.name, labels: target.column)
      let largest = try await loader.largestBatches(
        epochs: 1, mostSeconds: mostSeconds, checkInterruption: resources.checkInterruption
      ).map { $0.number }
      evaluated.append(
        (loader, set.isEachEpoch, Set([0, try loader.batchCount() - 1] + largest).sorted()))
    }
    let loader = source.trainingLoader!
    try await trial.run(
      steps: steps, mostSeconds: mostSeconds, epochs: options.epochs,
      batchCount: try loader.batchCount(),
      largest: try await loader.largestBatches(
        epochs: options.epochs, mostSeconds: mostSeconds,
        checkInterruption: resources.checkInterruption)
    ) { isLast in
      for set in evaluated where isLast || set.isEachEpoch {
        try await evaluate(set.batches, of: set.loader, source, model, trial)
      }
    }
    return trial
  }

  /// How likely a loader's batches hold each node: what is known of neighbors that are drawn, and is seen of others.
  /// With the time that such a batch took; 0 where it was not seen.
  private func inclusion(
    in loader: any BatchLoader<Batch>, epochs: Int, repeatsSeeds: Bool = false,
    mostSeconds: Double
  ) async throws -> (probabilities: InclusionProbabilities, secondsPerBatch: Double) {
    if let loader = loader as? NeighborLoader<Snapshot>, loader.knowsInclusion {
      return (
        try loader.inclusionProbabilities(checkInterruption: resources.checkInterruption), 0
      )
    }
    return try await loader.observed(
      in: graph, epochs: epochs, repeatsSeeds: repeatsSeeds, mostSeconds: mostSeconds,
      checkInterruption: resources.checkInterruption)
  }

  /// Evaluates some batches from each of these on.
  private func evaluate(
    _ numbers: [Int], of loader: NeighborLoader<Snapshot>, _ source: NodeBatches,
    _ model: NodeClassifier, _ trial: TrialRun<NodeClassificationTask>
  ) async throws {
    for first in numbers {
      var batches = source.batches(of: loader, from: first)
      for _ in 0..<Self.evaluatedBatches {
        try resources.checkInterruption()
        guard let batch = try await batches.next() else { break }
        await batches.filled()
        withExtendedLifetime(batch.logits(model.network)) { trial.lookAtMemory() }
      }
    }
  }

  /// From each that is begun at.
  private static var evaluatedBatches: Int { 2 }
}
