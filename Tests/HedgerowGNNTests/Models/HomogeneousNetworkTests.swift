import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Models of one type's nodes.
@Suite struct HomogeneousNetworkTests {
  private let edge = EdgeType("node", "edge", "node")
  private let other = EdgeType("node", "other", "node")
  private let member = EdgeType("node", "in", "graph")
  private let counts: PerNode<Int> = ["node": 12, "graph": 3]

  /// Edges of a ring within each of three graphs, and some more.
  private var block: HeteroBlock {
    let nodes = (0..<12).map { UInt32($0) }
    let next = nodes.map { $0 / 4 * 4 + ($0 + 1) % 4 }
    let across = nodes.map { $0 / 4 * 4 + ($0 + 2) % 4 }
    return HeteroBlock(
      blocks: [
        ("node", "edge", "node"): Block(
          sources: nodes + next, targets: next + nodes, sourceCount: 12, targetCount: 12),
        ("node", "other", "node"): Block(
          sources: nodes, targets: across, sourceCount: 12, targetCount: 12),
        ("node", "in", "graph"): Block(
          sources: nodes, targets: nodes.map { $0 / 4 }, sourceCount: 12, targetCount: 3),
      ], sourceCounts: counts, targetCounts: counts)
  }

  private func options(
    _ architecture: HomogeneousNetwork.Architecture, isOfGraphs: Bool
  ) -> HomogeneousNetwork.Options {
    var options = HomogeneousNetwork.Options(architecture)
    options.hiddenWidth = 8
    options.dropout = 0
    if isOfGraphs { options.readout = .sum }
    if architecture.isOfPoints { (options.dimensions, options.radius) = (2, 3) }
    return options
  }

  @Test(arguments: HomogeneousNetwork.Architecture.allCases, [false, true])
  func everyParameterIsLearned(
    architecture: HomogeneousNetwork.Architecture, isOfGraphs: Bool
  ) throws {
    if architecture.isOfPoints && !isOfGraphs { return }
    let seed = printedSeed()
    let model = HomogeneousNetwork(
      input: .features(5), nodes: 12, relations: [edge, other, member],
      target: isOfGraphs ? "graph" : "node", outputs: 3,
      options: options(architecture, isOfGraphs: isOfGraphs)
    ).initialized(seed: seed)
    // Of sign what it was after each of two hops, too.
    let width = architecture == .sign ? 15 : 5
    let x: PerNode<Tensor> = ["node": .random([12, width], seed: seed)]
    // Nodes are read out of by those models only that are of graphs.
    if isOfGraphs && (architecture == .sign || architecture == .linkx) { return }
    let (_, gradients) = valueWithGradients(at: model, randomness: RandomStream(seed: seed)) {
      let y = model(x, [block], nodes: [:])
      #expect(y.shape == [isOfGraphs ? 3 : 12, 3])
      return sum(y * y)
    }
    for (path, parameter) in model.namedParameters {
      #expect(gradients[parameter] != nil, "\(path) has a gradient")
    }
  }

  @Test func edgesOfSeveralRelationsAreEdgesAlike() throws {
    let seed = printedSeed()
    let x = Tensor.random([12, 5], seed: seed)
    let options = options(.linkx, isOfGraphs: false)
    let model = HomogeneousNetwork(
      input: .features(5), nodes: 12, relations: [edge, other, member], target: "node", outputs: 3,
      options: options
    ).initialized(seed: seed)
    let linkx = LINKX(nodes: 12, width: 5, hiddenWidth: 8, outputs: 3)
    try linkx.load(model.state)
    let blocks = block
    let joined = try #require(Block(joining: [blocks[edge]!, blocks[other]!]))
    let pairs = { (block: Block) in
      (0..<12).flatMap { target in
        block.sources[Int(block.offsets[target])..<Int(block.offsets[target + 1])].map {
          [Int($0), target]
        }
      }.sorted { $0.lexicographicallyPrecedes($1) }
    }
    #expect(
      pairs(joined)
        == (pairs(blocks[edge]!) + pairs(blocks[other]!)).sorted {
          $0.lexicographicallyPrecedes($1)
        })
    let (a, b) = (model(["node": x], [blocks], nodes: [:]), linkx(x, joined))
    #expect(a.scalars == b.scalars)
    #expect(Block(joining: []) == nil)
  }

  @Test func graphsAreWhatTheirOwnNodesMake() throws {
    let seed = printedSeed()
    for architecture in [HomogeneousNetwork.Architecture.gps, .unet, .dgcnn, .pointnet, .schnet] {
      let model = HomogeneousNetwork(
        input: .features(5), nodes: 12, relations: [edge, member], target: "graph", outputs: 3,
        options: options(architecture, isOfGraphs: true)
      ).initialized(seed: seed)
      let x = Tensor.random([12, 5], seed: seed)
      let together = model(["node": x], [block], nodes: [:])
      for graph in 0..<3 {
        let ring = (0..<4).map { UInt32($0) }
        let next = ring.map { ($0 + 1) % 4 }
        let counts: PerNode<Int> = ["node": 4, "graph": 1]
        let alone = HeteroBlock(
          blocks: [
            ("node", "edge", "node"): Block(
              sources: ring + next, targets: next + ring, sourceCount: 4, targetCount: 4),
            ("node", "in", "graph"): Block(
              sources: ring, targets: [0, 0, 0, 0], sourceCount: 4, targetCount: 1),
          ], sourceCounts: counts, targetCounts: counts)
        let own = model(
          ["node": x.sliced(4 * graph..<4 * graph + 4, along: 0)], [alone], nodes: [:])
        for column in 0..<3 {
          let difference = abs(own[0, column].scalar - together[graph, column].scalar)
          #expect(difference < 1e-4, "\(architecture) of graph \(graph)")
        }
      }
    }
  }
}
