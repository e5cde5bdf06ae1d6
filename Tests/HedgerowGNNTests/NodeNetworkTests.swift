import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Networks of every kind of layer over several types, of several widths.
@Suite struct NodeNetworkTests {
  private let rates = EdgeType("user", "rates", "item")
  private let likes = EdgeType("user", "likes", "item")
  private let has = EdgeType("item", "has", "tag")
  private let links = EdgeType("item", "links", "item")

  private func options(
    _ architecture: NodeNetwork.Architecture, _ relations: [EdgeType]
  ) -> NodeNetwork.Options {
    var options = NodeNetwork.Options()
    options.architecture = architecture
    options.hiddenWidth = 16
    for relation in relations {
      options.meanDegrees[relation] = MeanDegrees(histogram: [1, 3, 2])
    }
    return options
  }

  @Test(arguments: NodeNetwork.Architecture.allCases)
  func everyParameterIsLearned(architecture: NodeNetwork.Architecture) {
    let relations = [rates, likes, rates.reversed, likes.reversed, has, has.reversed, links]
    let seed = printedSeed()
    let batch = DrawnBatch(relations: relations, layerCount: 2, seed: seed)
    let model = NodeNetwork(
      inputs: ["user": .features(3), "item": .features(4), "tag": .embedding(count: 50, width: 6)],
      relations: relations, target: "item", outputs: 5, options: options(architecture, relations)
    ).initialized(seed: seed)
    let x = batch.features(["user": 3, "item": 4])
    let nodes: PerNode<[UInt32]> = ["tag": (0..<40).map { UInt32($0) }]
    let (value, gradients) = valueWithGradients(at: model) {
      let y = model(x, batch.blocks, nodes: nodes)
      #expect(y.shape == [40, 5])
      return sum(y * y)
    }
    #expect(value.scalar.isFinite && value.scalar > 0)
    for (path, parameter) in model.namedParameters {
      // PyTorch Geometric's HGT has an output and a share for each type, of sources too.
      if architecture == .hgt && (path.contains("out_lin") || path.contains("skip")) { continue }
      #expect(gradients[parameter] != nil, "\(path) has a gradient")
    }
  }

  @Test(arguments: [Int?.none, 2])
  func relationalConvolutionsAreSumsOfMeansByEachRelationsMatrix(bases: Int?) {
    let relations = [rates, likes, has, links]
    let seed = printedSeed()
    let batch = DrawnBatch(relations: relations, layerCount: 1, emptyRelation: likes, seed: seed)
    let layer = HeteroRGCNConv(
      4, 3, relations: relations, regularization: bases.map { .bases($0) } ?? .none
    ).initialized(seed: seed)
    var x = PerNode<Tensor>()
    for (type, count) in batch.blocks[0].sourceCounts {
      x[type] = .random([count, 4], seed: seed &+ UInt64(count))
    }
    func parameter(_ path: String) -> Tensor? {
      layer.namedParameters.first { $0.path == path }?.parameter.value
    }
    let weight = parameter("weight")!
    let results = layer.terms(x, batch.blocks[0]).mapValues { $0.evaluated() }
    #expect(Set(results.keys) == ["item", "tag"])
    var expected = PerNode<Tensor>()
    for (place, relation) in relations.enumerated() {
      func matrix(_ k: Int) -> Tensor { weight.sliced(k..<k + 1, along: 0).reshaped(to: [4, 3]) }
      var own = Tensor.zeros([4, 3])
      if let shares = parameter("comp") {
        for base in 0..<2 { own = own + shares[place, base] * matrix(base) }
      } else {
        own = matrix(place)
      }
      let means = aggregate(x[relation.source], along: batch.blocks[0][relation]!, by: .mean)
      let term = matmul(means, own)
      expected[relation.target] = expected[optional: relation.target].map { $0 + term } ?? term
    }
    for (type, result) in results {
      let differences = zip(result.scalars, expected[type].scalars).map { abs($0 - $1) }
      #expect(differences.allSatisfy { $0 < 1e-5 }, "\(type)")
    }
  }

  @Test(arguments: NodeNetwork.Readout.allCases)
  func graphsAreReadOutOfEachLayer(readout: NodeNetwork.Readout) {
    let seed = printedSeed()
    let (edge, member) = (EdgeType("node", "edge", "node"), EdgeType("node", "in", "graph"))
    // A triangle, and two nodes of which one sends to the other.
    let edges = Block(
      sources: [0, 1, 2, 3], targets: [1, 2, 0, 4], sourceCount: 5, targetCount: 5)
    let members = Block(
      sources: [0, 1, 2, 3, 4], targets: [0, 0, 0, 1, 1], sourceCount: 5, targetCount: 2)
    let counts: PerNode<Int> = ["graph": 2, "node": 5]
    let block = HeteroBlock(
      blocks: [("node", "edge", "node"): edges, ("node", "in", "graph"): members],
      sourceCounts: counts, targetCounts: counts)
    var options = options(.graph, [])
    options.readout = readout
    let inputs: PerNode<NodeNetwork.Input> = ["node": .features(2), "graph": .features(9)]
    let reached = NodeNetwork.reach(
      of: "graph", along: [edge, member, member.reversed], options: options)
    #expect(reached.types == ["node"] && reached.relations == [edge, member])
    let model = NodeNetwork(
      inputs: inputs, relations: [edge, member], target: "graph", outputs: 3, options: options
    ).initialized(seed: seed)
    let x: PerNode<Tensor> = ["node": .random([5, 2], seed: seed)]
    let result = model(x, [block, block])
    var hidden = x
    var parts: [Tensor] = []
    for layer in 0..<2 {
      hidden = model.apply(layer: layer, hidden, block)
      let rows = hidden["node"]
      let graphs = [0..<3, 3..<5].map { range in
        let own = rows.sliced(range, along: 0)
        return switch readout {
        case .sum: sum(own, along: 0)
        case .mean: mean(own, along: 0)
        case .max: max(own, along: 0)
        }
      }
      parts.append(stacked(graphs))
    }
    let head = model.namedParameters.filter { $0.path.hasPrefix("head.") }.map(\.parameter.value)
    let expected = matmul(concatenated(parts), head[0].transposed()) + head[1]
    #expect(result.shape == [2, 3])
    for (a, b) in zip(result.scalars, expected.scalars) { #expect(abs(a - b) < 1e-4) }
  }

  @Test(arguments: JumpingKnowledge.Mode.allCases, [NodeNetwork.Readout?.none, .sum])
  func jumpingTakesTheRowsOfAllLayers(
    mode: JumpingKnowledge.Mode, readout: NodeNetwork.Readout?
  ) throws {
    let seed = printedSeed()
    let (edge, member) = (EdgeType("node", "edge", "node"), EdgeType("node", "in", "graph"))
    let edges = Block(
      sources: [0, 1, 2, 3], targets: [1, 2, 0, 4], sourceCount: 5, targetCount: 5)
    let members = Block(
      sources: [0, 1, 2, 3, 4], targets: [0, 0, 0, 1, 1], sourceCount: 5, targetCount: 2)
    let counts: PerNode<Int> = ["graph": 2, "node": 5]
    let block = HeteroBlock(
      blocks: [("node", "edge", "node"): edges, ("node", "in", "graph"): members],
      sourceCounts: counts, targetCounts: counts)
    // The last layer is of the first two nodes alone.
    let last = HeteroBlock(
      blocks: [
        ("node", "edge", "node"): Block(
          sources: [0, 2], targets: [1, 0], sourceCount: 5, targetCount: 2)
      ], sourceCounts: counts, targetCounts: ["graph": 0, "node": 2])
    var options = options(.graph, [])
    options.readout = readout
    options.jumping = mode
    options.layerCount = 3
    let model = NodeNetwork(
      inputs: ["node": .features(2)], relations: readout == nil ? [edge] : [edge, member],
      target: readout == nil ? "node" : "graph", outputs: 3, options: options
    ).initialized(seed: seed)
    let blocks = [block, block, readout == nil ? last : block]
    let x: PerNode<Tensor> = ["node": .random([5, 2], seed: seed)]
    let result = model(x, blocks)
    var hidden = x
    var layers: [Tensor] = []
    for (index, block) in blocks.enumerated() {
      hidden = model.apply(layer: index, hidden, block)
      layers.append(hidden["node"])
    }
    let rowCount = readout == nil ? 2 : 5
    let rows = layers.map { $0.sliced(0..<rowCount, along: 0) }
    let jumping = JumpingKnowledge(mode, width: 16, layers: 3).initialized(seed: seed)
    for (path, parameter) in jumping.namedParameters {
      let own = try #require(model.namedParameters.first { $0.path == "jk.node.\(path)" })
      parameter.value = own.parameter.value
    }
    var read = jumping(rows)
    if readout != nil {
      read = stacked([0..<3, 3..<5].map { sum(read.sliced($0, along: 0), along: 0) })
    }
    let head = model.namedParameters.filter { $0.path.hasPrefix("head.") }.map(\.parameter.value)
    let expected = matmul(read, head[0].transposed()) + head[1]
    #expect(result.shape == [2, 3])
    for (a, b) in zip(result.scalars, expected.scalars) { #expect(abs(a - b) < 1e-4) }
    #expect(model.parameters.count == 3 * 3 + jumping.parameters.count + 2)
  }
}
