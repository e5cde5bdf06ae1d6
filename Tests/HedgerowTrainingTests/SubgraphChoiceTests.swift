import Glibc
import HedgerowCore
import HedgerowLoader
import HedgerowSampling
import HedgerowStore
import HedgerowTensor
import HedgerowTestSupport
import Testing

@testable import HedgerowTraining

/// Training on subgraphs that another sampler makes than that of neighbors.
@Suite struct SubgraphChoiceTests {
  private static let choices: [(name: String, model: TrainingOptions.Model, SubgraphChoice)] = [
    ("ladies", .graph, .ladies), ("fastgcn", .gcn, .fastgcn), ("hgt", .sage, .hgt),
    ("pagerank", .sage, .pagerank(nodesPerSeed: 12)),
    ("nodes", .sage, .saint(.nodes(150), isNormalized: false)),
    ("normalized nodes", .graph, .saint(.nodes(150), isNormalized: true)),
    ("edges", .graph, .saint(.edges(200), isNormalized: true)),
    ("walks", .gcn, .saint(.walks(roots: 60, length: 3), isNormalized: true)),
    ("clusters", .gat, .clusters(parts: 12, partsPerBatch: 3)),
    ("random", .sage, .random(parts: 4)),
  ]

  private func options(
    _ model: TrainingOptions.Model, _ subgraphs: SubgraphChoice?, epochs: Int
  ) -> TrainingOptions {
    var options = quickOptions(epochs: epochs)
    options.model = model
    options.subgraphs = subgraphs
    if subgraphs?.isOfHops == true { options.fanouts = [120, 120] }
    return options
  }

  @Test(arguments: [false, true])
  func whatIsLearnedOnSubgraphsIsTheSameForAnyThreadsAndMoreThanChance(hasTags: Bool) async throws {
    let directory = TemporaryDirectory()
    var blocks = BlockStore()
    (blocks.options.homophily, blocks.options.noise) = (0.9, 0.5)
    blocks.hasTags = hasTags
    let store = try blocks.make(at: directory("s"), seed: printedSeed())
    var models: [[UInt8]] = []
    for (name, model, subgraphs) in Self.choices {
      let options = options(model, subgraphs, epochs: 12)
      let one = try await train(store, options, threads: 1)
      let weights = try one.model.network.state.encoded()
      let other = try await train(store, options, threads: 3)
      #expect(try other.model.network.state.encoded() == weights, "\(name)")
      models.append(weights)
      let test = try #require(one.report.metrics.first { $0.set == "test" }).metrics
      // Of three classes.
      #expect(test.accuracy > 0.6, "\(name)")
      let specification = one.model.specification
      #expect(
        try ModelSpecification(decoding: specification.encoded(), name: "m") == specification)
    }
    #expect(Set(models).count == models.count)
  }

  @Test func inducedSubgraphsHaveTheLayersThatTheModelHas() async throws {
    let directory = TemporaryDirectory()
    var blocks = BlockStore()
    (blocks.options.homophily, blocks.options.noise) = (0.9, 0.5)
    let store = try blocks.make(at: directory("s"), seed: printedSeed())
    for edges in [SamplingOptions.EdgeChoice.induced(layers: 3), .bidirectional(layers: 3)] {
      var options = options(.sage, nil, epochs: 12)
      var sampling = SamplingOptions()
      sampling.edges = edges
      sampling.trees = .disjoint
      (options.sampling, options.layerCount, options.fanouts) = (sampling, 3, [5])
      let (model, report) = try await train(store, options)
      #expect(try #require(report.metrics.first { $0.set == "test" }).metrics.accuracy > 0.6)
      let specification = model.specification
      #expect(
        try ModelSpecification(decoding: specification.encoded(), name: "m") == specification)
      options.layerCount = 2
      await #expect(throws: HedgerowError.self) { _ = try await train(store, options) }
    }
  }

  /// Other nodes are in the same subgraphs, and nothing is learned of their labels.
  @Test func labelsBeyondTheTrainingSetAreNotLearned() async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var blocks = BlockStore(nodes: 300)
    blocks.omittedSets = ["valid"]
    let store = try blocks.make(at: directory("s"), seed: seed)
    let train = try #require(try store.snapshot().set(named: "train", of: BlockStore.node))
    blocks.changeLabels = { labels in
      for node in labels.indices where !train.contains(UInt32(node)) {
        labels[node] = labels[node].map { ($0 + 1) % 3 }
      }
    }
    let changed = try blocks.make(at: directory("changed"), seed: seed)
    for subgraphs in [
      SubgraphChoice.clusters(parts: 6, partsPerBatch: 1), .random(parts: 3),
      .saint(.nodes(80), isNormalized: true),
    ] {
      let options = options(.graph, subgraphs, epochs: 3)
      let one = try await HedgerowTrainingTests.train(store, options)
      let other = try await HedgerowTrainingTests.train(changed, options)
      #expect(
        try one.model.network.state.encoded() == other.model.network.state.encoded())
      // Those of the test set are not those that were learned.
      #expect(one.report.metrics.map(\.metrics) != other.report.metrics.map(\.metrics))
    }
  }

  @Test func whatIsCountedWeighsLosses() async throws {
    let directory = TemporaryDirectory()
    let store = try BlockStore(nodes: 200).make(at: directory("s"), seed: printedSeed())
    for isNormalized in [false, true] {
      let trainer = NodeClassificationTrainer(
        try store.snapshot(), target: (BlockStore.node, "label"),
        options: options(.graph, .saint(.nodes(80), isNormalized: isNormalized), epochs: 1),
        resources: resources())
      let batches = try NodeBatches(
        NodeClassifier(trainer.specification()), trainer.graph, batchSize: 64,
        resources: resources(), trainingEpochs: 1)
      var epoch = batches.training(epoch: 0, from: 0)
      let batch = try #require(try await epoch.next())
      #expect(batch.weights.count == (isNormalized ? batch.labels.count : 0))
      #expect(Set(batch.weights).count > 1 || !isNormalized)
      #expect(batch.blocks[0].weights.count == (isNormalized ? 1 : 0))
    }
  }

  /// Of a single node to learn from an epoch may draw nothing.
  @Test func anEpochWithoutExamplesIsPassedOver() async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var blocks = BlockStore(nodes: 200)
    blocks.omittedSets = ["valid", "test"]
    let store = try blocks.make(at: directory("s"), seed: seed)
    let train = try #require(try store.snapshot().set(named: "train", of: BlockStore.node))
    let one = try #require(train.min())
    blocks.changeLabels = { labels in
      for node in labels.indices { labels[node] = node == Int(one) ? 1 : nil }
    }
    let bare = try blocks.make(at: directory("bare"), seed: seed)
    // A batch is two of 200 nodes: one epoch of three or so has none with a label.
    let options = options(.sage, .saint(.nodes(2), isNormalized: false), epochs: 20)
    let report = try await HedgerowTrainingTests.train(bare, options).report
    #expect(report.epochs == 20 && report.steps > 0 && report.history.count == 20)
  }

  @Test func lossesAreWeighedMeans() {
    var random = RandomStream(seed: printedSeed())
    let (rows, classes) = (50, 4)
    let logits = (0..<rows * classes).map { _ in Float(random.next(below: 2000)) / 500 - 2 }
    let labels = (0..<rows).map { _ in Int32(random.next(below: 5)) - 1 }
    let weights = (0..<rows).map { _ in Float(random.next(below: 100)) / 10 }
    var (sum, total) = (0.0, 0.0)
    for row in 0..<rows where labels[row] >= 0 {
      let numbers = logits[row * classes..<(row + 1) * classes].map { Double($0) }
      var exponentials = 0.0
      for number in numbers { exponentials += Glibc.exp(number) }
      sum += Double(weights[row]) * (Glibc.log(exponentials) - numbers[Int(labels[row])])
      total += Double(weights[row])
    }
    let batch = NodeBatch(
      features: [:], blocks: [], nodes: [:], places: nil, labels: labels, weights: weights,
      randomness: random)
    let loss = batch.loss(of: Tensor(logits, shape: [rows, classes])).scalar
    #expect(abs(Double(loss) - sum / total) < 1e-5)
    var unlabelled = batch
    unlabelled.weights = [Float](repeating: 0, count: rows)
    #expect(unlabelled.loss(of: Tensor(logits, shape: [rows, classes])).scalar == 0)
  }

  @Test func whatDoesNotGoTogetherIsRefused() async throws {
    let directory = TemporaryDirectory()
    let store = try BlockStore(nodes: 100).make(at: directory("s"), seed: printedSeed())
    var wrong: [TrainingOptions] = [
      options(.sage, .ladies, epochs: 1), options(.gat, .fastgcn, epochs: 1),
      options(.sage, .saint(.nodes(10), isNormalized: true), epochs: 1),
      options(.sage, .clusters(parts: 0, partsPerBatch: 1), epochs: 1),
    ]
    var weighted = options(.sage, .random(parts: 2), epochs: 1)
    weighted.classWeights = .balanced
    var sampled = options(.sage, .hgt, epochs: 1)
    sampled.sampling = SamplingOptions()
    sampled.sampling?.replacement = .with
    var empty = options(.sage, .hgt, epochs: 1)
    empty.fanouts = [10, -1]
    var whole = TrainingOptions(model: .sage, mode: .fullBatch)
    whole.subgraphs = .hgt
    let endless = options(.sage, .hgt, epochs: 1 << 31)
    wrong += [weighted, sampled, empty, whole, endless]
    for options in wrong {
      let error = await #expect(throws: HedgerowError.self) {
        _ = try await train(store, options)
      }
      #expect(error?.code == .usage)
    }
  }

  @Test(arguments: [
    SubgraphChoice.hgt, .pagerank(nodesPerSeed: 8), .saint(.nodes(50), isNormalized: false),
    .clusters(parts: 20, partsPerBatch: 2), .random(parts: 10),
  ])
  func plansKnowBatchesAndWhatIsRead(choice: SubgraphChoice) async throws {
    let directory = TemporaryDirectory()
    let store = try BlockStore(nodes: 400).make(at: directory("s"), seed: printedSeed())
    let trainer = NodeClassificationTrainer(
      try store.snapshot(), target: (BlockStore.node, "label"),
      options: options(.sage, choice, epochs: 3), resources: resources())
    let plan = try await trainer.plan(trialSteps: 4, mostSeconds: .infinity)
    let report = try await trainer.run().report
    #expect(plan.batchesPerEpoch * 3 == report.steps)
    #expect((1...400).contains(plan.nodesPerBatch) && plan.edgesPerBatch > 0)
    switch choice {
    // Each node once an epoch.
    case .clusters, .random:
      #expect((plan.nodesPerBatch * Double(plan.batchesPerEpoch)).rounded() == 400)
    default: break
    }
    // Everything is small enough to be loaded at once and to stay: whole pages of each of some sections, and labels.
    let (first, stored) = (plan.reading.firstEpochByteCount, plan.reading.storedByteCount)
    #expect(first >= stored * 9 / 10 && first <= stored + 10 * 4096, "\(first) of \(stored)")
    #expect(plan.reading.laterEpochByteCount < first / 20, "\(plan.reading.laterEpochByteCount)")
    #expect(plan.secondsPerEpoch > 0 && plan.trialSteps > 0)
  }
}
