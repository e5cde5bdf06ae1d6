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

/// Features of points from those of the k nearest points that have some, weighed by 1 / squared distance.
///
/// Shapes: x [sources, width], positions [sources, dimensions] and [targets, dimensions], result [targets, width]. No
/// gradient goes to positions. Time O(sources targets) within each group.
///
/// - Parameter groups: of sources and of targets, which have neighbors among their own; all are of one when it is `nil`.
///
/// Source: Qi et al., PointNet++: Deep Hierarchical Feature Learning on Point Sets in a Metric Space, NIPS 2017.
public func nearestInterpolation(
  _ x: Tensor, from positions: Tensor, to targets: Tensor, k: Int = 3,
  in groups: (sources: RowGroups, targets: RowGroups)? = nil
) -> Tensor {
  let (block, distances) = nearestNeighbors(
    of: targets.detached, among: positions.detached, k: k, in: groups)
  let weights = Tensor(distances.map { 1 / max($0, 1e-16) })
  let sums = segmentSum(weights, by: block.usedOffsets)
  return aggregate(x, scaledBy: weights, along: block, by: .sum)
    / sums.reshaped(to: [block.targetCount, 1])
}

/// The k nearest of the sources for each target, nearest first, and the squares of their distances, in the order of the
/// block's entries. Of equally near ones the first come first.
///
/// Shapes: targets [targets, dimensions], sources [sources, dimensions]. Time O(sources targets dimensions) within each
/// group.
public func nearestNeighbors(
  of targets: Tensor, among sources: Tensor, k: Int,
  in groups: (sources: RowGroups, targets: RowGroups)? = nil
) -> (block: Block, distances: [Float]) {
  let dimensions = sources.width
  require(
    targets.width == dimensions, "points of shapes \(targets.shape) and \(sources.shape)")
  let groups =
    groups ?? (RowGroups(ofAll: sources.rowCount), RowGroups(ofAll: targets.rowCount))
  let (from, to) = (sources.scalars, targets.scalars)
  let members = (0..<groups.sources.count).map { groups.sources.rows(of: $0) }
  var (offsets, chosen, distances): ([UInt32], [UInt32], [Float]) = ([0], [], [])
  for target in 0..<targets.rowCount {
    let candidates = members[Int(groups.targets.groups[target])].map { source in
      var sum: Float = 0
      for dimension in 0..<dimensions {
        let difference =
          from[Int(source) * dimensions + dimension] - to[target * dimensions + dimension]
        sum += difference * difference
      }
      return (distance: sum, source: source)
    }
    for (distance, source) in candidates.sorted(by: { $0 < $1 }).prefix(k) {
      chosen.append(source)
      distances.append(distance)
    }
    offsets.append(UInt32(chosen.count))
  }
  let block = Block(
    offsets: offsets, sources: chosen, sourceCount: sources.rowCount,
    targetCount: targets.rowCount)
  return (block, distances)
}
