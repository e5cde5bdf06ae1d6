import Glibc
import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Poolings of which there are no reference values, and what undoes them.
@Suite struct PoolingTests {
  func block(nodes: Int, edges: Int, _ seed: UInt64) -> Block {
    var stream = RandomStream(seed: seed)
    func ends() -> [UInt32] {
      (0..<edges).map { _ in UInt32(stream.next(below: UInt64(nodes))) }
    }
    return Block(sources: ends(), targets: ends(), sourceCount: nodes, targetCount: nodes)
  }

  @Test func matchedNodesAreNeighborsAndNoneIsMatchedTwice() {
    let seed = printedSeed()
    let drawn = block(nodes: 40, edges: 45, seed)
    let targets = (0..<40).flatMap { target in
      (drawn.offsets[target]..<drawn.offsets[target + 1]).map { _ in UInt32(target) }
    }
    let block = Block(
      sources: drawn.sources + targets, targets: targets + drawn.sources, sourceCount: 40,
      targetCount: 40)
    let clusters = graclus(block, weights: Tensor.random([90], in: 0..<1, seed: seed))
    #expect(clusters.rowCount == 40 && clusters.sizes.scalars.allSatisfy { $0 == 1 || $0 == 2 })
    var neighbors = Set<[UInt32]>()
    for target in 0..<40 {
      for entry in Int(block.offsets[target])..<Int(block.offsets[target + 1]) {
        neighbors.insert([UInt32(target), block.sources[entry]].sorted())
      }
    }
    for cluster in 0..<UInt32(clusters.count) {
      let nodes = (0..<UInt32(40)).filter { clusters.groups[Int($0)] == cluster }
      #expect(nodes.count == 1 || neighbors.contains(nodes))
    }
    // Nobody is left alone beside a neighbor who is.
    let alone = (0..<UInt32(40)).filter {
      clusters.sizes.scalars[Int(clusters.groups[Int($0)])] == 1
    }
    for target in alone {
      let row = block.sources[
        Int(block.offsets[Int(target)])..<Int(block.offsets[Int(target) + 1])]
      #expect(row.allSatisfy { $0 == target || !alone.contains($0) })
    }
  }

  @Test func pointsOfOneVoxelAreOneCluster() {
    let points = Tensor([
      [0.1, 0.2], [0.9, 0.1], [1.1, 0.3], [0.3, 0.4], [1.9, 0.9], [0.2, 1.2],
    ])
    let clusters = voxelGrid(points, sizes: [1, 1], starts: [0, 0])
    #expect(clusters.groups == [0, 0, 1, 0, 1, 2])
    let graphs = RowGroups([0, 0, 0, 1, 1, 1], count: 2)
    #expect(
      voxelGrid(points, sizes: [1, 1], starts: [0, 0], in: graphs).groups == [0, 0, 1, 2, 3, 4])
  }

  @Test func clustersHaveOneEdgeForAllBetweenTheirNodes() {
    let block = Block(
      sources: [0, 1, 2, 3, 0, 2], targets: [1, 2, 3, 0, 2, 0], sourceCount: 4, targetCount: 4)
    let x = Tensor([[1], [2], [3], [4]])
    let graph = pooled(
      x, block, by: RowGroups([0, 0, 1, 1], count: 2), aggregation: Aggregation.max)
    #expect(graph.x == Tensor([[2], [4]]))
    #expect(graph.block.offsets == [0, 1, 2] && graph.block.sources == [1, 0])
    #expect(graph.graphs.groups == [0, 0])
  }

  @Test func interpolationWeighsTheNearestByDistance() {
    let seed = printedSeed()
    let (x, from) = (Tensor.random([20, 3], seed: seed), Tensor.random([20, 2], seed: seed + 1))
    let to = Tensor.random([9, 2], seed: seed + 2)
    let graphs = PairedGroups(
      sources: RowGroups((0..<20).map { UInt32($0 % 2) }, count: 2),
      targets: RowGroups((0..<9).map { UInt32($0 % 2) }, count: 2))
    let result = nearestInterpolation(x, from: from, to: to, in: graphs)
    for target in 0..<9 {
      let nearest = (0..<20).filter { $0 % 2 == target % 2 }.map { source in
        (
          (0..<2).reduce(0.0) {
            let difference = Double(from[source, $1] - to[target, $1])
            return $0 + difference * difference
          }, source
        )
      }.sorted { $0 < $1 }.prefix(3)
      let total = nearest.reduce(0) { $0 + 1 / $1.0 }
      for column in 0..<3 {
        let expected = nearest.reduce(0) { $0 + Double(x[$1.1, column]) / $1.0 } / total
        #expect(abs(Double(result[target, column]) - expected) < 1e-4)
      }
    }
  }

  @Test func unpoolingGivesEachNodeItsClustersFeatures() {
    let seed = printedSeed()
    let x = Tensor.random([30, 4], seed: seed)
    let pooling = EdgePooling(4).initialized(seed: seed)
    let result = pooling(x, block(nodes: 30, edges: 60, seed))
    let back = result.unpooled(result.pooled.x)
    for node in 0..<30 {
      let members = (0..<30).filter { result.clusters[$0] == result.clusters[node] }
      for column in 0..<4 {
        let total = members.reduce(Float(0)) { $0 + x[$1, column] }
        #expect(abs(back[node, column] - total) < 1e-4)
      }
    }
  }

  @Test func weightsBetweenClustersGrowWithThoseBetweenNodes() {
    let seed = printedSeed()
    let drawn = block(nodes: 12, edges: 30, seed)
    // Nodes that have an edge to themselves get none of weight 1.
    let looped = drawn.addingSelfLoops()
    let block = Block(
      offsets: looped.offsets, sources: looped.sources, sourceCount: 12, targetCount: 12)
    let x = Tensor.random([12, 4], seed: seed)
    let weights = Tensor.random([block.edgeCount], in: 0.1..<1, seed: seed + 1)
    var options = ASAPooling.Options()
    options.kept = .count(9)
    let pooling = ASAPooling(4, options: options).initialized(seed: seed)
    let (once, twice) = (
      pooling(x, block, weights: weights), pooling(x, block, weights: 2 * weights)
    )
    #expect(once.pooled.x.shape == [9, 4] && once.pooled.x == twice.pooled.x)
    #expect(once.pooled.block.sources == twice.pooled.block.sources)
    #expect(once.weights.scalars.allSatisfy { $0 > 0 })
    #expect(
      zip(once.weights.scalars, twice.weights.scalars).allSatisfy {
        abs(2 * $0 - $1) <= 1e-5 * (1 + $1)
      })
  }

  @Test func nodesThatManyPathsLeaveAreKept() {
    let seed = printedSeed()
    let (nodeCount, width) = (30, 4)
    let block = block(nodes: nodeCount, edges: 120, seed)
    let x = Tensor.random([nodeCount, width], in: -1..<1, seed: seed &+ 1)
    let weights = Tensor.random([120], in: 0..<1, seed: seed &+ 2)
    let pooling = PANPooling(width).initialized(seed: seed)
    for (place, named) in pooling.namedParameters.enumerated() {
      named.parameter.value = Tensor.random(
        named.parameter.shape, in: 0.2..<1, seed: seed &+ 3 &+ UInt64(place))
    }
    let values = Dictionary(
      uniqueKeysWithValues: pooling.namedParameters.map { ($0.path, $0.parameter.value.scalars) })
    let (direction, shares) = (values["p"]!, values["beta"]!)
    var scores = [Double](repeating: 0, count: nodeCount)
    for node in 0..<nodeCount {
      for column in 0..<width {
        let product = Double(direction[column]) * Double(x.scalars[node * width + column])
        scores[node] += Double(shares[0]) * product
      }
    }
    for (entry, source) in block.sources.enumerated() {
      scores[Int(source)] += Double(shares[1]) * Double(weights.scalars[entry])
    }
    let kept = (0..<nodeCount).sorted { scores[$0] > scores[$1] }.prefix(nodeCount / 2)
    let (selected, pooledWeights) = pooling(x, block, weights: weights)
    #expect(selected.nodes == kept.map { UInt32($0) })
    for (row, node) in kept.enumerated() {
      for column in 0..<width {
        let expected = Double(x.scalars[node * width + column]) * tanh(scores[node])
        #expect(abs(Double(selected.pooled.x.scalars[row * width + column]) - expected) < 1e-4)
      }
    }
    func ends(_ block: Block, _ weights: Tensor, _ name: (Int) -> Int?) -> [[Float]] {
      (0..<block.targetCount).flatMap { target in
        (Int(block.offsets[target])..<Int(block.offsets[target + 1])).compactMap { entry in
          guard let source = name(Int(block.sources[entry])), let target = name(target) else {
            return nil
          }
          return [Float(source), Float(target), weights.scalars[entry]]
        }
      }.sorted { $0.lexicographicallyPrecedes($1) }
    }
    let pooled = ends(selected.pooled.block, pooledWeights) { $0 }
    #expect(pooled == ends(block, weights) { kept.firstIndex(of: $0) } && !pooled.isEmpty)
  }

  @Test func sharpSharesDivergeFromNoneAndEvenOnesFromTheirSquares() {
    let seed = printedSeed()
    let (graphCount, nodeCount, clusterCount) = (3, 7, 4)
    let drawn = Tensor.random([graphCount, nodeCount, clusterCount], in: 0.1..<1, seed: seed)
    let shares = drawn / sum(drawn, along: 2, keeping: .one)
    let s = shares.scalars.map { Double($0) }
    func share(_ graph: Int, _ node: Int, _ cluster: Int) -> Double {
      s[(graph * nodeCount + node) * clusterCount + cluster]
    }
    var expected = 0.0
    for graph in 0..<graphCount {
      for node in 0..<nodeCount {
        let raw = (0..<clusterCount).map { cluster in
          let size = (0..<nodeCount).reduce(0) { $0 + share(graph, $1, cluster) }
          return share(graph, node, cluster) * share(graph, node, cluster) / size
        }
        let total = raw.reduce(0, +)
        for (cluster, value) in raw.enumerated() {
          let target = value / total
          expected += target * log(target / share(graph, node, cluster))
        }
      }
    }
    let divergence = MemPooling.divergence(shares).scalar
    #expect(abs(Double(divergence) - expected / Double(graphCount)) < 1e-4 * max(1, expected))
    // Nodes that are wholly of clusters of one size stay where they are.
    let sharp = Tensor(shape: [1, 2, 2]) { shares in
      for (place, value) in [Float(1), 0, 0, 1].enumerated() { shares[place] = value }
    }
    #expect(abs(MemPooling.divergence(sharp).scalar) < 1e-6)
  }
}
