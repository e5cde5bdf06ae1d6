import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
import HedgerowMapped
import HedgerowNN
import HedgerowStore
import HedgerowTensor
import HedgerowTestSupport
import HedgerowTraining
import Synchronization
import Testing

private let node = BlockStore.node

/// Training that is stopped and goes on.
@Suite struct CheckpointTests {
  private func trainer(
    _ store: GraphStore, _ options: TrainingOptions, named name: String?,
    interruptedAfter limit: Int = .max
  ) throws -> NodeClassificationTrainer {
    let checks = Mutex(0)
    var resources = resources()
    resources.checkInterruption = {
      let count = checks.withLock { checks in
        checks += 1
        return checks
      }
      if count > limit { throw HedgerowError(.interrupted, "interrupted") }
    }
    var trainer = NodeClassificationTrainer(
      try store.snapshot(), target: (node, "label"), options: options, resources: resources)
    trainer.checkpointName = name
    return trainer
  }

  private func options(_ mode: TrainingOptions.Mode, seed: UInt64) -> TrainingOptions {
    var options = TrainingOptions(model: .sage, mode: mode)
    options.fanouts = [4, 3]
    options.batchSize = 50
    options.hiddenWidth = 8
    options.epochs = 3
    options.seed = seed
    return options
  }

  /// Wherever it is stopped, and with other threads afterwards.
  @Test(arguments: [TrainingOptions.Mode.sampled, .fullBatch], [Precision?.none, .float16])
  func aResumedRunIsTheSameToTheLastBit(
    mode: TrainingOptions.Mode, precision: Precision?
  ) async throws {
    let seed = printedSeed()
    var options = options(mode, seed: seed)
    options.precision = precision
    try await checkResuming(options, seed: seed, isReadFirst: mode == .fullBatch)
  }

  /// The same of batches that are made of the whole graph, of which something is found out first.
  @Test(arguments: [
    SubgraphChoice.clusters(parts: 10, partsPerBatch: 2), .saint(.edges(120), isNormalized: true),
  ])
  func aResumedRunOnPartsIsTheSameToTheLastBit(subgraphs: SubgraphChoice) async throws {
    let seed = printedSeed()
    var options = options(.sampled, seed: seed)
    options.model = .graph
    options.subgraphs = subgraphs
    try await checkResuming(options, seed: seed, isReadFirst: true)
  }

  /// - Parameter isReadFirst: whether a run may be stopped before it has begun to train.
  private func checkResuming(
    _ options: TrainingOptions, seed: UInt64, isReadFirst: Bool
  ) async throws {
    let directory = TemporaryDirectory()
    var blocks = BlockStore(nodes: 300)
    blocks.hasTags = true
    let store = try blocks.make(at: directory("s"), seed: seed)
    let (whole, report) = try await trainer(store, options, named: "whole").run()
    let weights = try whole.network.state.encoded()
    let progress = try Checkpoint(named: "whole", in: store.snapshot()).progress
    var stops = 0
    for limit in 0..<400 {
      let name = "stop\(limit)"
      do {
        _ = try await trainer(store, options, named: name, interruptedAfter: limit).run()
        break
      } catch let error as HedgerowError {
        #expect(error.code == .interrupted)
        // While the graph is read there is nothing to go on with yet.
        guard error.message.contains("--resume \(name)") else {
          #expect(isReadFirst && stops == 0)
          continue
        }
      }
      stops += 1
      let checkpoint = try Checkpoint(named: name, in: store.snapshot())
      let (model, resumed) = try await Compute.with(ThreadPool(threadCount: 1 + limit % 4)) {
        try await trainer(store, options, named: name).run(resuming: checkpoint)
      }
      #expect(resumed.loss.bitPattern == report.loss.bitPattern, "stopped after \(limit) checks")
      #expect(try model.network.state.encoded() == weights)
      #expect(resumed.steps == report.steps && resumed.bestEpoch == report.bestEpoch)
      #expect(resumed.metrics.map(\.metrics) == report.metrics.map(\.metrics))
      // With the state of the scaler, which counts steps.
      #expect(try Checkpoint(named: name, in: store.snapshot()).progress == progress)
    }
    #expect(stops >= 4)
  }

  /// Every model, stopped in the middle of a run.
  @Test(arguments: TrainingOptions.Model.allCases, [TrainingOptions.Mode.sampled, .fullBatch])
  func everyModelResumesBitForBitAndPredictsAsTrained(
    model: TrainingOptions.Model, mode: TrainingOptions.Mode
  ) async throws {
    // What learns nothing is never stopped.
    if !model.modes.contains(mode) || model == .labelPropagation { return }
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var blocks = BlockStore(nodes: 300)
    blocks.hasTags = true
    let store = try blocks.make(at: directory("s"), seed: seed)
    var options = options(mode, seed: seed)
    options.model = model
    if model == .rgcn { options.bases = 2 }
    options.propagation = TrainingOptions(model: model, mode: mode).propagation
    let (whole, report) = try await trainer(store, options, named: "whole").run()
    let weights = try whole.network.state.encoded()
    let isDue = Mutex(false)
    var resources = resources()
    resources.checkInterruption = {
      if isDue.withLock({ $0 }) { throw HedgerowError(.interrupted, "interrupted") }
    }
    var stopping = NodeClassificationTrainer(
      try store.snapshot(), target: (node, "label"), options: options, resources: resources)
    stopping.checkpointName = "stopped"
    let error = await #expect(throws: HedgerowError.self) {
      _ = try await stopping.run { _, _, _ in isDue.withLock { $0 = true } }
    }
    #expect(error?.message.contains("--resume stopped") == true, "\(error as Any)")
    let checkpoint = try Checkpoint(named: "stopped", in: store.snapshot())
    #expect(checkpoint.specification == whole.specification)
    #expect(checkpoint.progress.epoch == 1)
    let (model, resumed) = try await Compute.with(ThreadPool(threadCount: 3)) {
      try await trainer(store, options, named: "stopped").run(resuming: checkpoint)
    }
    #expect(resumed.loss.bitPattern == report.loss.bitPattern)
    #expect(try model.network.state.encoded() == weights)
    #expect(resumed.metrics.map(\.metrics) == report.metrics.map(\.metrics))

    let build = try store.beginBuild()
    try build.saveModel(try model.record(named: "m"))
    try build.publish()
    let loaded = try NodeClassifier(named: "m", in: store.snapshot())
    #expect(loaded.specification == whole.specification)
    let metrics = try await loaded.evaluate(
      over: store.snapshot(), in: "test", batchSize: options.batchSize,
      resources: TrainingResources(budget: MemoryBudget(total: 256 << 20), threads: 3))
    #expect(metrics == report.metrics.last?.metrics)
    if mode == .sampled {
      let trainer = try trainer(store, options, named: nil)
      let plan = try await trainer.plan(trialSteps: 2, mostSeconds: .infinity)
      #expect(plan.trialSteps > 0 && plan.privateByteCount > 0)
    }
  }

  @Test func aFinishedRunGoesOnForMoreEpochs() async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let store = try BlockStore(nodes: 200).make(at: directory("s"), seed: seed)
    var options = options(.sampled, seed: seed)
    options.epochs = 5
    let expected = try await trainer(store, options, named: nil).run().report
    options.epochs = 2
    let (model, _) = try await trainer(store, options, named: "m").run()
    // Models and predictions are no other data.
    let build = try store.beginBuild()
    try build.saveModel(try model.record(named: "m"))
    try build.publish()
    _ = try await model.predict(
      over: store.snapshot(), in: nil, column: "predicted", modelName: "m", store: store,
      batchSize: 50, waiting: 0, resources: resources())
    options.epochs = 5
    let checkpoint = try Checkpoint(named: "m", in: store.snapshot())
    #expect(checkpoint.progress.epoch == 2 && checkpoint.progress.batch == 0)
    let report = try await trainer(store, options, named: "m").run(resuming: checkpoint).report
    #expect(report.loss.bitPattern == expected.loss.bitPattern && report.epochs == 5)
  }

  @Test func otherOptionsAndOtherDataAreRefused() async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let store = try BlockStore(nodes: 200).make(at: directory("s"), seed: seed)
    let options = options(.sampled, seed: seed)
    _ = try await trainer(store, options, named: "m").run()
    let checkpoint = try Checkpoint(named: "m", in: store.snapshot())
    func refusal(_ change: (inout TrainingOptions) -> Void) async throws -> String {
      var other = options
      change(&other)
      let error = await #expect(throws: HedgerowError.self) {
        try await trainer(store, other, named: "m").run(resuming: checkpoint)
      }
      #expect(error?.code == .usage)
      return error?.message ?? ""
    }
    #expect(try await refusal { $0.hiddenWidth = 16 }.contains("--hidden"))
    #expect(try await refusal { $0.seed += 1 }.contains("--seed"))
    #expect(try await refusal { $0.fanouts = [4, 4] }.contains("--fanouts"))
    #expect(try await refusal { $0.model = .gcn }.contains("--model"))
    #expect(try await refusal { $0.mode = .fullBatch }.contains("--full-batch"))

    let missing = #expect(throws: HedgerowError.self) {
      try Checkpoint(named: "other", in: store.snapshot())
    }
    #expect(missing?.code == .usage && missing?.message.contains("there are m") == true)
    let build = try store.beginBuild()
    try build.declare(NodeSchema("page"), count: 3)
    try build.keyWriter(of: "page", .identity).finish()
    try build.publish()
    let changed = #expect(throws: HedgerowError.self) {
      try Checkpoint(named: "m", in: store.snapshot())
    }
    #expect(changed?.code == .usage && changed?.message.contains("other data") == true)
    #expect(try StoreVerifier.verify(store).isClean)
  }

  @Test func anyFlippedBitOfACheckpointIsSeen() async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let store = try BlockStore(nodes: 200).make(at: directory("s"), seed: seed)
    _ = try await trainer(store, options(.sampled, seed: seed), named: "m").run()
    let path = "\(store.path)/checkpoints/m.safetensors"
    let bytes = try FileSystem.contents(of: path)
    var random = RandomStream(seed: seed)
    for round in 0..<400 {
      var damaged = bytes
      switch round {
      case 0: damaged = []
      case 1: damaged.removeLast()
      default:
        // Half of them in the header.
        let bound = round % 2 == 0 ? bytes.count : 2000
        damaged[Int(random.next(below: UInt64(bound)))] ^= 1 << UInt8(random.next(below: 8))
      }
      try FileSystem.replaceFile(path) { try damaged.withUnsafeBytes($0) }
      do {
        let read = try Checkpoint(named: "m", in: store.snapshot())
        // A space of the header's padding, or the case of an escape, changes nothing that is read.
        let whole = try checkpoint(bytes, at: path, store)
        #expect(read.progress == whole.progress && read.specification == whole.specification)
      } catch let error as HedgerowError {
        #expect(error.code == .damaged || error.code == .badData, "\(error)")
        #expect(error.place != nil)
      }
    }
  }

  private func checkpoint(
    _ bytes: [UInt8], at path: String, _ store: GraphStore
  ) throws -> Checkpoint {
    try FileSystem.replaceFile(path) { try bytes.withUnsafeBytes($0) }
    return try Checkpoint(named: "m", in: store.snapshot())
  }

  @Test func aNameServesOneTrainingAtATime() async throws {
    let directory = TemporaryDirectory()
    let store = try BlockStore(nodes: 100).make(at: directory("s"), seed: 1)
    try FileSystem.makeDirectory("\(store.path)/checkpoints")
    let other = try FileLock(at: "\(store.path)/checkpoints/m.lock", exclusive: true)
    let error = await #expect(throws: HedgerowError.self) {
      try await trainer(store, options(.sampled, seed: 1), named: "m").run()
    }
    #expect(error?.code == .locked && error?.message.contains("'m'") == true)
    _ = try await trainer(store, options(.sampled, seed: 1), named: "n").run()
    withExtendedLifetime(other) {}
  }
}

/// Training on the whole graph at once.
@Suite struct FullBatchTests {
  @Test(arguments: TrainingOptions.Model.allCases.filter { $0.modes.contains(.fullBatch) })
  func everyModelLearns(model: TrainingOptions.Model) async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    // What features say alone is little: it takes more nodes to tell it from chance.
    var blocks = BlockStore(nodes: model == .mlp || model == .gps ? 3000 : 500)
    blocks.hasTags = true
    let store = try blocks.make(at: directory("s"), seed: seed)
    var options = TrainingOptions(model: model, mode: .fullBatch)
    options.hiddenWidth = 16
    if model != .labelPropagation { options.epochs = 60 }
    options.learningRate = 0.01
    options.dropout = 0.2
    options.inputDropout = 0
    options.seed = seed
    let (trained, report) = try await train(store, options)
    let test = try #require(report.metrics.first { $0.set == "test" }).metrics
    print("\(model): \(test.accuracy), the largest class \(test.majorityShare)")
    // By its own features a node is told a little, by its neighbors much.
    // Where a layer adds what it takes in, the former counts more.
    let margin = model == .mlp ? 0.05 : model == .gps ? 0.1 : 0.15
    #expect(test.accuracy > test.majorityShare + margin)
    #expect(report.steps == report.epochs)
    for threads in [1, 4] {
      let again = try await train(store, options, threads: threads)
      #expect(again.report.loss.bitPattern == report.loss.bitPattern, "\(threads) threads")
      #expect(try again.model.network.state.encoded() == trained.network.state.encoded())
    }
  }

  /// A sampler that takes everything gives the same logits as the whole graph.
  @Test(
    arguments: TrainingOptions.Model.allCases.filter {
      // Degrees at a sample's edge are those within it.
      $0 != .gcn && $0.modes.contains(.sampled)
    }, [JumpingKnowledge.Mode?.none, .concatenated])
  func allNeighborsOfASampleAreTheWholeGraph(
    model: TrainingOptions.Model, jumping: JumpingKnowledge.Mode?
  ) async throws {
    if jumping != nil && model != .sage && model != .hgt { return }
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var blocks = BlockStore(nodes: 300)
    blocks.hasTags = true
    let store = try blocks.make(at: directory("s"), seed: seed)
    var options = TrainingOptions(model: model, mode: .fullBatch)
    options.hiddenWidth = 16
    options.epochs = 10
    options.jumping = jumping
    options.seed = seed
    let (whole, _) = try await train(store, options)
    var specification = whole.specification
    specification.options.mode = .sampled
    specification.options.fanouts = [-1, -1]
    let sampled = try NodeClassifier(specification)
    try sampled.network.load(whole.network.state)
    for set in ["valid", "test", nil] {
      func metrics(_ model: NodeClassifier) async throws -> ClassificationMetrics {
        try await model.evaluate(
          over: store.snapshot(), in: set, batchSize: 40, resources: resources())
      }
      let (a, b) = (try await metrics(whole), try await metrics(sampled))
      #expect(a.accuracy == b.accuracy && a.macroF1 == b.macroF1)
      #expect(abs(a.loss - b.loss) < 1e-5)
    }
  }

  @Test(
    arguments: JumpingKnowledge.Mode.allCases, [TrainingOptions.Model.sage, .gat, .hgt, .rgcn])
  func outputsOfAllLayersAreLearned(
    mode: JumpingKnowledge.Mode, model: TrainingOptions.Model
  ) async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var blocks = BlockStore(nodes: 400)
    blocks.hasTags = true
    let store = try blocks.make(at: directory("s"), seed: seed)
    var options = TrainingOptions(model: model, mode: .fullBatch)
    // Layers of `hgt` learn slower: three, with eight heads two numbers wide, reach 0.48 in the
    // mean of ten beginnings after 40 epochs, where the others reach 1, and that with `last` as
    // without jumping. Two wider ones learn in 150.
    let isHGT = model == .hgt
    options.hiddenWidth = isHGT ? 32 : 16
    options.epochs = isHGT ? 150 : 40
    options.layerCount = isHGT ? 2 : 3
    options.dropout = 0.2
    options.inputDropout = 0
    options.learningRate = 0.01
    options.jumping = mode
    options.seed = seed
    func metrics(_ report: TrainingReport) throws -> ClassificationMetrics {
      try #require(report.metrics.first { $0.set == "test" }).metrics
    }
    let (trained, report) = try await train(store, options)
    let test = try metrics(report)
    var reached = test.accuracy
    // By features alone, without any edge, it is 0.69 at most.
    let bound = isHGT ? 0.77 : 0.85
    if isHGT && reached <= bound {
      // One of some twenty of its beginnings learns of the features alone: not two in a row.
      var anew = options
      anew.seed &+= 1
      reached = try metrics(try await train(store, anew).report).accuracy
    }
    print("\(model) \(mode): \(reached)")
    #expect(reached > bound)
    if isHGT && mode == .last {
      // Its outputs are a linear map of the last layer's rows either way.
      options.jumping = nil
      #expect(
        try await train(store, options).model.network.state.encoded()
          == trained.network.state.encoded())
      options.jumping = mode
    }
    #expect(
      try await train(store, options, threads: 1).model.network.state.encoded()
        == trained.network.state.encoded())
    let build = try store.beginBuild()
    try build.saveModel(try trained.record(named: "m"))
    try build.publish()
    let loaded = try NodeClassifier(named: "m", in: store.snapshot())
    #expect(loaded.specification.options.jumping == mode)
    #expect(
      try await loaded.evaluate(
        over: store.snapshot(), in: "test", batchSize: 50, resources: resources()) == test)
  }

  @Test func aGraphThatDoesNotFitIsRefused() async throws {
    let directory = TemporaryDirectory()
    let store = try BlockStore(nodes: 3000, width: 256).make(at: directory("s"), seed: 1)
    var options = TrainingOptions(model: .gcn, mode: .fullBatch)
    options.hiddenWidth = 64
    let error = await #expect(throws: HedgerowError.self) {
      try await NodeClassificationTrainer(
        store.snapshot(), target: (node, "label"), options: options,
        resources: TrainingResources(budget: MemoryBudget(total: 30 << 20))
      ).run()
    }
    #expect(error?.code == .usage && error?.message.contains("--full-batch") == true)
  }

  @Test func anMLPNeedsFeatures() async throws {
    let directory = TemporaryDirectory()
    let store = try BlockStore(nodes: 100).make(at: directory("s"), seed: 1)
    var options = TrainingOptions(model: .mlp, mode: .sampled)
    options.inputs = [:]
    let error = await #expect(throws: HedgerowError.self) { try await train(store, options) }
    #expect(error?.code == .usage && error?.message.contains("features") == true)
  }
}
