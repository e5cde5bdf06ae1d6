import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

extension NodeType {
  fileprivate static let user: Self = "user"
  fileprivate static let item: Self = "item"
  fileprivate static let tag: Self = "tag"
}

/// A drawn graph of users, items and tags, as the layers of a sampled batch.
struct DrawnBatch {
  let relations: [EdgeType]
  let blocks: [HeteroBlock]

  init(
    relations: [EdgeType], layerCount: Int, emptyRelation: EdgeType? = nil, seed: UInt64
  ) {
    self.relations = relations
    var stream = RandomStream(seed: seed)
    var counts: PerNode<Int> = [.user: 30, .item: 40, .tag: 10]
    var layers: [HeteroBlock] = []
    for _ in 0..<layerCount {
      let sources = counts.mapValues { $0 + 15 }
      var blocks = PerEdge<Block>()
      for relation in relations {
        blocks[relation] =
          relation == emptyRelation
          ? Block(
            offsets: [UInt32](repeating: 0, count: counts[relation.target] + 1), sources: [],
            sourceCount: sources[relation.source], targetCount: counts[relation.target])
          : SAGEConvTests.block(
            sources: sources[relation.source], targets: counts[relation.target], from: &stream)
      }
      layers.append(HeteroBlock(blocks: blocks, sourceCounts: sources, targetCounts: counts))
      counts = sources
    }
    blocks = layers.reversed()
  }

  func features(_ widths: PerNode<Int>) -> PerNode<Tensor> {
    var x = PerNode<Tensor>()
    for (type, width) in widths {
      x[type] = .random([blocks[0].sourceCounts[type], width], seed: UInt64(width))
    }
    return x
  }
}

@Suite struct HeteroTests {
  let rates = EdgeType("user", "rates", "item")
  let likes = EdgeType("user", "likes", "item")
  let has = EdgeType("item", "has", "tag")

  @Test func aTypeGetsTheSumOverItsRelations() {
    let batch = DrawnBatch(relations: [rates, likes, has], layerCount: 1, seed: 1)
    let convs: PerEdge<any Convolution> = [
      ("user", "rates", "item"): SAGEConv(source: 3, target: 4, to: 5).initialized(seed: 1),
      ("user", "likes", "item"): SAGEConv(source: 3, target: 4, to: 5).initialized(seed: 2),
    ]
    let conv = HeteroConv(convs)
    let x = batch.features([.user: 3, .item: 4, .tag: 2])
    let result = conv(x, batch.blocks[0], activation: .relu)
    #expect(result.keys == [.item], "types that no relation leads into are not there")
    let target = x[.item].prefix(rows: 40)
    let parts = convs.map { relation, layer in
      layer.terms(source: x[.user], target: target, along: batch.blocks[0][relation]!).evaluated()
    }
    let expected = relu(parts[0] + parts[1])
    #expect(
      zip(result[.item].scalars, expected.scalars).allSatisfy { abs($0 - $1) < 1e-5 })
    #expect(
      conv.namedParameters.map(\.path)[0] == "convs.<user___rates___item>.lin_l.weight")
  }

  @Test func weightsOfMessagesCountInConvolutionsThatTakeThem() {
    let batch = DrawnBatch(relations: [rates, likes], layerCount: 1, seed: 1)
    let plain = batch.blocks[0]
    // Longer than the block, as its arrays may be.
    let weights = Tensor.random([plain[rates]!.edgeCount + 7], seed: 4).scalars
    let block = HeteroBlock(
      blocks: plain.blocks, sourceCounts: plain.sourceCounts, targetCounts: plain.targetCounts,
      weights: [("user", "rates", "item"): weights, ("user", "likes", "item"): weights])
    let graph = GraphConv(source: 3, target: 4, to: 5).initialized(seed: 1)
    let sage = SAGEConv(source: 3, target: 4, to: 5).initialized(seed: 2)
    let conv = HeteroConv([
      ("user", "rates", "item"): graph, ("user", "likes", "item"): sage,
    ])
    let x = batch.features([.user: 3, .item: 4])
    let target = x[.item].prefix(rows: 40)
    let expected =
      graph(
        source: x[.user], target: target, plain[rates]!,
        weights: Tensor(Array(weights.dropLast(7))))
      + sage.terms(source: x[.user], target: target, along: plain[likes]!).evaluated()
    let result = conv(x, block)[.item].scalars
    #expect(zip(result, expected.scalars).allSatisfy { abs($0 - $1) < 1e-5 })
    #expect(zip(result, conv(x, plain)[.item].scalars).contains { abs($0 - $1) > 1e-2 })
  }

  @Test func gradientsOfRelationsThatShareATargetAreEachTheirOwn() {
    let batch = DrawnBatch(relations: [rates, likes], layerCount: 1, seed: 1)
    let conv = HeteroConv([
      ("user", "rates", "item"): SAGEConv(source: 3, target: 4, to: 5),
      ("user", "likes", "item"): SAGEConv(source: 3, target: 4, to: 5),
    ]).initialized(seed: 3)
    let x = batch.features([.user: 3, .item: 4])
    let weights = Tensor.random([40, 5], seed: 8)
    // Without an activation: the loss is linear in each weight, and quotients have no error of step.
    func loss() -> Tensor { sum(conv(x, batch.blocks[0])[.item] * weights) }
    let (_, gradients) = valueWithGradients(at: conv, loss)
    for (path, parameter) in conv.namedParameters {
      let value = parameter.value
      for element in stride(from: 0, to: value.count, by: 3) {
        func shifted(_ shift: Float) -> Float {
          parameter.withUnsafeMutableBufferPointer { $0[element] += shift }
          defer { parameter.value = value }
          return loss().scalar
        }
        let quotient = (shifted(0.5) - shifted(-0.5))
        let gradient = gradients[parameter]!.scalars[element]
        #expect(abs(gradient - quotient) < 1e-3 * (1 + abs(quotient)), "\(path) at \(element)")
      }
    }
  }

  @Test func aRelationWithoutEdgesTakesPart() {
    let batch = DrawnBatch(relations: [rates], layerCount: 1, emptyRelation: rates, seed: 1)
    let layer = SAGEConv(source: 3, target: 4, to: 5).initialized(seed: 1)
    let x = batch.features([.user: 3, .item: 4])
    let result = HeteroConv([("user", "rates", "item"): layer])(x, batch.blocks[0])[.item]
    let bias = layer.parameters[1].value
    let root = matmul(x[.item].prefix(rows: 40), layer.parameters[2].value.transposed())
    for row in 0..<40 {
      for column in 0..<5 {
        #expect(abs(result[row, column] - root[row, column] - bias[column]) < 1e-5)
      }
    }
  }

  @Test func whatIsMissingIsNamed() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let relation = EdgeType("user", "rates", "item")
      let batch = DrawnBatch(relations: [relation], layerCount: 1, seed: 1)
      let conv = HeteroConv([("user", "rates", "item"): SAGEConv(source: 3, target: 4, to: 5)])
      _ = conv.initialized(seed: 1)(batch.features([.user: 3]), batch.blocks[0])
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("user:rates:item") && text.contains("'item'"))
  }

  @Test func theModelHoldsWhatReachesTheClasses() {
    var options = NodeNetwork.Options()
    options.hiddenWidth = 8
    let inputs: PerNode<NodeNetwork.Input> = [
      .user: .features(3), .item: .features(4), .tag: .features(2),
    ]
    let model = NodeNetwork(
      inputs: inputs, relations: [rates, rates.reversed, has], target: .item, outputs: 5,
      options: options)
    let paths = Set(model.namedParameters.map(\.path))
    #expect(paths.contains("layers.0.conv.convs.<item___rev_rates___user>.lin_l.weight"))
    #expect(paths.contains("layers.1.conv.convs.<user___rates___item>.lin_r.weight"))
    #expect(!paths.contains { $0.contains("tag") }, "tags reach no item")
    #expect(!paths.contains { $0.hasPrefix("layers.1.conv.convs.<item___rev") })
  }

  @Test func aTypeWithoutRelationsIntoItPassesThroughALinearMap() {
    let model = NodeNetwork(
      inputs: [.user: .features(3), .item: .features(4)], relations: [rates], target: .item,
      outputs: 5
    ).initialized(seed: 1)
    #expect(model.namedParameters.contains { $0.path == "layers.0.lin.user.weight" })
    let batch = DrawnBatch(relations: [rates], layerCount: 2, seed: 4)
    let x = batch.features([.user: 3, .item: 4])
    let (_, gradients) = valueWithGradients(at: model) { sum(model(x, batch.blocks)) }
    for (path, parameter) in model.namedParameters {
      #expect(gradients[parameter] != nil, "\(path) has a gradient")
    }
  }

  @Test func theModelLearnsLabelsThatFollowNeighbors() {
    // An item's class is the sign of a feature that only its users have.
    var options = NodeNetwork.Options()
    options.hiddenWidth = 16
    options.dropout = 0.1
    let relations = [rates, rates.reversed]
    let model = NodeNetwork(
      inputs: [.user: .features(3), .item: .embedding(count: 70, width: 4)], relations: relations,
      target: .item, outputs: 2, options: options
    ).initialized(seed: 1)
    let batch = DrawnBatch(relations: relations, layerCount: 2, seed: 4)
    let x = batch.features([.user: 3])
    let last = batch.blocks[1][rates]!
    let means = aggregate(x[.user].prefix(rows: last.sourceCount), along: last, by: .mean)
    let labels = (0..<40).map { Int32(means[$0, 0] > 0 ? 1 : 0) }
    let nodes: PerNode<[UInt32]> = [.item: (0..<70).map { UInt32($0) }]
    var optimizer = Adam(learningRate: 0.02)
    var losses: [Float] = []
    for step in 0..<150 {
      let (loss, gradients) = valueWithGradients(
        at: model, randomness: RandomStream(seed: 5).derive(UInt64(step))
      ) {
        crossEntropy(model(x, batch.blocks, nodes: nodes), labels)
      }
      optimizer.update(model, along: gradients)
      losses.append(loss.scalar)
    }
    #expect(losses[0] > 0.5)
    #expect(losses.suffix(5).reduce(0, +) / 5 < 0.15, "\(losses.suffix(5))")
    #expect(argMax(model(x, batch.blocks, nodes: nodes)) == labels)
  }

  @Test func trainingIsTheSameBitsForAnyNumberOfThreads() {
    let relations = [rates, rates.reversed, has, has.reversed]
    let batch = DrawnBatch(relations: relations, layerCount: 2, seed: 4)
    let x = batch.features([.user: 3, .item: 4, .tag: 2])
    let labels = (0..<40).map { Int32($0 % 3) }
    func trained(threadCount: Int) -> [UInt32] {
      Compute.with(ThreadPool(threadCount: threadCount)) {
        let model = NodeNetwork(
          inputs: [.user: .features(3), .item: .features(4), .tag: .features(2)],
          relations: relations, target: .item, outputs: 3
        ).initialized(seed: 2)
        var optimizer = Adam(learningRate: 0.01)
        for step in 0..<5 {
          let randomness = RandomStream(seed: 5).derive(UInt64(step))
          let (_, gradients) = valueWithGradients(at: model, randomness: randomness) {
            crossEntropy(model(x, batch.blocks), labels)
          }
          optimizer.update(model, along: gradients)
        }
        return model.parameters.flatMap { $0.value.scalars.map(\.bitPattern) }
      }
    }
    let expected = trained(threadCount: 1)
    for threadCount in [2, 4, 7] { #expect(trained(threadCount: threadCount) == expected) }
  }

  @Test func twoThousandTrainingStepsLeavePrivateMemoryFlat() async {
    // In a process of its own: other tests of this one allocate too.
    await #expect(processExitsWith: .success) {
      let relations = [EdgeType("user", "rates", "item"), EdgeType("item", "rev_rates", "user")]
      let batches = (0..<5).map { DrawnBatch(relations: relations, layerCount: 2, seed: $0) }
      let model = NodeNetwork(
        inputs: [.user: .features(3), .item: .features(4)], relations: relations,
        target: .item, outputs: 3
      ).initialized(seed: 1)
      var optimizer = Adam()
      let labels = (0..<40).map { Int32($0 % 3) }
      func step(_ index: Int) {
        let batch = batches[index % batches.count]
        let x = batch.features([.user: 3, .item: 4])
        let randomness = RandomStream(seed: UInt64(index))
        let (_, gradients) = valueWithGradients(at: model, randomness: randomness) {
          crossEntropy(model(x, batch.blocks), labels)
        }
        optimizer.update(model, along: gradients)
      }
      for index in 0..<200 { step(index) }
      let before = ProcessResources.privateByteCount
      for index in 0..<2000 { step(index) }
      let growth = ProcessResources.privateByteCount - before
      #expect(growth < 2 << 20, "private memory grew by \(growth) bytes")
    }
  }
}
