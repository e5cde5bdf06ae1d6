import HedgerowCore
public import HedgerowGraph
public import HedgerowTensor

/// The voxel of a regular grid that each point lies in, numbered from 0 without gaps: points of one voxel and one
/// graph are one cluster.
///
/// Shapes: positions [points, dimensions]; sizes and starts are of each dimension.
///
/// - Parameters:
///   - sizes: of a voxel.
///   - starts: where the grid begins; at the least position when it is `nil`.
///
/// Source: Simonovsky and Komodakis, Dynamic Edge-Conditioned Filters in Convolutional Neural Networks on Graphs,
/// CVPR 2017.
public func voxelGrid(
  _ positions: Tensor, sizes: [Float], starts: [Float]? = nil, in graphs: RowGroups? = nil
) -> RowGroups {
  let (count, dimensions) = (positions.shape[0], positions.width)
  require(
    sizes.count == dimensions && (starts?.count ?? dimensions) == dimensions
      && sizes.allSatisfy { $0 > 0 },
    "voxels of size \(sizes) for points of \(dimensions) dimensions")
  let numbers = positions.scalars
  let least =
    starts
    ?? (0..<dimensions).map { dimension in
      (0..<count).reduce(.infinity) { min($0, numbers[$1 * dimensions + dimension]) }
    }
  return clusters(
    (0..<count).map { point in
      [Int(graphs?.groups[point] ?? 0)]
        + (0..<dimensions).map {
          Int(((numbers[point * dimensions + $0] - least[$0]) / sizes[$0]).rounded(.down))
        }
    })
}

/// Pairs of neighbors, greedily: each node in turn, unless it has one already, with the neighbor without one whose edge
/// weighs most.
///
/// The block is of whole graphs, and edges go both ways; weights are [edges], in the order of its entries. Clusters are
/// numbered by their first nodes. Time O(edges).
///
/// Source: Dhillon, Guan, Kulis: Weighted Graph Cuts without Eigenvectors: A Multilevel Approach, PAMI 2007.
public func graclus(_ block: Block, weights: Tensor? = nil) -> RowGroups {
  let weights = weights?.scalars
  var partners = [UInt32](repeating: Block.dropped, count: block.targetCount)
  for node in 0..<block.targetCount where partners[node] == Block.dropped {
    var best: (partner: UInt32, weight: Float) = (UInt32(node), -.infinity)
    for entry in Int(block.offsets[node])..<Int(block.offsets[node + 1]) {
      let other = block.sources[entry]
      let weight = weights?[entry] ?? 1
      let isFree = other != node && partners[Int(other)] == Block.dropped
      if isFree && weight > best.weight { best = (other, weight) }
    }
    partners[node] = UInt32(node)
    partners[Int(best.partner)] = UInt32(node)
  }
  return clusters(partners)
}

/// Equal keys as one cluster, numbered by where they come first.
private func clusters<Key: Hashable>(_ keys: [Key]) -> RowGroups {
  var numbers: [Key: UInt32] = [:]
  for key in keys where numbers[key] == nil { numbers[key] = UInt32(numbers.count) }
  return RowGroups(keys.map { numbers[$0]! }, count: numbers.count)
}

/// The graph of clusters: their nodes' features aggregated, and one edge for each pair of clusters that had some between
/// them, without self-loops.
///
/// Shapes: x [nodes, width]; the block is of whole graphs, and sources are targets.
public func pooled(
  _ x: Tensor, _ block: Block, by clusters: RowGroups, aggregation: some Aggregator,
  in graphs: RowGroups? = nil
) -> PooledGraph {
  var groups = [UInt32](repeating: 0, count: clusters.count)
  for (node, cluster) in clusters.groups.enumerated() {
    groups[Int(cluster)] = graphs?.groups[node] ?? 0
  }
  return PooledGraph(
    x: aggregation(x, in: clusters),
    block: block.mapped(to: clusters.groups, of: clusters.count).coalesced().withoutSelfLoops(),
    graphs: RowGroups(groups, count: graphs?.count ?? 1))
}
