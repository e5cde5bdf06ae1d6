import HedgerowCore
import HedgerowGNN
import HedgerowNN
import HedgerowStore
import HedgerowTensor
import HedgerowTestSupport
import HedgerowTraining
import Synchronization
import Testing

private let rates = LinkStore.rates

@Suite struct LinkTrainerTests {
  private func resources(threads: Int = 2) -> TrainingResources {
    TrainingResources(budget: MemoryBudget(total: 256 << 20), threads: threads)
  }

  private func options(
    _ model: LinkTrainingOptions.Model = .network, _ network: TrainingOptions.Model = .sage,
    epochs: Int = 3, seed: UInt64
  ) -> LinkTrainingOptions {
    var options = LinkTrainingOptions(model: model, network: TrainingOptions(model: network))
    options.training.epochs = epochs
    options.training.hiddenWidth = 16
    options.training.batchSize = 64
    if model != .lightgcn { options.training.fanouts = [5, 4] }
    options.training.seed = seed
    options.candidateCount = 0
    return options
  }

  private func train(
    _ store: GraphStore, _ options: LinkTrainingOptions, threads: Int = 2,
    onEpoch: (Int, Double, LinkMetrics?) -> Void = { _, _, _ in }
  ) async throws -> (
    model: LinkPredictor, report: TrainingReport, metrics: [(set: String, metrics: LinkMetrics)]
  ) {
    try await Compute.with(ThreadPool(threadCount: threads)) {
      try await LinkPredictionTrainer(
        store.snapshot(), target: rates, options: options, resources: resources(threads: threads)
      ).run(onEpoch: onEpoch)
    }
  }

  static let models:
    [(LinkTrainingOptions.Model, TrainingOptions.Model, LinkTrainingOptions.Decoder)] =
      [
        (.network, .sage, .dot), (.network, .rgcn, .distmult), (.network, .gcn, .complex),
        (.network, .gat, .rotate), (.network, .sage, .transe), (.gae, .gcn, .dot),
        (.vgae, .gcn, .dot), (.lightgcn, .sage, .dot),
      ]

  /// Communities are found, from learned rows or from features.
  @Test(arguments: models.indices)
  func plantedCommunitiesAreLearned(index: Int) async throws {
    let seed = printedSeed()
    let (model, network, decoder) = Self.models[index]
    let directory = TemporaryDirectory()
    let store = try LinkStore(users: 150).make(at: directory("s"), seed: seed)
    var options = options(model, network, epochs: decoder == .transe ? 50 : 25, seed: seed)
    options.decoder = decoder
    // Of ten beginnings of `transe` one is still at chance then, of fifty of `gae` one: three would not be.
    var best = 0.0
    for beginning in 0..<3 where best <= 0.72 {
      options.training.seed = seed &+ UInt64(beginning)
      let (_, report, metrics) = try await train(store, options)
      #expect(report.loss.isFinite && metrics.map(\.set) == ["valid", "test"])
      let test = try #require(metrics.last).metrics
      #expect(test.candidateCount == 40)
      best = max(best, test[.rocAUC] ?? 0)
      print("\(model) \(network) \(decoder): \(test[.rocAUC] ?? 0)")
    }
    // Rows that are not learned reach 0.58, spread by LightGCN 0.70; learned ones 0.75 mostly.
    #expect(best > 0.72)
  }

  /// What is held out might as well not be stored.
  @Test(arguments: models.indices)
  func heldOutLinksChangeNoBitOfTraining(index: Int) async throws {
    let seed = printedSeed()
    let (model, network, decoder) = Self.models[index]
    let directory = TemporaryDirectory()
    var links = LinkStore()
    links.hasFeatures = true
    let whole = try links.make(at: directory("whole"), seed: seed)
    links.hasHeldOut = false
    let seen = try links.make(at: directory("seen"), seed: seed)
    let snapshot = try whole.snapshot()
    #expect(try snapshot.count(of: rates) > seen.snapshot().count(of: rates))
    var options = options(model, network, seed: seed)
    options.decoder = decoder
    // Rows are long enough that neighbors are chosen.
    if model != .lightgcn { options.training.fanouts = [3, 2] }
    func losses(_ store: GraphStore) async throws -> [UInt64] {
      let losses = Mutex<[UInt64]>([])
      _ = try await train(store, options) { _, loss, _ in
        losses.withLock { $0.append(loss.bitPattern) }
      }
      return losses.withLock { $0 }
    }
    #expect(try await losses(whole) == losses(seen))
    // The best epoch is chosen by links that are held out, unless there is one only.
    options.training.epochs = 1
    let a = try await train(whole, options).model
    let b = try await train(seen, options).model
    #expect(try a.network.state.encoded() == b.network.state.encoded())
  }

  @Test(arguments: models.indices)
  func theResultIsTheSameForAnyThreadsAndOnceLoaded(index: Int) async throws {
    let seed = printedSeed()
    let (model, network, decoder) = Self.models[index]
    let directory = TemporaryDirectory()
    let store = try LinkStore().make(at: directory("s"), seed: seed)
    var options = options(model, network, seed: seed)
    options.decoder = decoder
    options.candidateCount = 25
    let one = try await train(store, options, threads: 1)
    let two = try await train(store, options, threads: 2)
    #expect(try one.model.network.state.encoded() == two.model.network.state.encoded())
    #expect(one.metrics.map(\.metrics) == two.metrics.map(\.metrics))
    #expect(one.metrics[0].metrics.candidateCount == 25)

    let build = try store.beginBuild()
    try build.saveModel(try one.model.record(named: "m"))
    try build.publish()
    let graph = try store.snapshot()
    #expect(try graph.taskOfModel(named: "m") == .linkPrediction)
    let loaded = try LinkPredictor(named: "m", in: graph)
    #expect(loaded.specification == one.model.specification)
    let again = try await loaded.evaluate(over: graph, in: "test", resources: resources())
    #expect(again == one.metrics[1].metrics)
    let error = #expect(throws: HedgerowError.self) { try NodeClassifier(named: "m", in: graph) }
    #expect(error?.code == .usage)
  }

  @Test(arguments: models.indices)
  func aResumedRunIsTheSameToTheLastBit(index: Int) async throws {
    let seed = printedSeed()
    let (model, network, decoder) = Self.models[index]
    let directory = TemporaryDirectory()
    let store = try LinkStore().make(at: directory("s"), seed: seed)
    var options = options(model, network, seed: seed)
    options.decoder = decoder
    let whole = try await train(store, options)
    var stops = 0
    for limit in [2, 5, 9, 14] {
      let checks = Mutex(0)
      var resources = resources()
      resources.checkInterruption = {
        let count = checks.withLock { checks in
          checks += 1
          return checks
        }
        if count > limit { throw HedgerowError(.interrupted, "interrupted") }
      }
      var trainer = LinkPredictionTrainer(
        try store.snapshot(), target: rates, options: options, resources: resources)
      trainer.checkpointName = "stop\(limit)"
      let stopping = trainer
      let error = await #expect(throws: HedgerowError.self) { _ = try await stopping.run() }
      guard error?.message.contains("--resume stop\(limit)") == true else { continue }
      stops += 1
      let graph = try store.snapshot()
      let checkpoint = try LinkCheckpoint(named: "stop\(limit)", in: graph)
      var resuming = LinkPredictionTrainer(
        graph, target: rates, options: options, resources: self.resources(threads: 3))
      resuming.checkpointName = "stop\(limit)"
      let resumed = try await resuming.run(resuming: checkpoint)
      #expect(
        try resumed.model.network.state.encoded() == whole.model.network.state.encoded(),
        "stopped after \(limit) checks")
      #expect(resumed.report.loss.bitPattern == whole.report.loss.bitPattern)
      #expect(resumed.metrics.map(\.metrics) == whole.metrics.map(\.metrics))
      // Another decoder is another training.
      var other = options
      other.negativeCount += 1
      let refused = LinkPredictionTrainer(
        graph, target: rates, options: other, resources: self.resources())
      let refusal = await #expect(throws: HedgerowError.self) {
        _ = try await refused.run(resuming: checkpoint)
      }
      #expect(refusal?.message.contains("--negatives") == true)
    }
    #expect(stops >= 2)
  }
}

@Suite struct LinkTrainingErrorTests {
  private func error(
    _ links: LinkStore = LinkStore(), target: EdgeType = rates,
    _ change: (inout LinkTrainingOptions) -> Void = { _ in }
  ) async throws -> HedgerowError {
    let directory = TemporaryDirectory()
    let store = try links.make(at: directory("s"), seed: 5)
    var options = LinkTrainingOptions()
    options.training.epochs = 1
    change(&options)
    let trainer = LinkPredictionTrainer(
      try store.snapshot(), target: target, options: options,
      resources: TrainingResources(budget: MemoryBudget(total: 256 << 20), threads: 2))
    return try #require(await #expect(throws: HedgerowError.self) { _ = try await trainer.run() })
  }

  @Test func whatIsNotThereIsSaid() async throws {
    let type = try await error(target: EdgeType("user", "likes", "item"))
    #expect(type.code == .usage && type.message.contains("user:rates:item"))
    var links = LinkStore()
    links.splitColumn = nil
    let split = try await error(links)
    #expect(split.code == .usage && split.message.contains("hedgerow split STORE user:rates:item"))
    links = LinkStore()
    links.trainName = "learn"
    let empty = try await error(links)
    #expect(empty.code == .usage && empty.message.contains("'train'"))
  }

  @Test func optionsThatDoNotGoTogether() async throws {
    func message(_ change: (inout LinkTrainingOptions) -> Void) async throws -> String {
      let error = try await error(LinkStore(), change)
      #expect(error.code == .usage)
      return error.message
    }
    #expect(try await message { $0.training.model = .han }.contains("han"))
    #expect(try await message { $0.training.mode = .fullBatch }.contains("--full-batch"))
    #expect(try await message { $0.training.bases = 2 }.contains("--model rgcn"))
    #expect(
      try await message {
        $0.decoder = .complex
        $0.training.hiddenWidth = 15
      }.contains("not even"))
    #expect(
      try await message {
        $0 = LinkTrainingOptions(model: .lightgcn)
        $0.decoder = .rotate
      }.contains("lightgcn"))
    #expect(try await message { $0.training.fanouts = [3] }.contains("hops"))
  }

  /// Whoever wrote them, bytes must not end the program.
  @Test func mangledSpecificationsAreRefused() async throws {
    let directory = TemporaryDirectory()
    let store = try LinkStore().make(at: directory("s"), seed: 5)
    var options = LinkTrainingOptions()
    options.training.epochs = 1
    options.decoder = .complex
    let model = try await LinkPredictionTrainer(
      store.snapshot(), target: rates, options: options,
      resources: TrainingResources(budget: MemoryBudget(total: 256 << 20), threads: 2)
    ).run().model
    let text = String(decoding: try model.specification.encoded(), as: UTF8.self)
    #expect(try LinkSpecification(decoding: Array(text.utf8), name: "m") == model.specification)
    for (part, other) in [
      ("\"hiddenWidth\":64", "\"hiddenWidth\":63"), ("\"hiddenWidth\":64", "\"hiddenWidth\":-2"),
      ("\"negativeCount\":1", "\"negativeCount\":0"), ("user:rates:item", "user"),
      ("\"layerCount\":2", "\"layerCount\":0"), ("\"fanouts\":[15,10]", "\"fanouts\":[15]"),
      ("\"type\":\"user\"", "\"type\":\"item\""),
      ("\"model\":\"network\"", "\"model\":\"lightgcn\""),
      ("\"count\":60", "\"count\":-1"), ("\"mode\":\"sampled\"", "\"mode\":\"graphs\""),
    ] {
      let mangled = text.replacing(part, with: other)
      #expect(mangled != text, "\(part) is not in \(text)")
      #expect(throws: HedgerowError.self, "\(other)") {
        try LinkSpecification(decoding: Array(mangled.utf8), name: "m")
      }
    }
  }
}
