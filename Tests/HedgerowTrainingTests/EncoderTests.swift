import HedgerowCore
import HedgerowGraph
import HedgerowStore
import HedgerowTensor
import HedgerowTestSupport
import HedgerowTraining
import Testing

private let node = BlockStore.node

/// Columns of one value a node as inputs of a model.
@Suite struct EncoderTests {
  /// What the columns say of a node: its venue and title tell its class, its year is of a training node or far away.
  private func value(_ column: String, _ id: UInt32, isTrained: Bool) -> PropertyValue? {
    let label = Int(id) % 3
    if id % 10 == 9 { return nil }
    switch column {
    case "year": return .int(isTrained ? Int64(1990 + id % 7) : 1_000_000)
    case "venue": return .text(isTrained || id % 2 == 0 ? "venue \(label)" : "venue of nobody else")
    default: return .text("On the Theory, of class\(label): \(id)")
    }
  }

  private func store(_ directory: TemporaryDirectory, seed: UInt64) throws -> GraphStore {
    var blocks = BlockStore(nodes: 300)
    // Features say nothing.
    blocks.changeFeatures = { for place in $0.indices { $0[place] = 1 } }
    let store = try blocks.make(at: directory("s"), seed: seed)
    let train = try #require(try store.snapshot().set(named: "train", of: node))
    for (name, kind) in [
      ("year", PropertyKind.int32), ("venue", .categorical), ("title", .string),
    ] {
      try store.setColumn(PropertySchema(name, kind), of: node) {
        value(name, $0.rawValue, isTrained: train.contains($0.rawValue))
      }
    }
    return store
  }

  private func options(_ encodings: [ColumnEncoding]) -> TrainingOptions {
    var options = TrainingOptions(model: .mlp)
    options.fanouts = [5, 3]
    options.hiddenWidth = 16
    options.epochs = 20
    options.inputs = [:]
    options.encodings = [node: encodings]
    return options
  }

  @Test func statisticsAreThoseOfTheTrainingSetAlone() async throws {
    let directory = TemporaryDirectory()
    let store = try store(directory, seed: printedSeed())
    let encodings = [
      ColumnEncoding("year", .standardize), ColumnEncoding("venue", .oneHot),
      ColumnEncoding("title", .hash(width: 32)),
    ]
    var options = options(encodings)
    options.epochs = 1
    let model = try await train(store, options).model
    let input = model.specification.inputs[0]
    #expect(input.columns.isEmpty && input.width == 36)
    let encoders = try #require(input.encoders)
    let snapshot = try store.snapshot()
    let members = Array(try #require(try snapshot.set(named: "train", of: node)))
    let years = members.filter { $0 % 10 != 9 }.map { Double(1990 + $0 % 7) }
    let mean = years.reduce(0, +) / Double(years.count)
    let deviation =
      (years.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(years.count)).squareRoot()
    guard case .standard(let found, let spread) = encoders[0].statistics else {
      Issue.record("\(encoders[0])")
      return
    }
    #expect(abs(found - mean) < 1e-9 && abs(spread - deviation) < 1e-9)
    #expect(encoders[1].statistics == .categories(["venue 0", "venue 1", "venue 2"]))

    let rows = try ColumnEncoder.rows(encoders, of: (0..<300).map { $0 }, node, in: snapshot)
    #expect(rows.shape == [300, 36])
    let numbers = rows.scalars
    for id in 0..<300 {
      let row = Array(numbers[id * 36..<(id + 1) * 36])
      let isTrained = members.contains(UInt32(id))
      guard id % 10 != 9 else {
        #expect(row.allSatisfy { $0 == 0 })
        continue
      }
      let year = isTrained ? Double(1990 + id % 7) : 1_000_000
      #expect(abs(Double(row[0]) - (year - mean) / deviation) < 1e-3 * (1 + abs(year - mean)))
      let isKnown = isTrained || id % 2 == 0
      #expect(Array(row[1..<4]) == (0..<3).map { isKnown && $0 == id % 3 ? 1 : 0 })
      let length = row[4...].reduce(0) { $0 + $1 * $1 }
      #expect(abs(length - 1) < 1e-5)
    }
  }

  @Test(arguments: [TrainingOptions.Mode.sampled, .fullBatch])
  func aModelLearnsFromThemAndIsSavedWithThem(mode: TrainingOptions.Mode) async throws {
    let directory = TemporaryDirectory()
    let store = try store(directory, seed: printedSeed())
    var options = options([ColumnEncoding("title", .hash(width: 64))])
    options.mode = mode
    (options.hiddenWidth, options.dropout, options.epochs) = (32, 0.2, 150)
    let (model, report) = try await train(store, options)
    let test = try #require(report.metrics.first { $0.set == "test" }).metrics
    // A tenth has no title.
    #expect(test.accuracy > 0.85)
    let build = try store.beginBuild()
    try build.saveModel(try model.record(named: "m"))
    try build.publish()
    let loaded = try NodeClassifier(named: "m", in: store.snapshot())
    #expect(loaded.specification == model.specification)
    let again = try await loaded.evaluate(
      over: store.snapshot(), in: "test", batchSize: 50, resources: resources())
    #expect(again.accuracy == test.accuracy)
    let unsaved = try await model.evaluate(
      over: store.snapshot(), in: "test", batchSize: 50, resources: resources())
    #expect(again == unsaved)
    // Other values later change what it says, and nothing of what it was fitted on.
    try store.setColumn(PropertySchema("title", .string), of: node, replaces: true) {
      .text("class\(($0.rawValue + 1) % 3)")
    }
    let other = try NodeClassifier(named: "m", in: store.snapshot())
    let wrong = try await other.evaluate(
      over: store.snapshot(), in: "test", batchSize: 50, resources: resources())
    #expect(wrong.accuracy < 0.2 && other.specification == model.specification)
  }

  @Test func whatCannotBeEncodedIsRefused() async throws {
    let directory = TemporaryDirectory()
    let store = try store(directory, seed: printedSeed())
    for encoding in [
      ColumnEncoding("title", .standardize), ColumnEncoding("year", .hash(width: 8)),
      ColumnEncoding("score", .oneHot), ColumnEncoding("none", .oneHot),
      ColumnEncoding("label", .oneHot),
    ] {
      do {
        _ = try await train(store, options([encoding]))
        Issue.record("\(encoding) is taken")
      } catch let error as HedgerowError {
        #expect(error.code == .usage && error.message.contains(encoding.column))
      }
    }
    for text in ["", "hash", "hash:0", "hash:x", "hash:70000", "onehot"] {
      #expect(throws: HedgerowError.self) { try ColumnEncoding.Kind(validating: text) }
    }
    #expect(try ColumnEncoding.Kind(validating: "hash:64") == .hash(width: 64))
    #expect(try ColumnEncoding.Kind(validating: "one-hot") == .oneHot)
  }
}
