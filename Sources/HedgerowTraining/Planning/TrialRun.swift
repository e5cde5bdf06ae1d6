import HedgerowCore
import HedgerowMapped
import HedgerowNN
import HedgerowTensor

/// Takes some of a training's steps, and evaluates some batches, to see how long they take and in how much memory.
final class TrialRun<Task: TrainingTask> {
  /// The most private memory at any time.
  private(set) var privateByteCount: Int
  /// Before the first step.
  let privateByteCountBefore: Int

  private let task: Task
  private var optimizer: Adam
  private let share: MemoryBudget.Reservation
  private let resources: TrainingResources
  private var seconds: [Double] = []
  private let clock = ContinuousClock()

  /// Draws the weights from the seed.
  init(
    _ task: Task, learningRate: Double, weightDecay: Double, seed: UInt64,
    resources: TrainingResources
  ) throws {
    let parameterCount = task.module.parameterCount
    share = try resources.budget.reserve(
      (task.scalesLosses ? 6 : 5) * 4 * parameterCount,
      for: "a model of \(parameterCount) parameters"
    )
    self.task = task
    self.resources = resources
    optimizer = Adam(learningRate: learningRate, weightDecay: weightDecay)
    privateByteCountBefore = ProcessResources.privateByteCount
    privateByteCount = privateByteCountBefore
    _ = task.module.initialized(seed: seed)
  }

  /// Those that were measured.
  var stepCount: Int { measured.count }
  /// The median.
  var secondsPerStep: Double {
    let sorted = measured.sorted()
    return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
  }
  private var measured: ArraySlice<Double> {
    seconds.dropFirst(max(0, min(warmingSteps, seconds.count - 1)))
  }

  /// - Parameters:
  ///   - steps: at most so many are measured, behind some that warm up.
  ///   - epochs: of the training.
  ///   - batchCount: of an epoch.
  ///   - largest: batches that are larger than others.
  ///   - evaluate: evaluates some batches of the sets that are gone over behind each epoch, or of all.
  func run(
    steps: Int, epochs: Int, batchCount: Int, largest: [(epoch: Int, number: Int)],
    evaluate: (_ isLast: Bool) async throws -> Void
  ) async throws {
    // The run keeps the best epoch's weights beside these.
    let best = task.module.state
    let start = clock.now
    let mostSteps = steps + warmingSteps
    var epoch = 0
    // In rounds, as a run goes through epochs and evaluates between them: each has threads of its own, and tensors
    // of sizes of their own.
    for round in 1...rounds {
      while seconds.count < mostSteps * round / rounds, epoch < epochs {
        try await task.begin(epoch: epoch, from: 0)
        while seconds.count < mostSteps * round / rounds,
          (clock.now - start).seconds < mostSeconds, let batch = try await task.nextBatch()
        {
          try resources.checkInterruption()
          if seconds.count < warmingSteps { await task.filled() }
          step(batch)
        }
        epoch += 1
      }
      // That of an epoch, which is smaller.
      try await task.begin(epoch: 0, from: batchCount - 1)
      if let batch = try await task.nextBatch() { step(batch) }
      task.end()
      try await evaluate(false)
    }
    for (epoch, number) in largest {
      try await task.begin(epoch: epoch, from: number)
      guard let batch = try await task.nextBatch() else { continue }
      await task.filled()
      step(batch, isTimed: false)
    }
    task.end()
    // With the weights that were best. What is made beside what is a matter of threads: twice, for the most.
    for _ in 0..<2 { try await evaluate(true) }
    withExtendedLifetime(best) {}
  }

  func lookAtMemory() {
    privateByteCount = max(privateByteCount, ProcessResources.privateByteCount)
  }

  private func step(_ batch: Task.Batch, isTimed: Bool = true) {
    let before = clock.now
    if batch.exampleCount > 0 {
      let (_, gradients) = valueWithGradients(at: task.module, randomness: batch.randomness) {
        let loss = task.loss(of: batch)
        // Everything that was computed waits for the way back.
        lookAtMemory()
        return loss
      }
      optimizer.update(task.module, along: gradients)
    }
    lookAtMemory()
    if isTimed { seconds.append((clock.now - before).seconds) }
  }

  private var rounds: Int { 4 }
  private var warmingSteps: Int { 4 }
  /// A trial is over behind the first step that ends later.
  private var mostSeconds: Double { 20 }
}
