import HedgerowCore

extension MemoryGraph {
  /// What becomes of the numbers of edges that are at one place.
  public enum EdgeCombination: Sendable {
    case sum, mean, min, max
  }

  /// The graph with both arcs of every edge within one type of nodes.
  ///
  /// Such edges are sorted by source and target, each pair once in either direction; numbers of edges between the
  /// same two nodes, of either direction, are combined, so that both arcs have the same. An edge from a node to
  /// itself counts for both directions. Edge types between two types of nodes stay as they are: each can be read
  /// backwards as `rev_<relation>` (``HedgerowCore/EdgeType/reversed``, ``HeteroBlock/addingReversed()``). Types that
  /// are undirected already do, too.
  ///
  /// Time O(edges log edges). Traps when a column has no number for each edge, or is of times and would be of means.
  public func undirected(combining combination: EdgeCombination = .sum) -> MemoryGraph {
    var graph = self
    for (type, edges) in edges where type.source == type.target && !edges.isUndirected {
      graph[type] = edges.undirected(combination, "\(type)")
    }
    return graph
  }
}

extension MemoryGraph.Edges {
  fileprivate func undirected(
    _ combination: MemoryGraph.EdgeCombination, _ owner: String
  ) -> Self {
    require(
      timeColumn == nil || combination != .mean, "times of '\(owner)' have no mean that is a time")
    let count = edges.count
    // Arc i is edge i, arc count + i the same one backwards.
    var arcs = (0..<2 * count).map { arc -> (key: UInt64, edge: Int) in
      let edge = arc < count ? arc : arc - count
      let (source, target) = (edges.sources[edge], edges.targets[edge])
      let (from, to) = arc < count ? (source, target) : (target, source)
      return (UInt64(from) << 32 | UInt64(to), edge)
    }
    arcs.sort { $0 < $1 }
    var list = EdgeList(sources: [], targets: [])
    var groups: [Range<Int>] = []
    var begin = 0
    for end in 1...max(1, arcs.count) where !arcs.isEmpty {
      if end < arcs.count && arcs[end].key == arcs[begin].key { continue }
      list.sources.append(UInt32(arcs[begin].key >> 32))
      list.targets.append(UInt32(truncatingIfNeeded: arcs[begin].key))
      groups.append(begin..<end)
      begin = end
    }
    let columns = self.columns.map { name, column in
      require(
        column.count == count,
        "column '\(owner).\(name)' has \(column.count) numbers for \(count) edges")
      return (name, column.combined(combination, of: groups.map { $0.map { arcs[$0].edge } }))
    }
    var result = with(list, Dictionary(uniqueKeysWithValues: columns))
    result.isUndirected = true
    return result
  }
}

extension NumberColumn {
  /// One number for each group of rows.
  fileprivate func combined(
    _ combination: MemoryGraph.EdgeCombination, of groups: [[Int]]
  ) -> NumberColumn {
    switch (self, combination) {
    case (.integers(let values), .mean):
      return NumberColumn.numbers(values.map(Double.init)).combined(.mean, of: groups)
    case (.integers(let values), _):
      return .integers(
        groups.map { group in
          switch combination {
          case .min: group.map { values[$0] }.min()!
          case .max: group.map { values[$0] }.max()!
          case .sum, .mean: group.reduce(0) { $0 &+ values[$1] }
          }
        })
    case (.numbers(let values), _):
      return .numbers(
        groups.map { group in
          switch combination {
          case .min: group.map { values[$0] }.min()!
          case .max: group.map { values[$0] }.max()!
          case .sum: group.reduce(0) { $0 + values[$1] }
          case .mean: group.reduce(0) { $0 + values[$1] } / Double(group.count)
          }
        })
    }
  }
}

extension HeteroBlock {
  /// The layer with the edges of each relation between two types of nodes the other way, too, under the name of
  /// its backward reading; relations that are there already, and those within one type, stay as they are.
  ///
  /// Of layers whose targets are all of their sources, as those of a whole graph; traps else. The ``Block/edges`` of
  /// a new relation are entries of the one that it reads.
  public func addingReversed() -> HeteroBlock {
    var all = blocks
    for (type, block) in blocks where type.source != type.target {
      if all[optional: type.reversed] != nil { continue }
      for end in [type.source, type.target] {
        require(
          sourceCounts[optional: end] == targetCounts[optional: end],
          "nodes of type '\(end)' are not all targets of the layer")
      }
      all[type.reversed] = block.reversed()
    }
    return HeteroBlock(blocks: all, sourceCounts: sourceCounts, targetCounts: targetCounts)
  }
}
