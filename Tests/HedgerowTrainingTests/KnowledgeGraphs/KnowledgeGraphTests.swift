import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowStore
import HedgerowTensor
import HedgerowTestSupport
import Synchronization
import Testing

@testable import HedgerowTraining

/// A store of people in towns: who knows whom within a town, who is of which town and which town each person avoids.
struct TownStore {
  var people = 60
  var towns = 5
  static let person: NodeType = "person"
  static let town: NodeType = "town"
  static let knows = EdgeType(person, "knows", person)
  static let lives = EdgeType(person, "lives", town)

  struct Fact {
    var source: UInt32
    var target: UInt32
    var kind: UInt32
    var part: UInt32
  }

  func facts(seed: UInt64) -> (knows: [Fact], lives: [Fact]) {
    var random = RandomStream(seed: seed).derive("facts")
    func part() -> UInt32 {
      let draw = random.nextUnit()
      return draw < 0.7 ? 0 : draw < 0.85 ? 1 : 2
    }
    var (knows, lives): ([Fact], [Fact]) = ([], [])
    for person in 0..<people {
      for other in 0..<people where other != person && other % towns == person % towns {
        if random.next(below: 2) == 0 {
          knows.append(
            Fact(source: UInt32(person), target: UInt32(other), kind: 0, part: part()))
        }
      }
      for kind in 0..<2 {
        lives.append(
          Fact(
            source: UInt32(person), target: UInt32((person + kind) % towns), kind: UInt32(kind),
            part: part()))
      }
    }
    lives.sort { ($0.source, $0.target) < ($1.source, $1.target) }
    return (knows, lives)
  }

  func make(at path: String, seed: UInt64) throws -> GraphStore {
    let store = try GraphStore.create(at: path, rangeBits: 8)
    let build = try store.beginBuild()
    for (type, count) in [(Self.person, people), (Self.town, towns)] {
      try build.declare(NodeSchema(type), count: count)
      try build.keyWriter(of: type, .identity).finish()
    }
    let (knows, lives) = facts(seed: seed)
    for (type, facts) in [(Self.knows, knows), (Self.lives, lives)] {
      try build.write(
        facts.map { ($0.source, $0.target) },
        as: EdgeSchema(
          type,
          properties: [
            PropertySchema("split", .categorical), PropertySchema("kind", .categorical),
          ]))
      for (column, codes, names) in [
        ("split", facts.map(\.part), ["train", "valid", "test"]),
        ("kind", facts.map(\.kind), ["in", "beside"]),
      ] {
        let writer = try build.columnWriter(of: type, column)
        try codes.withUnsafeBytes { try writer.append(fixed: $0, count: codes.count) }
        try writer.finish(categories: names)
      }
    }
    try build.publish()
    return store
  }
}

@Suite struct KnowledgeGraphTests {
  private func resources(threads: Int = 2) -> TrainingResources {
    TrainingResources(budget: MemoryBudget(total: 256 << 20), threads: threads)
  }

  private func options(
    _ model: KnowledgeGraphOptions.Model, epochs: Int = 2, seed: UInt64
  ) -> KnowledgeGraphOptions {
    var options = KnowledgeGraphOptions(model: model)
    (options.epochs, options.width, options.batchSize, options.seed) = (epochs, 16, 100, seed)
    options.relationColumn = "kind"
    options.validationCount = 20
    return options
  }

  private func train(
    _ store: GraphStore, _ options: KnowledgeGraphOptions, threads: Int = 2,
    targets: [EdgeType]? = nil
  ) async throws -> (
    model: KnowledgeGraphEmbedding, report: TrainingReport,
    metrics: [(set: String, metrics: LinkMetrics)]
  ) {
    try await Compute.with(ThreadPool(threadCount: threads)) {
      try await KnowledgeGraphTrainer(
        store.snapshot(), targets: targets, options: options, resources: resources(threads: threads)
      ).run()
    }
  }

  /// By triples one by one, over all that are known.
  @Test(arguments: KnowledgeGraphOptions.Model.allCases)
  func filteredRanksAreThoseOfTheirDefinition(model: KnowledgeGraphOptions.Model) async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let towns = TownStore()
    let store = try towns.make(at: directory("s"), seed: seed)
    var options = options(model, seed: seed)
    options.negativeCount = 2
    let (trained, _, metrics) = try await train(store, options)
    let (knows, lives) = towns.facts(seed: seed)
    // Rows of people, then of towns; relations of the one type, then of the other.
    typealias Triple = (head: UInt32, relation: UInt32, tail: UInt32, part: UInt32)
    let triples: [Triple] =
      knows.map { ($0.source, $0.kind, $0.target, $0.part) }
      + lives.map { ($0.source, 2 + $0.kind, 60 + $0.target, $0.part) }
    let known = Set(triples.map { [$0.head, $0.relation, $0.tail] })
    func score(_ triples: [[UInt32]]) -> [Float] {
      trained.network.model.score(
        Triples(
          heads: triples.map { $0[0] }, relations: triples.map { $0[1] },
          tails: triples.map { $0[2] })
      ).scalars
    }
    var ranks: [(least: Double, most: Double)] = []
    for triple in triples where triple.part == 2 {
      let own = [triple.head, triple.relation, triple.tail]
      let tails = triple.relation < 2 ? UInt32(0)..<60 : 60..<65
      for candidates in [
        tails.map { [triple.head, triple.relation, $0] },
        (0..<60).map { [$0, triple.relation, triple.tail] },
      ] {
        let others = candidates.filter { !known.contains($0) }
        let bar = score([own])[0]
        let scores = score(others)
        // One product or many: not the same bits.
        let near = 1e-5 * (1 + abs(bar))
        ranks.append(
          (
            1 + Double(scores.count { $0 > bar + near }),
            1 + Double(scores.count { $0 >= bar - near })
          ))
      }
    }
    let test = try #require(metrics.last).metrics
    #expect(test.count == ranks.count && test.candidateCount == 60)
    let mrr = try #require(test[.meanReciprocalRank])
    let count = Double(ranks.count)
    #expect(mrr <= ranks.reduce(0) { $0 + 1 / $1.least } / count + 1e-9)
    #expect(mrr >= ranks.reduce(0) { $0 + 1 / $1.most } / count - 1e-9)
    #expect(
      ranks.reduce(0) { $0 + 1 / $1.least } - ranks.reduce(0) { $0 + 1 / $1.most } < 0.02 * count)
    #expect(test[.rocAUC] == nil)
  }

  @Test(arguments: KnowledgeGraphOptions.Model.allCases)
  func townsAreLearned(model: KnowledgeGraphOptions.Model) async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let store = try TownStore(people: 120).make(at: directory("s"), seed: seed)
    let isTransE = model == .transe
    var options = options(model, epochs: isTransE ? 150 : 60, seed: seed)
    (options.width, options.patience) = (isTransE ? 16 : 32, options.epochs)
    (options.learningRate, options.negativeCount, options.validationCount) = (0.03, 4, 0)
    let before = try await train(store, self.options(model, epochs: 1, seed: seed)).metrics
    let first = try #require(before.last?.metrics[.meanReciprocalRank])
    let (_, report, metrics) = try await train(store, options)
    #expect(report.loss.isFinite && metrics.map(\.set) == ["valid", "test"])
    let last = try #require(metrics.last?.metrics[.meanReciprocalRank])
    print("\(model): \(first) before, \(last) after")
    // Of 120 nodes in no order it is 0.045, after one epoch 0.11 at most; in the end, of 120 beginnings,
    // 0.30 and 0.25 at least with TransE, 0.36 and 0.31 at least with the others.
    #expect(last > (isTransE ? 0.19 : 0.25) && last > first, "\(first) before, \(last) after")
  }

  @Test(arguments: KnowledgeGraphOptions.Model.allCases)
  func threadsAndStopsChangeNoBitAndLoadedModelsScoreAlike(
    model: KnowledgeGraphOptions.Model
  ) async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let store = try TownStore().make(at: directory("s"), seed: seed)
    let options = options(model, epochs: 3, seed: seed)
    let one = try await train(store, options, threads: 1)
    let two = try await train(store, options, threads: 2)
    let weights = try one.model.network.state.encoded()
    #expect(try two.model.network.state.encoded() == weights)
    #expect(one.metrics.map(\.metrics) == two.metrics.map(\.metrics))

    let checks = Mutex(0)
    var resources = resources()
    resources.checkInterruption = {
      let count = checks.withLock { checks in
        checks += 1
        return checks
      }
      if count > 14 { throw HedgerowError(.interrupted, "interrupted") }
    }
    var stopping = KnowledgeGraphTrainer(
      try store.snapshot(), targets: nil, options: options, resources: resources)
    stopping.checkpointName = "m"
    let stopped = stopping
    let error = await #expect(throws: HedgerowError.self) { _ = try await stopped.run() }
    #expect(error?.message.contains("--resume m") == true, "\(error as Any)")
    let graph = try store.snapshot()
    let checkpoint = try KnowledgeGraphCheckpoint(named: "m", in: graph)
    var resuming = KnowledgeGraphTrainer(
      graph, targets: nil, options: options, resources: self.resources())
    resuming.checkpointName = "m"
    let resumed = try await resuming.run(resuming: checkpoint)
    #expect(try resumed.model.network.state.encoded() == weights)
    #expect(resumed.metrics.map(\.metrics) == one.metrics.map(\.metrics))

    let build = try store.beginBuild()
    try build.saveModel(try one.model.record(named: "m"))
    try build.publish()
    let loaded = try KnowledgeGraphEmbedding(named: "m", in: store.snapshot())
    let again = try loaded.evaluate(
      over: store.snapshot(), in: "test", resources: self.resources())
    #expect(again == one.metrics[1].metrics)
    #expect(throws: HedgerowError.self) {
      try loaded.evaluate(over: store.snapshot(), in: "all", resources: self.resources())
    }
  }

  @Test func wrongOptionsAreSaid() async throws {
    let directory = TemporaryDirectory()
    let store = try TownStore().make(at: directory("s"), seed: 3)
    func message(
      targets: [EdgeType]? = nil, _ change: (inout KnowledgeGraphOptions) -> Void
    ) async throws -> String {
      var options = options(.complex, seed: 3)
      change(&options)
      let changed = options
      let error = await #expect(throws: HedgerowError.self) {
        try await train(store, changed, targets: targets)
      }
      #expect(error?.code == .usage)
      return error?.message ?? ""
    }
    #expect(try await message { $0.width = 15 }.contains("even"))
    #expect(try await message { $0.splitColumn = "part" }.contains("hedgerow split"))
    #expect(try await message { $0.splitColumn = "kind" }.contains("'train'"))
    #expect(try await message { $0.relationColumn = "sort" }.contains("no column of categories"))
    #expect(try await message { $0.criterion = .rocAUC }.contains("mrr"))
    #expect(
      try await message(targets: [EdgeType("person", "likes", "town")]) { _ in }
        .contains("person:knows:person"))
  }

  /// Whoever wrote them, bytes must not end the program.
  @Test func mangledSpecificationsAreRefused() async throws {
    let directory = TemporaryDirectory()
    let store = try TownStore().make(at: directory("s"), seed: 3)
    let model = try await train(store, options(.rotate, epochs: 1, seed: 3)).model
    let text = String(decoding: try model.specification.encoded(), as: UTF8.self)
    for (part, other) in [
      ("\"width\":16", "\"width\":15"), ("\"width\":16", "\"width\":-4"),
      ("\"count\":60", "\"count\":-60"), ("\"count\":60", "\"count\":9000000000000000000"),
      ("\"type\":\"town\"", "\"type\":\"person\""), ("person:knows:person", "person:knows:dog"),
      ("person:knows:person", "person"), ("\"negativeCount\":1", "\"negativeCount\":0"),
      ("[\"in\",\"beside\"]", "[]"),
    ] {
      let mangled = text.replacing(part, with: other)
      #expect(mangled != text, "\(part) is not in \(text)")
      #expect(throws: HedgerowError.self, "\(other)") {
        try KnowledgeGraphSpecification(decoding: Array(mangled.utf8), name: "m")
      }
    }
  }
}
