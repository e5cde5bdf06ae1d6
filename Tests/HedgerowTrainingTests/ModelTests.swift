import HedgerowCore
import HedgerowGraph
import HedgerowNN
import HedgerowRoaring
import HedgerowStore
import HedgerowTestSupport
import HedgerowTraining
import Testing

private let node = BlockStore.node

/// Models that are kept in a store, and what they write to it.
@Suite struct ModelTests {
  private func save(_ model: NodeClassifier, as name: String, in store: GraphStore) throws {
    let build = try store.beginBuild()
    try build.saveModel(try model.record(named: name))
    try build.publish()
  }

  private func predict(
    _ model: NodeClassifier, in set: String?, to column: String, store: GraphStore
  ) async throws -> (count: Int, version: UInt64) {
    try await model.predict(
      over: store.snapshot(), in: set, column: column, modelName: "m", store: store, batchSize: 50,
      waiting: 0, resources: resources())
  }

  @Test func aSpecificationComesBackFromItsBytes() async throws {
    let directory = TemporaryDirectory()
    var blocks = BlockStore(nodes: 150)
    blocks.hasTags = true
    blocks.hasCategories = true
    let store = try blocks.make(at: directory("s"), seed: printedSeed())
    var options = quickOptions(epochs: 1)
    options.fanouts = [4, 3, 2]
    options.layerCount = 3
    options.seed = 1 << 63
    let specification = try await train(store, options).model.specification
    let bytes = try specification.encoded()
    #expect(try ModelSpecification(decoding: bytes, name: "m") == specification)
    #expect(specification.classes == ["class 0", "class 1", "class 2"])
    #expect(!specification.hasIntegerClasses && specification.options.fanouts == [4, 3, 2])
    #expect(specification.inputs.map(\.type) == ["node", "tag"])
    #expect(specification.inputs.map(\.columns) == [["x"], []])
    #expect(specification.inputs.map(\.count) == [150, 30])
    #expect(specification.relations == ["node:links:node", "node:has:tag", "tag:rev_has:node"])
    /// Such as no training writes, but somebody might.
    func changed(_ change: (inout ModelSpecification) -> Void) throws -> [UInt8] {
      var other = specification
      change(&other)
      return try other.encoded()
    }
    let hostile = try [
      changed { $0.options.layerCount = 0 }, changed { $0.options.layerCount = 1 << 40 },
      changed { $0.options.hiddenWidth = -1 }, changed { $0.options.dropout = 1 },
      changed { $0.inputs = [] }, changed { $0.inputs[0].width = -3 }, changed { $0.classes = [] },
      changed { $0.relations.append("no triple") }, changed { $0.options.fanouts = [] },
      changed { $0.inputs[1].count = 1 << 60 }, changed { $0.inputs[0].width = 1 << 60 },
      changed { $0.options.model = .sign }, changed { $0.options.model = .labelPropagation },
      changed { $0.options.propagation = .init() },
      changed {
        $0.options.model = .unet
        $0.options.mode = .fullBatch
        $0.relations = []
      },
      changed {
        ($0.options.model, $0.options.mode) = (.correctAndSmooth, .fullBatch)
        $0.options.propagation = .init()
        $0.options.propagation?.steps = 1 << 40
      }, changed { $0.options.model = .linkx },
      changed {
        $0.options.jumping = .lstm
        ($0.options.layerCount, $0.options.hiddenWidth, $0.options.fanouts) = (1, 1, [4])
      },
      changed {
        $0.options.model = .gat
        $0.options.hiddenWidth = 9
      },
    ]
    for damaged in [[], Array(bytes.dropLast()), Array("{}".utf8), Array("[]".utf8)] + hostile {
      let error = #expect(throws: HedgerowError.self) {
        try ModelSpecification(decoding: damaged, name: "m")
      }
      #expect(error?.code == .damaged)
    }
  }

  @Test(arguments: [false, true]) func aSavedModelPredictsTheSame(hasTags: Bool) async throws {
    let directory = TemporaryDirectory()
    var blocks = BlockStore(nodes: 300)
    blocks.hasTags = hasTags
    let path = directory("s")
    let model: NodeClassifier
    do {
      let store = try blocks.make(at: path, seed: printedSeed())
      model = try await train(store, quickOptions()).model
      try save(model, as: "m", in: store)
    }
    let store = try GraphStore.open(at: path)
    #expect(try store.snapshot().modelNames() == ["m"])
    let loaded = try NodeClassifier(named: "m", in: store.snapshot())
    #expect(loaded.specification == model.specification)
    #expect(loaded.parameterCount == model.parameterCount)
    #expect(try loaded.network.state.encoded() == model.network.state.encoded())
    for set in ["train", "test", nil] {
      func metrics(_ model: NodeClassifier) async throws -> ClassificationMetrics {
        try await model.evaluate(
          over: store.snapshot(), in: set, batchSize: 50, resources: resources())
      }
      // Losses too, to the last bit.
      #expect(try await metrics(loaded) == metrics(model))
    }
    _ = try await predict(model, in: nil, to: "first", store: store)
    _ = try await predict(loaded, in: nil, to: "second", store: store)
    let snapshot = try store.snapshot()
    for id in 0..<UInt32(300) {
      let first = try snapshot.value(of: "first", of: node, at: NodeID(id))
      #expect(try snapshot.value(of: "second", of: node, at: NodeID(id)) == first)
    }
  }

  @Test(arguments: [false, true])
  func aPredictionIsAColumnThatSaysWhereItIsFrom(hasCategories: Bool) async throws {
    let directory = TemporaryDirectory()
    var blocks = BlockStore(nodes: 300)
    blocks.hasCategories = hasCategories
    let store = try blocks.make(at: directory("s"), seed: printedSeed())
    let model = try await train(store, quickOptions()).model
    try save(model, as: "m", in: store)
    let written = try await predict(model, in: "test", to: "predicted", store: store)
    let snapshot = try store.snapshot()
    let test = try #require(try snapshot.set(named: "test", of: node))
    #expect(written.count == test.count && written.version == 3 && snapshot.version == 3)
    #expect(
      snapshot.schema.node(node)?.property("predicted")?.kind
        == (hasCategories ? .categorical : .int64))
    var hits = 0
    for id in 0..<UInt32(300) {
      let value = try snapshot.value(of: "predicted", of: node, at: NodeID(id))
      #expect((value == nil) == !test.contains(id), "nodes outside the set are null")
      if test.contains(id), try value == snapshot.value(of: "label", of: node, at: NodeID(id)) {
        hits += 1
      }
    }
    let metrics = try await model.evaluate(
      over: snapshot, in: "test", batchSize: 50, resources: resources())
    #expect(Double(hits) / Double(test.count) == metrics.accuracy)
    let provenance = try #require(snapshot.provenance(of: "predicted", of: node))
    #expect(provenance.model == "m" && provenance.dataVersion == 2)
    #expect(provenance.hash == (try model.record(named: "m").hash) && !provenance.hash.isEmpty)
    #expect(snapshot.provenance(of: "label", of: node) == nil)
    // Again, over all: the column is replaced as a whole.
    #expect(try await predict(model, in: nil, to: "predicted", store: store).count == 300)
    let after = try store.snapshot()
    for id in 0..<UInt32(300) {
      #expect(try after.value(of: "predicted", of: node, at: NodeID(id)) != nil)
    }
    #expect(try snapshot.value(of: "predicted", of: node, at: NodeID(test.min()!)) != nil)
    #expect(try StoreVerifier.verify(store).isClean)
  }

  @Test func aPredictionThatFailsLeavesTheStoreAsItWas() async throws {
    let directory = TemporaryDirectory()
    let store = try BlockStore(nodes: 150).make(at: directory("s"), seed: printedSeed())
    let model = try await train(store, quickOptions(epochs: 1)).model
    let noSet = await #expect(throws: HedgerowError.self) {
      try await predict(model, in: "nobody", to: "predicted", store: store)
    }
    #expect(noSet?.code == .usage)
    let ingested = await #expect(throws: HedgerowError.self) {
      try await predict(model, in: nil, to: "label", store: store)
    }
    #expect(ingested?.code == .usage)
    var stopping = resources()
    stopping.checkInterruption = { throw HedgerowError(.interrupted, "interrupted") }
    let interrupted = await #expect(throws: HedgerowError.self) {
      try await model.predict(
        over: store.snapshot(), in: nil, column: "predicted", modelName: "m", store: store,
        batchSize: 50, waiting: 0, resources: stopping)
    }
    #expect(interrupted?.code == .interrupted)
    #expect(try store.version == 1)
    #expect(try store.schema.node(node)?.property("predicted") == nil)
    #expect(try StoreVerifier.verify(store).isClean)
    #expect(try await predict(model, in: nil, to: "predicted", store: store).count == 150)
  }

  @Test func aModelOfAnotherSchemaIsRefused() async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var blocks = BlockStore(nodes: 150)
    blocks.hasTags = true
    let store = try blocks.make(at: directory("s"), seed: seed)
    let model = try await train(store, quickOptions(epochs: 1)).model
    func message(_ name: String, _ change: (inout BlockStore) -> Void) throws -> String {
      var other = blocks
      change(&other)
      let store = try other.make(at: directory(name), seed: seed)
      try save(model, as: "m", in: store)
      let error = #expect(throws: HedgerowError.self) {
        try NodeClassifier(named: "m", in: store.snapshot())
      }
      #expect(error?.code == .usage)
      return error?.message ?? ""
    }
    #expect(try message("width") { $0.options.featureWidth = 9 }.contains("9 wide, not 8"))
    #expect(try message("tags") { $0.hasTags = false }.contains("node:has:tag"))
    #expect(try message("more") { $0.options.classCount = 4 }.contains("'tag' has 40 nodes"))
    let unknown = #expect(throws: HedgerowError.self) {
      try NodeClassifier(named: "other", in: store.snapshot())
    }
    #expect(unknown?.code == .usage && unknown?.message.contains("none was saved") == true)
  }
}
