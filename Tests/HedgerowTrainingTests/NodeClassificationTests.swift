import HedgerowCore
import HedgerowGraph
import HedgerowLoader
import HedgerowMapped
import HedgerowStore
import HedgerowTensor
import HedgerowTestSupport
import HedgerowTraining
import Testing

private let person: NodeType = "person"
private let tag: NodeType = "tag"
private let knows = EdgeType("person", "knows", "person")
private let uses = EdgeType("person", "uses", "tag")

/// Persons of three classes that know their own kind, with noisy features, and tags without any.
private func makeStore(at path: String, seed: UInt64, labels: Bool = true) throws -> GraphStore {
  var random = RandomStream(seed: seed)
  let count = 600
  let tags = 30
  let store = try GraphStore.create(at: path, rangeBits: 7)
  let build = try store.beginBuild()
  var properties = [PropertySchema("x", .vector(element: .float32, width: 6))]
  if labels { properties.append(PropertySchema("label", .categorical)) }
  try build.declare(NodeSchema(person, properties: properties), count: count)
  try build.declare(NodeSchema(tag), count: tags)
  for type in [person, tag] { try build.keyWriter(of: type, .identity).finish() }
  let features = (0..<count * 6).map { place in
    Float(random.nextUnit()) + (place % 6 == place / 6 % 3 ? 0.4 : 0)
  }
  let x = try build.columnWriter(of: person, "x")
  try features.withUnsafeBytes { try x.append(fixed: $0, count: count) }
  try x.finish()
  if labels {
    let label = try build.columnWriter(of: person, "label")
    let codes = (0..<UInt32(count)).map { $0 % 3 }
    try codes.withUnsafeBytes { try label.append(fixed: $0, count: count) }
    try label.finish(categories: ["red", "green", "blue"])
  }
  for (name, remainder) in [("train", 0), ("valid", 1), ("test", 2)] {
    let members = (0..<UInt32(count)).filter { Int($0) / 3 % 3 == remainder }
    try build.setMembers(name, of: person, .init(members))
  }
  try write(knows, to: build) {
    (0..<count * 6).map { edge in
      let source = edge % count
      let other = Int(random.next(below: UInt64(count / 3))) * 3
      return (UInt32(source), UInt32(edge % 5 == 0 ? (other + 1) % count : other + source % 3))
    }
  }
  try write(uses, to: build) {
    (0..<count).map { (UInt32($0), UInt32(random.next(below: UInt64(tags)))) }
  }
  try build.publish()
  return store
}

private func write(
  _ type: EdgeType, to build: GenerationBuilder, _ edges: () -> [(UInt32, UInt32)]
) throws {
  try build.declare(EdgeSchema(type))
  let edges = edges()
  for index in AdjacencyIndex.allCases {
    let pairs = edges.map { index == .out ? ($0.0, $0.1) : ($0.1, $0.0) }.sorted { $0 < $1 }
    let writer = try build.adjacencyWriter(of: type, index)
    let rows = pairs.map(\.0)
    let neighbors = pairs.map(\.1)
    try rows.withUnsafeBufferPointer { rows in
      try neighbors.withUnsafeBufferPointer { try writer.append(rows: rows, neighbors: $0) }
    }
    try writer.finish()
  }
}

private func train(
  _ store: GraphStore, threads: Int = 2, column: String = "label",
  _ change: (inout TrainingOptions) -> Void = { _ in }
) async throws -> (model: NodeClassifier, report: TrainingReport) {
  var options = TrainingOptions()
  options.epochs = 30
  options.fanouts = [5, 5]
  options.batchSize = 64
  options.hiddenWidth = 16
  change(&options)
  let trainer = NodeClassificationTrainer(
    try store.snapshot(), target: (person, column), options: options,
    resources: TrainingResources(budget: MemoryBudget(total: 256 << 20), threads: threads))
  return try await Compute.with(ThreadPool(threadCount: threads)) { try await trainer.run() }
}

@Suite struct NodeClassificationTests {
  @Test func itLearnsWhatIsThereToLearn() async throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(at: directory("s"), seed: printedSeed())
    let (_, report) = try await train(store)
    #expect(report.metrics.map(\.set) == ["valid", "test"])
    let test = report.metrics[1].metrics
    #expect(test.count == 198)
    #expect(test.accuracy > 0.8, "\(test.accuracy) where chance is 0.33")
    #expect(test.majorityShare < 0.4)
  }

  @Test func theLossIsTheSameToTheLastBit() async throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(at: directory("s"), seed: printedSeed())
    var losses: Set<UInt64> = []
    for threads in [1, 1, 2, 4] {
      let report = try await train(store, threads: threads) {
        $0.epochs = 4
        $0.seed = 3
      }.report
      losses.insert(report.loss.bitPattern)
    }
    #expect(losses.count == 1)
    let other = try await train(store) {
      $0.epochs = 4
      $0.seed = 4
    }.report
    #expect(!losses.contains(other.loss.bitPattern))
  }

  @Test func aSavedModelPredictsAsBeforeAndSignsWhatItWrites() async throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(at: directory("s"), seed: printedSeed())
    let (model, report) = try await train(store)
    let build = try store.beginBuild()
    try build.saveModel(model.record(named: "first"))
    try build.publish()

    let graph = try store.snapshot()
    let loaded = try NodeClassifier(named: "first", in: graph)
    #expect(loaded.specification == model.specification)
    let resources = TrainingResources(budget: MemoryBudget(total: 256 << 20), threads: 2)
    let metrics = try await loaded.evaluate(
      over: graph, in: "test", batchSize: 64, resources: resources)
    #expect(metrics == report.metrics[1].metrics)

    let (count, version) = try await loaded.predict(
      over: graph, in: "test", column: "predicted", modelName: "first", store: store,
      batchSize: 64, waiting: 0, resources: resources)
    #expect(count == 198)
    let after = try store.snapshot()
    #expect(after.version == version)
    let provenance = after.provenance(of: "predicted", of: person)
    #expect(provenance?.model == "first" && provenance?.dataVersion == graph.version)
    #expect(provenance?.hash == (try graph.model(named: "first")?.hash))
    var right = 0
    for node in 0..<600 as Range<UInt32> {
      let value = try after.value(of: "predicted", of: person, at: NodeID(node))
      #expect((value != nil) == (node / 3 % 3 == 2))
      let label = try after.value(of: "label", of: person, at: NodeID(node))
      if value != nil && value == label { right += 1 }
    }
    #expect(right == Int((metrics.accuracy * 198).rounded()))
    #expect(try StoreVerifier.verify(store).isClean)
  }

  @Test func wrongCallsAreSaidClearly() async throws {
    let directory = TemporaryDirectory()
    let seed = printedSeed()
    let store = try makeStore(at: directory("s"), seed: seed)
    func message(_ body: () async throws -> Void) async -> String {
      do {
        try await body()
        return ""
      } catch { return "\(error)" }
    }
    #expect(await message { _ = try await train(store, column: "size") }.contains("'size'"))
    #expect(await message { _ = try await train(store, column: "x") }.contains("float32[6]"))
    #expect(
      await message { _ = try await train(store) { $0.model = "gat" } }.contains("'gat'"))
    #expect(
      await message { _ = try await train(store) { $0.inputs = [person: ["y"]] } }
        .contains("person.y"))
    let empty = try GraphStore.create(at: directory("empty"))
    #expect(await message { _ = try await train(empty) }.contains("no node type 'person'"))
    let reference = try ReferenceGraph(seed: seed).makeStore(at: directory("other"))
    let (model, _) = try await train(store) { $0.epochs = 1 }
    let build = try reference.beginBuild()
    try build.saveModel(model.record(named: "foreign"))
    try build.publish()
    #expect(
      await message { _ = try NodeClassifier(named: "foreign", in: reference.snapshot()) }
        .contains("another schema"))
    #expect(
      await message { _ = try NodeClassifier(named: "none", in: reference.snapshot()) }
        .contains("foreign"))
  }
}
