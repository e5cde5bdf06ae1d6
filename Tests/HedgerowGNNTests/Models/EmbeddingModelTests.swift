import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Pairs of nodes, walks, and rows that are put back.
@Suite struct EmbeddingModelTests {
  @Test func contextsAreAllPairsOfWholeWindows() {
    let none = NodePairs.noNode
    let pairs = NodePairs.contexts(
      ofWalks: [1, 2, 3, 4, 5, 6, none, none], places: 4, within: 3)
    #expect(pairs == NodePairs(sources: [1, 1, 2, 2, 5], targets: [2, 3, 3, 4, 6]))
    let all = NodePairs.contexts(ofWalks: [7, 8, 9], places: 3, within: 3)
    #expect(all == NodePairs(sources: [7, 7], targets: [8, 9]))
    #expect(NodePairs.contexts(ofWalks: [], places: 3, within: 2).count == 0)
  }

  @Test func rowsOfTypesAreStretchesOfOneTable() {
    let model = MetaPath2Vec(
      path: ["writer", "book"], counts: ["writer": 4, "book": 3], width: 2
    ).initialized(seed: 1)
    // Books come first by name; the last row stands for none.
    #expect(model.embedding.weight.shape == [8, 2])
    #expect(model([1], of: "writer") == model.embedding([4]))
    let near = model.contexts(ofWalks: [0, 2, 3, 3, 1, 0], places: 3, within: 3)
    #expect(near == NodePairs(sources: [3, 3, 6, 6], targets: [2, 6, 1, 3]))
    let others = model.drawn(near, perPair: 5, from: RandomStream(seed: 2))
    #expect(others.count == 20)
    for (index, target) in others.targets.enumerated() {
      #expect(others.sources[index] == near.sources[index / 5])
      #expect((target < 3) == (near.targets[index / 5] < 3) && target < 7)
    }
  }

  @Test func pairsWithoutEdgeHaveNone() {
    let graph = DrawnGraph(nodes: 12, seed: printedSeed())
    let edges = NodePairs(edgesOf: graph.block)
    #expect(edges.count == graph.block.edgeCount)
    let pairs = NodePairs.withoutEdge(
      in: graph.block, count: 40, from: RandomStream(seed: printedSeed()))
    #expect(pairs.count == 40)
    let joined = Set(zip(edges.sources, edges.targets).map { [$0, $1] })
    #expect(
      zip(pairs.sources, pairs.targets).allSatisfy { !joined.contains([$0, $1]) && $0 != $1 })
    // There are none in a whole graph, and in one of a single node.
    let two = Block(sources: [0, 1], targets: [1, 0], sourceCount: 2, targetCount: 2)
    #expect(NodePairs.withoutEdge(in: two, count: 3, from: RandomStream(seed: 1)).count == 0)
    let one = Block(sources: [], targets: [], sourceCount: 1, targetCount: 1)
    #expect(NodePairs.withoutEdge(in: one, count: 3, from: RandomStream(seed: 1)).count == 0)
  }

  @Test func lossesOfNoPairsAreZero() {
    let none = Tensor.zeros([0])
    #expect(contrastiveLoss(none, against: none).scalar == 0)
    #expect(abs(contrastiveLoss(Tensor([0]), against: Tensor([0])).scalar - 2 * 0.6931472) < 1e-6)
    // Where sigmoids are 1 or 0 in single precision, too.
    #expect(contrastiveLoss(Tensor([-100]), against: Tensor([100])).scalar == 200)
  }

  @Test func unpooledRowsAreWhereTheyWere() {
    let seed = printedSeed()
    let x = Parameter(Tensor.random([3, 2], seed: seed))
    let back = unpooled(x.value, to: [4, 0, 2], of: 6)
    for (row, node) in [4, 0, 2].enumerated() {
      #expect(back[node, 0] == x.value[row, 0] && back[node, 1] == x.value[row, 1])
    }
    #expect([1, 3, 5].allSatisfy { back[$0, 0] == 0 && back[$0, 1] == 0 })
    #expect(unpooled(.zeros([0, 2]), to: [], of: 3) == .zeros([3, 2]))
    let weights = Tensor.random([6, 2], seed: seed + 1)
    let (_, gradients) = valueWithGradients(at: [x]) {
      sum(weights * unpooled(x.value, to: [4, 0, 2], of: 6))
    }
    #expect(gradients[x] == weights.gathered(rows: [4, 0, 2]))
  }

  @Test func recommendationsAreTheHighestScores() {
    let seed = printedSeed()
    let model = LightGCN(nodes: 20, width: 4, layers: 2).initialized(seed: seed)
    let rows = model.embeddings(DrawnGraph(nodes: 20, seed: seed).block)
    let targets: [UInt32] = [3, 9, 4, 17, 12, 0]
    for (user, found) in model.recommendations(rows, for: [5, 6], among: targets, count: 3)
      .enumerated()
    {
      let scores = targets.map { target in
        model.scores(rows, NodePairs(sources: [UInt32(5 + user)], targets: [target])).scalars[0]
      }
      let best = targets.indices.sorted { scores[$0] > scores[$1] }.prefix(3).map { targets[$0] }
      #expect(found == best)
    }
  }
}
