import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowStore
import HedgerowTensor
import HedgerowTestSupport
import HedgerowTraining
import Synchronization
import Testing

private let node = BlockStore.node

@Suite struct EmbeddingTests {
  private func resources(limit: Int = .max) -> TrainingResources {
    let checks = Mutex(0)
    return TrainingResources(
      budget: MemoryBudget(total: 256 << 20), threads: 2,
      checkInterruption: {
        let count = checks.withLock { checks in
          checks += 1
          return checks
        }
        if count > limit { throw HedgerowError(.interrupted, "interrupted") }
      })
  }

  private func options(
    _ model: EmbeddingOptions.Model, epochs: Int = 2, seed: UInt64
  ) -> EmbeddingOptions {
    var options = EmbeddingOptions(model: model)
    (options.epochs, options.width, options.seed) = (epochs, 16, seed)
    (options.steps, options.walksPerNode, options.window) = (6, 4, 4)
    if model == .metapath2vec { options.path = "node:has:tag:rev_has:node" }
    return options
  }

  private func store(_ directory: TemporaryDirectory, seed: UInt64) throws -> GraphStore {
    var blocks = BlockStore(nodes: 150)
    blocks.hasTags = true
    blocks.options.homophily = 0.9
    return try blocks.make(at: directory("s"), seed: seed)
  }

  private func train(
    _ store: GraphStore, _ options: EmbeddingOptions, threads: Int = 2
  ) async throws -> (model: NodeEmbedding, report: TrainingReport) {
    try await Compute.with(ThreadPool(threadCount: threads)) {
      try await EmbeddingTrainer(
        store.snapshot(), target: node, options: options, resources: resources()
      ).run()
    }
  }

  /// What is written back is read as features, and rows of one class are more alike than others.
  @Test(arguments: EmbeddingOptions.Model.allCases)
  func rowsThatAreWrittenTellClassesApart(model: EmbeddingOptions.Model) async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let store = try store(directory, seed: seed)
    let epochs = model == .dgi ? 300 : 30
    var options = options(model, epochs: epochs, seed: seed)
    if model == .dgi { options.learningRate = 0.01 }
    // Tags by themselves never lead from one to another.
    if model == .metapath2vec { options.path = "node:has:tag:rev_has:node:links:node" }
    let (trained, report) = try await train(store, options)
    #expect(report.epochs == epochs)
    let (count, _) = try trained.write(
      to: "row", of: node, over: store.snapshot(), modelName: "m", store: store,
      waiting: 0, resources: resources())
    let graph = try store.snapshot()
    #expect(count == 150 && graph.width(of: "row", of: node) == 16)
    let difference = try likenessWithinClasses(graph, column: "row")
    print("\(model): \(difference), loss \(report.loss)")
    if model == .dgi {
      // Layers that have learned nothing make neighbors alike as well, but tell no features from
      // shuffled ones, which is a loss of 2 log 2, 1.39.
      #expect(report.loss < 1)
    } else {
      #expect(difference > 0.4)
    }
  }

  /// The mean cosine of rows of one class less that of rows of two.
  private func likenessWithinClasses(_ graph: Snapshot, column: String) throws -> Float {
    let nodes = (0..<150).map { UInt32($0) }
    var rows = [Float](repeating: 0, count: 150 * 16)
    try rows.withUnsafeMutableBufferPointer {
      try graph.gather(nodes.span, of: node, column: column, into: $0)
    }
    let labels = try graph.labels(nodes.span, of: node, column: "label")
    var (within, across): ((sum: Float, count: Float), (sum: Float, count: Float)) = (
      (0, 0), (0, 0)
    )
    func cosine(_ a: Int, _ b: Int) -> Float {
      var (ab, aa, bb): (Float, Float, Float) = (0, 0, 0)
      for column in 0..<16 {
        let (x, y) = (rows[a * 16 + column], rows[b * 16 + column])
        (ab, aa, bb) = (ab + x * y, aa + x * x, bb + y * y)
      }
      return ab / max(1e-9, (aa * bb).squareRoot())
    }
    for a in 0..<150 {
      for b in 0..<a {
        let alike = cosine(a, b)
        if labels[a] == labels[b] {
          within = (within.sum + alike, within.count + 1)
        } else {
          across = (across.sum + alike, across.count + 1)
        }
      }
    }
    return within.sum / within.count - across.sum / across.count
  }

  @Test(arguments: EmbeddingOptions.Model.allCases)
  func threadsAndStopsChangeNoBit(model: EmbeddingOptions.Model) async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let store = try store(directory, seed: seed)
    let options = options(model, epochs: 3, seed: seed)
    let whole = try await train(store, options, threads: 1)
    let weights = try whole.model.network.state.encoded()
    #expect(try await train(store, options, threads: 2).model.network.state.encoded() == weights)

    let graph = try store.snapshot()
    var stopping = EmbeddingTrainer(
      graph, target: node, options: options, resources: resources(limit: 4))
    stopping.checkpointName = "m"
    let stopped = stopping
    let error = await #expect(throws: HedgerowError.self) { _ = try await stopped.run() }
    guard error?.message.contains("--resume m") == true else {
      // While the graph is read there is nothing to go on with yet.
      #expect(model == .dgi)
      return
    }
    let checkpoint = try EmbeddingCheckpoint(named: "m", in: graph)
    var resuming = EmbeddingTrainer(
      graph, target: node, options: options, resources: resources())
    resuming.checkpointName = "m"
    let resumed = try await resuming.run(resuming: checkpoint)
    #expect(try resumed.model.network.state.encoded() == weights)
    #expect(resumed.report.loss.bitPattern == whole.report.loss.bitPattern)

    let build = try store.beginBuild()
    try build.saveModel(try whole.model.record(named: "m"))
    try build.publish()
    let loaded = try NodeEmbedding(named: "m", in: store.snapshot())
    #expect(try loaded.network.state.encoded() == weights)
    #expect(loaded.specification == whole.model.specification)
  }

  @Test func wrongOptionsAreSaid() async throws {
    let directory = TemporaryDirectory()
    let store = try store(directory, seed: 3)
    func message(
      _ model: EmbeddingOptions.Model, of type: NodeType = node,
      _ change: (inout EmbeddingOptions) -> Void
    ) async throws -> String {
      var options = options(model, seed: 3)
      change(&options)
      let trainer = EmbeddingTrainer(
        try store.snapshot(), target: type, options: options, resources: resources())
      let error = await #expect(throws: HedgerowError.self) { _ = try await trainer.run() }
      #expect(error?.code == .usage)
      return error?.message ?? ""
    }
    #expect(try await message(.node2vec) { $0.window = 9 }.contains("window"))
    #expect(try await message(.node2vec, of: "dog") { _ in }.contains("no node type 'dog'"))
    #expect(try await message(.node2vec, of: "tag") { _ in }.contains("metapath2vec"))
    #expect(
      try await message(.metapath2vec) { $0.path = "node:likes:tag:rev_likes:node" }
        .contains("no relation"))
    #expect(
      try await message(.node2vec) { $0.path = "node:has:tag:rev_has:node" }
        .contains("one relation"))
    #expect(try await message(.dgi) { $0.inputs = [node: []] }.contains("has none"))
  }

  /// Whoever wrote them, bytes must not end the program.
  @Test func mangledSpecificationsAreRefused() async throws {
    let directory = TemporaryDirectory()
    let store = try store(directory, seed: 3)
    let model = try await train(store, options(.metapath2vec, epochs: 1, seed: 3)).model
    let text = String(decoding: try model.specification.encoded(), as: UTF8.self)
    for (part, other) in [
      ("\"width\":16", "\"width\":0"), ("\"count\":150", "\"count\":-1"),
      ("\"count\":150", "\"count\":9000000000000000000"), ("\"window\":4", "\"window\":40"),
      ("\"path\":[\"node\",\"tag\"]", "\"path\":[]"),
      ("\"path\":[\"node\",\"tag\"]", "\"path\":[\"node\",\"dog\"]"),
      ("\"model\":\"metapath2vec\"", "\"model\":\"dgi\""),
      ("\"model\":\"metapath2vec\"", "\"model\":\"node2vec\""),
    ] {
      let mangled = text.replacing(part, with: other)
      #expect(mangled != text, "\(part) is not in \(text)")
      #expect(throws: HedgerowError.self, "\(other)") {
        try EmbeddingSpecification(decoding: Array(mangled.utf8), name: "m")
      }
    }
  }
}
