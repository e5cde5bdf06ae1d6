import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import Testing

/// Models learn what they are for, of small graphs that are drawn, up to bounds that nothing but learning reaches.
@Suite struct ModelTrainingTests {
  /// Nodes of classes that like their own, with features that say little of a class.
  struct Classes {
    let graph: StochasticBlock
    let x: Tensor
    let labels: [Int32]
    /// Edges in both directions, one after the other.
    let edges: NodePairs

    init(classes: Int = 4, homophily: Double = 0.8, noise: Double = 1, seed: UInt64) throws {
      var options = StochasticBlock.Options()
      (options.nodeCount, options.classCount, options.homophily) = (400, classes, homophily)
      (options.featureWidth, options.noise, options.trainFraction) = (16, noise, 0.3)
      graph = try StochasticBlock(options, seed: seed)
      let graph = graph
      labels = (0..<400).map { Int32(graph.label(of: $0)) }
      x = Tensor(shape: [400, 16]) { rows in
        for node in 0..<400 {
          graph.features.fill(
            UnsafeMutableBufferPointer(rebasing: rows[16 * node..<16 * (node + 1)]), node: node,
            label: graph.label(of: node))
        }
      }
      var edges = NodePairs(sources: [], targets: [])
      graph.forEachEdge(in: 0..<graph.edgeCount) { source, target in
        edges.sources += [source, target]
        edges.targets += [target, source]
      }
      self.edges = edges
    }

    func block(_ edges: NodePairs? = nil) -> Block {
      let edges = edges ?? self.edges
      return Block(
        sources: edges.sources, targets: edges.targets, sourceCount: 400, targetCount: 400)
    }

    func nodes(_ split: StochasticBlock.Split) -> [UInt32] {
      (0..<400).filter { graph.split(of: $0) == split }.map { UInt32($0) }
    }

    func accuracy(_ logits: Tensor) -> Double {
      let (found, test) = (argMax(logits), nodes(.test))
      return Double(test.count { found[Int($0)] == labels[Int($0)] }) / Double(test.count)
    }

    /// Learns the labels of the nodes to train on.
    func fit<Model: Module>(_ model: Model, steps: Int, _ logits: () -> Tensor) {
      var optimizer = Adam(learningRate: 0.01)
      let train = nodes(.train)
      let own = train.map { labels[Int($0)] }
      for step in 0..<steps {
        let randomness = RandomStream(seed: 5).derive(UInt64(step))
        let (_, gradients) = valueWithGradients(at: model, randomness: randomness) {
          crossEntropy(logits().gathered(rows: train), own)
        }
        optimizer.update(model, along: gradients)
      }
    }
  }

  /// How often a true pair scores higher than another.
  func areaUnderCurve(_ scores: Tensor, _ others: Tensor) -> Double {
    let falseScores = others.scalars
    let wins = scores.scalars.reduce(0.0) { sum, score in
      falseScores.reduce(sum) { $0 + ($1 < score ? 1 : $1 == score ? 0.5 : 0) }
    }
    return wins / Double(scores.count * others.count)
  }

  func train(
    _ model: some Module, steps: Int, rate: Double = 0.01,
    _ loss: (_ step: Int, _ stream: RandomStream) -> Tensor
  ) {
    var optimizer = Adam(learningRate: rate)
    for step in 0..<steps {
      let stream = RandomStream(seed: 9).derive(UInt64(step))
      let (_, gradients) = valueWithGradients(at: model, randomness: stream) {
        loss(step, stream.derive("draws"))
      }
      optimizer.update(model, along: gradients)
    }
  }

  @Test func graphConvolutionsComeNearWhatCanBeTold() throws {
    let data = try Classes(seed: 3)
    let block = data.block()
    var options = GraphNetworkOptions()
    options.dropout = 0.5
    let model = GCN(16, 32, layers: 2, outputs: 4, options: options).initialized(seed: 1)
    data.fit(model, steps: 80) { model(data.x, block) }
    let accuracy = data.accuracy(model(data.x, block))
    // Features alone tell less than this, neighbors of neighbors a little more.
    let (own, best) = (
      data.graph.bestAccuracy(hops: 0, sampleCount: 2000),
      data.graph.bestAccuracy(hops: 2, sampleCount: 2000)
    )
    #expect(accuracy > max(best - 0.12, own + 0.1), "\(accuracy), \(own) alone, \(best) at best")
  }

  @Test func autoencodersTellLinksThatTheyHaveNotSeen() throws {
    let data = try Classes(classes: 8, homophily: 0.95, seed: 4)
    // Every seventh edge, both ways, is held back.
    func part(_ isHeld: Bool) -> NodePairs {
      let kept = data.edges.sources.indices.filter { ($0 / 2 % 7 == 0) == isHeld }
      return NodePairs(
        sources: kept.map { data.edges.sources[$0] }, targets: kept.map { data.edges.targets[$0] })
    }
    let (held, seen) = (part(true), part(false))
    let (whole, block) = (data.block(), data.block(seen))
    let others = NodePairs.withoutEdge(in: whole, count: held.count, from: RandomStream(seed: 1))
    func area(_ z: Tensor) -> Double {
      areaUnderCurve(innerProducts(z, held), innerProducts(z, others))
    }
    func negatives(_ stream: RandomStream) -> NodePairs {
      .withoutEdge(in: block, count: seen.count, from: stream)
    }
    let plain = GAE(encoder: GCN(16, 32, layers: 2, outputs: 16)).initialized(seed: 1)
    let before = area(plain(data.x, block))
    train(plain, steps: 60) { plain.loss(of: seen, against: negatives($1), plain(data.x, block)) }
    #expect(area(plain(data.x, block)) > max(0.8, before + 0.05), "\(before) before")

    let variational = VGAE(encoder: VariationalGCN(16, 32, outputs: 16)).initialized(seed: 1)
    train(variational, steps: 100) {
      variational.loss(of: seen, against: negatives($1), variational.encoder(data.x, block))
    }
    #expect(area(variational(data.x, block)) > 0.75)
  }

  @Test func infomaxTellsAGraphFromAShuffledOneAndItsRowsTellClasses() throws {
    let data = try Classes(seed: 5)
    let block = data.block()
    let model = DeepGraphInfomax(encoder: GCN(16, 32, layers: 2), width: 32)
      .initialized(seed: 1)
    func loss(_ stream: RandomStream) -> Tensor {
      model.loss(of: model.views(data.x, block, shufflingBy: stream))
    }
    train(model, steps: 150) { loss($1) }
    // Guessing costs 2 log 2 = 1.39.
    let value = loss(RandomStream(seed: 77)).scalar
    #expect(value < 1, "a loss of \(value)")
    func probe(_ rows: Tensor) -> Double {
      let rows = layerNorm(rows.detached, epsilon: 1e-5)
      let head = Linear(rows.width, 4).initialized(seed: 2)
      data.fit(head, steps: 150) { head(rows) }
      return data.accuracy(head(rows))
    }
    let (learned, features) = (probe(model(data.x, block)), probe(data.x))
    #expect(learned > features + 0.1, "\(learned), and \(features) of features")
  }

  @Test func recommendationsAreOfAUsersOwnKind() {
    // Users 0..<80 and items 80..<180 of five kinds; users take items of their own as a rule.
    var stream = RandomStream(seed: 6)
    var pairs: [(UInt32, UInt32)] = []
    for user in 0..<UInt32(80) {
      for _ in 0..<12 {
        let isOwn = stream.nextUnit() < 0.95
        let number = UInt32(stream.next(below: 20))
        let kind = isOwn ? user % 5 : UInt32(stream.next(below: 5))
        pairs.append((user, 80 + 5 * number + kind))
      }
    }
    func part(_ isHeld: Bool) -> NodePairs {
      let kept = pairs.indices.filter { ($0 % 6 == 0) == isHeld }.map { pairs[$0] }
      return NodePairs(sources: kept.map(\.0), targets: kept.map(\.1))
    }
    let (held, seen) = (part(true), part(false))
    let block = Block(
      sources: seen.sources + seen.targets, targets: seen.targets + seen.sources,
      sourceCount: 180, targetCount: 180)
    func others(_ pairs: NodePairs, _ stream: RandomStream) -> NodePairs {
      var stream = stream
      return NodePairs(
        sources: pairs.sources,
        targets: pairs.sources.map { _ in 80 + UInt32(stream.next(below: 100)) })
    }
    let model = LightGCN(nodes: 180, width: 16, layers: 2).initialized(seed: 1)
    train(model, steps: 80, rate: 0.05) {
      let rows = model.embeddings(block)
      return model.loss(
        model.scores(rows, seen), against: model.scores(rows, others(seen, $1)))
    }
    let rows = model.embeddings(block)
    let area = areaUnderCurve(
      model.scores(rows, held), model.scores(rows, others(held, RandomStream(seed: 2))))
    #expect(area > 0.78, "\(area)")
    let recommended = model.recommendations(
      rows, for: (0..<80).map { $0 }, among: (80..<180).map { $0 }, count: 5)
    let own = recommended.enumerated().reduce(0) { sum, user in
      sum + user.element.count { Int($0 % 5) == user.offset % 5 }
    }
    #expect(own > 320, "\(own) of 400 are of the user's kind")
  }

  @Test func walksBringNodesOfOneClassTogether() throws {
    let data = try Classes(homophily: 0.9, seed: 7)
    let block = data.block()
    var stream = RandomStream(seed: 8)
    var walks: [UInt32] = []
    for start in 0..<UInt32(400) {
      var node = start
      walks.append(node)
      for _ in 1..<8 {
        let row = block.offsets[Int(node)]..<block.offsets[Int(node) + 1]
        if row.isEmpty || node == NodePairs.noNode {
          node = NodePairs.noNode
        } else {
          node =
            block.sources[
              Int(row.lowerBound) + Int(stream.next(below: UInt64(row.count)))]
        }
        walks.append(node)
        if node == NodePairs.noNode {
          walks += repeatElement(node, count: 8 - walks.count % 8)
          break
        }
      }
    }
    let near = NodePairs.contexts(ofWalks: walks, places: 8, within: 4)
    let model = Node2Vec(nodes: 400, width: 16).initialized(seed: 1)
    train(model, steps: 120, rate: 0.05) {
      model.loss(of: near, against: model.drawn(near, perPair: 1, from: $1))
    }
    let rows = model((0..<400).map { $0 }).detached
    let head = Linear(16, 4).initialized(seed: 2)
    data.fit(head, steps: 150) { head(rows) }
    #expect(data.accuracy(head(rows)) > 0.6, "\(data.accuracy(head(rows)))")
  }

  @Test func relationalRowsBringTrueTriplesInFront() {
    let triples = KnowledgeGraphTests.triples
    // Backwards as relations of their own.
    let block = Block(
      sources: triples.heads + triples.tails, targets: triples.tails + triples.heads,
      sourceCount: 30, targetCount: 30)
    let types = (triples.relations + triples.relations.map { $0 + 3 })
      .gathered(by: block.edges)
    func check<Decoder: KnowledgeGraphModel>(_ decoder: Decoder) {
      var own = RelationalAutoencoder<Decoder>.Options()
      own.dropout = 0
      let model = RelationalAutoencoder(nodes: 30, relations: 6, decoder: decoder, options: own)
        .initialized(seed: 1)
      func meanRank() -> Double {
        let ranks = model.encoded(block, types: types).ranks(of: triples)
        return Double(ranks.reduce(0, +)) / Double(triples.count)
      }
      let before = meanRank()
      train(model, steps: 150) {
        let encoded = model.encoded(block, types: types)
        return encoded.loss(of: triples, against: encoded.corrupted(triples, from: $1))
      }
      #expect(meanRank() < 0.6 * before, "\(Decoder.self): \(before) and \(meanRank())")
    }
    check(TransE(nodes: 0, relations: 3, width: 16))
    check(DistMult(nodes: 0, relations: 3, width: 16))
    check(ComplEx(nodes: 0, relations: 3, width: 8))
    check(RotatE(nodes: 0, relations: 3, width: 8))
  }
}

extension [UInt32] {
  fileprivate func gathered(by places: [UInt32]) -> [UInt32] { places.map { self[Int($0)] } }
}
