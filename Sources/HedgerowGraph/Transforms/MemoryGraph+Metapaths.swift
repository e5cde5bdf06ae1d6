public import HedgerowCore

extension MemoryGraph {
  /// Adds an edge type of the ends of a path of relations: an edge from each node where such paths begin to each
  /// node where they end, once, sorted by source and target.
  ///
  /// ```swift
  /// try graph.addMetapath([("author", "writes", "paper"), ("paper", "rev_writes", "author")], named: "coauthor")
  /// ```
  /// Time O(number of partial paths): the product of the relations' matrices, row by row.
  ///
  /// - Parameters:
  ///   - path: each from where the one before leads to; `rev_` readings of relations, too.
  ///   - relation: the new type's.
  ///   - countColumn: how many paths there are between the ends goes to a column of this name.
  /// - Throws: `usage` when the path is empty, does not hang together, or has a relation that is not there, and when
  ///   the new type is there already.
  /// - Returns: the new type.
  @discardableResult
  public mutating func addMetapath(
    _ path: [EdgeType], named relation: String, countColumn: String? = nil
  ) throws -> EdgeType {
    guard let first = path.first, let last = path.last else {
      throw HedgerowError(.usage, "a metapath has at least one relation")
    }
    for (a, b) in zip(path, path.dropFirst()) where a.target != b.source {
      throw HedgerowError(
        .usage,
        "'\(a)' leads to nodes of type '\(a.target)', but '\(b)' from those of '\(b.source)'")
    }
    let type = EdgeType(first.source, relation, last.target)
    guard edges[optional: type] == nil, edges[optional: type.reversed] == nil else {
      throw HedgerowError(.usage, "there is an edge type '\(type)' already")
    }
    let steps = try path.map { try OutgoingEdges(of: $0, in: self) }
    var list = EdgeList(sources: [], targets: [])
    var counts: [Double] = []
    var reach = Reach(counts: steps.map(\.targetCount))
    for start in 0..<steps[0].sourceCount {
      for (target, count) in reach.ends(of: steps, from: UInt32(start)) {
        list.sources.append(UInt32(start))
        list.targets.append(target)
        if countColumn != nil { counts.append(count) }
      }
    }
    self[type] = Edges(list, columns: countColumn.map { [$0: .numbers(counts)] } ?? [:])
    return type
  }
}

/// The targets of each source of a relation.
private struct OutgoingEdges {
  let sourceCount: Int
  let targetCount: Int
  let offsets: [Int]
  let targets: [UInt32]

  init(of type: EdgeType, in graph: MemoryGraph) throws {
    let held = graph.edges[optional: type] ?? graph.edges[optional: type.reversed]
    guard let held else { throw HedgerowError(.usage, "there is no edge type '\(type)'") }
    let isForward = graph.edges[optional: type] != nil
    let list = held.edges
    let (from, to) =
      isForward ? (list.sources, list.targets) : (list.targets, list.sources)
    sourceCount = graph.count(of: type.source)
    targetCount = graph.count(of: type.target)
    var offsets = [Int](repeating: 0, count: sourceCount + 1)
    for source in from { offsets[Int(source) + 1] += 1 }
    for source in 0..<sourceCount { offsets[source + 1] += offsets[source] }
    var next = offsets
    var targets = [UInt32](repeating: 0, count: to.count)
    for (source, target) in zip(from, to) {
      targets[next[Int(source)]] = target
      next[Int(source)] += 1
    }
    self.offsets = offsets
    self.targets = targets
  }
}

/// Where paths from one node lead, step by step.
private struct Reach {
  /// Paths to each node of a step's targets, and the nodes that have some.
  private var counts: [[Double]]

  init(counts sizes: [Int]) { counts = sizes.map { [Double](repeating: 0, count: $0) } }

  /// The ends, rising, with how many paths lead there.
  mutating func ends(of steps: [OutgoingEdges], from start: UInt32) -> [(UInt32, Double)] {
    var frontier: [(UInt32, Double)] = [(start, 1)]
    for (place, step) in steps.enumerated() {
      var reached: [UInt32] = []
      for (node, count) in frontier {
        for target in step.targets[step.offsets[Int(node)]..<step.offsets[Int(node) + 1]] {
          if counts[place][Int(target)] == 0 { reached.append(target) }
          counts[place][Int(target)] += count
        }
      }
      reached.sort()
      frontier = reached.map { node in
        defer { counts[place][Int(node)] = 0 }
        return (node, counts[place][Int(node)])
      }
    }
    return frontier
  }
}
