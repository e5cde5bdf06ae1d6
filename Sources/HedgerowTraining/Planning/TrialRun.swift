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
  private let resources: TrainingResources
  /// Of steps; batches without examples are passed over.
  private var seconds: [Double] = []
  private var passedOver = 0
  private let clock = ContinuousClock()

  /// Draws the weights from the seed.
  init(
    _ task: Task, learningRate: Double, weightDecay: Double, seed: UInt64,
    resources: TrainingResources
  ) {
    self.task = task
    self.resources = resources
    optimizer = Adam(learningRate: learningRate, weightDecay: weightDecay)
    privateByteCountBefore = ProcessResources.privateByteCount
    privateByteCount = privateByteCountBefore
    _ = task.module.initialized(seed: seed)
  }

  /// Those that were measured.
  var stepCount: Int { measured.count }
  /// The median of steps, for the share of batches that are steps.
  var secondsPerBatch: Double {
    let sorted = measured.sorted()
    guard !sorted.isEmpty else { return 0 }
    return sorted[sorted.count / 2] * Double(seconds.count) / Double(batchCount)
  }
  private var measured: ArraySlice<Double> {
    seconds.dropFirst(max(0, min(warmingSteps, seconds.count - 1)))
  }
  private var batchCount: Int { seconds.count + passedOver }

  /// - Parameters:
  ///   - steps: at most so many are measured, behind some that warm up.
  ///   - mostSeconds: rounds are over behind the first step that ends later.
  ///   - epochs: of the training.
  ///   - batchCount: of an epoch.
  ///   - largest: batches that are larger than others.
  ///   - evaluate: evaluates some batches of the sets that are gone over behind each epoch, or of all.
  func run(
    steps: Int, mostSeconds: Double, epochs: Int, batchCount perEpoch: Int,
    largest: [(epoch: Int, number: Int)],
    evaluate: (_ isLast: Bool) async throws -> Void
  ) async throws {
    // The run keeps the best epoch's weights beside these.
    let best = task.module.state
    let start = clock.now
    let most = steps + warmingSteps
    var (epoch, number) = (0, 0)
    // In rounds, as a run goes through epochs and evaluates between them: each has threads of its own, and tensors
    // of sizes of their own.
    for round in 1...rounds {
      func isUnderWay() -> Bool {
        batchCount < most * round / rounds && (clock.now - start).seconds < mostSeconds
      }
      while isUnderWay() && epoch < epochs {
        try await task.begin(epoch: epoch, from: number)
        while isUnderWay(), let batch = try await task.nextBatch() {
          try resources.checkInterruption()
          if batchCount < warmingSteps { await task.filled() }
          step(batch)
          number += 1
        }
        task.end()
        if number >= perEpoch { (epoch, number) = (epoch + 1, 0) }
      }
      // That of an epoch, which is smaller.
      try await step(at: (0, perEpoch - 1), isTimed: true)
      try await evaluate(false)
    }
    for place in largest { try await step(at: place, isTimed: false) }
    // With the weights that were best. What is made beside what is a matter of threads: twice, for the most.
    for _ in 0..<2 { try await evaluate(true) }
    withExtendedLifetime(best) {}
  }

  func lookAtMemory() {
    privateByteCount = max(privateByteCount, ProcessResources.privateByteCount)
  }

  private func step(at place: (epoch: Int, number: Int), isTimed: Bool) async throws {
    try resources.checkInterruption()
    try await task.begin(epoch: place.epoch, from: place.number)
    if let batch = try await task.nextBatch() {
      await task.filled()
      step(batch, isTimed: isTimed)
    }
    task.end()
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
    guard isTimed else { return }
    if batch.exampleCount > 0 {
      seconds.append((clock.now - before).seconds)
    } else {
      passedOver += 1
    }
  }

  private var rounds: Int { 4 }
  private var warmingSteps: Int { 4 }
}
