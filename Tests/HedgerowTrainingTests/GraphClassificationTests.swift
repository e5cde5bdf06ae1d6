import HedgerowCore
import HedgerowGNN
import HedgerowNN
import HedgerowStore
import HedgerowTensor
import HedgerowTestSupport
import HedgerowTraining
import Synchronization
import Testing

/// Classes of graphs, which are nodes to which others belong.
@Suite struct GraphClassificationTests {
  private func options(
    _ model: NodeNetwork.Architecture = .gin, seed: UInt64, epochs: Int = 15
  ) -> TrainingOptions {
    var options = TrainingOptions(model: model, mode: .graphs)
    options.hiddenWidth = 16
    options.epochs = epochs
    options.batchSize = 16
    options.layerCount = 2
    options.learningRate = 0.01
    options.inputs = [GraphsStore.node: ["one"]]
    options.seed = seed
    return options
  }

  private func trainer(
    _ store: GraphStore, _ options: TrainingOptions, resources: TrainingResources = resources()
  ) throws -> NodeClassificationTrainer {
    NodeClassificationTrainer(
      try store.snapshot(), target: (GraphsStore.graph, "label"), options: options,
      resources: resources)
  }

  @Test(arguments: NodeNetwork.Readout.allCases)
  func graphsAreToldApartByTheirEdges(readout: NodeNetwork.Readout) async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let store = try GraphsStore().make(at: directory("s"), seed: seed)
    var options = options(seed: seed)
    options.readout = readout
    let (model, report) = try await trainer(store, options).run()
    let test = try #require(report.metrics.last).metrics
    #expect(test.count == 30 && report.steps == report.epochs * 4)
    #expect(test.accuracy > 0.9, "\(test)")
    #expect(model.specification.inputs.map(\.type) == ["node"])
    for threads in [1, 3] {
      let again = try await Compute.with(ThreadPool(threadCount: threads)) {
        try await trainer(store, options, resources: resources(threads: threads)).run()
      }
      #expect(try again.model.network.state.encoded() == model.network.state.encoded())
    }
  }

  /// How batches are cut changes nothing of what a graph is told to be.
  @Test(arguments: NodeNetwork.Architecture.allCases.filter { $0 != .han })
  func everyModelResumesBitForBitAndPredictsAsTrained(
    model architecture: NodeNetwork.Architecture
  ) async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let store = try GraphsStore(count: 60).make(at: directory("s"), seed: seed)
    let options = options(architecture, seed: seed, epochs: 3)
    let (whole, report) = try await trainer(store, options).run()
    let isDue = Mutex(false)
    var resources = resources()
    resources.checkInterruption = {
      if isDue.withLock({ $0 }) { throw HedgerowError(.interrupted, "interrupted") }
    }
    var stopping = try trainer(store, options, resources: resources)
    stopping.checkpointName = "stopped"
    let error = await #expect(throws: HedgerowError.self) {
      _ = try await stopping.run { _, _, _ in isDue.withLock { $0 = true } }
    }
    #expect(error?.message.contains("--resume stopped") == true, "\(error as Any)")
    let checkpoint = try Checkpoint(named: "stopped", in: store.snapshot())
    let (model, resumed) = try await trainer(store, options).run(resuming: checkpoint)
    #expect(resumed.loss.bitPattern == report.loss.bitPattern)
    #expect(try model.network.state.encoded() == whole.network.state.encoded())

    let build = try store.beginBuild()
    try build.saveModel(try model.record(named: "m"))
    try build.publish()
    let loaded = try NodeClassifier(named: "m", in: store.snapshot())
    for batchSize in [16, 3, 100] {
      let metrics = try await loaded.evaluate(
        over: store.snapshot(), in: "test", batchSize: batchSize,
        resources: TrainingResources(budget: MemoryBudget(total: 256 << 20), threads: 2))
      let trained = try #require(report.metrics.last).metrics
      #expect(metrics.accuracy == trained.accuracy && abs(metrics.loss - trained.loss) < 1e-5)
    }
    let written = try await loaded.predict(
      over: store.snapshot(), in: nil, column: "predicted", modelName: "m", store: store,
      batchSize: 16, waiting: 0,
      resources: TrainingResources(budget: MemoryBudget(total: 256 << 20), threads: 2))
    #expect(written.count == 60)
  }

  @Test func whatAreNoGraphsIsSaidSo() async throws {
    let directory = TemporaryDirectory()
    let store = try GraphsStore(count: 20).make(at: directory("s"), seed: 1)
    func message(_ change: (inout TrainingOptions) -> Void) async throws -> String {
      var options = options(seed: 1)
      change(&options)
      let error = await #expect(throws: HedgerowError.self) {
        try await trainer(store, options).run()
      }
      #expect(error?.code == .usage)
      return error?.message ?? ""
    }
    #expect(try await message { $0.inputs = nil }.contains("'node' has none"))
    #expect(try await message { $0.model = .han }.contains("another --model"))
    let blocks = try BlockStore(nodes: 100).make(at: directory("b"), seed: 1)
    let nodes = NodeClassificationTrainer(
      try blocks.snapshot(), target: (BlockStore.node, "label"),
      options: TrainingOptions(model: .gin, mode: .graphs), resources: resources())
    let error = await #expect(throws: HedgerowError.self) { try await nodes.run() }
    #expect(error?.message.contains("no edge type leads to 'node'") == true)
    let plan = await #expect(throws: HedgerowError.self) {
      try await trainer(store, options(seed: 1)).plan()
    }
    #expect(plan?.code == .usage)
  }
}
