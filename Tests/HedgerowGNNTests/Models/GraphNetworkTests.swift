import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct GraphNetworkTests {
  /// On blocks of all neighbors the first nodes have what they have in the whole graph.
  private func check<Layer: Convolution>(_ network: GraphNetwork<Layer>, seed: UInt64) {
    let model = network.initialized(seed: seed)
    let graph = DrawnGraph(nodes: 30, seed: seed)
    let x = Tensor.random([30, 5], seed: seed + 1)
    let (blocks, nodes, _) = graph.sampled(first: 7, layers: model.layers.count)
    let part = model(x.gathered(rows: nodes), blocks)
    #expect(isClose(part, model(x, graph.block).prefix(rows: 7)), "\(Layer.self)")
  }

  @Test func targetsOfSampledBlocksHaveTheResultsOfTheGraph() {
    let seed = printedSeed()
    check(GraphSAGE(5, 8, layers: 2, outputs: 3), seed: seed)
    check(GATv2(5, 8, layers: 3, outputs: 3), seed: seed)
    check(GAT(5, 8, layers: 1, outputs: 3), seed: seed)
    check(GIN(5, 8, layers: 3), seed: seed)
    check(EdgeCNN(5, 8, layers: 2, outputs: 3), seed: seed)
    for mode in JumpingKnowledge.Mode.allCases {
      var options = GraphNetworkOptions()
      options.jumping = mode
      check(GraphSAGE(5, 8, layers: 3, outputs: 4, options: options), seed: seed)
    }
  }

  @Test func edgesOfSampledBlocksBringAlongWhatThoseOfTheGraphDo() {
    let seed = printedSeed()
    let graph = DrawnGraph(nodes: 30, seed: seed)
    let x = Tensor.random([30, 5], seed: seed + 1)
    let (blocks, nodes, entries) = graph.sampled(first: 7, layers: 2)
    let features = Tensor.random([graph.block.edgeCount, 3], seed: seed + 2)
    var edged = PNAConv.Options()
    edged.edgeWidth = 3
    let pna = PNA(5, 8, layers: 2, outputs: 3, degrees: [1, 2, 3], convolution: edged)
      .initialized(seed: seed)
    let part = pna(
      x.gathered(rows: nodes), blocks, edges: entries.map { features.gathered(rows: $0) })
    #expect(isClose(part, pna(x, graph.block, edges: features).prefix(rows: 7)))

    var plain = GCNConv.Options()
    plain.normalization = false
    let gcn = GCN(5, 8, layers: 2, outputs: 3, convolution: plain).initialized(seed: seed)
    let weights = features.sliced(0..<1, along: 1).squeezed(1)
    let weighted = gcn(
      x.gathered(rows: nodes), blocks, weights: entries.map { weights.gathered(rows: $0) })
    #expect(isClose(weighted, gcn(x, graph.block, weights: weights).prefix(rows: 7)))
    #expect(!isClose(weighted, gcn(x, graph.block).prefix(rows: 7)))
  }

  @Test func layersFollowEachOtherWithWhatIsBetween() {
    let seed = printedSeed()
    let graph = DrawnGraph(nodes: 20, seed: seed)
    let x = Tensor.random([20, 5], seed: seed + 1)
    var options = GraphNetworkOptions()
    options.norm = { GraphLayerNorm($0) }
    options.activation = .tanh
    for place in [ActivationPlace.afterNormalization, .beforeNormalization] {
      options.activationPlace = place
      let model = GIN(5, 6, layers: 2, outputs: 3, options: options).initialized(seed: seed)
      let first = model.layers[0](x, graph.block)
      let between =
        place == .afterNormalization
        ? tanh(model.norms[0](first)) : model.norms[0](tanh(first))
      #expect(isClose(model(x, graph.block), model.layers[1](between, graph.block)))
      #expect(model.norms.count == 1)
    }
  }

  /// Each graph of a batch has what it has alone.
  @Test func normalizationsTreatTheGraphsOfABatchApart() {
    let seed = printedSeed()
    let graph = DrawnGraph(nodes: 15, seed: seed)
    let x = Tensor.random([15, 5], seed: seed + 1)
    var options = GraphNetworkOptions()
    options.norm = { GraphNorm($0) }
    let model = GCN(5, 6, layers: 2, outputs: 3, options: options).initialized(seed: seed)
    let pairs = NodePairs(edgesOf: graph.block)
    let both = Block(
      sources: pairs.sources + pairs.sources.map { $0 + 15 },
      targets: pairs.targets + pairs.targets.map { $0 + 15 }, sourceCount: 30, targetCount: 30)
    let groups = RowGroups((0..<30).map { $0 < 15 ? 0 : 1 }, count: 2)
    let other = 3 * x
    let result = model(concatenated(x, other, along: 0), both, in: groups)
    #expect(isClose(result.prefix(rows: 15), model(x, graph.block)))
    #expect(isClose(result.sliced(15..<30, along: 0), model(other, graph.block)))
  }

  @Test func oneBlockOfSeveralLayersTraps() async {
    await #expect(processExitsWith: .failure) {
      let block = Block(sources: [2], targets: [0], sourceCount: 3, targetCount: 1)
      _ = GCN(5, 8, layers: 2).initialized(seed: 1)(Tensor.zeros([3, 5]), block)
    }
    await #expect(processExitsWith: .failure) {
      var options = GATConv.Options()
      options.heads = 3
      _ = GAT(5, 8, layers: 2, convolution: options)
    }
  }

  @Test func dropoutActsInTrainingOnly() {
    let graph = DrawnGraph(nodes: 20, seed: 1)
    let x = Tensor.random([20, 5], seed: 2)
    var options = GraphNetworkOptions()
    options.dropout = 0.5
    let model = GraphSAGE(5, 8, layers: 2, outputs: 3, options: options).initialized(seed: 1)
    let still = model(x, graph.block)
    #expect(still == model(x, graph.block))
    _ = valueWithGradients(at: model, randomness: RandomStream(seed: 1)) {
      let moved = model(x, graph.block)
      #expect(!isClose(moved, still))
      return sum(moved)
    }
  }
}
