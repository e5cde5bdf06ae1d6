import ArgumentParser
import Hedgerow

/// `hedgerow plan STORE train --target paper.label`
struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Say what a training would take in memory, bytes read and time, before it runs.",
    discussion: """
      Takes the options of the training and computes from the degrees of the graph, or sees in some batches, \
      how large these will be, which rows of features will be kept in memory and how much an epoch will read; \
      memory and time of a step are measured on some steps of a model that is thrown away. The store is not \
      changed.
      """)

  /// What can be planned.
  enum Task: String, ExpressibleByArgument, CaseIterable {
    case train
  }

  @OptionGroup var training: TrainCommand
  @Argument(help: "What is to be planned: train.")
  var task: Task

  func validate() throws {
    if training.resume != nil {
      throw ValidationError("plan says what a whole training takes: leave out --resume")
    }
    switch training.modelChoice {
    case .network?, .links?, nil: break
    case .triples?, .embedding?, .temporal?:
      throw ValidationError(
        "plan is of trainings whose batches are sampled neighborhoods: those of --model "
          + "\(training.modelChoice!.name) are not")
    }
  }

  func run() async throws {
    let (_, graph) = try training.store.snapshot()
    var resources = try training.global.trainingResources()
    let pool = training.global.makePool()
    let (plan, epochs): (TrainingPlan, Int)
    if training.isOfLinks {
      let trainer = try training.linkTrainer(over: graph, resources: resources)
      epochs = trainer.options.training.epochs
      plan = try await Compute.with(pool) { try await trainer.plan() }
    } else {
      resources.pinnedByteLimit = training.reading.pin
      resources.packing = training.reading.pack
      let trainer = try training.trainer(over: graph, resources: resources)
      epochs = trainer.options.epochs
      plan = try await Compute.with(pool) { try await trainer.plan() }
    }
    print(training.global.json ? json(plan) : text(plan, epochs: epochs))
  }

  private func json(_ plan: TrainingPlan) -> String {
    JSON.object([
      .init(key: "batches_per_epoch", value: .int(plan.batchesPerEpoch)),
      .init(key: "nodes_per_batch", value: .double(plan.nodesPerBatch)),
      .init(key: "edges_per_batch", value: .double(plan.edgesPerBatch)),
      .init(key: "private_bytes", value: .int(plan.privateByteCount)),
      .init(key: "pinned_bytes", value: .int(plan.reading.pinnedByteCount)),
      .init(key: "pinned_share", value: .double(plan.reading.pinnedShare)),
      .init(key: "stored_bytes", value: .int(plan.reading.storedByteCount)),
      .init(key: "first_epoch_bytes_read", value: .int(plan.reading.firstEpochByteCount)),
      .init(key: "later_epoch_bytes_read", value: .int(plan.reading.laterEpochByteCount)),
      .init(key: "bytes_read", value: .int(plan.storageByteCount)),
      .init(key: "packed_epochs", value: .int(plan.reading.packedEpochCount)),
      .init(key: "seconds_per_epoch", value: .double(plan.secondsPerEpoch)),
      .init(key: "trial_steps", value: .int(plan.trialSteps)),
    ]).description
  }

  private func text(_ plan: TrainingPlan, epochs: Int) -> String {
    let reading = plan.reading
    var lines = [
      "\(plan.batchesPerEpoch.counting("batch", plural: "batches")) an epoch, of "
        + "\(Int(plan.nodesPerBatch).counting("node")) and \(Int(plan.edgesPerBatch).counting("edge")), at most "
        + epochs.counting("epoch"),
      "memory: \(ByteSize.format(plan.privateByteCount)) private, beside up to "
        + "\(ByteSize.format(reading.storedByteCount)) of the store's files in the page cache",
    ]
    if reading.pinnedByteCount > 0 {
      let share = (100 * reading.pinnedShare).formatted(decimals: 1)
      lines.append(
        "kept in memory: \(ByteSize.format(reading.pinnedByteCount)) of features, \(share) % of the "
          + "rows that a batch needs")
    }
    if reading.packedEpochCount > 0 {
      lines.append(
        "packed into the order of batches: the other rows, "
          + "\(reading.packedEpochCount.counting("epoch")) at once")
    }
    lines.append(
      "read: \(ByteSize.format(reading.firstEpochByteCount)) in the first epoch of a store of which "
        + "nothing is in memory, \(ByteSize.format(reading.laterEpochByteCount)) in each later one, "
        + "\(ByteSize.format(plan.storageByteCount)) in all")
    lines.append(
      "time: \(plan.secondsPerEpoch.formatted(decimals: 2)) s an epoch without evaluation, "
        + "measured on \(plan.trialSteps.counting("step"))")
    return lines.joined(separator: "\n")
  }
}
