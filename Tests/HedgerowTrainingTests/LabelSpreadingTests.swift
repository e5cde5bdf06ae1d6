import HedgerowCore
import HedgerowGraph
import HedgerowNN
import HedgerowStore
import HedgerowTensor
import HedgerowTestSupport
import HedgerowTraining
import Testing

private let node = BlockStore.node

/// Models that predict by labels of the training set.
@Suite struct LabelSpreadingTests {
  private static let models: [TrainingOptions.Model] = [.labelPropagation, .correctAndSmooth]

  private func options(_ model: TrainingOptions.Model, seed: UInt64) -> TrainingOptions {
    var options = TrainingOptions(model: model, mode: .fullBatch)
    if model != .labelPropagation { options.epochs = 20 }
    options.hiddenWidth = 8
    options.seed = seed
    return options
  }

  private func predictions(
    _ model: NodeClassifier, _ store: GraphStore, column: String
  ) async throws -> [PropertyValue?] {
    _ = try await model.predict(
      over: store.snapshot(), in: nil, column: column, modelName: "m", store: store, batchSize: 50,
      waiting: 0, resources: resources())
    let snapshot = try store.snapshot()
    return try (0..<UInt32(snapshot.count(of: node))).map {
      try snapshot.value(of: column, of: node, at: NodeID($0))
    }
  }

  /// A store of the same graph whose other labels are all one class gives the same bits.
  @Test(arguments: models)
  func labelsOfOtherSetsSayNothing(model: TrainingOptions.Model) async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var blocks = BlockStore(nodes: 300)
    let store = try blocks.make(at: directory("a"), seed: seed)
    let train = try #require(try store.snapshot().set(named: "train", of: node))
    // The last class stays known, by one node of the training set at least.
    blocks.changeLabels = { labels in
      for place in labels.indices where !train.contains(UInt32(place)) { labels[place] = 0 }
    }
    // No validation set, which would choose the epoch.
    blocks.omittedSets = ["valid"]
    let changed = try blocks.make(at: directory("b"), seed: seed)
    blocks.changeLabels = { _ in }
    let plain = try blocks.make(at: directory("c"), seed: seed)
    let options = options(model, seed: seed)
    var found: [[PropertyValue?]] = []
    for store in [plain, changed] {
      let (trained, report) = try await HedgerowTrainingTests.train(store, options)
      #expect(report.steps == options.epochs)
      found.append(try await predictions(trained, store, column: "predicted"))
    }
    #expect(found[0] == found[1])
    #expect(Set(found[0].map { "\($0 as Any)" }).count > 1)
  }

  @Test func whatIsKnownOfNeighborsIsWhatIsPredicted() async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let store = try BlockStore(nodes: 200).make(at: directory("s"), seed: seed)
    var options = options(.labelPropagation, seed: seed)
    options.propagation?.steps = 2
    options.propagation?.alpha = 0.8
    let (model, report) = try await train(store, options)
    #expect(model.parameterCount == 0 && report.epochs == 0 && report.loss == 0)
    let predicted = try await predictions(model, store, column: "predicted")

    let snapshot = try store.snapshot()
    let train = try #require(try snapshot.set(named: "train", of: node))
    let all = (0..<UInt32(200)).map { $0 }
    let labels = try snapshot.labels(all.span, of: node, column: "label")
    let relation = try #require(snapshot.schema.relations().first)
    let neighbors = try all.map { id in
      let extents = try snapshot.extents(of: [id].span, along: relation)
      let addresses = (0..<UInt64(extents[0].count)).map { extents[0].start + $0 }
      return try snapshot.neighbors(at: addresses.span, along: relation)
    }
    let start = all.map { id in
      (0..<3).map { train.contains(id) && labels[Int(id)] == $0 ? 1.0 : 0.0 }
    }
    var rows = start
    for _ in 0..<2 {
      rows = all.indices.map { target in
        (0..<3).map { column in
          var sum = 0.0
          for source in neighbors[target] {
            let degrees = Double(neighbors[target].count * neighbors[Int(source)].count)
            sum += rows[Int(source)][column] / degrees.squareRoot()
          }
          return min(1, max(0, 0.8 * sum + 0.2 * start[target][column]))
        }
      }
    }
    for id in all {
      let best = rows[Int(id)].max()!
      guard case .int(let value)? = predicted[Int(id)] else {
        Issue.record("node \(id) has no prediction")
        continue
      }
      #expect(rows[Int(id)][Int(value)] > best - 1e-5, "node \(id): \(rows[Int(id)])")
    }
  }

  @Test(arguments: models)
  func aSavedModelGoesOnAndPredictsTheSame(model: TrainingOptions.Model) async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let store = try BlockStore(nodes: 300).make(at: directory("s"), seed: seed)
    var trainer = NodeClassificationTrainer(
      try store.snapshot(), target: (node, "label"), options: options(model, seed: seed),
      resources: resources())
    trainer.checkpointName = "m"
    let (trained, report) = try await trainer.run()
    let build = try store.beginBuild()
    try build.saveModel(try trained.record(named: "m"))
    try build.publish()
    let checkpoint = try Checkpoint(named: "m", in: store.snapshot())
    let (again, resumed) = try await trainer.run(resuming: checkpoint)
    #expect(resumed.metrics.map(\.metrics) == report.metrics.map(\.metrics))
    #expect(try again.network.state.encoded() == trained.network.state.encoded())
    let loaded = try NodeClassifier(named: "m", in: store.snapshot())
    let test = try await loaded.evaluate(
      over: store.snapshot(), in: "test", batchSize: 7, resources: resources())
    #expect(test == report.metrics.last?.metrics)
    #expect(
      try await predictions(loaded, store, column: "first")
        == predictions(trained, store, column: "second"))
    // A node's own label is among what it is predicted by.
    let train = try await loaded.evaluate(
      over: store.snapshot(), in: "train", batchSize: 7, resources: resources())
    #expect(train.accuracy > test.accuracy || model == .correctAndSmooth)
  }

  @Test func whatCannotSpreadIsSaidSo() async throws {
    let directory = TemporaryDirectory()
    func message(_ store: GraphStore, _ options: TrainingOptions) async throws -> String {
      let error = await #expect(throws: HedgerowError.self) { try await train(store, options) }
      #expect(error?.code == .usage)
      return error?.message ?? ""
    }
    var blocks = BlockStore(nodes: 100)
    let store = try blocks.make(at: directory("s"), seed: 1)
    var epochs = options(.labelPropagation, seed: 1)
    epochs.epochs = 3
    #expect(try await message(store, epochs).contains("learns nothing"))
    var steps = options(.sign, seed: 1)
    steps.propagation = .init()
    #expect(try await message(store, steps).contains("--steps"))
    var jumping = options(.linkx, seed: 1)
    jumping.jumping = .max
    #expect(try await message(store, jumping).contains("--jumping"))
    #expect(
      try await message(store, TrainingOptions(model: .sign)).contains("add --full-batch"))
    let members = try #require(try store.snapshot().set(named: "train", of: node))
    blocks.changeLabels = { labels in for place in members { labels[Int(place)] = nil } }
    let unlabelled = try blocks.make(at: directory("u"), seed: 1)
    #expect(
      try await message(unlabelled, options(.labelPropagation, seed: 1)).contains("no node"))
  }
}
