import HedgerowCore
import HedgerowGNN
public import HedgerowLoader
import HedgerowNN
import HedgerowSampling
import HedgerowStore
import HedgerowTensor

/// What a training would take, before it runs.
///
/// Sizes of batches and what is read follow from the probability that a batch needs each node; memory
/// and time of a step are measured on some steps of a model that is thrown away, over features that are not
/// read.
public struct TrainingPlan: Sendable {
  public var batchesPerEpoch = 0
  /// Nodes that a batch is expected to hold.
  public var nodesPerBatch = 0.0
  /// Edges that a batch is expected to draw.
  public var edgesPerBatch = 0.0
  public var reading = ReadingEstimate()
  /// Private memory of the run, the rows that are kept included.
  public var privateByteCount = 0
  /// Bytes from the device over all epochs, when nothing is in memory before.
  public var storageByteCount = 0
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
    try checkTrainingSet()
    let model = try NodeClassifier(withoutWeights: specification)
    let source = try NodeBatches(
      model, graph, batchSize: options.batchSize, resources: resources, trainingEpochs: 1,
      readsFeatures: false)
    let loader = source.trainingLoader!
    var plan = TrainingPlan()
    plan.batchesPerEpoch = try loader.batchCount()
    // The last is evaluated once, the other behind each epoch.
    var sets: [(name: String, timesPerEpoch: Double)] = try validationSet.map { [($0, 1)] } ?? []
    if try hasMembers("test") { sets.append(("test", 1 / Double(options.epochs))) }
    // As the run will: the heap keeps some of the memory that this took.
    let pinning = try source.loader.flatMap { try model.isPinning($0, resources) ? $0 : nil }
    _ = try pinning?.inclusionProbabilities(checkInterruption: resources.checkInterruption)
    let trial = try await self.trial(model, source, steps: trialSteps, sets: sets)
    BufferPool.releaseIdle()
    let (probabilities, secondsPerBatch) = try await inclusion(
      in: loader, epochs: options.epochs,
      repeatsSeeds: options.subgraphs?.repeatsSeeds == true || options.classWeights != nil)
    plan.nodesPerBatch = probabilities.knownCounts.values.reduce(0) { $0 + ($1.last ?? 0) }
    plan.edgesPerBatch = probabilities.edgeCounts.values.reduce(0) { $0 + $1.reduce(0, +) }
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
          try await inclusion(in: loader, epochs: 1).probabilities, try loader.batchCount(),
          set.timesPerEpoch
        ))
    }
    // One around the seeds knows the columns and indices of any other.
    let reader = try source.loader ?? source.evaluationLoader(of: "train", labels: nil)
    plan.reading = try reader.readingEstimate(
      by: probabilities, batchesPerEpoch: plan.batchesPerEpoch, evaluation: evaluation,
      labels: target, pinnedByteLimit: limit, epochCount: options.epochs,
      cacheByteCount: max(
        0, ProcessResources.memoryLimit - trial.privateByteCount - MemoryBudget.overhead),
      packing: (resources.packing, NodeBatches.packingByteLimit(resources, beside: limit ?? 0)))
    plan.trialSteps = trial.steps
    plan.privateByteCount =
      max(trial.privateByteCount, trial.privateByteCountBefore + plan.reading.packingByteCount)
      + plan.reading.pinnedByteCount + plan.reading.arrivingByteCount
    plan.storageByteCount = Int(
      min(
        0x1p62,
        Double(plan.reading.firstEpochByteCount)
          + Double(options.epochs - 1) * Double(plan.reading.laterEpochByteCount)))
    // What is made ahead and what is computed go on beside each other, and so does what is read.
    plan.secondsPerEpoch = max(
      max(trial.secondsPerStep, secondsPerBatch) * Double(plan.batchesPerEpoch),
      plan.reading.laterEpochSeconds)
    return plan
  }

  private struct Trial {
    var steps = 0
    var secondsPerStep = 0.0
    /// The most at any time, and before the first step.
    var privateByteCount = 0
    var privateByteCountBefore = 0

    mutating func lookAtMemory() {
      privateByteCount = max(privateByteCount, ProcessResources.privateByteCount)
    }
  }

  /// Takes some steps, and evaluates some batches of sets, as the run would.
  private func trial(
    _ model: NodeClassifier, _ source: NodeBatches, steps: Int,
    sets: [(name: String, timesPerEpoch: Double)]
  ) async throws -> Trial {
    let share = try resources.budget.reserve(
      (options.precision == .float16 ? 6 : 5) * 4 * model.parameterCount,
      for: "a model of \(model.parameterCount) parameters")
    defer { share.release() }
    var trial = Trial()
    trial.privateByteCountBefore = ProcessResources.privateByteCount
    model.initialize()
    // The run keeps the best epoch's weights beside these.
    let best = model.network.state
    var optimizer = Adam(
      learningRate: Double(options.learningRate), weightDecay: Double(options.weightDecay))
    var seconds: [Double] = []
    let clock = ContinuousClock()
    func step(_ batch: NodeBatch, isTimed: Bool = true) {
      let before = clock.now
      let (_, gradients) = valueWithGradients(at: model.network, randomness: batch.randomness) {
        let loss = batch.loss(of: batch.logits(model.network))
        // Everything that was computed waits for the way back.
        trial.lookAtMemory()
        return loss
      }
      optimizer.update(model.network, along: gradients)
      trial.lookAtMemory()
      if isTimed { seconds.append((clock.now - before).seconds) }
    }
    let loader = source.trainingLoader!
    /// That of an epoch, which is smaller.
    func stepAlongLastBatch() async throws {
      var batches = source.batches(of: loader, from: try loader.batchCount() - 1)
      if let batch = try await batches.next() { step(batch) }
    }
    var evaluated: [(loader: NeighborLoader<Snapshot>, isEachEpoch: Bool, batches: [Int])] = []
    for set in sets {
      let loader = try source.evaluationLoader(of: set.name, labels: target.column)
      let largest = try await largestBatches(of: loader, epochs: 1).map { $0.number }
      evaluated.append(
        (loader, set.timesPerEpoch == 1, Set([0, try loader.batchCount() - 1] + largest).sorted()))
    }
    let start = clock.now
    let mostSteps = steps + Self.warmingSteps
    var epoch = 0
    // In rounds, as a run goes through epochs and evaluates between them: each has threads of its own, and tensors
    // of sizes of their own.
    for round in 1...Self.rounds {
      while seconds.count < mostSteps * round / Self.rounds, epoch < options.epochs {
        var batches = source.training(epoch: epoch, from: 0)
        while seconds.count < mostSteps * round / Self.rounds,
          (clock.now - start).seconds < Self.mostSeconds, let batch = try await batches.next()
        {
          try resources.checkInterruption()
          if seconds.count < Self.warmingSteps { await batches.filled() }
          step(batch)
        }
        epoch += 1
      }
      try await stepAlongLastBatch()
      for set in evaluated where set.isEachEpoch {
        try await evaluate(set.batches, of: set.loader, source, model, &trial)
      }
    }
    for (epoch, number) in try await largestBatches(of: loader, epochs: options.epochs) {
      var batches = source.training(epoch: epoch, from: number)
      guard let batch = try await batches.next() else { continue }
      await batches.filled()
      step(batch, isTimed: false)
    }
    // With the weights that were best. What is made beside what is a matter of threads: twice, for the most.
    for _ in 0..<2 {
      for set in evaluated {
        try await evaluate(set.batches, of: set.loader, source, model, &trial)
      }
    }
    let measured = seconds.dropFirst(max(0, min(Self.warmingSteps, seconds.count - 1))).sorted()
    trial.steps = measured.count
    trial.secondsPerStep = measured.isEmpty ? 0 : measured[measured.count / 2]
    withExtendedLifetime(best) {}
    return trial
  }

  /// How likely a loader's batches hold each node: what is known of neighbors that are drawn, and is seen of others in
  /// an epoch, in several where it has few batches, or as much of them as is made in little time. With the time that
  /// such a batch took, which may be more than a step does; 0 where it was not seen.
  ///
  /// - Parameters:
  ///   - epochs: of the loader: an evaluation goes over the same batches each time.
  ///   - repeatsSeeds: whether a node may be a seed of several batches of an epoch, or of none.
  private func inclusion(
    in loader: any BatchLoader<Batch>, epochs: Int, repeatsSeeds: Bool = false
  ) async throws -> (probabilities: InclusionProbabilities, secondsPerBatch: Double) {
    if let loader = loader as? NeighborLoader<Snapshot>, loader.knowsInclusion {
      return (
        try loader.inclusionProbabilities(checkInterruption: resources.checkInterruption), 0
      )
    }
    let clock = ContinuousClock()
    let start = clock.now
    let perEpoch = try loader.batchCount()
    var observed = ObservedBatches(graph, batchesPerEpoch: perEpoch, repeatsSeeds: repeatsSeeds)
    let most = max(perEpoch, Self.mostBatchesOfSmallEpochs)
    search: for epoch in 0..<epochs {
      for try await batch in loader.epoch(epoch) {
        try resources.checkInterruption()
        observed.add(batch.subgraph)
        if observed.batchCount == most || (clock.now - start).seconds > Self.mostSecondsOfLooking {
          break search
        }
      }
    }
    let seconds = (clock.now - start).seconds / Double(max(1, observed.batchCount))
    return (
      observed.probabilities(areAll: epochs == 1 && observed.batchCount == perEpoch), seconds
    )
  }

  /// Where a loader's largest batches are, of those that can be looked at in little time: at each hop, the one
  /// that knows most nodes then.
  private func largestBatches(
    of loader: any BatchLoader<Batch>, epochs: Int
  ) async throws -> [(epoch: Int, number: Int)] {
    let clock = ContinuousClock()
    let start = clock.now
    var largest: [(count: Int, epoch: Int, number: Int)] = []
    search: for epoch in 0..<epochs {
      var number = 0
      for try await batch in loader.epoch(epoch) {
        try resources.checkInterruption()
        if largest.isEmpty {
          largest = Array(repeating: (-1, 0, 0), count: batch.subgraph.hopCount + 1)
        }
        for hop in largest.indices {
          let count = batch.subgraph.knownCounts.values.reduce(0) { $0 + $1[hop] }
          if count > largest[hop].count { largest[hop] = (count, epoch, number) }
        }
        number += 1
        if (clock.now - start).seconds > Self.mostSecondsOfLooking { break search }
      }
    }
    return Set(largest.map { [$0.epoch, $0.number] })
      .sorted { $0.lexicographicallyPrecedes($1) }.map { (epoch: $0[0], number: $0[1]) }
  }

  /// Evaluates some batches from each of these on.
  private func evaluate(
    _ numbers: [Int], of loader: NeighborLoader<Snapshot>, _ source: NodeBatches,
    _ model: NodeClassifier, _ trial: inout Trial
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

  private static var rounds: Int { 4 }
  private static var warmingSteps: Int { 4 }
  /// From each that is begun at.
  private static var evaluatedBatches: Int { 2 }
  /// A trial is over behind the first step that ends later.
  private static var mostSeconds: Double { 20 }
  /// That are looked at in several epochs together.
  private static var mostBatchesOfSmallEpochs: Int { 64 }
  /// The search for the largest batches ends behind the first that is made later.
  private static var mostSecondsOfLooking: Double { 5 }
}
